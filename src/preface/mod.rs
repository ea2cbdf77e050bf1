//! What may come before TLS, or instead of it, on a port: pure state machines, bytes in, decision out.
//!
//! A preface sees the first bytes of a connection until it has decided. Those bytes then belong, in full, to what comes
//! next. Nothing here reads a socket or knows time.

mod first_byte;

pub(crate) use first_byte::FirstByte;

/// What the first bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Too early to tell.
    More,
    /// TLS starts with the first of these bytes.
    Tls,
    /// Plain bytes, starting with the first of these.
    Plain,
}

/// A machine that decides what a connection speaks.
pub(crate) trait Preface: Send {
    /// Looks at everything that has come so far, at most [`LONGEST`] bytes.
    fn look(&mut self, bytes: &[u8]) -> Decision;
}

/// The most a preface is shown before it has to decide.
pub(crate) const LONGEST: usize = 64;
