//! The seam for what answers a connection inside this process.

use crate::tls::Facts;

/// What a connection knows when it is handed to its service.
pub struct Opened<'a> {
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
    /// Send what was written, then close.
    Finish,
}

/// Answers one connection. Called by the one thread that owns the connection, never while bytes it wrote are
/// still waiting to be sent, so what it appends per call is all that has to be held.
pub trait Service: Send {
    /// The connection is open. What is appended to `out` is sent.
    fn open(&mut self, opened: &Opened<'_>, out: &mut Vec<u8>) -> Verdict;

    /// Bytes from the client, all of them to be taken. What is appended to `out` is sent.
    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict;

    /// The client finished sending, cleanly. What is appended to `out` is sent.
    fn end(&mut self, out: &mut Vec<u8>) -> Verdict;
}
