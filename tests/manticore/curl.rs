//! curl as a client.

use crate::support::program::{Said, program};
use crate::support::{PATIENCE, Pki};
use std::net::SocketAddr;
use std::process::Command;

/// curl that says nothing of its own, and trusts the tests' CA.
pub(crate) fn curl(pki: &Pki, arguments: &[&str]) -> Said {
    curl_command(pki).args(arguments).output().unwrap().into()
}

pub(crate) fn curl_command(pki: &Pki) -> Command {
    let mut command = program("curl");
    command
        .args(["--silent", "--show-error", "--noproxy", "*", "--cacert"])
        .arg(pki.ca())
        .args(["--max-time", &PATIENCE.as_secs().to_string()]);
    command
}

/// A place on a port.
pub(crate) fn url(scheme: &str, address: SocketAddr, path: &str) -> String {
    format!("{scheme}://localhost:{}{path}", address.port())
}

/// What curl brings from where there has to be something.
#[track_caller]
pub(crate) fn fetch(pki: &Pki, arguments: &[&str]) -> String {
    let said = curl(pki, arguments);
    assert!(said.succeeded, "{arguments:?}: {said:?}");
    said.out
}
