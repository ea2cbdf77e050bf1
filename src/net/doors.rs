//! A worker's listeners: which of them may have connections waiting, and which have to pause.

use super::backend::Backends;
use super::ceiling::{Ceilings, Ticket};
use super::listener::{Listener, Place};
use super::socket::Socket;
use super::token::Target;
use crate::conn::Terms;
use crate::error::reason;
use crate::io::Peer;
use log::{error, warn};
use mio::Registry;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a listener pauses when the system has no descriptors, or a ceiling is reached.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// How often the log hears that a listener pauses.
const QUIET: Duration = Duration::from_secs(10);

/// How long a socket that is given up stays open for those who are on their way in: a round trip, or a few.
const GRACE: Duration = Duration::from_millis(100);

/// An endpoint's place, as one worker is told of it.
pub(crate) struct Door {
    pub(crate) place: Place,
    /// The socket; `None` in a reload, when the worker has it already.
    pub(crate) listener: Option<Listener>,
    pub(crate) terms: Arc<Terms>,
    pub(crate) backends: Backends,
}

/// Somebody at a door, with the places that the ceilings gave.
pub(super) struct Arrival {
    pub(super) socket: Socket,
    pub(super) peer: Peer,
    pub(super) ticket: Ticket,
    pub(super) terms: Arc<Terms>,
    pub(super) backends: Backends,
}

/// All doors of a worker.
#[derive(Default)]
pub(super) struct Doors {
    gates: Vec<Gate>,
    /// Who was asked last.
    last: usize,
}

/// A door with its socket.
struct Gate {
    place: Place,
    listener: Listener,
    terms: Arc<Terms>,
    backends: Backends,
    /// Whether the poll knows the socket.
    known: bool,
    /// Whether connections may be waiting.
    ready: bool,
    /// Accepted, and waiting for a place under the ceilings.
    held: Option<(Socket, Peer)>,
    paused_until: Option<Instant>,
    /// When the log last heard of a pause.
    told: Option<Instant>,
    /// When it is closed, where it is given up.
    closes: Option<Instant>,
}

impl Doors {
    pub(super) fn len(&self) -> usize {
        self.gates.len()
    }

    /// Goes over to `doors`, keeping the sockets it has of them, and gives up the others.
    pub(super) fn replace(&mut self, doors: Vec<Door>, registry: &Registry, now: Instant) {
        let mut old = std::mem::take(&mut self.gates);
        for door in doors {
            let same = old.iter().position(|gate| gate.place == door.place);
            let kept = same.map(|at| old.swap_remove(at).listener);
            let known = door.listener.is_none();
            let Some(listener) = door.listener.or(kept) else {
                continue;
            };
            self.gates.push(Gate {
                place: door.place,
                listener,
                terms: door.terms,
                backends: door.backends,
                known,
                ready: true,
                held: None,
                paused_until: None,
                told: None,
                closes: None,
            });
        }
        old.iter_mut().for_each(|gate| gate.give_up(now));
        self.gates.append(&mut old); // behind the others, whose numbers stay when these are closed
        for (number, gate) in self.gates.iter_mut().enumerate() {
            gate.register(number, registry);
        }
    }

    /// Lets nobody new in, and closes them a little later.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.gates.iter_mut().for_each(|gate| gate.give_up(now));
    }

    /// Closes those that were given up and whose time is over.
    pub(super) fn close_due(&mut self, now: Instant) {
        self.gates
            .retain(|gate| gate.closes.is_none_or(|closes| now < closes));
    }

    /// When the next one is closed that was given up.
    pub(super) fn next_close(&self) -> Option<Instant> {
        self.gates.iter().filter_map(|gate| gate.closes).min()
    }

    /// Connections may be waiting at this one.
    pub(super) fn announce(&mut self, number: u32) {
        if let Some(gate) = self.gates.get_mut(number as usize) {
            gate.ready = true;
        }
    }

    /// Connections may be waiting at any of them.
    pub(super) fn announce_all(&mut self) {
        for gate in &mut self.gates {
            gate.ready = true;
        }
    }

    /// Whether there may be something to accept at once.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        self.gates
            .iter()
            .any(|gate| gate.may_have_one() && !gate.is_paused(now))
    }

    /// When the first pause ends.
    pub(super) fn pause_ends(&self) -> Option<Instant> {
        self.gates
            .iter()
            .filter(|gate| gate.may_have_one())
            .filter_map(|gate| gate.paused_until)
            .min()
    }

    /// Accepts one connection, if there is one and the ceilings have a place for it. The doors take turns.
    pub(super) fn accept(&mut self, ceilings: &Arc<Ceilings>, now: Instant) -> Option<Arrival> {
        for _ in 0..self.gates.len() {
            self.last = (self.last + 1) % self.gates.len();
            let arrival = self.gates[self.last].accept(ceilings, now);
            if arrival.is_some() {
                return arrival;
            }
        }
        None
    }
}

impl Gate {
    fn accept(&mut self, ceilings: &Arc<Ceilings>, now: Instant) -> Option<Arrival> {
        if self.is_paused(now) {
            return None;
        }
        let (socket, peer) = self.next(now)?;
        let Some(ticket) = ceilings.enter(self.terms.security.has_tls()) else {
            self.held = Some((socket, peer));
            self.pause(now, "a limit is reached, new connections wait");
            return None;
        };
        self.paused_until = None;
        Some(Arrival {
            socket,
            peer,
            ticket,
            terms: Arc::clone(&self.terms),
            backends: Arc::clone(&self.backends),
        })
    }

    /// Whoever is at the door.
    fn next(&mut self, now: Instant) -> Option<(Socket, Peer)> {
        if self.held.is_some() {
            return self.held.take();
        }
        while self.ready {
            match self.listener.accept() {
                Ok(arrived) => return Some(arrived),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    self.paused_until = None;
                }
                Err(error) if is_clients_own(&error) => {} // the next one may be there
                Err(error) => {
                    self.pause(now, &reason(&error));
                    break;
                }
            }
        }
        None
    }

    /// Whether somebody may be at the door.
    fn may_have_one(&self) -> bool {
        self.ready || self.held.is_some()
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    fn give_up(&mut self, now: Instant) {
        if self.closes.is_some() {
            return;
        }
        // Without that, too, it is closed: whoever comes too late is reset then.
        let closes = self.listener.shun().map(|()| now + GRACE);
        self.closes = Some(closes.unwrap_or(now));
    }

    /// Registers the socket under its present number, or moves it there.
    fn register(&mut self, number: usize, registry: &Registry) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        match self
            .listener
            .register(registry, Target::Door(number).into(), self.known)
        {
            Ok(()) => self.known = true,
            Err(error) => {
                error!(
                    "cannot listen on endpoint '{}': {}",
                    self.terms.endpoint,
                    reason(&error)
                );
            }
        }
    }

    /// Leaves connections in the system's queue for a moment, and says so now and then.
    fn pause(&mut self, now: Instant, why: &str) {
        if self
            .told
            .is_none_or(|told| now.duration_since(told) >= QUIET)
        {
            self.told = Some(now);
            warn!("accept on endpoint '{}': {why}", self.terms.endpoint);
        }
        self.paused_until = Some(now + PAUSE);
    }
}

/// Whether an error of accept is about one client that is gone (accept(2) names them), so that the next one can be
/// asked for at once. Any other, a shortage of descriptors first of all, may well come again.
fn is_clients_own(error: &io::Error) -> bool {
    let own = [
        libc::ECONNABORTED,
        libc::EINTR,
        libc::ENETDOWN,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::ENONET,
        libc::EHOSTUNREACH,
        libc::EOPNOTSUPP,
        libc::ENETUNREACH,
    ];
    error.raw_os_error().is_some_and(|code| own.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_client_are_passed_over_at_once() {
        let is_passed_over = |code| is_clients_own(&io::Error::from_raw_os_error(code));
        assert!(is_passed_over(libc::ECONNABORTED));
        for lasting in [libc::EMFILE, libc::ENOBUFS, libc::EACCES, libc::EINVAL] {
            assert!(!is_passed_over(lasting), "{lasting}");
        }
    }
}
