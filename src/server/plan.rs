//! What a start or a reload comes to, before anybody is told of it.

use super::Listening;
use crate::conn::{Answers, Gate, Onward, Security, Terms};
use crate::net::{Backend, Door, Listener, Place};
use crate::settings::{Accept, Endpoint, Settings};
use crate::tls::Context;
use std::sync::Arc;

/// A configuration ready to be served: nothing about it can fail any more.
pub(super) struct Plan {
    /// What each worker is to listen on.
    pub(super) doors: Vec<Vec<Door>>,
    pub(super) listening: Vec<Listening>,
    /// The log's lines about endpoints.
    pub(super) lines: Vec<String>,
}

/// What the endpoints of a plan have in common.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) answers: Answers,
    pub(super) backend: Option<Arc<Backend>>,
    /// One a worker; none when no endpoint speaks TLS.
    pub(super) contexts: Vec<Arc<Context>>,
    /// One a worker; none when there is no TLS with the backend.
    pub(super) onwards: Vec<Arc<Onward>>,
}

impl Plan {
    /// Adds an endpoint with its sockets.
    pub(super) fn add(&mut self, endpoint: &Endpoint, opened: Vec<Opening>, parts: &Parts<'_>) {
        let gate = Gate::new(parts.settings, endpoint.accept.has_tls());
        for opening in opened {
            let name = unified(endpoint, &opening.place);
            let security = match endpoint.accept {
                Accept::Plain | Accept::PostgreSqlPlain => "non-encrypted",
                Accept::Tls => "ssl-encrypted",
                Accept::Either | Accept::PostgreSql => "ssl-encrypted and non-encrypted",
            };
            let line = format!("using endpoint '{name}' for {security} requests");
            self.lines.push(line);
            let mut listeners = opening.listeners.into_iter();
            for (number, doors) in self.doors.iter_mut().enumerate() {
                let context = parts.contexts.get(number).map(Arc::clone);
                let security = match (endpoint.accept, context) {
                    (Accept::PostgreSql, context) => Security::PostgreSql(context, gate.clone()),
                    (Accept::PostgreSqlPlain, _) => Security::PostgreSql(None, gate.clone()),
                    (Accept::Plain, _) | (_, None) => Security::Plain,
                    (Accept::Tls, Some(context)) => Security::Tls(context),
                    (Accept::Either, Some(context)) => Security::Either(context),
                };
                let answers = parts.answers.clone();
                let timeouts = &parts.settings.timeouts;
                let mut terms = Terms::new(name.clone(), security, answers, timeouts);
                terms.proxy_protocol = parts.settings.proxy_protocol.value;
                terms.onward = parts.onwards.get(number).map(Arc::clone);
                doors.push(Door {
                    place: opening.place.clone(),
                    listener: listeners.next(),
                    terms: Arc::new(terms),
                    backend: parts.backend.clone(),
                });
            }
            self.listening.push(Listening {
                asked: opening.asked,
                place: opening.place,
                name,
            });
        }
    }
}

/// One place of an endpoint.
pub(super) struct Opening {
    pub(super) asked: Place,
    pub(super) place: Place,
    pub(super) listeners: Vec<Listener>,
}

fn unified(endpoint: &Endpoint, place: &Place) -> String {
    Endpoint {
        address: place.address(),
        accept: endpoint.accept,
    }
    .to_string()
}
