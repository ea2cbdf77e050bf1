//! What a start says of the policy, in the lines of ArangoDB's log.

use super::prepared::Prepared;
use super::{options, protocol, sys};
use log::{debug, info, trace};

impl Prepared {
    /// Logs the policy of clients that name no server.
    pub(crate) fn announce(&self) {
        let policy = &self.base.policy;
        debug!(
            "using SSL protocol version '{}'",
            protocol::log_name(*policy.protocol)
        );
        if *policy.session_cache {
            trace!("using SSL session caching");
        }
        info!(
            "using SSL options: {}",
            options::names(self.base.mask).join(", ")
        );
        if !policy.cipher_list.is_empty() {
            info!("using SSL cipher-list '{}'", *policy.cipher_list);
        }
        for file in &policy.ca_files {
            trace!("trying to load CA certificates from '{}'", file.display());
        }
        if let Some(directory) = &policy.ca_dir.value {
            trace!("looking for CA certificates in '{}'", directory.display());
        }
        for authority in &self.base.trust.authorities {
            let name = sys::distinguished_name(authority.subject_name());
            trace!("name: {name}");
        }
    }
}
