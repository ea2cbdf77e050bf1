//! What may come before TLS, or instead of it, on a port, and what has to be known before somebody answers: pure state
//! machines, bytes in, decision out.
//!
//! A preface sees what a client says until it has decided. Where it sends the client into TLS, it is asked again behind
//! the handshake, about the bytes inside. Nothing here reads a socket or knows time.

mod first_byte;
mod gateway;
mod kdb;
mod manticore;
pub(crate) mod mysql;
pub(crate) mod postgresql;
pub(crate) mod proxy;

pub(crate) use first_byte::FirstByte;
pub(crate) use gateway::Gateway;
pub(crate) use kdb::Kdb;
pub(crate) use manticore::Manticore;

use crate::settings::Spoken;
use std::net::IpAddr;

/// What the first bytes mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Too early to tell.
    More,
    /// TLS starts with the first of these bytes.
    Tls,
    /// The bytes are for whoever answers, from the first of these on.
    Pass,
    /// The client is told something.
    Answer(Answer),
}

impl Decision {
    /// The end, behind some last words.
    fn end(say: &[u8]) -> Decision {
        Decision::Answer(Answer {
            taken: 0,
            say: say.to_vec(),
            then: Then::End,
        })
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How many of the bytes it is the answer to: they are done with.
    pub(crate) taken: usize,
    /// What is said.
    pub(crate) say: Vec<u8>,
    /// What comes next.
    pub(crate) then: Then,
}

/// What comes behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More of the client's bytes.
    GoOn,
    /// A handshake, with the bytes that come from now on. What came before is none of it.
    Tls,
    /// The end.
    End,
}

/// What is known of a client besides its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    /// `None` on a unix socket.
    pub(crate) address: Option<IpAddr>,
    /// What it showed in its handshake, once there was one.
    pub(crate) shown: Option<Shown>,
}

/// What a client showed in its handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// The protocol that was agreed on by ALPN.
    pub(crate) alpn: Option<Vec<u8>>,
    /// Whether certificates are verified at all.
    pub(crate) verifies: bool,
    /// Whom its certificate is for, which was verified.
    pub(crate) subject: Option<Subject>,
}

/// Whom a certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The common name, if there is one.
    pub(crate) common_name: Option<Vec<u8>>,
    /// All of the subject, in RFC 2253's form.
    pub(crate) distinguished_name: Vec<u8>,
}

/// A machine that decides what a connection speaks.
pub(crate) trait Preface: Send {
    /// Looks at everything that has come so far and is not done with, at most [`Preface::longest`] bytes. First called
    /// with none, and once more with none behind a handshake.
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision;

    /// The client has ended with these bytes, about which more was to be known: it is over. Leaves a
    /// [`Preface::remark`] where that is worth one.
    fn ended(&mut self, bytes: &[u8]);

    /// The most bytes that have to be seen.
    fn longest(&self) -> usize;

    /// What the bytes that were passed on are, where that decides who answers.
    fn spoken(&self) -> Option<Spoken> {
        None
    }

    /// What the log is to hear of the last decision.
    fn remark(&mut self) -> Option<String> {
        None
    }
}
