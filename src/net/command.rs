//! How a server speaks to its workers.

use super::doors::Door;
use super::worker::Quiet;
use crate::conn::Message;
use crate::error::reason;
use log::error;
use mio::Waker;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What a worker is told.
pub(crate) enum Command {
    /// Go over to other settings. Open connections keep what they have.
    Swap(Swap),
    /// Accept nothing more; end when the last connection has, or at this time.
    Drain(Option<Instant>),
    /// Hand a message to the service of the connection with this number. It is dropped if that is over.
    Tell(u64, Message),
    /// Have this called when no worker has anything to do, and nothing that was given before.
    WhenQuiet(Arc<Quiet>),
}

/// What of the settings a worker goes by.
pub(crate) struct Swap {
    /// Where to listen from now on.
    pub(crate) doors: Vec<Door>,
    /// How long to look for more work before sleeping.
    pub(crate) busy_poll: Duration,
    /// Dropped once it is so and the sockets that are wanted no more are closed.
    pub(crate) swapped: Sender<Infallible>,
}

/// How others speak to a worker.
pub(crate) struct Handle {
    pub(super) commands: Sender<Command>,
    pub(super) waker: Arc<Waker>,
}

impl Handle {
    /// Tells the worker. A worker that is gone has nothing to be told: then the command comes back.
    pub(crate) fn send(&self, command: Command) -> Result<(), Command> {
        self.commands.send(command).map_err(|unsent| unsent.0)?;
        if let Err(error) = self.waker.wake() {
            error!("cannot wake a worker: {}", reason(&error));
        }
        Ok(())
    }
}
