//! What must hold between settings. Every complaint names the origins involved.
//!
//! Errors are what cannot work, or cannot mean what was written. Warnings are what is weaker than it looks or
//! likely a slip; the rest is good to know. Nothing here asks libssl or the system. Read next: `endpoints`, `policy`,
//! `backend`.

mod backend;
mod endpoints;
mod expired;
mod policy;

use super::builder::{Unread, complaint, remark};
use super::{Level, Note, Origin, Settings, UnknownName};
use crate::error::Error;
use std::time::Duration;

/// Complaints and remarks about a whole set of settings.
pub fn check(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    check_but(settings, &Unread::default())
}

/// The same, without asking for options that were given but could not be read.
pub(super) fn check_but(settings: &Settings, unread: &Unread) -> (Vec<Error>, Vec<Note>) {
    let mut problems = endpoints::missing(settings, unread);
    let mut notes = Vec::new();
    let mut findings = Findings::default();
    findings.endpoints(settings);
    findings.served(settings);
    findings.tls_to_backend(settings);
    for endpoint in settings.endpoints.iter().filter(|e| !e.own.0.is_empty()) {
        let own = settings.of_endpoint(endpoint);
        findings.served(&own);
        findings.tls_to_backend(&own);
        findings.limits(&own);
        findings.expired(&own);
    }
    findings.limits(settings);
    findings.expired(settings);
    findings.sort_into(&mut problems, &mut notes);
    (problems, notes)
}

/// Complaints and remarks about the TLS policy alone, which needs neither endpoint nor backend.
pub fn check_policy(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    let mut findings = Findings::default();
    findings.served(settings);
    findings.expired(settings);
    findings.sorted()
}

/// Complaints and remarks about what a client takes of the settings: see [`Policy::of_client`](super::Policy::of_client).
pub fn check_client(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    let mut findings = Findings::default();
    findings.of_either_side(&settings.policy);
    findings.expired_servers(&settings.policy);
    findings.sorted()
}

/// Something to say about an option; without a level it is an error.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    level: Option<Level>,
    origin: Origin,
    name: &'static str,
    why: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn sorted(self) -> (Vec<Error>, Vec<Note>) {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        self.sort_into(&mut problems, &mut notes);
        (problems, notes)
    }

    fn sort_into(self, problems: &mut Vec<Error>, notes: &mut Vec<Note>) {
        for Finding {
            level,
            origin,
            name,
            why,
        } in self.0
        {
            match level {
                None => problems.push(complaint(&origin, name, &why)),
                Some(level) => notes.push(Note {
                    level,
                    text: remark(&origin, name, &why),
                }),
            }
        }
    }

    /// Once, however many endpoints it is found for.
    fn push(
        &mut self,
        level: Option<Level>,
        origin: &Origin,
        name: &'static str,
        why: impl Into<String>,
    ) {
        let finding = Finding {
            level,
            origin: origin.clone(),
            name,
            why: why.into(),
        };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    fn error(&mut self, origin: &Origin, name: &'static str, why: impl Into<String>) {
        self.push(None, origin, name, why);
    }

    fn warn(&mut self, origin: &Origin, name: &'static str, why: impl Into<String>) {
        self.push(Some(Level::Warn), origin, name, why);
    }

    fn info(&mut self, origin: &Origin, name: &'static str, why: impl Into<String>) {
        self.push(Some(Level::Info), origin, name, why);
    }

    /// An option that was chosen and does nothing.
    fn idle(&mut self, chosen: Option<&Origin>, name: &'static str, why: &str) {
        // A variable of the environment is there for every program and for both sides, and not for this option alone.
        let of_variable = |origin: &&Origin| matches!(origin, Origin::Environment(_));
        if let Some(origin) = chosen.filter(|origin| !of_variable(origin)) {
            self.info(origin, name, format!("has no effect {why}"));
        }
    }

    /// The policies of a server: the general one, and those of server names.
    fn served(&mut self, settings: &Settings) {
        let before = self.0.len();
        self.names(settings);
        self.ca_file_mode(settings);
        self.revocation(settings);
        self.policy(&settings.policy);
        for name in &settings.names {
            self.own_policy(settings, name);
        }
        if !settings.serves_tls() {
            // What nobody is served by is neither weak nor idle, but may still be what nobody can mean.
            let found = self.0.split_off(before);
            self.0
                .extend(found.into_iter().filter(|finding| finding.level.is_none()));
        }
    }

    fn names(&mut self, settings: &Settings) {
        let unknown = &settings.unknown_name;
        if unknown.value == UnknownName::Refuse && settings.names.is_empty() {
            let why = "refuses nobody, as 'ssl.server-name-indication' lists no name";
            self.warn(&unknown.origin, "ssl.unknown-server-name", why);
        }
        if settings.names.is_empty() {
            let chosen = settings.no_name.is_chosen();
            let chosen = chosen.then_some(&settings.no_name.origin);
            let why = "as 'ssl.server-name-indication' lists none";
            self.idle(chosen, "ssl.no-server-name", why);
        }
    }

    /// A mode is for the CA file of everybody, or of one server name.
    fn ca_file_mode(&mut self, settings: &Settings) {
        let mode = &settings.policy.ca_file_mode;
        let mut own = settings.names.iter().flat_map(|name| &name.value.overrides);
        let names_cas = |name: &str| matches!(name, "ssl.cafile" | "ssl.capath");
        let anywhere = settings.policy.names_cas() || own.any(|(record, _)| names_cas(record.name));
        if !anywhere {
            let chosen = mode.is_chosen().then_some(&mode.origin);
            self.idle(chosen, "ssl.cafile-mode", "without 'ssl.cafile'");
        }
    }

    fn limits(&mut self, settings: &Settings) {
        let limits = &settings.limits;
        let all = *limits.connections;
        for (limit, name) in [
            (&limits.handshakes, "limit.handshakes"),
            (&limits.per_address, "limit.per-address"),
        ] {
            if all > 0 && limit.value > all {
                let why = format!("as 'limit.connections' is {all}");
                self.idle(Some(&limit.origin), name, &why);
            }
        }
        let handshake = &settings.timeouts.handshake;
        if handshake.value == Duration::ZERO {
            let why =
                "without a deadline, clients that never finish a handshake stay connected for ever";
            self.warn(&handshake.origin, "timeout.handshake", why);
        }
    }
}

#[cfg(test)]
mod tests;
