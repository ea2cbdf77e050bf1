//! PostgreSQL's own programs as clients.

use crate::cluster::programs;
use crate::support;
pub(crate) use crate::support::program::{Said, hash, works};
use std::io::Write;
use std::process::{Command, Stdio};

/// A program of PostgreSQL's.
pub(crate) fn program(name: &str) -> Command {
    let mut command = support::program::program(programs().join(name));
    command.env("PGCONNECT_TIMEOUT", "20");
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
