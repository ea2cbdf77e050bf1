//! The servers that are measured, each with a backend of its own on the load's core.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;
use super::row::{Figure, Reading, Row, Work};
use super::setup::{STREAM_MODULE, Setup};
use super::tools::{LOAD_CPU, SERVER_CPU, Tools};

/// What is measured: a column of the table, or a line of the table of settings.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The daemon of this build.
    Tlsport,
    /// The same with one more setting.
    With(&'static Setting),
    /// Another build of it.
    Before(&'static Path),
    Nginx,
    Haproxy,
    Hitch,
    Stunnel,
    /// The bare C proxy.
    Relay,
    /// The bare C server that answers itself.
    Yardstick,
}

/// A setting that is measured beside the defaults, in the rows where it says something.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) flags: &'static [&'static str],
    /// The backend listens on a Unix socket.
    unix: bool,
    matters: fn(&Row) -> bool,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "busy-poll",
        title: "--busy-poll 100",
        flags: &["--busy-poll", "100"],
        unix: false,
        matters: |row| row.figure == Figure::Latency,
    },
    Setting {
        name: "unix",
        title: "backend on a Unix socket",
        flags: &[],
        unix: true,
        matters: |row| row.work != Work::Hold,
    },
    Setting {
        name: "one-ticket",
        title: "--ssl.num-tickets 1",
        flags: &["--ssl.num-tickets", "1"],
        unix: false,
        matters: |row| row.tls == "1.3" && matches!(row.work, Work::Full | Work::Resumed),
    },
];

impl Kind {
    /// All of them, in the order in which they are told.
    pub(crate) fn all(before: Option<PathBuf>) -> Vec<Kind> {
        let mut kinds = vec![Kind::Tlsport];
        // One path, for as long as the program runs.
        kinds.extend(before.map(|path| Kind::Before(Box::leak(path.into_boxed_path()))));
        kinds.extend([Kind::Nginx, Kind::Haproxy, Kind::Hitch, Kind::Stunnel]);
        kinds.extend([Kind::Relay, Kind::Yardstick]);
        kinds.extend(SETTINGS.iter().map(Kind::With));
        kinds
    }

    /// What `--only` calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Tlsport => "tlsport",
            Kind::With(setting) => setting.name,
            Kind::Before(_) => "before",
            Kind::Nginx => "nginx",
            Kind::Haproxy => "haproxy",
            Kind::Hitch => "hitch",
            Kind::Stunnel => "stunnel",
            Kind::Relay => "relay",
            Kind::Yardstick => "yardstick",
        }
    }

    /// Whether it is one of those to be compared with.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(
            self,
            Kind::Nginx | Kind::Haproxy | Kind::Hitch | Kind::Stunnel
        )
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
            Kind::Nginx if !Path::new(STREAM_MODULE).exists() => {
                not_installed("nginx libnginx-mod-stream")
            }
            Kind::Haproxy if self.version().is_none() => not_installed("haproxy"),
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

    /// What a peer calls itself.
    pub(crate) fn version(&self) -> Option<String> {
        let (program, flag, marker) = match self {
            Kind::Nginx => ("nginx", "-v", "nginx/"),
            Kind::Haproxy => ("haproxy", "-v", "HAProxy version"),
            Kind::Hitch => ("hitch", "--version", "hitch "),
            Kind::Stunnel => ("stunnel4", "-version", "stunnel "),
            _ => return None,
        };
        let text = output(program, &[flag])?;
        let line = text.lines().find_map(|line| line.split_once(marker))?.1;
        Some(format!(
            "{} {}",
            self.name(),
            line.split_whitespace().next()?
        ))
    }
}

/// All that a program prints.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let bytes = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The kind of key in the certificate.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Key {
    P256,
    Rsa,
}

impl Key {
    pub(crate) const ALL: [Key; 2] = [Key::P256, Key::Rsa];

    /// As libcrypto calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Key::P256 => "EC",
            Key::Rsa => "RSA",
        }
    }

    /// What `openssl req -newkey` wants.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Key::P256 => &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Key::Rsa => &["rsa:2048"],
        }
    }
}

/// A running server with its backend. Dropping it stops both.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) key: Key,
    port: u16,
    server: Process,
    _backend: Process,
}

impl Subject {
    /// Start it, and see it answer.
    pub(crate) fn start(tools: &Tools, kind: &Kind, key: Key) -> Result<Self, String> {
        let label = format!("{}-{}", kind.name(), key.name());
        let unix = matches!(kind, Kind::With(setting) if setting.unix);
        let port = free_port()?;
        let backend_address = if unix {
            let path = tools.text(&format!("{label}.sock"));
            let _ = std::fs::remove_file(&path);
            path
        } else {
            free_port()?.to_string()
        };
        let backend = Process::start(
            tools,
            &format!("{label}-backend"),
            LOAD_CPU,
            &[tools.text("yardstick"), backend_address.clone()],
        )?;
        let setup = Setup {
            tools,
            label: &label,
            port,
            backend: &backend_address,
            key,
            threads: 1,
        };
        let server = Process::start(tools, &label, SERVER_CPU, &setup.command(kind)?)?;
        backend.wait_for(&backend_address)?;
        server.wait_for(&port.to_string())?;
        let subject = Subject {
            kind: *kind,
            key,
            port,
            server,
            _backend: backend,
        };
        // An answer through to the backend: by then nginx has its worker, too.
        let once = ["full", "--ms", "1", "--conns", "1", "--key", key.name()];
        subject.load(tools, &once.map(str::to_owned))?;
        Ok(subject)
    }

    /// Run the load generator against it.
    pub(crate) fn load(&self, tools: &Tools, arguments: &[String]) -> Result<Reading, String> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", LOAD_CPU])
            .arg(tools.path("load"))
            .args(arguments);
        command.args(["--port", &self.port.to_string()]);
        for pid in self.server.tree() {
            command.args(["--pid", &pid.to_string()]);
        }
        let output = command
            .output()
            .map_err(|err| format!("run 'load': {err}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let work = arguments.join(" ");
            return Err(format!(
                "{}: {work}: {why}\n{}",
                self.kind.name(),
                self.server.last_words()
            ));
        }
        Reading::parse(&String::from_utf8_lossy(&output.stdout))
    }
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|err| format!("find a free port: {err}"))
}
