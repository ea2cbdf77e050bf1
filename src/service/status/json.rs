//! The status as JSON. Its keys are documented in docs/STATUS.md: they are not renamed, and new ones may come.

use serde_json::{Map, Value, json};

use crate::conn::{Common, Failure, Totals};
use crate::tls::{Certificate, CipherLine, Facts, Identity, KdbFacts, KdbForm};

use super::date;
use super::view::{Policy, View, Visitor};

/// The whole status, over several lines, for people read it too.
pub(super) fn render(view: &View<'_>) -> String {
    let status = json!({
        "connection": connection(view.visitor),
        "policy": view.policy.map(|policy| describe(policy, view)),
        "counters": counters(view),
        "server": {
            "version": env!("CARGO_PKG_VERSION"),
            "started": date::rfc3339(view.server.started),
            "uptime_seconds": view.server.uptime.as_secs(),
            "workers": view.server.workers,
        },
    });
    format!("{status:#}\n")
}

fn connection(visitor: &Visitor) -> Value {
    json!({
        "endpoint": visitor.endpoint,
        "peer": visitor.peer,
        "tls": visitor.facts.as_ref().map(negotiated),
    })
}

fn negotiated(facts: &Facts) -> Value {
    json!({
        "protocol": facts.protocol,
        "cipher": facts.cipher,
        "cipher_standard_name": facts.cipher_standard,
        "bits": facts.bits,
        "group": facts.group,
        "server_name": facts.server_name,
        "alpn": facts.alpn,
        "resumed": facts.resumed,
        "client_certificate": facts.peer.as_ref().map(certificate),
        "kdb": {
            "current": KdbFacts::of(Some(facts), KdbForm::Current).to_string(),
            "cert": KdbFacts::of(Some(facts), KdbForm::Cert).to_string(),
        },
    })
}

fn certificate(peer: &Certificate) -> Value {
    json!({
        "subject": peer.subject,
        "issuer": peer.issuer,
        "serial": peer.serial,
        "not_before": peer.not_before,
        "not_after": peer.not_after,
        "verified": peer.verified,
        "verify_error": peer.verify_error,
    })
}

fn describe(policy: &Policy, view: &View<'_>) -> Value {
    let report = &policy.report;
    let identity = |identity| describe_identity(identity, policy, view);
    json!({
        "since": date::rfc3339(policy.since),
        "library": report.library,
        "min_protocol": report.min_protocol,
        "max_protocol": report.max_protocol,
        "ciphers": report.ciphers.iter().map(cipher).collect::<Vec<_>>(),
        "groups": report.groups,
        "security_level": report.security_level,
        "options": report.options,
        // Not a number: readers that keep numbers as doubles would lose bits of it.
        "options_mask": format!("{:#x}", report.options_mask),
        "verify_client": report.verify_client,
        "session_cache": report.session_cache,
        "session_tickets": report.session_tickets,
        "alpn": report.alpn,
        "identities": report.identities.iter().map(identity).collect::<Vec<_>>(),
    })
}

fn cipher(line: &CipherLine) -> Value {
    json!({
        "name": line.name,
        "standard_name": line.standard_name,
        "protocol": line.protocol,
        "bits": line.bits,
    })
}

fn describe_identity(identity: &Identity, policy: &Policy, view: &View<'_>) -> Value {
    json!({
        "server_name": identity.server_name,
        "subject": identity.subject,
        "names": identity.names,
        "key": identity.key,
        "not_after": identity.not_after,
        "days_left": policy.days_left(identity.days_left, view.now),
        "chain_length": identity.chain_length,
    })
}

fn counters(view: &View<'_>) -> Value {
    let Totals {
        accepted,
        closed,
        handshakes_full,
        handshakes_resumed,
        refused,
        backend_failures,
        bytes_in,
        bytes_out,
        failures,
        mismatches,
    } = &view.totals;
    let by_reason: Map<String, Value> = Failure::ALL
        .iter()
        .zip(failures)
        .map(|(reason, count)| (key(*reason).to_owned(), json!(count)))
        .collect();
    let lacking: Map<String, Value> = Common::ALL
        .iter()
        .zip(mismatches)
        .map(|(of, count)| (lacking_key(*of).to_owned(), json!(count)))
        .collect();
    json!({
        "accepted": accepted,
        "open": view.open(),
        "closed": closed,
        "refused": refused,
        "handshakes_full": handshakes_full,
        "handshakes_resumed": handshakes_resumed,
        "handshakes_failed": view.failed(),
        "failures": by_reason,
        "nothing_in_common": lacking,
        "backend_failures": backend_failures,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
    })
}

/// Kept apart from [`Failure::text`], whose words may be improved.
fn key(reason: Failure) -> &'static str {
    match reason {
        Failure::NothingInCommon => "nothing_in_common",
        Failure::PeerCertificate => "client_certificate",
        Failure::PeerAlert => "client_alert",
        Failure::NotTls => "not_tls",
        Failure::Gone => "gone",
        Failure::Timeout => "timeout",
        Failure::Other => "other",
    }
}

/// Kept apart from [`Common::text`], for the same reason.
fn lacking_key(of: Common) -> &'static str {
    match of {
        Common::Version => "version",
        Common::Cipher => "cipher",
        Common::Group => "group",
        Common::Signature => "signature",
        Common::Protocol => "alpn",
    }
}
