//! The command line of the driver.

use std::path::PathBuf;

use super::kind::{Backend, Kind};
use super::tools::cores;

const HELP: &str = "\
usage: cargo bench --bench daemon -- [--quick] [--rounds N] [--ms N] [--connections N] [--chart PATH]
                                     [--rows WORD,...] [--only NAME,...] [--before PATH]
                                     [--opening | --threads N | --scale]
  --quick            fewer rounds, 2,000 idle connections, without haproxy's usual setup, hitch, stunnel and tlsport's
                     other settings
  --rounds, --ms     rounds, and length of one burst in milliseconds
  --connections      idle connections opened for the memory row; otherwise 9,500
  --chart PATH       draw the table's ratios as SVG, too
  --rows             only rows whose name contains one of the words
  --only             only these: tlsport, before, nginx, nginx-tuned, haproxy, haproxy-tuned, hitch, stunnel, relay,
                     yardstick; tlsport with other settings: busy-poll, unix, one-ticket, echo; without TLS:
                     plain-tlsport, plain-yardstick
  --before PATH      another build of tlsport as one more subject, to compare before and after in one run
  --opening          instead: what it costs to open and to use a connection with TLS and without
  --threads N        instead: N threads beside one
  --scale            instead: handshakes beside thousands of idle connections, small messages beside handshakes";

/// Which table.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Compare,
    Opening,
    Threads(u32),
    Scale,
}

/// What to run, how often and how long.
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) chart: Option<PathBuf>,
    rounds: Option<usize>,
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
            mode: Mode::Compare,
            chart: None,
            rounds: None,
            ms: 100,
            hold_rounds: 1,
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
                    options.quick = true;
                    options.hold_connections = 2_000;
                }
                "--rounds" => options.rounds = Some(number(&value()?)?),
                "--ms" => options.ms = number(&value()?)?,
                "--connections" => options.hold_connections = number(&value()?)?,
                "--chart" => options.chart = Some(PathBuf::from(value()?)),
                "--opening" => options.mode = Mode::Opening,
                "--threads" => options.mode = Mode::Threads(number(&value()?)?),
                "--scale" => options.mode = Mode::Scale,
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
        if self.rounds == Some(0) || self.ms == 0 || self.hold_connections <= 128 {
            return Err("rounds and milliseconds start at 1, idle connections at 129".into());
        }
        match self.mode {
            Mode::Threads(threads) if !(2..=cores()).contains(&threads) => Err(format!(
                "'--threads': '{threads}' is not one of 2 to {}, the cores there are",
                cores()
            )),
            _ => Ok(Some(self)),
        }
    }

    /// The subjects, in the order of the columns; what is not installed is left out with a word about it.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Kind::all(self.before.clone());
        kinds.retain(|kind| match self.only.as_slice() {
            [] => self.tells(kind),
            only => only.iter().any(|name| name == kind.name()),
        });
        kinds.retain(|kind| {
            let missing = match self.mode {
                Mode::Threads(_) if !kind.has_workers() => {
                    Some("it cannot be told how many threads".into())
                }
                _ => kind.missing(),
            };
            if let Some(why) = &missing {
                eprintln!("bench: {} is left out: {why}", kind.name());
            }
            missing.is_none()
        });
        kinds
    }

    /// Whether it belongs to what is measured unless told otherwise.
    fn tells(&self, kind: &Kind) -> bool {
        match (self.mode, kind) {
            (Mode::Compare, Kind::With(setting)) => {
                !self.quick && !matches!(setting.backend, Backend::Inside(_))
            }
            (Mode::Compare, Kind::Haproxy | Kind::Hitch | Kind::Stunnel) => !self.quick,
            (Mode::Compare, _) => !kind.is_plain(),
            (Mode::Opening, Kind::Tlsport | Kind::Yardstick) => true,
            (Mode::Opening, _) => kind.is_plain(),
            (Mode::Threads(_), Kind::With(_) | Kind::Hitch) => false,
            (Mode::Threads(_), _) => kind.has_workers() && !kind.is_plain(),
            (Mode::Scale, Kind::With(setting)) => matches!(setting.backend, Backend::Inside(_)),
            (Mode::Scale, Kind::Nginx | Kind::Haproxy | Kind::Yardstick) => true,
            (Mode::Scale, Kind::Tlsport | Kind::Before(_)) => true,
            (Mode::Scale, _) => false,
        }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(match self.mode {
            Mode::Compare if self.quick => 20,
            Mode::Compare => 44,
            Mode::Opening => 15,
            Mode::Threads(_) => 15,
            Mode::Scale => 20,
        })
    }

    /// Whether a row of this name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|word| name.contains(word.as_str()))
    }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number"))
}
