//! The command line of the driver.

use std::path::PathBuf;

use super::row::Row;
use super::subject::Kind;

const HELP: &str = "\
usage: cargo bench --bench daemon -- [--quick] [--rounds N] [--ms N] [--connections N]
                                     [--rows WORD,...] [--only NAME,...] [--before PATH]
  --quick            fewer rounds, 2,000 idle connections, without hitch, stunnel and tlsport's other settings
  --rounds, --ms     rounds, and length of one burst in milliseconds
  --connections      idle connections opened for the memory row; otherwise 9,500
  --rows             only rows whose name contains one of the words
  --only             only these: tlsport, before, nginx, haproxy, hitch, stunnel, relay, yardstick, and tlsport with
                     other settings: busy-poll, unix, one-ticket
  --before PATH      another build of tlsport as one more subject, to compare before and after in one run";

/// What to run, how often and how long.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) ms: u32,
    pub(crate) hold_rounds: usize,
    pub(crate) hold_connections: u32,
    pub(crate) hold_ms: u32,
    quick: bool,
    rows: Vec<String>,
    only: Vec<String>,
    before: Option<PathBuf>,
}

impl Options {
    /// Read the arguments; `None` when there is nothing to do.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Options {
            rounds: 40,
            ms: 100,
            hold_rounds: 3,
            hold_connections: 9_500,
            hold_ms: 1_000,
            quick: false,
            rows: Vec::new(),
            only: Vec::new(),
            before: None,
        };
        let mut asked = false;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("'{arg}' needs a value"));
            match arg.as_str() {
                "--bench" => asked = true,
                "--quick" => {
                    (options.quick, options.rounds) = (true, 16);
                    (options.hold_rounds, options.hold_connections) = (1, 2_000);
                }
                "--rounds" => options.rounds = number(&value()?)?,
                "--ms" => options.ms = number(&value()?)?,
                "--connections" => options.hold_connections = number(&value()?)?,
                "--rows" => options.rows = words(&value()?),
                "--only" => options.only = words(&value()?),
                "--before" => options.before = Some(PathBuf::from(value()?)),
                "--help" | "-h" => {
                    println!("{HELP}");
                    return Ok(None);
                }
                _ => return Err(format!("'{arg}' is not an option\n{HELP}")),
            }
        }
        if !asked {
            println!("nothing measured: this is a benchmark, run it with cargo bench"); // cargo test --all-targets
            return Ok(None);
        }
        options.check()
    }

    fn check(self) -> Result<Option<Self>, String> {
        let names: Vec<&str> = Kind::all(Some(PathBuf::new()))
            .iter()
            .map(Kind::name)
            .collect();
        if let Some(word) = self
            .only
            .iter()
            .find(|word| !names.contains(&word.as_str()))
        {
            return Err(format!(
                "'--only': '{word}' is not one of {}",
                names.join(", ")
            ));
        }
        if self.rounds == 0 || self.ms == 0 || self.hold_connections <= 128 {
            return Err("rounds and milliseconds start at 1, idle connections at 129".into());
        }
        Ok(Some(self))
    }

    /// The subjects, in the order of the columns; what is not installed is left out with a word about it.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Kind::all(self.before.clone());
        kinds.retain(|kind| match kind {
            _ if !self.only.is_empty() => self.only.iter().any(|name| name == kind.name()),
            Kind::Hitch | Kind::Stunnel | Kind::With(_) => !self.quick,
            _ => true,
        });
        kinds.retain(|kind| {
            let missing = kind.missing();
            if let Some(why) = &missing {
                eprintln!("bench: {} is left out: {why}", kind.name());
            }
            missing.is_none()
        });
        kinds
    }

    /// Whether the row was asked for.
    pub(crate) fn wants(&self, row: &Row) -> bool {
        self.rows.is_empty()
            || self
                .rows
                .iter()
                .any(|word| row.name.contains(word.as_str()))
    }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number"))
}
