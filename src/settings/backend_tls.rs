//! TLS towards the backend: what libpq calls `sslmode` and what goes with it, and a client's policy.

use super::{Policy, Setting, Version};

/// What a server asks of TLS with its backend. Without effect unless that is to speak TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendTls {
    /// What is asked of TLS, and of the backend's certificate.
    pub mode: Setting<SslMode>,
    /// How PostgreSQL's protocol comes to TLS.
    pub negotiation: Setting<SslNegotiation>,
    /// Whom the certificate has to be for, and who is named to the backend, if that is not the host it is found at.
    pub server_name: Setting<Option<String>>,
    /// Whether the version of TLS is the one that the client speaks.
    pub mirror_version: Setting<bool>,
    /// Whether sessions are resumed.
    pub session_reuse: Setting<bool>,
    /// The rest, as a client takes it: see [`Policy::of_client`].
    pub policy: Policy,
}

/// libpq's words for how much TLS there has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// None.
    Disable,
    /// TLS, or bytes as they are where the backend has none.
    Prefer,
    /// TLS, with whomever.
    Require,
    /// TLS, with a certificate of a CA that is trusted.
    VerifyCa,
    /// TLS, with a certificate of a CA that is trusted, for the right name.
    VerifyFull,
}

/// How PostgreSQL's protocol comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslNegotiation {
    /// It is asked for (SSLRequest).
    Postgres,
    /// With the first byte, and ALPN.
    Direct,
}

/// What is looked at of the backend's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing.
    None,
    /// Who has issued it.
    Authority,
    /// Who has issued it, and for whom.
    Name,
}

impl BackendTls {
    /// What the settings come to for the backend's certificate. As in libpq, CAs that were named are asked in the modes
    /// that need none as well.
    pub fn verification(&self) -> Verification {
        match *self.mode {
            SslMode::VerifyFull => Verification::Name,
            SslMode::VerifyCa => Verification::Authority,
            _ if self.policy.names_cas() => Verification::Authority,
            _ => Verification::None,
        }
    }
}

impl Default for BackendTls {
    /// What is verified unless somebody says otherwise. The lowest version is libpq's.
    fn default() -> BackendTls {
        BackendTls {
            mode: Setting::built_in(SslMode::VerifyFull),
            negotiation: Setting::built_in(SslNegotiation::Postgres),
            server_name: Setting::default(),
            mirror_version: Setting::built_in(false),
            session_reuse: Setting::built_in(true),
            policy: Policy {
                min_protocol: Setting::built_in(Some(Version::Tls1_2)),
                cipher_list: Setting::built_in(String::new()),
                groups: Setting::built_in(String::new()),
                alpn: Setting::built_in(Vec::new()),
                ..Policy::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    #[test]
    fn who_keeps_the_tls_of_before_keeps_the_backend_it_is_for() {
        let set = |options: &[(&str, &str)]| {
            let mut settings = Settings::default();
            for (name, value) in options {
                settings.set(name, value).expect("good");
            }
            settings
        };
        let clear = set(&[("backend", "tcp://a:1")]);
        let other = set(&[("backend", "tcp://b:1"), ("threads", "2")]);
        let secured = set(&[("backend", "tls://c:1"), ("backend.sslmode", "require")]);
        for (new, old, kept) in [
            (&other, &clear, &other),
            (&secured, &clear, &clear),
            (&clear, &secured, &secured),
        ] {
            let mut settings = new.clone();
            settings.keep_tls_of(old);
            assert_eq!(settings.backend, kept.backend);
            assert_eq!(settings.backend_tls, old.backend_tls);
            assert_eq!(settings.threads, new.threads);
        }
    }
}
