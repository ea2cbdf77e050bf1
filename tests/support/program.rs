//! Programs of others, as clients and as servers.

use super::wait::eventually;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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
pub(crate) fn program(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    command
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("LC_ALL", "C"),
            ("HOME", "/nonexistent"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a program where that has to work, and returns what it printed.
#[track_caller]
pub(crate) fn works(command: &mut Command) -> String {
    let said = Said::from(command.output().unwrap());
    assert!(said.succeeded, "{command:?}: {said:?}");
    said.out
}

/// SHA-256 of a file.
pub(crate) fn hash(path: &Path) -> [u8; 32] {
    openssl::sha::sha256(&std::fs::read(path).unwrap())
}

/// A server that ends with its guard.
pub(crate) struct Running(Child);

impl Running {
    /// Waits until it listens on its unix socket.
    pub(crate) fn start(mut command: Command, socket: &str) -> Running {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut running = Running(child.unwrap());
        eventually("a program that listens", || {
            let ended = running.0.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            UnixStream::connect(socket).ok()
        });
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}
