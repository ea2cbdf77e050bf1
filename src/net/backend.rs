//! Connecting to the server behind.

use super::congestion;
use super::socket::Socket;
use crate::error::{Error, reason};
use crate::settings::{Address, Tcp};
use mio::net::{TcpStream, UnixStream};
use socket2::{Domain, Protocol, SockAddr, Socket as Raw, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// A backend, its name resolved.
#[derive(Debug)]
pub(crate) struct Backend {
    name: String,
    targets: Vec<Target>,
    congestion: Option<String>,
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
    pub(crate) fn resolve(address: &Address, tcp: &Tcp) -> Result<Backend, Error> {
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
            congestion: tcp.congestion.value.clone(),
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
                let socket = self.connect_tcp(*address)?;
                let stream = std::net::TcpStream::from(socket);
                Ok(Socket::Tcp(TcpStream::from_std(stream)))
            }
            Target::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path)?)),
        }
    }

    fn connect_tcp(&self, address: SocketAddr) -> io::Result<Raw> {
        let domain = Domain::for_address(address);
        let socket = Raw::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        congestion::set(&socket, self.congestion.as_deref())?;
        // Small messages go out as they come: whoever wrote them has gathered them already.
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&SockAddr::from(address)) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
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
