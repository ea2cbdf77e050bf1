//! A socket that is the caller's: used while a call of the caller's runs, and never closed.
//!
//! It is always asked without waiting, so that what gathers for the peer goes out before anything is waited for.
//! Where the caller's socket is a blocking one, [`Descriptor::wait`] waits.

use crate::error::Error;
use crate::io::Io;
use std::ffi::{c_int, c_short};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::time::{Duration, Instant};

/// A stream socket of the caller's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor(c_int);

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Descriptor {
    /// Looks whether it is a stream socket.
    pub(super) fn stream_socket(fd: c_int) -> Result<Descriptor, Error> {
        let descriptor = Descriptor(fd);
        let refused = match descriptor.option::<c_int>(libc::SO_TYPE) {
            Ok(libc::SOCK_STREAM) => return Ok(descriptor),
            Ok(_) => io::Error::from_raw_os_error(libc::EPROTOTYPE),
            Err(error) => error,
        };
        let tried = format!("cannot make a channel: on file descriptor {fd}");
        Err(Error::io(tried, &refused))
    }

    /// Waits, if the caller made it a blocking socket; `false` if not, or when its own limit (`SO_RCVTIMEO`,
    /// `SO_SNDTIMEO`) has passed.
    pub(super) fn wait(self, wants: Wants) -> io::Result<bool> {
        // SAFETY: asks about a number, open or not.
        let flags = retry(|| unsafe { libc::fcntl(self.0, libc::F_GETFL) as isize })?;
        if flags as c_int & libc::O_NONBLOCK != 0 {
            return Ok(false);
        }
        let limit = [
            (wants.read, libc::SO_RCVTIMEO),
            (wants.write, libc::SO_SNDTIMEO),
        ];
        let limit = limit.into_iter().filter(|(wanted, _)| *wanted);
        let limit = limit.filter_map(|(_, option)| self.limit(option)).min();
        self.poll(wants, limit.map(|limit| Instant::now() + limit))
    }

    fn poll(self, wants: Wants, deadline: Option<Instant>) -> io::Result<bool> {
        let events = |wanted: bool, event: c_short| if wanted { event } else { 0 };
        let mut entry = libc::pollfd {
            fd: self.0,
            events: events(wants.read, libc::POLLIN) | events(wants.write, libc::POLLOUT),
            revents: 0,
        };
        let ready = retry(|| {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Rounded up: a limit is not over before its time.
            let left = left.map_or(-1, |left| {
                c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
            });
            // SAFETY: one entry, ours.
            unsafe { libc::poll(&mut entry, 1, left) as isize }
        })?;
        Ok(ready > 0)
    }

    /// A time limit of the socket; none for zero, which is how it begins.
    fn limit(self, option: c_int) -> Option<Duration> {
        let limit = self.option::<libc::timeval>(option).ok()?;
        let seconds = u64::try_from(limit.tv_sec).ok()?;
        let micros = u64::try_from(limit.tv_usec).ok()?;
        let limit = Duration::from_secs(seconds) + Duration::from_micros(micros);
        (!limit.is_zero()).then_some(limit)
    }

    /// `getsockopt` of `SOL_SOCKET`. `T` is what the option is in C.
    fn option<T: Copy>(self, option: c_int) -> io::Result<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        let mut length = size_of::<T>() as libc::socklen_t;
        retry(|| {
            // SAFETY: writes at most `length` bytes into the value, which is as long; a number that is no socket's
            // is an error.
            unsafe {
                libc::getsockopt(
                    self.0,
                    libc::SOL_SOCKET,
                    option,
                    value.as_mut_ptr().cast(),
                    &mut length,
                ) as isize
            }
        })?;
        // SAFETY: zeroed at first, written since; the callers' types are integers and structs of them.
        Ok(unsafe { value.assume_init() })
    }
}

const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

impl Io for Descriptor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: `buf` is writable for its length.
        retry(|| unsafe { libc::recv(self.0, buf.as_mut_ptr().cast(), buf.len(), FLAGS) })
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // SAFETY: `buf` is readable for its length.
        retry(|| unsafe { libc::send(self.0, buf.as_ptr().cast(), buf.len(), FLAGS) })
    }

    /// The socket's end is the caller's matter.
    fn shut_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

/// Makes a system call again when a signal interrupted it: that says nothing about the socket.
fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let error = match usize::try_from(call()) {
            Ok(done) => return Ok(done),
            Err(_) => io::Error::last_os_error(),
        };
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
