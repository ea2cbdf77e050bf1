//! What becomes of the keys of `searchd`: endpoints, an identity, deadlines. Our own options, behind `tlsport.`, come a
//! layer above.
//!
//! Listeners speak TLS when there is a certificate or a key, wherever it is named. What then cannot be set up is no error:
//! the original goes on without TLS, and so does `ssl.unusable=degrade`, the default here.

use super::listen::{Address, Listen, MYSQL_PORT, PORT, Protocol};
use super::reading::{Given, Reading};
use super::time::time;
use crate::dialect::file::beside;
use crate::settings::{
    Accept, Builder, Endpoint, Note, Origin, Settings, Unusable, complaint, quoted,
};

/// The files, and what they are to us.
const FILES: &[(&str, &str)] = &[
    ("ssl_ca", "ssl.cafile"),
    ("ssl_cert", "ssl.certfile"),
    ("ssl_key", "ssl.keyfile"),
];

/// How long clients of each kind may be silent between requests, as an option behind an endpoint.
struct Idle {
    http: String,
    mysql: String,
}

impl Reading<'_> {
    /// Goes through all that was given.
    pub(super) fn apply(&mut self) {
        self.builder.begin_layer();
        let idle = Idle {
            http: self.idle("client_timeout", "300s"),
            mysql: self.idle("sphinxql_timeout", "900s"),
        };
        self.endpoints(&idle);
        for (key, option) in FILES {
            if let Some(given) = self.given(key) {
                self.set_file(option, &given);
            }
        }
        self.handshake();
        self.builder.begin_layer();
        for (record, given) in std::mem::take(&mut self.own) {
            self.set(record.name, &given, &given.value);
        }
    }

    fn set(&mut self, option: &str, given: &Given, value: &str) {
        let origin = given.origin.clone();
        self.builder.set_as(option, &given.name, value, origin);
    }

    /// Says what is wrong with a value.
    fn wrong(&mut self, given: &Given, why: &str) {
        self.builder
            .problem(complaint(&given.origin, &given.name, why));
    }

    /// The same, where an option is missing for that, which is not said besides.
    fn missing(&mut self, option: &'static str, given: &Given, why: &str) {
        let error = complaint(&given.origin, &given.name, why);
        self.builder.unread_option(option, error);
    }

    /// A relative path begins where the file is, and not where the server happened to be started.
    fn set_file(&mut self, option: &'static str, given: &Given) {
        match beside(&self.file, &given.value).to_str() {
            Some(path) => self.set(option, given, path),
            None => {
                let file = self.file.display();
                let why =
                    format!("the path of '{file}' is no UTF-8 text: give an absolute one here");
                self.missing(option, given, &why);
            }
        }
    }

    /// The time that was given for a key, or its default. Whoever sets `timeout.keep-alive` beside it means all endpoints.
    fn idle(&mut self, key: &str, default: &str) -> String {
        let given = self.given(key);
        let read = given.as_ref().map(|given| time(&given.value));
        let time = match (given, read) {
            (_, Some(Ok(time))) => time,
            (Some(given), Some(Err(why))) => {
                self.wrong(&given, &why);
                return String::new();
            }
            _ => default.to_owned(),
        };
        match self.has_own("timeout.keep-alive") {
            true => String::new(),
            false => format!(",timeout.keep-alive={time}"),
        }
    }

    /// `network_timeout`, or what it was called before.
    fn handshake(&mut self) {
        let given = self.given("network_timeout");
        let Some(given) = given.or_else(|| self.given("read_timeout")) else {
            return;
        };
        match time(&given.value) {
            Ok(time) => self.set("timeout.handshake", &given, &time),
            Err(why) => self.wrong(&given, &why),
        }
    }

    /// Whether an option of ours is given behind `tlsport.`.
    fn has_own(&self, option: &str) -> bool {
        self.own.iter().any(|(record, _)| record.name == option)
    }

    fn endpoints(&mut self, idle: &Idle) {
        let listens = std::mem::take(&mut self.listens);
        for given in &listens {
            match Listen::parse(&given.value) {
                Ok(listen) => self.listen(&listen, given, idle),
                Err(why) => self.missing("server.endpoint", given, &why),
            }
        }
        if listens.is_empty() {
            for (port, protocol) in [(PORT, Protocol::Multi), (MYSQL_PORT, Protocol::MySql)] {
                let listen = Listen::on_any(port, protocol);
                let given = Given {
                    name: "listen".into(),
                    value: String::new(),
                    origin: Origin::BuiltIn,
                };
                self.listen(&listen, &given, idle);
            }
        }
    }

    fn listen(&mut self, listen: &Listen, given: &Given, idle: &Idle) {
        let place = format!("{}: 'listen': {}", given.origin, quoted(&given.value));
        let Some(scheme) = scheme(listen).filter(|_| listen.count == 0) else {
            let text = format!("{place} is for replication between servers, and left to them");
            return self.builder.note(Note::info(text));
        };
        if listen.readonly {
            let text = format!(
                "{place}: nothing here keeps clients from writing: its backend has to be a '_readonly' listener of the server"
            );
            self.builder.note(Note::warn(text));
        }
        if listen.vip {
            let text = format!(
                "{place}: '_vip' has no effect here: its backend has to be a '_vip' listener of the server"
            );
            self.builder.note(Note::info(text));
        }
        let idle = match listen.protocol {
            Protocol::MySql => &idle.mysql,
            _ => &idle.http,
        };
        let address = match &listen.address {
            Address::Any => format!("0.0.0.0:{}", listen.port),
            Address::Host(host) => format!("{host}:{}", listen.port),
            Address::Unix(path) => path.clone(),
        };
        let endpoint = format!("{scheme}://{address}{idle}");
        self.set("server.endpoint", given, &endpoint);
    }
}

/// What an endpoint for a listener is called, where there is TLS.
fn scheme(listen: &Listen) -> Option<&'static str> {
    let unix = matches!(listen.address, Address::Unix(_));
    Some(match (listen.protocol, unix) {
        (Protocol::Multi | Protocol::Http, false) => "manticore",
        (Protocol::Multi | Protocol::Http, true) => "manticore+ssl+unix",
        (Protocol::Https, false) => "manticore+https",
        (Protocol::Https, true) => "manticore+https+unix",
        (Protocol::MySql, false) => "mysql",
        (Protocol::MySql, true) => "mysql+ssl+unix",
        (Protocol::Sphinx, false) => "sphinx",
        (Protocol::Sphinx, true) => "sphinx+unix",
        (Protocol::Replication, _) => return None,
    })
}

/// Once all layers are there: where none names a certificate or a key, listeners do without TLS, as the original's, and
/// nothing is said of it but for https listeners.
pub(in crate::dialect) fn complete(builder: &mut Builder) {
    let Settings {
        policy, unusable, ..
    } = builder.settings();
    // Nobody else has it built in.
    let is_ours = unusable.value == Unusable::Degrade && !unusable.is_chosen();
    if !is_ours || !policy.key_files.is_empty() {
        return;
    }
    if let Some(file) = policy.cert_files.first() {
        let origin = &file.origin;
        let text =
            format!("{origin}: the private key of the certificate is missing: 'ssl_key' names it");
        builder.note(Note::warn(text));
    } else {
        builder.without_tls(|endpoint| {
            let Endpoint { accept, own, .. } = &endpoint.value;
            let can = matches!(accept, Accept::MySql { .. } | Accept::Manticore { .. });
            let keyless = !own.0.iter().any(|(record, _)| record.name == "ssl.keyfile");
            can && keyless && !matches!(endpoint.origin, Origin::Flag(_))
        });
    }
}
