//! Moving bytes between the client and whoever answers: half-close, back pressure, budgets.
//!
//! Down is towards the client, up towards the answering side. Nothing is read before what was read earlier is on its
//! way, so a slow side stops the other one and a connection holds one buffer a direction at the most. Read next:
//! `serving`, for an answering side in this process.

use super::hop::Refused;
use super::plain::{Heard, Plain};
use super::{Conn, Next, State, Work};
use crate::error::{Error, Kind};
use crate::io::Pool;
use crate::settings::Words;
use crate::tls::Channel;
use log::{Level, debug, info, log};
use std::io;
use std::time::Instant;

/// Bytes one connection may move before others get their turn.
const BUDGET: usize = 1024 * 1024;

/// Bytes in one step that make a connection bulky: the next step waits for those that have little to move.
const BULK: usize = 128 * 1024;

/// Calls of a service for what its client has taken, before others get their turn.
const CALLS: u32 = 16;

/// Reads of a connection that is over, before others get their turn.
pub(super) const READS_A_STEP: u32 = 16;

/// What a direction did.
#[derive(Default)]
struct Moved {
    bytes: usize,
    /// How often a service was told that everything it said has gone.
    calls: u32,
    /// Whether the stream that was read has more, although nothing came of it yet.
    unfinished: bool,
    /// Whose stream failed, after these bytes.
    failure: Option<Failure>,
}

/// On the heap, so that what does not fail has little to carry.
enum Failure {
    Wire(Box<Error>),
    Plain(Box<Error>),
}

impl Failure {
    fn wire(error: Error) -> Failure {
        Failure::Wire(Box::new(error))
    }

    fn plain(error: Error) -> Failure {
        Failure::Plain(Box::new(error))
    }
}

impl Conn {
    pub(super) fn relay(&mut self, now: Instant, work: &mut Work) -> Next {
        let (mut moved, mut calls) = (0, 0);
        self.bulky = false;
        loop {
            let written = self.written();
            let mut up = Moved::default();
            if self.may_be_asked() {
                up = self.up(work);
            }
            let mut down = Moved::default();
            if up.failure.is_none() && self.may_be_answered() {
                down = self.down(work);
            }
            work.counters.bytes_in.add(up.bytes as u64);
            work.counters.bytes_out.add(down.bytes as u64);
            let failure = up.failure.or(down.failure);
            let bytes = up.bytes + down.bytes;
            let taken = self.written() > written;
            if bytes > 0 || taken {
                self.moved = now;
            }
            match failure {
                Some(Failure::Wire(error)) => {
                    self.broken(&error, now);
                    return Next::Close;
                }
                Some(Failure::Plain(error)) => {
                    self.backend_broken(&error, now);
                    return Next::Wait;
                }
                None => {}
            }
            if self.is_done(now) || self.is_forsaken(now) || self.is_cut(now) {
                return Next::Close;
            }
            moved += bytes;
            calls += down.calls;
            self.bulky = moved >= BULK;
            // A service that is told of what the client took may read on.
            if bytes == 0 && !taken && down.calls == 0 {
                // What carries no bytes is limited as well: others get their turn.
                return if up.unfinished || down.unfinished {
                    Next::Again
                } else {
                    Next::Wait
                };
            }
            if self.is_at_rest() {
                return Next::Wait;
            }
            if moved >= BUDGET || calls >= CALLS {
                if let Some(stream) = self.plain.stream().filter(|_| down.bytes > 0) {
                    stream.widen();
                }
                return Next::Again;
            }
        }
    }

    /// Whether [`Conn::up`] may come to something. Most steps move one message one way, and spare the other.
    fn may_be_asked(&mut self) -> bool {
        match &self.plain {
            Plain::Backend(stream) => {
                let silent = !self.wire.is_readable() && !self.ends.wire_said;
                !silent || stream.is_waiting() || self.opening.is_some()
            }
            _ => true,
        }
    }

    /// Whether [`Conn::down`] may come to something.
    fn may_be_answered(&mut self) -> bool {
        match &self.plain {
            Plain::Backend(stream) => {
                let silent = stream.is_drained() && !self.ends.plain_said;
                !silent || !self.held.is_empty() || self.wire.stream().is_waiting()
            }
            _ => true,
        }
    }

    /// Whether both sockets have said what they had, and nothing waits to be sent: another round would be in vain.
    fn is_at_rest(&mut self) -> bool {
        let said = !self.wire.is_readable() && self.plain.is_exhausted();
        // Where the budget ended the round, what was read last has not been sent.
        said && !self.wire.stream().is_waiting() && !self.plain.has_gathered()
    }

    /// How many bytes both sockets have taken: a slow side that takes what waits for it is not idle.
    fn written(&mut self) -> u64 {
        let plain = self.plain.stream().map_or(0, |stream| stream.written());
        self.wire.stream().written() + plain
    }

    /// The client's bytes to whoever answers.
    fn up(&mut self, work: &mut Work) -> Moved {
        let mut moved = Moved::default();
        while moved.bytes < BUDGET && self.may_go_up(&mut moved, &mut work.pool) {
            let limit = self.plain.room(work.pool.scratch.len());
            let heard = self.gather(&mut work.pool.scratch[..limit]);
            self.ends.wire_said |= heard.ended;
            if heard.count > 0 {
                moved.bytes += heard.count;
                self.hand_up(heard.count, &mut moved, &mut work.pool);
                if moved.failure.is_some() {
                    break;
                }
            }
            if let Some(failure) = heard.failure {
                if !self.ends_so(&failure) {
                    moved.failure = Some(Failure::Wire(failure));
                    break;
                }
                self.ends.wire_said = true;
                continue;
            }
            if heard.count == 0 && !self.ends.wire_said {
                self.introduce(&mut moved);
                moved.unfinished = heard.unfinished;
                break;
            }
        }
        moved
    }

    /// Whether the client may be read: the answering side has taken everything, and the client has not ended.
    fn may_go_up(&mut self, moved: &mut Moved, pool: &mut Pool) -> bool {
        let may_read = self.wire.is_readable() && !self.ends.wire_said;
        let may_say_more = may_read || self.opening.is_some();
        let flushed = match &mut self.plain {
            // What the backend hears first leaves with the first of the client's bytes, where they may be here already.
            Plain::Backend(stream) if may_say_more && stream.holds_beginning() => true,
            Plain::Hop(hop) if may_say_more && hop.holds_beginning() => true,
            Plain::Backend(stream) if !self.ends.plain_shut => match stream.flush() {
                Ok(all) => all,
                Err(error) => {
                    self.deaf(&error);
                    true
                }
            },
            Plain::Hop(_) => self.flush_hop(moved),
            _ => true,
        };
        if !flushed {
            return false;
        }
        if self.is_stopped() {
            return false;
        }
        if self.opening.is_some() {
            return true;
        }
        if self.ends.wire_said {
            self.end_up(pool);
            return false;
        }
        self.wire.is_readable()
    }

    /// The client has said nothing yet: what the backend hears first leaves without.
    fn introduce(&mut self, moved: &mut Moved) {
        match &mut self.plain {
            Plain::Backend(stream) if !self.ends.plain_shut && stream.holds_beginning() => {
                if let Err(error) = stream.flush() {
                    self.deaf(&error);
                }
            }
            Plain::Hop(hop) if hop.holds_beginning() => {
                self.flush_hop(moved);
            }
            _ => {}
        }
    }

    /// Sends what waits for a backend that TLS is spoken with; whether all of it went.
    fn flush_hop(&mut self, moved: &mut Moved) -> bool {
        let Plain::Hop(hop) = &mut self.plain else {
            return true;
        };
        if self.ends.plain_shut {
            return true;
        }
        match hop.flush() {
            Ok(all) => all,
            Err(refused) => self.refused(refused, moved),
        }
    }

    /// TLS with a backend took nothing; whether that is all, and it may still speak.
    fn refused(&mut self, refused: Refused, moved: &mut Moved) -> bool {
        match refused {
            Refused::Deaf(error) => {
                self.deaf(&error);
                true
            }
            Refused::Broken(error) => {
                moved.failure = Some(Failure::plain(error));
                false
            }
        }
    }

    /// Reads until `buf` is nearly full, nothing is left, or the client has ended. What a preface has read comes first.
    fn gather(&mut self, buf: &mut [u8]) -> Heard {
        match self.take_first(buf) {
            Some(count) => Heard {
                count,
                ..Heard::default()
            },
            None => self.wire.gather(buf),
        }
    }

    /// Gives the first `count` bytes of the scratch to whoever answers.
    fn hand_up(&mut self, count: usize, moved: &mut Moved, pool: &mut Pool) {
        self.answered = false;
        self.asked = true;
        let bytes = &pool.scratch[..count];
        match &mut self.plain {
            Plain::Backend(stream) if !self.ends.plain_shut => {
                if let Err(error) = stream.send(bytes) {
                    self.deaf(&error);
                }
            }
            Plain::Hop(hop) if !self.ends.plain_shut => {
                if let Err(refused) = hop.say(bytes) {
                    self.refused(refused, moved);
                }
            }
            Plain::Service(_) => {
                self.make_room(pool);
                self.consult(|service, out| service.data(&pool.scratch[..count], out));
            }
            _ => {} // nobody listens any more
        }
    }

    /// The client has ended its direction: so do we towards whoever answers.
    fn end_up(&mut self, pool: &mut Pool) {
        if self.ends.plain_shut {
            return;
        }
        let over = self.is_over_for_client();
        let ended = match &mut self.plain {
            Plain::Backend(_) if over => Ok(true), // the close that follows ends both
            Plain::Backend(stream) => stream.shut_write().map(|()| true),
            Plain::Hop(hop) => hop.end(),
            Plain::Service(_) => {
                self.make_room(pool);
                self.consult(|service, out| service.end(out));
                Ok(true)
            }
            Plain::None | Plain::Mediated(_) => Ok(true),
        };
        self.ends.plain_said |= over;
        match ended {
            Ok(ended) => self.ends.plain_shut = ended || over,
            Err(error) => self.deaf(&error),
        }
    }

    /// Whether a client that has ended its direction has ended the other as well: before TLS 1.3 its close-notify says so,
    /// but some go on listening all the same. So its stream has to be at its end, and an answer to the last it said to
    /// have come, with nothing announced behind it.
    fn is_over_for_client(&mut self) -> bool {
        let ends_both = |tls: &mut Channel| !tls.may_half_close();
        self.answered
            && self.wire.channel().is_some_and(ends_both)
            && self.wire.stream().has_hung_up()
            && self.plain.is_exhausted()
    }

    /// The backend takes no more; it may still have something to say.
    pub(super) fn deaf(&mut self, error: &io::Error) {
        debug!("{}: backend reads no more: {error}", self.peer);
        self.ends.plain_shut = true;
        // These two come where the backend had ended its direction before, or where the stream's failure is yet to
        // be told. Any other has told it, to us, and the read that follows would see an ordinary end.
        let harmless = [io::ErrorKind::BrokenPipe, io::ErrorKind::NotConnected];
        // In TLS an end is a close-notify, which no reset looks like.
        let clear = matches!(self.plain, Plain::Backend(_));
        self.ends.plain_lost |= clear && !harmless.contains(&error.kind());
    }

    /// Answers to the client.
    fn down(&mut self, work: &mut Work) -> Moved {
        let mut moved = Moved::default();
        // Reading TLS may make libssl say something of its own, or go on with what it would not take before.
        let mut gathered = false;
        if self.ends.wire_shut {
            return moved;
        }
        while moved.bytes < BUDGET && self.may_go_down(&mut moved, &mut work.pool) {
            let limit = self.wire.room().min(work.pool.scratch.len());
            if limit == 0 {
                break;
            }
            let heard = match &mut self.plain {
                Plain::Backend(stream) => Heard::of(stream.read(&mut work.pool.scratch[..limit])),
                Plain::Hop(hop) => {
                    let heard = hop.hear(&mut work.pool.scratch[..limit]);
                    gathered = hop.has_gathered();
                    heard
                }
                _ => {
                    if moved.calls == CALLS || !self.tell_writable(&mut work.pool) {
                        break;
                    }
                    moved.calls += 1;
                    continue;
                }
            };
            if heard.count > 0 {
                match self.say(heard.count, &mut work.pool) {
                    Ok(said) => moved.bytes += said,
                    Err(error) => {
                        moved.failure = Some(Failure::wire(error));
                        return moved;
                    }
                }
            }
            if heard.ended && self.ends.plain_lost {
                let error = io::ErrorKind::ConnectionReset.into();
                moved.failure = Some(Failure::plain(Error::io("read", &error)));
                break;
            }
            self.ends.plain_said |= heard.ended;
            if let Some(failure) = heard.failure {
                match self.ends_so(&failure) {
                    true => {
                        self.ends.plain_said = true;
                        // What ends with its stream in kdb+'s protocols is HTTP. MySQL's always says how long it is.
                        self.ends.plain_silent = self.terms.words() == Words::Kdb;
                    }
                    false => moved.failure = Some(Failure::Plain(failure)),
                }
                break;
            }
            if heard.count == 0 && !heard.ended {
                moved.unfinished = heard.unfinished;
                break;
            }
        }
        if gathered && moved.failure.is_none() {
            self.flush_hop(&mut moved);
        }
        if moved.failure.is_none() {
            self.end_down(&mut moved);
        }
        moved
    }

    /// Whether whoever answers may be read: the client has taken everything, and the answer has not ended.
    fn may_go_down(&mut self, moved: &mut Moved, pool: &mut Pool) -> bool {
        loop {
            if self.tickets_wait.is_some() && self.held.is_empty() {
                return !self.ends.plain_said;
            }
            match self.wire.stream().flush() {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    moved.failure = Some(Failure::wire(Error::io("write", &error)));
                    return false;
                }
            }
            if self.held.is_empty() {
                return !self.ends.plain_said;
            }
            match self.say_held(pool) {
                Ok(0) => return false,
                Ok(count) => moved.bytes += count,
                Err(error) => {
                    moved.failure = Some(Failure::wire(error));
                    return false;
                }
            }
        }
    }

    /// Says the first `count` bytes of the scratch, and tells how much libssl took; the rest is held.
    fn say(&mut self, count: usize, pool: &mut Pool) -> Result<usize, Error> {
        self.speak();
        let said = self.wire.write(&pool.scratch[..count])?;
        if said < count {
            self.held = pool.take_text();
            self.held.extend_from_slice(&pool.scratch[said..count]);
            self.held_from = 0;
        }
        Ok(said)
    }

    fn say_held(&mut self, pool: &mut Pool) -> Result<usize, Error> {
        self.speak();
        let rest = &self.held[self.held_from..];
        let end = rest.len().min(self.wire.room());
        let said = self.wire.write(&rest[..end])?;
        self.held_from += said;
        if self.held_from == self.held.len() {
            pool.give_text(std::mem::take(&mut self.held));
            self.held_from = 0;
        }
        Ok(said)
    }

    /// The answer has ended: close-notify, unless there was none, and the end of our direction once everything went.
    fn end_down(&mut self, moved: &mut Moved) {
        if !self.ends.plain_said || self.ends.plain_cut || !self.held.is_empty() {
            return;
        }
        self.tickets_wait = None;
        let said = self.ends.plain_silent || self.wire.close();
        let stream = self.wire.stream();
        let flushed = if said {
            stream.flush_last()
        } else {
            stream.flush()
        };
        match flushed {
            // Without room for it the socket is full: there will be an announcement, and another try.
            Ok(true) if said => {
                self.ends.wire_shut = true;
                // Where all is over, the close that follows says it as well; but not while the backend is still slow
                // to take what the client said last.
                if !self.ends.wire_said || !self.nobody_listens() {
                    if let Err(error) = self.wire.stream().shut_write() {
                        moved.failure = Some(Failure::wire(Error::io("shut down", &error)));
                    }
                }
            }
            Ok(_) => {}
            Err(error) => moved.failure = Some(Failure::wire(Error::io("write", &error))),
        }
    }

    /// Whether the answering side is to hear nothing more.
    fn nobody_listens(&self) -> bool {
        self.ends.plain_shut || matches!(self.plain, Plain::Service(_))
    }

    /// Whether everything was said in both directions, and has gone. A client that goes on talking to nobody is only
    /// drained.
    fn is_done(&mut self, now: Instant) -> bool {
        if !self.ends.wire_shut || !self.nobody_listens() {
            return false;
        }
        let next = if self.ends.wire_said {
            State::Closed
        } else {
            State::Draining
        };
        self.part(Ok(()));
        self.enter(next, now);
        true
    }

    /// Whether the service wants the client to see a cut.
    fn is_cut(&mut self, now: Instant) -> bool {
        if self.ends.plain_cut {
            info!("{}: cut by the service", self.peer);
            self.part(Err(&Error::new(Kind::Closed, "cut by the service")));
            self.cut(now);
        }
        self.ends.plain_cut
    }

    /// Whether the client has ended, and then gone altogether: nothing is read of it any more that would tell, and
    /// the answer has nowhere to go. What it said is the backend's, so this is no reset.
    fn is_forsaken(&mut self, now: Instant) -> bool {
        let over = self.ends.wire_said && self.ends.plain_shut;
        let forsaken = over && self.wire.stream().has_failed();
        if forsaken {
            let gone = Error::new(Kind::Io, "the client did not wait for the answer");
            debug!("{}: {gone}", self.peer);
            self.part(Err(&gone));
            self.enter(State::Closed, now);
        }
        forsaken
    }

    /// Whether a stream that fails like this has only ended.
    fn ends_so(&self, error: &Error) -> bool {
        error.kind() == Kind::Closed && self.terms.may_end_silently()
    }

    /// The client's stream failed, or was cut: the backend shall not take that for a clean end.
    pub(super) fn broken(&mut self, error: &Error, now: Instant) {
        match error.kind() {
            // HTTP says where its messages end, and clients of HTTP/2 go without a word; Go's server logs nothing of it.
            Kind::Closed if self.ends.wire_shut || self.terms.words() == Words::KrakenD => {
                debug!("{}: {error}", self.peer);
            }
            Kind::Closed | Kind::Peer => info!("{}: {error}", self.peer),
            _ => debug!("{}: {error}", self.peer),
        }
        self.part(Err(error));
        if let Some(stream) = self.plain.stream() {
            stream.reset_on_close();
        }
        // The backend has no part in it: the next client comes back with the session.
        if let Some(channel) = self.plain.channel() {
            channel.give_up();
        }
        // An alert of ours may be waiting: the client gets a moment to read it.
        let said = error.kind() == Kind::Peer;
        self.enter(if said { State::Draining } else { State::Closed }, now);
    }

    /// The backend's stream failed: what it said is still sent, but the client sees a cut.
    fn backend_broken(&mut self, error: &Error, now: Instant) {
        // MySQL's servers go at once when they hear that their client does, and look at nothing behind that.
        let level = match self.is_mediated() && self.ends.wire_said {
            true => Level::Debug,
            false => Level::Info,
        };
        log!(level, "{}: backend: {error}", self.peer);
        if let Plain::Hop(hop) = &mut self.plain {
            let _ = hop.stream().flush(); // an alert of ours, if it gets there
        }
        self.cut(now);
    }
}
