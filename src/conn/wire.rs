//! The side of a connection that faces the client: TLS or clear, with the same verbs. Towards a backend that TLS is
//! spoken with there is another one: see `hop`.

use super::plain::Heard;
use crate::error::Error;
use crate::io::{Readiness, Stream};
use crate::tls::{Channel, Context, Outcome, RECORD};
use std::io;

/// The client's side, or the backend's.
pub(super) struct Wire {
    speech: Speech,
    /// Nothing more to read before the stream is announced readable: libssl need not be asked.
    exhausted: bool,
    /// The last read stopped, without bytes, before that.
    unfinished: bool,
}

/// What is spoken there.
pub(super) enum Speech {
    Tls(Channel),
    /// On the heap, so that a connection with TLS, which has its stream elsewhere, has no room for another.
    Clear(Box<Stream>),
}

impl Wire {
    pub(super) fn new(speech: Speech) -> Wire {
        Wire {
            speech,
            exhausted: false,
            unfinished: false,
        }
    }

    pub(super) fn announce(&mut self, readiness: Readiness) {
        self.exhausted &= !readiness.readable;
        self.stream().announce(readiness);
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        match &mut self.speech {
            Speech::Tls(channel) => channel.stream(),
            Speech::Clear(stream) => stream,
        }
    }

    pub(super) fn channel(&mut self) -> Option<&mut Channel> {
        match &mut self.speech {
            Speech::Tls(channel) => Some(channel),
            Speech::Clear(_) => None,
        }
    }

    /// Goes over to TLS: what was prepended to the clear stream is its beginning.
    pub(super) fn start_tls(&mut self, context: &Context) -> Result<(), Error> {
        self.go_over(|stream| Channel::accept_deferring_ticket(context, stream))
    }

    /// Goes over to TLS as a client.
    pub(super) fn connect_tls(
        &mut self,
        dial: impl FnOnce(Stream) -> Result<Channel, Error>,
    ) -> Result<(), Error> {
        self.go_over(dial)
    }

    fn go_over(&mut self, to: impl FnOnce(Stream) -> Result<Channel, Error>) -> Result<(), Error> {
        if let Speech::Clear(stream) = &mut self.speech {
            let stream = std::mem::replace(&mut **stream, Stream::closed());
            self.speech = Speech::Tls(to(stream)?);
            self.exhausted = false;
        }
        Ok(())
    }

    /// Whether bytes wait that were read already.
    pub(super) fn holds_bytes(&self) -> bool {
        match &self.speech {
            Speech::Tls(channel) => channel.has_pending(),
            Speech::Clear(stream) => stream.holds_bytes(),
        }
    }

    /// Whether a read may bring something.
    pub(super) fn is_readable(&self) -> bool {
        !self.exhausted
    }

    /// Reads what is said. On a clear wire the end is always taken for a clean one.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Result<Outcome, Error> {
        let outcome = match &mut self.speech {
            Speech::Tls(channel) => channel.read(buf),
            Speech::Clear(stream) => match stream.read(buf) {
                Ok(0) => Ok(Outcome::Closed),
                Ok(count) => Ok(Outcome::Done(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Outcome::WantRead),
                Err(error) => Err(Error::io("read", &error)),
            },
        };
        // libssl also wants to be called again after a record that carries nothing for us (a key update, an alert):
        // then the stream has more, or its end, and will not announce it a second time.
        let wants = matches!(outcome, Ok(Outcome::WantRead));
        self.exhausted = wants && self.stream().is_drained();
        self.unfinished = wants && !self.exhausted;
        outcome
    }

    /// Reads until `buf` is nearly full, nothing is left, or the end has come.
    pub(super) fn gather(&mut self, buf: &mut [u8]) -> Heard {
        let mut heard = Heard::default();
        while heard.count + RECORD <= buf.len() {
            match self.read(&mut buf[heard.count..]) {
                Ok(Outcome::Done(count)) => heard.count += count,
                Ok(Outcome::Closed) => {
                    heard.ended = true;
                    break;
                }
                Ok(_) => break,
                Err(error) => {
                    heard.failure = Some(Box::new(error));
                    return heard;
                }
            }
        }
        heard.unfinished = self.unfinished;
        heard
    }

    /// How many bytes can be said before a flush.
    pub(super) fn room(&mut self) -> usize {
        match &mut self.speech {
            Speech::Tls(channel) => channel.room(),
            Speech::Clear(stream) => stream.room(),
        }
    }

    /// Says as much of `bytes` as can be said now, and tells how much that was.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let channel = match &mut self.speech {
            Speech::Clear(stream) => {
                let count = bytes.len().min(stream.room());
                return stream
                    .gather(&bytes[..count])
                    .map_err(|error| Error::io("write", &error));
            }
            Speech::Tls(channel) => channel,
        };
        let mut done = 0;
        while done < bytes.len() {
            let end = bytes.len().min(done + RECORD);
            match channel.write(&bytes[done..end])? {
                Outcome::Done(count) => done += count,
                _ => break, // a renegotiation in progress wants to read first
            }
        }
        Ok(done)
    }

    /// Says that nothing more will be said: a close-notify, where there is TLS. `false` when it has no room yet.
    pub(super) fn close(&mut self) -> bool {
        match &mut self.speech {
            Speech::Tls(channel) => channel.close(),
            Speech::Clear(_) => true,
        }
    }
}
