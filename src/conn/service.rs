//! The seam for what answers a connection inside this process.
//!
//! A service sees plain bytes and says plain bytes; TLS, sockets and time are the connection's. `service` has the ones
//! that come along, `examples/shout.rs` is one of a program. Read next: `serving` (when it is called).

use crate::error::Error;
use crate::tls::Facts;
use std::any::Any;

/// What a connection knows when it is handed to its service.
pub struct Opened<'a> {
    /// The connection's number, which no other of this process has: see [`Server::tell`](crate::server::Server::tell).
    pub id: u64,
    /// The endpoint, in the unified form of the logs.
    pub endpoint: &'a str,
    /// The client's address and port; `local` over a unix socket.
    pub peer: &'a str,
    /// What was negotiated; `None` on an endpoint without TLS.
    pub facts: Option<&'a Facts>,
}

/// How a connection goes on after a call of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More is welcome.
    Continue,
    /// Send what was written, then close. The service is called no more, but for [`Service::closed`].
    Finish,
    /// Close without an end in good order, so that the client does not take what it got for a whole answer.
    Cut,
}

/// Something for one connection's service, from another thread.
pub type Message = Box<dyn Any + Send>;

/// Answers one connection. Called by the one thread that owns the connection. While bytes it wrote wait to be sent it
/// gets none from the client, so what it appends in one call is all that has to be held, and
/// [`Service::writable`] is where a long answer goes on.
pub trait Service: Send {
    /// The connection is open. What is appended to `out` is sent.
    fn open(&mut self, opened: &Opened<'_>, out: &mut Vec<u8>) -> Verdict;

    /// Bytes from the client, at most 260 KiB, all of them to be taken. What is appended to `out` is sent.
    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict;

    /// The client finished sending, cleanly. What is appended to `out` is sent, now and, unless this is the finish, in
    /// later calls.
    fn end(&mut self, out: &mut Vec<u8>) -> Verdict;

    /// What was appended has all been sent; called once for each time there was something.
    fn writable(&mut self, _out: &mut Vec<u8>) -> Verdict {
        Verdict::Continue
    }

    /// Somebody has something to tell. This alone is also called while bytes wait to be sent: `out` begins with them,
    /// and whoever appends to many has to see to it that they do not become too many.
    fn message(&mut self, _message: Message, _out: &mut Vec<u8>) -> Verdict {
        Verdict::Continue
    }

    /// Whether nothing is to be read of the client for now, neither bytes nor its end. Asked after every call: it
    /// takes one to change it.
    fn is_paused(&self) -> bool {
        false
    }

    /// The connection is over: in good order, or why not. The last call, made once for each [`Service::open`].
    fn closed(&mut self, _end: Result<(), &Error>) {}
}
