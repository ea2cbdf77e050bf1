//! What a start or a reload comes to, before anybody is told of it.

use super::Listening;
use super::parts::{self, Part};
use crate::conn::{Answers, Gate, Security, Terms, Way};
use crate::net::{Backends, Door, Listener, Place};
use crate::settings::{Accept, Endpoint, Own, ServerMode, Settings};
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

impl Plan {
    /// Adds an endpoint with its sockets.
    pub(super) fn add(&mut self, endpoint: &Endpoint, opened: Vec<Opening>, part: &Part) {
        let Part {
            settings,
            contexts,
            ways,
        } = part;
        let gate = Gate::new(settings, endpoint.accept.has_tls());
        let backends: Backends = ways.iter().map(|way| way.backend.clone()).collect();
        for opening in opened {
            let name = unified(endpoint, &opening.place);
            self.lines.push(line(endpoint, &name));
            let mut listeners = opening.listeners.into_iter();
            for (number, doors) in self.doors.iter_mut().enumerate() {
                let context = contexts.get(number).map(Arc::clone);
                let terms = Terms {
                    ways: ways.iter().map(|way| way.of_worker(number)).collect(),
                    proxy_protocol: settings.proxy_protocol.value,
                    ..Terms::new(
                        name.clone(),
                        security(endpoint.accept, context, &gate, settings),
                        Answers::Backend,
                        &settings.timeouts,
                    )
                };
                doors.push(Door {
                    place: opening.place.clone(),
                    listener: listeners.next(),
                    terms: Arc::new(terms),
                    backends: Arc::clone(&backends),
                });
            }
            self.listening.push(Listening {
                asked: opening.asked,
                last_port: endpoint.last_port,
                place: opening.place,
                name,
            });
        }
    }
}

impl parts::Way {
    /// As one worker goes it.
    fn of_worker(&self, number: usize) -> Way {
        Way {
            spoken: self.spoken,
            answers: self.answers.clone(),
            name: self
                .backend
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            onward: self.onwards.get(number).map(Arc::clone),
        }
    }
}

/// What is spoken on an endpoint, with this context where there is TLS.
fn security(
    accept: Accept,
    context: Option<Arc<Context>>,
    gate: &Gate,
    settings: &Settings,
) -> Security {
    match (accept, context) {
        (Accept::PostgreSql { .. }, context) => Security::PostgreSql(context, gate.clone()),
        (Accept::MySql { .. }, context) => Security::MySql {
            context,
            secure: *settings.mysql.require_secure_transport,
        },
        (Accept::Manticore { .. }, context) => Security::Manticore {
            context,
            https: false,
        },
        (Accept::ManticoreHttps { .. }, context) => Security::Manticore {
            context,
            https: true,
        },
        (Accept::Kdb(mode), context) => Security::Kdb(context, mode),
        (Accept::Plain | Accept::Sphinx, _) | (_, None) => Security::Plain,
        (Accept::Tls, Some(context)) => Security::Tls(context),
        (Accept::Either, Some(context)) => Security::Either(context),
        (Accept::Gateway, Some(context)) => Security::Gateway(context),
    }
}

/// The log's line about an endpoint.
fn line(endpoint: &Endpoint, name: &str) -> String {
    let what = match endpoint.accept {
        accept if !accept.has_tls() => "non-encrypted",
        Accept::Tls
        | Accept::Gateway
        | Accept::ManticoreHttps { .. }
        | Accept::Kdb(ServerMode::Tls) => "ssl-encrypted",
        _ => "ssl-encrypted and non-encrypted",
    };
    format!("using endpoint '{name}' for {what} requests")
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
        last_port: None,
        own: Own::default(),
    }
    .to_string()
}
