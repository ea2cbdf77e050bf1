//! What is generated from the command line itself: manual pages and shell completions.

use super::failure::Failure;
use clap::{Arg, ArgMatches, Command, builder::EnumValueParser};
use clap_complete::Shell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tlsport::error::Error;

/// `tlsport completions`.
pub(crate) fn completions_command() -> Command {
    Command::new("completions")
        .about("Print completions for a shell")
        .after_help(
            "bash:  tlsport completions bash > /etc/bash_completion.d/tlsport\n\
             zsh:   tlsport completions zsh > /usr/local/share/zsh/site-functions/_tlsport\n\
             fish:  tlsport completions fish > ~/.config/fish/completions/tlsport.fish",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .value_parser(EnumValueParser::<Shell>::new())
                .required(true)
                .help("The shell"),
        )
}

/// Prints the completions.
pub(crate) fn completions(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let shell = *matches
        .get_one::<Shell>("shell")
        .expect("clap requires the shell");
    // Into memory first: the generator panics on an output that fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "tlsport", &mut script);
    Ok(out.write_all(&script)?)
}

/// `tlsport man`.
pub(crate) fn pages_command() -> Command {
    Command::new("man")
        .about("Write the manual pages into a directory")
        .arg(
            Arg::new("directory")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .required(true)
                .help("Where to; it is made when it does not exist"),
        )
}

/// Writes one page a command and names each.
pub(crate) fn pages(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let directory = matches
        .get_one::<PathBuf>("directory")
        .expect("clap requires the directory");
    fs::create_dir_all(directory).map_err(|error| {
        Error::io(
            format_args!("cannot make directory '{}'", directory.display()),
            &error,
        )
    })?;
    let mut command = super::command();
    // Names the pages of the subcommands `tlsport-serve` and so on.
    command.build();
    page(&command, directory, out)?;
    for subcommand in command.get_subcommands() {
        if subcommand.get_name() != "help" {
            page(subcommand, directory, out)?;
        }
    }
    Ok(())
}

fn page(command: &Command, directory: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let man = clap_mangen::Man::new(command.clone().disable_help_subcommand(true))
        .source(concat!("tlsport ", env!("CARGO_PKG_VERSION")))
        .manual("tlsport manual");
    let mut text = Vec::new();
    man.render(&mut text)?;
    let path = directory.join(man.get_filename());
    fs::write(&path, text)
        .map_err(|error| Error::io(format_args!("cannot write '{}'", path.display()), &error))?;
    Ok(writeln!(out, "{}", path.display())?)
}
