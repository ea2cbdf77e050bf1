//! Who answers the plain bytes: a server, with TLS or without, or a service in this process; one for everything, or one for
//! each of what is spoken.

use super::address::{Address, MYSQL_PORT, POSTGRESQL_PORT, address, server};
use super::endpoint::{Accept, Spoken};
use super::value::{Value, quoted};
use super::{Origin, Setting, Settings, SslMode};
use std::fmt;
use std::str::FromStr;

/// Who answers the plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A server at an address, which gets them as they are.
    Address(Address),
    /// A server with TLS from the first byte.
    Tls(Address),
    /// A server with PostgreSQL's protocol, in which TLS is asked for, or begun with.
    PostgreSql(Address),
    /// A server with MySQL's protocol, in which TLS is asked for.
    MySql(Address),
    /// Something in this process.
    Service(Service),
}

impl Backend {
    /// Where it is, unless it is in this process.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Backend::Address(address)
            | Backend::Tls(address)
            | Backend::PostgreSql(address)
            | Backend::MySql(address) => Some(address),
            Backend::Service(_) => None,
        }
    }

    /// Whether TLS is to be spoken with it, if it has any.
    pub fn has_tls(&self, mode: SslMode) -> bool {
        match self {
            Backend::Address(_) | Backend::Service(_) => false,
            Backend::Tls(_) => true,
            Backend::PostgreSql(_) | Backend::MySql(_) => mode != SslMode::Disable,
        }
    }
}

/// Who answers what is spoken on an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way<'a> {
    /// What is spoken; `None` where it makes no difference.
    pub spoken: Option<Spoken>,
    /// Who answers.
    pub backend: &'a Backend,
    /// Who said so.
    pub origin: &'a Origin,
}

impl Settings {
    /// Who answers on an endpoint, for each of what is spoken there: the backend for that alone, or the one for everything.
    /// What has neither is left out.
    pub fn ways(&self, accept: Accept) -> Vec<Way<'_>> {
        if accept == Accept::Plain {
            // What comes in the clear is not looked at: where there is no other backend, it is HTTP.
            let http = || self.backend_for(Some(Spoken::Http));
            let way = self.backend_for(None).or_else(http);
            return way
                .map(|way| Way {
                    spoken: None,
                    ..way
                })
                .into_iter()
                .collect();
        }
        let spoken = accept.spoken();
        let is_told_apart = |one: &Setting<(Spoken, Backend)>| spoken.contains(&one.value.0);
        if !self.backends.iter().any(is_told_apart) {
            return self.backend_for(None).into_iter().collect();
        }
        let ways = spoken.iter().map(|spoken| self.backend_for(Some(*spoken)));
        ways.flatten().collect()
    }

    fn backend_for(&self, spoken: Option<Spoken>) -> Option<Way<'_>> {
        let special = self.backends.iter().find(|one| Some(one.value.0) == spoken);
        let (backend, origin) = match special {
            Some(Setting { value, origin }) => (&value.1, origin),
            None => (self.backend.as_ref()?, &self.backend.origin),
        };
        Some(Way {
            spoken,
            backend,
            origin,
        })
    }

    /// Every backend, with who said so.
    pub fn all_backends(&self) -> impl Iterator<Item = (&Backend, &Origin)> {
        let general = self.backend.as_ref().map(|one| (one, &self.backend.origin));
        let special = self.backends.iter().map(|one| (&one.value.1, &one.origin));
        general.into_iter().chain(special)
    }

    /// The backends with which TLS is to be spoken.
    pub fn tls_backends(&self) -> impl Iterator<Item = &Backend> {
        let mode = *self.backend_tls.mode;
        let all = self.all_backends().map(|(backend, _)| backend);
        all.filter(move |backend| backend.has_tls(mode))
    }
}

/// Takes one value of `backend`: one for everything, or `SPOKEN=` one.
pub(super) fn add(settings: &mut Settings, text: &str, origin: &Origin) -> Result<(), String> {
    let Some((word, rest)) = text
        .split_once('=')
        .filter(|(word, _)| !word.contains("://"))
    else {
        let backend = Backend::parse(text)?;
        if let Some(first) = &settings.backend.value {
            return Err(format!("'{backend}' is a second one beside '{first}'"));
        }
        settings.backend = Setting::new(Some(backend), origin.clone());
        return Ok(());
    };
    let word = word.trim();
    let known = Spoken::WORDS.iter().find(|(name, _)| *name == word);
    let Some((_, spoken)) = known else {
        let words: Vec<&str> = Spoken::WORDS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "{} is not one of {}",
            quoted(word),
            words.join(", ")
        ));
    };
    let backend = Backend::parse(rest)?;
    if let Some(first) = settings.backends.iter().find(|one| one.value.0 == *spoken) {
        let first = &first.value.1;
        return Err(format!(
            "'{backend}' is a second one for '{word}' beside '{first}'"
        ));
    }
    let value = (*spoken, backend);
    settings.backends.push(Setting::new(value, origin.clone()));
    Ok(())
}

/// All that was given, as it can be read again.
pub(super) fn write(settings: &Settings) -> Vec<(String, Origin)> {
    let general = settings
        .backend
        .as_ref()
        .map(|backend| (backend.to_string(), settings.backend.origin.clone()));
    let special = settings.backends.iter().map(|one| {
        let (spoken, backend) = &one.value;
        (format!("{spoken}={backend}"), one.origin.clone())
    });
    general.into_iter().chain(special).collect()
}

/// What can answer without a backend: the words behind `service://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends back what comes.
    Echo,
    /// The status page over HTTP.
    Status,
    /// What the program brings that embeds the server.
    Program,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backend::Address(address @ Address::Tcp { .. }) => write!(f, "tcp://{address}"),
            Backend::Address(address @ Address::Unix(_)) => write!(f, "unix://{address}"),
            Backend::Tls(address) => write!(f, "tls://{address}"),
            Backend::PostgreSql(address) => write!(f, "postgres+tls://{address}"),
            Backend::MySql(address) => write!(f, "mysql+tls://{address}"),
            Backend::Service(Service::Echo) => f.write_str("service://echo"),
            Backend::Service(Service::Status) => f.write_str("service://status"),
            Backend::Service(Service::Program) => f.write_str("service://program"),
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    /// Reads `tcp://HOST:PORT`, `tls://HOST:PORT` (or kdb+'s word for it, `tcps://`), `postgres+tls://HOST:PORT`,
    /// `mysql+tls://HOST:PORT`, `unix:///PATH`, `service://echo` or `service://status`.
    fn from_str(text: &str) -> Result<Backend, String> {
        backend(text.trim()).map_err(|why| {
            let shown = quoted(without_user(text));
            format!("invalid backend {shown}: {why}")
        })
    }
}

fn backend(text: &str) -> Result<Backend, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match scheme.to_ascii_lowercase().as_str() {
        "tcp" | "unix" => address(text).map(Backend::Address),
        "service" => match rest {
            "echo" => Ok(Backend::Service(Service::Echo)),
            "status" => Ok(Backend::Service(Service::Status)),
            "program" => Ok(Backend::Service(Service::Program)),
            _ => Err(format!(
                "the service {} is not one of echo, status",
                quoted(rest)
            )),
        },
        "tls" => server(rest, None).map(Backend::Tls),
        "tcps" => kdb(rest).map(Backend::Tls),
        "postgres+tls" | "postgresql+tls" => {
            server(rest, Some(POSTGRESQL_PORT)).map(Backend::PostgreSql)
        }
        "mysql+tls" => server(rest, Some(MYSQL_PORT)).map(Backend::MySql),
        "mysql" => Err(
            "write mysql+tls://HOST:PORT for TLS, or tcp://HOST:PORT for bytes as they are".into(),
        ),
        "https" | "ssl" | "wss" => {
            Err("bytes are carried as they are: write tls://HOST:PORT".into())
        }
        "http" => Err("bytes are carried as they are: write tcp://HOST:PORT".into()),
        "postgres" | "postgresql" => Err(
            "write postgres+tls://HOST:PORT for TLS, or tcp://HOST:PORT for bytes as they are"
                .into(),
        ),
        "ssl+unix" | "tls+unix" => Err("there is no TLS on unix sockets to a backend".into()),
        _ => Err(
            "it is none of tcp://HOST:PORT, tls://HOST:PORT, postgres+tls://HOST:PORT, mysql+tls://HOST:PORT, \
             unix:///PATH, service://echo, service://status"
                .into(),
        ),
    }
}

/// `HOST:PORT` behind kdb+'s `tcps://`, where no host is this one. Clients say themselves who they are.
fn kdb(text: &str) -> Result<Address, String> {
    let local = format!("localhost{text}");
    let text = if text.starts_with(':') { &local } else { text };
    let behind_host = text.rfind(']').unwrap_or(0);
    match text[behind_host..].split(':').count() {
        0..=2 => server(text, None),
        _ => Err("a user has no place in it: each client says who it is".into()),
    }
}

/// The text without what may follow the port in kdb+'s form: a user, and a password, which no message may hold.
fn without_user(text: &str) -> &str {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    let behind_host = rest.rfind(']').unwrap_or(0);
    let mut colons = rest[behind_host..].match_indices(':');
    match colons.nth(1) {
        Some((user, _)) if scheme.trim().eq_ignore_ascii_case("tcps") => {
            &text[..scheme.len() + 3 + behind_host + user]
        }
        _ => text,
    }
}

impl Value for Backend {
    fn parse(text: &str) -> Result<Backend, String> {
        text.parse()
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests;
