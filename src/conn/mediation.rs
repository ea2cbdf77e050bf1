//! A connection of MySQL's protocol until its client is in: the bytes of both sides through a mediator, and TLS with
//! either when it says so.
//!
//! The server speaks first, so the backend is connected to before the client is heard. Once the mediator steps aside,
//! `relay` goes on as if it had never been there. Read next: `preface::mysql`, `hop`.

use super::hop::{Hop, Refused};
use super::opening::Opening;
use super::plain::Plain;
use super::terms::{Request, Security};
use super::wire::Wire;
use super::{Conn, Next, State, Work, ending};
use crate::error::{Error, Kind};
use crate::io::{Peer, Stream};
use crate::preface::mysql::{self, Mediator, Remark, Rules, ServerTls};
use crate::tls::Outcome;
use log::warn;
use std::time::Instant;

/// How often both are heard in one step: enough for a log-in.
const TURNS: usize = 16;

/// A backend that is mediated with.
pub(super) struct Mediation {
    pub(super) hop: Hop,
    mediator: Mediator,
}

/// Whose stream failed.
enum Lost {
    Client(Error),
    Server(Error),
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    Some(usize),
    End,
    /// Nothing before the stream is announced.
    Nothing,
    /// Nothing, but there is more.
    Unfinished,
}

impl Mediation {
    pub(super) fn new(stream: Stream, rules: Rules) -> Mediation {
        Mediation {
            hop: Hop::new(stream),
            mediator: Mediator::new(rules),
        }
    }

    pub(super) fn client_is_secure(&mut self) {
        self.mediator.client_is_secure();
    }

    pub(super) fn server_is_secure(&mut self) {
        self.mediator.server_is_secure();
    }
}

impl Conn {
    /// Whether its client waits for a server that speaks first.
    pub(super) fn is_mediated(&self) -> bool {
        matches!(self.terms.security, Security::MySql { .. })
    }

    /// What is asked of both sides, where they are mediated between.
    pub(super) fn rules(&self) -> Option<Rules> {
        let Security::MySql { context, secure } = &self.terms.security else {
            return None;
        };
        Some(Rules {
            offers_tls: context.is_some(),
            requires_tls: *secure && self.peer != Peer::Local,
            server_tls: match self.onward().map(|onward| onward.request) {
                Some(Request::MySql) => ServerTls::Require,
                Some(Request::MySqlOrClear) => ServerTls::Prefer,
                _ => ServerTls::No,
            },
        })
    }

    /// Passes on what either says until both wait, something else is to be done, or it is somebody else's turn.
    pub(super) fn mediate(&mut self, now: Instant, work: &mut Work) -> Next {
        for _ in 0..TURNS {
            if self.state != State::Mediating {
                return Next::Wait;
            }
            let done = match self.deliver() {
                Ok(true) => self.go_on_mediating(now, work),
                Ok(false) => return Next::Wait,
                Err(lost) => Err(lost),
            };
            match done {
                Ok(None) => {}
                Ok(Some(next)) => return next,
                Err(Lost::Client(error)) => return self.lost(&error, now, work),
                Err(Lost::Server(error)) => {
                    let why = self.of_backend(&error.to_string());
                    self.backend_failed(&why, now, work);
                }
            }
        }
        Next::Again
    }

    /// Does what comes next once both were told everything.
    fn go_on_mediating(&mut self, now: Instant, work: &mut Work) -> Result<Option<Next>, Lost> {
        let Plain::Mediated(mediation) = &mut self.plain else {
            return Ok(Some(Next::Close));
        };
        match mediation.mediator.next() {
            mysql::Next::Hear => return self.hear(now, work),
            mysql::Next::SecureClient => {
                let hello = mediation.mediator.take_hello();
                self.wire.stream().prepend(&hello);
                return Ok(Some(self.start_tls(now)));
            }
            mysql::Next::SecureServer => self.enter(State::Securing, now),
            mysql::Next::Open => self.step_aside(now, work),
            mysql::Next::End => self.end_mediation(now),
        }
        Ok(None)
    }

    /// Says what the mediator has for either; whether all of it went.
    fn deliver(&mut self) -> Result<bool, Lost> {
        let Plain::Mediated(mediation) = &mut self.plain else {
            return Ok(true);
        };
        let Mediation { hop, mediator } = &mut **mediation;
        let (client, server) = mediator.told();
        let up = match self.ends.plain_shut {
            true => Ok(true),
            false => hop.say(server).and_then(|()| hop.flush()),
        };
        server.clear();
        let speaks = !client.is_empty();
        // Tickets had better leave with what is said first.
        let down = match speaks || self.tickets_wait.is_none() {
            true => tell(&mut self.wire, client).map_err(Lost::Client)?,
            false => true,
        };
        if speaks && self.wire.channel().is_some() {
            self.speak();
        }
        match up {
            Ok(up) => Ok(up && down),
            Err(Refused::Broken(error)) => Err(Lost::Server(error)),
            Err(Refused::Deaf(error)) => {
                self.deaf(&error); // why may be in what it said before
                Ok(down)
            }
        }
    }

    /// Shows the mediator what is there of one of them; what else to do if that is nothing.
    fn hear(&mut self, now: Instant, work: &mut Work) -> Result<Option<Next>, Lost> {
        let Plain::Mediated(mediation) = &mut self.plain else {
            return Ok(Some(Next::Close));
        };
        let Mediation { hop, mediator } = &mut **mediation;
        if !mediator.is_greeted() && self.wire.stream().has_hung_up() {
            mediator.client_ended(); // whatever it said, it will not answer
            return Ok(None);
        }
        let scratch = &mut work.pool.scratch;
        let client = read(&mut self.wire, mediator.room_for_client(), scratch);
        let client = client.map_err(Lost::Client)?;
        match client {
            Read::Some(count) => mediator.hear_client(&scratch[..count]),
            Read::End => mediator.client_ended(),
            Read::Nothing | Read::Unfinished => {}
        }
        // Whatever the client says, it may be the server that has had enough.
        let server = read(hop.wire(), mediator.room_for_server(), scratch);
        let server = server.map_err(Lost::Server)?;
        match server {
            Read::Some(count) => mediator.hear_server(&scratch[..count]),
            Read::End => mediator.server_ended(),
            Read::Nothing | Read::Unfinished => {}
        }
        match (client, server) {
            (Read::Nothing, Read::Nothing) => return Ok(Some(Next::Wait)),
            (Read::Nothing | Read::Unfinished, Read::Nothing | Read::Unfinished) => {
                return Ok(Some(Next::Again));
            }
            _ => {}
        }
        // How long a client may take for an answer is its server's business, as long as they talk.
        if mediator.is_authenticating() {
            self.deadline = self.terms.handshake.map(|limit| now + limit);
        }
        match mediator.remark() {
            None => {}
            Some(Remark::Refused(why)) => ending::report_refusal(self.peer, &why),
            Some(Remark::Server(why)) => {
                work.counters.backend_failures.add(1);
                warn!("{}: {}", self.peer, self.of_backend(&why));
            }
        }
        Ok(None)
    }

    /// The mediator is done: what it holds goes before what comes.
    fn step_aside(&mut self, now: Instant, work: &mut Work) {
        let plain = std::mem::replace(&mut self.plain, Plain::None);
        let Plain::Mediated(mediation) = plain else {
            return;
        };
        let Mediation { mut hop, mediator } = *mediation;
        let (client, server) = mediator.into_rest();
        self.held = client;
        self.opening = Opening::holding(server).map(Box::new);
        // In TLS it stays a hop, which has something to say at once.
        if hop.channel().is_none() {
            hop.give_back(&mut work.pool);
        }
        self.plain = hop.into_plain();
        self.enter(State::Open, now);
    }

    /// Everything is said.
    fn end_mediation(&mut self, now: Instant) {
        self.ends.farewell = self.wire.channel().is_some();
        self.enter(State::Draining, now);
    }

    /// Why it is the server's doing that time is up, if it is.
    pub(super) fn late_greeting(&self) -> Option<String> {
        let limit = self.terms.handshake.unwrap_or_default();
        match &self.plain {
            Plain::Mediated(mediation) if !mediation.mediator.is_greeted() => {
                let why = format!("timed out after {limit:?}, waiting for its greeting");
                Some(self.of_backend(&why))
            }
            _ => None,
        }
    }

    /// Tells the client that there is no server, and ends, where that is how it is told. Whether that was so.
    pub(super) fn apologize(&mut self, now: Instant, work: &mut Work) -> bool {
        let is_mediated = self.is_mediated();
        let mut words = match &mut self.plain {
            Plain::Mediated(mediation) => {
                mediation.mediator.server_failed();
                std::mem::take(mediation.mediator.told().0)
            }
            Plain::None if is_mediated => Mediator::unreachable(),
            _ => return false,
        };
        self.wire.stream().lend(|| work.pool.spares.take());
        let said = tell(&mut self.wire, &mut words).is_ok();
        if said {
            self.leave_backend(work);
            self.end_mediation(now);
        }
        said
    }
}

/// Reads, where there is room for it.
fn read(wire: &mut Wire, room: usize, scratch: &mut [u8]) -> Result<Read, Error> {
    if room == 0 || !wire.is_readable() {
        return Ok(Read::Nothing);
    }
    let room = room.min(scratch.len());
    match wire.read(&mut scratch[..room]) {
        Ok(Outcome::Done(count)) => Ok(Read::Some(count)),
        Ok(Outcome::Closed) => Ok(Read::End),
        Ok(_) if wire.is_readable() => Ok(Read::Unfinished),
        Ok(_) => Ok(Read::Nothing),
        Err(error) if error.kind() == Kind::Closed => Ok(Read::End),
        Err(error) => Err(error),
    }
}

/// Says as much as there is room for, and sends it; whether all of it went.
fn tell(wire: &mut Wire, bytes: &mut Vec<u8>) -> Result<bool, Error> {
    loop {
        let most = bytes.len().min(wire.room());
        let said = wire.write(&bytes[..most])?;
        bytes.drain(..said);
        let flushed = wire.stream().flush();
        let flushed = flushed.map_err(|error| Error::io("write", &error))?;
        if bytes.is_empty() || !flushed || said == 0 {
            return Ok(flushed && bytes.is_empty());
        }
    }
}
