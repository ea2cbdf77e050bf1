//! Connections that are not open yet, or have just been opened: accepted, and taken further, without those that are
//! settled having to wait for it.
//!
//! A flight of a full handshake is the most expensive step there is, some thirty times the relay of a small message. So an
//! event only queues a connection that is shaking hands; each queue is worked off by age, in turn with the others and with
//! arrivals. While nobody else talks, newcomers get as much time as the rest of a turn took, and a slice at least. While
//! settled connections do, they get half as much, and one step at least; then libssl makes a flight in pieces, the
//! longest of which takes a third of it, so that a message that has come meanwhile waits for no more than one. Connections
//! that are open, but not settled yet, are newcomers too as long as others talk: to connect to a backend and to end are long
//! steps as well. Whoever cannot be taken in yet waits in the system's accept queue, which has a limit.

use super::{Entry, Visitor, WORKERS, Worker};
use crate::conn::{Conn, Next};
use crate::error::Error;
use crate::net::doors::Arrival;
use crate::net::token::{GENERATIONS, Side, Target};
use log::{debug, warn};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What newcomers get of a turn that had nothing else to do: some five flights. Taken one at a time they cost up to a
/// tenth more each, as what a flight needs has left the processor's caches before the next one.
const SLICE: Duration = Duration::from_millis(1);

/// How many events settle an open connection: more than one has that comes for a single answer.
const SETTLED: u8 = 16;

/// For how long after an event of a settled connection its next one is expected.
const NEAR: Duration = Duration::from_millis(10);

/// How many of those in an accept queue are taken in before its listener closes: a somaxconn of 4096 is seldom raised.
/// A flood that goes on is not waited for.
const QUEUED: usize = 4096;

/// Numbers the connections of the process that services answer.
static ARRIVALS: AtomicU64 = AtomicU64::new(1);

impl Worker {
    /// Takes a connection further: at once if it is settled and says little, or nobody else talks; else in its turn.
    pub(super) fn attend(&mut self, number: u32, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        if entry.conn.is_handshaking() {
            return entry.queue(number, &mut self.handshakes);
        }
        if entry.events < SETTLED {
            entry.events += 1;
            if now < self.talk_until {
                return entry.queue(number, &mut self.unsettled);
            }
        } else {
            self.talk_until = now + NEAR;
            entry.conn.keep_buffers(now);
        }
        if entry.conn.is_bulky() {
            entry.queue(number, &mut self.again);
        } else if !entry.queued {
            self.step(number, now);
        }
    }

    /// Whether there may be newcomers to work for at once.
    pub(super) fn has_newcomers(&self, now: Instant) -> bool {
        !self.handshakes.is_empty() || !self.unsettled.is_empty() || self.doors.is_busy(now)
    }

    /// Works for newcomers; the turn began at `began`.
    pub(super) fn welcome(&mut self, began: Instant) {
        if !self.has_newcomers(began) {
            return;
        }
        let mut now = Instant::now();
        let rest = now.duration_since(began);
        let others_talk = now < self.talk_until;
        self.work.in_pieces = others_talk;
        let end = now
            + if others_talk {
                rest / 2
            } else {
                SLICE.max(rest)
            };
        while self.welcome_one(now) {
            now = Instant::now();
            if now >= end {
                break;
            }
        }
    }

    /// Does one thing for newcomers, a kind of it after the other. `false` when there is nothing to do.
    fn welcome_one(&mut self, now: Instant) -> bool {
        const KINDS: [fn(&mut Worker, Instant) -> bool; 3] = [
            |worker, now| {
                let next = worker.handshakes.pop_front();
                worker.go_on(next, now)
            },
            |worker, now| {
                let next = worker.unsettled.pop_front();
                worker.go_on(next, now)
            },
            Worker::take_in,
        ];
        let after = self.served_last + 1;
        let kinds = (after..after + KINDS.len()).map(|number| number % KINDS.len());
        let mut served = kinds.filter(|number| KINDS[*number](self, now));
        served
            .next()
            .map(|number| self.served_last = number)
            .is_some()
    }

    /// Takes one of a queue further, if there is one.
    fn go_on(&mut self, next: Option<Visitor>, now: Instant) -> bool {
        let Some(visitor) = next else {
            return false;
        };
        if let Some(number) = self.dequeued(visitor) {
            self.step(number, now);
        }
        true
    }

    /// Accepts a connection. Often its first bytes are there, and an event for them would be one too many; but a step with
    /// them is another one, where others talk.
    fn take_in(&mut self, now: Instant) -> bool {
        let Some(arrival) = self.doors.accept(&self.ceilings, now) else {
            return false;
        };
        if let Some(number) = self.admit(arrival, now) {
            match self.work.in_pieces {
                true => self.attend(number, now),
                false => self.step(number, now),
            }
        }
        true
    }

    /// Takes in whoever is in an accept queue now, as for a listener that is about to close.
    pub(super) fn take_in_all(&mut self, now: Instant) {
        self.doors.announce_all();
        for _ in 0..QUEUED * self.doors.len() {
            let Some(arrival) = self.doors.accept(&self.ceilings, now) else {
                return;
            };
            if let Some(number) = self.admit(arrival, now) {
                self.attend(number, now);
            }
        }
    }

    fn admit(&mut self, arrival: Arrival, now: Instant) -> Option<u32> {
        let Arrival {
            mut socket,
            peer,
            mut ticket,
            terms,
            backends,
        } = arrival;
        self.work.counters.accepted.add(1);
        if !ticket.claim(peer) {
            debug!("{peer}: refused, too many connections of this address");
            self.work.counters.refused.add(1);
            self.work.counters.closed.add(1);
            return None;
        }
        self.generation = (self.generation + 1) % GENERATIONS;
        let generation = self.generation;
        let number = u32::try_from(self.entries.vacant_key()).unwrap_or(u32::MAX);
        let token = Target::Conn(number, generation, Side::Wire).into();
        let registered = socket.register(self.poll.registry(), token);
        let served = terms.has_service();
        let id = if served { self.next_id() } else { 0 };
        let made = registered
            .map_err(|error| Error::io("cannot register a connection", &error))
            .and_then(|()| Conn::accept(Box::new(socket), id, peer, terms, now));
        let conn = match made {
            Ok(conn) => conn,
            Err(error) => {
                warn!("{peer}: {error}");
                self.work.counters.closed.add(1);
                return None;
            }
        };
        if served {
            self.served.insert(id, number);
        }
        self.entries.insert(Entry {
            conn,
            generation,
            backends,
            connecting: None,
            ticket,
            retrying: false,
            queued: false,
            events: 0,
        });
        self.note_change();
        self.follow(number, Next::Wait, now); // its deadline holds from here on
        Some(number)
    }

    /// A number that no other connection of the process has, and that names this worker.
    fn next_id(&self) -> u64 {
        ARRIVALS.fetch_add(1, Relaxed) * WORKERS + self.number
    }
}
