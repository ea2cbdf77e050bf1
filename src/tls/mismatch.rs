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

/// Longest name of a client's that is shown in full.
const LONGEST: usize = 80;

/// What looks like a suite and is a signal (RFC 5746, 7507).
const SIGNALS: [u16; 2] = [0x00ff, 0x5600];

/// The lowest version with suites, signatures and groups apart.
const TLS1_3: u16 = 0x304;

impl Mismatch {
    /// After a handshake failed for want of something in common.
    pub(super) fn new(of: Common, ssl: &SslRef, hello: Option<&Hello>) -> Mismatch {
        let (offered, accepted) = match of {
            Common::Version => (hello.map(versions_of), accepted_versions(ssl)),
            Common::Cipher => ciphers(ssl, hello),
            Common::Group => (
                hello.map(|hello| groups_of(hello, ssl)),
                accepted_groups(ssl),
            ),
            Common::Signature => (hello.map(signatures_of), keys(ssl)),
            Common::Protocol => (hello.map(protocols_of), accepted_protocols(ssl)),
        };
        let protocols = hello.map(|hello| &hello.protocols[..]).unwrap_or_default();
        Mismatch {
            of,
            offered: offered.unwrap_or_default(),
            accepted,
            versions: hello.map(Hello::all_versions).unwrap_or_default(),
            protocols: protocols
                .iter()
                .take(MOST)
                .map(|name| shown(name))
                .collect(),
        }
    }
}

fn versions_of(hello: &Hello) -> String {
    let name = |&version: &u16| probe::name(version.into());
    if hello.versions.is_empty() {
        format!("{} at most", name(&hello.legacy_version))
    } else {
        list(hello.versions.iter().map(name))
    }
}

fn accepted_versions(ssl: &SslRef) -> String {
    list(probe::accepted(ssl).into_iter().map(str::to_owned))
}

fn groups_of(hello: &Hello, ssl: &SslRef) -> String {
    if hello.groups.is_empty() {
        return "no groups".into();
    }
    let name = |&group: &u16| sys::group_name(ssl, group).unwrap_or_else(|| number(group));
    format!("groups {}", list(hello.groups.iter().map(name)))
}

fn accepted_groups(ssl: &SslRef) -> String {
    let state = callbacks::state_of(ssl);
    let groups = state.map(|state| &state.groups[..]).unwrap_or_default();
    listed("groups", groups.split(':').filter(|name| !name.is_empty()))
}

fn signatures_of(hello: &Hello) -> String {
    if hello.signatures.is_empty() {
        return "no signature algorithms".into();
    }
    let name = |&scheme: &u16| match signature(scheme) {
        Some(name) => name.to_owned(),
        None => number(scheme),
    };
    format!("signatures {}", list(hello.signatures.iter().map(name)))
}

/// What certificates there are to sign with.
fn keys(ssl: &SslRef) -> String {
    let keys = callbacks::state_of(ssl).map(|state| &state.keys[..]);
    listed("keys", keys.unwrap_or_default().iter().map(String::as_str))
}

fn protocols_of(hello: &Hello) -> String {
    let quoted = |name: &Vec<u8>| format!("'{}'", shown(name));
    format!("ALPN {}", list(hello.protocols.iter().map(quoted)))
}

fn accepted_protocols(ssl: &SslRef) -> String {
    let state = callbacks::state_of(ssl);
    let ours = state.map(|state| &state.alpn[..]).unwrap_or_default();
    list(ours.iter().map(|name| format!("'{name}'")))
}

/// Suites of the version that was agreed on. Where some are shared, it is the groups or the certificates that they
/// cannot be used with.
fn ciphers(ssl: &SslRef, hello: Option<&Hello>) -> (Option<String>, String) {
    let version = ssl.version2().map_or(0, probe::number);
    let of_version = |suite: u16| (suite >> 8 == 0x13) == (version >= TLS1_3.into());
    let mut ours = Vec::new();
    sys::for_each_enabled_cipher(ssl, |cipher| {
        let suite = (sys::cipher_id(cipher) & 0xffff) as u16;
        if of_version(suite) {
            ours.push((suite, cipher.name()));
        }
    });
    let accepted = || list(ours.iter().map(|(_, name)| (*name).to_owned()));
    let Some(hello) = hello else {
        return (None, accepted());
    };
    let theirs = hello.suites.iter().copied();
    let theirs = theirs.filter(|suite| of_version(*suite) && !SIGNALS.contains(suite));
    let is_shared = |suite: &u16| ours.iter().any(|(known, _)| known == suite);
    let shared: Vec<u16> = theirs.clone().filter(is_shared).collect();
    let version = probe::name(version);
    let offer = |suites: &mut dyn Iterator<Item = u16>| {
        let name = |suite| sys::suite_name(ssl, suite).unwrap_or_else(|| number(suite));
        let suites = list(suites.map(name));
        format!(
            "{version} with {}",
            if suites.is_empty() {
                "no suite"
            } else {
                &suites
            }
        )
    };
    if shared.is_empty() {
        return (Some(offer(&mut theirs.into_iter())), accepted());
    }
    let offered = offer(&mut shared.into_iter());
    let accepted = [accepted_groups(ssl), keys(ssl)];
    let accepted: Vec<&str> = accepted
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    (
        Some(format!("{offered}, {}", groups_of(hello, ssl))),
        accepted.join(", "),
    )
}

fn listed<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    match list(names.map(str::to_owned)) {
        names if names.is_empty() => names,
        names => format!("{what} {names}"),
    }
}

/// The first of them, and how many more there are.
fn list(names: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (index, name) in names.enumerate() {
        match index {
            0 => text += &name,
            1..MOST => text.extend([", ", &name]),
            _ => more += 1,
        }
    }
    match more {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// What a client sent, as it may stand in a line of a log.
pub(super) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..LONGEST) {
        Some(start) if bytes.len() > LONGEST => format!("{}...", start.escape_ascii()),
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
        let names = |count: usize| list((0..count).map(|index| index.to_string()));
        assert_eq!(names(0), "");
        assert_eq!(names(2), "0, 1");
        assert_eq!(names(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11");
        assert_eq!(names(14), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more");
    }

    #[test]
    fn what_a_client_sent_cannot_break_a_line_or_fill_it() {
        assert_eq!(shown(b"h2\nx\x1b'\xff"), "h2\\nx\\x1b\\'\\xff");
        assert_eq!(shown(&[b'a'; 80]), "a".repeat(80));
        assert_eq!(shown(&[b'a'; 81]), format!("{}...", "a".repeat(80)));
        assert_eq!(number(0x0a0a), "0x0a0a");
    }
}
