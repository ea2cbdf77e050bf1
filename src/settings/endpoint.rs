//! Where to listen, and what is spoken there: ArangoDB's grammar, and more schemes in its manner.
//!
//! Read next: `address` (what follows the scheme), `own` (options that follow an endpoint).

use super::address::{
    Address, KDB_PORT, MYSQL_PORT, POSTGRESQL_PORT, host_and_port, port_range, socket_path,
};
use super::own::Own;
use super::value::{Value, quoted};
use std::fmt;
use std::str::FromStr;

/// A listening address and what it accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// What is spoken there.
    pub accept: Accept,
    /// The last port of a range, of which the first that is free is listened on.
    pub last_port: Option<u16>,
    /// Options for this endpoint alone.
    pub own: Own,
}

/// What an endpoint accepts. Without `tls`, a protocol that would offer it says that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Accept {
    /// Bytes as they are.
    Plain,
    /// TLS from the first byte.
    Tls,
    /// Either, told apart by the first byte.
    Either,
    /// PostgreSQL's protocol, in which the client asks for TLS, or begins with it.
    PostgreSql { tls: bool },
    /// MySQL's protocol, in which the client asks for TLS that the server has offered.
    MySql { tls: bool },
    /// Manticore Search's port for several protocols: HTTP, HTTPS and the binary API.
    Manticore { tls: bool },
    /// The same, where HTTP is refused.
    ManticoreHttps { tls: bool },
    /// Manticore Search's binary API, in which there is no TLS.
    Sphinx,
    /// TLS from the first byte, where HTTP in the clear is told so: KrakenD's port.
    Gateway,
    /// kdb+'s port, in the mode of its `-E`.
    Kdb(ServerMode),
}

/// kdb+'s TLS server mode, `-E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMode {
    /// 0: no TLS, and who begins with it is told so in the log.
    Plain,
    /// 1: both, told apart by the first byte.
    PlainAndTls,
    /// 2: TLS alone.
    Tls,
}

/// What can be told apart of what clients speak, to have a backend of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Spoken {
    MySql,
    Http,
    /// HTTP/2, as ALPN tells it from HTTP/1.1.
    H2,
    Sphinx,
}

impl Spoken {
    /// What is spoken inside TLS, as ALPN tells.
    pub(crate) fn inside_tls(alpn: Option<&[u8]>) -> Spoken {
        match alpn {
            Some(b"h2") => Spoken::H2,
            _ => Spoken::Http,
        }
    }

    /// The words for them, in the order messages list them.
    pub(super) const WORDS: &'static [(&'static str, Spoken)] = &[
        ("mysql", Spoken::MySql),
        ("http", Spoken::Http),
        ("h2", Spoken::H2),
        ("sphinx", Spoken::Sphinx),
    ];
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Spoken::WORDS.iter().find(|(_, spoken)| spoken == self);
        f.write_str(known.map_or("", |(word, _)| word))
    }
}

impl Accept {
    /// Whether TLS is spoken there.
    pub fn has_tls(self) -> bool {
        match self {
            Accept::Plain | Accept::Sphinx | Accept::Kdb(ServerMode::Plain) => false,
            Accept::Tls | Accept::Either | Accept::Gateway | Accept::Kdb(_) => true,
            Accept::PostgreSql { tls }
            | Accept::MySql { tls }
            | Accept::Manticore { tls }
            | Accept::ManticoreHttps { tls } => tls,
        }
    }

    /// The same without TLS, for what can do without.
    pub(super) fn without_tls(self) -> Option<Accept> {
        match self {
            Accept::Tls | Accept::Either | Accept::Gateway | Accept::Kdb(_) => None,
            Accept::Plain | Accept::Sphinx => Some(self),
            Accept::PostgreSql { .. } => Some(Accept::PostgreSql { tls: false }),
            Accept::MySql { .. } => Some(Accept::MySql { tls: false }),
            Accept::Manticore { .. } => Some(Accept::Manticore { tls: false }),
            Accept::ManticoreHttps { .. } => Some(Accept::ManticoreHttps { tls: false }),
        }
    }

    /// Whether PostgreSQL's protocol is spoken there.
    pub fn is_postgresql(self) -> bool {
        matches!(self, Accept::PostgreSql { .. })
    }

    /// Whether MySQL's protocol is spoken there.
    pub fn is_mysql(self) -> bool {
        matches!(self, Accept::MySql { .. })
    }

    /// What of it can have a backend of its own, the one that has to be answered first.
    pub fn spoken(self) -> &'static [Spoken] {
        match self {
            Accept::Plain | Accept::Either | Accept::PostgreSql { .. } | Accept::Kdb(_) => &[],
            Accept::Tls | Accept::Gateway => &[Spoken::Http, Spoken::H2],
            Accept::MySql { .. } => &[Spoken::MySql],
            Accept::Manticore { .. } | Accept::ManticoreHttps { .. } => {
                &[Spoken::Http, Spoken::Sphinx]
            }
            Accept::Sphinx => &[Spoken::Sphinx],
        }
    }

    /// The port of an endpoint that names none.
    fn default_port(self) -> u16 {
        match self {
            Accept::Plain | Accept::Tls | Accept::Either => 8529,
            Accept::PostgreSql { .. } => POSTGRESQL_PORT,
            Accept::MySql { .. } => MYSQL_PORT,
            Accept::Manticore { .. } | Accept::ManticoreHttps { .. } | Accept::Sphinx => 9312,
            Accept::Gateway => 8080,
            Accept::Kdb(_) => KDB_PORT,
        }
    }
}

/// What stands in front of `://`.
struct Scheme {
    name: &'static str,
    accept: Accept,
    /// Whether a path to a unix socket follows.
    unix: bool,
}

const fn tcp(name: &'static str, accept: Accept) -> Scheme {
    let unix = false;
    Scheme { name, accept, unix }
}

const fn unix(name: &'static str, accept: Accept) -> Scheme {
    let unix = true;
    Scheme { name, accept, unix }
}

/// Every scheme, in the order messages list them.
const SCHEMES: &[Scheme] = &[
    tcp("tcp", Accept::Plain),
    tcp("ssl", Accept::Tls),
    tcp("tcp+ssl", Accept::Either),
    unix("unix", Accept::Plain),
    unix("ssl+unix", Accept::Tls),
    tcp("postgres", Accept::PostgreSql { tls: true }),
    tcp("postgres+tcp", Accept::PostgreSql { tls: false }),
    unix("postgres+unix", Accept::PostgreSql { tls: false }),
    tcp("mysql", Accept::MySql { tls: true }),
    tcp("mysql+tcp", Accept::MySql { tls: false }),
    unix("mysql+unix", Accept::MySql { tls: false }),
    unix("mysql+ssl+unix", Accept::MySql { tls: true }),
    tcp("manticore", Accept::Manticore { tls: true }),
    tcp("manticore+tcp", Accept::Manticore { tls: false }),
    unix("manticore+unix", Accept::Manticore { tls: false }),
    unix("manticore+ssl+unix", Accept::Manticore { tls: true }),
    tcp("manticore+https", Accept::ManticoreHttps { tls: true }),
    unix("manticore+https+unix", Accept::ManticoreHttps { tls: true }),
    tcp("sphinx", Accept::Sphinx),
    unix("sphinx+unix", Accept::Sphinx),
    tcp("gateway", Accept::Gateway),
    tcp("kdb+tcp", Accept::Kdb(ServerMode::Plain)),
    tcp("kdb", Accept::Kdb(ServerMode::PlainAndTls)),
    tcp("kdb+tcps", Accept::Kdb(ServerMode::Tls)),
    unix("kdb+unix", Accept::Kdb(ServerMode::Plain)),
    unix("kdb+unix+unixs", Accept::Kdb(ServerMode::PlainAndTls)),
    unix("kdb+unixs", Accept::Kdb(ServerMode::Tls)),
];

/// Other names of schemes.
const ALIASES: &[(&str, &str)] = &[
    ("http", "tcp"),
    ("https", "ssl"),
    ("postgresql", "postgres"),
    ("mysql41", "mysql"),
];

fn scheme(name: &str) -> Option<&'static Scheme> {
    let name = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(&name[..], |(_, name)| name);
    SCHEMES.iter().find(|scheme| scheme.name == name)
}

impl fmt::Display for Endpoint {
    /// ArangoDB's unified form, as it stands in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_unix = matches!(self.address, Address::Unix(_));
        let is = |accept| {
            let mut all = SCHEMES.iter().filter(|scheme| scheme.accept == accept);
            all.find(|scheme| scheme.unix == on_unix)
        };
        // One that does without TLS although its name is about it is still called so.
        let with_tls = match self.accept {
            Accept::ManticoreHttps { .. } => Accept::ManticoreHttps { tls: true },
            Accept::Either | Accept::PostgreSql { .. } if on_unix => {
                Accept::PostgreSql { tls: false }
            }
            accept => accept,
        };
        let name = is(self.accept)
            .or_else(|| is(with_tls))
            .map_or("", |scheme| scheme.name);
        if matches!(self.accept, Accept::Plain | Accept::Tls | Accept::Either) {
            f.write_str("http+")?;
        }
        write!(f, "{name}://{}", self.address)?;
        if let Some(last) = self.last_port {
            write!(f, "-{last}")?;
        }
        self.own.fmt(f)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads an endpoint as ArangoDB does: case is ignored but in socket paths, `http+`, `http@` and `vst+` may
    /// stand in front, one slash may end it, the port is 8529 unless given, `localhost` is 127.0.0.1. Options of its own
    /// may follow, each behind a comma.
    fn from_str(text: &str) -> Result<Endpoint, String> {
        let (place, own) = Own::cut(text);
        let endpoint = endpoint(place).map_err(|why| match why {
            Some(why) => format!("invalid endpoint {}: {why}", quoted(place)),
            None => format!("invalid endpoint {}", quoted(place)),
        })?;
        let own = Own::parse(&own).map_err(|why| format!("endpoint {}: {why}", quoted(place)))?;
        Ok(Endpoint { own, ..endpoint })
    }
}

/// The endpoint, or why it is none, where more can be said than that it is not understood.
fn endpoint(text: &str) -> Result<Endpoint, Option<String>> {
    let text = text.trim();
    if text.len() < 7 {
        return Err(None);
    }
    let whole = text;
    let text = text.strip_suffix('/').unwrap_or(text).trim_end();
    let text = strip_prefix(text, &["http+", "http@"]);
    let text = strip_prefix(text, &["vst+"]);
    let (name, rest) = text
        .split_once("://")
        // In 'unix://' it is not the scheme that is missing.
        .ok_or_else(|| (!whole.contains("://")).then(no_scheme))?;
    let Some(scheme) = scheme(name) else {
        return Err(Some(match name.eq_ignore_ascii_case("srv") {
            true => "srv:// is for clients".into(),
            false => no_scheme(),
        }));
    };
    let accept = scheme.accept;
    let mut last_port = None;
    let address = if scheme.unix {
        Address::Unix(socket_path(rest)?)
    } else {
        let (rest, last) = port_range(rest)?;
        last_port = last;
        let (host, port) = host_and_port(rest)?;
        let host = if host == "localhost" {
            "127.0.0.1".into()
        } else {
            host
        };
        let port = port.unwrap_or(accept.default_port());
        match last_port {
            Some(last) if port == 0 || last < port => {
                return Err(Some(format!("{port}-{last} is no range of ports")));
            }
            _ => Address::Tcp { host, port },
        }
    };
    Ok(Endpoint {
        address,
        accept,
        last_port,
        own: Own::default(),
    })
}

fn no_scheme() -> String {
    let names: Vec<String> = SCHEMES
        .iter()
        .map(|scheme| format!("{}://", scheme.name))
        .collect();
    format!("it begins with none of {}", names.join(", "))
}

/// `text` without the first of some prefixes, whatever their case.
fn strip_prefix<'a>(text: &'a str, prefixes: &[&str]) -> &'a str {
    prefixes
        .iter()
        .find_map(|prefix| {
            let (head, rest) = text.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(rest)
        })
        .unwrap_or(text)
}

impl Value for Endpoint {
    fn parse(text: &str) -> Result<Endpoint, String> {
        text.parse()
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests;
