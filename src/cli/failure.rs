//! How a command can fail: its messages on stderr and its exit status.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::io::{self, Write};
use std::process::ExitCode;
use tlsport::error::{Error, Kind, Problems};

/// The exit statuses in words, for help and manual.
pub(crate) const STATUSES: &str = "\
Exit status:
  0  it worked
  1  it failed while running: a socket, a file to be written, a backend
  2  the command line was wrong
  3  a setting, or a file that a setting names, is wrong

Problems are printed on stderr, one a line, all wrong settings at once.";

/// What the process tells whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Fine = 0,
    Failed = 1,
    Usage = 2,
    Settings = 3,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What went wrong, in order.
    Problems(Status, Problems),
    /// Whoever read our output has gone: nothing to say, and nobody to say it to.
    ReaderGone,
}

impl Failure {
    /// Settings, or files they name, that cannot be used.
    pub(crate) fn settings(problems: Problems) -> Failure {
        Failure::Problems(Status::Settings, problems)
    }

    /// Arguments that cannot be meant.
    pub(crate) fn usage(problems: Problems) -> Failure {
        Failure::Problems(Status::Usage, problems)
    }

    /// What happened while starting to serve.
    pub(crate) fn running(problems: Problems) -> Failure {
        Failure::Problems(Status::Failed, problems)
    }

    /// Prints what went wrong, one line a problem, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Failure::ReaderGone => Status::Fine.into(),
            Failure::Problems(status, problems) => {
                for problem in &problems.0 {
                    let _ = writeln!(io::stderr(), "tlsport: {problem}"); // the status tells as well
                    for line in problem.cause().into_iter().flat_map(str::lines) {
                        log::debug!("{problem}: {line}");
                    }
                }
                (*status).into()
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = match error.kind() {
            Kind::Usage => Status::Usage,
            Kind::Settings => Status::Settings,
            _ => Status::Failed,
        };
        Failure::Problems(status, error.into())
    }
}

impl From<io::Error> for Failure {
    /// What happened to our own output.
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::ReaderGone
        } else {
            Error::io("cannot write the output", &error).into()
        }
    }
}

/// Prints what clap has to say: help and version on stdout, a wrong command line in our own shape on stderr.
pub(crate) fn refused(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        // A reader that has gone does not want to hear of it.
        let _ = refusal.print();
        return Status::Fine.into();
    }
    if refusal.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = refusal.print();
    } else {
        let _ = writeln!(io::stderr(), "tlsport: {}", in_one_line(refusal)); // as above
    }
    Status::Usage.into()
}

/// clap's message without its colours, usage and tips, but with the name that was probably meant.
fn in_one_line(refusal: &clap::Error) -> String {
    let text = refusal.render().to_string();
    let message: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let message = message.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .find_map(|kind| match refusal.get(kind) {
            Some(ContextValue::String(name)) => Some(name.clone()),
            Some(ContextValue::Strings(names)) => names.first().cloned(),
            _ => None,
        });
    match meant {
        Some(name) => format!("{message}: did you mean '{name}'?"),
        None => message.to_owned(),
    }
}
