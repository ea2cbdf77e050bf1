//! What must hold for endpoints, and with whoever answers on them.

use super::Findings;
use super::policy::chosen;
use crate::error::Error;
use crate::settings::builder::Unread;
use crate::settings::value::quoted;
use crate::settings::{
    Accept, Address, Backend, Endpoint, Origin, ServerMode, Setting, Settings, Spoken, Unusable,
    VerifyClient, Way, Words,
};
use std::path::Path;

/// What nobody can do without, in ArangoDB's words where it has them.
pub(super) fn missing(settings: &Settings, unread: &Unread) -> Vec<Error> {
    let given = |name| unread.may_hold(name);
    let mut problems = Vec::new();
    if settings.endpoints.is_empty() && !given("server.endpoint") {
        problems.push(Error::settings(match settings.policy.words {
            Words::Kdb => {
                "no endpoints have been specified, giving up, please use the '-p' or the '--server.endpoint' option"
            }
            _ => {
                "no endpoints have been specified, giving up, please use the '--server.endpoint' option"
            }
        }));
    }
    let degrades = *settings.unusable == Unusable::Degrade;
    let keyless = |endpoint: &&Setting<Endpoint>| {
        let accept = endpoint.accept;
        let own = settings.of_endpoint(endpoint).policy;
        let may_do_without =
            degrades && accept.without_tls().is_some() && own.verify() != VerifyClient::Require;
        accept.has_tls() && !may_do_without && own.key_files.is_empty()
    };
    let keyless = settings.endpoints.iter().find(keyless);
    if let Some(endpoint) = keyless.filter(|_| !given("ssl.keyfile")) {
        let asked = format!(
            "endpoint '{}' ({}) speaks TLS",
            endpoint.value, endpoint.origin
        );
        let error = Error::settings(match settings.policy.words {
            Words::KrakenD => {
                "public key not defined: 'public_key' and 'private_key' in 'tls' name the files"
            }
            _ => "no value specified for '--ssl.keyfile'",
        });
        problems.push(error.caused_by(asked));
    }
    if settings.all_backends().next().is_none()
        && settings
            .endpoints
            .iter()
            .all(|e| settings.of_endpoint(e).all_backends().next().is_none())
        && !given("backend")
    {
        problems.push(Error::settings(
            "no backend has been specified, please use the '--backend' option",
        ));
    } else if !given("backend") {
        problems.extend(
            settings
                .endpoints
                .iter()
                .filter_map(|e| unanswered(settings, e)),
        );
    }
    problems
}

/// An endpoint that nobody answers on, though there are backends for others.
fn unanswered(settings: &Settings, endpoint: &Setting<Endpoint>) -> Option<Error> {
    if !settings
        .of_endpoint(endpoint)
        .ways(endpoint.accept)
        .is_empty()
    {
        return None;
    }
    let wanted = match endpoint.accept.spoken().first() {
        Some(spoken) => format!("'--backend {spoken}=…' or '--backend …'"),
        None => "'--backend …'".to_owned(),
    };
    let text = format!(
        "endpoint '{}' ({}) has no backend: {wanted} names one",
        endpoint.value, endpoint.origin
    );
    Some(Error::settings(text))
}

impl Findings {
    pub(super) fn endpoints(&mut self, settings: &Settings) {
        let mut warned = false;
        for endpoint in &settings.endpoints {
            let own = settings.of_endpoint(endpoint);
            let Endpoint {
                address, accept, ..
            } = &endpoint.value;
            if let Address::Unix(path) = address {
                self.socket_path(&endpoint.origin, "server.endpoint", path);
            } else if !own.policy.key_files.is_empty() && *accept == Accept::Plain {
                warned = true;
                let why = format!(
                    "'{}' is plain although 'ssl.keyfile' is set: 'tcp://' never speaks TLS, 'ssl://' does \
                     (the SSL page of ArangoDB's manual shows 'tcp://' by mistake)",
                    endpoint.value
                );
                self.warn(&endpoint.origin, "server.endpoint", why);
            }
            self.plain_clients(endpoint, &own);
            self.agreed_on_in_vain(endpoint, &own);
            for way in own.ways(*accept) {
                self.way(endpoint, way);
            }
        }
        for (backend, origin) in settings.all_backends() {
            if let Some(Address::Unix(path)) = backend.address() {
                self.socket_path(origin, "backend", path);
            }
        }
        if let Some(Backend::Service(_)) = &settings.backend.value {
            let proxy = chosen(&settings.proxy_protocol);
            let why = "as a service in this process answers";
            self.idle(proxy, "backend.proxy-protocol", why);
        }
        self.for_other_endpoints(settings, warned);
    }

    /// What clients are offered by ALPN though nobody answers it, where that tells what is spoken.
    fn agreed_on_in_vain(&mut self, endpoint: &Setting<Endpoint>, own: &Settings) {
        let ways = own.ways(endpoint.accept);
        if ways.is_empty() || !endpoint.accept.spoken().contains(&Spoken::H2) {
            return;
        }
        let alpn = &own.policy.alpn;
        for (protocol, spoken) in [("h2", Spoken::H2), ("http/1.1", Spoken::Http)] {
            let is_offered = alpn.iter().any(|one| one == protocol);
            let is_answered = ways
                .iter()
                .any(|way| way.spoken.is_none_or(|one| one == spoken));
            if is_offered && !is_answered {
                let why = format!(
                    "clients that agree on '{protocol}' are let go of, as there is no backend for it: \
                     '--backend {spoken}=…' names one"
                );
                self.warn(&alpn.origin, "ssl.alpn", why);
            }
        }
    }

    /// Who may come in without TLS where TLS clients need a certificate, and who may not.
    fn plain_clients(&mut self, endpoint: &Setting<Endpoint>, own: &Settings) {
        let secure = &own.mysql.require_secure_transport;
        let plain = match endpoint.accept {
            Accept::Either
            | Accept::Manticore { tls: true }
            | Accept::Kdb(ServerMode::PlainAndTls) => true,
            // There it is for the rules to say who needs a certificate.
            Accept::PostgreSql { tls: true } => own.postgresql.hba_file.is_none(),
            Accept::MySql { tls: true } => !**secure,
            _ => false,
        };
        if plain && own.policy.verify() == VerifyClient::Require {
            let why = format!(
                "'{}' lets in plain clients without the certificate that TLS clients need",
                endpoint.value
            );
            self.warn(&endpoint.origin, "server.endpoint", why);
        }
        let on_tcp = matches!(endpoint.address, Address::Tcp { .. });
        if endpoint.accept == (Accept::MySql { tls: false }) && **secure && on_tcp {
            let why = format!(
                "serves nobody on '{}', where there is no TLS",
                endpoint.value
            );
            self.warn(&secure.origin, "mysql.require-secure-transport", why);
        }
    }

    /// Whether a backend can answer on an endpoint.
    fn way(&mut self, endpoint: &Setting<Endpoint>, way: Way<'_>) {
        let Way {
            backend, origin, ..
        } = way;
        let place = || format!("endpoint '{}' ({})", endpoint.value, endpoint.origin);
        match backend {
            Backend::MySql(_) if !endpoint.accept.is_mysql() => {
                let why = format!(
                    "'{backend}' is for mysql:// endpoints, which {} is not",
                    place()
                );
                self.error(origin, "backend", why);
            }
            Backend::PostgreSql(_) if endpoint.accept.is_mysql() => {
                let why = format!(
                    "'{backend}' does not answer in MySQL's protocol, which {} speaks",
                    place()
                );
                self.error(origin, "backend", why);
            }
            Backend::Service(_) if endpoint.accept.is_mysql() => {
                let why = format!(
                    "'{backend}' does not speak MySQL's protocol, which {} needs",
                    place()
                );
                self.error(origin, "backend", why);
            }
            Backend::Address(Address::Unix(_)) if endpoint.accept.is_mysql() => {
                let why = "over its unix socket the server takes every client for the user that tlsport runs as: no \
                           account of that name may have 'unix_socket' or 'auth_socket' (root's has, in many servers)";
                self.warn(origin, "backend", why);
            }
            Backend::Address(Address::Tcp { host, .. })
                if endpoint.accept == (Accept::MySql { tls: true }) && !is_here(host) =>
            {
                let why = format!(
                    "passwords can cross to '{backend}' in the clear, as clients in TLS send some as they are: \
                     mysql+tls:// has TLS there"
                );
                self.warn(origin, "backend", why);
            }
            _ => {}
        }
        // A backend that is this server would be connected to for ever.
        if let Some(to) = backend
            .address()
            .filter(|to| reaches(to, &endpoint.address))
        {
            let why = format!(
                "'{to}' is this server's own endpoint '{}' ({})",
                endpoint.value, endpoint.origin
            );
            self.error(origin, "backend", why);
        }
    }

    /// What was chosen for a kind of endpoint that there is none of.
    fn for_other_endpoints(&mut self, settings: &Settings, warned: bool) {
        let endpoints = &settings.endpoints;
        let is_unix = |address: &Address| matches!(address, Address::Unix(_));
        let on_tcp = |own: &Settings| {
            let mut to = own
                .all_backends()
                .filter_map(|(backend, _)| backend.address());
            to.any(|address| !is_unix(address))
        };
        let tcp = endpoints
            .iter()
            .any(|e| !is_unix(&e.address) || on_tcp(&settings.of_endpoint(e)));
        if !tcp && !on_tcp(settings) {
            let congestion = chosen(&settings.tcp.congestion);
            self.idle(congestion, "tcp.congestion", "as no socket is of TCP");
        }
        if !endpoints.iter().any(|e| e.accept.is_postgresql()) {
            let file = chosen(&settings.postgresql.hba_file);
            let why = "as no endpoint speaks PostgreSQL's protocol";
            self.idle(file, "postgresql.hba-file", why);
        }
        if !endpoints.iter().any(|e| e.accept.is_mysql()) {
            let secure = chosen(&settings.mysql.require_secure_transport);
            let why = "as no endpoint speaks MySQL's protocol";
            self.idle(secure, "mysql.require-secure-transport", why);
        }
        if !endpoints.is_empty() {
            self.for_other_backends(settings);
        }
        let plain = !settings.serves_tls();
        if let (Some(file), true, false) = (settings.policy.key_files.first(), plain, warned) {
            self.idle(
                Some(&file.origin),
                "ssl.keyfile",
                "as no endpoint speaks TLS",
            );
        }
    }

    /// Backends for what is spoken nowhere.
    fn for_other_backends(&mut self, settings: &Settings) {
        let ways = settings
            .endpoints
            .iter()
            .flat_map(|e| settings.ways(e.accept));
        let led_to: Vec<&Backend> = ways.map(|way| way.backend).collect();
        for Setting { value, origin } in &settings.backends {
            let (what, backend) = value;
            // Compared by place: two may be alike.
            if !led_to.iter().any(|one| std::ptr::eq(*one, backend)) {
                let why = format!("'{what}={backend}' has no effect, as no endpoint speaks it");
                self.info(origin, "backend", why);
            }
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
    let everywhere = |host: &str| matches!(host, "0.0.0.0" | "::");
    let local = is_here(to) || everywhere(to);
    *port == *listening && *port != 0 && (to == on || local && (is_here(on) || everywhere(on)))
}

fn is_here(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}
