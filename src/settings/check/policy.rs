//! What must hold inside one policy: client certificates, versions, resumption.

use super::{Finding, Findings};
use crate::settings::value::Value;
use crate::settings::{
    CaFileMode, MaskPart, OptionsEra, Origin, Policy, ServerName, Setting, Settings, VerifyClient,
    Version, Words,
};

/// Who set it, when somebody did.
pub(super) fn chosen<T>(setting: &Setting<T>) -> Option<&Origin> {
    setting.is_chosen().then_some(&setting.origin)
}

impl Findings {
    pub(super) fn policy(&mut self, policy: &Policy) {
        self.pairs(policy);
        self.clients(policy);
        self.versions(policy);
        self.ciphers(policy);
        self.resumption(policy);
        self.alpn(policy);
    }

    /// What a client has a part in as well.
    pub(super) fn of_either_side(&mut self, policy: &Policy) {
        self.versions(policy);
        self.ciphers(policy);
        self.alpn(policy);
    }

    fn alpn(&mut self, policy: &Policy) {
        if policy.prefer_http1_in_alpn.value && !policy.alpn.iter().any(|name| name == "h2") {
            let origin = chosen(&policy.prefer_http1_in_alpn);
            self.idle(
                origin,
                "ssl.prefer-http1-in-alpn",
                "as 'ssl.alpn' does not list h2",
            );
        }
    }

    /// What a server name's own options bring about, beyond what holds without them.
    pub(super) fn own_policy(&mut self, settings: &Settings, name: &Setting<ServerName>) {
        let (mut general, mut own) = (Findings::default(), Findings::default());
        general.clients(&settings.policy);
        let policy = settings.policy_of(name);
        own.clients(&policy);
        own.pairs(&policy);
        let said = |finding: &Finding| {
            let mut same = general.0.iter();
            same.any(|known| known.name == finding.name && known.why == finding.why)
        };
        own.0.retain(|finding| !said(finding));
        for Finding {
            level,
            name: option,
            why,
            ..
        } in own.0
        {
            let why = format!("for '{}': '{option}': {why}", name.value.name);
            self.push(level, &name.origin, "ssl.server-name-indication", why);
        }
    }

    /// Where keys stand alone, each needs a certificate.
    fn pairs(&mut self, policy: &Policy) {
        let (certificates, keys) = (&policy.cert_files, &policy.key_files);
        let (Some(first), false) = (certificates.first(), keys.is_empty()) else {
            return;
        };
        if certificates.len() != keys.len() {
            let why = format!(
                "{} of it and {} of 'ssl.keyfile': each key needs its certificate, in the same order",
                certificates.len(),
                keys.len()
            );
            return self.error(&first.origin, "ssl.certfile", why);
        }
        let mut pairs: Vec<_> = Vec::new();
        for (certificate, key) in certificates.iter().zip(keys) {
            if pairs.contains(&(&certificate.value, &key.value)) {
                let why = format!(
                    "'{}' is given twice with the same key",
                    certificate.display()
                );
                self.error(&certificate.origin, "ssl.certfile", why);
            }
            pairs.push((&certificate.value, &key.value));
        }
    }

    fn clients(&mut self, policy: &Policy) {
        let asks = policy.verify() != VerifyClient::None;
        self.contradiction(policy);
        let trusts = policy.names_cas() || *policy.system_ca == Some(true);
        if policy.verify() == VerifyClient::RequestUnverified {
            let why = "'request-unverified' lets in whoever shows a certificate that cannot be verified: nobody has \
                       proved what it says";
            self.warn(&policy.verify_client.origin, "ssl.verify-client", why);
        } else if asks && !trusts && !names_authorities(policy) {
            let (origin, name) = match policy.verify_client.value {
                Some(_) => (&policy.verify_client.origin, "ssl.verify-client"),
                None => (
                    &policy.require_peer_certificate.origin,
                    "ssl.require-peer-certificate",
                ),
            };
            let why = "no certificate can be verified without the CAs of 'ssl.cafile'";
            self.error(origin, name, why);
        }
        let file = policy.ca_files.first().map(|file| &file.origin);
        if let Some(origin) = file {
            self.authorities(policy, ("ssl.cafile", origin), asks);
        } else if policy.ca_dir.is_some() {
            self.authorities(policy, ("ssl.capath", &policy.ca_dir.origin), asks);
        }
        if *policy.system_ca == Some(true) {
            let system = &policy.system_ca;
            match asks {
                true => self.warn(
                    &system.origin,
                    "ssl.system-ca",
                    "whoever has a certificate of any public CA comes in",
                ),
                false => self.idle(
                    chosen(system),
                    "ssl.system-ca",
                    "as clients are not asked for certificates",
                ),
            }
        }
    }

    /// Revocation lists are those of every server name, one of which has to ask clients for certificates. A name's own
    /// are for that name.
    pub(super) fn revocation(&mut self, settings: &Settings) {
        const IDLE: &str = "revokes nothing, as clients are not asked for certificates";
        let asks = |policy: &Policy| policy.verify() != VerifyClient::None;
        let mut anybody = asks(&settings.policy);
        for name in &settings.names {
            let asked = asks(&settings.policy_of(name));
            anybody |= asked;
            let mut own = name.value.overrides.iter();
            let list = own.find(|(record, file)| record.name == "ssl.crl-file" && !file.is_empty());
            if list.is_some() && !asked {
                let why = format!("for '{}': 'ssl.crl-file': {IDLE}", name.value.name);
                self.error(&name.origin, "ssl.server-name-indication", why);
            }
        }
        for (list, name) in [
            (&settings.policy.crl_file, "ssl.crl-file"),
            (&settings.policy.crl_dir, "ssl.crl-dir"),
        ] {
            if list.is_some() && !anybody {
                self.error(&list.origin, name, IDLE);
            }
        }
    }

    /// `ssl.verify-client` decides alone, so it must not undo a demand for certificates.
    fn contradiction(&mut self, policy: &Policy) {
        let require = &policy.require_peer_certificate;
        match policy.verify_client.value {
            Some(mode) if require.value && mode != VerifyClient::Require => {
                let why = format!(
                    "'{}' contradicts 'ssl.require-peer-certificate' ({})",
                    mode.write().unwrap_or_default(),
                    require.origin
                );
                self.error(&policy.verify_client.origin, "ssl.verify-client", why);
            }
            _ => {}
        }
    }

    /// What CAs mean for clients, where that is not what one might think.
    fn authorities(&mut self, policy: &Policy, (set, by): (&'static str, &Origin), asks: bool) {
        let mode = &policy.ca_file_mode;
        let by_mode = policy.verify_client.is_none() && !policy.require_peer_certificate.value;
        if !asks && policy.words == Words::Kdb {
            // Its variables are for clients and servers alike.
        } else if !asks {
            let (origin, name) = match by_mode {
                true => (&mode.origin, "ssl.cafile-mode"),
                false => (&policy.verify_client.origin, "ssl.verify-client"),
            };
            let why =
                format!("clients are not asked for certificates, although '{set}' is set ({by})");
            self.warn(origin, name, why);
        } else if !by_mode && mode.value != CaFileMode::Require {
            let why = "as 'ssl.verify-client' or 'ssl.require-peer-certificate' decides";
            self.idle(chosen(mode), "ssl.cafile-mode", why);
        } else if by_mode && !mode.is_chosen() && mode.value == CaFileMode::Require {
            let why = "only clients with a certificate of these CAs are served, as ArangoDB's manual says; its \
                       community server asks nobody, as 'ssl.cafile-mode=original' does";
            self.info(by, set, why);
        }
    }

    fn versions(&mut self, policy: &Policy) {
        let (min, max) = (&policy.min_protocol, &policy.max_protocol);
        let number = &policy.protocol;
        let only = number.only().filter(|_| number.is_chosen());
        let only = only.map(|version| (version, "ssl.protocol", &number.origin));
        let low = min.value.map(|low| (low, "ssl.min-protocol", &min.origin));
        let high = max
            .value
            .map(|high| (high, "ssl.max-protocol", &max.origin));
        match (low.or(only), high.or(only)) {
            (Some((low, name, origin)), Some((high, other, set))) if low > high => {
                let named = (name, other) == ("ssl.min-protocol", "ssl.max-protocol");
                let why = match policy.words {
                    Words::PostgreSql if named => format!(
                        "could not set SSL protocol version range: \"ssl_min_protocol_version\" cannot be higher than \
                         \"ssl_max_protocol_version\" ({set})"
                    ),
                    _ => format!("'{low}' is above the '{high}' of '{other}' ({set})"),
                };
                self.error(origin, name, why);
            }
            _ => {}
        }
        if min.is_some() && max.is_some() {
            let why = "as 'ssl.min-protocol' and 'ssl.max-protocol' are set";
            self.idle(chosen(number), "ssl.protocol", why);
        }
        self.old_versions(policy);
    }

    /// SSLv3, TLS 1.0 and TLS 1.1 by anybody's choice. Of a dialect's own is told as far as libssl speaks them.
    fn old_versions(&mut self, policy: &Policy) {
        let number = &policy.protocol;
        let named = policy.min_protocol.is_some() || policy.max_protocol.is_some();
        if !named && matches!(number.number(), 3 | 4) {
            let why = format!(
                "'{}' lets in nothing but a version that is broken",
                number.number()
            );
            self.warn(&number.origin, "ssl.protocol", why);
        }
        for (end, name) in [
            (&policy.min_protocol, "ssl.min-protocol"),
            (&policy.max_protocol, "ssl.max-protocol"),
        ] {
            let chosen = end.value.filter(|_| end.is_chosen());
            if let Some(old) = chosen.filter(|version| *version < Version::Tls1_2) {
                let why = format!("'{old}' lets in a version that is broken");
                self.warn(&end.origin, name, why);
            }
        }
    }

    fn ciphers(&mut self, policy: &Policy) {
        let level = &policy.security_level;
        if let Some(low @ (0 | 1)) = level.value {
            let why = format!("'{low}' lets in keys and ciphers that can be broken");
            self.warn(&level.origin, "ssl.security-level", why);
        }
        if let Some((_, level)) = policy.cipher_list.rsplit_once("@SECLEVEL=") {
            let why = "as '@SECLEVEL=' in 'ssl.cipher-list' decides";
            self.idle(chosen(&policy.security_level), "ssl.security-level", why);
            if level.starts_with(['0', '1']) {
                let why = "'@SECLEVEL=' lets in keys and ciphers that can be broken";
                self.warn(&policy.cipher_list.origin, "ssl.cipher-list", why);
            }
        }
        let numbers = policy
            .options
            .0
            .iter()
            .any(|part| matches!(part, MaskPart::Number(_)));
        if policy.options_era.value == OptionsEra::OpenSsl1_0 && !numbers {
            let why = "as 'ssl.options' holds no number";
            self.idle(chosen(&policy.options_era), "ssl.options-era", why);
        }
    }

    fn resumption(&mut self, policy: &Policy) {
        let tickets = policy.session_tickets.value != Some(false);
        if !policy.session_cache.value {
            let why = "as 'ssl.session-cache' is off";
            let size = chosen(&policy.session_cache_size);
            self.idle(size, "ssl.session-cache-size", why);
        }
        if !tickets {
            let why = "as 'ssl.session-tickets' is off";
            self.idle(chosen(&policy.ticket_keys), "ssl.ticket-keys", why);
        }
        if !tickets && !policy.session_cache.value {
            let why =
                "as nothing is resumed with both 'ssl.session-cache' and 'ssl.session-tickets' off";
            self.idle(chosen(&policy.session_timeout), "ssl.session-timeout", why);
            self.idle(chosen(&policy.num_tickets), "ssl.num-tickets", why);
        } else if policy.num_tickets.value == Some(0) {
            let why = "without a ticket, no session of TLS 1.3 is resumed";
            self.info(&policy.num_tickets.origin, "ssl.num-tickets", why);
        }
    }
}

/// Whether CAs may come from elsewhere: a command for libssl, or a section of its configuration.
fn names_authorities(policy: &Policy) -> bool {
    let names = |name: &str| name.to_ascii_lowercase().starts_with("verifyca");
    policy.config_section.is_some() || policy.conf.iter().any(|command| names(&command.value.0))
}
