//! `tls`: what clients get.

use super::choices::SERVER;
use super::reading::{Given, KEY_PAIR, Object, Reading, TLS};
use crate::settings::Note;
use std::collections::BTreeSet;

/// What is said of a pair of which a half is missing.
const NO_PUBLIC_KEY: &str = "public key not defined";
const NO_PRIVATE_KEY: &str = "private key not defined";

/// A certificate with the rest of its chain, and its private key: files of either.
type Pair = (Given<String>, Given<String>);

impl Reading<'_> {
    /// Takes what is for clients. Whether they get TLS at all.
    pub(super) fn tls(&mut self, given: Option<&Given>) -> bool {
        let Some(given) = given else {
            let file = self.file.display();
            let text = format!("{file}: there is no 'tls' in it: clients are served without TLS");
            self.builder.note(Note::warn(text));
            return false;
        };
        let before = self.builder.problems_so_far();
        let object = self.inner(&TLS, given).unwrap_or_default();
        let disabled = object.get("disabled");
        if self.is_on(disabled) {
            let disabled = disabled.unwrap_or(given);
            let why = "clients are served without TLS, and the rest of 'tls' has no effect";
            self.info(disabled, why);
            return false;
        }
        let pairs = self.pairs(&object);
        if self.builder.problems_so_far() > before {
            // Among them may be a pair.
            self.builder.was_given("ssl.keyfile");
        }
        for (public_key, private_key) in &pairs {
            self.set("ssl.certfile", public_key, &public_key.value);
            self.set("ssl.keyfile", private_key, &private_key.value);
        }
        self.choices(&SERVER, &object);
        self.clients(&object, &pairs);
        if let Some(given) = object.get("prefer_server_cipher_suites") {
            self.info(
                given,
                "has no effect, as in the gateway: the server's order always decides",
            );
        }
        true
    }

    /// Those of `keys`, and the one beside.
    fn pairs(&mut self, object: &Object) -> Vec<Pair> {
        let list = object.get("keys").map(|given| self.list(given));
        let mut pairs: Vec<Pair> = Vec::new();
        for given in list.unwrap_or_default() {
            let inner = self.inner(&KEY_PAIR, &given);
            pairs.extend(inner.and_then(|pair| self.pair(&given, &pair)));
        }
        let halves = ["public_key", "private_key"].map(|key| object.get(key));
        if let Some(given) = halves.into_iter().flatten().next() {
            let given = given.clone();
            pairs.extend(self.pair(&given, object));
        }
        let mut known = BTreeSet::new();
        pairs.retain(|(public, private)| {
            known.insert((public.value.clone(), private.value.clone()))
        });
        pairs
    }

    fn pair(&mut self, given: &Given, object: &Object) -> Option<Pair> {
        let before = self.builder.problems_so_far();
        let halves = ["public_key", "private_key"].map(|key| self.filled(object.get(key)));
        if self.builder.problems_so_far() > before {
            return None;
        }
        match halves {
            [Some(public), Some(private)] => return Some((public, private)),
            [Some(public), None] => self.wrong(&public, NO_PRIVATE_KEY),
            [None, _] => self.wrong(given, NO_PUBLIC_KEY),
        }
        None
    }

    /// Whose certificates clients have to show, if they have to: those of the system's CAs, of others, and of what is in
    /// the files of the gateway's own.
    fn clients(&mut self, object: &Object, pairs: &[Pair]) {
        let enable = object.get("enable_mtls");
        let without_system = object.get("disable_system_ca_pool");
        let others = self.texts(object.get("ca_certs"));
        let uses_system = !self.is_on(without_system);
        let Some(given) = enable.filter(|_| self.is_on(enable)) else {
            for key in ["ca_certs", "disable_system_ca_pool"] {
                if let Some(given) = object.get(key) {
                    self.warn(given, "has no effect without 'enable_mtls': clients are not asked for certificates");
                }
            }
            return;
        };
        self.set("ssl.verify-client", given, "require");
        let by = without_system.unwrap_or(given);
        self.set("ssl.system-ca", by, &uses_system.to_string());
        let own = pairs.iter().map(|(public_key, _)| public_key);
        let mut known = BTreeSet::new();
        for file in others.iter().chain(own) {
            if known.insert(file.value.clone()) {
                self.set("ssl.cafile", file, &file.value);
            }
        }
    }
}
