//! ArangoDB's protocol numbers, and versions by name, as the range of versions libssl is told to speak.
//!
//! A fixed number becomes one version as lowest and highest of the negotiating method, which speaks the same bytes
//! as the fixed-version methods that libssl has deprecated.

use crate::error::Error;
use crate::settings::{Policy, Protocol, Setting, Version};
use openssl::ssl::SslVersion;
use std::fmt;

/// The message of ArangoDB 3.4 and later.
const SSL2_GONE: &str =
    "SSLv2 is not supported any longer because of security vulnerabilities in this protocol";

/// The versions to speak. An open end is left to the library, and to its openssl.cnf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The lowest version.
    pub min: Bound,
    /// The highest version.
    pub max: Bound,
}

/// One end of a [`Range`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// Whatever the library and its openssl.cnf allow.
    #[default]
    Open,
    /// SSLv3, where the library has it.
    Ssl3,
    /// A version of TLS.
    Tls(Version),
}

impl Bound {
    pub(super) fn version(self) -> Option<SslVersion> {
        match self {
            Bound::Open => None,
            Bound::Ssl3 => Some(SslVersion::SSL3),
            Bound::Tls(version) => Some(wire_version(version)),
        }
    }
}

pub(super) fn wire_version(version: Version) -> SslVersion {
    match version {
        Version::Tls1 => SslVersion::TLS1,
        Version::Tls1_1 => SslVersion::TLS1_1,
        Version::Tls1_2 => SslVersion::TLS1_2,
        Version::Tls1_3 => SslVersion::TLS1_3,
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Open => f.write_str("any"),
            Bound::Ssl3 => f.write_str("SSLv3"),
            Bound::Tls(version) => version.fmt(f),
        }
    }
}

/// ArangoDB's name of a number, as it stands in its log.
pub fn log_name(protocol: Protocol) -> &'static str {
    match protocol.number() {
        1 => "SSLv2",
        2 => "SSLv23",
        3 => "SSLv3",
        4 => "TLSv1",
        5 => "TLSv12",
        6 => "TLSv13",
        9 => "TLS",
        _ => "unknown",
    }
}

/// The range of a number alone.
///
/// # Errors
/// SSLv2, which no library has, and numbers that ArangoDB has not.
pub fn of_number(protocol: Protocol) -> Result<Range, Error> {
    let only = |bound| Range {
        min: bound,
        max: bound,
    };
    match protocol.number() {
        1 => Err(Error::settings(SSL2_GONE)),
        2 | 9 => Ok(Range::default()),
        3 => Ok(only(Bound::Ssl3)),
        4 => Ok(only(Bound::Tls(Version::Tls1))),
        5 => Ok(only(Bound::Tls(Version::Tls1_2))),
        6 => Ok(only(Bound::Tls(Version::Tls1_3))),
        _ => Err(Error::settings(
            "invalid SSL protocol version specified. Please use a valid value for '--ssl.protocol'",
        )),
    }
}

/// The range of a policy: a version chosen by name beats that end of the number's range. When only names were
/// chosen, the built-in number binds nothing.
///
/// # Errors
/// As [`of_number`]; a lowest version above the highest.
pub fn range(policy: &Policy) -> Result<Range, Error> {
    let named = policy.min_protocol.is_some() || policy.max_protocol.is_some();
    let mut range = if named && !policy.protocol.is_chosen() {
        Range::default()
    } else {
        of_number(*policy.protocol)?
    };
    replace(&mut range.min, &policy.min_protocol);
    replace(&mut range.max, &policy.max_protocol);
    if let (Some(min), Some(max)) = (order(range.min), order(range.max)) {
        if min > max {
            return Err(Error::settings(format!(
                "cannot set SSL protocol versions: the lowest, '{}', is above the highest, '{}'",
                range.min, range.max
            )));
        }
    }
    Ok(range)
}

fn replace(bound: &mut Bound, chosen: &Setting<Option<Version>>) {
    if let Some(version) = chosen.value {
        *bound = Bound::Tls(version);
    }
}

fn order(bound: Bound) -> Option<u8> {
    match bound {
        Bound::Open => None,
        Bound::Ssl3 => Some(0),
        Bound::Tls(Version::Tls1) => Some(1),
        Bound::Tls(Version::Tls1_1) => Some(2),
        Bound::Tls(Version::Tls1_2) => Some(3),
        Bound::Tls(Version::Tls1_3) => Some(4),
    }
}
