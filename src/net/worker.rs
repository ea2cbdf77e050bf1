//! One worker: a poll, its listeners, its connections. It shares nothing with other workers but ceilings and, inside
//! libssl's callbacks, sessions.
//!
//! The order of a turn: events of connections that are settled, then those whose budget ran out, then newcomers, then
//! deadlines. Whoever has work left makes the next poll not wait.

mod connecting;
mod newcomers;
mod quiet;

pub(crate) use quiet::Quiet;

use super::backend::{Backend, Backends};
use super::ceiling::{Ceilings, Ticket};
use super::command::{Command, Handle, Swap};
use super::doors::Doors;
use super::socket::Socket;
use super::timer::Timer;
use super::token::{Side, Target};
use crate::conn::{Conn, Message, Next, Work};
use crate::error::{Error, reason};
use crate::io::Readiness;
use log::{error, warn};
use mio::event::Event;
use mio::{Events, Poll, Waker};
use quiet::Rest;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Steps that a bulky connection has before another one of these gets its turn.
const IN_FRONT: u32 = 16;

/// Commands that are obeyed before others get their turn.
const COMMANDS: usize = 256;

/// Workers of a server that connection numbers can tell apart: more than `threads` can be.
pub(crate) const WORKERS: u64 = 1 << 12;

/// One worker.
pub(crate) struct Worker {
    /// Among those of its server.
    number: u64,
    poll: Poll,
    commands: Receiver<Command>,
    /// Kept, so that the last command is announced also where its server is gone at once.
    _waker: Arc<Waker>,
    /// Whether there may be more commands that were announced.
    commanded: bool,
    doors: Doors,
    entries: Slab<Entry>,
    /// Where the connections are that a service answers, by their number.
    served: HashMap<u64, u32>,
    generation: u32,
    timer: Timer,
    /// Whose budget ran out.
    again: VecDeque<Visitor>,
    /// How many steps in turn the first of them has had.
    in_front: u32,
    /// Whose handshake may go on.
    handshakes: VecDeque<Visitor>,
    /// Who is open, but not settled yet, and may go on.
    unsettled: VecDeque<Visitor>,
    /// Which kind of newcomers was served last.
    served_last: usize,
    /// Until when a settled connection is expected to talk again.
    talk_until: Instant,
    /// How long to look for events before sleeping, and until when that is.
    busy_poll: Duration,
    awake_until: Instant,
    work: Work,
    ceilings: Arc<Ceilings>,
    /// Held while sockets of the doors before are still open.
    swapped: Option<Sender<Infallible>>,
    draining: Option<Option<Instant>>,
    /// Where somebody wants to be called when no worker has anything to do.
    rest: Option<Rest>,
}

/// A connection and what the loop knows of it.
struct Entry {
    conn: Conn,
    generation: u32,
    backends: Backends,
    connecting: Option<Connecting>,
    /// Its places under the ceilings.
    ticket: Ticket,
    /// The backend's queue was full: it is tried again soon.
    retrying: bool,
    /// Whether it waits in a queue of the worker.
    queued: bool,
    /// Events since its handshake, up to the number that settles it.
    events: u8,
}

/// A socket on its way to the backend.
struct Connecting {
    socket: Socket,
    /// The number of its address.
    address: usize,
    /// Its last acknowledgement waits for bytes.
    bytes_wait: bool,
}

impl Entry {
    /// Who is to be connected to.
    fn backend(&self) -> Option<Arc<Backend>> {
        self.backends.get(self.conn.way())?.clone()
    }

    /// Has it step later, if that is not so yet.
    fn queue(&mut self, number: u32, queue: &mut VecDeque<Visitor>) {
        if !self.queued {
            self.queued = true;
            queue.push_back((number, self.generation));
        }
    }
}

/// A connection by its place in the slab, and the generation that tells it from an earlier one there.
type Visitor = (u32, u32);

impl Worker {
    /// A worker that listens nowhere yet.
    ///
    /// # Errors
    /// The system has no descriptors for it.
    pub(crate) fn new(
        number: u64,
        work: Work,
        ceilings: Arc<Ceilings>,
    ) -> Result<(Worker, Handle), Error> {
        let failed = |error: io::Error| Error::io("cannot make an event loop", &error);
        let poll = Poll::new().map_err(failed)?;
        let waker = Waker::new(poll.registry(), Target::Waker.into()).map_err(failed)?;
        let waker = Arc::new(waker);
        let (sender, commands) = channel();
        let worker = Worker {
            number,
            poll,
            commands,
            _waker: Arc::clone(&waker),
            commanded: false,
            doors: Doors::default(),
            entries: Slab::new(),
            served: HashMap::new(),
            generation: 0,
            timer: Timer::new(Instant::now()),
            again: VecDeque::new(),
            in_front: 0,
            handshakes: VecDeque::new(),
            unsettled: VecDeque::new(),
            served_last: 0,
            talk_until: Instant::now(),
            busy_poll: Duration::ZERO,
            awake_until: Instant::now(),
            work,
            ceilings,
            swapped: None,
            draining: None,
            rest: None,
        };
        Ok((
            worker,
            Handle {
                commands: sender,
                waker,
            },
        ))
    }

    /// Works until it has drained.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.timeout(Instant::now());
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() != io::ErrorKind::Interrupted {
                    error!("worker stops: poll: {}", reason(&error));
                    return;
                }
            }
            let now = Instant::now();
            if !events.is_empty() {
                self.awake_until = now + self.busy_poll;
            }
            for event in &events {
                self.dispatch(event, now);
            }
            self.obey(now);
            self.run_again(now);
            self.welcome(now);
            self.expire(now);
            self.close_doors(now);
            if self.has_drained(now) {
                return;
            }
            let busy = !events.is_empty() || self.has_work(now);
            if let Some(rest) = &mut self.rest {
                rest.end_turn(busy, now);
            }
        }
    }

    /// Whether there may be work that no event will tell of.
    fn has_work(&self, now: Instant) -> bool {
        self.commanded || !self.again.is_empty() || self.has_newcomers(now)
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.has_work(now) || now < self.awake_until {
            return Some(Duration::ZERO);
        }
        let due = [
            self.doors.pause_ends(),
            self.doors.next_close(),
            self.draining.flatten(),
            self.rest.as_ref().and_then(Rest::due),
        ];
        let due = due.into_iter().flatten().min();
        let due = due.map(|due| due.saturating_duration_since(now));
        [due, self.timer.sleep(now)].into_iter().flatten().min()
    }

    fn dispatch(&mut self, event: &Event, now: Instant) {
        let (number, generation, side) = match event.token().into() {
            Target::Waker => return self.commanded = true,
            Target::Door(number) => return self.doors.announce(number),
            Target::Conn(number, generation, side) => (number, generation, side),
        };
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        if entry.generation != generation {
            return; // an event of a connection that was here before
        }
        match side {
            Side::Plain if entry.connecting.is_some() => return self.connected(number, event, now),
            Side::Plain => entry.conn.announce_plain(readiness(event)),
            Side::Wire => entry.conn.announce_wire(readiness(event)),
        }
        self.attend(number, now);
    }

    fn obey(&mut self, now: Instant) {
        for _ in 0..COMMANDS {
            if !self.commanded {
                return;
            }
            match self.commands.try_recv() {
                Ok(Command::Swap(swap)) => self.swap(swap, now),
                Ok(Command::Drain(deadline)) => self.drain(deadline, now),
                Ok(Command::Tell(id, message)) => self.tell(id, message, now),
                Ok(Command::WhenQuiet(quiet)) => self.rest = Some(Rest::new(quiet)),
                Err(TryRecvError::Empty) => self.commanded = false,
                // Whoever could command is gone: so is the server.
                Err(TryRecvError::Disconnected) => {
                    self.commanded = false;
                    self.drain(Some(now), now);
                }
            }
        }
    }

    fn tell(&mut self, id: u64, message: Message, now: Instant) {
        let Some(number) = self.served.get(&id).copied() else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.conn.tell(message, &mut self.work);
            self.step(number, now);
        }
    }

    fn swap(&mut self, swap: Swap, now: Instant) {
        self.take_in_all(now); // whoever is in a queue already is served on the old terms
        self.doors.replace(swap.doors, self.poll.registry(), now);
        self.busy_poll = swap.busy_poll;
        self.swapped = Some(swap.swapped);
    }

    fn drain(&mut self, deadline: Option<Instant>, now: Instant) {
        self.doors.give_up(now);
        // Whoever waits for the end of the first has nothing to fear of a second, such as a service's.
        let earlier = self.draining.flatten();
        self.draining = Some([earlier, deadline].into_iter().flatten().min());
    }

    /// Closes the sockets that were given up, with those accepted who came just in time.
    fn close_doors(&mut self, now: Instant) {
        if self.doors.next_close().is_some_and(|closes| closes <= now) {
            self.take_in_all(now);
            self.doors.close_due(now);
        }
        if self.doors.next_close().is_none() {
            self.swapped = None;
        }
    }

    fn has_drained(&mut self, now: Instant) -> bool {
        let Some(deadline) = self.draining else {
            return false;
        };
        if self.entries.is_empty() && self.doors.len() == 0 {
            return true;
        }
        if deadline.is_none_or(|deadline| now < deadline) {
            return false;
        }
        let count = self.entries.len();
        if count > 0 {
            warn!("{count} connections did not end in time and are closed");
        }
        for number in 0..self.entries.capacity() {
            if let Some(entry) = self.entries.get_mut(number) {
                entry.conn.end(now);
                entry.conn.step(now, &mut self.work);
                self.remove(u32::try_from(number).unwrap_or(u32::MAX));
            }
        }
        true
    }

    fn step(&mut self, number: u32, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        let next = entry.conn.step(now, &mut self.work);
        self.follow(number, next, now);
    }

    /// Does what a connection asked for.
    fn follow(&mut self, number: u32, next: Next, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        if !entry.conn.is_handshaking() {
            entry.ticket.handshake_done();
        }
        match next {
            Next::Close => return self.remove(number),
            Next::Connect if entry.connecting.is_none() && !entry.retrying => {
                entry.conn.restart_deadline(now);
                return self.connect(number, 0, now);
            }
            Next::Paused => {
                if !std::mem::replace(&mut entry.queued, true) {
                    self.handshakes.push_front((number, entry.generation));
                }
            }
            Next::Again => entry.queue(number, &mut self.again),
            Next::Wait | Next::Connect => {}
        }
        if let Some(deadline) = entry.conn.deadline() {
            self.timer.set(number, deadline);
        }
    }

    fn remove(&mut self, number: u32) {
        if let Some(entry) = self.entries.try_remove(number as usize) {
            if entry.conn.terms().has_service() {
                self.served.remove(&entry.conn.id());
            }
            self.timer.clear(number);
            self.work.counters.closed.add(1);
            self.note_change();
        }
    }

    /// A connection came or went.
    fn note_change(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.note_change();
        }
    }

    /// A bulky connection goes on, alone: everybody else's events come between its steps. It stays in front for a
    /// while, because what flows through one connection is still in the processor's cache, and waits for nobody.
    fn run_again(&mut self, now: Instant) {
        let Some(visitor) = self.again.pop_front() else {
            return;
        };
        self.in_front += 1;
        if let Some(number) = self.dequeued(visitor) {
            self.step(number, now);
        }
        let goes_on = self.entry(visitor).is_some_and(|entry| entry.queued);
        if !goes_on || self.in_front == IN_FRONT {
            self.in_front = 0;
        } else if let Some(visitor) = self.again.pop_back() {
            self.again.push_front(visitor);
        }
    }

    fn entry(&mut self, (number, generation): Visitor) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(number as usize);
        entry.filter(|entry| entry.generation == generation)
    }

    /// Who was in a queue, if it is still there: it may be queued again.
    fn dequeued(&mut self, visitor: Visitor) -> Option<u32> {
        self.entry(visitor)?.queued = false;
        Some(visitor.0)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(number) = self.timer.expired(now) {
            let Some(entry) = self.entries.get_mut(number as usize) else {
                continue;
            };
            if entry.conn.tend(now, &mut self.work) {
                if let Some(rest) = &mut self.rest {
                    rest.note_change();
                }
            }
            let due = entry
                .conn
                .deadline()
                .is_some_and(|deadline| deadline <= now);
            let retrying = std::mem::take(&mut entry.retrying).then_some(0);
            if due {
                let late = io::ErrorKind::TimedOut.into();
                match entry
                    .connecting
                    .take()
                    .map(|connecting| connecting.address)
                    .or(retrying)
                {
                    Some(address) => self.next_address(number, address, &late, now),
                    None => {
                        let next = entry.conn.expire(now, &mut self.work);
                        self.follow(number, next, now);
                    }
                }
            } else if let Some(address) = retrying {
                self.connect(number, address, now);
            } else if let Some(deadline) = entry.conn.deadline() {
                self.timer.set(number, deadline); // it moved since it was set
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for number in 0..self.entries.capacity() {
            self.remove(u32::try_from(number).unwrap_or(u32::MAX));
        }
    }
}

/// What an event says. After an error every call tells it, so everything is worth trying.
fn readiness(event: &Event) -> Readiness {
    Readiness {
        readable: event.is_readable() || event.is_error(),
        writable: event.is_writable() || event.is_error(),
        hung_up: event.is_read_closed() || event.is_error(),
        failed: event.is_error(),
    }
}
