//! Connecting to the server behind.

use super::congestion::Congestion;
use super::socket::Socket;
use crate::error::{Error, reason};
use crate::io::{resolve, unix_address};
use crate::settings::{Address, Tcp};
use mio::net::{TcpStream, UnixStream};
use socket2::{Domain, Protocol, SockAddr, Socket as Raw, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The backends of an endpoint, one for each of the ways of its terms; none where a service answers.
pub(crate) type Backends = Arc<[Option<Arc<Backend>>]>;

/// A backend, its name resolved.
#[derive(Debug)]
pub(crate) struct Backend {
    name: String,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
enum Target {
    /// With the congestion control of its connections, unless it is the system's.
    Tcp(SocketAddr, Option<Congestion>),
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
                .map(|address| {
                    let congestion = Congestion::of(tcp.congestion.as_deref(), &address);
                    Target::Tcp(address, congestion)
                })
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

    /// Starts connecting to the address of this number. Where `bytes_wait` to be sent, they take the acknowledgement
    /// along that ends the connecting, and the backend is woken up once for both; `Io::acknowledge` sends it alone.
    pub(crate) fn connect(&self, number: usize, bytes_wait: bool) -> io::Result<Socket> {
        match &self.targets[number] {
            Target::Tcp(address, congestion) => {
                let socket = connect_tcp(*address, congestion.as_ref(), bytes_wait)?;
                let stream = std::net::TcpStream::from(socket);
                Ok(Socket::Tcp(TcpStream::from_std(stream)))
            }
            Target::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::from(connect_unix(path)?);
                Ok(Socket::Unix(UnixStream::from_std(stream)))
            }
        }
    }

    /// The log's words for a failed attempt.
    pub(crate) fn failure(&self, number: usize, error: &io::Error) -> String {
        match &self.targets[number] {
            Target::Tcp(address, _) if self.targets.len() > 1 => {
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

fn connect_tcp(
    address: SocketAddr,
    congestion: Option<&Congestion>,
    bytes_wait: bool,
) -> io::Result<Raw> {
    let domain = Domain::for_address(address);
    let socket = Raw::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if let Some(congestion) = congestion {
        congestion.set(&socket)?;
    }
    // Small messages go out as they come: whoever wrote them has gathered them already.
    socket.set_tcp_nodelay(true)?;
    if bytes_wait {
        let _ = socket.set_tcp_quickack(false); // it goes alone then
    }
    match socket.connect(&SockAddr::from(address)) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

fn connect_unix(path: &Path) -> io::Result<Raw> {
    let socket = Raw::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&unix_address(path)?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Io;
    use crate::settings::Settings;
    use std::io::Read;
    use std::net::TcpListener;

    /// A listener that does not wait, and a backend that is it.
    fn listener() -> (TcpListener, Backend) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("known");
        let address = listener.local_addr().expect("its address");
        let address = Address::Tcp {
            host: address.ip().to_string(),
            port: address.port(),
        };
        let backend = Backend::resolve(&address, &Settings::default().tcp).expect("an address");
        (listener, backend)
    }

    /// A connected socket of which the listener has not heard: the system tells it within 200 ms, so that a test that
    /// was not let run for so long tries again.
    fn connected_unheard(listener: &TcpListener, backend: &Backend) -> Socket {
        for _ in 0..100 {
            let socket = backend.connect(0, true).expect("a connection");
            match listener.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return socket,
                heard => drop(heard.expect("a listener")),
            }
        }
        panic!("the listener has heard of each connection before there were bytes");
    }

    #[test]
    fn bytes_that_wait_take_the_last_acknowledgement_along() {
        let (listener, backend) = listener();
        let mut socket = connected_unheard(&listener, &backend);
        assert_eq!(socket.write(b"hello").expect("room"), 5);
        let (mut accepted, _) = listener.accept().expect("the connection");
        let mut buf = [0; 8];
        assert_eq!(accepted.read(&mut buf).expect("there already"), 5);
    }

    #[test]
    fn without_bytes_it_is_sent_when_asked_for() {
        let (listener, backend) = listener();
        let mut socket = connected_unheard(&listener, &backend);
        socket.acknowledge();
        listener.accept().expect("the connection");
    }

    #[test]
    fn where_no_bytes_wait_it_is_not_held_back() {
        let (listener, backend) = listener();
        let _socket = backend.connect(0, false).expect("a connection");
        listener.accept().expect("the connection");
    }
}
