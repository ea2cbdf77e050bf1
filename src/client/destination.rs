//! Connection strings: where a connection goes, what is spoken first, and as whom.

use crate::error::{Error, Kind};
use crate::settings::{KDB_SOCKETS, host, kdb_socket};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a connection goes, read from a connection string in kdb+'s form or a URL:
///
/// | String | What it is |
/// |---|---|
/// | `tcps://HOST:PORT[:USER:PASSWORD]` | kdb+'s IPC; no host is this one |
/// | `unixs://PORT[:USER:PASSWORD]` | the same over the unix socket that kdb+ names after a port |
/// | `unixs:///PATH`, `unixs://@NAME` | the same over a unix socket, or an abstract one |
/// | `https://HOST[:PORT][/PATH]` | one request and its answer |
/// | `wss://HOST[:PORT][/PATH]` | a WebSocket |
/// | `tls://HOST:PORT`, `HOST:PORT` | TLS, and nothing said in it |
///
/// The `:` that q writes in front may stay. An IPv6 address stands in brackets, a user holds no `:`, a password may.
///
/// Neither messages nor `Debug` show the password, or what stands where it may have slipped to.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    spoken: Spoken,
    place: Place,
    /// Whom the certificate has to be for, if that is not the host.
    server_name: Option<String>,
    credentials: String,
    capability: u8,
    path: String,
}

/// What is said first inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// kdb+'s IPC, which begins with who is there.
    Ipc,
    /// HTTP.
    Http,
    /// HTTP that is to become a WebSocket.
    WebSocket,
    /// Nothing.
    Nothing,
}

/// Where a socket is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp {
        host: String,
        port: u16,
    },
    /// A file, or an abstract name behind its `@`.
    Unix(PathBuf),
    /// `kx.PORT` in a directory, among the abstract names.
    Kdb {
        directory: PathBuf,
        port: u16,
    },
}

/// What clients of kdb+ say today: compression, timestamps, UUIDs.
const CAPABILITY: u8 = 3;
/// The most there is so far.
const MOST_CAPABLE: u8 = 6;

const USER_IN_FRONT: &str = "the user stands behind the port: HOST:PORT:USER:PASSWORD";

/// Who is asked for over a unix socket, as no host is named there.
const THIS_HOST: &str = "localhost";

impl Destination {
    /// With who is there, as `USER:PASSWORD`, in place of what the string said.
    ///
    /// # Errors
    /// They hold a zero byte, which would end them.
    pub fn with_credentials(mut self, credentials: &str) -> Result<Destination, Error> {
        if credentials.contains('\0') {
            return Err(usage("user and password hold no zero byte"));
        }
        self.credentials = credentials.to_owned();
        Ok(self)
    }

    /// With another capability to announce than 3; 0 says nothing of any, as the oldest clients did.
    ///
    /// # Errors
    /// It is more than 6.
    pub fn with_capability(mut self, capability: u8) -> Result<Destination, Error> {
        if capability > MOST_CAPABLE {
            let why = format!("capability {capability} is none from 0 to {MOST_CAPABLE}");
            return Err(usage(&why));
        }
        self.capability = capability;
        Ok(self)
    }

    /// With the name or address that the certificate has to be for, in place of the host.
    #[must_use]
    pub fn with_server_name(mut self, name: &str) -> Destination {
        self.server_name = Some(name.to_owned());
        self
    }

    /// With the directory of kdb+'s unix sockets, which q takes from `QUDSPATH`, in place of `/tmp`.
    #[must_use]
    pub fn with_socket_directory(mut self, path: &Path) -> Destination {
        if let Place::Kdb { directory, .. } = &mut self.place {
            *directory = path.to_owned();
        }
        self
    }

    /// What is said first.
    pub fn spoken(&self) -> Spoken {
        self.spoken
    }

    /// Whether the string, or somebody since, has said a password.
    pub fn has_password(&self) -> bool {
        let password = self.credentials.split_once(':');
        password.is_some_and(|(_, password)| !password.is_empty())
    }

    /// What is asked for of a server of HTTP: `/` where the URL says nothing.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whom the certificate has to be for, and who is asked for.
    pub fn server_name(&self) -> &str {
        match (&self.server_name, &self.place) {
            (Some(name), _) => name,
            (None, Place::Tcp { host, .. }) => host,
            (None, _) => THIS_HOST,
        }
    }

    /// The host as HTTP names it: with the port, where that is not the usual one.
    pub fn authority(&self) -> String {
        match &self.place {
            Place::Tcp { host, port: 443 } if host.contains(':') => format!("[{host}]"),
            Place::Tcp { host, port: 443 } => host.clone(),
            Place::Tcp { .. } => self.to_string(),
            _ => THIS_HOST.to_owned(),
        }
    }

    /// The text of a request for the path.
    pub fn get(&self) -> String {
        let (path, authority) = (&self.path, self.authority());
        let close = match self.spoken {
            Spoken::WebSocket => "",
            _ => "Connection: close\r\n",
        };
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{close}\r\n")
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn credentials(&self) -> &str {
        &self.credentials
    }

    pub(super) fn capability(&self) -> u8 {
        self.capability
    }

    fn new(spoken: Spoken, place: Place) -> Destination {
        Destination {
            spoken,
            place,
            server_name: None,
            credentials: String::new(),
            capability: CAPABILITY,
            path: "/".to_owned(),
        }
    }
}

impl FromStr for Destination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Destination, Error> {
        let (text, of_q) = match text.strip_prefix(':') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            if of_q {
                return Err(plain("tcps://"));
            }
            return bare(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "tcps" => ipc(rest),
            "unixs" => unix(rest),
            "https" => web(Spoken::Http, rest),
            "wss" => web(Spoken::WebSocket, rest),
            "tls" => bare(rest),
            "tcp" => Err(plain("tcps://")),
            "unix" => Err(plain("unixs://")),
            "http" => Err(plain("https://")),
            "ws" => Err(plain("wss://")),
            _ => Err(usage(
                "cannot read the connection string: it begins with none of tcps:// unixs:// https:// wss:// tls://",
            )),
        }
    }
}

impl fmt::Display for Destination {
    /// The place alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => path.display().fmt(f),
            Place::Kdb { directory, port } => kdb_socket(directory, *port).display().fmt(f),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at '{self}'", self.spoken)
    }
}

/// `[HOST]:PORT[:USER[:PASSWORD]]`
fn ipc(text: &str) -> Result<Destination, Error> {
    let (host, rest) = split_host(text)?;
    let (port, credentials) = rest.split_once(':').unwrap_or((rest, ""));
    let host = if host.is_empty() { THIS_HOST } else { host };
    let place = tcp(host, port)?;
    Destination::new(Spoken::Ipc, place).with_credentials(credentials)
}

/// `PORT[:USER[:PASSWORD]]`, `/PATH` or `@NAME`
fn unix(text: &str) -> Result<Destination, Error> {
    if text.contains('\0') {
        return Err(unreadable("the name of a socket holds no zero byte"));
    }
    // A password that has slipped there would be shown with it.
    if text.starts_with(['/', '@']) && text.contains(':') {
        return Err(unreadable(
            "a path or name holds no ':', and no user can stand behind it",
        ));
    }
    if text.starts_with('/') || text.starts_with('@') && text != "@" {
        let place = Place::Unix(PathBuf::from(text));
        return Ok(Destination::new(Spoken::Ipc, place));
    }
    let (port, credentials) = text.split_once(':').unwrap_or((text, ""));
    let place = Place::Kdb {
        directory: PathBuf::from(KDB_SOCKETS),
        port: port_number(port)?,
    };
    Destination::new(Spoken::Ipc, place).with_credentials(credentials)
}

/// `HOST[:PORT][/PATH]`
fn web(spoken: Spoken, text: &str) -> Result<Destination, Error> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, path) = text.split_at(end);
    let (path, _) = path.split_once('#').unwrap_or((path, ""));
    let (host, port) = match split_host(authority) {
        Ok((host, port)) => (host, port),
        Err(_) if !authority.contains('@') => (authority, "443"),
        Err(error) => return Err(error),
    };
    if path.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(unreadable(
            "a path holds neither spaces nor control characters",
        ));
    }
    let mut destination = Destination::new(spoken, tcp(host, port)?);
    match path.strip_prefix('/') {
        Some(_) => destination.path = path.to_owned(),
        None => destination.path = format!("/{path}"),
    }
    Ok(destination)
}

/// `HOST:PORT`
fn bare(text: &str) -> Result<Destination, Error> {
    let (host, port) = split_host(text)?;
    Ok(Destination::new(Spoken::Nothing, tcp(host, port)?))
}

/// The host without its brackets, and what stands behind the `:` that follows it.
fn split_host(text: &str) -> Result<(&str, &str), Error> {
    let split = match text.strip_prefix('[') {
        Some(inside) => inside.split_once("]:"),
        None => text.split_once(':'),
    };
    split.ok_or_else(|| unreadable("it is not HOST:PORT"))
}

fn tcp(name: &str, port: &str) -> Result<Place, Error> {
    let port = port_number(port)?;
    if name.contains('@') {
        return Err(unreadable(USER_IN_FRONT));
    }
    let host = host(name).map_err(|why| unreadable(&why))?;
    Ok(Place::Tcp { host, port })
}

/// A port. What is none is not shown: a password may have slipped there.
fn port_number(text: &str) -> Result<u16, Error> {
    if text.contains('@') {
        return Err(unreadable(USER_IN_FRONT));
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(0) => Err(unreadable("port 0 cannot be connected to")),
        Ok(port) if digits => Ok(port),
        Err(_) if digits => Err(unreadable("the port is none from 1 to 65535")),
        _ => Err(unreadable("the port is not a number")),
    }
}

fn plain(instead: &str) -> Error {
    usage(&format!(
        "cannot connect without TLS: this client is for TLS alone, as with '{instead}'"
    ))
}

fn unreadable(why: &str) -> Error {
    usage(&format!("cannot read the connection string: {why}"))
}

fn usage(text: &str) -> Error {
    Error::new(Kind::Usage, text)
}

#[cfg(test)]
mod tests;
