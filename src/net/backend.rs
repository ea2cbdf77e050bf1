//! Connecting to the server behind.

use super::socket::Socket;
use crate::error::{Error, reason};
use crate::settings::Address;
use mio::net::{TcpStream, UnixStream};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// A backend, its name resolved.
#[derive(Debug)]
pub(crate) struct Backend {
    name: String,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Backend {
    /// Resolves the backend's name, once for all connections until the next reload.
    ///
    /// # Errors
    /// The name is not known.
    pub(crate) fn resolve(address: &Address) -> Result<Backend, Error> {
        let targets = match address {
            Address::Unix(path) => vec![Target::Unix(path.clone())],
            Address::Tcp { host, port } => resolve(host, *port)
                .map_err(|error| Error::io(format!("cannot resolve backend '{address}'"), &error))?
                .into_iter()
                .map(Target::Tcp)
                .collect(),
        };
        Ok(Backend {
            name: address.to_string(),
            targets,
        })
    }

    /// How many addresses the name stands for.
    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Starts connecting to the address of this number.
    pub(crate) fn connect(&self, number: usize) -> io::Result<Socket> {
        match &self.targets[number] {
            Target::Tcp(address) => {
                let stream = TcpStream::connect(*address)?;
                // Small messages go out as they come: whoever wrote them has gathered them already.
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Target::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path)?)),
        }
    }

    /// The log's words for a failed attempt.
    pub(crate) fn failure(&self, number: usize, error: &io::Error) -> String {
        match &self.targets[number] {
            Target::Tcp(address) if self.targets.len() > 1 => {
                format!("connect to backend '{self}' ({address}): {}", reason(error))
            }
            _ => format!("connect to backend '{self}': {}", reason(error)),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The addresses of a host, each once, in the resolver's order.
pub(super) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses)
}
