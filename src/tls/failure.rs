//! Why a handshake failed: a class to count, and one line to log.

use super::queue::Queue;
use openssl::ssl::SslRef;
use std::time::Duration;

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No version, cipher, group or signature algorithm in common.
    NothingInCommon,
    /// The client's certificate was missing or not accepted.
    ClientCertificate,
    /// The client ended it with an alert.
    ClientAlert,
    /// What came was not TLS.
    NotTls,
    /// The client went away.
    Gone,
    /// The deadline passed.
    Timeout,
    /// Anything else.
    Other,
}

impl Failure {
    /// Every reason.
    pub const ALL: [Failure; 7] = [
        Failure::NothingInCommon,
        Failure::ClientCertificate,
        Failure::ClientAlert,
        Failure::NotTls,
        Failure::Gone,
        Failure::Timeout,
        Failure::Other,
    ];

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Failure::NothingInCommon => "nothing in common",
            Failure::ClientCertificate => "client certificate",
            Failure::ClientAlert => "alert from the client",
            Failure::NotTls => "not TLS",
            Failure::Gone => "client went away",
            Failure::Timeout => "timeout",
            Failure::Other => "other",
        }
    }
}

/// A handshake that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeError {
    /// The class it is counted under.
    pub kind: Failure,
    /// Why, in a few words, to stand behind `PEER: handshake: `.
    pub reason: String,
    /// OpenSSL's own line, where it has one.
    pub cause: Option<String>,
}

impl HandshakeError {
    /// The client went away, or its stream failed.
    pub(crate) fn gone(reason: impl Into<String>) -> HandshakeError {
        HandshakeError {
            kind: Failure::Gone,
            reason: reason.into(),
            cause: None,
        }
    }

    /// The deadline of `limit` passed while the client was waited for.
    pub(crate) fn timeout(limit: Duration) -> HandshakeError {
        HandshakeError {
            kind: Failure::Timeout,
            reason: format!("timed out after {limit:?}, waiting to read"),
            cause: None,
        }
    }

    /// What libssl queued, classified.
    pub(crate) fn classify(queue: &Queue, _ssl: &SslRef) -> HandshakeError {
        HandshakeError {
            kind: Failure::Other,
            reason: queue.reason(),
            cause: Some(queue.first()),
        }
    }
}
