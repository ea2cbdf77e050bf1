//! Which keys of an object count, and what kind of value each has to have.
//!
//! The gateway leaves alone what it does not know, and takes a key in the wrong place for nothing; its linter complains.
//! Here both are errors in the objects about TLS, and so is a key about TLS that stands beside them. Read next: `service`.

use super::json::{Member, Node, Value};
use crate::dialect::Source;
use crate::settings::{Builder, Note, Origin, complaint, nearest_word, quoted};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The keys of one kind of object.
pub(super) struct Keys {
    /// What the object is called; nothing for the file itself.
    pub(super) of: &'static str,
    pub(super) known: &'static [&'static str],
    /// Whether others are other parts' of the gateway.
    pub(super) is_open: bool,
}

/// Those of the file that concern us.
pub(super) const SERVICE: Keys = Keys {
    of: "",
    known: &[
        "port",
        "listen_ip",
        "read_timeout",
        "read_header_timeout",
        "write_timeout",
        "idle_timeout",
        "dialer_timeout",
        "allow_insecure_connections",
        "tls",
        "client_tls",
        "extra_config",
    ],
    is_open: true,
};

/// Where our own options are in `extra_config`.
pub(super) const OWN: &str = "tlsport";

pub(super) const EXTRA_CONFIG: Keys = Keys {
    of: "extra_config",
    known: &[OWN],
    is_open: true,
};

pub(super) const TLS: Keys = Keys {
    of: "tls",
    known: &[
        "public_key",
        "private_key",
        "keys",
        "disabled",
        "min_version",
        "max_version",
        "curve_preferences",
        "cipher_suites",
        "enable_mtls",
        "ca_certs",
        "disable_system_ca_pool",
        "prefer_server_cipher_suites",
    ],
    is_open: false,
};

pub(super) const CLIENT_TLS: Keys = Keys {
    of: "client_tls",
    known: &[
        "allow_insecure_connections",
        "ca_certs",
        "disable_system_ca_pool",
        "min_version",
        "max_version",
        "curve_preferences",
        "cipher_suites",
        "client_certs",
    ],
    is_open: false,
};

pub(super) const KEY_PAIR: Keys = Keys {
    of: "tls.keys",
    known: &["public_key", "private_key"],
    is_open: false,
};

pub(super) const CLIENT_CERT: Keys = Keys {
    of: "client_tls.client_certs",
    known: &["certificate", "private_key"],
    is_open: false,
};

/// Something as it was given: by whom, and under which name.
#[derive(Clone, Debug)]
pub(super) struct Given<T = Value> {
    pub(super) name: String,
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T> Given<T> {
    /// The same with another value.
    pub(super) fn with<U>(&self, value: U) -> Given<U> {
        Given {
            name: self.name.clone(),
            value,
            origin: self.origin.clone(),
        }
    }
}

/// What is given for the keys of an object; null is nothing.
pub(super) type Object = BTreeMap<&'static str, Given>;

/// What is kept while a file is gone through.
pub(super) struct Reading<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) builder: &'a mut Builder,
    pub(super) file: Arc<Path>,
    /// How many keys were other parts' of the gateway.
    pub(super) left_alone: usize,
}

impl Reading<'_> {
    pub(super) fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: Arc::clone(&self.file),
            line,
        }
    }

    /// Hands an option to the builder.
    pub(super) fn set<T>(&mut self, option: &str, given: &Given<T>, value: &str) {
        let Given { name, origin, .. } = given;
        self.builder.set_as(option, name, value, origin.clone());
    }

    /// Says what is wrong with a value.
    pub(super) fn wrong<T>(&mut self, given: &Given<T>, why: &str) {
        self.builder
            .problem(complaint(&given.origin, &given.name, why));
    }

    /// The same, where an option is missing for that, which is not said besides.
    pub(super) fn missing<T>(&mut self, option: &'static str, given: &Given<T>, why: &str) {
        self.builder
            .unread_option(option, complaint(&given.origin, &given.name, why));
    }

    /// Says what is probably not meant.
    pub(super) fn warn<T>(&mut self, given: &Given<T>, why: &str) {
        let text = format!("{}: '{}': {why}", given.origin, given.name);
        self.builder.note(Note::warn(text));
    }

    /// Says what is good to know.
    pub(super) fn info<T>(&mut self, given: &Given<T>, why: &str) {
        let text = format!("{}: '{}': {why}", given.origin, given.name);
        self.builder.note(Note::info(text));
    }

    /// The keys of an object that count; what is wrong with the others is told.
    pub(super) fn object(&mut self, keys: &Keys, members: &[Member]) -> Object {
        let mut object = Object::new();
        for Member { key, line, node } in members {
            if is_comment(key) {
                continue;
            }
            let Some(known) = keys.known.iter().find(|known| *known == key) else {
                self.unknown(keys, key, *line);
                continue;
            };
            let given = Given {
                name: named(keys.of, known),
                value: node.value.clone(),
                origin: self.origin(*line),
            };
            match object.get(known) {
                Some(first) => {
                    let first = self.shortly(&first.origin);
                    self.wrong(&given, &format!("is given twice (first {first})"));
                }
                None => {
                    object.insert(known, given);
                }
            }
        }
        object.retain(|_, given| given.value != Value::Null);
        object
    }

    /// A place, without the file where that is this one.
    fn shortly(&self, origin: &Origin) -> String {
        match origin {
            Origin::File { line, .. } => format!("at line {line}"),
            other => other.to_string(),
        }
    }

    /// A key that is none of an object's: one of another's, or a misspelt one, or of the file none of ours.
    fn unknown(&mut self, keys: &Keys, key: &str, line: usize) {
        let given = Given {
            name: named(keys.of, key),
            value: (),
            origin: self.origin(line),
        };
        let likely = key.to_ascii_lowercase().replace('-', "_");
        let homes: Vec<String> = [SERVICE, TLS, CLIENT_TLS]
            .iter()
            .filter(|other| !keys.of.contains('.') && other.of != keys.of)
            .filter(|other| other.known.contains(&&*likely))
            .map(|other| match other.of {
                "" => "the top level".to_owned(),
                of => quoted(of),
            })
            .collect();
        let near = nearest_word(&likely, keys.known.iter().copied());
        if let Some(near) = near.filter(|near| homes.is_empty() || *near == likely) {
            let near = quoted(near);
            self.wrong(&given, &format!("unknown key: did you mean {near}?"));
        } else if !homes.is_empty() {
            let homes = homes.join(" or ");
            self.wrong(&given, &format!("has no effect here: its place is {homes}"));
        } else if keys.is_open {
            self.left_alone += 1;
        } else {
            let known = keys.known.join(", ");
            self.wrong(&given, &format!("unknown key: it is not one of {known}"));
        }
    }

    /// Says that a value is of another kind than it has to be.
    pub(super) fn not_a(&mut self, given: &Given, kind: &str) {
        let got = match &given.value {
            Value::Number(text) => quoted(text),
            Value::Text(text) => quoted(text),
            other => other.kind().to_owned(),
        };
        self.wrong(given, &format!("expected {kind}, got {got}"));
    }

    pub(super) fn text(&mut self, given: &Given) -> Option<Given<String>> {
        match &given.value {
            Value::Text(text) if text.contains('\u{fffd}') => {
                let why = format!("{} is not UTF-8 text", quoted(text));
                self.wrong(given, &why);
                None
            }
            Value::Text(text) => Some(given.with(text.clone())),
            _ => {
                self.not_a(given, "a text");
                None
            }
        }
    }

    /// A text that is not empty, which is as good as none.
    pub(super) fn filled(&mut self, given: Option<&Given>) -> Option<Given<String>> {
        self.text(given?).filter(|given| !given.value.is_empty())
    }

    /// Whether a switch is there and on. The environment has Go's words for it.
    pub(super) fn is_on(&mut self, given: Option<&Given>) -> bool {
        let Some(given) = given else {
            return false;
        };
        let environment = matches!(given.origin, Origin::Environment(_));
        let on = match &given.value {
            Value::Bool(on) => Some(*on),
            Value::Text(text) if environment => match &text[..] {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if on.is_none() {
            self.not_a(given, "true or false");
        }
        on.unwrap_or(false)
    }

    /// A number that fits into 16 bits, as ports and IANA's numbers do.
    pub(super) fn number(&mut self, given: &Given) -> Option<Given<u16>> {
        let environment = matches!(given.origin, Origin::Environment(_));
        let number = match &given.value {
            Value::Number(text) => text.parse().ok(),
            Value::Text(text) if environment => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.not_a(given, "a whole number from 0 to 65535");
        }
        Some(given.with(number?))
    }

    /// What is in a list, each with its line.
    pub(super) fn list(&mut self, given: &Given) -> Vec<Given> {
        let Value::List(nodes) = &given.value else {
            self.not_a(given, "a list");
            return Vec::new();
        };
        let one = |node: &Node| Given {
            name: given.name.clone(),
            value: node.value.clone(),
            origin: self.origin(node.line),
        };
        nodes.iter().map(one).collect()
    }

    /// Texts in a list, without empty ones.
    pub(super) fn texts(&mut self, given: Option<&Given>) -> Vec<Given<String>> {
        let list = given.map(|given| self.list(given)).unwrap_or_default();
        let texts = list.iter().filter_map(|one| self.filled(Some(one)));
        texts.collect()
    }

    /// Numbers in a list; `None` where it is empty, which is as good as none, or wrong.
    pub(super) fn numbers(&mut self, given: Option<&Given>) -> Option<Given<Vec<Given<u16>>>> {
        let given = given?;
        let list = self.list(given);
        let numbers: Vec<_> = list.iter().map(|one| self.number(one)).collect();
        let numbers: Option<Vec<_>> = numbers.into_iter().collect();
        let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
        Some(given.with(numbers))
    }

    /// The keys of an object that count.
    pub(super) fn inner(&mut self, keys: &Keys, given: &Given) -> Option<Object> {
        match &given.value {
            Value::Object(members) => Some(self.object(keys, members)),
            _ => {
                self.not_a(given, "an object");
                None
            }
        }
    }
}

/// Whether a key is there for its readers alone.
pub(super) fn is_comment(key: &str) -> bool {
    key.starts_with(['@', '$', '_', '#'])
}

/// A key with what it is a key of.
fn named(of: &str, key: &str) -> String {
    match of {
        "" => key.to_owned(),
        of => format!("{of}.{key}"),
    }
}
