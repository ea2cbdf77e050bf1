//! The status page: what a connection came to, what its endpoint accepts, and what was counted, over HTTP.
//!
//! `/` is a page for people, or JSON for who prefers it; `/json` is always JSON (docs/STATUS.md); `/healthz` says
//! `ok`. It is not a web server: no files, no bodies, no query, nothing to configure. It tells no path of the file
//! system and no key. Read next: `http` (requests in, answers out), `view` (what is told), `page` and `json` (how).

mod accept;
mod date;
mod h2;
mod http;
mod json;
mod page;
mod request;
mod response;
mod view;

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};
use std::{fmt, iter, mem};

use crate::conn::{Opened, Service, Totals, Verdict};
use crate::tls::Report;

use request::Request;
use response::{Response, Status};
use view::{Policy, View, Visitor};

/// What all status pages of one server share.
pub struct Overview {
    started: SystemTime,
    clock: Instant,
    workers: usize,
    totals: Box<dyn Fn() -> Totals + Send + Sync>,
    /// The first is that of all endpoints that have none of their own.
    policies: RwLock<Vec<Arc<Policy>>>,
}

impl Overview {
    /// An overview of a server that starts now. `totals` adds up the workers' counters when it is called, once an
    /// answer. A server without a TLS endpoint has no policy.
    pub fn new(
        policy: impl Into<Option<Report>>,
        workers: usize,
        totals: impl Fn() -> Totals + Send + Sync + 'static,
    ) -> Overview {
        let overview = Overview {
            started: SystemTime::now(),
            clock: Instant::now(),
            workers,
            totals: Box::new(totals),
            policies: RwLock::default(),
        };
        overview.replace(policy);
        overview
    }

    /// Tells of another policy from now on: the server was reloaded.
    pub fn replace(&self, policy: impl Into<Option<Report>>) {
        let since = SystemTime::now();
        let made = |(own, report)| Arc::new(Policy { own, report, since });
        let mut policies = Vec::new();
        if let Some(mut report) = policy.into() {
            let special = mem::take(&mut report.endpoints);
            let all = iter::once((String::new(), report)).chain(special);
            policies.extend(all.map(made));
        }
        // Nothing panics while it holds the lock; and the value in it is whole in any case.
        *self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner) = policies;
    }

    /// That of an endpoint with these options of its own.
    fn policy(&self, own: &str) -> Option<Arc<Policy>> {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let special = policies.iter().find(|policy| policy.own == own);
        special.or_else(|| policies.first()).cloned()
    }
}

impl fmt::Debug for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overview")
            .field("started", &self.started)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// The status page, for one connection.
#[derive(Debug)]
pub struct StatusPage {
    overview: Arc<Overview>,
    own: Arc<str>,
    visitor: Visitor,
    speech: Speech,
}

/// What was agreed to be spoken.
#[derive(Debug)]
enum Speech {
    Http1(http::Http),
    Http2(h2::Farewell),
}

impl StatusPage {
    /// A page for one connection. `own` is what its endpoint has of options of its own, by which [`Report::endpoints`]
    /// has a policy for it; empty for none.
    pub fn new(overview: Arc<Overview>, own: impl Into<Arc<str>>) -> StatusPage {
        StatusPage {
            overview,
            own: own.into(),
            visitor: Visitor::default(),
            speech: Speech::Http1(http::Http::default()),
        }
    }
}

impl Service for StatusPage {
    fn open(&mut self, opened: &Opened<'_>, _out: &mut Vec<u8>) -> Verdict {
        self.visitor = Visitor::new(opened);
        let alpn = opened.facts.and_then(|facts| facts.alpn.as_deref());
        if alpn == Some("h2") {
            self.speech = Speech::Http2(h2::Farewell::default());
        }
        Verdict::Continue
    }

    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        let StatusPage {
            overview,
            own,
            visitor,
            speech,
        } = self;
        let mut answer = |request: &Request| answer(request, overview, own, visitor);
        match speech {
            Speech::Http1(http) => http.data(input, SystemTime::now(), &mut answer, out),
            Speech::Http2(farewell) => farewell.data(input, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Verdict {
        match &mut self.speech {
            Speech::Http1(http) => http.end(SystemTime::now(), out),
            Speech::Http2(_) => Verdict::Finish,
        }
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";
const VARY: &[(&str, &str)] = &[("Vary", "Accept")];

fn answer(request: &Request, overview: &Overview, own: &str, visitor: &Visitor) -> Response {
    let tell = |json: bool| {
        let policy = overview.policy(own);
        let view = gather(overview, policy.as_deref(), visitor);
        if json {
            Response::ok(JSON, json::render(&view))
        } else {
            Response::ok(HTML, page::render(&view))
        }
    };
    match request.path.as_str() {
        "/" => tell(accept::prefers_json(&request.accept)).with(VARY),
        "/json" => tell(true),
        "/healthz" => Response::text("ok"),
        "/favicon.ico" => Response::ok(SVG, page::ICON.to_owned()),
        _ => {
            let why = "no such page: there are /, /json and /healthz";
            Response::refusal(Status::NotFound, why)
        }
    }
}

fn gather<'a>(overview: &Overview, policy: Option<&'a Policy>, visitor: &'a Visitor) -> View<'a> {
    View {
        visitor,
        policy,
        now: SystemTime::now(),
        server: view::Server {
            started: overview.started,
            uptime: overview.clock.elapsed(),
            workers: overview.workers,
        },
        totals: (overview.totals)(),
    }
}
