//! What libssl makes of a policy: for `tlsport show`, the log at start, and the status page.

use super::prepared::Prepared;
use super::ready::Ready;
use super::{identity, library, options, probe, sys, validity};
use crate::settings::VerifyClient;
use openssl::ssl::{SslContextRef, SslVerifyMode};

/// A policy as libssl understands it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The libssl in use (`OpenSSL_version`).
    pub library: String,
    /// The openssl.cnf that was loaded.
    pub config_file: String,
    /// Lowest version that can be negotiated, `none` when nothing can.
    pub min_protocol: String,
    /// Highest version that can be negotiated.
    pub max_protocol: String,
    /// Suites in order, TLS 1.3 first.
    pub ciphers: Vec<CipherLine>,
    /// Groups in order, where libssl tells them.
    pub groups: Vec<String>,
    /// Security level.
    pub security_level: u32,
    /// `SSL_OP_*` names of the bits that are set.
    pub options: Vec<String>,
    /// The whole mask.
    pub options_mask: u64,
    /// `none`, `request-unverified`, `request` or `require`.
    pub verify_client: String,
    /// Chains and keys.
    pub identities: Vec<Identity>,
    /// `off`, or size and timeout.
    pub session_cache: String,
    /// `on`, `off`, and where the keys come from.
    pub session_tickets: String,
    /// Protocol names offered by ALPN.
    pub alpn: Vec<String>,
    /// Endpoints whose TLS is not that of the others: the options of their own, as written, and what those come to.
    pub endpoints: Vec<(String, Report)>,
}

/// One suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherLine {
    /// OpenSSL's name.
    pub name: String,
    /// The RFCs' name.
    pub standard_name: String,
    /// Lowest version it is used with.
    pub protocol: String,
    /// Strength in bits.
    pub bits: u32,
}

/// One chain and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The server name it serves; `None` for the default.
    pub server_name: Option<String>,
    /// The file it came from.
    pub file: String,
    /// RFC 2253 subject of the leaf.
    pub subject: String,
    /// DNS names and addresses of the leaf.
    pub names: Vec<String>,
    /// `RSA 2048`, `EC prime256v1`, `ED25519` and so on.
    pub key: String,
    /// End of validity, as OpenSSL prints times.
    pub not_after: String,
    /// Days until then; negative when it has passed.
    pub days_left: i64,
    /// How many certificates are sent.
    pub chain_length: usize,
}

/// What `context`, built from the general policy, comes to.
pub(super) fn of(prepared: &Prepared, context: &SslContextRef) -> Report {
    let policy = &prepared.base.policy;
    let versions = probe::versions(context);
    let mut spoken = versions.iter().filter(|reach| reach.spoken);
    let min = spoken.next();
    let named = |reach: Option<&probe::Reach>| reach.map_or("none", |reach| reach.name).to_owned();
    let mask = sys::context_options(context);
    // The base has some of what its parts have.
    let parts = !prepared.by_certificate.is_empty();
    let ready = prepared.all().skip(usize::from(parts));
    let groups = policy.groups.split(':').filter(|group| !group.is_empty());
    Report {
        library: library::library_version(),
        config_file: library::config_file()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        min_protocol: named(min),
        max_protocol: named(spoken.next_back().or(min)),
        ciphers: ciphers(context),
        groups: groups.map(str::to_owned).collect(),
        security_level: context.security_level(),
        options: options::names(mask),
        options_mask: mask,
        verify_client: match verification(context.verify_mode()) {
            "request" if policy.verify() == VerifyClient::RequestUnverified => "request-unverified",
            mode => mode,
        }
        .into(),
        identities: ready.flat_map(identities).collect(),
        session_cache: cache(prepared),
        session_tickets: tickets(prepared, mask),
        alpn: policy.alpn_order(),
        endpoints: Vec::new(),
    }
}

fn ciphers(context: &SslContextRef) -> Vec<CipherLine> {
    let mut lines = Vec::new();
    probe::each_suite(context, |cipher| {
        lines.push(CipherLine {
            name: cipher.name().to_owned(),
            standard_name: cipher.standard_name().unwrap_or_default().to_owned(),
            protocol: cipher.version().to_owned(),
            bits: cipher.bits().secret.unsigned_abs(),
        });
    });
    lines
}

fn verification(mode: SslVerifyMode) -> &'static str {
    if mode.contains(SslVerifyMode::FAIL_IF_NO_PEER_CERT) {
        "require"
    } else if mode.contains(SslVerifyMode::PEER) {
        "request"
    } else {
        "none"
    }
}

fn identities(ready: &Ready) -> impl Iterator<Item = Identity> + '_ {
    ready.identities.iter().map(|identity| {
        let leaf = &identity.leaf;
        let left = validity::until(leaf.not_after()).days_left();
        Identity {
            server_name: ready.name.clone(),
            file: identity.file.display().to_string(),
            subject: sys::distinguished_name(leaf.subject_name()),
            names: identity::host_names(leaf),
            key: identity.key_in_words(),
            not_after: leaf.not_after().to_string(),
            days_left: left,
            chain_length: match *ready.policy.original_chain {
                true => 1,
                false => 1 + identity.chain.len(),
            },
        }
    })
}

fn cache(prepared: &Prepared) -> String {
    let policy = &prepared.base.policy;
    if !policy.session_cache.value {
        return "off".into();
    }
    let (size, seconds) = (*policy.session_cache_size, policy.session_timeout.as_secs());
    format!("{size} sessions for {seconds}s")
}

fn tickets(prepared: &Prepared, mask: u64) -> String {
    if mask & sys::OP_NO_TICKET != 0 {
        return "off".into();
    }
    match (
        &prepared.ticket_keys,
        &prepared.base.policy.ticket_keys.value,
    ) {
        (Some(_), Some(file)) => format!("on, keys from '{}'", file.display()),
        _ => "on, random keys".into(),
    }
}
