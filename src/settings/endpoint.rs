//! Where to listen and where the plain bytes go: ArangoDB's endpoint grammar, and tlsport's for backends.
//!
//! Names are not resolved here. What ArangoDB takes for something else than was written (a port that is not a
//! number, which it reads as 0; a path behind the port) is refused.

use super::value::{Value, quoted};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// The port of an endpoint that names none: ArangoDB's.
const DEFAULT_PORT: u16 = 8529;

/// The same of an endpoint that speaks PostgreSQL's protocol.
const POSTGRESQL_PORT: u16 = 5432;

/// A listening address and what it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// What is spoken there.
    pub accept: Accept,
}

/// What an endpoint accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Bytes as they are.
    Plain,
    /// TLS from the first byte.
    Tls,
    /// Either, told apart by the first byte.
    Either,
    /// PostgreSQL's protocol, in which the client asks for TLS, or begins with it.
    PostgreSql,
    /// PostgreSQL's protocol without TLS: who asks for it is told that there is none.
    PostgreSqlPlain,
}

impl Accept {
    /// Whether TLS is spoken there.
    pub fn has_tls(self) -> bool {
        !matches!(self, Accept::Plain | Accept::PostgreSqlPlain)
    }

    /// Whether PostgreSQL's protocol is spoken there.
    pub fn is_postgresql(self) -> bool {
        matches!(self, Accept::PostgreSql | Accept::PostgreSqlPlain)
    }
}

/// A place to listen on or to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Host (a name, an IPv4 or an IPv6 address without its brackets) and port.
    Tcp {
        /// Name or literal.
        host: String,
        /// Port; 0 lets the system choose.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// Who answers the plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A server at an address, which gets them as they are.
    Address(Address),
    /// A server with TLS from the first byte.
    Tls(Address),
    /// A server with PostgreSQL's protocol, in which TLS is asked for, or begun with.
    PostgreSql(Address),
    /// Something in this process.
    Service(Service),
}

impl Backend {
    /// Where it is, unless it is in this process.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Backend::Address(address) | Backend::Tls(address) | Backend::PostgreSql(address) => {
                Some(address)
            }
            Backend::Service(_) => None,
        }
    }
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for Endpoint {
    /// ArangoDB's unified form, as it stands in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.address, self.accept) {
            (Address::Tcp { .. }, Accept::Plain) => write!(f, "http+tcp://{}", self.address),
            (Address::Tcp { .. }, Accept::Tls) => write!(f, "http+ssl://{}", self.address),
            (Address::Tcp { .. }, Accept::Either) => write!(f, "http+tcp+ssl://{}", self.address),
            (Address::Tcp { .. }, Accept::PostgreSql) => write!(f, "postgres://{}", self.address),
            (Address::Tcp { .. }, Accept::PostgreSqlPlain) => {
                write!(f, "postgres+tcp://{}", self.address)
            }
            (Address::Unix(_), Accept::PostgreSql | Accept::PostgreSqlPlain) => {
                write!(f, "postgres+unix://{}", self.address)
            }
            (Address::Unix(_), Accept::Plain) => write!(f, "http+unix://{}", self.address),
            (Address::Unix(_), Accept::Tls | Accept::Either) => {
                write!(f, "http+ssl+unix://{}", self.address)
            }
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backend::Address(address @ Address::Tcp { .. }) => write!(f, "tcp://{address}"),
            Backend::Address(address @ Address::Unix(_)) => write!(f, "unix://{address}"),
            Backend::Tls(address) => write!(f, "tls://{address}"),
            Backend::PostgreSql(address) => write!(f, "postgres+tls://{address}"),
            Backend::Service(Service::Echo) => f.write_str("service://echo"),
            Backend::Service(Service::Status) => f.write_str("service://status"),
            Backend::Service(Service::Program) => f.write_str("service://program"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads an endpoint as ArangoDB does: case is ignored but in socket paths, `http+`, `http@` and `vst+` may
    /// stand in front, one slash may end it, the port is 8529 unless given, `localhost` is 127.0.0.1.
    fn from_str(text: &str) -> Result<Endpoint, String> {
        endpoint(text).map_err(|why| match why {
            Some(why) => format!("invalid endpoint {}: {why}", quoted(text)),
            None => format!("invalid endpoint {}", quoted(text)),
        })
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
    let (scheme, rest) = text
        .split_once("://")
        // In 'unix://' it is not the scheme that is missing.
        .ok_or_else(|| (!whole.contains("://")).then(no_scheme))?;
    let accept = match scheme.to_ascii_lowercase().as_str() {
        "tcp" | "http" => Accept::Plain,
        "ssl" | "https" => Accept::Tls,
        "tcp+ssl" => Accept::Either,
        "postgres" | "postgresql" => Accept::PostgreSql,
        "postgres+tcp" => Accept::PostgreSqlPlain,
        "postgres+unix" => return on_unix(rest, Accept::PostgreSqlPlain),
        "unix" => return on_unix(rest, Accept::Plain),
        "ssl+unix" => return on_unix(rest, Accept::Tls),
        "srv" => return Err(Some("srv:// is for clients".into())),
        _ => return Err(Some(no_scheme())),
    };
    let (host, port) = host_and_port(rest)?;
    let host = if host == "localhost" {
        "127.0.0.1".into()
    } else {
        host
    };
    Ok(Endpoint {
        address: Address::Tcp {
            host,
            port: port.unwrap_or(if accept.is_postgresql() {
                POSTGRESQL_PORT
            } else {
                DEFAULT_PORT
            }),
        },
        accept,
    })
}

fn no_scheme() -> String {
    "it begins with none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, postgres+tcp://, \
     postgres+unix://"
        .into()
}

fn on_unix(path: &str, accept: Accept) -> Result<Endpoint, Option<String>> {
    Ok(Endpoint {
        address: Address::Unix(socket_path(path)?),
        accept,
    })
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

fn socket_path(path: &str) -> Result<PathBuf, Option<String>> {
    if path.is_empty() {
        return Err(Some("a path is missing".into()));
    }
    if path.ends_with('/') {
        return Err(Some("a path to a socket does not end in '/'".into()));
    }
    if path.contains('\0') {
        return Err(Some("a path holds no zero byte".into()));
    }
    Ok(PathBuf::from(path))
}

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; the host comes back in lower case and without its brackets.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), Option<String>> {
    if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside
            .split_once(']')
            .ok_or_else(|| Some("']' is missing".to_owned()))?;
        let host = ipv6(address)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port_number(port)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Some(format!("{} follows the ']'", quoted(rest)))),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err(Some("an IPv6 address stands in brackets".into()))
        }
        Some((name, port)) => Ok((host_name(name)?, Some(port_number(port)?))),
        None => Ok((host_name(text)?, None)),
    }
}

/// An IPv6 address in its shortest form; a zone may follow after `%`, and keeps its case.
fn ipv6(text: &str) -> Result<String, Option<String>> {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    let in_order = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match address.parse::<Ipv6Addr>() {
        Ok(address) if zone.is_empty() && !text.contains('%') => Ok(address.to_string()),
        Ok(address) if !zone.is_empty() && zone.chars().all(in_order) => {
            Ok(format!("{address}%{zone}"))
        }
        _ => Err(Some(format!("{} is not an IPv6 address", quoted(text)))),
    }
}

fn host_name(text: &str) -> Result<String, Option<String>> {
    let in_order = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() {
        return Err(Some("a host is missing".into()));
    }
    if text.len() > 253 || !text.chars().all(in_order) {
        return Err(Some(format!(
            "{} is not a host name or address",
            quoted(text)
        )));
    }
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.parse::<Ipv4Addr>().is_err() {
        return Err(Some(format!("{} is not an IPv4 address", quoted(text))));
    }
    Ok(text.to_ascii_lowercase())
}

/// A port. ArangoDB reads what is no number as 0; that is refused here, as nobody means it.
fn port_number(text: &str) -> Result<u16, Option<String>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Some(format!("port {} is not a number", quoted(text))));
    }
    text.parse().map_err(|_| {
        Some(format!(
            "specified port number {} is outside the allowed range",
            quoted(text)
        ))
    })
}

impl FromStr for Address {
    type Err = String;

    /// Reads `tcp://HOST:PORT` or `unix://PATH`; the port has to be given.
    fn from_str(text: &str) -> Result<Address, String> {
        address(text.trim()).map_err(|why| format!("{}: {why}", quoted(text)))
    }
}

fn address(text: &str) -> Result<Address, String> {
    let unreadable = || "it is neither tcp://HOST:PORT nor unix:///PATH".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(unreadable)?;
    match scheme.to_ascii_lowercase().as_str() {
        "tcp" => server(rest, None),
        "unix" => {
            let path = socket_path(rest).map_err(|why| why.unwrap_or_else(unreadable))?;
            Ok(Address::Unix(path))
        }
        _ => Err(unreadable()),
    }
}

/// `HOST:PORT` of a server to connect to, or `HOST` where there is a port that goes without saying.
fn server(text: &str, otherwise: Option<u16>) -> Result<Address, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = host_and_port(text).map_err(Option::unwrap_or_default)?;
    match port.or(otherwise) {
        None => Err("a port is missing".into()),
        Some(0) => Err("port 0 cannot be connected to".into()),
        Some(port) => Ok(Address::Tcp { host, port }),
    }
}

/// A host name, or an address with or without its brackets, as a certificate may be for it.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let host = if bare.contains(':') {
        ipv6(bare)
    } else {
        host_name(text)
    };
    host.map_err(Option::unwrap_or_default)
}

impl FromStr for Backend {
    type Err = String;

    /// Reads `tcp://HOST:PORT`, `tls://HOST:PORT`, `postgres+tls://HOST:PORT`, `unix:///PATH`, `service://echo` or
    /// `service://status`.
    fn from_str(text: &str) -> Result<Backend, String> {
        backend(text.trim()).map_err(|why| format!("invalid backend {}: {why}", quoted(text)))
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
        "postgres+tls" | "postgresql+tls" => {
            server(rest, Some(POSTGRESQL_PORT)).map(Backend::PostgreSql)
        }
        "https" | "ssl" | "tcps" | "wss" => {
            Err("bytes are carried as they are: write tls://HOST:PORT".into())
        }
        "http" => Err("bytes are carried as they are: write tcp://HOST:PORT".into()),
        "postgres" | "postgresql" => Err(
            "write postgres+tls://HOST:PORT for TLS, or tcp://HOST:PORT for bytes as they are"
                .into(),
        ),
        "ssl+unix" | "tls+unix" => Err("there is no TLS on unix sockets to a backend".into()),
        _ => Err(
            "it is none of tcp://HOST:PORT, tls://HOST:PORT, postgres+tls://HOST:PORT, unix:///PATH, \
             service://echo, service://status"
                .into(),
        ),
    }
}

impl Value for Endpoint {
    fn parse(text: &str) -> Result<Endpoint, String> {
        text.parse()
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
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
