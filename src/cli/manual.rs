//! What is generated from the command line itself: manual pages and shell completions.

use super::failure::Failure;
use clap::{Arg, ArgMatches, Command, builder::EnumValueParser};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};
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
    let mut command = super::command().disable_help_subcommand(true);
    // Names the pages of the subcommands `tlsport-serve` and so on.
    command.build();
    page(&command, directory, out)?;
    for subcommand in command.get_subcommands() {
        page(subcommand, directory, out)?;
    }
    Ok(())
}

fn page(command: &Command, directory: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let man = clap_mangen::Man::new(command.clone())
        .source(concat!("tlsport ", env!("CARGO_PKG_VERSION")))
        .manual("tlsport manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    after(command).to_writer(&mut text)?;
    let path = directory.join(man.get_filename());
    fs::write(&path, text)
        .map_err(|error| Error::io(format_args!("cannot write '{}'", path.display()), &error))?;
    Ok(writeln!(out, "{}", path.display())?)
}

/// The usage as help shows it; the generator's own would list every flag.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text([roman(usage)]);
    roff
}

/// What follows the options in help, as it stands. A paragraph that opens with `Title:` becomes a section.
fn after(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let text = command.get_after_long_help().map(ToString::to_string);
    for paragraph in text.unwrap_or_default().split("\n\n") {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let body = match first.strip_suffix(':') {
            Some(title) => {
                roff.control("SH", [title.to_uppercase().as_str()]);
                rest
            }
            None => {
                roff.control("PP", []);
                paragraph
            }
        };
        roff.control("nf", []);
        for line in body.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff
}
