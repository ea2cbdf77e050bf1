//! An open connection.

use crate::driven::{Driven, Step, Want, Wants, poll};
use crate::error::{Error, Kind};
use crate::tls::{Certificate, Facts};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// An open connection. One thread uses it at a time; it may go from one to another.
///
/// Reading ends with 0 where the server has ended in good order (close-notify), and with `UnexpectedEof` where the
/// connection was cut off. A link that is dropped without [`Link::close`] looks to the server as if it was cut off.
pub struct Link {
    driven: Box<Driven>,
    capability: Option<u8>,
}

impl Link {
    pub(super) fn new(driven: Box<Driven>, capability: Option<u8>) -> Link {
        Link { driven, capability }
    }

    /// What it is made of, for C's channels.
    #[cfg(feature = "capi")]
    pub(crate) fn into_parts(self) -> (Box<Driven>, Option<u8>) {
        (self.driven, self.capability)
    }

    /// Whether calls come back with `WouldBlock` in place of waiting: then [`Link::wants`] says what to wait for on the
    /// descriptor ([`AsFd`]).
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<(), Error> {
        SockRef::from(self)
            .set_nonblocking(nonblocking)
            .map_err(|error| Error::io("cannot set up a socket", &error))
    }

    /// How long a call may wait for the server, after which it comes back with `WouldBlock`.
    ///
    /// # Errors
    /// What the system says, also of a limit of zero.
    pub fn set_timeout(&self, limit: Option<Duration>) -> Result<(), Error> {
        let socket = SockRef::from(self);
        socket
            .set_read_timeout(limit)
            .and_then(|()| socket.set_write_timeout(limit))
            .map_err(|error| Error::io("cannot limit the waiting for a socket", &error))
    }

    /// What has to happen on the socket before a call can do more.
    pub fn wants(&mut self) -> Wants {
        self.driven.wants()
    }

    /// Says that nothing more will come from us (close-notify), and whether all of it is on its way. Reading goes on; up to
    /// TLS 1.2 many a server takes it for the end of both directions.
    ///
    /// # Errors
    /// `Io`, where the connection is broken.
    pub fn close(&mut self) -> Result<bool, Error> {
        Ok(matches!(self.driven.close()?, Step::Done(())))
    }

    /// What was negotiated.
    pub fn facts(&self) -> Facts {
        // The handshake of a link is done.
        self.driven.facts().unwrap_or_default()
    }

    /// The certificates that the server has sent, its own first. They are those of the connection that began the session
    /// where that was resumed.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.driven.chain()
    }

    /// What both sides of kdb+'s IPC are capable of.
    pub fn capability(&self) -> Option<u8> {
        self.capability
    }
}

/// For what has a deadline; the socket does not wait by itself.
impl Link {
    /// Reads; `None` when the deadline has passed.
    pub(super) fn read_by(
        &mut self,
        buf: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Option<usize>, Error> {
        loop {
            if let Step::Done(count) = self.driven.read(buf)? {
                return Ok(Some(count));
            }
            let wants = self.driven.wants();
            if !self.wait(wants, deadline)? {
                return Ok(None);
            }
        }
    }

    /// Writes all of it; `false` when the deadline has passed.
    pub(super) fn write_by(
        &mut self,
        mut bytes: &[u8],
        deadline: Option<Instant>,
    ) -> Result<bool, Error> {
        loop {
            let step = match bytes.is_empty() {
                true => self.driven.flush()?,
                false => match self.driven.write(bytes)? {
                    Step::Done(count) => {
                        bytes = &bytes[count..];
                        continue;
                    }
                    Step::Want(want) => Step::Want(want),
                },
            };
            let wants = match step {
                Step::Done(()) => return Ok(true),
                Step::Want(Want::Read) => Wants::READ,
                Step::Want(Want::Write) => Wants::WRITE,
            };
            if !self.wait(wants, deadline)? {
                return Ok(false);
            }
        }
    }

    /// Puts bytes back, to be read first.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        self.driven.give_back(bytes);
    }

    fn wait(&self, wants: Wants, deadline: Option<Instant>) -> Result<bool, Error> {
        // A socket where something comes that is nothing would be ready for ever.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        let waited = poll(self.as_fd(), wants, deadline);
        waited.map_err(|error| Error::io("cannot wait for a socket", &error))
    }
}

impl Read for Link {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        done(self.driven.read(buf))
    }
}

impl Write for Link {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        done(self.driven.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        done(self.driven.flush())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.driven.as_fd()
    }
}

fn done<T>(step: Result<Step<T>, Error>) -> io::Result<T> {
    match step {
        Ok(Step::Done(value)) => Ok(value),
        Ok(Step::Want(_)) => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => {
            let kind = match error.kind() {
                Kind::Closed => io::ErrorKind::UnexpectedEof,
                Kind::Peer | Kind::Tls => io::ErrorKind::InvalidData,
                Kind::Timeout => io::ErrorKind::TimedOut,
                _ => io::ErrorKind::Other,
            };
            Err(io::Error::new(kind, error))
        }
    }
}
