//! A channel driven by calls that may come at any time, over a socket whose readiness nobody announces: what the C
//! library's channels and the client's links have in common.
//!
//! A call tries the socket, whatever the caller's loop has seen of it, and goes on until it says would-block. Then it
//! comes to a want, or waits where the socket is a blocking one. Read next: `descriptor` (the socket),
//! [`tls::Channel`].

mod descriptor;

pub use descriptor::Wants; // of the client's surface
pub(crate) use descriptor::{Descriptor, poll};

use crate::error::{Error, Kind};
use crate::io::{Buffer, CAPACITY, Readiness, Spares};
use crate::tls::{self, Facts, Outcome, RECORD, Rejected};
use log::warn;
#[cfg(feature = "capi")]
use openssl::ssl::SslRef;
use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};

/// A channel and its socket.
pub(crate) struct Driven {
    tls: tls::Channel,
    descriptor: Descriptor,
    /// Whether the first call is ours to make: a client speaks first.
    begins: bool,
    /// The handshake is done.
    shaken: bool,
    /// The peer has ended its direction in good order.
    peer_ended: bool,
    /// Our direction was ended.
    closing: bool,
    /// What the channel failed by.
    failure: Option<Error>,
    /// The certificate of the peer that it failed by.
    rejected: Option<Rejected>,
    /// What was read too much of, to be read again.
    returned: Buffer,
    /// Who the peer is, in the log, if anybody has said so.
    peer: Option<String>,
}

/// What has to happen before a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Read,
    Write,
}

/// What a call has come to so far.
#[derive(Debug)]
pub(crate) enum Step<T> {
    Done(T),
    Want(Want),
}

/// Bytes that a call receives for nothing, one record after the other that carries none, before its caller gets a turn.
/// What libssl still holds then may have to wait for more to come: only who sends so many records waits for it.
const PATIENCE: u64 = 128 * 1024;

const READY: Readiness = Readiness {
    readable: true,
    writable: true,
    hung_up: false,
    failed: false,
};

thread_local! {
    /// Buffers for records on their way, lent to a channel for a call, and for as long as something waits in them.
    static SPARES: RefCell<Spares> = RefCell::default();
}

impl Driven {
    pub(crate) fn new(tls: tls::Channel, descriptor: Descriptor, begins: bool) -> Driven {
        Driven {
            tls,
            descriptor,
            begins,
            shaken: false,
            peer_ended: false,
            closing: false,
            failure: None,
            rejected: None,
            returned: Buffer::new(0),
            peer: None,
        }
    }

    /// The same with a name for the peer, in the log.
    pub(crate) fn towards(mut self, peer: &impl ToString) -> Driven {
        self.peer = Some(peer.to_string());
        self
    }

    /// Goes on with the handshake.
    pub(crate) fn handshake(&mut self) -> Result<Step<()>, Error> {
        self.may(false)?;
        self.drive(Driven::shake)
    }

    /// Reads at least a byte; 0 is the peer's end.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<Step<usize>, Error> {
        if !self.returned.is_empty() {
            let count = buf.len().min(self.returned.filled().len());
            buf[..count].copy_from_slice(&self.returned.filled()[..count]);
            self.returned.consume(count);
            return Ok(Step::Done(count));
        }
        self.may(false)?;
        self.drive(|driven| driven.take(buf))
    }

    /// Puts bytes back that were read, for the next reads.
    pub(crate) fn give_back(&mut self, bytes: &[u8]) {
        self.returned = Buffer::holding(&[bytes, self.returned.filled()]);
    }

    /// Writes as much as can be taken; a want where that is nothing.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<Step<usize>, Error> {
        self.may(true)?;
        if bytes.is_empty() {
            return Ok(Step::Done(0));
        }
        let mut taken = 0;
        match self.drive(|driven| driven.give(bytes, &mut taken))? {
            Step::Want(want) if taken == 0 => Ok(Step::Want(want)),
            _ => Ok(Step::Done(taken)),
        }
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) -> Result<Step<()>, Error> {
        self.drive(Driven::send)
    }

    /// Ends our direction.
    pub(crate) fn close(&mut self) -> Result<Step<()>, Error> {
        self.drive(Driven::end)
    }

    /// What has to happen on the socket before a call can do more.
    pub(crate) fn wants(&mut self) -> Wants {
        let over = self.failure.is_some();
        let given_up = self.closing && !self.shaken;
        Wants {
            read: !over && !self.peer_ended && !given_up,
            write: !over && (self.begins || self.is_waiting()),
        }
    }

    /// Whether a read would come to something without the socket.
    #[cfg(feature = "capi")]
    pub(crate) fn has_pending(&mut self) -> bool {
        if !self.returned.is_empty() {
            return true;
        }
        if self.failure.is_some() || !self.shaken || self.peer_ended {
            return false;
        }
        // Now libssl finds the socket empty, and answers from what it holds.
        self.tls.stream().withdraw();
        self.buffered(|driven| match driven.tls.peek() {
            Ok(outcome) => matches!(outcome, Outcome::Done(_) | Outcome::Closed),
            Err(error) => {
                driven.fail(error);
                true
            }
        })
    }

    /// What was negotiated.
    pub(crate) fn facts(&self) -> Result<Facts, Error> {
        if !self.shaken {
            return Err(used("the handshake is not done"));
        }
        Ok(self.tls.facts())
    }

    /// The certificates that the peer has sent in this connection, or in the one that began the session.
    pub(crate) fn chain(&self) -> Vec<tls::Certificate> {
        self.tls.chain()
    }

    /// The certificate of the peer that the handshake has failed by.
    pub(crate) fn rejected(&mut self) -> Option<Rejected> {
        self.rejected.take()
    }

    /// The `SSL` itself.
    #[cfg(feature = "capi")]
    pub(crate) fn ssl(&self) -> &SslRef {
        self.tls.ssl()
    }

    /// Whether a call may still be made that reads, or that writes.
    fn may(&self, write: bool) -> Result<(), Error> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None if self.closing && !self.shaken => {
                Err(used("the channel was closed before its handshake was done"))
            }
            None if self.closing && write => Err(used("our direction was closed")),
            None => Ok(()),
        }
    }

    /// Does `step` until it is done, or the socket can do no more and is not to be waited for. A failure is the
    /// channel's end, and is told again.
    fn drive<T>(
        &mut self,
        mut step: impl FnMut(&mut Driven) -> Result<Step<T>, Error>,
    ) -> Result<Step<T>, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.begins = false;
        self.buffered(|driven| {
            let result = driven.go_on(&mut step);
            result.map_err(|error| driven.fail(error))
        })
    }

    /// Runs a call with a buffer to gather in.
    fn buffered<R>(&mut self, body: impl FnOnce(&mut Driven) -> R) -> R {
        // At the end of a thread its spares may be gone.
        let spare = || SPARES.try_with(|spares| spares.borrow_mut().take());
        let new = || Buffer::new(CAPACITY);
        self.tls.stream().lend(|| spare().unwrap_or_else(|_| new()));
        let result = body(self);
        if let Some(buffer) = self.tls.stream().reclaim() {
            let _ = SPARES.try_with(|spares| spares.borrow_mut().give(buffer));
        }
        result
    }

    fn go_on<T>(
        &mut self,
        step: &mut impl FnMut(&mut Driven) -> Result<Step<T>, Error>,
    ) -> Result<Step<T>, Error> {
        let enough = self.tls.stream().received() + PATIENCE;
        loop {
            self.tls.stream().announce(READY);
            let received = self.tls.stream().received();
            // What cannot be sent any more is no reason not to read: the peer may have said why.
            let broken = self.sent().err();
            let want = match step(self)? {
                Step::Want(want) => want,
                done => return Ok(done),
            };
            broken.map_or(Ok(()), Err)?;
            self.sent()?;
            // That the socket brought less than it could have is not enough: the end of the stream may stand behind,
            // and a loop that is edge-triggered has been told of both at once.
            let stream = self.tls.stream();
            let exhausted = stream.is_drained() && stream.received() == received;
            if want == Want::Read && !exhausted && stream.received() < enough {
                continue;
            }
            let wants = Wants {
                read: want == Want::Read,
                write: want == Want::Write || self.is_waiting(),
            };
            let waited = self.descriptor.wait(wants);
            if !waited.map_err(|error| Error::io("wait", &error))? {
                return Ok(Step::Want(want));
            }
        }
    }

    /// Remembers why the channel has failed: in place of what the system says, the peer's alert if there is one. Sends
    /// our own alert as far as it goes.
    fn fail(&mut self, error: Error) -> Error {
        let said = match error.kind() {
            Kind::Io => self.tls.peek().err(),
            _ => None,
        };
        let said = said.filter(|said| said.kind() == Kind::Peer);
        let error = said.unwrap_or(error);
        self.tls.stream().announce(READY);
        let _ = self.tls.stream().flush();
        self.failure = Some(error.clone());
        error
    }

    /// Sends what has gathered; whether all of it went.
    fn sent(&mut self) -> Result<bool, Error> {
        let doing = if self.shaken { "write" } else { "handshake" };
        let flushed = self.tls.stream().flush();
        flushed.map_err(|error| Error::io(doing, &error))
    }

    fn is_waiting(&mut self) -> bool {
        self.tls.stream().is_waiting()
    }

    fn shake(&mut self) -> Result<Step<()>, Error> {
        if self.shaken {
            return Ok(Step::Done(()));
        }
        let outcome = self.tls.handshake().inspect_err(|failure| {
            let detail = failure.detail.as_ref();
            self.rejected = detail.and_then(|detail| detail.rejected.clone());
        })?;
        let all = self.sent()?;
        match outcome {
            Outcome::WantRead if all => Ok(Step::Want(Want::Read)),
            // The peer cannot answer what it has not got.
            Outcome::WantRead | Outcome::WantWrite => Ok(Step::Want(Want::Write)),
            Outcome::Done(_) | Outcome::Closed => {
                self.shaken = true;
                if let Some(expired) = self.tls.expired_peer() {
                    match &self.peer {
                        Some(peer) => warn!("'{peer}': {expired}"),
                        None => warn!("{expired}"),
                    }
                }
                Ok(Step::Done(()))
            }
        }
    }

    fn take(&mut self, buf: &mut [u8]) -> Result<Step<usize>, Error> {
        if let Step::Want(want) = self.shake()? {
            return Ok(Step::Want(want));
        }
        if self.peer_ended {
            return Ok(Step::Done(0));
        }
        match self.tls.read(buf)? {
            Outcome::Done(count) => {
                // An answer of libssl's own may have gathered; if it cannot be sent, the next call finds that out.
                let _ = self.sent();
                Ok(Step::Done(count))
            }
            Outcome::WantRead => Ok(Step::Want(Want::Read)),
            Outcome::WantWrite => Ok(Step::Want(Want::Write)),
            Outcome::Closed => {
                self.peer_ended = true;
                Ok(Step::Done(0))
            }
        }
    }

    /// Takes what there is room for of `bytes`, from `taken` on. A record is begun only where there is room for all
    /// of it, so that libssl never keeps one whose bytes it would want to see again.
    fn give(&mut self, bytes: &[u8], taken: &mut usize) -> Result<Step<()>, Error> {
        if let Step::Want(want) = self.shake()? {
            return Ok(Step::Want(want));
        }
        while *taken < bytes.len() {
            if self.tls.room() == 0 && !self.sent()? {
                return Ok(Step::Want(Want::Write));
            }
            let end = bytes.len().min(*taken + RECORD);
            match self.tls.write(&bytes[*taken..end])? {
                Outcome::Done(count) => *taken += count,
                Outcome::WantWrite => return Ok(Step::Want(Want::Write)),
                // A renegotiation comes first.
                Outcome::WantRead => return Ok(Step::Want(Want::Read)),
                Outcome::Closed => {
                    let text = "write: the peer ended in the middle of a handshake";
                    return Err(Error::new(Kind::Peer, text));
                }
            }
        }
        self.send()
    }

    fn send(&mut self) -> Result<Step<()>, Error> {
        let all = self.sent()?;
        Ok(if all {
            Step::Done(())
        } else {
            Step::Want(Want::Write)
        })
    }

    fn end(&mut self) -> Result<Step<()>, Error> {
        self.closing = true;
        // Inside a handshake there is no close-notify.
        while self.shaken && !self.tls.close() {
            if !self.sent()? {
                return Ok(Step::Want(Want::Write));
            }
        }
        self.send()
    }
}

impl AsFd for Driven {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// What the caller ought not to have done.
fn used(why: &str) -> Error {
    Error::new(Kind::Usage, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Stream;
    use crate::settings::Settings;
    use crate::tls::testing::a_servers_context;
    use crate::tls::{Channel, Context, Prepared, Server};
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    /// A client and a server that have met, each over its end of a pair of sockets that do not wait.
    struct Met {
        client: Driven,
        server: Driven,
        ends: (UnixStream, UnixStream),
    }

    fn meet() -> Met {
        let ends = UnixStream::pair().unwrap();
        let stream = |end: &UnixStream| {
            end.set_nonblocking(true).unwrap();
            let own = Arc::new(OwnedFd::from(end.try_clone().unwrap()));
            let descriptor = Descriptor::Own(own);
            let below = Stream::new(Box::new(descriptor.clone()));
            (descriptor, below)
        };
        let (descriptor, below) = stream(&ends.0);
        let (prepared, _) = Prepared::load_client(&Settings::default()).unwrap();
        let context = Context::client(&prepared).unwrap();
        let whoever = Server::Unverified(None);
        let client = Channel::connect(&context, below, whoever).unwrap();
        let mut client = Driven::new(client, descriptor, true);
        let (descriptor, below) = stream(&ends.1);
        let server = Channel::accept(&a_servers_context(), below).unwrap();
        let mut server = Driven::new(server, descriptor, false);
        for _ in 0..3 {
            client.handshake().unwrap();
            server.handshake().unwrap();
        }
        assert!(client.shaken && server.shaken);
        Met {
            client,
            server,
            ends,
        }
    }

    #[test]
    fn records_without_bytes_do_not_keep_a_call_for_ever() {
        let Met {
            mut client,
            mut server,
            ends: _ends,
        } = meet();
        server.buffered(|server| {
            while server.tls.room() > 0 || server.sent().unwrap() {
                server.tls.update_keys();
            }
        });
        let mut buf = [0; 16];
        let before = client.tls.stream().received();
        let step = client.read(&mut buf).unwrap();
        assert!(matches!(step, Step::Want(Want::Read)), "{step:?}");
        let received = client.tls.stream().received() - before;
        assert!(received >= PATIENCE, "all of it was {received}");
        assert!(received < PATIENCE + 2 * RECORD as u64, "{received}");
        let mut said = server.write(b"hello").unwrap();
        for _ in 0..100 {
            if let Step::Done(count) = client.read(&mut buf).unwrap() {
                assert_eq!(&buf[..count], b"hello");
                return;
            }
            if matches!(said, Step::Want(_)) {
                said = server.write(b"hello").unwrap();
            }
            server.flush().unwrap();
        }
        panic!("what came behind them never came");
    }

    #[test]
    fn what_a_look_at_the_bytes_finds_wrong_is_told_to_the_peer() {
        let Met {
            mut client,
            mut server,
            ends,
        } = meet();
        server.write(b"hello").unwrap();
        (&ends.1).write_all(&[23, 3, 3, 0, 2, 0, 0]).unwrap(); // a record with nobody's key
        let mut buf = [0; 5];
        assert!(matches!(client.read(&mut buf).unwrap(), Step::Done(5)));
        assert!(client.has_pending());
        let told = server.read(&mut buf).unwrap_err();
        assert_eq!(told.kind(), Kind::Peer);
        assert!(told.to_string().contains("the client sent"), "{told}");
        assert_eq!(client.read(&mut buf).unwrap_err().kind(), Kind::Peer);
    }
}
