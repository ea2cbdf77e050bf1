//! The answering side where TLS is spoken with it: asked for, negotiated, and then what a [`Wire`] is to the client.
//!
//! Before it is open the client is not read, so nothing has to be kept for it. What a server says before our
//! ClientHello, but for the one byte that was asked for, is an error: it cannot be taken for something said in TLS.
//! Read next: `plain` (the same verbs without TLS), `relay`.

use super::plain::{Heard, Plain};
use super::terms::{Onward, Request};
use super::wire::{Speech, Wire};
use crate::error::{Error, Kind, reason};
use crate::io::{Pool, Readiness, Stream};
use crate::tls::{Channel, HandshakeError, Outcome};
use std::io;

/// PostgreSQL's SSLRequest.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection to a backend, with TLS or on the way to it.
pub(super) struct Hop {
    wire: Wire,
    stage: Stage,
    /// The end of the handshake waits for bytes to leave with.
    greets: bool,
    /// What libssl would not take yet.
    held: Vec<u8>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was said.
    Fresh,
    /// The server was asked whether it has TLS.
    Asked,
    /// TLS is being negotiated.
    Shaking,
    /// Bytes move.
    Open,
}

/// Why a backend took nothing.
pub(super) enum Refused {
    /// Its socket takes no more; it may still have something to say.
    Deaf(io::Error),
    /// TLS with it is over.
    Broken(Error),
}

/// What a turn on the way to TLS came to.
pub(super) enum Secured {
    /// There is more to come.
    Waiting,
    /// TLS it is.
    Open,
    /// The server has none, and may do without.
    Without(Stream),
}

impl Hop {
    /// One on which nothing was said.
    pub(super) fn new(stream: Stream) -> Hop {
        Hop {
            wire: Wire::new(Speech::Clear(Box::new(stream))),
            stage: Stage::Fresh,
            greets: false,
            held: Vec::new(),
        }
    }

    /// Goes on towards TLS, for a client who may speak it.
    ///
    /// # Errors
    /// Why there is none. Then nothing more is to be said.
    pub(super) fn secure(
        &mut self,
        onward: &Onward,
        client: Option<&Channel>,
    ) -> Result<Secured, Error> {
        loop {
            match self.stage {
                Stage::Fresh if !onward.request.is_postgresql() => self.begin(onward, client)?,
                Stage::Fresh => {
                    let sent = self.wire.stream().gather(SSL_REQUEST);
                    sent.map_err(|error| Error::io("write", &error))?;
                    self.stage = Stage::Asked;
                }
                Stage::Asked => match self.answer()? {
                    None => return Ok(Secured::Waiting),
                    Some(Answer::Tls) => self.begin(onward, client)?,
                    Some(Answer::None) if onward.request == Request::PostgreSqlOrClear => {
                        let stream = std::mem::replace(self.wire.stream(), Stream::closed());
                        return Ok(Secured::Without(stream));
                    }
                    Some(Answer::None) => {
                        let text = "the server has no TLS, which 'backend.sslmode' asks for";
                        return Err(Error::new(Kind::Tls, text));
                    }
                },
                Stage::Shaking => {
                    return Ok(match self.shake_hands(onward, client)? {
                        true => Secured::Open,
                        false => Secured::Waiting,
                    });
                }
                Stage::Open => return Ok(Secured::Open),
            }
        }
    }

    fn begin(&mut self, onward: &Onward, client: Option<&Channel>) -> Result<(), Error> {
        let dial = |stream| onward.dialer.dial(stream, client);
        self.wire.connect_tls(dial)?;
        self.stage = Stage::Shaking;
        Ok(())
    }

    /// The one byte that answers the request, if it has come.
    fn answer(&mut self) -> Result<Option<Answer>, Error> {
        let stream = self.wire.stream();
        match stream.flush() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(Error::io("write", &error)),
        }
        // One byte more than there may be: a server that says more now does not wait for a handshake.
        let mut said = [0; 2];
        let count = match stream.read(&mut said) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(Error::io("read", &error)),
        };
        let answer = match said[0] {
            _ if count == 0 => {
                let text = "the server closed the connection when it was asked for TLS";
                return Err(Error::new(Kind::Closed, text));
            }
            b'S' => Answer::Tls,
            b'N' => Answer::None,
            b'E' => {
                let text = "the server answered with an error when it was asked for TLS";
                return Err(Error::new(Kind::Peer, text));
            }
            other => {
                let shown = other.escape_ascii();
                let text = format!("received invalid response to SSL negotiation: '{shown}'");
                return Err(Error::new(Kind::Peer, text));
            }
        };
        if count > 1 {
            let text = "received unencrypted data after SSL response";
            return Err(Error::new(Kind::Peer, text));
        }
        Ok(Some(answer))
    }

    /// Whether the handshake is done. What ends it gathers, and leaves with the first bytes.
    fn shake_hands(&mut self, onward: &Onward, client: Option<&Channel>) -> Result<bool, Error> {
        let Some(channel) = self.wire.channel() else {
            return Err(Error::new(Kind::Internal, "there is no channel"));
        };
        let agreed = match channel.handshake() {
            Ok(Outcome::Done(_)) => onward.dialer.agreed(channel, client).map(|()| true),
            Ok(_) => Ok(false),
            Err(failure) => Err(failure.into()),
        };
        match agreed {
            Ok(true) => {
                self.stage = Stage::Open;
                self.greets = true;
            }
            Ok(false) => {
                let flushed = self.wire.stream().flush();
                flushed.map_err(|error| HandshakeError::gone(reason(&error)))?;
            }
            Err(_) => drop(self.wire.stream().flush()), // an alert, if it gets there
        }
        agreed
    }

    /// What was waited for, where nothing came of it.
    pub(super) fn waits_for(&self) -> &'static str {
        match self.stage {
            Stage::Fresh | Stage::Asked => "waiting to hear whether the server has TLS",
            Stage::Shaking | Stage::Open => "waiting for the server's handshake",
        }
    }

    /// What it is where nothing more comes before the bytes that are relayed.
    pub(super) fn into_plain(mut self) -> Plain {
        if self.wire.channel().is_some() {
            return Plain::Hop(Box::new(self));
        }
        Plain::Backend(std::mem::replace(self.wire.stream(), Stream::closed()))
    }

    /// Gives a lent buffer back.
    pub(super) fn give_back(&mut self, pool: &mut Pool) {
        if let Some(buffer) = self.wire.stream().reclaim() {
            pool.spares.give(buffer);
        }
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        self.wire.stream()
    }

    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    pub(super) fn channel(&mut self) -> Option<&mut Channel> {
        self.wire.channel()
    }

    pub(super) fn announce(&mut self, readiness: Readiness) {
        self.wire.announce(readiness);
    }

    /// Whether a read brings nothing before the next announcement.
    pub(super) fn is_exhausted(&self) -> bool {
        !self.wire.is_readable()
    }

    /// Whether all that waits is the end of the handshake, which may leave with the first bytes.
    pub(super) fn holds_beginning(&self) -> bool {
        self.greets
    }

    /// How many bytes can be said before a flush.
    pub(super) fn room(&mut self) -> usize {
        self.wire.room()
    }

    /// Says `bytes`; what libssl does not take is held. A flush has to follow.
    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.greets = false;
        let said = self.wire.write(bytes).map_err(Refused::Broken)?;
        self.held.extend_from_slice(&bytes[said..]);
        Ok(())
    }

    /// Sends what was said; `true` when all of it went.
    pub(super) fn flush(&mut self) -> Result<bool, Refused> {
        self.greets = false;
        loop {
            let most = self.held.len().min(self.wire.room());
            let said = self
                .wire
                .write(&self.held[..most])
                .map_err(Refused::Broken)?;
            self.held.drain(..said);
            if !self.wire.stream().flush().map_err(Refused::Deaf)? {
                return Ok(false);
            }
            if self.held.is_empty() {
                self.held = Vec::new();
                return Ok(true);
            }
            if said == 0 {
                return Ok(false);
            }
        }
    }

    /// Whether a flush may send something.
    pub(super) fn has_gathered(&mut self) -> bool {
        !self.held.is_empty() || self.wire.stream().is_waiting()
    }

    /// Says that nothing more will be said, once everything went; `true` when that went as well.
    pub(super) fn end(&mut self) -> io::Result<bool> {
        let said = self.wire.close();
        let stream = self.wire.stream();
        let flushed = if said {
            stream.flush_last()?
        } else {
            stream.flush()?
        };
        if !said || !flushed {
            return Ok(false);
        }
        stream.shut_write().map(|()| true)
    }

    /// Reads what the server says until `buf` is nearly full, nothing is left, or it has ended.
    pub(super) fn hear(&mut self, buf: &mut [u8]) -> Heard {
        self.wire.gather(buf)
    }
}

/// What a server says when it is asked for TLS.
enum Answer {
    Tls,
    None,
}
