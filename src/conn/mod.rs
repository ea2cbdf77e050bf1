//! One connection: its state, what it waits for, its deadline. No mio and no clock: time comes in.
//!
//! The loop tells a [`Conn`] what was announced about its two streams, lets it [`Conn::step`], and does what the
//! answer says. Readiness that was announced is remembered by the streams; what is wanted is worked out afresh in
//! every step, so there is nothing to register and nothing to go stale. Read next: `relay` (moving bytes), `terms`.

mod counters;
mod ending;
mod hop;
mod introduction;
mod mediation;
mod opening;
mod plain;
mod reaching;
mod relay;
mod service;
mod serving;
mod terms;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::tls::{Common, Failure};
pub use counters::{Counter, Counters, Totals};
pub use service::{Message, Opened, Service, Verdict};
pub use terms::{Answers, Gate, Onward, Request, Security, Terms, Way};

use crate::error::{Error, Kind, reason};
use crate::io::{Io, Peer, Pool, Readiness, Stream};
use crate::settings::Spoken;
use crate::tls::{Channel, HandshakeError, Outcome};
use log::{Level, debug, info, log_enabled};
use opening::Opening;
use plain::Plain;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Speech, Wire};

/// How long a connection that is over waits for the client to read the last words.
const LINGER: Duration = Duration::from_secs(2);

/// How long a client may stay silent after everything was said to it.
const HALF_CLOSED: Duration = Duration::from_secs(60);

/// How long TLS 1.3 tickets wait for the first bytes to the client: alone they cost a send, and wake the client up for
/// nothing it waits for.
const TICKETS_WAIT: Duration = Duration::from_millis(2);

/// For how long a connection in use has to be silent before libssl gives its buffers back.
const IN_USE: Duration = Duration::from_secs(1);

/// What a step needs of the worker it runs on.
pub struct Work {
    /// Spare buffers.
    pub pool: Pool,
    /// What the worker counts.
    pub counters: Arc<Counters>,
    /// Whether others wait, so that a step makes a piece of a handshake at the most, where it can. Between two pieces a
    /// connection must not go to another thread.
    pub(crate) in_pieces: bool,
}

impl Work {
    /// What a worker begins with.
    pub fn new(counters: Arc<Counters>) -> Work {
        Work {
            pool: Pool::new(),
            counters,
            in_pieces: false,
        }
    }
}

/// What a connection asks of the loop after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again after the next announcement, or at the deadline.
    Wait,
    /// Call again soon: the step's budget is used up, not the work.
    Again,
    /// Call again soon, and before others that shake hands: a piece of a handshake is made, and there are more. Only in
    /// this crate's own loop.
    Paused,
    /// Connect to the backend and [`Conn::attach`] the stream; then as `Wait`.
    Connect,
    /// Drop it.
    Close,
}

/// Where a connection stands. Each state has a deadline of its own: see [`Conn::enter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What comes before TLS, or instead of it, or first inside it, is not over.
    Preface,
    /// TLS is being negotiated.
    Handshaking,
    /// The backend is wanted.
    Connecting,
    /// TLS with the backend is being negotiated.
    Securing,
    /// The backend has yet to let the client in, and is heard with somebody in between.
    Mediating,
    /// Bytes move.
    Open,
    /// Everything is said: the client is given a moment to read it.
    Draining,
    /// Over.
    Closed,
}

/// An accepted connection.
pub struct Conn {
    id: u64,
    terms: Arc<Terms>,
    peer: Peer,
    state: State,
    deadline: Option<Instant>,
    /// The client's first bytes, until it is decided what is spoken and who comes in, and whoever answers has them.
    opening: Option<Box<Opening>>,
    wire: Wire,
    plain: Plain,
    /// Which of the terms' ways it goes.
    way: usize,
    ends: Ends,
    /// Plain bytes for the client that libssl would not take yet, and those of a service's answer.
    held: Vec<u8>,
    held_from: usize,
    /// A service said something, and has not been told that all of it went.
    owed: bool,
    /// When bytes last moved.
    moved: Instant,
    /// All that has gathered for the client is tickets, and until then they may wait for bytes to leave with.
    tickets_wait: Option<Instant>,
    /// libssl keeps its buffers, and until then nobody asks whether the connection has become silent.
    in_use: Option<Instant>,
    /// Whether the last step moved a lot.
    bulky: bool,
    /// Whether the client has been told anything since the handshake.
    greeted: bool,
    /// Whether it was told something after the last it said.
    answered: bool,
    /// Whether it has said anything to whoever answers.
    asked: bool,
}

/// Which of the four directions are over.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    /// The client has said everything.
    wire_said: bool,
    /// Everything was said to the client, and our direction shut.
    wire_shut: bool,
    /// The answering side has said everything.
    plain_said: bool,
    /// It ended without a close-notify, where it may, and the client gets none either: it may know better whether that was
    /// all.
    plain_silent: bool,
    /// Everything was said to the answering side, or it listens no more.
    plain_shut: bool,
    /// The answering side's stream failed, and what can still be read of it does not tell.
    plain_lost: bool,
    /// The client is to be sent a close-notify before it is drained.
    farewell: bool,
    /// The service wants the client to see a cut.
    plain_cut: bool,
    /// The client is to see a cut and no end.
    cut: bool,
    /// The client was answered before it had said everything: what it says on is waited for, within limits.
    refused: bool,
}

impl Conn {
    /// A connection that was just accepted; `id` is for its service, and 0 where there is none.
    ///
    /// # Errors
    /// libssl has no memory for it.
    pub fn accept(
        io: Box<dyn Io>,
        id: u64,
        peer: Peer,
        terms: Arc<Terms>,
        now: Instant,
    ) -> Result<Conn, Error> {
        let stream = Stream::new(io);
        let (state, speech) = match &terms.security {
            Security::Plain | Security::MySql { .. } => {
                (State::Connecting, Speech::Clear(Box::new(stream)))
            }
            Security::Either(_)
            | Security::Gateway(_)
            | Security::Kdb(..)
            | Security::PostgreSql(..)
            | Security::Manticore { .. } => (State::Preface, Speech::Clear(Box::new(stream))),
            Security::Tls(context) => (
                State::Handshaking,
                Speech::Tls(Channel::accept_deferring_ticket(context, stream)?),
            ),
        };
        let mut conn = Conn {
            id,
            opening: terms.security.preface().map(Opening::new).map(Box::new),
            terms,
            peer,
            state,
            deadline: None,
            wire: Wire::new(speech),
            plain: Plain::None,
            way: 0,
            ends: Ends::default(),
            held: Vec::new(),
            held_from: 0,
            owed: false,
            moved: now,
            tickets_wait: None,
            in_use: None,
            bulky: false,
            greeted: false,
            answered: false,
            asked: false,
        };
        conn.enter(state, now);
        Ok(conn)
    }

    /// The client's socket was announced.
    pub fn announce_wire(&mut self, readiness: Readiness) {
        self.wire.announce(readiness);
    }

    /// The backend's socket was announced.
    pub fn announce_plain(&mut self, readiness: Readiness) {
        self.plain.announce(readiness);
    }

    /// When [`Conn::tend`] is to be called and, if it is still past after that, [`Conn::expire`].
    pub fn deadline(&self) -> Option<Instant> {
        let limit = match (self.state, self.patience()) {
            (State::Open, Some(patience)) => Some(self.moved + patience),
            (State::Open, None) => None,
            _ => self.deadline,
        };
        let pauses = [limit, self.tickets_wait, self.in_use];
        pauses.into_iter().flatten().min()
    }

    /// How long an open connection may be silent.
    fn patience(&self) -> Option<Duration> {
        let for_client = self.answered || !self.asked;
        let keep_alive = self.terms.keep_alive.filter(|_| for_client);
        let idle = [self.terms.idle, keep_alive].into_iter().flatten().min();
        if self.ends.wire_shut {
            Some(idle.map_or(HALF_CLOSED, |idle| idle.min(HALF_CLOSED)))
        } else {
            idle
        }
    }

    /// On which terms it was accepted.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// Whether what is spoken inside TLS decides who answers, if anybody does.
    fn is_told_apart(&self) -> bool {
        let mut ways = self.terms.ways.iter();
        !self.is_mediated() && ways.any(|way| way.spoken.is_some())
    }

    /// The number of the way it goes, among those of its terms.
    pub fn way(&self) -> usize {
        self.way
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Who the client is.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether its handshake is not done yet.
    pub fn is_handshaking(&self) -> bool {
        match self.state {
            State::Preface | State::Handshaking | State::Mediating => true,
            State::Connecting | State::Securing => self.is_mediated(),
            State::Open | State::Draining | State::Closed => false,
        }
    }

    /// Whether it is in the middle of moving a lot: others come first.
    pub fn is_bulky(&self) -> bool {
        self.bulky
    }

    /// Does what can be done now, within a budget.
    pub fn step(&mut self, now: Instant, work: &mut Work) -> Next {
        self.wire.stream().lend(|| work.pool.spares.take());
        if let Some(hop) = self.plain.hop() {
            hop.stream().lend(|| work.pool.spares.take());
        }
        let next = self.advance(now, work);
        self.give_back(work);
        if self.held.is_empty() && self.held.capacity() > 0 {
            work.pool.give_text(std::mem::take(&mut self.held));
        }
        next
    }

    fn give_back(&mut self, work: &mut Work) {
        if let Some(buffer) = self.wire.stream().reclaim() {
            work.pool.spares.give(buffer);
        }
        if let Some(hop) = self.plain.hop() {
            hop.give_back(&mut work.pool);
        }
    }

    fn advance(&mut self, now: Instant, work: &mut Work) -> Next {
        loop {
            let before = self.state;
            let next = match self.state {
                State::Preface => self.look(now, work),
                State::Handshaking => self.negotiate(now, work),
                State::Connecting => self.answer(now, work),
                State::Securing => self.secure(now, work),
                State::Mediating => self.mediate(now, work),
                State::Open => self.relay(now, work),
                State::Draining => self.drain(now, work),
                State::Closed => Next::Close,
            };
            if self.state == before {
                return next;
            }
        }
    }

    /// The only place that changes the state.
    fn enter(&mut self, state: State, now: Instant) {
        let limit = match state {
            State::Preface | State::Handshaking | State::Mediating => self.terms.handshake,
            State::Connecting | State::Securing => self.terms.connect,
            State::Draining => Some(LINGER),
            State::Open | State::Closed => None,
        };
        // The handshake's time runs from the accept, preface included, or from when the backend is there where that
        // comes first; the backend's from connecting on, or from when it is asked for TLS.
        let before = |state| {
            matches!(
                state,
                State::Preface | State::Handshaking | State::Mediating
            )
        };
        let connects = state == State::Securing && self.state == State::Connecting;
        let goes_on = before(state) && before(self.state) || connects;
        if !goes_on || self.deadline.is_none() {
            self.deadline = limit.map(|limit| now + limit);
        }
        if matches!(state, State::Draining | State::Closed) {
            self.tickets_wait = None;
        }
        self.moved = now;
        self.state = state;
    }

    fn negotiate(&mut self, now: Instant, work: &mut Work) -> Next {
        let told_apart = self.opening.is_none() && self.is_told_apart();
        let Some(channel) = self.wire.channel() else {
            return Next::Close;
        };
        let outcome = match work.in_pieces {
            true => channel.handshake_piece(),
            false => Some(channel.handshake()),
        };
        let Some(outcome) = outcome else {
            return Next::Paused;
        };
        match outcome {
            Ok(Outcome::Done(_)) => {
                let resumed = channel.is_resumed();
                let counters = &work.counters;
                if resumed {
                    &counters.handshakes_resumed
                } else {
                    &counters.handshakes_full
                }
                .add(1);
                if log_enabled!(Level::Debug) {
                    debug!("{}: {}", self.peer, channel.facts());
                }
                if let Some(expired) = channel.expired_peer() {
                    ending::report_expired(self.peer, "", &expired);
                }
                self.tickets_wait = channel.last_words_may_wait().then(|| now + TICKETS_WAIT);
                if told_apart {
                    let spoken = Spoken::inside_tls(channel.alpn().as_deref());
                    return self.pass_as(Some(spoken), now);
                }
                let next = match &mut self.plain {
                    Plain::Mediated(mediation) => {
                        mediation.client_is_secure();
                        State::Mediating
                    }
                    _ if self.opening.is_some() => State::Preface,
                    _ => State::Connecting,
                };
                self.enter(next, now);
            }
            Ok(_) => {
                if let Err(error) = self.wire.stream().flush() {
                    self.failed(&HandshakeError::broken(reason(&error)), now, work);
                }
            }
            Err(failure) => self.failed(&failure, now, work),
        }
        Next::Wait
    }

    /// The handshake is over and came to nothing.
    fn failed(&mut self, failure: &HandshakeError, now: Instant, work: &mut Work) {
        self.report(failure, work);
        let gone = failure.kind == Failure::Gone;
        self.enter(if gone { State::Closed } else { State::Draining }, now);
    }

    /// Counts and logs a handshake that came to nothing.
    fn report(&self, failure: &HandshakeError, work: &Work) {
        work.counters.failures[failure.kind as usize].add(1);
        if let Some(mismatch) = &failure.mismatch {
            work.counters.mismatches[mismatch.of as usize].add(1);
        }
        ending::report(self.peer, self.terms.words(), failure);
    }

    /// Ends without a close-notify, or by a reset where there is no TLS, once what was said has gone.
    fn cut(&mut self, now: Instant) {
        if self.wire.channel().is_none() {
            self.wire.stream().reset_on_close();
            self.ends.cut = true;
        }
        self.enter(State::Draining, now);
    }

    /// Does what was put off until a pause. Says whether memory was given back.
    pub fn tend(&mut self, now: Instant, work: &mut Work) -> bool {
        self.release_tickets(now, work);
        self.release_buffers(now)
    }

    /// The connection talks again and again: until it falls silent, libssl keeps its buffers.
    pub fn keep_buffers(&mut self, now: Instant) {
        if self.in_use.is_none() {
            let mut keeps = false;
            for channel in self.channels() {
                channel.keep_buffers(true);
                keeps = true;
            }
            self.in_use = keeps.then(|| now + IN_USE);
        }
    }

    fn release_buffers(&mut self, now: Instant) -> bool {
        if self.in_use.take_if(|until| *until <= now).is_none() {
            return false;
        }
        let silent_from = self.moved + IN_USE;
        if silent_from > now {
            self.in_use = Some(silent_from);
            return false;
        }
        for channel in self.channels() {
            channel.keep_buffers(false);
        }
        true
    }

    /// TLS with the client and with the backend, where it is spoken.
    fn channels(&mut self) -> impl Iterator<Item = &mut Channel> {
        let (wire, plain) = (self.wire.channel(), self.plain.channel());
        [wire, plain].into_iter().flatten()
    }

    /// Sends tickets that have waited long enough: the client stays. That it fails is noticed by whatever is done next.
    fn release_tickets(&mut self, now: Instant, work: &mut Work) {
        if self.tickets_wait.take_if(|until| *until <= now).is_none() {
            return;
        }
        self.wire.stream().lend(|| work.pool.spares.take());
        if let Some(channel) = self.wire.channel() {
            channel.give_ticket(true);
        }
        let _ = self.wire.stream().flush();
        self.give_back(work);
    }

    /// The client is told something. One who is told a second thing stays for longer than a question.
    fn speak(&mut self) {
        self.tickets_wait = None;
        self.answered = true;
        if std::mem::replace(&mut self.greeted, true) {
            if let Some(channel) = self.wire.channel() {
                channel.give_ticket(false);
            }
        }
    }

    /// The deadline passed.
    pub fn expire(&mut self, now: Instant, work: &mut Work) -> Next {
        match self.state {
            State::Preface | State::Handshaking | State::Mediating => {
                if let Some(why) = self.late_greeting() {
                    self.backend_failed(&why, now, work);
                    return self.step(now, work);
                }
                let limit = self.terms.handshake.unwrap_or_default();
                let failure = HandshakeError::timeout(limit);
                let failure = match self.wire.channel() {
                    Some(channel) => channel.asking(failure),
                    None => failure,
                };
                self.report(&failure, work);
                self.enter(State::Closed, now);
            }
            State::Open => {
                let silent = now.duration_since(self.moved);
                let idle = Error::new(Kind::Timeout, format!("closed, idle for {silent:?}"));
                info!("{}: {idle}", self.peer);
                self.end_for(&idle, now);
            }
            State::Securing => {
                let limit = self.terms.connect.unwrap_or_default();
                let waits = self.plain.hop().map_or("", |hop| hop.waits_for());
                let late = format!("timed out after {limit:?}, {waits}");
                self.unsecured(&Error::new(Kind::Timeout, late), now, work);
            }
            State::Connecting | State::Draining | State::Closed => self.enter(State::Closed, now),
        }
        self.step(now, work)
    }

    /// Ends a connection because the server does. In good order if it can be: close-notify, then a moment for the
    /// client to read it. One that is in the middle of an answer is cut.
    pub fn end(&mut self, now: Instant) {
        let text = "closed, the server ends";
        self.end_for(&Error::new(Kind::Timeout, text), now);
    }

    fn end_for(&mut self, why: &Error, now: Instant) {
        self.part(Err(why));
        if self.state == State::Open && self.is_behind() {
            self.cut(now);
        } else if self.state == State::Open {
            self.ends.farewell = true;
            self.enter(State::Draining, now);
        } else {
            self.enter(State::Closed, now);
        }
    }

    /// Whether the client has yet to take what was said to it, and there may be more: an end now is not the answer's.
    fn is_behind(&mut self) -> bool {
        let waits = self.tickets_wait.is_none() && self.wire.stream().is_waiting();
        !self.held.is_empty() || (waits && !self.ends.plain_said)
    }

    /// Sends what is left, shuts our direction, and reads until the client has gone: closing a socket on unread
    /// bytes would be a reset, and could cost the client our last words (an alert, an answer).
    fn drain(&mut self, now: Instant, work: &mut Work) -> Next {
        if self.ends.farewell {
            self.ends.farewell = !self.wire.close();
            if let Some(hop) = self.plain.hop() {
                let _ = hop.end(); // a backend that does not take it will see a cut
            }
        }
        match self.wire.stream().flush() {
            Ok(true) => {}
            Ok(false) => return Next::Wait,
            Err(_) => return self.over(),
        }
        if !self.ends.wire_shut {
            self.ends.wire_shut = true;
            // Shutting our direction would be an end in good order, which no reset can take back.
            if self.ends.cut || self.wire.stream().shut_write().is_err() {
                return self.over();
            }
            self.leave_backend(work);
        }
        for _ in 0..relay::READS_A_STEP {
            match self.wire.stream().read(&mut work.pool.scratch) {
                Ok(0) => return self.over(),
                Ok(_) if self.ends.refused => {
                    let most = self.moved + self.terms.handshake.unwrap_or(HALF_CLOSED);
                    self.deadline = Some((now + LINGER).min(most));
                }
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Next::Wait,
                Err(_) => return self.over(),
            }
        }
        Next::Again
    }

    fn over(&mut self) -> Next {
        self.state = State::Closed;
        Next::Close
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.is_served() {
            self.part(Err(&Error::new(Kind::Closed, "dropped while it was open")));
        }
    }
}
