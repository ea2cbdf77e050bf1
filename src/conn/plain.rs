//! The side of a connection that answers: a backend's socket, or a service in this process.

use super::Service;
use crate::io::{Readiness, Stream};

/// The answering side.
pub(super) enum Plain {
    /// Nobody yet.
    None,
    /// A backend.
    Backend(Stream),
    /// Something in this process.
    Service(Box<dyn Service>),
}

impl Plain {
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        match self {
            Plain::Backend(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn announce(&mut self, readiness: Readiness) {
        if let Plain::Backend(stream) = self {
            stream.announce(readiness);
        }
    }
}
