//! What must hold for TLS to the backend: between its own settings, and with the backend they are for.

use super::Findings;
use super::policy::chosen;
use crate::settings::{
    Backend, Group, Origin, Settings, SslMode, SslNegotiation, TABLE, Verification, Version,
};

impl Findings {
    pub(super) fn tls_to_backend(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        match &settings.backend.value {
            Some(Backend::PostgreSql(_)) if *tls.mode == SslMode::Disable => {
                let why = "'disable' speaks no TLS with the backend: whoever sits in between reads everything";
                self.warn(&tls.mode.origin, "backend.sslmode", why);
                let but = ["backend.sslmode"];
                self.idle_to_backend(settings, &but, "as 'backend.sslmode' is 'disable'");
            }
            Some(Backend::PostgreSql(_)) => self.with_postgresql(settings),
            Some(Backend::Tls(_)) => self.with_tls_at_once(settings),
            Some(Backend::Address(_) | Backend::Service(_)) => {
                let why = "as the backend is neither tls:// nor postgres+tls://";
                self.idle_to_backend(settings, &[], why);
            }
            None => {} // that is complained of already
        }
    }

    /// Whatever was set for TLS to the backend, but for some options.
    fn idle_to_backend(&mut self, settings: &Settings, but: &[&str], why: &str) {
        let options = TABLE
            .iter()
            .filter(|record| record.group == Group::Backend && !but.contains(&record.name));
        for record in options {
            for (_, origin) in (record.get)(settings) {
                let set = Some(&origin).filter(|origin| **origin != Origin::BuiltIn);
                self.idle(set, record.name, why);
            }
        }
    }

    fn with_tls_at_once(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        if matches!(*tls.mode, SslMode::Disable | SslMode::Prefer) {
            let why =
                "it is for postgres+tls:// alone: a tls:// backend is not asked whether it has TLS";
            self.error(&tls.mode.origin, "backend.sslmode", why);
        } else {
            self.verification(settings);
        }
        let why = "as the backend is not postgres+tls://";
        self.idle(chosen(&tls.negotiation), "backend.sslnegotiation", why);
        self.on_the_hop(settings);
    }

    fn with_postgresql(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        if *tls.mode == SslMode::Prefer {
            let why = "'prefer' goes on without TLS where the backend has none, and whoever sits in between can say so";
            self.warn(&tls.mode.origin, "backend.sslmode", why);
            if *tls.negotiation == SslNegotiation::Direct {
                let why = format!(
                    "'direct' is TLS in any case, which needs require, verify-ca or verify-full for 'backend.sslmode' ({})",
                    tls.mode.origin
                );
                self.error(&tls.negotiation.origin, "backend.sslnegotiation", why);
            }
        }
        self.verification(settings);
        let why = "as PostgreSQL's protocol has one name: 'postgresql'";
        self.idle(chosen(&tls.policy.alpn), "backend.alpn", why);
        self.on_the_hop(settings);
    }

    /// What is looked at of the backend's certificate.
    fn verification(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        let (mode, authorities) = (&tls.mode, &tls.policy.ca_file);
        let verification = tls.verification();
        if **mode == SslMode::VerifyCa && authorities.is_none() {
            let why = "'verify-ca' needs CAs of one's own in 'backend.cafile': those of the system give everybody a \
                       certificate, for some name (verify-full looks at the name)";
            self.error(&mode.origin, "backend.sslmode", why);
        }
        if verification == Verification::None {
            if **mode == SslMode::Require {
                let why =
                    "'require' looks at no certificate: whoever sits in between reads everything";
                self.warn(&mode.origin, "backend.sslmode", why);
            }
            if let Some(origin) = chosen(&tls.policy.crl_file) {
                let why = "revokes nothing, as the backend's certificate is not looked at";
                self.error(origin, "backend.crl-file", why);
            }
        } else if matches!(**mode, SslMode::Prefer | SslMode::Require) {
            let why = "the backend's certificate has to be of these CAs although 'backend.sslmode' is not verify-ca, as \
                       libpq has it";
            self.info(&authorities.origin, "backend.cafile", why);
        }
    }

    /// What goes for TLS with any backend.
    fn on_the_hop(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        let policy = &tls.policy;
        if let (Some(origin), true) = (chosen(&policy.cert_file), policy.key_files.is_empty()) {
            let why = "its private key is missing: 'backend.keyfile' names it";
            self.error(origin, "backend.certfile", why);
        }
        let (min, max) = (&policy.min_protocol, &policy.max_protocol);
        match (min.value, max.value) {
            (Some(low), Some(high)) if low > high => {
                let why = format!(
                    "'{high}' is below the '{low}' of 'backend.min-protocol' ({})",
                    min.origin
                );
                self.error(&max.origin, "backend.max-protocol", why);
            }
            _ => {}
        }
        for (end, name) in [(min, "backend.min-protocol"), (max, "backend.max-protocol")] {
            if let Some(old) = end.value.filter(|version| *version < Version::Tls1_2) {
                let why = format!("'{old}' is a version that is broken");
                self.warn(&end.origin, name, why);
            }
        }
        if let Some((_, level)) = policy.cipher_list.rsplit_once("@SECLEVEL=") {
            if level.starts_with(['0', '1']) {
                let why = "'@SECLEVEL=' lets in keys and ciphers that can be broken";
                self.warn(&policy.cipher_list.origin, "backend.cipher-list", why);
            }
        }
        let mirrored = settings.endpoints.iter().any(|e| e.accept.has_tls());
        if !mirrored && !settings.endpoints.is_empty() {
            let mirror = chosen(&tls.mirror_version);
            self.idle(
                mirror,
                "backend.mirror-version",
                "as no endpoint speaks TLS",
            );
        } else if *tls.mirror_version && min.is_some() && min.value == max.value {
            let why = "clients that speak another version than that of 'backend.min-protocol' and \
                       'backend.max-protocol' are not served";
            self.warn(&tls.mirror_version.origin, "backend.mirror-version", why);
        }
    }
}
