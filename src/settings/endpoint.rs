//! Where to listen and where the plain bytes go.

use std::fmt;
use std::path::PathBuf;

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
    /// A server at an address.
    Address(Address),
    /// Something in this process.
    Service(Service),
}

/// What can answer without a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends back what comes.
    Echo,
    /// The status page over HTTP.
    Status,
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
            (Address::Unix(_), Accept::Plain) => write!(f, "http+unix://{}", self.address),
            (Address::Unix(_), Accept::Tls) => write!(f, "http+ssl+unix://{}", self.address),
        }
    }
}
