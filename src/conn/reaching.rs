//! Reaching whoever answers: a service made anew, or a backend's socket, with TLS where that is spoken with it.
//!
//! Which addresses there are, and what comes of each, is the loop's. Read next: `hop`, `mediation`, `relay`.

use super::hop::{Hop, Secured};
use super::plain::Plain;
use super::{Answers, Conn, Next, Onward, Request, State, Work, ending};
use crate::error::Error;
use crate::io::{Io, Readiness, Stream};
use log::{Level, debug, log_enabled, warn};
use std::sync::Arc;
use std::time::Instant;

impl Conn {
    /// How TLS is spoken with its backend, where it is.
    pub(super) fn onward(&self) -> Option<&Arc<Onward>> {
        self.terms.ways.get(self.way)?.onward.as_ref()
    }

    /// Finds who answers.
    pub(super) fn answer(&mut self, now: Instant, work: &mut Work) -> Next {
        match self.terms.ways.get(self.way).map(|way| &way.answers) {
            Some(Answers::Service(make)) => {
                let service = make();
                self.serve(service, now, work);
                Next::Wait
            }
            None => Next::Close,
            Some(Answers::Backend) if self.tickets_wait.is_some() => Next::Connect,
            Some(Answers::Backend) => match self.wire.stream().flush() {
                Ok(_) => Next::Connect,
                Err(error) => {
                    self.broken(&Error::io("write", &error), now);
                    Next::Close
                }
            },
        }
    }

    /// Whether there is something to say to the backend at once: bytes of the client that are here already, most likely,
    /// or what begins TLS.
    pub fn holds_bytes(&self) -> bool {
        let begins = self.onward().is_some() && !self.is_mediated();
        self.opening.is_some() || self.wire.holds_bytes() || begins
    }

    /// The loop tries an address of the backend: its time begins.
    pub fn restart_deadline(&mut self, now: Instant) {
        self.enter(self.state, now);
    }

    /// The backend answered: `io` is connected, and so far this was announced about it.
    pub fn attach(&mut self, io: Box<dyn Io>, announced: Readiness, now: Instant) {
        let mut stream = Stream::announced(io, announced);
        if let Some(introduction) = self.introduction() {
            stream.begin_with(&introduction);
        }
        let request = self.onward().map(|onward| onward.request);
        let (plain, next) = match (self.rules(), request) {
            (Some(rules), Some(Request::None)) => (Plain::mediated(stream, rules), State::Securing),
            (Some(rules), _) => (Plain::mediated(stream, rules), State::Mediating),
            (None, Some(_)) => (Plain::Hop(Box::new(Hop::new(stream))), State::Securing),
            (None, None) => (Plain::Backend(stream), State::Open),
        };
        self.plain = plain;
        self.enter(next, now);
    }

    /// Goes on towards TLS with the backend.
    pub(super) fn secure(&mut self, now: Instant, work: &mut Work) -> Next {
        let onward = self
            .terms
            .ways
            .get(self.way)
            .and_then(|way| way.onward.as_ref());
        let (Some(hop), Some(onward)) = (self.plain.hop(), onward) else {
            return Next::Close;
        };
        let client = self.wire.channel();
        match hop.secure(onward, client.as_deref()) {
            Ok(Secured::Waiting) => {}
            Ok(Secured::Open) => {
                if log_enabled!(Level::Debug) {
                    let facts = hop.channel().map(|channel| channel.facts());
                    debug!("{}: backend: {}", self.peer, facts.unwrap_or_default());
                }
                let expired = hop.channel().and_then(|channel| channel.expired_peer());
                if let Some(expired) = expired {
                    let name = self.terms.ways.get(self.way).map_or("", |way| &way.name);
                    ending::report_expired(self.peer, &format!("backend '{name}': "), &expired);
                }
                let next = match &mut self.plain {
                    Plain::Mediated(mediation) => {
                        mediation.server_is_secure();
                        State::Mediating
                    }
                    _ => State::Open,
                };
                self.enter(next, now);
            }
            Ok(Secured::Without(mut stream)) => {
                debug!("{}: backend: it has no TLS", self.peer);
                if let Some(buffer) = stream.reclaim() {
                    work.pool.spares.give(buffer);
                }
                self.plain = Plain::Backend(stream);
                self.enter(State::Open, now);
            }
            Err(error) => self.unsecured(&error, now, work),
        }
        Next::Wait
    }

    /// There is no TLS with the backend, and nothing else will do.
    pub(super) fn unsecured(&mut self, error: &Error, now: Instant, work: &mut Work) {
        let why = self.of_backend(&error.to_string());
        for line in error.cause().iter().flat_map(|cause| cause.lines()) {
            debug!("{}: error during TLS handshake: '{line}'", self.peer);
        }
        self.backend_failed(&why, now, work);
    }

    /// Lets go of whoever answers.
    pub(super) fn leave_backend(&mut self, work: &mut Work) {
        if let Some(hop) = self.plain.hop() {
            hop.give_back(&mut work.pool);
        }
        self.plain = Plain::None;
    }

    /// Sends the acknowledgement that has waited for bytes to the backend, unless some were sent.
    pub fn acknowledge(&mut self) {
        if let Some(stream) = self.plain.stream() {
            stream.acknowledge();
        }
    }

    /// Every address of the backend failed; `why` names it.
    pub fn backend_failed(&mut self, why: &str, now: Instant, work: &mut Work) {
        work.counters.backend_failures.add(1);
        warn!("{}: {why}", self.peer);
        if !self.apologize(now, work) {
            // Nothing was served, and the client shall not take this for an empty answer.
            self.leave_backend(work);
            self.cut(now);
        }
    }

    /// What the log hears of a backend that does not do what it should.
    pub(super) fn of_backend(&self, why: &str) -> String {
        let name = self.terms.ways.get(self.way).map_or("", |way| &way.name);
        format!("connect to backend '{name}': {why}")
    }
}
