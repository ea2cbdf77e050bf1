//! The crate kdbplus as a server and as a client: the program of `tests/peers/kdbplus`, which `.ci/need` builds.

use crate::front::Way;
use crate::support::eventually;
use crate::support::program::{Said, program};
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::sha::sha1;
use openssl::x509::X509;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use tempfile::TempDir;

/// What a client says of itself that the server knows.
pub(crate) const USER: &str = "user:pass";

/// Of the file with the server's key.
const SECRET: &str = "secret";

/// A running server, which ends with its guard.
pub(crate) struct Server {
    process: Child,
    place: String,
    /// What it complains of, its users, its key.
    directory: TempDir,
}

impl Server {
    /// On a port of 127.0.0.1.
    pub(crate) fn plain() -> Server {
        Server::start(&["tcp"], |_| {})
    }

    /// The same in TLS, with the certificate and the key of a file.
    pub(crate) fn tls(keyfile: &str) -> Server {
        let text = fs::read(keyfile).unwrap();
        let bundle = Pkcs12::builder()
            .pkey(&PKey::private_key_from_pem(&text).unwrap())
            .cert(&X509::from_pem(&text).unwrap())
            .build2(SECRET)
            .unwrap();
        Server::start(&["tls"], |directory| {
            fs::write(directory.join("key.p12"), bundle.to_der().unwrap()).unwrap();
        })
    }

    /// On a unix socket; `@` begins a name without a file.
    pub(crate) fn unix(path: &str) -> Server {
        Server::start(&["unix", path], |_| {})
    }

    fn start(arguments: &[&str], prepare: impl FnOnce(&Path)) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let near = directory.path();
        let hash: String = sha1(b"pass")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::write(near.join("accounts"), format!("user:{hash}\n")).unwrap();
        prepare(near);
        let mut process = peer()
            .arg("serve")
            .args(arguments)
            .env("KDBPLUS_ACCOUNT_FILE", near.join("accounts"))
            .env("KDBPLUS_TLS_KEY_FILE", near.join("key.p12"))
            .env("KDBPLUS_TLS_KEY_FILE_SECRET", SECRET)
            .env("QUDSPATH", near)
            .stdin(Stdio::piped()) // it ends with it
            .stderr(File::create(near.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut place = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut place).unwrap();
        let place = place.trim().to_owned();
        let server = Server {
            process,
            place,
            directory,
        };
        assert!(!server.place.is_empty(), "it does not start");
        server
    }

    /// As `--backend` takes it, without TLS: by its port or its socket.
    pub(crate) fn url(&self) -> String {
        match self.place.parse::<u16>() {
            Ok(port) => format!("tcp://127.0.0.1:{port}"),
            Err(_) => format!("unix://{}", self.place),
        }
    }

    /// The same in TLS, by the host's name.
    pub(crate) fn tls_url(&self) -> String {
        format!("tcps://localhost:{}", self.place)
    }

    /// What it complained of.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Waits until it has complained of something.
    #[track_caller]
    pub(crate) fn said(&self, text: &str) {
        eventually(text, || self.log().contains(text).then_some(()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of the crate's acceptor:\n{}", self.log());
        }
    }
}

/// The crate's client, which trusts a file of CAs where it comes in TLS.
pub(crate) fn client(words: &str, way: Way, address: SocketAddr, user: &str, ca: &str) -> Command {
    let method = match way {
        Way::Plain => "tcp",
        Way::Tls => "tls",
    };
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = peer();
    command
        .args([words, method, &host, &port, user])
        .env("SSL_CERT_FILE", ca);
    command
}

/// The same at the unix socket that is named after a port in a folder of names.
pub(crate) fn unix_client(words: &str, folder: &str, port: u16) -> Command {
    let mut command = peer();
    command
        .args([words, "unix", "", &port.to_string(), USER])
        .env("QUDSPATH", folder);
    command
}

/// What the client prints of the answers.
#[track_caller]
pub(crate) fn answers(command: &mut Command) -> Vec<String> {
    let said = ask(command);
    assert!(said.succeeded, "{said:?}");
    let answers = said.out.lines();
    answers
        .filter_map(|line| line.strip_prefix("answer: "))
        .map(str::to_owned)
        .collect()
}

/// What it says where it may fail.
pub(crate) fn ask(command: &mut Command) -> Said {
    Said::from(command.output().unwrap())
}

fn peer() -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path: PathBuf = target.join("kdbplus/debug/kdbplus-peer");
    assert!(path.exists(), "it is not built: make need-test");
    program(path)
}
