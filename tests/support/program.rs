//! Programs of others, as clients.

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
