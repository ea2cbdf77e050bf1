//! The side of a connection that answers: a backend's socket, with TLS or without, or a service in this process.

use super::Service;
use super::hop::Hop;
use super::mediation::Mediation;
use crate::error::Error;
use crate::io::{Readiness, Stream};
use crate::preface::mysql::Rules;
use crate::tls::Channel;
use std::io;

/// The answering side.
pub(super) enum Plain {
    /// Nobody yet.
    None,
    /// A backend that gets the bytes as they are.
    Backend(Stream),
    /// A backend that TLS is spoken with. On the heap: without one a connection has no room for it.
    Hop(Box<Hop>),
    /// A backend whose client is not in yet.
    Mediated(Box<Mediation>),
    /// Something in this process.
    Service(Box<dyn Service>),
}

/// What a backend, or a client, was heard to say.
#[derive(Default)]
pub(super) struct Heard {
    /// How many bytes.
    pub(super) count: usize,
    /// After them, it has ended cleanly.
    pub(super) ended: bool,
    /// There is more, although nothing came of it yet.
    pub(super) unfinished: bool,
    /// Why it failed, after these bytes.
    pub(super) failure: Option<Box<Error>>,
}

impl Heard {
    /// What a read of a clear stream came to.
    pub(super) fn of(read: io::Result<usize>) -> Heard {
        let mut heard = Heard::default();
        match read {
            Ok(0) => heard.ended = true,
            Ok(count) => heard.count = count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => heard.failure = Some(Box::new(Error::io("read", &error))),
        }
        heard
    }
}

impl Plain {
    /// A backend that speaks MySQL's protocol and has said nothing yet.
    pub(super) fn mediated(stream: Stream, rules: Rules) -> Plain {
        Plain::Mediated(Box::new(Mediation::new(stream, rules)))
    }

    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        match self {
            Plain::Backend(stream) => Some(stream),
            Plain::Hop(hop) => Some(hop.stream()),
            Plain::Mediated(mediation) => Some(mediation.hop.stream()),
            _ => None,
        }
    }

    /// Its side of a connection that speaks TLS with it, or may do so yet.
    pub(super) fn hop(&mut self) -> Option<&mut Hop> {
        match self {
            Plain::Hop(hop) => Some(hop),
            Plain::Mediated(mediation) => Some(&mut mediation.hop),
            _ => None,
        }
    }

    pub(super) fn channel(&mut self) -> Option<&mut Channel> {
        self.hop()?.channel()
    }

    pub(super) fn announce(&mut self, readiness: Readiness) {
        match self {
            Plain::Backend(stream) => stream.announce(readiness),
            Plain::Hop(hop) => hop.announce(readiness),
            Plain::Mediated(mediation) => mediation.hop.announce(readiness),
            _ => {}
        }
    }

    /// How many bytes it can be told at once, `most` at the most.
    pub(super) fn room(&mut self, most: usize) -> usize {
        match self {
            Plain::Hop(hop) => hop.room().min(most),
            _ => most,
        }
    }

    /// Whether a backend is known to have nothing to say before it is announced.
    pub(super) fn is_exhausted(&self) -> bool {
        match self {
            Plain::Backend(stream) => stream.is_drained(),
            Plain::Hop(hop) => hop.is_exhausted(),
            _ => false,
        }
    }

    /// Whether something for the backend has gathered that a flush would send. Without TLS nothing gathers: what waits
    /// is what the socket did not take.
    pub(super) fn has_gathered(&mut self) -> bool {
        match self {
            Plain::Hop(hop) => hop.has_gathered(),
            _ => false,
        }
    }
}
