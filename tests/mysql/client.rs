//! MariaDB's own programs as clients.

use crate::server::PASSWORD;
use crate::support::program::{Said, program, works};
use std::net::SocketAddr;
use std::process::Command;

/// `mariadb`, which prints values and nothing else, and knows no server yet.
pub(crate) fn mariadb() -> Command {
    let mut command = tool("mariadb");
    command.args(["--batch", "--skip-column-names", "--connect-timeout=20"]);
    command
}

/// A program that knows nothing of the system's settings.
fn tool(name: &str) -> Command {
    let mut command = program(name);
    command.arg("--no-defaults");
    command
}

/// Says where a server is, and who comes. Since MariaDB 11.4 certificates are checked unless that is unsaid.
pub(crate) fn at(mut command: Command, address: SocketAddr, user: &str) -> Command {
    command.args(["--host=127.0.0.1", "--protocol=tcp"]);
    command.args(["--skip-ssl-verify-server-cert"]);
    command.arg(format!("--port={}", address.port()));
    command.arg(format!("--user={user}"));
    if user != "nopassword" {
        command.arg(format!("--password={PASSWORD}"));
    }
    command
}

/// `mariadb` of a user.
pub(crate) fn mariadb_at(address: SocketAddr, user: &str) -> Command {
    at(mariadb(), address, user)
}

/// Another one of its programs.
pub(crate) fn tool_at(name: &str, address: SocketAddr, user: &str) -> Command {
    at(tool(name), address, user)
}

/// Gives an order.
pub(crate) fn ask(command: &mut Command, sql: &str) -> Said {
    command.args(["--execute", sql]).output().unwrap().into()
}

/// Gives an order where that has to work, and returns what was printed.
#[track_caller]
pub(crate) fn answer(command: &mut Command, sql: &str) -> String {
    works(command.args(["--execute", sql]))
        .trim_end()
        .to_owned()
}

/// The cipher that the client says is in use, if any.
#[track_caller]
pub(crate) fn cipher(command: &mut Command) -> Option<String> {
    let status = answer(command, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("SSL:"));
    let cipher = line.expect("a line about TLS").trim();
    cipher
        .strip_prefix("Cipher in use is ")
        .map(|cipher| cipher.split(',').next().unwrap().to_owned())
}
