//! A daemon that serves the status page, with certificates of its own, until it is dropped.

use openssl::x509::X509;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = env!("CARGO_BIN_EXE_tlsport");

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    log: Receiver<String>,
    pki: TempDir,
    /// Port of the TLS endpoint.
    pub(crate) tls: u16,
    /// Port of the plain endpoint.
    pub(crate) plain: u16,
}

impl Daemon {
    /// Starts one on ports that the system chooses, with `more` on its command line. `PKI/` in it stands for the
    /// directory of the certificates.
    pub(crate) fn start(more: &[&str]) -> Daemon {
        let pki = tempfile::tempdir().unwrap();
        let folder = format!("{}/", pki.path().display());
        let made = Command::new(PROGRAM)
            .args(["certs", "--out", &folder, "--host", "localhost"])
            .args(["--host", "127.0.0.1"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut child = Command::new(PROGRAM)
            .arg("serve")
            .args(["--server.endpoint", "ssl://127.0.0.1:0"])
            .args(["--server.endpoint", "tcp://127.0.0.1:0"])
            .args(["--backend", "service://status"])
            .arg(format!("--ssl.keyfile={folder}server.pem"))
            .args(
                more.iter()
                    .map(|argument| argument.replace("PKI/", &folder)),
            )
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut daemon = Daemon {
            child,
            log,
            pki,
            tls: 0,
            plain: 0,
        };
        daemon.tls = port(&daemon.wait_for("using endpoint 'http+ssl://"));
        daemon.plain = port(&daemon.wait_for("using endpoint 'http+tcp://"));
        daemon
    }

    /// Waits until the log says something, and returns the line.
    pub(crate) fn wait_for(&self, words: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
        panic!("the log does not say '{words}':\n{}", seen.join("\n"));
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Where a file of the certificates is.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.pki.path().join(name)
    }

    /// A page over TLS. The name is one of the certificate's.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.tls)
    }

    /// SHA-256 of the server's public key, in base64.
    pub(crate) fn key_hash(&self) -> String {
        let certificate = X509::from_pem(&fs::read(self.pki("server.crt")).unwrap()).unwrap();
        let key = certificate
            .public_key()
            .unwrap()
            .public_key_to_der()
            .unwrap();
        openssl::base64::encode_block(&openssl::sha::sha256(&key))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("the daemon's log:");
            for line in self.log.iter() {
                println!("  {line}");
            }
        }
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Read on even if nobody listens any more: a full pipe would stop the daemon.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The port in `… '…:8530' …`.
fn port(line: &str) -> u16 {
    let place = line.split('\'').nth(1).unwrap();
    place.rsplit(':').next().unwrap().parse().unwrap()
}
