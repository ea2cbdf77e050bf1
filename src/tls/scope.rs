//! The scope of sessions: what a session must have been made under to be resumed.
//!
//! A hash over everything that decided whether and how the client got in: a session never outlives the policy it was
//! made under, not across server names, reloads, restarts or processes that share ticket keys. libssl keeps it in
//! each session (as its "session id context") and resumes under the same one alone.

use super::identity::Identity;
use super::protocol::Range;
use super::system_ca;
use super::trust::Trust;
use crate::settings::{Policy, Setting};
use openssl::error::ErrorStack;
use openssl::sha::Sha256;

/// As long as libssl takes (`SSL_MAX_SID_CTX_LENGTH`).
pub(super) type Scope = [u8; 32];

/// The scope of one policy; `name` is the server name it is for.
pub(super) fn of(
    name: Option<&str>,
    policy: &Policy,
    identities: &[Setting<Identity>],
    trust: &Trust,
    range: Range,
    mask: u64,
) -> Result<Scope, ErrorStack> {
    let mut hash = Hash(Sha256::new());
    hash.part(b"tlsport session scope 1");
    hash.part(name.unwrap_or_default().as_bytes());
    hash.list(identities.iter().map(|identity| identity.leaf.to_der()))?;
    hash.list(trust.authorities.iter().map(|authority| authority.to_der()))?;
    hash.list(trust.crls.iter().map(|crl| crl.to_der()))?;
    if let Some(directory) = &trust.directory {
        hash.part(format!("CAs in a directory\n{}", directory.state).as_bytes());
    }
    if trust.system {
        hash.part(system_ca::state().as_bytes());
    }
    let verify = (policy.verify(), *policy.accept_expired);
    hash.part(format!("{verify:?} {range:?}").as_bytes());
    // libssl resumes with the suite of old even when the list has lost it since.
    hash.part(policy.cipher_list.as_bytes());
    hash.part(
        format!(
            "{:?} {:?} {mask:x}",
            policy.ciphersuites.value, policy.groups.value
        )
        .as_bytes(),
    );
    // What may change any of this behind the back of the settings above.
    hash.part(
        format!(
            "{:?} {:?}",
            policy.config_section.value, policy.security_level.value
        )
        .as_bytes(),
    );
    hash.list(policy.conf.iter().map(|command| {
        let (name, value) = &command.value;
        Ok(format!("{name}={value}").into_bytes())
    }))?;
    Ok(hash.0.finish())
}

/// Parts with their lengths before them, so that no two sequences of parts look the same.
struct Hash(Sha256);

impl Hash {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn list(
        &mut self,
        parts: impl ExactSizeIterator<Item = Result<Vec<u8>, ErrorStack>>,
    ) -> Result<(), ErrorStack> {
        self.0.update(&(parts.len() as u64).to_be_bytes());
        for part in parts {
            self.part(&part?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    fn scope(name: Option<&str>, policy: &Policy) -> Scope {
        of(name, policy, &[], &Trust::default(), Range::default(), 0).unwrap()
    }

    #[test]
    fn what_lets_a_client_in_or_protects_it_is_part_of_the_scope() {
        let policy = Policy::default();
        let plain = scope(None, &policy);
        assert_eq!(plain, scope(None, &policy.clone()));
        assert_ne!(plain, scope(Some("a.example"), &policy));
        let mut other = policy.clone();
        other.cipher_list = Setting::new("ECDHE+AESGCM".to_owned(), Origin::Program);
        assert_ne!(plain, scope(None, &other), "the suites of TLS 1.2");
        let mut other = policy.clone();
        other.security_level = Setting::new(Some(3), Origin::Program);
        assert_ne!(plain, scope(None, &other), "the security level");
        let mut other = policy.clone();
        other.accept_expired = Setting::new(true, Origin::Program);
        assert_ne!(
            plain,
            scope(None, &other),
            "whether expired certificates do"
        );
    }
}
