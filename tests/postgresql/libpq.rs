//! PostgreSQL's client library, called by Python (`libpq.py`): the newest one, where `.ci/need` could have it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A program that has connections, once it is asked for one.
#[derive(Default)]
pub(crate) struct Libpq {
    variables: Vec<(String, String)>,
    program: Option<Program>,
}

struct Program {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    _home: TempDir,
}

/// One of its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    number: u64,
    /// Whether it is encrypted.
    pub(crate) tls: bool,
}

/// How a running query is to be canceled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cancel {
    /// In the clear, as libpq did up to 16.
    Plain,
    /// Encrypted where the connection is, since 17.
    Encrypted,
}

impl Program {
    fn start(variables: &[(String, String)]) -> Program {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let newest = target.join("psycopg/bin/python");
        let python = if newest.exists() {
            newest
        } else {
            "/usr/bin/python3".into()
        };
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .args(["-c", include_str!("libpq.py")])
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("PGCONNECT_TIMEOUT", "20")])
            .env("HOME", home.path())
            .envs(variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Program {
            child,
            to,
            from,
            _home: home,
        }
    }
}

impl Libpq {
    /// One with a variable of the environment.
    pub(crate) fn with_env(name: &str, value: &str) -> Libpq {
        Libpq {
            variables: vec![(name.into(), value.into())],
            program: None,
        }
    }

    /// Whether it is of that version or later. If it is not, that is said.
    pub(crate) fn is(&mut self, version: u64) -> bool {
        let have = self.call(&json!({"call": "version"})).unwrap()["version"]
            .as_u64()
            .unwrap();
        if have < version * 10_000 {
            println!("skipped: libpq {version} is needed, this is {have}");
        }
        have >= version * 10_000
    }

    /// Connects, or says why that failed.
    pub(crate) fn connect(&mut self, conninfo: &str) -> Result<Session, String> {
        let session = self.call(&json!({"call": "connect", "conninfo": conninfo}))?;
        Ok(Session {
            number: session["number"].as_u64().unwrap(),
            tls: session["tls"] == true,
        })
    }

    /// The rows of a query, as text.
    pub(crate) fn query(
        &mut self,
        session: Session,
        sql: &str,
    ) -> Result<Vec<Vec<String>>, String> {
        self.rows(session, "query", &json!({"sql": sql}))
    }

    /// The only value that a query brings.
    #[track_caller]
    pub(crate) fn value(&mut self, session: Session, sql: &str) -> String {
        let rows = self.query(session, sql).unwrap();
        assert!(rows.len() == 1 && rows[0].len() == 1, "{rows:?}");
        rows[0][0].clone()
    }

    /// Begins a query without waiting for its end.
    #[track_caller]
    pub(crate) fn begin(&mut self, session: Session, sql: &str) {
        self.on(session, "begin", &json!({"sql": sql})).unwrap();
    }

    /// The end of a query that was begun.
    pub(crate) fn end(&mut self, session: Session) -> Result<Vec<Vec<String>>, String> {
        self.rows(session, "end", &json!({}))
    }

    /// Asks the server to end a query that was begun.
    pub(crate) fn cancel(&mut self, session: Session, how: Cancel) -> Result<(), String> {
        let call = match how {
            Cancel::Plain => "cancel",
            Cancel::Encrypted => "cancel_encrypted",
        };
        self.on(session, call, &json!({})).map(drop)
    }

    /// The next notification: channel and text.
    pub(crate) fn notification(&mut self, session: Session) -> Result<Vec<Vec<String>>, String> {
        self.rows(session, "notification", &json!({"seconds": 20}))
    }

    #[track_caller]
    pub(crate) fn close(&mut self, session: Session) {
        self.on(session, "close", &json!({})).unwrap();
    }

    fn rows(
        &mut self,
        session: Session,
        call: &str,
        more: &Value,
    ) -> Result<Vec<Vec<String>>, String> {
        let rows = self.on(session, call, more)?["rows"].take();
        Ok(serde_json::from_value(rows).unwrap())
    }

    fn on(&mut self, session: Session, call: &str, more: &Value) -> Result<Value, String> {
        let mut call = json!({"call": call, "number": session.number});
        for (name, value) in more.as_object().unwrap() {
            call[name] = value.clone();
        }
        self.call(&call)
    }

    fn call(&mut self, call: &Value) -> Result<Value, String> {
        let start = || Program::start(&self.variables);
        let program = self.program.get_or_insert_with(start);
        let _ = writeln!(program.to, "{call}"); // if it has ended, the next line says so
        let mut line = String::new();
        program.from.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "psycopg is not installed here: make need-test"
        );
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
