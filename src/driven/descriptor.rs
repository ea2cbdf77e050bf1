//! A socket whose readiness nobody announces: a program's own, lent for as long as its channel lives, or ours.
//!
//! It is always asked without waiting, so that what gathers for the peer goes out before anything is waited for.
//! Where it is a blocking one, [`Descriptor::wait`] waits.

use crate::io::Io;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::SockRef;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A stream socket.
#[derive(Clone, Debug)]
pub(crate) enum Descriptor {
    /// Never closed here. Only C lends one, for as long as the channel lives.
    #[cfg_attr(not(feature = "capi"), allow(dead_code))]
    Lent(BorrowedFd<'static>),
    /// Closed with the last who holds it.
    Own(Arc<OwnedFd>),
}

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// That it is readable, or has ended.
    pub read: bool,
    /// That it is writable.
    pub write: bool,
}

impl Wants {
    pub(crate) const READ: Wants = Wants {
        read: true,
        write: false,
    };
    pub(crate) const WRITE: Wants = Wants {
        read: false,
        write: true,
    };
}

impl Descriptor {
    /// Looks whether it is a stream socket.
    #[cfg(feature = "capi")]
    pub(crate) fn stream_socket(self) -> io::Result<Descriptor> {
        use socket2::Type;
        match SockRef::from(&self).r#type()? {
            Type::STREAM => Ok(self),
            _ => Err(io::Error::from_raw_os_error(libc::EPROTOTYPE)),
        }
    }

    /// Waits, if it is a blocking socket; `false` if not, or when its own limit (`SO_RCVTIMEO`, `SO_SNDTIMEO`) has
    /// passed.
    pub(super) fn wait(&self, wants: Wants) -> io::Result<bool> {
        let socket = SockRef::from(self);
        if socket.nonblocking()? {
            return Ok(false);
        }
        let set =
            |wanted: bool, limit: io::Result<Option<Duration>>| limit.ok()?.filter(|_| wanted);
        let limits = [
            set(wants.read, socket.read_timeout()),
            set(wants.write, socket.write_timeout()),
        ];
        let limit = limits.into_iter().flatten().min();
        poll(
            self.as_fd(),
            wants,
            limit.map(|limit| Instant::now() + limit),
        )
    }
}

/// Waits for a descriptor until the deadline, if there is one; `false` when it has passed.
pub(crate) fn poll(
    descriptor: BorrowedFd<'_>,
    wants: Wants,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, wants.read);
    events.set(PollFlags::OUT, wants.write);
    let mut entry = [PollFd::from_borrowed_fd(descriptor, events)];
    let ready = retry_on_intr(|| {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // What is too long for the system is for ever.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        rustix::event::poll(&mut entry, left.as_ref())
    })?;
    Ok(ready > 0)
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Descriptor::Lent(descriptor) => *descriptor,
            Descriptor::Own(descriptor) => descriptor.as_fd(),
        }
    }
}

impl Io for Descriptor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (count, _) = retry_on_intr(|| recv(&*self, &mut *buf, RecvFlags::DONTWAIT))?;
        Ok(count)
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(retry_on_intr(|| send(&*self, buf, flags))?)
    }

    /// The socket's end is for whoever closes it.
    fn shut_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}
