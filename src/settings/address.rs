//! Places: hosts with ports, and unix sockets, as ArangoDB's grammar of endpoints has them.
//!
//! Names are not resolved here. What ArangoDB takes for something else than was written (a port that is not a
//! number, which it reads as 0; a path behind the port) is refused.

use super::value::quoted;
use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The port of PostgreSQL's protocol, where none is named.
pub(super) const POSTGRESQL_PORT: u16 = 5432;

/// The same of MySQL's.
pub(super) const MYSQL_PORT: u16 = 3306;

/// The port of kdb+'s examples, as it has none of its own.
pub(super) const KDB_PORT: u16 = 5000;

/// Where kdb+'s unix sockets are named, unless `QUDSPATH` says otherwise.
pub(crate) const KDB_SOCKETS: &str = "/tmp";

/// The name that kdb+ gives the unix socket beside a port: an abstract one.
pub(crate) fn kdb_socket(directory: &Path, port: u16) -> PathBuf {
    let mut name = OsString::from("@");
    name.push(directory.join(format!("kx.{port}")));
    name.into()
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

pub(super) fn socket_path(path: &str) -> Result<PathBuf, Option<String>> {
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
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), Option<String>> {
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

/// `HOST:FIRST-LAST` as `HOST:FIRST` and the last port; a host's name may hold hyphens.
pub(super) fn port_range(text: &str) -> Result<(&str, Option<u16>), Option<String>> {
    let Some((first, last)) = text.rsplit_once('-') else {
        return Ok((text, None));
    };
    let before = first.rsplit_once(':').map(|(_, port)| port);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match before {
        Some(port) if is_number(port) => Ok((first, Some(port_number(last)?))),
        _ => Ok((text, None)),
    }
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

pub(super) fn address(text: &str) -> Result<Address, String> {
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
pub(super) fn server(text: &str, otherwise: Option<u16>) -> Result<Address, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = host_and_port(text).map_err(Option::unwrap_or_default)?;
    match port.or(otherwise) {
        None => Err("a port is missing".into()),
        Some(0) => Err("port 0 cannot be connected to".into()),
        Some(port) => Ok(Address::Tcp { host, port }),
    }
}

/// A host name, or an address with or without its brackets, as a certificate may be for it.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let host = if bare.contains(':') {
        ipv6(bare)
    } else {
        host_name(text)
    };
    host.map_err(Option::unwrap_or_default)
}
