//! What it means that certificates which have expired are accepted.

use super::Findings;
use super::policy::chosen;
use crate::settings::{Policy, Settings, Verification, VerifyClient};

const NAME: &str = "kdb-accept-expired";

impl Findings {
    /// For a server: its clients, and its backends.
    pub(super) fn expired(&mut self, settings: &Settings) {
        let verifies = |policy: &Policy| {
            let verify = policy.verify();
            matches!(verify, VerifyClient::Request | VerifyClient::Require)
        };
        let accepts = &settings.policy.accept_expired;
        let mut names = settings.names.iter();
        let clients = settings.serves_tls()
            && (verifies(&settings.policy)
                || names.any(|name| verifies(&settings.policy_of(name))));
        let tls = &settings.backend_tls;
        let backends =
            settings.tls_backends().next().is_some() && tls.verification() != Verification::None;
        if **accepts && clients {
            let why = "clients may come in with certificates that have expired, and do not count as verified then";
            self.warn(&accepts.origin, NAME, why);
        }
        if *tls.policy.accept_expired && backends {
            let why = "a backend may show a certificate that has expired";
            self.warn(&tls.policy.accept_expired.origin, NAME, why);
        }
        if !clients && !backends {
            let why = "as neither clients nor backends are verified";
            self.idle(chosen(accepts), NAME, why);
        }
    }

    /// For a client.
    pub(super) fn expired_servers(&mut self, policy: &Policy) {
        let accepts = &policy.accept_expired;
        if **accepts && *policy.verify_server != Verification::None {
            let why = "a server may show a certificate that has expired";
            self.warn(&accepts.origin, NAME, why);
        }
    }
}
