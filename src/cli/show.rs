//! `tlsport show`: every setting, its value and who set it; then what libssl makes of them.

use super::failure::Failure;
use super::flags;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::io::Write;
use tlsport::settings::Note;
use tlsport::show;

/// `tlsport show`.
pub(crate) fn command() -> Command {
    let command = Command::new("show")
        .about("Show every setting, who set it, and what OpenSSL makes of it")
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("As JSON"),
        );
    super::log::with_flags(flags::with_settings(command))
}

/// Shows the settings even where something is wrong with them: that is when they are looked at.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    super::log::start(matches)?;
    let collected = flags::collect(matches);
    let ready = flags::prepare(matches);
    let report = ready.as_ref().map(|ready| ready.prepared.report()).ok();
    let notes: &[Note] = ready.as_ref().map_or(&[], |ready| &ready.notes);
    let print = match matches.get_flag("json") {
        true => show::json,
        false => show::text,
    };
    write!(
        out,
        "{}",
        print(collected.settings(), report.as_ref(), notes)
    )?;
    ready.map(drop).map_err(Failure::settings)
}
