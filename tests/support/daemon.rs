//! The built daemon: started on ports that the system chooses, its log collected, stopped by a guard.

use super::Pki;
use super::process;
use super::wait::{PATIENCE, eventually};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How the daemon is to be started.
pub(crate) struct Launch {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    endpoints: usize,
    threads: u32,
    open_files: Option<u32>,
}

impl Launch {
    /// Two workers, and nothing else yet.
    pub(crate) fn new() -> Launch {
        Launch {
            arguments: vec!["serve".into()],
            environment: Vec::new(),
            endpoints: 0,
            threads: 2,
            open_files: None,
        }
    }

    /// TLS on a port of 127.0.0.1, with the server's identity.
    pub(crate) fn tls(pki: &Pki) -> Launch {
        Launch::new()
            .endpoint("ssl://127.0.0.1:0")
            .set("ssl.keyfile", pki.server())
    }

    /// One more endpoint.
    pub(crate) fn endpoint(mut self, endpoint: &str) -> Launch {
        self.endpoints += 1;
        self.set("server.endpoint", endpoint)
    }

    /// Endpoints that a configuration file names.
    pub(crate) fn config(mut self, path: &str, endpoints: usize) -> Launch {
        self.endpoints += endpoints;
        self.set("config", path)
    }

    /// Flags as they are, which name so many endpoints.
    pub(crate) fn flags(mut self, flags: &[&str], endpoints: usize) -> Launch {
        self.endpoints += endpoints;
        self.arguments.extend(flags.iter().map(OsString::from));
        self
    }

    /// A setting.
    pub(crate) fn set(mut self, name: &str, value: impl Into<OsString>) -> Launch {
        self.arguments.push(format!("--{name}").into());
        self.arguments.push(value.into());
        self
    }

    /// Arguments as they are typed, by which it listens on so many more endpoints.
    pub(crate) fn typed(mut self, arguments: &[&str], endpoints: usize) -> Launch {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self.endpoints += endpoints;
        self
    }

    /// A variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Launch {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Another number of workers.
    pub(crate) fn threads(mut self, threads: u32) -> Launch {
        self.threads = threads;
        self
    }

    /// At most so many descriptors.
    pub(crate) fn open_files(mut self, most: u32) -> Launch {
        self.open_files = Some(most);
        self
    }

    /// Starts it, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(self) -> Daemon {
        let endpoints = self.endpoints;
        let daemon = self.spawn();
        daemon.places(endpoints);
        daemon
    }

    /// Starts what has to end by itself, and says how it did.
    #[track_caller]
    pub(crate) fn refused(self, status: i32) -> String {
        let mut daemon = self.spawn();
        let ended = daemon.wait();
        let log = daemon.log();
        assert_eq!(ended.code(), Some(status), "status; log:\n{log}");
        log
    }

    /// Starts it, without waiting for anything.
    #[track_caller]
    pub(crate) fn spawn(self) -> Daemon {
        let binary = env!("CARGO_BIN_EXE_tlsport");
        let mut command = match self.open_files {
            None => Command::new(binary),
            Some(most) => {
                let mut shell = Command::new("sh");
                let script = format!("ulimit -n {most} && exec \"$@\"");
                shell.args(["-c", &script, "sh", binary]);
                shell
            }
        };
        for variable in ["RUST_LOG", "NO_COLOR", "OPENSSL_CONF"] {
            command.env_remove(variable);
        }
        command
            .args(self.arguments)
            .args(["--threads", &self.threads.to_string()])
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let collector = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in lines.map_while(Result::ok) {
                    log.lines.lock().unwrap().push(line);
                    log.more.notify_all();
                }
                *log.ended.lock().unwrap() = true;
                log.more.notify_all();
            }
        });
        Daemon {
            process,
            log,
            collector: Some(collector),
            ended: None,
        }
    }
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
    ended: Mutex<bool>,
}

/// A running daemon.
pub(crate) struct Daemon {
    process: Child,
    log: Arc<Log>,
    collector: Option<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The address of its first endpoint.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses(1)[0]
    }

    /// The addresses of its first endpoints, in order.
    #[track_caller]
    pub(crate) fn addresses(&self, count: usize) -> Vec<SocketAddr> {
        let parse = |place: String| {
            let (_, address) = place.split_once("://").unwrap();
            address.parse().unwrap()
        };
        self.places(count)
            .into_iter()
            .take(count)
            .map(parse)
            .collect()
    }

    /// The endpoints it has logged, at least `count` of them, as in `http+ssl://127.0.0.1:8529`.
    #[track_caller]
    pub(crate) fn places(&self, count: usize) -> Vec<String> {
        self.wait_for_lines(0, &format!("{count} endpoints"), |lines| {
            let places: Vec<String> = lines.iter().filter_map(|line| place(line)).collect();
            (places.len() >= count).then_some(places)
        })
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// How many lines were logged so far: where [`Daemon::said_after`] may begin.
    pub(crate) fn mark(&self) -> usize {
        self.log.lines.lock().unwrap().len()
    }

    /// Waits for a line with `text`, and returns it.
    #[track_caller]
    pub(crate) fn said(&self, text: &str) -> String {
        self.said_after(0, text)
    }

    /// Waits for a line with `text` behind `mark`.
    #[track_caller]
    pub(crate) fn said_after(&self, mark: usize, text: &str) -> String {
        self.wait_for_lines(mark, text, |lines| {
            lines.iter().find(|line| line.contains(text)).cloned()
        })
    }

    #[track_caller]
    fn wait_for_lines<T>(
        &self,
        mark: usize,
        what: &str,
        find: impl Fn(&[String]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(found) = find(&lines[mark..]) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let over = *self.log.ended.lock().unwrap();
            if left.is_zero() || over {
                drop(lines); // the guard prints them
                panic!("the log does not say: {what}");
            }
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        process::signal(self.pid(), name);
    }

    /// Reloads, and waits until it has.
    #[track_caller]
    pub(crate) fn reload(&self) {
        let mark = self.mark();
        self.signal("HUP");
        self.said_after(mark, "reloaded");
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let ended = eventually("the end of the daemon", || self.has_ended());
        if let Some(collector) = self.collector.take() {
            collector.join().unwrap();
        }
        ended
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.process.try_wait().unwrap();
        }
        self.ended
    }

    /// Stops it in good order, and at once where it does not.
    fn stop(&mut self) {
        for (name, patience) in [("TERM", 300), ("TERM", 5000), ("KILL", 5000)] {
            if self.has_ended().is_some() {
                return;
            }
            self.signal(name);
            let deadline = Instant::now() + Duration::from_millis(patience);
            while self.has_ended().is_none() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let asked = self.has_ended().is_none();
        self.stop();
        if let Some(collector) = self.collector.take() {
            let _ = collector.join();
        }
        let log = self.log();
        if thread::panicking() {
            eprintln!("the daemon's log:\n{log}");
            return;
        }
        assert!(!log.contains("panicked at"), "it panicked; log:\n{log}");
        if asked {
            let clean = self.ended.is_some_and(|status| status.success());
            assert!(clean, "it ended with {:?}; log:\n{log}", self.ended);
        }
    }
}

/// The endpoint that a line of the log names.
fn place(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("using endpoint '")?;
    let (place, _) = rest.split_once("' for ")?;
    Some(place.to_owned())
}
