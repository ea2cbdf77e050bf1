//! How failed handshakes reach the log: one line each, as long as they are few.
//!
//! They are the peers' doing, so they are information and not warnings, and a scanner must not fill the log: past
//! [`LINES_A_SECOND`] they are counted, and the count is logged with the next line that fits.

use crate::io::Peer;
use crate::settings::Words;
use crate::tls::{Failure, HandshakeError, Rejected};
use log::{debug, info};
use std::cell::RefCell;
use std::time::{Duration, Instant};

const LINES_A_SECOND: u32 = 10;

#[derive(Debug)]
struct Quota {
    since: Instant,
    used: u32,
    silent: u64,
}

thread_local! {
    static QUOTA: RefCell<Quota> = RefCell::new(Quota { since: Instant::now(), used: 0, silent: 0 });
}

/// Logs a failed handshake, within the quota of this worker.
pub(super) fn report(peer: Peer, words: Words, failure: &HandshakeError) {
    let text = match words {
        Words::ArangoDb | Words::KrakenD => in_our_words(failure),
        Words::PostgreSql => in_those_of_postgresql(failure),
    };
    within_quota(peer, &text, "failed handshakes");
    for line in failure.cause.iter().flat_map(|cause| cause.lines()) {
        debug!("{peer}: error during TLS handshake: '{line}'");
    }
}

fn in_our_words(failure: &HandshakeError) -> String {
    let reason = &failure.reason;
    match failure
        .detail
        .as_ref()
        .and_then(|detail| detail.rejected.as_ref())
    {
        Some(Rejected {
            depth,
            subject,
            serial,
            issuer,
            ..
        }) => format!(
            "handshake: {reason} (at depth {depth}: '{subject}', serial number {serial}, of '{issuer}')"
        ),
        None => format!("handshake: {reason}"),
    }
}

/// `be_tls_open_server` and its callback for verification, with details and hints on the same line.
fn in_those_of_postgresql(failure: &HandshakeError) -> String {
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

/// Logs why a client was not let in, within the same quota.
pub(super) fn report_refusal(peer: Peer, why: &str) {
    within_quota(peer, why, "refused clients");
}

fn within_quota(peer: Peer, text: &str, others: &str) {
    match QUOTA.with_borrow_mut(|quota| quota.take(Instant::now())) {
        None => {}
        Some(0) => info!("{peer}: {text}"),
        Some(silent) => info!("{peer}: {text} (and {silent} more {others})"),
    }
}

impl Quota {
    /// A line, with the number of failures since the last one that got none; or no line.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.used = 0;
        }
        if self.used == LINES_A_SECOND {
            self.silent += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_gets_ten_lines_a_second_and_a_count() {
        let start = Instant::now();
        let mut quota = Quota {
            since: start,
            used: 0,
            silent: 0,
        };
        let lines = (0..1000).filter_map(|_| quota.take(start)).count();
        assert_eq!(lines, 10);
        assert_eq!(quota.take(start + Duration::from_secs(1)), Some(990));
        assert_eq!(quota.take(start + Duration::from_secs(1)), Some(0));
    }
}
