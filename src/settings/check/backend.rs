//! What must hold for TLS to the backend: between its own settings, and with the backend they are for.

use super::Findings;
use super::policy::chosen;
use crate::settings::{
    Backend, Group, Origin, Settings, SslMode, SslNegotiation, TABLE, Verification, Version, Words,
};

impl Findings {
    pub(super) fn tls_to_backend(&mut self, settings: &Settings) {
        let mode = &settings.backend_tls.mode;
        let all = || settings.all_backends().map(|(backend, _)| backend);
        if all().next().is_none() {
            return; // that is complained of already
        }
        let asked =
            |backend: &Backend| matches!(backend, Backend::PostgreSql(_) | Backend::MySql(_));
        if all().any(|backend| matches!(backend, Backend::Tls(_))) {
            self.with_tls_at_once(settings);
        }
        if all().any(asked) && **mode == SslMode::Disable {
            let why = "'disable' speaks no TLS with the backend: whoever sits in between reads everything";
            self.warn(&mode.origin, "backend.sslmode", why);
        } else if all().any(asked) {
            self.with_tls_that_is_asked_for(settings);
        }
        if !all().any(asked) && settings.tls_backends().next().is_none() {
            let why = "as the backend is none of tls://, postgres+tls://, mysql+tls://";
            self.idle_to_backend(settings, &[], why);
        } else if settings.tls_backends().next().is_none() {
            let but = ["backend.sslmode"];
            self.idle_to_backend(settings, &but, "as 'backend.sslmode' is 'disable'");
        } else {
            self.verification(settings);
            self.on_the_hop(settings);
        }
        let of_postgresql = |backend: &Backend| matches!(backend, Backend::PostgreSql(_));
        if settings.tls_backends().next().is_none() {
            return; // that none of them has an effect was said
        }
        if !all().any(of_postgresql) {
            let negotiation = chosen(&settings.backend_tls.negotiation);
            let why = "as the backend is not postgres+tls://";
            self.idle(negotiation, "backend.sslnegotiation", why);
        } else if settings.tls_backends().all(of_postgresql) {
            let alpn = chosen(&settings.backend_tls.policy.alpn);
            let why = "as PostgreSQL's protocol has one name: 'postgresql'";
            self.idle(alpn, "backend.alpn", why);
        }
    }

    /// Whatever was set for TLS to the backend, but for some options. Those of one file are told in one line.
    fn idle_to_backend(&mut self, settings: &Settings, but: &[&str], why: &str) {
        let options = TABLE
            .iter()
            .filter(|record| record.group == Group::Backend && !but.contains(&record.name));
        let mut told: Vec<(Origin, Vec<&'static str>)> = Vec::new();
        for record in options {
            for (_, origin) in (record.get)(settings) {
                let together = told.iter_mut().find(|(first, _)| first.is_beside(&origin));
                match together {
                    Some((_, names)) if names.contains(&record.name) => {}
                    Some((_, names)) => names.push(record.name),
                    None if origin == Origin::BuiltIn => {}
                    None => told.push((origin, vec![record.name])),
                }
            }
        }
        for (origin, names) in told {
            let why = match names[1..].join(", ") {
                others if others.is_empty() => why.to_owned(),
                others => format!("{why}; nor have {others}"),
            };
            self.idle(Some(&origin), names[0], &why);
        }
    }

    fn with_tls_at_once(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        if matches!(*tls.mode, SslMode::Disable | SslMode::Prefer) {
            let why = "it is for postgres+tls:// and mysql+tls://: a tls:// backend is not asked whether it has TLS";
            self.error(&tls.mode.origin, "backend.sslmode", why);
        }
    }

    fn with_tls_that_is_asked_for(&mut self, settings: &Settings) {
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
    }

    /// What is looked at of the backend's certificate.
    fn verification(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        let file = tls.policy.ca_files.first();
        let file = file.map(|file| ("backend.cafile", &file.origin));
        let directory = &tls.policy.ca_dir;
        let directory =
            || Some(("backend.capath", &directory.origin)).filter(|_| directory.is_some());
        let (mode, authorities) = (&tls.mode, file.or_else(directory));
        let verification = tls.verification();
        if **mode == SslMode::VerifyCa
            && (authorities.is_none() || *tls.policy.system_ca == Some(true))
        {
            let why = "'verify-ca' needs CAs of one's own in 'backend.cafile': those of the system give everybody a \
                       certificate, for some name (verify-full looks at the name)";
            self.error(&mode.origin, "backend.sslmode", why);
        }
        if *tls.policy.system_ca == Some(false)
            && authorities.is_none()
            && verification != Verification::None
        {
            let why = "leaves no CA to trust: 'backend.cafile' names some";
            self.error(&tls.policy.system_ca.origin, "backend.system-ca", why);
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
        } else if (settings.policy.words, **mode) == (Words::Kdb, SslMode::VerifyCa) {
            let why = "'verify-ca' takes any certificate of these CAs, whatever server it is for, as kdb+ does: verify-full \
                       looks at the name as well";
            self.warn(&mode.origin, "backend.sslmode", why);
        } else if let (Some((name, origin)), SslMode::Prefer | SslMode::Require) =
            (authorities, **mode)
        {
            let why = "the backend's certificate has to be of these CAs although 'backend.sslmode' is not verify-ca, as \
                       libpq has it";
            self.info(origin, name, why);
        }
    }

    /// What goes for TLS with any backend.
    fn on_the_hop(&mut self, settings: &Settings) {
        let tls = &settings.backend_tls;
        let policy = &tls.policy;
        if let (Some(file), true) = (policy.cert_files.first(), policy.key_files.is_empty()) {
            let why = "its private key is missing: 'backend.keyfile' names it";
            self.error(&file.origin, "backend.certfile", why);
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
            let chosen = end.value.filter(|_| end.is_chosen());
            if let Some(old) = chosen.filter(|version| *version < Version::Tls1_2) {
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
        if !settings.serves_tls() {
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
