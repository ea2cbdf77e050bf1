//! Failed handshakes in PostgreSQL's words.

use crate::tls::{Failure, HandshakeError, Rejected};

/// `be_tls_open_server` and its callback for verification, with details and hints on the same line.
pub(super) fn words(failure: &HandshakeError) -> String {
    let detail = failure.detail.as_deref();
    let why = match (detail, failure.kind) {
        (Some(detail), _) => &detail.reason,
        (None, Failure::Gone) => "EOF detected",
        (None, _) => &failure.reason,
    };
    let mut text = format!("could not accept SSL connection: {why}");
    if let Some(rejected) = detail.and_then(|detail| detail.rejected.as_ref()) {
        let Rejected {
            depth,
            why,
            subject,
            serial,
            issuer,
            ..
        } = rejected;
        text += &format!(
            ": Client certificate verification failed at depth {depth}: {why}. Failed certificate data (unverified): \
             subject \"{subject}\", serial number {serial}, issuer \"{issuer}\"."
        );
    }
    if let Some((min, max)) = detail.and_then(|detail| detail.versions.as_ref()) {
        text += &format!(
            ": This may indicate that the client does not support any SSL protocol version between {min} and {max}."
        );
    }
    text
}
