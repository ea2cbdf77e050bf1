//! The openssl program as a client.

use super::wait::PATIENCE;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// What `openssl s_client` said.
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Connects, says `input`, and ends when the server does or its input has.
pub(crate) fn s_client(address: SocketAddr, arguments: &[&str], input: &str) -> Said {
    let mut command = Command::new("timeout");
    command
        .arg(PATIENCE.as_secs().to_string())
        .args(["openssl", "s_client", "-connect", &address.to_string()])
        .args(arguments)
        .env("OPENSSL_CONF", "/dev/null") // whatever the distribution forbids its clients
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes()); // it may have given up already
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(124), "s_client took too long");
    Said {
        succeeded: output.status.success(),
        // Up to 3.1 there are spaces in names: "CN = localhost".
        out: String::from_utf8_lossy(&output.stdout).replace(" = ", "="),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    /// What stands behind a name in the program's report.
    pub(crate) fn fact(&self, name: &str) -> Option<&str> {
        let lines = self.out.lines().chain(self.err.lines());
        let mut values = lines.filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim())
        });
        values.next()
    }
}
