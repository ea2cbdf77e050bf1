//! One policy with its files read: that of the endpoints, or that of a server name.

use super::findings::Findings;
use super::identity::Identity;
use super::protocol::{self, Range};
use super::queue::Queue;
use super::role::Role;
use super::scope::{self, Scope};
use super::trust::Trust;
use super::{dh, probe};
use crate::error::{Error, Kind};
use crate::settings::{Note, Origin, Policy, Setting};
use openssl::dh::Dh;
use openssl::pkey::Params;

/// One policy with its files: that of the endpoints, or that of a server name.
pub(super) struct Ready {
    /// The server name it is for.
    pub(super) name: Option<String>,
    pub(super) policy: Policy,
    pub(super) identities: Vec<Setting<Identity>>,
    pub(super) trust: Trust,
    pub(super) dh_params: Option<Dh<Params>>,
    pub(super) range: Range,
    pub(super) mask: u64,
    pub(super) scope: Scope,
}

impl Ready {
    /// Reads the files of a policy; what is wrong with them, and with its numbers, is found.
    pub(super) fn load(name: Option<&str>, policy: &Policy, findings: &mut Findings) -> Ready {
        let identities = findings.identities(policy, |_, _| false);
        Ready::with(name, policy, identities, findings)
    }

    /// The same with chains and keys that were read.
    pub(super) fn with(
        name: Option<&str>,
        policy: &Policy,
        identities: Vec<Setting<Identity>>,
        findings: &mut Findings,
    ) -> Ready {
        let role = findings.role;
        let (trust, notes) = Trust::read(policy, role, |origin, error| {
            findings.problem(origin, error)
        });
        findings.notes.extend(notes);
        let dh_params = dh::read(&policy.dh_params).unwrap_or_else(|error| {
            findings.problem(&policy.dh_params.origin, error);
            None
        });
        let range = protocol::range(policy).unwrap_or_else(|error| {
            findings.problem(&policy.protocol.origin, error);
            Range::default()
        });
        let mask = findings.mask(policy);
        let scope =
            scope::of(name, policy, &identities, &trust, range, mask).unwrap_or_else(|stack| {
                let refused = Queue::from(stack).first();
                let error = Error::new(
                    Kind::Tls,
                    format!("cannot set SSL session id context: {refused}"),
                );
                findings.problem(&Origin::BuiltIn, error);
                Scope::default()
            });
        Ready {
            name: name.map(str::to_owned),
            policy: policy.clone(),
            identities,
            trust,
            dh_params,
            range,
            mask,
            scope,
        }
    }

    /// What to say about a context that could be built.
    pub(super) fn notes(&self, context: &openssl::ssl::SslContextRef, role: Role) -> Vec<Note> {
        let policy = &self.policy;
        let mut notes = probe::notes(context, self.range.min.version().is_some(), role);
        if policy.min_protocol.is_some() && !policy.min_protocol.is_chosen() {
            notes.extend(probe::broken(context));
        }
        let (level, own) = (context.security_level(), probe::security_level_of_its_own());
        if level < own && policy.security_level.is_none() {
            notes.push(Note::warn(format!(
                "security level {level} is below {own}, this libssl's own: keys and ciphers that can be broken get in"
            )));
        }
        notes
    }
}
