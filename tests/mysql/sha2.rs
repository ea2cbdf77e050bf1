//! A server that knows the passwords of MySQL 8 (`sha2.py`).

use crate::support::python::installed;
use crate::support::wait::eventually;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// The server, which ends with its guard.
pub(crate) struct Sha2Server {
    process: Child,
    place: String,
    /// How users were let in, one a line.
    ways: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

impl Sha2Server {
    /// On a unix socket. `None`, said aloud, where `.ci/need` could not have it.
    pub(crate) fn on_unix() -> Option<Sha2Server> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sock").to_str().unwrap().to_owned();
        Sha2Server::start(directory, &[&socket])
    }

    /// On a port, with TLS where there is a keyfile.
    pub(crate) fn on_port(keyfile: Option<&str>) -> Option<Sha2Server> {
        let arguments: Vec<&str> = ["tcp"].into_iter().chain(keyfile).collect();
        Sha2Server::start(tempfile::tempdir().unwrap(), &arguments)
    }

    fn start(directory: TempDir, arguments: &[&str]) -> Option<Sha2Server> {
        let Some(interpreter) = installed("connectors") else {
            println!("skipped: mysql-mimic is not installed");
            return None;
        };
        let mut process = Command::new(interpreter)
            .args(["-c", include_str!("sha2.py")])
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let place = lines.next().expect("a server that starts").unwrap();
        let ways = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&ways);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.lock().unwrap().push(line);
            }
        });
        Some(Sha2Server {
            process,
            place,
            ways,
            _directory: directory,
        })
    }

    /// As `--backend` takes it.
    pub(crate) fn url(&self) -> String {
        if self.place.starts_with('/') {
            format!("unix://{}", self.place)
        } else {
            format!("tcp://127.0.0.1:{}", self.place)
        }
    }

    /// The same, in TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("mysql+tls://localhost:{}", self.place)
    }

    /// How users were let in so far, as soon as there are so many.
    #[track_caller]
    pub(crate) fn ways(&self, count: usize) -> Vec<String> {
        eventually("users that were let in", || {
            let ways = self.ways.lock().unwrap();
            (ways.len() >= count).then(|| ways.clone())
        })
    }
}

impl Drop for Sha2Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
