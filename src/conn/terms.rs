//! On which terms an endpoint takes connections.

use super::Service;
use crate::settings::Timeouts;
use crate::tls::Context;
use std::sync::Arc;
use std::time::Duration;

/// What all connections of one endpoint have in common. Shared by them, replaced as a whole on reload: an open
/// connection keeps the terms it was accepted on.
pub struct Terms {
    /// The endpoint in the unified form of the logs.
    pub endpoint: String,
    /// What is spoken there.
    pub security: Security,
    /// Who answers.
    pub answers: Answers,
    /// Until the handshake is done; `None` for ever.
    pub handshake: Option<Duration>,
    /// Until one backend address answers; `None` for as long as the system tries.
    pub connect: Option<Duration>,
    /// While nothing moves; `None` for ever.
    pub idle: Option<Duration>,
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
}

impl Security {
    /// Whether connections begin with a handshake, or may.
    pub fn has_tls(&self) -> bool {
        !matches!(self, Security::Plain)
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

impl Terms {
    /// Terms with the deadlines of `timeouts`, where zero means none.
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
            answers,
            handshake: limit(timeouts.handshake.value),
            connect: limit(timeouts.connect.value),
            idle: limit(timeouts.idle.value),
        }
    }
}
