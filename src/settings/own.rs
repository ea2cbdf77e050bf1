//! Options behind a value that are for it alone, as in `ssl://[::]:443,ssl.keyfile=b.pem`: those of an endpoint, and those of
//! a server name.

use super::value::quoted;
use super::{
    Backend, Endpoint, Form, Group, Origin, ProxyProtocol, Record, Setting, Settings, find, nearest,
};
use std::fmt;

/// Options of one endpoint, or of one server name, tried when they were read: records with their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own(pub Vec<(&'static Record, String)>);

impl Own {
    /// Cuts a text into what the options are for, and each of them. Only those commas count that an option's name and `=`
    /// follow: paths and masks may hold commas.
    pub(super) fn cut(text: &str) -> (&str, Vec<&str>) {
        let mut parts = Vec::new();
        let mut start = 0;
        for (comma, _) in text.match_indices(',') {
            if begins_with_option(&text[comma + 1..]) {
                parts.push(&text[start..comma]);
                start = comma + 1;
            }
        }
        parts.push(&text[start..]);
        let first = parts.remove(0);
        (first, parts)
    }

    /// Reads what is for an endpoint.
    pub(super) fn parse(parts: &[&str]) -> Result<Own, String> {
        let mut own = Own::default();
        for part in parts {
            let (record, value) = option(part)?;
            if !is_of_endpoints(record) {
                return Err(format!("'{}' cannot be set for one endpoint", record.name));
            }
            if record.form != Form::Repeated && own.holds(record) {
                return Err(format!("'{}' is given twice", record.name));
            }
            own.0.push((record, value));
        }
        Ok(own)
    }

    /// The options as they are written behind the first comma; nothing for none.
    pub(crate) fn words(&self) -> String {
        self.to_string().trim_start_matches(',').to_owned()
    }

    fn holds(&self, record: &Record) -> bool {
        self.0.iter().any(|(other, _)| *other == record)
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(record, value)| write!(f, ",{}={value}", record.name))
    }
}

/// Options outside the headings about TLS that an endpoint may have for itself.
const OF_ENDPOINTS: &[&str] = &[
    "backend",
    "backend.proxy-protocol",
    "mysql.require-secure-transport",
    "timeout.handshake",
    "timeout.connect",
    "timeout.idle",
    "timeout.keep-alive",
];

/// Options about TLS that all endpoints have in common.
const OF_ALL: &[&str] = &[
    "ssl.server-name-indication",
    "ssl.ticket-keys",
    "ssl.unusable",
    "ssl.verify-server",
];

fn is_of_endpoints(record: &Record) -> bool {
    let of_tls = matches!(
        record.group,
        Group::Identity | Group::Clients | Group::Protocol | Group::Resumption | Group::Backend
    );
    of_tls && !OF_ALL.contains(&record.name) || OF_ENDPOINTS.contains(&record.name)
}

/// What the names of such options begin with.
const SECTIONS: &[&str] = &["ssl.", "tls.", "backend.", "timeout.", "mysql."];

/// Whether an option follows. Any name in the sections of such options counts, so that a misspelt one is not taken for a
/// path. No name holds a comma, so nothing behind the next one is looked at.
fn begins_with_option(text: &str) -> bool {
    let part = text.split(',').next().unwrap_or_default();
    part.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim();
        let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let section = SECTIONS.iter().any(|section| name.starts_with(section));
        (section || find(name).is_some()) && name.chars().all(word)
    })
}

/// Reads and tries `NAME=VALUE`.
pub(super) fn option(part: &str) -> Result<(&'static Record, String), String> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let (name, value) = (name.trim(), value.trim());
    let Some(record) = find(name) else {
        return Err(match nearest(name) {
            Some(near) => format!("unknown option {}: did you mean '{near}'?", quoted(name)),
            None => format!("unknown option {}", quoted(name)),
        });
    };
    (record.set)(&mut Settings::default(), value, &Origin::Program)
        .map_err(|why| format!("'{name}': {why}"))?;
    Ok((record, value.to_owned()))
}

impl Settings {
    /// Whether anything about TLS, with clients or with backends, is not as in other settings.
    pub(crate) fn differs_in_tls(&self, other: &Settings) -> bool {
        let of_tls = |settings: &Settings| {
            let backends: Vec<Backend> = settings.tls_backends().cloned().collect();
            (backends, *settings.proxy_protocol == ProxyProtocol::V2)
        };
        self.policy != other.policy
            || self.backend_tls != other.backend_tls
            || of_tls(self) != of_tls(other)
    }

    /// What holds for one endpoint: these settings with the endpoint's options in their place.
    #[must_use]
    pub fn of_endpoint(&self, endpoint: &Setting<Endpoint>) -> Settings {
        let mut settings = self.clone();
        let own = &endpoint.value.own.0;
        for (record, _) in own {
            (record.clear)(&mut settings);
        }
        for (record, value) in own {
            let set = (record.set)(&mut settings, value, &endpoint.origin);
            debug_assert_eq!(set, Ok(()), "options were tried when they were read");
        }
        settings
    }
}
