//! Why a handshake failed: a class to count, and one line to log.

use super::queue::{Entry, Queue};
use super::sys;
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

    /// What libssl queued, classified. The entry of libssl itself says most; before it may stand what libcrypto made
    /// of it.
    pub(crate) fn classify(queue: &Queue, ssl: &SslRef) -> HandshakeError {
        let entries = queue.entries();
        let own = entries
            .iter()
            .find(|entry| entry.library() == sys::ERR_LIB_SSL);
        let Some(entry) = own.or(entries.first()) else {
            return HandshakeError {
                kind: Failure::Other,
                reason: queue.reason(),
                cause: None,
            };
        };
        let kind = match (entry.library(), entry.reason_code()) {
            // After the ClientHello, it is how libssl reads the alert of a client that dislikes the version.
            (sys::ERR_LIB_SSL, WRONG_VERSION_NUMBER) if has_greeted(ssl) => {
                Failure::NothingInCommon
            }
            (sys::ERR_LIB_SSL, reason) => kind(reason),
            _ => Failure::Other,
        };
        HandshakeError {
            kind,
            reason: in_words(entry, ssl),
            cause: Some(entry.line()),
        }
    }
}

/// Reasons of libssl (`SSL_R_*`), by class.
const NOTHING_IN_COMMON: &[i32] = &[
    101, // no suitable key share
    112, // missing sigalgs extension
    118, // no suitable signature algorithm
    166, // version too high
    191, // no protocols available
    193, // no shared cipher
    209, // missing supported groups extension
    258, // unsupported protocol
    295, // no suitable groups
    297, // no suitable digest algorithm
    376, // no shared signature algorithms
    396, // version too low
    410, // no shared groups
];
const CLIENT_CERTIFICATE: &[i32] = &[CERTIFICATE_VERIFY_FAILED, 199]; // 199: peer did not return a certificate
const NOT_TLS: &[i32] = &[
    155, // https proxy request
    156, // http request
    198, // packet length too long
    252, // unknown protocol
    WRONG_VERSION_NUMBER,
    443, // bad record type
];
const CERTIFICATE_VERIFY_FAILED: i32 = 134;
const CALLBACK_FAILED: i32 = 234;
const WRONG_VERSION_NUMBER: i32 = 267;
/// From here on, a reason is an alert of the peer (`SSL_AD_REASON_OFFSET`).
const FIRST_ALERT: i32 = 1000;

fn kind(reason: i32) -> Failure {
    match reason {
        FIRST_ALERT.. => Failure::ClientAlert,
        _ if NOTHING_IN_COMMON.contains(&reason) => Failure::NothingInCommon,
        _ if CLIENT_CERTIFICATE.contains(&reason) => Failure::ClientCertificate,
        _ if NOT_TLS.contains(&reason) => Failure::NotTls,
        _ => Failure::Other,
    }
}

/// Whether a ClientHello was understood: only then is there a random value of the client's.
fn has_greeted(ssl: &SslRef) -> bool {
    let mut random = [0; 32];
    ssl.client_random(&mut random);
    random != [0; 32]
}

fn in_words(entry: &Entry, ssl: &SslRef) -> String {
    match (entry.library(), entry.reason_code()) {
        (sys::ERR_LIB_SSL, CERTIFICATE_VERIFY_FAILED) => {
            format!("{}: {}", entry.words(), ssl.verify_result().error_string())
        }
        // The only callback that fails a handshake is the one that looks for the server name.
        (sys::ERR_LIB_SSL, CALLBACK_FAILED) => "the server name is not listed".into(),
        // Their added text repeats the alert's number.
        (sys::ERR_LIB_SSL, FIRST_ALERT..) => format!("the client sent {}", entry.words()),
        _ => entry.reason(),
    }
}
