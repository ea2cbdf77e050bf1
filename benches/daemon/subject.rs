//! The servers that are measured: how each is set up, started on its core and stopped.
//!
//! All serve the same certificate with the same protocols, ciphers and groups, resume by tickets alone (tlsport's
//! default), log nothing a connection, and have one worker. Each has a backend of its own on the load's core.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::row::Reading;
use super::tools::{LOAD_CPU, SERVER_CPU, Tools};

const CIPHERS: &str = "ECDHE+AESGCM";
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// One column of the table.
#[derive(Clone, PartialEq)]
pub(crate) enum Kind {
    /// The daemon of this build.
    Tlsport,
    /// Another build of it.
    Before(PathBuf),
    Nginx,
    /// The bare C proxy.
    Relay,
    /// The bare C server that answers itself.
    Yardstick,
}

impl Kind {
    /// What `--only` knows.
    pub(crate) const NAMES: [&'static str; 5] =
        ["tlsport", "before", "nginx", "relay", "yardstick"];

    /// The columns, left to right.
    pub(crate) fn all(before: Option<&str>) -> Vec<Kind> {
        let mut kinds = vec![Kind::Tlsport];
        kinds.extend(before.map(|path| Kind::Before(PathBuf::from(path))));
        kinds.extend([Kind::Nginx, Kind::Relay, Kind::Yardstick]);
        kinds
    }

    /// The column's title.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Tlsport => "tlsport",
            Kind::Before(_) => "before",
            Kind::Nginx => "nginx",
            Kind::Relay => "relay",
            Kind::Yardstick => "yardstick",
        }
    }

    /// Why it cannot run here, if so.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Kind::Nginx if !Path::new(STREAM_MODULE).exists() => {
                Some("it is not installed (apt-get install nginx libnginx-mod-stream)".into())
            }
            Kind::Before(path) if !path.exists() => {
                Some(format!("there is no '{}'", path.display()))
            }
            _ => None,
        }
    }

    fn command(&self, tools: &Tools, port: u16, backend: u16) -> Result<Vec<String>, String> {
        let file = |name: &str| tools.path(name).display().to_string();
        Ok(match self {
            Kind::Tlsport => tlsport(
                Path::new(env!("CARGO_BIN_EXE_tlsport")),
                &file("server.pem"),
                port,
                backend,
            ),
            Kind::Before(path) => tlsport(path, &file("server.pem"), port, backend),
            Kind::Nginx => {
                let path = tools.path("nginx.conf");
                std::fs::write(&path, nginx_configuration(tools, port, backend))
                    .map_err(|err| format!("write '{}': {err}", path.display()))?;
                vec![
                    "nginx".into(),
                    "-e".into(),
                    "stderr".into(),
                    "-c".into(),
                    file("nginx.conf"),
                ]
            }
            Kind::Relay => {
                vec![
                    file("relay"),
                    port.to_string(),
                    backend.to_string(),
                    file("chain.pem"),
                    file("key.pem"),
                ]
            }
            Kind::Yardstick => vec![
                file("yardstick"),
                port.to_string(),
                file("chain.pem"),
                file("key.pem"),
            ],
        })
    }
}

fn tlsport(program: &Path, keyfile: &str, port: u16, backend: u16) -> Vec<String> {
    let list = [
        ("--server.endpoint", format!("ssl://127.0.0.1:{port}")),
        ("--backend", format!("tcp://127.0.0.1:{backend}")),
        ("--ssl.keyfile", keyfile.to_owned()),
        ("--ssl.protocol", "9".into()),
        ("--ssl.cipher-list", CIPHERS.into()),
        ("--ssl.ciphersuites", SUITES.into()),
        ("--ssl.groups", "X25519:P-256".into()),
        ("--threads", "1".into()),
    ];
    let mut words = vec![program.display().to_string(), "serve".into()];
    words.extend(
        list.into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]),
    );
    words
}

fn nginx_configuration(tools: &Tools, port: u16, backend: u16) -> String {
    let folder = tools.folder().display();
    format!(
        "load_module {STREAM_MODULE};
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
events {{
    worker_connections {files};
    multi_accept on;
}}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {folder}/chain.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {CIPHERS};
        ssl_conf_command Ciphersuites {SUITES};
        ssl_ecdh_curve X25519:prime256v1;
        ssl_session_cache off;
        ssl_session_tickets on;
        proxy_buffer_size 16k;
        proxy_pass 127.0.0.1:{backend};
    }}
}}
",
        files = file_limit(),
    )
}

/// The hard limit on open files, which bounds the connections of the memory row.
pub(crate) fn file_limit() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok())
        .unwrap_or(1024)
}

/// A running server with its backend. Dropping it stops both.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    port: u16,
    server: Process,
    _backend: Process,
}

impl Subject {
    /// Start it, and see it answer.
    pub(crate) fn start(tools: &Tools, kind: &Kind) -> Result<Self, String> {
        let (port, backend_port) = (free_port()?, free_port()?);
        let yardstick = tools.path("yardstick").display().to_string();
        let backend = Process::start(
            tools,
            "backend",
            LOAD_CPU,
            &[yardstick, backend_port.to_string()],
        )?;
        let server = Process::start(
            tools,
            kind.name(),
            SERVER_CPU,
            &kind.command(tools, port, backend_port)?,
        )?;
        backend.wait_for(backend_port)?;
        server.wait_for(port)?;
        let subject = Subject {
            kind: kind.clone(),
            port,
            server,
            _backend: backend,
        };
        // An answer through to the backend: by then nginx has its worker, too.
        subject.load(
            tools,
            &["full", "--ms", "1", "--conns", "1"].map(str::to_owned),
        )?;
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

/// A child with its own children, on one core, its output in a file.
struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    fn start(tools: &Tools, name: &str, cpu: &str, words: &[String]) -> Result<Self, String> {
        let log = tools.path(&format!("{name}.log"));
        let file = File::create(&log).map_err(|err| format!("make '{}': {err}", log.display()))?;
        let errors = file
            .try_clone()
            .map_err(|err| format!("make '{}': {err}", log.display()))?;
        let child = Command::new("sh")
            .args([
                "-c",
                "ulimit -n $(ulimit -Hn); exec taskset -c \"$@\"",
                "sh",
                cpu,
            ])
            .args(words)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|err| format!("start '{name}': {err}"))?;
        Ok(Process {
            child,
            name: name.to_owned(),
            log,
        })
    }

    fn wait_for(&self, port: u16) -> Result<(), String> {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(format!(
                    "{}: does not listen after 10 s\n{}",
                    self.name,
                    self.last_words()
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// The process and all that descend from it.
    fn tree(&self) -> Vec<u32> {
        let parents = parents();
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while next < tree.len() {
            let parent = tree[next];
            tree.extend(
                parents
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        tree
    }
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // pid (name) state parent: the name may hold anything, so count from its end.
            let parent = stat
                .rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            Some((pid, parent))
        })
        .collect()
}

impl Drop for Process {
    fn drop(&mut self) {
        let pids: Vec<String> = self.tree().iter().map(u32::to_string).collect();
        let _ = Command::new("kill")
            .arg("-KILL")
            .args(pids)
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}
