//! PostgreSQL's client library, called by Python (`libpq.py`): the newest one, where `.ci/need` could have it.

use crate::support::python::{Python, installed};
use serde_json::{Value, json};

/// A program that has connections, once it is asked for one.
#[derive(Default)]
pub(crate) struct Libpq {
    variables: Vec<(String, String)>,
    program: Option<Python>,
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

fn start(variables: &[(String, String)]) -> Python {
    let interpreter = installed("psycopg").unwrap_or_else(|| "/usr/bin/python3".into());
    let patience = [("PGCONNECT_TIMEOUT".into(), "20".into())];
    Python::start(
        &interpreter,
        include_str!("libpq.py"),
        &[variables, &patience].concat(),
    )
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
        let program = self.program.get_or_insert_with(|| start(&self.variables));
        program.call(call)
    }
}
