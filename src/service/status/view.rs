//! Everything the page tells, gathered at one moment: what both the HTML and the JSON are made from.

use std::time::{Duration, SystemTime};

use crate::conn::{Opened, Totals};
use crate::tls::{Certificate, Facts, Report};

/// Letters kept of any one text that a client sent: a certificate can hold a hundred kilobytes of them.
const TEXT_LIMIT: usize = 1024;

/// What is told, at one moment.
pub(super) struct View<'a> {
    pub(super) visitor: &'a Visitor,
    pub(super) policy: Option<&'a Policy>,
    pub(super) now: SystemTime,
    pub(super) server: Server,
    pub(super) totals: Totals,
}

/// The process.
pub(super) struct Server {
    pub(super) started: SystemTime,
    pub(super) uptime: Duration,
    pub(super) workers: usize,
}

/// A policy, and since when it holds.
#[derive(Debug)]
pub(super) struct Policy {
    /// The options that endpoints it is for have of their own.
    pub(super) own: String,
    pub(super) report: Report,
    pub(super) since: SystemTime,
}

impl Policy {
    /// Days left of an identity at `now`: the report counted them when the policy was read.
    pub(super) fn days_left(&self, counted: i64, now: SystemTime) -> i64 {
        let passed = now.duration_since(self.since).unwrap_or_default();
        counted - (passed.as_secs() / 86_400) as i64
    }
}

/// Who is looking, over what.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    pub(super) endpoint: String,
    pub(super) peer: String,
    pub(super) facts: Option<Facts>,
}

impl Visitor {
    pub(super) fn new(opened: &Opened<'_>) -> Visitor {
        Visitor {
            endpoint: opened.endpoint.to_owned(),
            peer: opened.peer.to_owned(),
            facts: opened.facts.map(shorten),
        }
    }
}

impl View<'_> {
    /// Connections open now.
    pub(super) fn open(&self) -> u64 {
        // A worker may have counted between the two readings.
        self.totals.accepted.saturating_sub(self.totals.closed)
    }

    /// Handshakes that failed, whatever the reason.
    pub(super) fn failed(&self) -> u64 {
        self.totals.failures.iter().sum()
    }
}

fn shorten(facts: &Facts) -> Facts {
    Facts {
        server_name: facts.server_name.as_deref().map(cut),
        alpn: facts.alpn.as_deref().map(cut),
        peer: facts.peer.as_ref().map(|peer| Certificate {
            subject: cut(&peer.subject),
            issuer: cut(&peer.issuer),
            serial: cut(&peer.serial),
            not_before: cut(&peer.not_before),
            not_after: cut(&peer.not_after),
            verified: cut(&peer.verified),
            verify_error: peer.verify_error,
            subject_one_line: cut(&peer.subject_one_line),
            issuer_one_line: cut(&peer.issuer_one_line),
            ..Certificate::default()
        }),
        own: None, // nothing is told of it here
        ..facts.clone()
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
