//! PostgreSQL's own programs as clients.

use crate::cluster::programs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            succeeded: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A program that knows nothing of whoever runs the tests.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(programs().join(name));
    command
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("LC_ALL", "C"),
            ("HOME", "/nonexistent"),
        ])
        .env("PGCONNECT_TIMEOUT", "20")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `psql` that prints values and nothing else.
pub(crate) fn psql_command(conninfo: &str) -> Command {
    let mut command = program("psql");
    command.args([
        "--no-psqlrc",
        "--no-align",
        "--tuples-only",
        "--set=ON_ERROR_STOP=1",
    ]);
    command.arg("--dbname").arg(conninfo);
    command
}

/// Runs orders in `psql`.
pub(crate) fn psql(conninfo: &str, orders: &[&str]) -> Said {
    let mut command = psql_command(conninfo);
    for order in orders {
        command.args(["--command", order]);
    }
    command.output().unwrap().into()
}

/// Runs a program where that has to work, and returns what it printed.
#[track_caller]
pub(crate) fn works(command: &mut Command) -> String {
    let said = Said::from(command.output().unwrap());
    assert!(said.succeeded, "{command:?}: {said:?}");
    said.out
}

/// Runs orders in `psql` where that has to work.
#[track_caller]
pub(crate) fn answer(conninfo: &str, orders: &[&str]) -> String {
    let said = psql(conninfo, orders);
    assert!(said.succeeded, "{orders:?}: {said:?}");
    said.out.trim_end().to_owned()
}

/// Runs a script in `psql` where that has to work.
#[track_caller]
pub(crate) fn script(conninfo: &str, text: &str) {
    let mut psql = psql_command(conninfo)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    psql.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = Said::from(psql.wait_with_output().unwrap());
    assert!(said.succeeded, "{text}: {said:?}");
}

/// SHA-256 of a file.
pub(crate) fn hash(path: &Path) -> [u8; 32] {
    openssl::sha::sha256(&std::fs::read(path).unwrap())
}
