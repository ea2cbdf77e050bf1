//! mio's sockets as the streams that `conn` asks for.

use crate::io::Io;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use once_cell::sync::OnceCell;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::SockRef;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The receive buffer of a peer on this host that sends much, in bytes of payload; the system doubles it.
const WIDE: usize = 4 * 1024 * 1024;

/// A connected socket, or one that is connecting.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Registers it once, for everything: edge-triggered, so there is nothing to change on the way.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Socket::Tcp(stream) => stream.register(registry, token, both),
            Socket::Unix(stream) => stream.register(registry, token, both),
        }
    }

    /// Whether connecting is over already, as it is on this host when somebody listens.
    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Socket::Tcp(stream) => stream.peer_addr().is_ok(),
            Socket::Unix(_) => true, // or the connect failed
        }
    }

    /// Why connecting failed (`SO_ERROR`).
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Socket::Tcp(stream) => stream.take_error(),
            Socket::Unix(stream) => stream.take_error(),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Io for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (count, _) = retry_on_intr(|| recv(&*self, &mut *buf, RecvFlags::empty()))?;
        Ok(count)
    }

    /// Without SIGPIPE, which a program that is not of Rust would get.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| send(&*self, buf, SendFlags::NOSIGNAL))?)
    }

    fn write_last(&mut self, buf: &[u8]) -> io::Result<usize> {
        let held = SendFlags::MORE | SendFlags::NOSIGNAL;
        Ok(retry_on_intr(|| send(&*self, buf, held))?)
    }

    /// The system widens a receive buffer by what is read of it in a round trip, so that of a peer on the same host
    /// stays narrow and full: each read then only lets the peer write a little more, and wakes it up for that. Only for
    /// these, as the width is fixed from then on.
    fn widen(&mut self) {
        let Socket::Tcp(stream) = self else {
            return;
        };
        let is_local = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        if let Some(width) = widest().filter(|_| is_local) {
            let socket = SockRef::from(&*stream);
            if socket.recv_buffer_size().is_ok_and(|now| now < width) {
                let _ = socket.set_recv_buffer_size(width); // it stays as it is
            }
        }
    }

    /// `TCP_QUICKACK`. On failure the system sends it in its own time.
    fn acknowledge(&mut self) {
        if let Socket::Tcp(stream) = self {
            let _ = SockRef::from(&*stream).set_tcp_quickack(true);
        }
    }

    fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(stream) => stream.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    fn shut_write(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn reset_on_close(&mut self) {
        // A unix socket has no reset. On failure the close is an ordinary one, the best that is left.
        if let Socket::Tcp(stream) = self {
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// How many bytes a receive buffer may be told to take, where that is more than it would come to by itself.
fn widest() -> Option<usize> {
    static WIDEST: OnceCell<Option<usize>> = OnceCell::new();
    *WIDEST.get_or_init(|| {
        let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok()?;
        let limit = limit.trim().parse::<usize>().ok()?;
        (limit >= WIDE).then_some(WIDE)
    })
}
