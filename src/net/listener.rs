//! Listening sockets: bound once for all workers, before anything is served.

use super::congestion::Congestion;
use super::socket::Socket;
use crate::error::{Error, Kind, reason};
use crate::io::{Peer, is_abstract, resolve, unix_address};
use crate::settings::{Address, Tcp};
use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockFilter, SockRef, Socket as Raw, Type};
use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place that is listened on: one address of an endpoint, by which a reload finds the socket again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Place {
    /// The places an endpoint's address stands for.
    pub(crate) fn of(address: &Address) -> io::Result<Vec<Place>> {
        match address {
            Address::Unix(path) => Ok(vec![Place::Unix(path.clone())]),
            Address::Tcp { host, port } => {
                Ok(resolve(host, *port)?.into_iter().map(Place::Tcp).collect())
            }
        }
    }
}

impl Place {
    /// As an address of the settings.
    pub(crate) fn address(&self) -> Address {
        match self {
            Place::Tcp(address) => Address::Tcp {
                host: address.ip().to_string(),
                port: address.port(),
            },
            Place::Unix(path) => Address::Unix(path.clone()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

/// One worker's listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        file: Arc<SocketFile>,
    },
}

/// The file of a unix socket, removed when the last worker listens no more.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: by now the path may lead to the socket of a successor, which is left alone. None for a name
    /// without a file.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    fn new(path: &Path) -> SocketFile {
        SocketFile {
            path: path.to_owned(),
            identity: identity(path),
        }
    }

    fn remove(&self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            let _ = std::fs::remove_file(&self.path); // somebody else was faster
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    if is_abstract(path) {
        return None;
    }
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Binds a place, one socket a worker, and says where it is: the port, when the system chose it, or when it is the first
/// free one up to `last_port`.
///
/// # Errors
/// The system's reason, behind the words of ArangoDB's log.
pub(crate) fn bind(
    place: &Place,
    last_port: Option<u16>,
    tcp: &Tcp,
    workers: usize,
) -> Result<(Vec<Listener>, Place), Error> {
    match place {
        Place::Tcp(address) => bind_first(*address, last_port, tcp, workers),
        Place::Unix(path) => bind_unix(path, tcp, workers),
    }
    .map_err(|error| Error::new(Kind::Io, reason(&error)))
}

/// Whether the system has IPv6, at least for itself.
pub(crate) fn has_ipv6() -> bool {
    let socket = Raw::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP));
    let itself = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    socket.is_ok_and(|socket| socket.bind(&SockAddr::from(itself)).is_ok())
}

fn bind_first(
    mut address: SocketAddr,
    last_port: Option<u16>,
    tcp: &Tcp,
    workers: usize,
) -> io::Result<(Vec<Listener>, Place)> {
    let last = last_port.unwrap_or(address.port());
    loop {
        match bind_tcp(address, tcp, workers) {
            Err(error) if is_taken(&error) && address.port() < last => {
                address.set_port(address.port() + 1);
            }
            bound => return bound,
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn bind_tcp(address: SocketAddr, tcp: &Tcp, workers: usize) -> io::Result<(Vec<Listener>, Place)> {
    let mut address = address;
    let mut listeners = Vec::new();
    for number in 0..workers {
        let socket = Raw::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?; // so that 0.0.0.0 and [::] live side by side
        }
        socket.set_reuse_address(tcp.reuse_address.value)?;
        // The first socket is bound alone, so that another program's, or another tlsport's, on the same port is an
        // error unless they are to share it. Only then do they share it: the kernel deals connections out to the workers.
        if number > 0 || tcp.reuse_port.value {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&SockAddr::from(address))?;
        if number == 0 && workers > 1 {
            socket.set_reuse_port(true)?;
        }
        if let Some(bound) = socket.local_addr()?.as_socket() {
            address = bound;
        }
        // Accepted sockets inherit these.
        if let Some(congestion) = Congestion::of(tcp.congestion.as_deref(), &address) {
            congestion.set(&socket)?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_keepalive(true)?;
        listeners.push(socket);
    }
    for socket in &listeners {
        socket.listen(backlog(tcp))?;
    }
    let listeners = listeners
        .into_iter()
        .map(|socket| Listener::Tcp(TcpListener::from_std(std::net::TcpListener::from(socket))));
    Ok((listeners.collect(), Place::Tcp(address)))
}

fn bind_unix(path: &Path, tcp: &Tcp, workers: usize) -> io::Result<(Vec<Listener>, Place)> {
    if !is_abstract(path) {
        remove_stale(path)?;
    }
    let socket = Raw::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&unix_address(path)?)?;
    let file = Arc::new(SocketFile::new(path));
    socket.listen(backlog(tcp))?;
    let mut listeners = Vec::new();
    for _ in 1..workers {
        listeners.push(unix_listener(socket.try_clone()?, &file));
    }
    listeners.push(unix_listener(socket, &file));
    Ok((listeners, Place::Unix(path.to_owned())))
}

fn unix_listener(socket: Raw, file: &Arc<SocketFile>) -> Listener {
    let listener = std::os::unix::net::UnixListener::from(socket);
    Listener::Unix {
        listener: UnixListener::from_std(listener),
        file: Arc::clone(file),
    }
}

/// Takes away the socket file of a program that is gone; anything else in its place is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is there",
            ));
        }
        Err(_) => return Ok(()), // nothing there, or bind will say why not
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EADDRINUSE)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

fn backlog(tcp: &Tcp) -> i32 {
    match tcp.backlog.value {
        0 => 10,                                             // ArangoDB's
        length => i32::try_from(length).unwrap_or(i32::MAX), // the kernel caps it at somaxconn
    }
}

/// Drops segments with the flag SYN: byte 13 of a TCP header holds the flags (classic BPF, RFC 9293).
const NO_SYN: [SockFilter; 4] = [
    SockFilter::new(0x30, 0, 0, 13), // load byte 13
    SockFilter::new(0x45, 0, 1, 2),  // SYN?
    SockFilter::new(0x06, 0, 0, 0),  // drop
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

impl Listener {
    /// Registers it under `token`, or moves it there.
    pub(crate) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        known: bool,
    ) -> io::Result<()> {
        let source: &mut dyn Source = match self {
            Listener::Tcp(listener) => listener,
            Listener::Unix { listener, .. } => listener,
        };
        if known {
            source.reregister(registry, token, Interest::READABLE)
        } else {
            source.register(registry, token, Interest::READABLE)
        }
    }

    /// Lets nobody new in. Whoever is on the way in already, or in the system's queue, can still be accepted: closing
    /// at once would reset them.
    pub(crate) fn shun(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => SockRef::from(listener).attach_filter(&NO_SYN),
            Listener::Unix { listener, file } => {
                file.remove();
                if !is_abstract(&file.path) {
                    return Ok(());
                }
                // The name stays as long as the socket does, which refuses whoever comes from here on.
                SockRef::from(listener).shutdown(Shutdown::Read)
            }
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                Ok((Socket::Tcp(stream), Peer::Ip(address)))
            }
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept().map_err(|error| {
                    match error.raw_os_error() {
                        // It was shut, and its queue is empty.
                        Some(libc::EINVAL) => io::ErrorKind::WouldBlock.into(),
                        _ => error,
                    }
                })?;
                Ok((Socket::Unix(stream), Peer::Local))
            }
        }
    }
}
