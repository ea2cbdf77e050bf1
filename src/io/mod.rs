//! The ground that `tls`, `conn`, `net` and `client` share: what they ask of a socket, addresses, and the buffers between
//! sockets.
//!
//! Nothing here opens a socket or knows TLS; nothing but the look-up of a name waits.

mod buffer;
mod names;
mod pool;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod unix;

pub use buffer::Buffer;
pub(crate) use names::resolve;
pub use pool::{CAPACITY, Pool, Spares};
pub use stream::{Readiness, Stream};
pub(crate) use unix::{is_abstract, unix_address};

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// A non-blocking byte stream, as a socket is one.
///
/// Readiness is announced once (edge-triggered), so an implementation promises: after a read that was shorter than
/// its buffer, or a write that was shorter than its bytes, nothing more is possible before the next announcement,
/// unless the other side has hung up.
pub trait Io: Send {
    /// Reads into `buf`; 0 is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet, else what the system says.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from `buf`.
    ///
    /// # Errors
    /// `WouldBlock` when nothing can be taken now, else what the system says.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize>;

    /// Writes the last bytes of our direction. [`Io::shut_write`] or a close has to follow at once: it may take them
    /// along in its own segment.
    ///
    /// # Errors
    /// As [`Io::write`].
    fn write_last(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write(buf)
    }

    /// Makes room for more bytes on their way to us, where that helps a peer that sends much.
    fn widen(&mut self) {}

    /// Sends at once what acknowledges received packets, if that waits for bytes to go with.
    fn acknowledge(&mut self) {}

    /// Our own address, where it has one: which of ours the other side connected to, for one that was accepted.
    fn local_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Ends our direction of the stream (`shutdown(SHUT_WR)`).
    ///
    /// # Errors
    /// What the system says.
    fn shut_write(&mut self) -> io::Result<()>;

    /// Makes the coming close a reset, so that the other side cannot take the end for a clean one.
    fn reset_on_close(&mut self);
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An address.
    Ip(SocketAddr),
    /// A process of this machine, over a unix socket.
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Ip(address) => address.fmt(f),
            Peer::Local => f.write_str("local"),
        }
    }
}
