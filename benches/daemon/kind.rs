//! What can be measured: tlsport and its settings, the peers, the bare C programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::row::{Figure, Row, Work};
use super::setup::STREAM_MODULE;

/// What is measured: a column of the table, or a line of the table of settings.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The daemon of this build.
    Tlsport,
    /// The same with one more setting.
    With(&'static Setting),
    /// Another build of it.
    Before(&'static Path),
    /// The daemon of this build without TLS.
    PlainTlsport,
    Nginx,
    NginxTuned,
    Haproxy,
    HaproxyTuned,
    Hitch,
    Stunnel,
    /// The bare C proxy.
    Relay,
    /// The bare C server that answers itself.
    Yardstick,
    /// The same without TLS: what the proxies have behind them.
    PlainYardstick,
}

/// A setting that is measured beside the defaults, in the rows where it says something.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) flags: &'static [&'static str],
    pub(crate) backend: Backend,
    matters: fn(&Row) -> bool,
}

/// Where the answers come from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Backend {
    Tcp,
    Unix,
    /// A service of tlsport's own.
    Inside(&'static str),
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "busy-poll",
        title: "--busy-poll 100us",
        flags: &["--busy-poll", "100us"],
        backend: Backend::Tcp,
        matters: |row| row.figure == Figure::Latency,
    },
    Setting {
        name: "unix",
        title: "backend on a Unix socket",
        flags: &[],
        backend: Backend::Unix,
        matters: |row| row.work != Work::Hold,
    },
    Setting {
        name: "one-ticket",
        title: "--ssl.num-tickets 1",
        flags: &["--ssl.num-tickets", "1"],
        backend: Backend::Tcp,
        matters: |row| row.tls == "1.3" && matches!(row.work, Work::Full | Work::Resumed),
    },
    // Not to be compared with proxies: it shows how many connections one process holds.
    Setting {
        name: "echo",
        title: "--backend service://echo",
        flags: &[],
        backend: Backend::Inside("service://echo"),
        matters: |_| false,
    },
];

impl Kind {
    /// All of them, in the order in which they are told.
    pub(crate) fn all(before: Option<PathBuf>) -> Vec<Kind> {
        let mut kinds = vec![Kind::Tlsport];
        // One path, for as long as the program runs.
        kinds.extend(before.map(|path| Kind::Before(Box::leak(path.into_boxed_path()))));
        kinds.extend([
            Kind::Nginx,
            Kind::NginxTuned,
            Kind::Haproxy,
            Kind::HaproxyTuned,
        ]);
        kinds.extend([Kind::Hitch, Kind::Stunnel, Kind::Relay, Kind::Yardstick]);
        kinds.extend(SETTINGS.iter().map(Kind::With));
        kinds.extend([Kind::PlainYardstick, Kind::PlainTlsport]);
        kinds
    }

    /// What `--only` calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Tlsport => "tlsport",
            Kind::With(setting) => setting.name,
            Kind::Before(_) => "before",
            Kind::Nginx => "nginx",
            Kind::NginxTuned => "nginx-tuned",
            Kind::Haproxy => "haproxy",
            Kind::HaproxyTuned => "haproxy-tuned",
            Kind::Hitch => "hitch",
            Kind::Stunnel => "stunnel",
            Kind::Relay => "relay",
            Kind::Yardstick => "yardstick",
            Kind::PlainTlsport => "plain-tlsport",
            Kind::PlainYardstick => "plain-yardstick",
        }
    }

    /// What a table calls it.
    pub(crate) fn title(&self) -> String {
        match self {
            Kind::With(setting) => format!("tlsport {}", setting.title),
            _ => self.name().to_owned(),
        }
    }

    /// Whether it is a peer in its usual setup.
    pub(crate) fn is_usual_peer(&self) -> bool {
        matches!(
            self,
            Kind::Nginx | Kind::Haproxy | Kind::Hitch | Kind::Stunnel
        )
    }

    /// Whether it is one of those to be compared with, in either setup.
    pub(crate) fn is_peer(&self) -> bool {
        self.is_usual_peer() || matches!(self, Kind::NginxTuned | Kind::HaproxyTuned)
    }

    /// Measured in each n-th round: those whose differences matter most, in all of them.
    pub(crate) fn every(&self) -> usize {
        match self {
            Kind::Hitch | Kind::Stunnel => 4,
            Kind::With(_) | Kind::Relay | Kind::Yardstick => 2,
            _ => 1,
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Kind::With(setting) => setting.backend,
            _ => Backend::Tcp,
        }
    }

    /// Whether it passes on what it gets, and so needs two descriptors for a connection.
    pub(crate) fn is_proxy(&self) -> bool {
        let answers = matches!(self, Kind::Yardstick | Kind::PlainYardstick);
        !answers && !matches!(self.backend(), Backend::Inside(_))
    }

    /// Whether it speaks no TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Kind::PlainTlsport | Kind::PlainYardstick)
    }

    /// Whether it can be told how many threads or processes to have.
    pub(crate) fn has_workers(&self) -> bool {
        !matches!(self, Kind::Stunnel | Kind::Relay | Kind::Yardstick)
    }

    /// Whether it has something to say in this row.
    pub(crate) fn is_in(&self, row: &Row) -> bool {
        match self {
            Kind::With(setting) => (setting.matters)(row),
            _ => true,
        }
    }

    /// Why it cannot run here, if so.
    pub(crate) fn missing(&self) -> Option<String> {
        let not_installed =
            |packages: &str| Some(format!("it is not installed (apt-get install {packages})"));
        match self {
            Kind::Nginx | Kind::NginxTuned if !Path::new(STREAM_MODULE).exists() => {
                not_installed("nginx libnginx-mod-stream")
            }
            Kind::Haproxy | Kind::HaproxyTuned if self.version().is_none() => {
                not_installed("haproxy")
            }
            Kind::Hitch if self.version().is_none() => not_installed("hitch"),
            Kind::Stunnel if self.version().is_none() => not_installed("stunnel4"),
            Kind::Before(path) if !path.exists() => {
                Some(format!("there is no '{}'", path.display()))
            }
            Kind::With(setting) => {
                let flag = setting.flags.first()?;
                let known = output(env!("CARGO_BIN_EXE_tlsport"), &["serve", "--help"])
                    .is_some_and(|help| help.split_whitespace().any(|word| word == *flag));
                (!known).then(|| format!("this build has no '{flag}'"))
            }
            _ => None,
        }
    }

    /// What a peer's program calls itself.
    pub(crate) fn version(&self) -> Option<String> {
        let (program, flag, marker) = match self {
            Kind::Nginx | Kind::NginxTuned => ("nginx", "-v", "nginx/"),
            Kind::Haproxy | Kind::HaproxyTuned => ("haproxy", "-v", "HAProxy version"),
            Kind::Hitch => ("hitch", "--version", "hitch "),
            Kind::Stunnel => ("stunnel4", "-version", "stunnel "),
            _ => return None,
        };
        let text = output(program, &[flag])?;
        let line = text.lines().find_map(|line| line.split_once(marker))?.1;
        let version = line.split_whitespace().next()?;
        Some(format!("{} {version}", program.trim_end_matches('4')))
    }
}

/// All that a program prints.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let bytes = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
