//! The program from outside: arguments in, text and exit status out. Peers are the openssl program and files.

#![allow(clippy::unwrap_used)]

// Peers of `connect`.
#[path = "../client/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

mod certs;
mod ciphers;
mod connect;
mod demo;
mod help;
mod settings;

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// How a program ended.
struct Done {
    status: i32,
    out: String,
    err: String,
}

/// Runs tlsport to its end.
fn tlsport<A: AsRef<OsStr>>(arguments: &[A]) -> Done {
    finish(Command::new(env!("CARGO_BIN_EXE_tlsport")).args(arguments))
}

/// Runs the openssl program to its end.
fn openssl<A: AsRef<OsStr>>(arguments: &[A]) -> Done {
    finish(Command::new("openssl").args(arguments))
}

/// Runs a command without a terminal and without what the environment would add.
fn finish(command: &mut Command) -> Done {
    let command = command
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR");
    let output: Output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Done {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Done {
    /// The output of what had to work.
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!(
            self.status, 0,
            "status; stderr:\n{}stdout:\n{}",
            self.err, self.out
        );
        self.out
    }

    /// The messages of what had to fail.
    #[track_caller]
    fn refused(self, status: i32) -> String {
        assert_eq!(
            self.status, status,
            "status; stderr:\n{}stdout:\n{}",
            self.err, self.out
        );
        for line in self.err.lines() {
            assert!(line.starts_with("tlsport: "), "not in our shape: {line}");
        }
        self.err
    }
}
