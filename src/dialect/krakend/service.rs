//! The keys of the file: where to listen and for how long, what the environment has to say, and our own options.
//!
//! Read next: `tls`, `client_tls`.

use super::json::{Member, Value};
use super::reading::{EXTRA_CONFIG, Given, OWN, Object, Reading, SERVICE, is_comment};
use super::time::{time, written};
use crate::dialect::own;
use crate::error::Error;
use crate::settings::{Form, Note, Origin, quoted};
use std::time::Duration;

/// The port where none is given.
const PORT: u16 = 8080;

/// What variables begin with that beat a key of the file.
const VARIABLES: &str = "KRAKEND_";

/// The keys that a variable can stand for: those with one value.
const SINGLE: &[&str] = &[
    "port",
    "listen_ip",
    "read_timeout",
    "read_header_timeout",
    "write_timeout",
    "idle_timeout",
    "dialer_timeout",
    "allow_insecure_connections",
];

/// How long a request may take to come, and also how long a client may be silent where nothing else says so.
const READ: &str = "read_timeout";

/// The times of which the shortest is how long a handshake may take.
const FOR_HANDSHAKES: &[&str] = &[READ, "read_header_timeout", "write_timeout"];

impl Reading<'_> {
    /// Goes through the file.
    pub(super) fn service(mut self, members: &[Member]) {
        self.builder.begin_layer();
        let mut object = self.object(&SERVICE, members);
        self.environment(&mut object);
        let has_tls = self.tls(object.get("tls"));
        self.endpoints(&object, has_tls);
        self.client_tls(&object);
        self.times(&object);
        if let Some(given) = object.get("extra_config") {
            self.extra(given);
        }
        self.count_left_alone();
    }

    /// Puts variables in the place of what the file says.
    fn environment(&mut self, object: &mut Object) {
        for key in SINGLE {
            let variable = format!("{VARIABLES}{}", key.to_ascii_uppercase());
            let Some(text) = self.source.env(&variable) else {
                continue;
            };
            let origin = Origin::Environment(variable.into());
            if let Some(given) = object.get_mut(key) {
                given.value = Value::Text(text);
                given.origin = origin;
            } else {
                let file = quoted(&self.file.display().to_string());
                let text = format!("{origin}: has no effect, as there is no '{key}' in {file}");
                self.builder.note(Note::warn(text));
            }
        }
    }

    fn endpoints(&mut self, object: &Object, has_tls: bool) {
        let host = self.filled(object.get("listen_ip"));
        let port = object.get("port").and_then(|given| self.number(given));
        let scheme = match has_tls {
            true => "gateway",
            false => "tcp",
        };
        let number = port.as_ref().map_or(0, |given| given.value);
        let number = if number == 0 { PORT } else { number };
        let given = match (&host, &port) {
            (Some(host), _) => host.with(()),
            (None, Some(port)) => port.with(()),
            (None, None) => Given {
                name: "listen_ip".into(),
                value: (),
                origin: Origin::BuiltIn,
            },
        };
        let hosts = match host.as_ref().map_or("", |given| &given.value) {
            // Go listens for both, whichever of the two is asked for.
            "" | "0.0.0.0" | "::" => vec!["0.0.0.0".to_owned(), "[::]".to_owned()],
            host if host.contains(':') => vec![format!("[{host}]")],
            host => vec![host.to_owned()],
        };
        for host in hosts {
            let endpoint = format!("{scheme}://{host}:{number}");
            self.set("server.endpoint", &given, &endpoint);
        }
    }

    /// How long something may take, where there is a limit.
    fn limit(&mut self, object: &Object, key: &str) -> Option<Given<Duration>> {
        let given = object.get(key).and_then(|given| self.text(given))?;
        match time(&given.value) {
            Ok(limit) => Some(given.with(limit?)),
            Err(why) => {
                self.wrong(&given, &why);
                None
            }
        }
    }

    fn times(&mut self, object: &Object) {
        let limits = FOR_HANDSHAKES.iter();
        let limits: Vec<_> = limits.filter_map(|key| self.limit(object, key)).collect();
        if let Some(shortest) = limits.iter().min_by_key(|limit| limit.value) {
            self.set("timeout.handshake", shortest, &written(shortest.value));
        }
        let read = limits.iter().find(|limit| limit.name == READ);
        if let Some(limit) = self.limit(object, "idle_timeout").as_ref().or(read) {
            self.set("timeout.keep-alive", limit, &written(limit.value));
        }
        if let Some(limit) = self.limit(object, "dialer_timeout") {
            self.set("timeout.connect", &limit, &written(limit.value));
        }
    }

    /// Our own options, a layer above.
    fn extra(&mut self, given: &Given) {
        let extra = self.inner(&EXTRA_CONFIG, given);
        let Some(given) = extra.as_ref().and_then(|extra| extra.get(OWN)) else {
            return;
        };
        let Value::Object(members) = &given.value else {
            return self.not_a(given, "an object");
        };
        self.builder.begin_layer();
        for Member { key, line, node } in members.iter().filter(|member| !is_comment(&member.key)) {
            let given = Given {
                name: format!("{}{key}", own::PREFIX),
                value: node.value.clone(),
                origin: self.origin(*line),
            };
            self.own(&given);
        }
    }

    fn own(&mut self, given: &Given) {
        let record = match own::option(&given.name) {
            Ok((record, _)) => record,
            Err(why) => {
                let error = Error::settings(format!("{}: {why}", given.origin));
                return self.builder.problem(error);
            }
        };
        let values = match &given.value {
            Value::Null => return,
            Value::List(_) if record.form == Form::Repeated => self.list(given),
            _ => vec![given.clone()],
        };
        for given in values {
            match &given.value {
                Value::Text(text) | Value::Number(text) => self.set(record.name, &given, text),
                Value::Bool(on) => self.set(record.name, &given, &on.to_string()),
                _ if record.form == Form::Repeated => {
                    self.not_a(&given, "a text, or a list of texts");
                }
                _ => self.not_a(&given, "a text"),
            }
        }
    }

    fn count_left_alone(&mut self) {
        let what = match self.left_alone {
            0 => return,
            1 => "1 key is no concern of tlsport and was left alone".to_owned(),
            count => format!("{count} keys are no concern of tlsport and were left alone"),
        };
        let text = format!("{}: {what}", self.file.display());
        self.builder.note(Note::info(text));
    }
}
