//! A connection and the service that answers it: who is called when, and what its verdicts come to.
//!
//! Moving the bytes is `relay`'s.

use super::plain::Plain;
use super::{Conn, Message, Opened, Service, State, Verdict, Work};
use crate::error::Error;
use crate::io::Pool;
use std::sync::Arc;
use std::time::Instant;

impl Conn {
    /// Hands the connection to a service.
    pub(super) fn serve(&mut self, service: Box<dyn Service>, now: Instant, work: &mut Work) {
        let facts = self.wire.channel().map(|channel| channel.facts());
        let peer = self.peer.to_string();
        let terms = Arc::clone(&self.terms);
        let opened = Opened {
            id: self.id,
            endpoint: &terms.endpoint,
            peer: &peer,
            facts: facts.as_ref(),
        };
        self.plain = Plain::Service(service);
        self.make_room(&mut work.pool);
        self.consult(|service, out| service.open(&opened, out));
        self.enter(State::Open, now);
    }

    /// Hands `message` to the service, if there is one that is not done; else it is dropped. A step has to follow.
    pub fn tell(&mut self, message: Message, work: &mut Work) {
        self.make_room(&mut work.pool);
        self.consult(|service, out| service.message(message, out));
    }

    /// Gets what a service says its answer in: what waits is in front, from the first byte on.
    pub(super) fn make_room(&mut self, pool: &mut Pool) {
        if self.held.capacity() == 0 {
            self.held = pool.take_text();
        }
        self.held.drain(..self.held_from);
        self.held_from = 0;
    }

    /// Lets the service speak, unless it has finished, and heeds its verdict. Needs [`Conn::make_room`].
    pub(super) fn consult(&mut self, call: impl FnOnce(&mut dyn Service, &mut Vec<u8>) -> Verdict) {
        let Plain::Service(service) = &mut self.plain else {
            return;
        };
        if self.ends.plain_said {
            return;
        }
        let verdict = call(&mut **service, &mut self.held);
        self.owed |= !self.held.is_empty();
        match verdict {
            Verdict::Continue => {}
            Verdict::Finish => self.ends.plain_said = true,
            Verdict::Cut => {
                self.ends.plain_said = true;
                self.ends.plain_cut = true;
            }
        }
    }

    /// Whether a service is not to be given anything of the client's now.
    pub(super) fn is_stopped(&self) -> bool {
        match &self.plain {
            Plain::Service(service) => self.owed || service.is_paused(),
            _ => false,
        }
    }

    /// Tells a service, once, that everything it said has gone. `false` when there is nothing to tell.
    pub(super) fn tell_writable(&mut self, pool: &mut Pool) -> bool {
        let told = self.is_served() && std::mem::take(&mut self.owed);
        if told {
            self.make_room(pool);
            self.consult(|service, out| service.writable(out));
        }
        told
    }

    /// Whether it is a service that answers.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.plain, Plain::Service(_))
    }

    /// Lets go of the service: the connection is over as far as it is concerned.
    pub(super) fn part(&mut self, end: Result<(), &Error>) {
        if self.is_served() {
            if let Plain::Service(mut service) = std::mem::replace(&mut self.plain, Plain::None) {
                service.closed(end);
            }
        }
    }
}
