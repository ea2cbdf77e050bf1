//! A server that runs, with a backend of its own, and the load generator against it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::kind::{Backend, Kind};
use super::process::Process;
use super::row::Reading;
use super::setup::{Service, Setup, words};
use super::tools::{Layout, Tools};

/// What a load may have of the core that loads run on.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    All,
    /// All that it wants, at once, whatever else runs there: another host's part in what it measures is none.
    First,
    /// What another one leaves, and at once when that has something to do: a nice one would be let finish its turn.
    Rest,
}

/// A running server with its backend. Dropping it stops both.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) service: Service,
    layout: Layout,
    load: PathBuf,
    port: u16,
    /// The file of the authority that signed its certificate.
    pub(crate) authority: String,
    server: Process,
    backend: Process,
}

impl Subject {
    /// Start it, and see it answer.
    pub(crate) fn start(
        tools: &Tools,
        kind: &Kind,
        service: Service,
        layout: &Layout,
    ) -> Result<Self, String> {
        let port = free_port()?;
        let label = format!("{}-{}-{port}", kind.name(), service.name());
        let backend_address = match kind.backend() {
            Backend::Unix => tools.text(&format!("run/{label}.sock")),
            _ => free_port()?.to_string(),
        };
        let mut backend = Process::start(
            tools,
            &format!("{label}-backend"),
            &layout.load,
            &[tools.text("yardstick"), backend_address.clone()],
        )?;
        let setup = Setup {
            tools,
            label: &label,
            port,
            backend: &backend_address,
            service,
            threads: layout.threads,
        };
        let mut server = Process::start(tools, &label, &layout.server, &setup.command(kind)?)?;
        backend.wait_for(&backend_address)?;
        server.wait_for(&port.to_string())?;
        let subject = Subject {
            kind: *kind,
            service,
            layout: layout.clone(),
            load: tools.path("load"),
            port,
            authority: tools.text(&format!("authority-{}.pem", service.key())),
            server,
            backend,
        };
        // An answer through to the backend: by then nginx has its workers, too.
        subject.load(&words(&["full", "--ms", "1", "--conns", "1"]))?;
        Ok(subject)
    }

    /// Have its backend go before all loads.
    pub(crate) fn put_backend_first(&self) -> Result<(), String> {
        for pid in self.backend.tree() {
            let status = Command::new("chrt")
                .args(["--fifo", "--pid", "2", &pid.to_string()])
                .status();
            if !status.is_ok_and(|status| status.success()) {
                return Err("chrt: no leave for a real-time priority: run it as root".to_owned());
            }
        }
        Ok(())
    }

    /// Run the load generator against it.
    pub(crate) fn load(&self, arguments: &[String]) -> Result<Reading, String> {
        self.start_load(arguments, Stdio::null(), Share::All)?
            .finish()
    }

    /// Start the load generator against it.
    pub(crate) fn start_load(
        &self,
        arguments: &[String],
        input: Stdio,
        share: Share,
    ) -> Result<Load<'_>, String> {
        let mut command = Command::new("taskset");
        command.args(["-c", &self.layout.load]);
        match share {
            Share::All => {}
            Share::First => {
                command.args(["chrt", "--fifo", "1"]);
            }
            Share::Rest => {
                command.args(["chrt", "--idle", "0"]);
            }
        }
        command.arg(&self.load);
        command.args(arguments);
        command.args(["--port", &self.port.to_string()]);
        command.args(["--key", self.service.key()]);
        if self.kind.is_plain() {
            command.args(["--tls", "none"]);
        }
        for pid in self.server.tree() {
            command.args(["--pid", &pid.to_string()]);
        }
        let child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| format!("run 'load': {err}"))?;
        Ok(Load {
            subject: self,
            work: arguments.join(" "),
            child: Some(child),
        })
    }

    /// Open so many connections and leave them idle, until the load is finished.
    pub(crate) fn crowd(&self, connections: u32) -> Result<Load<'_>, String> {
        let arguments = words(&["crowd", "--conns", &connections.to_string()]);
        let mut load = self.start_load(&arguments, Stdio::piped(), Share::All)?;
        let mut line = String::new();
        if let Some(output) = load.child.as_mut().and_then(|child| child.stdout.as_mut()) {
            // It says nothing more before it is finished: no byte is lost with the buffer.
            let _ = BufReader::new(output).read_line(&mut line);
        }
        match line.trim() {
            "ready" => Ok(load),
            _ => Err(load
                .finish()
                .err()
                .unwrap_or(format!("load printed '{line}'"))),
        }
    }
}

/// A load generator at work. Dropping it ends it.
pub(crate) struct Load<'a> {
    subject: &'a Subject,
    work: String,
    child: Option<Child>,
}

impl Load<'_> {
    /// Let it come to its end and read what it says.
    pub(crate) fn finish(mut self) -> Result<Reading, String> {
        let Some(child) = self.child.take() else {
            return Err("the load is finished".into());
        };
        let output = child
            .wait_with_output()
            .map_err(|err| format!("run 'load': {err}"))?;
        if !output.status.success() {
            return Err(format!(
                "{}: {}: {}\n{}",
                self.subject.kind.name(),
                self.work,
                String::from_utf8_lossy(&output.stderr).trim(),
                self.subject.server.last_words()
            ));
        }
        Reading::parse(&String::from_utf8_lossy(&output.stdout))
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|err| format!("find a free port: {err}"))
}
