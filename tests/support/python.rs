//! A program in Python at the end of two pipes: a line of JSON is a call, a line of JSON is what came of it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// The program, which ends with its guard.
pub(crate) struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    _home: TempDir,
}

impl Python {
    /// Starts a script that knows nothing of whoever runs the tests.
    pub(crate) fn start(
        interpreter: &Path,
        script: &str,
        variables: &[(String, String)],
    ) -> Python {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(interpreter)
            .args(["-c", script])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .envs(variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Python {
            child,
            to,
            from,
            _home: home,
        }
    }

    /// Calls, and says what came of it, or why nothing did.
    #[track_caller]
    pub(crate) fn call(&mut self, call: &Value) -> Result<Value, String> {
        let _ = writeln!(self.to, "{call}"); // if it has ended, the next line says so
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "Python's packages are not installed here: make need-test"
        );
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter among packages that `.ci/need` has installed in a folder of the target directory, if it could.
pub(crate) fn installed(folder: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let interpreter = target.join(folder).join("bin/python");
    interpreter.exists().then_some(interpreter)
}
