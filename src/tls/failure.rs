//! Why a handshake failed: a class to count, and one line to log.

use super::hello::Hello;
use super::mismatch::{self, Common, Mismatch};
use super::names;
use super::queue::{Entry, Queue};
use super::rejected::{self, Rejected};
use super::sys;
use crate::error::{Error, Kind};
use openssl::ssl::{NameType, SslRef};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No version, cipher, group or signature algorithm in common.
    NothingInCommon,
    /// The peer's certificate was missing or not accepted.
    PeerCertificate,
    /// The peer ended it with an alert.
    PeerAlert,
    /// What came was not TLS.
    NotTls,
    /// The peer went away.
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
        Failure::PeerCertificate,
        Failure::PeerAlert,
        Failure::NotTls,
        Failure::Gone,
        Failure::Timeout,
        Failure::Other,
    ];

    /// In words, as a server counts them.
    pub fn text(self) -> &'static str {
        match self {
            Failure::NothingInCommon => "nothing in common",
            Failure::PeerCertificate => "client certificate",
            Failure::PeerAlert => "alert from the client",
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
    /// OpenSSL's own words, where it has any: a line an entry of its queue.
    pub cause: Option<String>,
    /// What libssl says besides.
    pub detail: Option<Box<Detail>>,
    /// The server name that the client asked for, escaped and cut, where that is known.
    pub server_name: Option<String>,
    /// What the two sides had nothing in common of, where that is why.
    pub mismatch: Option<Box<Mismatch>>,
    /// What the caller can do about it.
    whose: Kind,
}

/// What libssl says of a failed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Its queue as `ERR_print_errors` prints it, a line an entry.
    pub dump: String,
    /// The reason of the first entry of its queue.
    pub reason: String,
    /// The number of the reason that tells most, if that is libssl's (`SSL_R_*`).
    pub code: Option<i32>,
    /// The range of versions spoken here, where the client seems to speak none of it.
    pub versions: Option<(String, String)>,
    /// The client's certificate that was not accepted, where that is why.
    pub rejected: Option<Rejected>,
}

impl HandshakeError {
    /// The peer went away.
    pub(crate) fn gone(reason: impl Into<String>) -> HandshakeError {
        HandshakeError {
            kind: Failure::Gone,
            reason: reason.into(),
            cause: None,
            detail: None,
            server_name: None,
            mismatch: None,
            whose: Kind::Closed,
        }
    }

    /// The peer's stream failed.
    pub(crate) fn broken(reason: impl Into<String>) -> HandshakeError {
        HandshakeError {
            whose: Kind::Io,
            ..HandshakeError::gone(reason)
        }
    }

    /// Whether the peer's stream failed, rather than ended.
    pub(crate) fn is_broken(&self) -> bool {
        self.whose == Kind::Io
    }

    /// The deadline of `limit` passed while the peer was waited for.
    pub(crate) fn timeout(limit: Duration) -> HandshakeError {
        HandshakeError {
            kind: Failure::Timeout,
            reason: format!("timed out after {limit:?}, waiting to read"),
            cause: None,
            detail: None,
            server_name: None,
            mismatch: None,
            whose: Kind::Timeout,
        }
    }

    /// What libssl queued, classified. The entry of libssl itself says most; before it may stand what libcrypto made
    /// of it.
    pub(crate) fn classify(queue: &Queue, ssl: &SslRef, hello: Option<&Hello>) -> HandshakeError {
        let entry = telling(queue);
        let kind = entry.map_or(Failure::Other, |entry| class(entry, ssl));
        let peers = match kind {
            Failure::PeerAlert | Failure::NotTls => true,
            Failure::Other => entry.is_some_and(is_of_the_protocol),
            _ => false,
        };
        let of = entry.and_then(lacking).filter(|_| ssl.is_server());
        HandshakeError {
            kind,
            reason: told(queue, ssl),
            cause: entry.is_some().then(|| queue.to_string()),
            detail: Detail::of(queue, entry, kind, ssl).map(Box::new),
            server_name: None,
            mismatch: of.map(|of| Box::new(Mismatch::new(of, ssl, hello))),
            whose: if peers { Kind::Peer } else { Kind::Tls },
        }
        .asking(ssl, hello)
    }

    /// Of a client that asked for a server name, if it did.
    pub(super) fn asking(mut self, ssl: &SslRef, hello: Option<&Hello>) -> HandshakeError {
        if ssl.is_server() {
            let told = hello.and_then(|hello| hello.server_name.as_deref());
            let kept = || ssl.servername_raw(NameType::HOST_NAME);
            self.server_name = told.or_else(kept).map(mismatch::server_name);
        }
        self
    }
}

impl Detail {
    fn of(queue: &Queue, telling: Option<&Entry>, kind: Failure, ssl: &SslRef) -> Option<Detail> {
        let rejected = rejected::take();
        let first = queue.entries().first()?;
        Some(Detail {
            dump: queue.dump(),
            reason: match (first.library(), first.reason_code()) {
                (sys::ERR_LIB_SSL, CALLBACK_FAILED) => in_words(first, ssl), // libssl does not know why
                _ => first.words(),
            },
            code: telling
                .filter(|entry| entry.library() == sys::ERR_LIB_SSL)
                .map(Entry::reason_code),
            versions: telling.and_then(|entry| versions(entry, ssl)),
            rejected: rejected.filter(|_| kind == Failure::PeerCertificate),
        })
    }
}

/// The range of versions of a server, if that is what the client may not like.
fn versions(entry: &Entry, ssl: &SslRef) -> Option<(String, String)> {
    let is_about_versions =
        entry.library() == sys::ERR_LIB_SSL && OF_VERSIONS.contains(&entry.reason_code());
    if !is_about_versions || !ssl.is_server() {
        return None;
    }
    let name = |version: i32, open: &str| match version {
        0x301 => "TLSv1".to_owned(),
        0x302 => "TLSv1.1".to_owned(),
        0x303 => "TLSv1.2".to_owned(),
        0x304 => "TLSv1.3".to_owned(),
        _ => open.to_owned(),
    };
    let (min, max) = sys::version_range(ssl);
    Some((name(min, "TLSv1"), name(max, "TLSv1.3")))
}

impl From<HandshakeError> for Error {
    fn from(failure: HandshakeError) -> Error {
        let error = Error::new(failure.whose, failure.reason).context("handshake");
        let error = match failure.cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        };
        match failure.detail {
            Some(detail) => error.dumped(detail.dump),
            None => error,
        }
    }
}

/// Who is at the other end, in words.
pub(super) fn peer(ssl: &SslRef) -> &'static str {
    if ssl.is_server() {
        "the client"
    } else {
        "the server"
    }
}

/// What libssl queued, in a few words.
pub(super) fn told(queue: &Queue, ssl: &SslRef) -> String {
    telling(queue).map_or_else(|| queue.reason(), |entry| in_words(entry, ssl))
}

/// The entry that says most.
fn telling(queue: &Queue) -> Option<&Entry> {
    let entries = queue.entries();
    let own = entries
        .iter()
        .find(|entry| entry.library() == sys::ERR_LIB_SSL);
    own.or(entries.first())
}

/// Reasons of libssl (`SSL_R_*`), by class.
const NOTHING_IN_COMMON: &[(i32, Common)] = &[
    (101, Common::Group),     // no suitable key share
    (112, Common::Signature), // missing sigalgs extension
    (118, Common::Signature), // no suitable signature algorithm
    (166, Common::Version),   // version too high
    (191, Common::Version),   // no protocols available
    (193, Common::Cipher),    // no shared cipher
    (209, Common::Group),     // missing supported groups extension
    (235, Common::Protocol),  // no application protocol
    (258, Common::Version),   // unsupported protocol
    (295, Common::Group),     // no suitable groups
    (297, Common::Signature), // no suitable digest algorithm
    (376, Common::Signature), // no shared signature algorithms
    (396, Common::Version),   // version too low
    (410, Common::Group),     // no shared groups
];
/// Those that are about versions, as PostgreSQL lists them.
const OF_VERSIONS: &[i32] = &[
    116,  // bad protocol version number
    166,  // version too high
    191,  // no protocols available
    252,  // unknown protocol
    254,  // unknown SSL version
    258,  // unsupported protocol
    259,  // unsupported SSL version
    266,  // wrong SSL version
    267,  // wrong version number
    396,  // version too low
    1070, // the alert protocol_version
];
const PEER_CERTIFICATE: &[i32] = &[CERTIFICATE_VERIFY_FAILED, 199]; // 199: peer did not return a certificate
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
/// Reasons of libssl: those below and above are every library's, of memory and broken promises.
const OF_LIBSSL: RangeInclusive<i32> = 100..=LAST_ALERT;
/// Among them, alerts of the peer (`SSL_AD_REASON_OFFSET` and its number in one byte).
const FIRST_ALERT: i32 = 1000;
const LAST_ALERT: i32 = FIRST_ALERT + 255;

fn class(entry: &Entry, ssl: &SslRef) -> Failure {
    match (entry.library(), entry.reason_code()) {
        // After the ClientHello, it is how libssl reads the alert of a client that dislikes the version.
        (sys::ERR_LIB_SSL, WRONG_VERSION_NUMBER) if ssl.is_server() && has_greeted(ssl) => {
            Failure::NothingInCommon
        }
        (sys::ERR_LIB_SSL, reason) => class_of(reason),
        _ => Failure::Other,
    }
}

fn class_of(reason: i32) -> Failure {
    match reason {
        FIRST_ALERT..=LAST_ALERT => Failure::PeerAlert,
        _ if lacking_by(reason).is_some() => Failure::NothingInCommon,
        _ if PEER_CERTIFICATE.contains(&reason) => Failure::PeerCertificate,
        _ if NOT_TLS.contains(&reason) => Failure::NotTls,
        _ => Failure::Other,
    }
}

/// What there was nothing in common of, if that is what an entry says.
fn lacking(entry: &Entry) -> Option<Common> {
    match entry.library() {
        sys::ERR_LIB_SSL => lacking_by(entry.reason_code()),
        _ => None,
    }
}

fn lacking_by(reason: i32) -> Option<Common> {
    let (_, of) = NOTHING_IN_COMMON
        .iter()
        .find(|(known, _)| *known == reason)?;
    Some(*of)
}

/// Whether libssl complains of what the peer sent, rather than of something of its own.
fn is_of_the_protocol(entry: &Entry) -> bool {
    entry.library() == sys::ERR_LIB_SSL && OF_LIBSSL.contains(&entry.reason_code())
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
            let tried = if ssl.is_server() {
                entry.words()
            } else {
                "the server's certificate".into()
            };
            format!("{tried}: {}", ssl.verify_result().error_string())
        }
        // The only callback that fails a handshake is the one that looks for the server name.
        (sys::ERR_LIB_SSL, CALLBACK_FAILED) if ssl.is_server() => match names::is_nameless(ssl) {
            true => "no server name was asked for".into(),
            false => "the server name is not listed".into(),
        },
        // Their added text repeats the alert's number.
        (sys::ERR_LIB_SSL, FIRST_ALERT..=LAST_ALERT) => {
            format!("{} sent {}", peer(ssl), entry.words())
        }
        _ => entry.reason(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_from_what_every_library_may_say() {
        assert_eq!(class_of(1048), Failure::PeerAlert, "unknown ca");
        assert_eq!(class_of(1255), Failure::PeerAlert);
        let internal_error = 0xC_0103; // ERR_R_INTERNAL_ERROR of OpenSSL 3
        assert_eq!(class_of(internal_error), Failure::Other);
        assert!(!OF_LIBSSL.contains(&internal_error));
    }
}
