//! What a client offered and what is accepted here, where the two had nothing in common.
//!
//! In words, for one line of a log: what the client sent is escaped and cut. It is put together after the failure, from
//! its ClientHello if that is still at hand, and from what libssl is asked then.

use super::callbacks;
use super::hello::Hello;
use super::probe;
use super::sys;
use openssl::ssl::SslRef;

/// What two sides can lack in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    /// A protocol version.
    Version,
    /// A cipher.
    Cipher,
    /// A group for the key exchange.
    Group,
    /// A signature algorithm.
    Signature,
    /// A protocol of ALPN.
    Protocol,
}

impl Common {
    /// All of them.
    pub const ALL: [Common; 5] = [
        Common::Version,
        Common::Cipher,
        Common::Group,
        Common::Signature,
        Common::Protocol,
    ];

    /// In words, as a server counts them.
    pub fn text(self) -> &'static str {
        match self {
            Common::Version => "protocol version",
            Common::Cipher => "cipher",
            Common::Group => "group",
            Common::Signature => "signature algorithm",
            Common::Protocol => "protocol of ALPN",
        }
    }
}

/// That there was nothing in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Of what.
    pub of: Common,
    /// What the client offered, in words; empty if that is not known any more.
    pub offered: String,
    /// What is accepted here, in words; empty if libssl does not tell.
    pub accepted: String,
    /// The versions that the client speaks, best first.
    pub(crate) versions: Vec<u16>,
    /// The protocols that it offered, escaped.
    pub(crate) protocols: Vec<String>,
}

/// Most entries of a list that are named.
const MOST: usize = 12;

/// Longest names of a client's that are shown in full.
const LONGEST_PROTOCOL: usize = 32;
const LONGEST_SERVER_NAME: usize = 128;

/// What looks like a suite and is a signal (RFC 5746, 7507).
const SIGNALS: [u16; 2] = [0x00ff, 0x5600];

/// The first version that has suites of its own.
const TLS1_3: i32 = 0x304;

impl Mismatch {
    /// After a handshake failed for want of something in common.
    pub(super) fn new(of: Common, ssl: &SslRef, hello: Option<&Hello>) -> Mismatch {
        let (offered, accepted) = match of {
            Common::Version => (hello.map(versions_of), Some(accepted_versions(ssl))),
            Common::Cipher => ciphers(ssl, hello),
            Common::Group => {
                let offered = hello.map(|hello| groups_of(hello, ssl));
                (offered, accepted_groups(ssl))
            }
            Common::Signature => (hello.map(signatures_of), keys(ssl)),
            Common::Protocol => (hello.map(protocols_of), accepted_protocols(ssl)),
        };
        let protocols = hello.map(|hello| &hello.protocols[..]).unwrap_or_default();
        Mismatch {
            of,
            offered: offered.unwrap_or_default(),
            accepted: accepted.unwrap_or_default(),
            versions: hello.map(Hello::all_versions).unwrap_or_default(),
            protocols: protocols.iter().take(MOST).map(protocol).collect(),
        }
    }
}

fn versions_of(hello: &Hello) -> String {
    let name = |version: u16| probe::name(version.into());
    if hello.versions.is_empty() {
        format!("{} at most", name(hello.legacy_version))
    } else {
        list(hello.versions.iter().copied(), name)
    }
}

fn accepted_versions(ssl: &SslRef) -> String {
    list(probe::accepted(ssl).into_iter(), str::to_owned)
}

fn groups_of(hello: &Hello, ssl: &SslRef) -> String {
    let name = |group| sys::group_name(ssl, group).unwrap_or_else(|| number(group));
    let groups = list(hello.groups.iter().copied(), name);
    named("groups", groups).unwrap_or_else(|| "no groups".into())
}

fn accepted_groups(ssl: &SslRef) -> Option<String> {
    let groups = &callbacks::state_of(ssl)?.groups;
    let names = groups.split(':').filter(|name| !name.is_empty());
    named("groups", list(names, str::to_owned))
}

fn signatures_of(hello: &Hello) -> String {
    let name = |scheme| signature(scheme).map_or_else(|| number(scheme), str::to_owned);
    let signatures = list(hello.signatures.iter().copied(), name);
    named("signatures", signatures).unwrap_or_else(|| "no signatures".into())
}

/// What certificates there are to sign with.
fn keys(ssl: &SslRef) -> Option<String> {
    let keys = &callbacks::state_of(ssl)?.keys;
    named("keys", list(keys.iter(), String::clone))
}

fn protocols_of(hello: &Hello) -> String {
    let quoted = |name| format!("'{}'", protocol(name));
    format!("ALPN {}", list(hello.protocols.iter(), quoted))
}

fn accepted_protocols(ssl: &SslRef) -> Option<String> {
    let ours = &callbacks::state_of(ssl)?.alpn;
    Some(list(ours.iter(), |name| format!("'{name}'")))
}

/// Suites of the version that was agreed on. Where some are shared, it is the groups or the certificates that they
/// cannot be used with.
fn ciphers(ssl: &SslRef, hello: Option<&Hello>) -> (Option<String>, Option<String>) {
    let version = ssl.version2().map_or(0, probe::number);
    let is_of_version = |suite: &u16| (suite >> 8 == 0x13) == (version >= TLS1_3);
    let mut ours = Vec::new();
    sys::for_each_enabled_cipher(ssl, |cipher| ours.push(sys::cipher_id(cipher) as u16));
    ours.retain(is_of_version);
    let names = |suites: Vec<u16>| {
        let name = |suite| sys::suite_name(ssl, suite).unwrap_or_else(|| number(suite));
        list(suites.into_iter(), name)
    };
    let Some(hello) = hello else {
        return (None, Some(names(ours)));
    };
    let theirs = hello.suites.iter().copied();
    let theirs = theirs.filter(|suite| is_of_version(suite) && !SIGNALS.contains(suite));
    let (shared, others): (Vec<u16>, Vec<u16>) = theirs.partition(|suite| ours.contains(suite));
    let version = probe::name(version);
    if shared.is_empty() {
        let offered = named("with", names(others)).unwrap_or_else(|| "without suites".into());
        return (Some(format!("{version} {offered}")), Some(names(ours)));
    }
    let offered = format!(
        "{version} with {}, {}",
        names(shared),
        groups_of(hello, ssl)
    );
    let accepted: Vec<String> = [accepted_groups(ssl), keys(ssl)]
        .into_iter()
        .flatten()
        .collect();
    (Some(offered), Some(accepted.join(", ")))
}

/// A list behind what it is of, unless it is empty.
fn named(what: &str, list: String) -> Option<String> {
    (!list.is_empty()).then(|| format!("{what} {list}"))
}

/// The names of the first, and how many more there are.
fn list<T>(mut items: impl Iterator<Item = T>, name: impl FnMut(T) -> String) -> String {
    let names: Vec<String> = items.by_ref().take(MOST).map(name).collect();
    match items.count() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn protocol(name: impl AsRef<[u8]>) -> String {
    shown(name.as_ref(), LONGEST_PROTOCOL)
}

/// A server name that a client asked for, as it may stand in a line of a log.
pub(super) fn server_name(name: &[u8]) -> String {
    shown(name, LONGEST_SERVER_NAME)
}

/// What a client sent, as it may stand in a line of a log.
fn shown(bytes: &[u8], longest: usize) -> String {
    match bytes.split_at_checked(longest) {
        Some((start, [_, ..])) => format!("{}...", start.escape_ascii()),
        _ => bytes.escape_ascii().to_string(),
    }
}

/// What has no name here: unknown, or reserved so that servers get used to that (RFC 8701).
fn number(number: u16) -> String {
    format!("{number:#06x}")
}

/// The name of a signature scheme (RFC 8446, 4.2.3), for those that clients offer.
fn signature(scheme: u16) -> Option<&'static str> {
    Some(match scheme {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_its_rest_counted() {
        let names = |count: usize| list(0..count, |index| index.to_string());
        assert_eq!(names(0), "");
        assert_eq!(names(2), "0, 1");
        assert_eq!(names(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11");
        assert_eq!(names(14), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more");
    }

    #[test]
    fn what_a_client_sent_cannot_break_a_line_or_fill_it() {
        assert_eq!(protocol(b"h2\nx\x1b'\xff"), "h2\\nx\\x1b\\'\\xff");
        assert_eq!(protocol([b'a'; 32]), "a".repeat(32));
        assert_eq!(protocol([b'a'; 33]), format!("{}...", "a".repeat(32)));
        assert_eq!(number(0x0a0a), "0x0a0a");
    }
}
