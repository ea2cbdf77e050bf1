//! `tlsport serve`: endpoints until a signal says otherwise.
//!
//! SIGTERM and SIGINT stop accepting and let open connections end, a second one ends them at once. SIGHUP reads
//! everything anew and goes over to it only if all of it works; what PostgreSQL's files leave as it was, see
//! `flags::prepare_again`.

use super::failure::Failure;
use super::flags::{self, Ready, tell};
use clap::{ArgMatches, Command};
use log::{error, info};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use tlsport::error::{Error, Kind, Problems};
use tlsport::server::Server;

/// How often a draining server is asked whether it is done.
const GLANCE: Duration = Duration::from_millis(20);

const LONG_ABOUT: &str = "\
Serve TLS endpoints in front of a plain backend.

SIGTERM and SIGINT stop accepting and let open connections end, for as long as --timeout.drain says; a second one ends \
them at once. SIGHUP reads files, keys and certificates again: all of it is used, or, when anything is wrong, none. With \
PostgreSQL's files, what is wrong about TLS or about who may come in leaves that as it was, and the rest is used.";

/// `tlsport serve`.
pub(crate) fn command() -> Command {
    let command = Command::new("serve")
        .about("Serve TLS endpoints in front of a plain backend")
        .long_about(LONG_ABOUT);
    super::log::with_flags(flags::with_settings(command))
}

/// Serves until it is told to stop.
pub(crate) fn run(matches: &ArgMatches, _: &mut dyn Write) -> Result<(), Failure> {
    super::log::start(matches)?;
    super::process::prepare();
    let ready = flags::prepare(matches).map_err(Failure::settings)?;
    let anew = |before: &Ready| flags::prepare_again(matches, before);
    until_stopped(ready, anew, |_| Ok(()))
}

/// Serves what is `ready`, calls `started` once connections are accepted, and obeys signals; `anew` reads
/// everything again for a reload.
pub(crate) fn until_stopped(
    mut ready: Ready,
    anew: impl Fn(&Ready) -> Result<Ready, Problems>,
    started: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // Before the first connection, so that no signal is lost.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| Error::io("cannot listen to signals", &error))?;
    tell(&ready.notes);
    let server = Server::start(&ready.settings, &ready.prepared).map_err(Failure::running)?;
    #[cfg(target_env = "gnu")]
    server.when_quiet(super::process::trim_heap);
    started(&server)?;
    let stopping = watch_workers(&server, signals.handle());
    for signal in signals.forever() {
        if signal != SIGHUP {
            stopping.store(true, Relaxed);
            break;
        }
        match anew(&ready).and_then(|next| reload(&server, next)) {
            Ok(next) => ready = next,
            Err(problems) => {
                for problem in &problems.0 {
                    error!("{problem}");
                }
                error!("reload failed: the settings in use stay in use");
            }
        }
    }
    let drain = ready.settings.timeouts.drain.value;
    info!("stopping: open connections have {drain:?} to end");
    server.drain((!drain.is_zero()).then_some(drain));
    while !server.is_over() {
        thread::sleep(GLANCE);
        if signals.pending().any(|signal| signal != SIGHUP) {
            info!("stopping at once");
            server.drain(Some(Duration::ZERO));
        }
    }
    server.wait();
    if !stopping.load(Relaxed) {
        let text = "a worker ended by itself: please report the lines before this one";
        return Err(Error::new(Kind::Internal, text).into());
    }
    info!("stopped");
    Ok(())
}

/// Ends the wait for signals when a worker ends though nobody asked for it: what is left could not serve as promised,
/// and whoever supervises us starts a whole server. Set what is returned before a stop.
fn watch_workers(server: &Server, signals: Handle) -> Arc<AtomicBool> {
    let stopping = Arc::<AtomicBool>::default();
    let asked = Arc::clone(&stopping);
    if let Some(ends) = server.ends() {
        thread::spawn(move || {
            if ends.recv().is_ok() && !asked.load(Relaxed) {
                signals.close();
            }
        });
    }
    stopping
}

fn reload(server: &Server, ready: Ready) -> Result<Ready, Problems> {
    tell(&ready.notes);
    tell(&server.reload(&ready.settings, &ready.prepared)?);
    info!("reloaded");
    Ok(ready)
}
