//! `tlsport options`: what an `SSL_OP_*` mask means to the libssl that serves; numbers to names and back.

use super::failure::Failure;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::io::{self, Write};
use tlsport::error::Error;
use tlsport::settings::{MaskPart, Note, OptionMask, OptionsEra, Origin, Settings, find};
use tlsport::tls::options;

const AFTER_HELP: &str = "\
MASK is what --ssl.options takes: a number, or 0x and hexadecimal digits, or names with their SSL_OP_
or without, or several of them, joined by '|' or ','. Without one every bit is listed.";

/// `tlsport options`.
pub(crate) fn command() -> Command {
    Command::new("options")
        .about("Say what the bits of an SSL_OP_* mask mean here, by number or by name")
        .after_long_help(AFTER_HELP)
        .args([
            Arg::new("era")
                .long("era")
                .value_name("ERA")
                .value_parser(["current", "1.0"])
                .default_value("current")
                .hide_possible_values(true)
                .help("OpenSSL of the numbers: current, 1.0"),
            Arg::new("mask")
                .value_name("MASK")
                .action(ArgAction::Append)
                .help("Numbers and names"),
        ])
}

/// Prints the mask both ways, then what is to be said of each bit.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let masks: Vec<&str> = matches
        .get_many::<String>("mask")
        .unwrap_or_default()
        .map(String::as_str)
        .collect();
    if masks.is_empty() {
        return Ok(every_bit(out)?);
    }
    let (mask, era) = read(&masks.join(","), matches)?;
    let resolved = options::resolve(&mask, era).map_err(Failure::settings)?;
    let bits = resolved.bits;
    writeln!(out, "{bits:#x} = {bits}")?;
    for bit in set_bits(bits) {
        line(bit, out)?;
    }
    for name in mask.0.iter().filter_map(empty_name) {
        let name = name.to_ascii_uppercase();
        writeln!(
            out,
            "  0              {name:<42}  no effect: only the name is left of it"
        )?;
    }
    for note in said_beyond(bits, &resolved.notes)? {
        writeln!(out, "{note}")?;
    }
    Ok(())
}

/// A name that OpenSSL keeps so that programs compile.
fn empty_name(part: &MaskPart) -> Option<&str> {
    match part {
        MaskPart::Name(name) if options::bits(name) == Some(0) => Some(name),
        _ => None,
    }
}

/// The notes on how a mask was read, without those on its bits, of which each has had its line.
fn said_beyond(bits: u64, notes: &[Note]) -> Result<Vec<&Note>, Failure> {
    let mut had = Vec::new();
    for bit in set_bits(bits) {
        let alone = OptionMask(vec![MaskPart::Number(1 << bit)]);
        let alone = options::resolve(&alone, OptionsEra::Current).map_err(Failure::settings)?;
        had.extend(alone.notes);
    }
    Ok(notes.iter().filter(|note| !had.contains(note)).collect())
}

fn set_bits(bits: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bit| bits & (1 << bit) != 0)
}

/// Every bit that has a name.
fn every_bit(out: &mut dyn Write) -> io::Result<()> {
    let mut known = (0..u64::BITS).filter(|bit| name(*bit).starts_with("SSL_OP_"));
    known.try_for_each(|bit| line(bit, out))
}

fn name(bit: u32) -> String {
    options::names(1 << bit).pop().unwrap_or_default()
}

fn line(bit: u32, out: &mut dyn Write) -> io::Result<()> {
    let value = 1u64 << bit;
    let remark = options::remark(bit).or_else(|| options::does(bit).map(str::to_owned));
    let mut said = remark.unwrap_or_default();
    if let Some(old) = options::was(bit) {
        let separator = if said.is_empty() { "" } else { "; " };
        said.push_str(&format!("{separator}was SSL_OP_{old} in OpenSSL 1.0"));
    }
    let line = format!("  {value:<#13x}  {:<42}  {said}", name(bit));
    writeln!(out, "{}", line.trim_end())
}

/// Reads mask and era as the settings of these names do.
fn read(mask: &str, matches: &ArgMatches) -> Result<(OptionMask, OptionsEra), Error> {
    let mut settings = Settings::default();
    let mut set = |name: &str, value: &str| {
        let record = find(name).expect("the table has the options of the original");
        (record.set)(&mut settings, value, &Origin::Program).map_err(Error::settings)
    };
    set("ssl.options", mask)?;
    let era = matches.get_one::<String>("era");
    set("ssl.options-era", era.map_or("current", String::as_str))?;
    let policy = settings.policy;
    Ok((policy.options.value, policy.options_era.value))
}
