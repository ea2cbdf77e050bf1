//! A MariaDB of a test's own: the real server, on a unix socket and, where it is asked for, a port of 127.0.0.1, gone
//! with its guard.
//!
//! What it begins with is made once and kept; each test has a copy.

use crate::support::backend::closed_port;
use crate::support::program::works;
use crate::support::wait::eventually;
use crate::support::{Pki, kept, program};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use tempfile::TempDir;

/// What all users say who have a password.
pub(crate) const PASSWORD: &str = "secret";

/// Quick about a disk that nobody will read again. MariaDB 11.4 and later have TLS unless told otherwise.
const SETTINGS: &str = "\
[mysqld]
skip_ssl
skip_name_resolve
skip_log_bin
max_connections = 300
performance_schema = OFF
character_set_server = utf8mb4
plugin_load_add = auth_ed25519
innodb_buffer_pool_size = 24M
innodb_log_file_size = 4M
innodb_flush_log_at_trx_commit = 0
innodb_flush_method = nosync
innodb_use_native_aio = OFF
";

/// Its users, beside `root`, who has no password.
const USERS: &str = "\
FLUSH PRIVILEGES;
CREATE USER native IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');
CREATE USER ed25519 IDENTIFIED VIA ed25519 USING PASSWORD('secret');
CREATE USER either IDENTIFIED VIA ed25519 USING PASSWORD('forgotten') OR mysql_native_password USING PASSWORD('secret');
CREATE USER nopassword;
CREATE USER encrypted IDENTIFIED BY 'secret' REQUIRE SSL;
CREATE USER certified IDENTIFIED BY 'secret' REQUIRE SUBJECT '/CN=client';
GRANT ALL ON test.* TO native, ed25519, either, nopassword, encrypted, certified;
CREATE DATABASE test;
";

/// A running server.
pub(crate) struct Server {
    process: Child,
    port: Option<u16>,
    /// Its socket and its log.
    directory: TempDir,
    _data: TempDir,
}

impl Server {
    /// On a unix socket alone.
    pub(crate) fn start() -> Server {
        Server::with(&[])
    }

    /// The same with more options.
    pub(crate) fn with(options: &[&str]) -> Server {
        let options = [options, &["--skip-networking"]].concat();
        Server::serve(None, &options).unwrap()
    }

    /// On a port as well.
    pub(crate) fn on_port(options: &[&str]) -> Server {
        // Somebody else may take the port first.
        for _ in 0..5 {
            let port = closed_port();
            let number = format!("--port={port}");
            let options = [options, &[&number, "--bind-address=127.0.0.1"]].concat();
            if let Some(server) = Server::serve(Some(port), &options) {
                return server;
            }
        }
        panic!("no port was free");
    }

    /// On a port as well, with TLS and the certificate of a keyfile; clients may have certificates of the tests' CA.
    pub(crate) fn with_tls(pki: &Pki, keyfile: &str) -> Server {
        Server::on_port(&[
            "--ssl",
            &format!("--ssl-cert={keyfile}"),
            &format!("--ssl-key={keyfile}"),
            &format!("--ssl-ca={}", pki.ca()),
        ])
    }

    /// `None` where somebody has its port.
    fn serve(port: Option<u16>, options: &[&str]) -> Option<Server> {
        let data = tempfile::tempdir_in(kept()).unwrap();
        let copy = data.path().join("data");
        works(
            program::program("cp")
                .args(["-a", "--reflink=auto"])
                .args([template(), copy.clone()]),
        );
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut command = as_us("setpriv", |command| {
            command.args(["--pdeathsig", "KILL", "--", "mariadbd"]);
        });
        let near = directory.path().display();
        command
            .arg(format!(
                "--defaults-file={}",
                kept().join("my.cnf").display()
            ))
            .arg(format!("--datadir={}", copy.display()))
            .arg(format!("--socket={near}/mysqld.sock"))
            .arg(format!("--pid-file={near}/pid"))
            .args(user())
            .args(options)
            .stdout(Stdio::null())
            .stderr(log);
        let mut server = Server {
            process: command.spawn().unwrap(),
            port,
            directory,
            _data: data,
        };
        let ready = eventually("MariaDB, ready or at an end", || {
            let ended = server.process.try_wait().unwrap().is_some();
            let ready = server.log().contains("ready for connections");
            (ready || ended).then_some(ready)
        });
        let taken = || server.log().contains("Address already in use");
        assert!(ready || taken(), "it does not start: {}", server.log());
        ready.then_some(server)
    }

    /// As `--backend` takes it: its unix socket.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket())
    }

    /// The same, by its port.
    pub(crate) fn tcp_url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port())
    }

    /// The same, by its port, in TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("mysql+tls://localhost:{}", self.port())
    }

    pub(crate) fn socket(&self) -> String {
        self.directory
            .path()
            .join("mysqld.sock")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn port(&self) -> u16 {
        self.port.expect("a server on a port")
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The first value that an order of its owner's brings, without a front.
    #[track_caller]
    pub(crate) fn answer(&self, sql: &str) -> String {
        let mut client = crate::client::mariadb();
        client.args(["--user=root", "--protocol=socket", "--skip-ssl"]);
        client.arg(format!("--socket={}", self.socket()));
        crate::client::answer(&mut client, sql)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is kept, so there is nothing to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("MariaDB's log:\n{}", self.log());
        }
    }
}

/// A program of the server's, which are not where everybody's are.
fn as_us(name: &str, arguments: impl FnOnce(&mut Command)) -> Command {
    let mut command = program::program(name);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    arguments(&mut command);
    command
}

/// The server is root's only where that is said.
fn user() -> Option<&'static str> {
    (kept::us() == 0).then_some("--user=root")
}

/// What is kept for the next tests: of this version, and as this file makes it.
fn kept() -> &'static Path {
    static KEPT: LazyLock<PathBuf> = LazyLock::new(|| {
        let version = works(&mut as_us("mariadbd", |command| {
            command.args(["--no-defaults", "--version"]);
        }));
        let folder = kept::folder(
            "mariadb",
            &format!("{version}{}", include_str!("server.rs")),
        );
        let settings = folder.join("my.cnf");
        if !settings.exists() {
            let near = tempfile::NamedTempFile::new_in(&folder).unwrap();
            fs::write(near.path(), SETTINGS).unwrap();
            near.persist(settings).unwrap();
        }
        folder
    });
    &KEPT
}

/// The data that all begin with, made whole or not at all. If another test has been first, its own does as well.
fn template() -> PathBuf {
    let template = kept().join("template");
    if !template.exists() {
        let near = tempfile::tempdir_in(kept()).unwrap();
        let (data, users) = (near.path().join("data"), near.path().join("users.sql"));
        fs::write(&users, USERS).unwrap();
        works(&mut as_us("mariadb-install-db", |command| {
            command
                .arg(format!(
                    "--defaults-file={}",
                    kept().join("my.cnf").display()
                ))
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--extra-file={}", users.display()))
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
                .args(["--skip-name-resolve"])
                .args(user())
                .env("TMPDIR", near.path()); // where others of its kind take nothing away
        }));
        let _ = fs::rename(&data, &template);
        assert!(template.exists());
    }
    template
}
