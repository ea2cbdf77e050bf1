//! `client_tls`: TLS with the backend, if that is one that is spoken to in TLS.

use super::choices::{CLIENT, DEFAULT_GROUPS};
use super::reading::{CLIENT_CERT, CLIENT_TLS, Given, Object, Reading};
use super::suites;
use std::collections::HashSet;

impl Reading<'_> {
    /// Takes what is for backends, and the switch that used to stand beside.
    pub(super) fn client_tls(&mut self, service: &Object) {
        let old = service.get("allow_insecure_connections");
        let old = old.filter(|_| self.is_on(old));
        let given = service.get("client_tls");
        let object = given.and_then(|given| self.inner(&CLIENT_TLS, given));
        let Some((given, object)) = given.zip(object) else {
            // The gateway makes an empty `client_tls` of it.
            if let Some(old) = old {
                self.insecure(old);
                self.block(old, &Object::new());
            }
            return;
        };
        let insecure = object.get("allow_insecure_connections");
        match insecure.filter(|_| self.is_on(insecure)).or(old) {
            Some(insecure) => {
                self.insecure(insecure);
                self.no_cas(&object);
            }
            None => self.cas(given, &object),
        }
        self.block(given, &object);
        self.certificates(&object);
    }

    /// Said aloud, whatever the backend is.
    fn insecure(&mut self, given: &Given) {
        self.set("backend.sslmode", given, "require");
        let why = "no backend's certificate is looked at: whoever sits in between reads everything";
        self.warn(given, why);
    }

    /// What holds as soon as there is a `client_tls`: TLS 1.3 alone, unless it says otherwise, and lists of its own.
    fn block(&mut self, given: &Given, object: &Object) {
        self.choices(&CLIENT, object);
        for (key, option, default) in [
            ("min_version", CLIENT.min, "TLSv1.3"),
            ("max_version", CLIENT.max, "TLSv1.3"),
            ("curve_preferences", CLIENT.groups, DEFAULT_GROUPS),
            ("cipher_suites", CLIENT.cipher_list, &suites::default_list()),
        ] {
            if !object.contains_key(key) {
                self.set(option, given, default);
            }
        }
    }

    /// CAs besides those of the system, or in their place.
    fn cas(&mut self, given: &Given, object: &Object) {
        let without = object.get("disable_system_ca_pool");
        let uses_system = !self.is_on(without);
        let others = self.texts(object.get("ca_certs"));
        let by = without.unwrap_or(given);
        self.set("backend.system-ca", by, &uses_system.to_string());
        let mut known = HashSet::new();
        for file in &others {
            if known.insert(&file.value) {
                self.set("backend.cafile", file, &file.value);
            }
        }
    }

    fn no_cas(&mut self, object: &Object) {
        for key in ["ca_certs", "disable_system_ca_pool"] {
            if let Some(given) = object.get(key) {
                self.info(
                    given,
                    "has no effect, as 'allow_insecure_connections' is on",
                );
            }
        }
    }

    /// What the backend is shown if it asks.
    fn certificates(&mut self, object: &Object) {
        let list = object.get("client_certs").map(|given| self.list(given));
        let list = list.unwrap_or_default();
        for (index, given) in list.iter().enumerate() {
            let Some(pair) = self.inner(&CLIENT_CERT, given) else {
                continue;
            };
            let halves = ["certificate", "private_key"].map(|key| (key, pair.get(key)));
            let halves = halves.map(|(key, given)| (key, self.filled(given)));
            if let Some((key, _)) = halves.iter().find(|(_, half)| half.is_none()) {
                self.wrong(given, &format!("'{key}' is missing"));
            }
            for (option, (_, half)) in ["backend.certfile", "backend.keyfile"].iter().zip(&halves) {
                if let (0, Some(half)) = (index, half) {
                    self.set(option, half, &half.value);
                }
            }
        }
        if let Some(second) = list.get(1) {
            let why = "the first is shown to every backend, where the gateway looks for one of the CAs that a backend names";
            self.warn(second, why);
        }
    }
}
