//! `tlsport check`: all that `serve` would do, except listen.

use super::failure::Failure;
use super::flags::{self, Ready};
use clap::{ArgMatches, Command};
use std::io::Write;
use tlsport::server::Server;
use tlsport::settings::Level;

/// `tlsport check`.
pub(crate) fn command() -> Command {
    let command = Command::new("check").about("Say whether these settings would serve");
    super::log::with_flags(flags::with_settings(command))
}

/// Prints what is remarkable, then `ok`.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    super::log::start(matches)?;
    let ready = flags::prepare(matches).map_err(Failure::settings)?;
    let Ready {
        settings, notes, ..
    } = ready;
    Server::check_names(&settings).map_err(Failure::settings)?;
    for note in notes {
        let loudness = match note.level {
            Level::Warn => "warning",
            Level::Info => "note",
        };
        writeln!(out, "{loudness}: {note}")?;
    }
    Ok(writeln!(out, "ok")?)
}
