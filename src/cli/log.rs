//! The log: one line an event on stderr, as text or as JSON.
//!
//! The library speaks through the `log` facade; this is where its words end up. Text has the shape
//! `2026-01-02T03:04:05.678Z INFO message`, coloured only for a person at a terminal. JSON has the members
//! `time`, `level`, `target`, `message`, and one for each further field of an event.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, IsTerminal};
use tlsport::error::{Error, Kind};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// Adds the flags of the log to a subcommand.
pub(crate) fn with_flags(command: Command) -> Command {
    command.next_help_heading("Log").args([
        Arg::new("log-format")
            .long("log-format")
            .value_name("FORMAT")
            .value_parser(["text", "json"])
            .default_value("text")
            .help("How log lines are written on stderr"),
        Arg::new("log-level")
            .long("log-level")
            .value_name("LEVEL")
            .help(
                "What is logged: error, warn, info, debug, trace or off; 'info,tlsport::net=debug' sets one \
                 part apart. Without it RUST_LOG is read, and without that it is info",
            ),
    ])
}

/// Starts the log as the flags say. Once per process.
///
/// # Errors
/// A level that cannot be read.
pub(crate) fn start(matches: &ArgMatches) -> Result<(), Error> {
    let levels = levels(matches)?;
    let format = match matches.get_one::<String>("log-format") {
        Some(name) if name == "json" => Format::Json,
        _ => Format::Text,
    };
    let colours = io::stderr().is_terminal() && colours_are_welcome();
    let most = tracing_log::AsLog::as_log(&most_detailed(&levels));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours && format == Format::Text)
        .event_format(Line(format));
    let subscriber = tracing_subscriber::registry().with(levels).with(layer);
    let set = tracing::subscriber::set_global_default(subscriber);
    set.map_err(|error| Error::new(Kind::Internal, format!("cannot start the log: {error}")))?;
    let bridge = tracing_log::LogTracer::builder().with_max_level(most);
    bridge
        .init()
        .map_err(|error| Error::new(Kind::Internal, format!("cannot start the log: {error}")))
}

/// What is wanted, by part of the program: the flag, else RUST_LOG, else `info`.
fn levels(matches: &ArgMatches) -> Result<Targets, Error> {
    let (text, origin) = match matches.get_one::<String>("log-level") {
        Some(text) => (text.clone(), "--log-level"),
        None => match std::env::var("RUST_LOG") {
            Ok(text) if !text.trim().is_empty() => (text, "environment variable RUST_LOG"),
            _ => return Ok(Targets::new().with_default(Level::INFO)),
        },
    };
    // A word alone would be taken for a part of the program; it is a level, or a slip.
    let mut words = text.split(',').filter(|part| !part.contains('='));
    let known = words.all(|word| word.trim().parse::<LevelFilter>().is_ok());
    let levels = if known { text.parse().ok() } else { None };
    levels.ok_or_else(|| {
        let message = format!(
            "{origin}: '{text}' is not one of error, warn, info, debug, trace, off, nor a list of part=level"
        );
        Error::new(Kind::Usage, message)
    })
}

/// The highest level that any part wants: what lies above it costs the library nothing.
fn most_detailed(levels: &Targets) -> LevelFilter {
    let parts = levels.iter().map(|(_, level)| level).max();
    parts
        .max(levels.default_level())
        .unwrap_or(LevelFilter::OFF)
}

/// <https://no-color.org>: set and not empty means none.
fn colours_are_welcome() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb
}

/// Writes one event as one line.
struct Line(Format);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Events from the `log` facade carry their own level and target among their fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let (level, target) = (*metadata.level(), metadata.target());
        let mut said = Said::default();
        event.record(&mut said);
        match self.0 {
            Format::Text => text(&mut writer, level, &said),
            Format::Json => json(&mut writer, level, target, said),
        }
    }
}

fn text(writer: &mut Writer<'_>, level: Level, said: &Said) -> fmt::Result {
    let time = time()?;
    if writer.has_ansi_escapes() {
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        write!(
            writer,
            "\x1b[2m{time}\x1b[0m \x1b[{colour}m{level}\x1b[0m {}",
            OneLine(&said.message)
        )?;
    } else {
        write!(writer, "{time} {level} {}", OneLine(&said.message))?;
    }
    for (name, value) in &said.fields {
        write!(writer, " {name}={value}")?;
    }
    writeln!(writer)
}

fn json(writer: &mut Writer<'_>, level: Level, target: &str, said: Said) -> fmt::Result {
    let mut line = said.fields;
    line.insert("time".into(), time()?.into());
    line.insert("level".into(), level.as_str().into());
    line.insert("target".into(), target.into());
    line.insert("message".into(), said.message.into());
    writeln!(writer, "{}", Value::Object(line))
}

/// Now, in UTC, to the millisecond.
fn time() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    let milliseconds = time.find('.').map_or(time.len(), |dot| dot + 4);
    time.truncate(milliseconds);
    time.push('Z');
    Ok(time)
}

/// What an event says, without what the bridge from the `log` facade adds.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn take(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => {
                self.message = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            }
            name if name.starts_with("log.") => {}
            name => {
                self.fields.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

/// Text with its control characters spelled out: what a peer sends can neither break a line nor steer a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?;
            } else {
                fmt::Write::write_char(f, letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_and_is_in_utc() {
        let time = time().unwrap();
        assert_eq!(time.len(), "2026-01-02T03:04:05.678Z".len(), "{time}");
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(OneLine("a\nb\x1b[31m é").to_string(), "a\\nb\\u{1b}[31m é");
    }

    #[test]
    fn the_most_detailed_level_of_any_part_counts() {
        let levels: Targets = "warn,tlsport::net=trace".parse().unwrap();
        assert_eq!(most_detailed(&levels), LevelFilter::TRACE);
        let levels: Targets = "off".parse().unwrap();
        assert_eq!(most_detailed(&levels), LevelFilter::OFF);
    }
}
