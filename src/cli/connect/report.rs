//! What is told of a connection, on stderr: its certificates, what was negotiated, what is wrong and what helps.

use std::io::{self, Write};
use tlsport::client::{Answer, Client, Link};
use tlsport::error::Error;
use tlsport::tls::{Certificate, Rejected};

/// An open connection.
pub(super) fn link(link: &Link, client: &Client) {
    let facts = link.facts();
    tell(&format!("connected to '{}'", client.destination()));
    certificates(&link.certificates());
    let verified = facts.peer.map(|peer| peer.verified).unwrap_or_default();
    tell(&format!("verification: {verified}"));
    let mut parts = vec![facts.protocol.to_owned(), facts.cipher];
    parts.extend(facts.group.map(|group| format!("group {group}")));
    parts.extend(facts.alpn.map(|protocol| format!("ALPN {protocol}")));
    parts.extend(facts.resumed.then(|| "resumed".to_owned()));
    tell(&format!("negotiated: {}", parts.join(", ")));
    if let Some(capability) = link.capability() {
        tell(&format!("capability: {capability}"));
    }
}

/// What a server has sent of its chain.
pub(super) fn certificates(chain: &[Certificate]) {
    for (place, certificate) in chain.iter().enumerate() {
        let Certificate {
            subject,
            issuer,
            not_before,
            not_after,
            ..
        } = certificate;
        tell(&format!("certificate {place}: {}", subject.escape_debug()));
        tell(&format!("  issued by {}", issuer.escape_debug()));
        tell(&format!("  valid from {not_before} until {not_after}"));
        if let Some(key) = certificate.key() {
            tell(&format!("  key {key}"));
        }
    }
}

/// Status line and fields of an answer.
pub(super) fn head(answer: &Answer) {
    for line in answer.head.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            tell(&format!("< {}", line.escape_ascii()));
        }
    }
}

/// A line on stderr. Where that takes nothing the connection goes on: it is about what is piped.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Reasons of OpenSSL (`X509_V_ERR_*`) for which there is something to be done.
const UNKNOWN_ISSUER: &[i32] = &[2, 18, 19, 20, 21, 27];
const EXPIRED: i32 = 10;
const OTHER_NAME: &[i32] = &[62, 64];

/// Why a server was not accepted, with what helps.
pub(super) fn with_remedy(error: Error, rejected: &Rejected) -> Error {
    let remedy = match rejected.code {
        EXPIRED => "--kdb-accept-expired true accepts it",
        code if UNKNOWN_ISSUER.contains(&code) => "--ssl.cafile FILE says which CAs are trusted",
        code if OTHER_NAME.contains(&code) => {
            "--server-name NAME says whom it has to be for, --ssl.verify-server chain does without"
        }
        _ => "--ssl.verify-server none accepts everybody",
    };
    let text = format!("{error}: {remedy}");
    error.reworded(text)
}
