//! A running server until a signal ends it: SIGTERM and SIGINT let connections finish, SIGHUP reads settings again.

use log::{info, warn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;
use std::time::Duration;
use tlsport::error::Error;
use tlsport::server::Server;

/// The signals that are meant for a server. Taken before it starts, so that none of them is missed.
pub(crate) struct Wishes(Signals);

/// How often a server that is stopping is asked whether it has.
const GLANCE: Duration = Duration::from_millis(20);

impl Wishes {
    /// Takes the signals.
    ///
    /// # Errors
    /// What the system refused.
    pub(crate) fn listen() -> Result<Wishes, Error> {
        let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]);
        let signals = signals.map_err(|error| Error::io("cannot take signals", &error))?;
        Ok(Wishes(signals))
    }

    /// Serves until SIGTERM or SIGINT, then lets connections finish within the time that `reload` gave last. A
    /// second such signal ends them.
    pub(crate) fn serve(
        &mut self,
        server: &mut Server,
        mut drain: Option<Duration>,
        mut reload: impl FnMut(&mut Server) -> Option<Option<Duration>>,
    ) {
        for signal in self.0.forever() {
            if signal != SIGHUP {
                break;
            }
            if let Some(other) = reload(server) {
                drain = other;
            }
        }
        info!("stopping: no new connections, open ones may finish");
        server.drain(drain);
        while !server.is_over() {
            if self.0.pending().any(|signal| signal != SIGHUP) {
                warn!("stopping at once: open connections are cut");
                server.drain(Some(Duration::ZERO));
                break;
            }
            thread::sleep(GLANCE);
        }
        server.wait();
    }
}
