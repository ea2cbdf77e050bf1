//! `tlsport ciphers`: what `openssl ciphers` prints for the same string, from the libssl that serves.
//!
//! The openssl program writes long options with one dash. So may our users, here alone: [`with_two_dashes`].

use super::failure::Failure;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;
use std::io::Write;
use tlsport::settings::Version;
use tlsport::tls::ciphers::{self, Query};

/// Options that stand for the one version to list.
const VERSIONS: [(&str, Version); 4] = [
    ("tls1", Version::Tls1),
    ("tls1_1", Version::Tls1_1),
    ("tls1_2", Version::Tls1_2),
    ("tls1_3", Version::Tls1_3),
];

/// Options that the openssl program writes with one dash, beside [`VERSIONS`].
const ONE_DASH: [&str; 6] = ["stdname", "psk", "srp", "ciphersuites", "convert", "help"];

const AFTER_HELP: &str = "\
Every option may be written with one dash, as the openssl program does.

STRING is for TLS 1.2 and older, in OpenSSL's cipher list format; without it the library's
own list is printed. Use `--` in front of a STRING that begins with a dash.";

/// `tlsport ciphers`.
pub(crate) fn command() -> Command {
    let switch = |name, help| Arg::new(name).action(ArgAction::SetTrue).help(help);
    let long = |name, help| switch(name, help).long(name);
    Command::new("ciphers")
        .about("List ciphers for a cipher string, as `openssl ciphers` does")
        .after_long_help(AFTER_HELP)
        .args([
            switch("v", "One a line, with what it is made of").short('v'),
            switch("V", "The same, with its numbers").short('V'),
            long("stdname", "The same as -v, with the names of the RFCs"),
            switch("s", "Only those that can be used").short('s'),
        ])
        .args([
            long("tls1", "Those of TLS 1.0"),
            long("tls1_1", "Those of TLS 1.1"),
            long("tls1_2", "Those of TLS 1.2"),
            long("tls1_3", "Those of TLS 1.3"),
            long("psk", "Those with a pre-shared key as well"),
            long("srp", "Those with SRP as well"),
        ])
        .args([
            Arg::new("ciphersuites")
                .long("ciphersuites")
                .value_name("NAMES")
                .help("The TLS 1.3 suites, separated by colons"),
            Arg::new("convert")
                .long("convert")
                .value_name("NAME")
                .help("Print OpenSSL's name for an RFC's, nothing else"),
            Arg::new("string")
                .value_name("STRING")
                .help("The cipher string"),
        ])
}

/// Turns `-stdname` into `--stdname` and so on, for this subcommand.
pub(crate) fn with_two_dashes(arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_none_or(|command| command != "ciphers") {
        return arguments;
    }
    let mut ended = false;
    let lengthen = |argument: OsString| {
        ended |= argument == "--";
        let name = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let bare = name.map(|name| name.split('=').next().unwrap_or(name));
        let known = bare.is_some_and(|bare| {
            ONE_DASH.contains(&bare) || VERSIONS.iter().any(|(version, _)| *version == bare)
        });
        match name {
            Some(name) if known && !ended => format!("--{name}").into(),
            _ => argument,
        }
    };
    arguments.into_iter().map(lengthen).collect()
}

/// Prints the list.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(name) = matches.get_one::<String>("convert") {
        let name = ciphers::openssl_name(name).unwrap_or("(NONE)");
        return Ok(writeln!(out, "OpenSSL cipher name: {name}")?);
    }
    let suites = ciphers::expand(&Query {
        cipher_list: matches.get_one("string").cloned(),
        ciphersuites: matches.get_one("ciphersuites").cloned(),
        version: version(matches),
        supported: matches.get_flag("s"),
        psk: matches.get_flag("psk"),
        srp: matches.get_flag("srp"),
    })?;
    let (codes, names) = (matches.get_flag("V"), matches.get_flag("stdname"));
    if codes || names || matches.get_flag("v") {
        for suite in &suites {
            writeln!(out, "{}", suite.line(codes, names))?;
        }
        return Ok(());
    }
    let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    Ok(writeln!(out, "{}", names.join(":"))?)
}

/// The version that was asked for last, as the openssl program has it.
fn version(matches: &ArgMatches) -> Option<Version> {
    let asked = VERSIONS.iter().filter(|(name, _)| matches.get_flag(name));
    let last = asked.max_by_key(|(name, _)| matches.index_of(name));
    last.map(|(_, version)| *version)
}
