//! The command line: one file a subcommand, using the crate as any program would.
//!
//! A subcommand has `command()`, which describes it to clap, and `run()`, which does it: results go to `out`,
//! everything else to the log, and what went wrong comes back as a [`Failure`], which knows its exit status. Read
//! next: `flags` (settings from flags and files), `log` (the log), `pki` (keys and certificates).

mod certs;
mod check;
mod ciphers;
mod connect;
mod demo;
mod failure;
mod flags;
mod log;
mod manual;
mod options;
mod pki;
mod process;
mod serve;
mod show;

use clap::{ArgMatches, Command};
use failure::{Failure, Status};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// A subcommand: what it is called and takes, and what it does.
type Entry = (
    fn() -> Command,
    fn(&ArgMatches, &mut dyn Write) -> Result<(), Failure>,
);

/// Every subcommand, in the order of the help.
const COMMANDS: &[Entry] = &[
    (demo::command, demo::run),
    (serve::command, serve::run),
    (check::command, check::run),
    (show::command, show::run),
    (connect::command, connect::run),
    (ciphers::command, ciphers::run),
    (options::command, options::run),
    (certs::command, certs::run),
    (manual::completions_command, manual::completions),
    (manual::pages_command, manual::pages),
];

/// Parses the arguments, does what they say, and says how it went.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = ciphers::with_two_dashes(arguments.collect());
    let mut command = command();
    if arguments.iter().any(|argument| argument == "-h") {
        command = flags::in_brief(command);
    }
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(refusal) => return failure::refused(&refusal),
    };
    // Flushed by hand: an error while writing the last bytes is a failure like any other.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = dispatch(&matches, &mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Ok(()) => Status::Fine.into(),
        Err(failure) => failure.report(),
    }
}

const ENVIRONMENT: &str = "\
Environment:
  OPENSSL_CONF  the openssl.cnf to use; empty for none
  RUST_LOG      what is logged, where --log-level is not given
  NO_COLOR      no colours on a terminal
  TLSPORT_HEAPS with 'off', the system's allocator has OpenSSL's memory; else each worker a heap for it";

/// The whole command line.
fn command() -> Command {
    let version = env!("CARGO_PKG_VERSION");
    Command::new("tlsport")
        .version(version)
        .long_version(format!("{version}\n{}", tlsport::tls::library_version()))
        .about("TLS endpoints of systems you know, for any server, on the system's OpenSSL")
        .after_help("more on one command: tlsport COMMAND --help")
        .after_long_help(format!("{}\n\n{ENVIRONMENT}", failure::STATUSES))
        .subcommand_required(true)
        .subcommands(COMMANDS.iter().map(|(describe, _)| describe()))
}

fn dispatch(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, matches) = matches.subcommand().expect("clap requires a subcommand");
    let (_, run) = COMMANDS
        .iter()
        .find(|(describe, _)| describe().get_name() == name)
        .expect("clap knows the subcommands of this table alone");
    run(matches, out)
}
