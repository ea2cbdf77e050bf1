//! What must hold between settings. Every complaint names the origins involved.
//!
//! Errors are what cannot work, or cannot mean what was written. Warnings are what is weaker than it looks or
//! likely a slip; the rest is good to know. Nothing here asks libssl or the system. Read next: `policy`, `backend`.

mod backend;
mod policy;

use super::builder::{Unread, complaint, remark};
use super::value::quoted;
use super::{
    Accept, Address, Backend, Endpoint, Level, Note, Origin, Setting, Settings, UnknownName,
    VerifyClient,
};
use crate::error::Error;
use std::path::Path;
use std::time::Duration;

/// Complaints and remarks about a whole set of settings.
pub fn check(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    check_but(settings, &Unread::default())
}

/// The same, without asking for options that were given but could not be read.
pub(super) fn check_but(settings: &Settings, unread: &Unread) -> (Vec<Error>, Vec<Note>) {
    let mut problems = missing(settings, unread);
    let mut notes = Vec::new();
    let mut findings = Findings::default();
    findings.endpoints(settings);
    findings.served(settings);
    findings.tls_to_backend(settings);
    findings.limits(settings);
    findings.sort_into(&mut problems, &mut notes);
    (problems, notes)
}

/// Complaints and remarks about the TLS policy alone, which needs neither endpoint nor backend.
pub fn check_policy(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    let mut findings = Findings::default();
    findings.served(settings);
    findings.sorted()
}

/// Complaints and remarks about what a client takes of the settings: see [`Policy::of_client`](super::Policy::of_client).
pub fn check_client(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    let mut findings = Findings::default();
    findings.of_either_side(&settings.policy);
    findings.sorted()
}

/// What nobody can do without, in ArangoDB's words where it has them.
fn missing(settings: &Settings, unread: &Unread) -> Vec<Error> {
    let given = |name| unread.may_hold(name);
    let mut problems = Vec::new();
    if settings.endpoints.is_empty() && !given("server.endpoint") {
        problems.push(Error::settings(
            "no endpoints have been specified, giving up, please use the '--server.endpoint' option",
        ));
    }
    let tls = |endpoint: &&Setting<Endpoint>| endpoint.value.accept.has_tls();
    let keyless = settings.policy.key_files.is_empty() && !given("ssl.keyfile");
    if let Some(endpoint) = settings.endpoints.iter().find(tls).filter(|_| keyless) {
        let asked = format!(
            "endpoint '{}' ({}) speaks TLS",
            endpoint.value, endpoint.origin
        );
        let error = Error::settings("no value specified for '--ssl.keyfile'");
        problems.push(error.caused_by(asked));
    }
    if settings.backend.is_none() && !given("backend") {
        problems.push(Error::settings(
            "no backend has been specified, please use the '--backend' option",
        ));
    }
    problems
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

    fn push(
        &mut self,
        level: Option<Level>,
        origin: &Origin,
        name: &'static str,
        why: impl Into<String>,
    ) {
        self.0.push(Finding {
            level,
            origin: origin.clone(),
            name,
            why: why.into(),
        });
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
        if let Some(origin) = chosen {
            self.info(origin, name, format!("has no effect {why}"));
        }
    }

    fn endpoints(&mut self, settings: &Settings) {
        let keyed = !settings.policy.key_files.is_empty();
        let mut warned = false;
        for endpoint in &settings.endpoints {
            let Endpoint { address, accept } = &endpoint.value;
            if let Address::Unix(path) = address {
                self.socket_path(&endpoint.origin, "server.endpoint", path);
            } else if keyed && *accept == Accept::Plain {
                warned = true;
                let why = format!(
                    "'{}' is plain although 'ssl.keyfile' is set: 'tcp://' never speaks TLS, 'ssl://' does \
                     (the SSL page of ArangoDB's manual shows 'tcp://' by mistake)",
                    endpoint.value
                );
                self.warn(&endpoint.origin, "server.endpoint", why);
            }
            let plain = match accept {
                Accept::Either => true,
                // There it is for the rules to say who needs a certificate.
                Accept::PostgreSql => settings.postgresql.hba_file.is_none(),
                _ => false,
            };
            if plain && settings.policy.verify() == VerifyClient::Require {
                let why = format!(
                    "'{}' lets in plain clients without the certificate that TLS clients need",
                    endpoint.value
                );
                self.warn(&endpoint.origin, "server.endpoint", why);
            }
            self.round_trip(endpoint, &settings.backend);
        }
        let backend = settings.backend.as_ref().and_then(Backend::address);
        if let Some(Address::Unix(path)) = backend {
            self.socket_path(&settings.backend.origin, "backend", path);
        }
        if let Some(Backend::Service(_)) = &settings.backend.value {
            let proxy = &settings.proxy_protocol;
            let chosen = proxy.is_chosen().then_some(&proxy.origin);
            let why = "as a service in this process answers";
            self.idle(chosen, "backend.proxy-protocol", why);
        }
        self.for_other_endpoints(settings, warned);
    }

    /// What was chosen for a kind of endpoint that there is none of.
    fn for_other_endpoints(&mut self, settings: &Settings, warned: bool) {
        let is_unix = |address: &Address| matches!(address, Address::Unix(_));
        let backend = settings.backend.as_ref().and_then(Backend::address);
        if backend.is_none_or(is_unix)
            && settings.endpoints.iter().all(|e| is_unix(&e.value.address))
        {
            let congestion = &settings.tcp.congestion;
            let chosen = congestion.is_chosen().then_some(&congestion.origin);
            self.idle(chosen, "tcp.congestion", "as no socket is of TCP");
        }
        let others = |e: &Setting<Endpoint>| !e.value.accept.is_postgresql();
        if settings.endpoints.iter().all(others) {
            let file = &settings.postgresql.hba_file;
            let chosen = file.is_chosen().then_some(&file.origin);
            let why = "as no endpoint speaks PostgreSQL's protocol";
            self.idle(chosen, "postgresql.hba-file", why);
        }
        let plain = settings.endpoints.iter().all(|e| !e.value.accept.has_tls());
        if let (Some(file), true, false) = (settings.policy.key_files.first(), plain, warned) {
            let chosen = Some(&file.origin).filter(|_| !settings.endpoints.is_empty());
            self.idle(chosen, "ssl.keyfile", "as no endpoint speaks TLS");
        }
    }

    /// `sun_path` has 108 bytes, the last of them a zero.
    fn socket_path(&mut self, origin: &Origin, name: &'static str, path: &Path) {
        let length = path.as_os_str().len();
        if length > 107 {
            let path = quoted(&path.display().to_string());
            let why =
                format!("{path} has {length} bytes, and the path of a unix socket 107 at most");
            self.error(origin, name, why);
        }
    }

    /// A backend that is this server would be connected to for ever.
    fn round_trip(&mut self, endpoint: &Setting<Endpoint>, backend: &Setting<Option<Backend>>) {
        let Some(to) = backend.as_ref().and_then(Backend::address) else {
            return;
        };
        if reaches(to, &endpoint.value.address) {
            let why = format!(
                "'{to}' is this server's own endpoint '{}' ({})",
                endpoint.value, endpoint.origin
            );
            self.error(&backend.origin, "backend", why);
        }
    }

    /// The policies of a server: the general one, and those of server names.
    fn served(&mut self, settings: &Settings) {
        self.names(settings);
        self.ca_file_mode(settings);
        self.revocation(settings);
        self.policy(&settings.policy);
        for name in &settings.names {
            self.own_policy(settings, name);
        }
    }

    fn names(&mut self, settings: &Settings) {
        let unknown = &settings.unknown_name;
        if unknown.value == UnknownName::Refuse && settings.names.is_empty() {
            let why = "refuses every client that names a server, as 'ssl.server-name-indication' lists none";
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
        let anywhere =
            settings.policy.ca_file.is_some() || own.any(|(record, _)| record.name == "ssl.cafile");
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

/// Whether connecting to `to` ends at a listener on `on`. Names but `localhost` are not looked up.
fn reaches(to: &Address, on: &Address) -> bool {
    let (
        Address::Tcp { host: to, port },
        Address::Tcp {
            host: on,
            port: listening,
        },
    ) = (to, on)
    else {
        return to == on;
    };
    let here = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "::1");
    let everywhere = |host: &str| matches!(host, "0.0.0.0" | "::");
    let local = here(to) || everywhere(to);
    *port == *listening && *port != 0 && (to == on || local && (here(on) || everywhere(on)))
}

#[cfg(test)]
mod tests;
