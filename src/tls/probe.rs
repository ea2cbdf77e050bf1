//! What a finished context comes to: the versions it can really speak, and with which suites.
//!
//! A version inside the range may still be out of reach: disabled by the mask, by the security level, or for want
//! of a suite. libssl says so only when a client has come; asking it for the suites of each version tells before.

use super::role::Role;
use super::sys;
use crate::settings::Note;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslCipherRef, SslContext, SslContextRef, SslMethod, SslRef, SslVersion};
use std::sync::OnceLock;

/// Every version, lowest first, with its name.
const VERSIONS: [(SslVersion, &str); 5] = [
    (SslVersion::SSL3, "SSLv3"),
    (SslVersion::TLS1, "TLSv1"),
    (SslVersion::TLS1_1, "TLSv1.1"),
    (SslVersion::TLS1_2, "TLSv1.2"),
    (SslVersion::TLS1_3, "TLSv1.3"),
];

/// The bits that forbid each (`SSL_OP_NO_SSLv3` and so on).
const FORBIDDING: [u64; VERSIONS.len()] = [
    0x0200_0000,
    0x0400_0000,
    0x1000_0000,
    0x0800_0000,
    0x2000_0000,
];

/// A version within a context's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) name: &'static str,
    pub(super) spoken: bool,
    /// Whether the security level alone keeps it from being spoken.
    pub(super) level_forbids: bool,
    is_broken: bool,
}

/// The versions within a context's range, lowest first.
pub(super) fn versions(context: &SslContextRef) -> Vec<Reach> {
    let (min, max) = sys::version_bounds(context);
    let within = |version: SslVersion| {
        min.is_none_or(|min| number(version) >= min) && max.is_none_or(|max| number(version) <= max)
    };
    let named = VERSIONS.iter().filter(|(version, _)| within(*version));
    named
        .filter(|(version, _)| is_built_in(*version))
        .map(|&(version, name)| {
            let spoken = has_suites(context, version, None);
            Reach {
                name,
                spoken,
                level_forbids: !spoken && has_suites(context, version, Some(0)),
                is_broken: number(version) < number(SslVersion::TLS1_2),
            }
        })
        .collect()
}

/// The versions that a server's connection would speak with whoever offers them, lowest first, as far as range and mask
/// tell.
pub(super) fn accepted(ssl: &SslRef) -> Vec<&'static str> {
    let (min, max) = sys::version_range(ssl);
    let mask = sys::options(ssl);
    let is_accepted = |version: SslVersion, forbidding: u64| {
        let number = number(version);
        number >= min
            && (max == 0 || number <= max)
            && mask & forbidding == 0
            && is_built_in(version)
    };
    let named = VERSIONS.iter().zip(FORBIDDING);
    named
        .filter(|((version, _), forbidding)| is_accepted(*version, *forbidding))
        .map(|((_, name), _)| *name)
        .collect()
}

/// What to say about versions that the range asks for and that cannot be spoken. A range that is open below asks
/// for nothing in particular.
pub(super) fn notes(context: &SslContextRef, min_was_chosen: bool, role: Role) -> Vec<Note> {
    let peers = role.peers();
    let level = context.security_level();
    let versions = versions(context);
    let mut notes = Vec::new();
    let out_of_reach = names(&versions, |reach| min_was_chosen && reach.level_forbids);
    if !out_of_reach.is_empty() {
        notes.push(Note::warn(format!(
            "{out_of_reach} cannot be spoken at security level {level}: '@SECLEVEL=0' in the cipher list allows it, for \
             {peers} that do the same"
        )));
    }
    if !versions.iter().any(|reach| reach.spoken) {
        notes.push(Note::warn(
            "no protocol version can be spoken: every handshake will fail",
        ));
    }
    notes
}

/// What to say about versions that are broken, where nobody has chosen them and they are spoken.
pub(super) fn broken(context: &SslContextRef) -> Option<Note> {
    let spoken = names(&versions(context), |reach| reach.spoken && reach.is_broken);
    let text = format!("versions that are broken can be spoken: {spoken}");
    (!spoken.is_empty()).then(|| Note::warn(text))
}

fn names(versions: &[Reach], which: impl Fn(&Reach) -> bool) -> String {
    let names: Vec<&str> = versions
        .iter()
        .filter(|reach| which(reach))
        .map(|reach| reach.name)
        .collect();
    names.join(" and ")
}

/// The name of a version by its number on the wire.
pub(super) fn name(number_on_wire: i32) -> String {
    let known = VERSIONS
        .iter()
        .find(|(version, _)| number(*version) == number_on_wire);
    known.map_or(format!("{number_on_wire:#x}"), |(_, name)| (*name).into())
}

/// Shows the suites a context can be used with, in order.
pub(super) fn each_suite(context: &SslContextRef, each: impl FnMut(&SslCipherRef)) {
    if let Ok(mut ssl) = Ssl::new(context) {
        sys::for_each_cipher(&mut ssl, true, each);
    }
    super::queue::clear();
}

/// Whether this libssl was built with a version.
pub(super) fn is_built_in(version: SslVersion) -> bool {
    static BUILT_IN: OnceLock<[bool; VERSIONS.len()]> = OnceLock::new();
    let built_in = BUILT_IN.get_or_init(|| VERSIONS.map(|(version, _)| accepts(version)));
    let place = VERSIONS.iter().position(|(known, _)| *known == version);
    place.is_some_and(|place| built_in[place])
}

/// Whether there is anything to speak a version with. Setting it as a bound proves nothing: libssl takes SSLv3 as both
/// bounds also where it is built without.
fn accepts(version: SslVersion) -> bool {
    let accepted = bounded(version).is_ok_and(|context| has_suites(&context, version, Some(0)));
    super::queue::clear();
    accepted
}

/// A context that speaks one version alone, with all suites there are, whatever openssl.cnf says.
fn bounded(version: SslVersion) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    context.set_min_proto_version(None)?;
    context.set_max_proto_version(None)?;
    context.set_min_proto_version(Some(version))?;
    context.set_max_proto_version(Some(version))?;
    context.set_cipher_list("ALL:@SECLEVEL=0")?;
    context.set_ciphersuites("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256")?;
    Ok(context.build())
}

/// The security level that the library, its build and its openssl.cnf set by themselves.
pub(super) fn security_level_of_its_own() -> u32 {
    let context = SslContext::builder(SslMethod::tls_server());
    super::queue::clear();
    context.map_or(0, |context| context.build().security_level())
}

fn has_suites(context: &SslContextRef, version: SslVersion, level: Option<u32>) -> bool {
    let Ok(mut ssl) = Ssl::new(context) else {
        return false;
    };
    if let Some(level) = level {
        ssl.set_security_level(level);
    }
    let set = ssl.set_min_proto_version(Some(version)).is_ok()
        && ssl.set_max_proto_version(Some(version)).is_ok();
    // OpenSSL 3 has no signature left for the versions before TLS 1.2 from level 1 on, and finds out too late.
    let signatures = cfg!(not(openssl3)) || ssl.security_level() == 0 || number(version) >= 0x303;
    let mut any = false;
    if set && signatures {
        sys::for_each_cipher(&mut ssl, true, |_| any = true);
    }
    super::queue::clear();
    any
}

/// The number on the wire.
pub(super) fn number(version: SslVersion) -> i32 {
    match version {
        SslVersion::SSL3 => 0x300,
        SslVersion::TLS1 => 0x301,
        SslVersion::TLS1_1 => 0x302,
        SslVersion::TLS1_2 => 0x303,
        _ => 0x304,
    }
}
