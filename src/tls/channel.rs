//! One TLS connection over a stream: handshake, read, write, close, each answered with an [`Outcome`].
//!
//! Wanting is not an error: it says what has to happen below before the same call is made again. An [`Error`] means
//! that the channel is finished; what libssl queued for the peer (an alert) is still worth a [`Stream::flush`].
//! Not thread-safe, but free to move between threads.

use super::bare_facts::BareFacts;
use super::bio::{Raw, Wired};
use super::context::Context;
use super::facts::{self, Certificate, Facts, Subject, facts};
use super::failure::{HandshakeError, peer, told};
use super::passing::{self, Expired};
use super::queue;
use super::role::Role;
use super::sys;
use super::whom::Server;
use crate::error::{Error, Kind, reason};
use crate::io::Stream;
use log::warn;
use openssl::ssl::{Ssl, SslRef, SslVerifyMode, SslVersion};

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: so many bytes, for read and write.
    Done(usize),
    /// Nothing more before the stream is readable.
    WantRead,
    /// Nothing more before gathered records have been flushed.
    WantWrite,
    /// The peer ended its direction cleanly, with a close-notify.
    Closed,
}

/// A TLS connection.
pub struct Channel {
    wired: Wired,
    close_sent: bool,
    second_ticket: SecondTicket,
}

/// When a client gets the second ticket of a full handshake of TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecondTicket {
    /// With the first, or never.
    AsUsual,
    /// Not with the handshake, if that would make two.
    Deferred,
    /// Not with the handshake: libssl was told to make one.
    Kept,
    /// When it is asked for: the handshake has made one.
    Due,
}

impl Channel {
    /// The server side of a connection over `stream`. Records gather in the buffer it is lent ([`Stream::lend`]).
    ///
    /// # Errors
    /// `Usage` for a client's context, and out of memory.
    pub fn accept(context: &Context, stream: Stream) -> Result<Channel, Error> {
        let mut channel = Channel::over(new_ssl(context, Role::Server)?, stream)?;
        channel.wired.set_accept_state();
        Ok(channel)
    }

    /// As [`Channel::accept`], for who calls [`Channel::give_ticket`] as soon as the client is known to stay: until then
    /// it has one ticket of two, if nobody has said how many there are to be. Without effect before OpenSSL 3.0.
    pub fn accept_deferring_ticket(context: &Context, stream: Stream) -> Result<Channel, Error> {
        let mut channel = Channel::accept(context, stream)?;
        if context.has_two_tickets() && sys::GIVES_TICKETS_LATER {
            channel.second_ticket = SecondTicket::Deferred;
        }
        Ok(channel)
    }

    /// The client side of a connection to `server` over `stream`, as [`Channel::accept`]. A server that is not
    /// verified is logged as a warning.
    ///
    /// # Errors
    /// `Usage` for a server's context and for what is no name or address, and out of memory.
    pub fn connect(
        context: &Context,
        stream: Stream,
        server: Server<'_>,
    ) -> Result<Channel, Error> {
        let mut ssl = new_ssl(context, Role::Client)?;
        if let Server::Unverified(_) = server {
            warn!(
                "a server's certificate is not looked at: whoever sits in between reads everything"
            );
        }
        server.expect(&mut ssl)?;
        Channel::connecting(ssl, stream)
    }

    /// The client side with an `SSL` that knows whom it expects.
    pub(crate) fn connecting(ssl: Ssl, stream: Stream) -> Result<Channel, Error> {
        let mut channel = Channel::over(ssl, stream)?;
        channel.wired.set_connect_state();
        Ok(channel)
    }

    fn over(ssl: Ssl, stream: Stream) -> Result<Channel, Error> {
        let wired = Wired::new(ssl, stream);
        Ok(Channel {
            wired: wired.map_err(|error| Error::io("cannot make a channel", &error))?,
            close_sent: false,
            second_ticket: SecondTicket::AsUsual,
        })
    }

    /// Goes on with the handshake (`SSL_do_handshake`).
    ///
    /// # Errors
    /// Why it failed, classified; the alert for the peer waits for [`Stream::flush`].
    pub fn handshake(&mut self) -> Result<Outcome, HandshakeError> {
        let raw = self.wired.handshake();
        self.came_to(raw)
    }

    /// As [`Channel::handshake`], but after a part of a flight, some ten microseconds or a message, there is a pause:
    /// `None`, where the next call needs nothing to have happened. For who has others to look after.
    pub(crate) fn handshake_piece(&mut self) -> Option<Result<Outcome, HandshakeError>> {
        match self.wired.handshake_piece() {
            Raw::Paused => None,
            raw => Some(self.came_to(raw)),
        }
    }

    fn came_to(&mut self, handshake: Raw) -> Result<Outcome, HandshakeError> {
        match handshake {
            Raw::Done(_) => {
                self.owe_ticket();
                Ok(Outcome::Done(0))
            }
            Raw::WantRead => {
                self.defer_ticket();
                Ok(Outcome::WantRead)
            }
            Raw::WantWrite => Ok(Outcome::WantWrite),
            Raw::Closed | Raw::Cut(None) => {
                let peer = peer(self.wired.ssl());
                let gone = HandshakeError::gone(format!("{peer} closed the connection"));
                Err(self.asking(gone))
            }
            Raw::Cut(Some(error)) => Err(self.asking(HandshakeError::broken(reason(&error)))),
            Raw::Paused | Raw::Failed => {
                let (queue, hello) = (queue::drain(), self.wired.hello());
                Err(HandshakeError::classify(
                    &queue,
                    self.wired.ssl(),
                    hello.as_ref(),
                ))
            }
        }
    }

    /// With the server name that the client asked for.
    pub(crate) fn asking(&self, failure: HandshakeError) -> HandshakeError {
        failure.asking(self.wired.ssl(), self.wired.hello().as_ref())
    }

    /// A handshake waits for the client. The last time it does is before the message that libssl makes tickets after; by
    /// then a server name may have brought in another context, whose number is kept unless it is two as well.
    fn defer_ticket(&mut self) {
        self.second_ticket = match (self.second_ticket, self.wired.ssl().num_tickets()) {
            (SecondTicket::Deferred | SecondTicket::Kept, 2) => {
                self.wired.set_num_tickets(1);
                SecondTicket::Kept
            }
            (SecondTicket::Kept, 1) => SecondTicket::Kept,
            (SecondTicket::Deferred, 1) | (SecondTicket::Kept, _) => SecondTicket::AsUsual,
            (as_it_is, _) => as_it_is,
        };
    }

    /// The handshake is over. A resumed session gets one ticket in any case.
    fn owe_ticket(&mut self) {
        let kept = self.second_ticket == SecondTicket::Kept;
        self.second_ticket = if kept && self.last_words_may_wait() && !self.is_resumed() {
            SecondTicket::Due
        } else {
            SecondTicket::AsUsual
        };
    }

    /// Makes the ticket that was deferred, if there is one (`SSL_new_session_ticket`); it gathers with the bytes of the
    /// next [`Channel::write`], or at once with `now`. An error of it is that of the next call.
    pub fn give_ticket(&mut self, now: bool) {
        if self.second_ticket == SecondTicket::Due {
            self.second_ticket = SecondTicket::AsUsual;
            self.wired.new_session_ticket();
            if now {
                self.wired.handshake();
            }
        }
    }

    /// Whether libssl keeps its buffers between records, some 34 KB, or takes new ones for each and gives them back, as
    /// it does unless told otherwise (`SSL_MODE_RELEASE_BUFFERS`). With `false` those that it kept go at once.
    pub fn keep_buffers(&mut self, keep: bool) {
        self.wired.keep_buffers(keep);
    }

    /// Reads decrypted bytes (`SSL_read`).
    ///
    /// # Errors
    /// `Closed` when the stream was cut without a close-notify, `Io` when it failed, `Peer` when what came was not
    /// TLS any more.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Outcome, Error> {
        let raw = self.wired.read(buf);
        outcome(raw, "read", self.wired.ssl())
    }

    /// What a read would come to, without taking anything (`SSL_peek`): one byte, a want or the end.
    ///
    /// # Errors
    /// As [`Channel::read`], which does not tell them a second time.
    pub fn peek(&mut self) -> Result<Outcome, Error> {
        let raw = self.wired.peek();
        outcome(raw, "read", self.wired.ssl())
    }

    /// Encrypts bytes (`SSL_write`); they gather until [`Stream::flush`]. After a want, the same bytes have to be
    /// given again.
    ///
    /// # Errors
    /// As [`Channel::read`].
    pub fn write(&mut self, buf: &[u8]) -> Result<Outcome, Error> {
        let raw = self.wired.write(buf);
        outcome(raw, "write", self.wired.ssl())
    }

    /// Gathers our close-notify (`SSL_shutdown`), once, and says whether it has been: `false` where there was no room,
    /// for another try after a [`Stream::flush`]. Reading goes on.
    pub fn close(&mut self) -> bool {
        if !self.close_sent {
            self.close_sent = !matches!(self.wired.shutdown(), Raw::WantWrite);
        }
        self.close_sent
    }

    /// Gives the connection up without a close-notify, but not its session, as libssl would: since TLS 1.1 that is no
    /// reason (RFC 5246, section 7.2.1). Nothing is to be said any more.
    pub(crate) fn give_up(&mut self) {
        self.wired.pretend_shutdown();
    }

    /// Whether libssl holds bytes of the peer, decrypted or not (`SSL_has_pending`). They may be part of a record.
    pub fn has_pending(&self) -> bool {
        sys::has_pending(self.wired.ssl())
    }

    /// Changes the key that our bytes are encrypted with, in TLS 1.3.
    #[cfg(test)]
    pub(crate) fn update_keys(&mut self) {
        assert!(matches!(self.wired.update_keys(), Raw::Done(_)));
    }

    /// How many bytes can be written before a flush, at the most one record short of the buffer.
    pub fn room(&self) -> usize {
        // A record carries at most 16 KiB and costs at most 256 bytes: header, nonce, padding, tag.
        self.wired.room() / (RECORD + 256) * RECORD
    }

    /// The stream below, for what TLS has no part in: readiness, the buffer records gather in, flushing.
    pub fn stream(&mut self) -> &mut Stream {
        self.wired.stream()
    }

    /// The `SSL` itself.
    #[cfg(feature = "capi")]
    pub(crate) fn ssl(&self) -> &SslRef {
        self.wired.ssl()
    }

    /// What was negotiated, and who the peer is. Meaningful after the handshake.
    pub fn facts(&self) -> Facts {
        facts(self.wired.ssl())
    }

    /// The certificates that the peer has sent, its own first, as far as they are known: in this connection, or in the
    /// one that began the session.
    pub(crate) fn chain(&self) -> Vec<Certificate> {
        facts::chain(self.wired.ssl())
    }

    /// The version that is spoken.
    pub(super) fn version(&self) -> Option<SslVersion> {
        self.wired.ssl().version2()
    }

    /// The protocol that was agreed on by ALPN, as it was sent.
    pub(crate) fn alpn(&self) -> Option<Vec<u8>> {
        self.wired
            .ssl()
            .selected_alpn_protocol()
            .map(<[u8]>::to_vec)
    }

    /// Whether certificates of the peer are verified: it was asked for one (`SSL_get_verify_mode`).
    pub(crate) fn verifies(&self) -> bool {
        self.wired.ssl().verify_mode() != SslVerifyMode::NONE
    }

    /// Whom the peer's certificate is for, if it showed one and was verified.
    pub(crate) fn subject(&self) -> Option<Subject> {
        facts::subject(self.wired.ssl())
    }

    /// A certificate of the peer's that was accepted although it has expired: whoever owns the channel warns of it once the
    /// handshake is done.
    pub fn expired_peer(&self) -> Option<Expired> {
        passing::expired(self.wired.ssl())
    }

    /// What was negotiated as it stands in libssl's memory, each fact for itself.
    pub(crate) fn bare_facts(&self) -> BareFacts<'_> {
        BareFacts::of(self.wired.ssl())
    }

    /// Whether the peer waits for nothing of what a server gathered in the call that ended the handshake: in TLS 1.3 that
    /// is tickets, before it the last flight.
    pub fn last_words_may_wait(&self) -> bool {
        let ssl = self.wired.ssl();
        ssl.is_server() && self.version() == Some(SslVersion::TLS1_3)
    }

    /// Whether the peer may go on reading after its close-notify: only since TLS 1.3. Before, it ends both directions, and
    /// what is not written yet is to be dropped (RFC 5246, section 7.2.1; RFC 8446, section 6.1).
    pub fn may_half_close(&self) -> bool {
        self.version() == Some(SslVersion::TLS1_3)
    }

    /// Whether the handshake resumed a session (`SSL_session_reused`).
    pub fn is_resumed(&self) -> bool {
        self.wired.ssl().session_reused()
    }
}

fn new_ssl(context: &Context, role: Role) -> Result<Ssl, Error> {
    if context.role() == role {
        return context.new_ssl();
    }
    let text = match role {
        Role::Server => "cannot accept with a context for clients",
        Role::Client => "cannot connect with a context for servers",
    };
    Err(Error::new(Kind::Usage, text))
}

/// Most plain bytes in one record.
pub const RECORD: usize = 16 * 1024;

fn outcome(raw: Raw, doing: &str, ssl: &SslRef) -> Result<Outcome, Error> {
    match raw {
        Raw::Done(count) => Ok(Outcome::Done(count)),
        Raw::WantRead => Ok(Outcome::WantRead),
        Raw::WantWrite => Ok(Outcome::WantWrite),
        Raw::Closed => Ok(Outcome::Closed),
        Raw::Cut(None) => Err(Error::new(
            Kind::Closed,
            "stream cut without a close-notify",
        )),
        Raw::Cut(Some(error)) => Err(Error::io(doing, &error)),
        Raw::Paused | Raw::Failed => {
            let queue = queue::drain();
            let text = format!("{doing}: {}", told(&queue, ssl));
            Err(Error::new(Kind::Peer, text).caused_by(queue.to_string()))
        }
    }
}
