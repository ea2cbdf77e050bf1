//! How failed handshakes, and what else clients may bring about at will, reach the log: one line each (in kdb+'s words as
//! many as OpenSSL has), as long as they are few.
//!
//! They are the peers' doing, so they are information and not warnings, and a scanner must not fill the log: past
//! [`LINES_A_SECOND`] they are counted, and the count is logged with the next line that fits.

mod kdb;
mod krakend;
mod postgresql;

use crate::io::Peer;
use crate::settings::Words;
use crate::tls::{Expired, HandshakeError, Mismatch, Rejected};
use log::{Level, debug, log};
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
    within_quota("failed handshakes", || match words {
        Words::ArangoDb => format!("{peer}: {}", in_our_words(failure)),
        Words::PostgreSql => format!("{peer}: {}", postgresql::words(failure)),
        Words::KrakenD => krakend::line(peer, &krakend::words(failure), &aside(failure)),
        Words::Kdb => kdb::lines(peer, failure, &aside(failure)),
    });
    for line in failure.cause.iter().flat_map(|cause| cause.lines()) {
        debug!("{peer}: error during TLS handshake: '{line}'");
    }
}

fn in_our_words(failure: &HandshakeError) -> String {
    format!("handshake: {}{}", failure.reason, aside(failure))
}

/// What is known besides, in brackets: the server name asked for, what was offered and accepted, whose certificate was
/// refused.
fn aside(failure: &HandshakeError) -> String {
    let mut parts = Vec::new();
    if let Some(name) = &failure.server_name {
        parts.push(format!("asked for '{name}'"));
    }
    if let Some(mismatch) = &failure.mismatch {
        let Mismatch {
            offered, accepted, ..
        } = &**mismatch;
        if !offered.is_empty() {
            parts.push(format!("offered {offered}"));
        }
        if !accepted.is_empty() {
            parts.push(format!("accepted: {accepted}"));
        }
    }
    let detail = failure.detail.as_ref();
    if let Some(rejected) = detail.and_then(|detail| detail.rejected.as_ref()) {
        let Rejected {
            depth,
            subject,
            serial,
            issuer,
            ..
        } = rejected;
        parts.push(format!(
            "at depth {depth}: '{subject}', serial number {serial}, of '{issuer}'"
        ));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join("; ")),
    }
}

/// Logs why a client was not let in, within the same quota.
pub(super) fn report_refusal(peer: Peer, why: &str) {
    within_quota("refused clients", || format!("{peer}: {why}"));
}

/// Logs why there was no handshake where KrakenD's words are spoken, within the same quota.
pub(super) fn report_without_handshake(peer: Peer, why: &str) {
    within_quota("failed handshakes", || krakend::line(peer, why, ""));
}

/// Warns of a certificate that was accepted although it has expired, within the same quota; `whose` stands in front.
pub(super) fn report_expired(peer: Peer, whose: &str, expired: &Expired) {
    within_quota_at(
        Level::Warn,
        "failed handshakes and expired certificates",
        || format!("{peer}: {whose}{expired}"),
    );
}

fn within_quota(others: &str, text: impl FnOnce() -> String) {
    within_quota_at(Level::Info, others, text);
}

fn within_quota_at(level: Level, others: &str, text: impl FnOnce() -> String) {
    let Some(silent) = QUOTA.with_borrow_mut(|quota| quota.take(Instant::now())) else {
        return;
    };
    let mut text = text();
    if silent > 0 {
        text += &format!(" (and {silent} more {others})");
    }
    text.lines().for_each(|line| log!(level, "{line}"));
}

impl Quota {
    /// A failure's lines, with the number of failures since the last one that got none; or none.
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
