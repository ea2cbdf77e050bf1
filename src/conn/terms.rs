//! On which terms an endpoint takes connections.

use super::Service;
use crate::preface::postgresql::{self, PostgreSql};
use crate::preface::{FirstByte, Gateway, Kdb, Manticore, Preface};
use crate::settings::{ProxyProtocol, ServerMode, Settings, Spoken, Timeouts, Words};
use crate::tls::{Context, Dialer};
use std::sync::Arc;
use std::time::Duration;

/// What all connections of one endpoint have in common. Shared by them, replaced as a whole on reload: an open
/// connection keeps the terms it was accepted on.
pub struct Terms {
    /// The endpoint in the unified form of the logs.
    pub endpoint: String,
    /// What is spoken there.
    pub security: Security,
    /// Who answers, for each of what is spoken there; what has none is refused.
    pub ways: Vec<Way>,
    /// How a backend is told of the client.
    pub proxy_protocol: ProxyProtocol,
    /// Until the handshake is done; `None` for ever.
    pub handshake: Option<Duration>,
    /// Until one backend address answers, with TLS where that is spoken; `None` for as long as the system tries.
    pub connect: Option<Duration>,
    /// While nothing moves; `None` for ever.
    pub idle: Option<Duration>,
    /// While nothing moves and it is for the client to say something.
    pub keep_alive: Option<Duration>,
}

/// Who answers, and how they are reached.
#[derive(Clone)]
pub struct Way {
    /// What has to be spoken; `None` takes everything.
    pub spoken: Option<Spoken>,
    /// Who answers.
    pub answers: Answers,
    /// The backend, as the log names it.
    pub name: String,
    /// How TLS is spoken with the backend, where it is.
    pub onward: Option<Arc<Onward>>,
}

/// What is spoken on an endpoint.
#[derive(Clone)]
pub enum Security {
    /// Bytes as they are.
    Plain,
    /// TLS from the first byte.
    Tls(Arc<Context>),
    /// Either, told apart by the first byte.
    Either(Arc<Context>),
    /// TLS from the first byte, where HTTP in the clear is told so.
    Gateway(Arc<Context>),
    /// PostgreSQL's protocol, with TLS where there is a context.
    PostgreSql(Option<Arc<Context>>, Gate),
    /// MySQL's protocol, with TLS where there is a context.
    MySql {
        /// Whose handshakes are offered.
        context: Option<Arc<Context>>,
        /// Whether nobody is served without TLS, but on a unix socket.
        secure: bool,
    },
    /// Manticore Search's port for several protocols, with TLS where there is a context.
    Manticore {
        /// Whose handshakes there are.
        context: Option<Arc<Context>>,
        /// Whether HTTP is refused in the clear.
        https: bool,
    },
    /// kdb+'s port, with TLS where there is a context.
    Kdb(Option<Arc<Context>>, ServerMode),
}

/// What an endpoint that speaks PostgreSQL's protocol asks of its clients.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<postgresql::Gate>);

impl Gate {
    /// That of an endpoint with TLS or without, by these settings.
    pub fn new(settings: &Settings, tls: bool) -> Gate {
        Gate(Arc::new(postgresql::Gate {
            tls,
            hba: settings.postgresql.hba.clone(),
        }))
    }
}

impl Security {
    /// Whether connections begin with a handshake, or may.
    pub fn has_tls(&self) -> bool {
        self.context().is_some()
    }

    /// Whose handshakes those are.
    pub(super) fn context(&self) -> Option<&Arc<Context>> {
        match self {
            Security::Plain => None,
            Security::Tls(context) | Security::Either(context) | Security::Gateway(context) => {
                Some(context)
            }
            Security::PostgreSql(context, _)
            | Security::Kdb(context, _)
            | Security::MySql { context, .. }
            | Security::Manticore { context, .. } => context.as_ref(),
        }
    }

    /// What comes before the answering side has the client's bytes.
    pub(super) fn preface(&self) -> Option<Box<dyn Preface>> {
        match self {
            Security::Plain | Security::Tls(_) | Security::MySql { .. } => None,
            Security::Manticore { context, https } => {
                Some(Box::new(Manticore::new(context.is_some(), *https)))
            }
            Security::Either(_) => Some(Box::new(FirstByte)),
            Security::Gateway(_) => Some(Box::new(Gateway::default())),
            Security::Kdb(_, mode) => Some(Box::new(Kdb::new(*mode))),
            Security::PostgreSql(_, gate) => Some(Box::new(PostgreSql::new(Arc::clone(&gate.0)))),
        }
    }
}

/// Who answers the connections of an endpoint.
#[derive(Clone)]
pub enum Answers {
    /// A server: the loop connects to it.
    Backend,
    /// Something in this process, made anew for each connection.
    Service(Arc<dyn Fn() -> Box<dyn Service> + Send + Sync>),
}

/// TLS with the backend, as one worker speaks it.
pub struct Onward {
    /// Opens channels to it.
    pub dialer: Dialer,
    /// What is said before TLS.
    pub request: Request,
}

/// What is said to a backend before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    None,
    /// PostgreSQL's SSLRequest. Without TLS nothing follows.
    PostgreSql,
    /// PostgreSQL's SSLRequest. A server that has no TLS gets the bytes as they are.
    PostgreSqlOrClear,
    /// MySQL's SSLRequest, in answer to the server's greeting. Without TLS nothing follows.
    MySql,
    /// The same. A server that has no TLS is answered as it is.
    MySqlOrClear,
}

impl Request {
    /// Whether it is PostgreSQL's, which is made before anything else is said.
    pub(super) fn is_postgresql(self) -> bool {
        matches!(self, Request::PostgreSql | Request::PostgreSqlOrClear)
    }
}

impl Terms {
    /// The number of the way of what is spoken, if anybody answers that.
    pub(super) fn way_of(&self, spoken: Option<Spoken>) -> Option<usize> {
        let fits = |way: &Way| way.spoken.is_none() || way.spoken == spoken;
        self.ways.iter().position(fits)
    }

    /// Whether a service answers, on any way.
    pub(crate) fn has_service(&self) -> bool {
        let mut ways = self.ways.iter();
        ways.any(|way| matches!(way.answers, Answers::Service(_)))
    }

    /// In whose words the log tells of handshakes.
    pub(super) fn words(&self) -> Words {
        match self.security {
            Security::PostgreSql(..) => Words::PostgreSql,
            Security::Gateway(_) => Words::KrakenD,
            Security::Kdb(..) => Words::Kdb,
            _ => Words::ArangoDb,
        }
    }

    /// Whether a stream that ends without a close-notify has ended all the same: MySQL's clients and servers say none, nor
    /// do some of kdb+'s, as what they send says how long it is.
    pub(super) fn may_end_silently(&self) -> bool {
        matches!(self.security, Security::MySql { .. } | Security::Kdb(..))
    }

    /// Terms with the deadlines of `timeouts`, where zero means none. A backend is told nothing of the client.
    pub fn new(
        endpoint: String,
        security: Security,
        answers: Answers,
        timeouts: &Timeouts,
    ) -> Terms {
        let limit = |duration: Duration| (!duration.is_zero()).then_some(duration);
        Terms {
            endpoint,
            security,
            ways: vec![Way {
                spoken: None,
                answers,
                name: String::new(),
                onward: None,
            }],
            proxy_protocol: ProxyProtocol::Off,
            handshake: limit(timeouts.handshake.value),
            connect: limit(timeouts.connect.value),
            idle: limit(timeouts.idle.value),
            keep_alive: limit(timeouts.keep_alive.value),
        }
    }
}
