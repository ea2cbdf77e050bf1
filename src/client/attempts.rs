//! Connecting to one address of a server after the other, within one limit.

use crate::driven::{Wants, poll};
use crate::error::{Error, Kind};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Where a server may be.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SockAddr,
    /// For messages, where it is one of several.
    pub(super) name: Option<String>,
}

/// The addresses that are left, and the one that is being connected to.
pub(super) struct Attempts {
    left: VecDeque<Target>,
    current: Option<Attempt>,
    /// What is waited for where a server's queue is full.
    pause: Option<Pause>,
    /// Why the one before came to nothing.
    failure: Option<Error>,
}

struct Attempt {
    socket: Socket,
    name: Option<String>,
    /// Its share of the time.
    until: Option<Instant>,
}

/// A unix socket with a full queue refuses at once and tells nobody when there is room, so it is asked again.
struct Pause {
    until: Instant,
    /// Something to wait for on which nothing happens.
    nothing: (UnixStream, UnixStream),
}

/// How long until it is asked again.
const PAUSE: Duration = Duration::from_millis(5);

impl Attempts {
    pub(super) fn new(targets: impl IntoIterator<Item = Target>) -> Attempts {
        Attempts {
            left: targets.into_iter().collect(),
            current: None,
            pause: None,
            failure: None,
        }
    }

    /// Goes on; a socket, once one is connected. Each address has its share of what is left until `deadline`, so that one
    /// where nobody answers leaves something to those behind it.
    ///
    /// # Errors
    /// Why the last one came to nothing.
    pub(super) fn step(
        &mut self,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<Option<Socket>, Error> {
        if self.pause.as_ref().is_some_and(|pause| now < pause.until) {
            return Ok(None);
        }
        self.pause = None;
        loop {
            if let Some(attempt) = self.current.take() {
                match attempt.is_over(now) {
                    Ok(true) => return Ok(Some(attempt.socket)),
                    Ok(false) => {
                        self.current = Some(attempt);
                        return Ok(None);
                    }
                    Err(error) => self.failure = Some(named(error, attempt.name.as_deref())),
                }
            }
            let share = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(now);
                now + left / u32::try_from(self.left.len()).unwrap_or(u32::MAX).max(1)
            });
            let Some(target) = self.left.pop_front() else {
                let none = || Error::new(Kind::Io, "the name has no address");
                return Err(self.failure.take().unwrap_or_else(none));
            };
            match connect(&target.address) {
                Ok(socket) => {
                    self.current = Some(Attempt {
                        socket,
                        name: target.name,
                        until: share,
                    });
                }
                Err(error) if is_full(&target.address, &error) => {
                    self.left.push_front(target);
                    self.pause = Some(Pause::new(now).map_err(|error| failed(&error))?);
                    return Ok(None);
                }
                Err(error) => self.failure = Some(named(failed(&error), target.name.as_deref())),
            }
        }
    }

    /// When the address that is being connected to has had its share, or is to be asked again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.pause {
            Some(pause) => Some(pause.until),
            None => self.current.as_ref()?.until,
        }
    }

    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.pause {
            Some(pause) => Some(pause.nothing.0.as_fd()),
            None => Some(self.current.as_ref()?.socket.as_fd()),
        }
    }

    /// What is to happen to that.
    pub(super) fn wants(&self) -> Wants {
        match &self.pause {
            Some(_) => Wants::READ,
            None => Wants::WRITE,
        }
    }
}

impl Pause {
    fn new(now: Instant) -> io::Result<Pause> {
        Ok(Pause {
            until: now + PAUSE,
            nothing: UnixStream::pair()?,
        })
    }
}

impl Attempt {
    /// Whether it is connected.
    fn is_over(&self, now: Instant) -> Result<bool, Error> {
        let writable = poll(self.socket.as_fd(), Wants::WRITE, Some(now));
        if !writable.map_err(|error| failed(&error))? {
            let over = self.until.is_some_and(|until| now >= until);
            return match over {
                true => Err(Error::new(Kind::Timeout, "timed out")),
                false => Ok(false),
            };
        }
        match self.socket.take_error() {
            Ok(None) => Ok(true),
            Ok(Some(error)) | Err(error) => Err(failed(&error)),
        }
    }
}

/// Begins to connect.
fn connect(address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM.nonblocking(), None)?;
    if address.domain() != Domain::UNIX {
        // Small messages go out as they come: whoever wrote them has gathered them already.
        socket.set_tcp_nodelay(true)?;
    }
    match socket.connect(address) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

fn is_full(address: &SockAddr, error: &io::Error) -> bool {
    address.domain() == Domain::UNIX && error.kind() == io::ErrorKind::WouldBlock
}

fn failed(error: &io::Error) -> Error {
    Error::new(Kind::Io, crate::error::reason(error))
}

fn named(error: Error, name: Option<&str>) -> Error {
    match name {
        Some(name) => error.context(name),
        None => error,
    }
}

/// A limit as messages tell it.
pub(super) fn timed_out(limit: Option<Duration>, doing: &str) -> Error {
    let limit = limit.unwrap_or_default();
    Error::new(Kind::Timeout, format!("timed out after {limit:?}, {doing}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener};

    /// A listener whose queue is full, with what fills it: it answers nobody.
    fn silent() -> (SockAddr, Vec<Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = vec![listener];
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let met = socket.connect_timeout(&address, Duration::from_millis(100));
            queue.push(socket);
            if met.is_err() {
                return (address, queue);
            }
        }
    }

    fn target(address: SockAddr) -> Target {
        Target {
            address,
            name: Some("address".into()),
        }
    }

    fn connected(mut attempts: Attempts, deadline: Instant) -> Result<Socket, Error> {
        loop {
            if let Some(socket) = attempts.step(Instant::now(), Some(deadline))? {
                return Ok(socket);
            }
            let descriptor = attempts.descriptor().unwrap();
            poll(descriptor, Wants::WRITE, attempts.deadline()).unwrap();
        }
    }

    #[test]
    fn an_address_where_nobody_answers_leaves_time_for_the_next() {
        let (address, _queue) = silent();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = SockAddr::from(listener.local_addr().unwrap());
        let began = Instant::now();
        let limit = Duration::from_millis(600);
        let attempts = Attempts::new([target(address), target(there)]);
        connected(attempts, began + limit).unwrap();
        assert!(began.elapsed() >= limit / 2);
    }

    #[test]
    fn a_unix_socket_whose_queue_is_full_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let address = SockAddr::unix(directory.path().join("q")).unwrap();
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&address).unwrap();
        listener.listen(0).unwrap();
        let mut queue = Vec::new();
        while let Ok(socket) = connect(&address) {
            queue.push(socket);
        }
        let mut attempts = Attempts::new([target(address.clone())]);
        let began = Instant::now();
        let deadline = Some(began + Duration::from_secs(5));
        assert!(attempts.step(began, deadline).unwrap().is_none());
        let waits = poll(
            attempts.descriptor().unwrap(),
            attempts.wants(),
            attempts.deadline(),
        );
        assert!(!waits.unwrap(), "not ready before it is time");
        let again = attempts.deadline().unwrap();
        assert!(attempts.step(again, deadline).unwrap().is_none());
        listener.accept().unwrap();
        let again = attempts.deadline().unwrap();
        assert!(attempts.step(again, deadline).unwrap().is_some());
    }

    #[test]
    fn the_last_address_says_why_there_is_no_connection() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = SockAddr::from(closed.local_addr().unwrap());
        drop(closed);
        let attempts = Attempts::new([target(address.clone()), target(address)]);
        let refused = connected(attempts, Instant::now() + Duration::from_secs(5)).unwrap_err();
        assert_eq!(refused.to_string(), "address: connection refused");
    }
}
