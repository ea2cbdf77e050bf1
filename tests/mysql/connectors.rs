//! Clients in Python (`connectors.py`): PyMySQL, and MySQL's connector, on MySQL's client library and without it.

use crate::server::PASSWORD;
use crate::support::python::{Python, installed};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A program that has connections.
pub(crate) struct Connectors(Python);

/// One of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    PyMySql,
    /// MySQL's connector on libmysqlclient.
    Connector,
    /// MySQL's connector in pure Python.
    PureConnector,
}

pub(crate) const CLIENTS: [Client; 3] = [Client::PyMySql, Client::Connector, Client::PureConnector];

/// One of the connections.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    number: u64,
    /// What encrypts it, as the client knows it.
    pub(crate) cipher: Option<String>,
}

impl Client {
    /// What makes it ask for TLS, and not care with whom.
    pub(crate) fn encrypted(self) -> Value {
        match self {
            Client::PyMySql => json!({"ssl": {}}),
            Client::Connector | Client::PureConnector => json!({"ssl_disabled": false}),
        }
    }

    /// What makes it accept a server of that name with a certificate of that CA, and no other.
    pub(crate) fn verifying(self, name: &str, ca: &str) -> Value {
        match self {
            Client::PyMySql => json!({
                "host": name, "ssl_ca": ca, "ssl_verify_cert": true, "ssl_verify_identity": true,
            }),
            Client::Connector | Client::PureConnector => json!({
                "host": name, "ssl_ca": ca, "ssl_verify_cert": true, "ssl_verify_identity": true,
            }),
        }
    }

    /// Whether it may become somebody else in its connection.
    pub(crate) fn can_change_user(self) -> bool {
        self != Client::PyMySql
    }

    /// What makes it stay plain.
    pub(crate) fn plain(self) -> Value {
        json!({"ssl_disabled": true})
    }
}

impl Connectors {
    /// `None`, said aloud, where `.ci/need` could not have them.
    pub(crate) fn start() -> Option<Connectors> {
        let Some(interpreter) = installed("connectors") else {
            println!("skipped: Python's connectors are not installed");
            return None;
        };
        Some(Connectors(Python::start(
            &interpreter,
            include_str!("connectors.py"),
            &[],
        )))
    }

    /// Connects as a user, with more options, or says why that failed.
    pub(crate) fn connect(
        &mut self,
        client: Client,
        address: SocketAddr,
        user: &str,
        more: &Value,
    ) -> Result<Session, String> {
        let mut options = json!({
            "host": "127.0.0.1", "port": address.port(), "user": user, "password": PASSWORD,
        });
        for (name, value) in more.as_object().unwrap() {
            options[name] = value.clone();
        }
        let call = json!({"call": "connect", "client": format!("{client:?}"), "options": options});
        let session = self.0.call(&call)?;
        Ok(Session {
            number: session["number"].as_u64().unwrap(),
            cipher: session["cipher"].as_str().map(str::to_owned),
        })
    }

    /// The only value that a query brings.
    #[track_caller]
    pub(crate) fn value(&mut self, session: &Session, sql: &str) -> String {
        let call = json!({"call": "query", "number": session.number, "sql": sql});
        let rows = self.rows(&call);
        assert!(rows.len() == 1 && rows[0].len() == 1, "{rows:?}");
        rows[0][0].clone()
    }

    /// What a prepared order brings, executed with each row of values.
    #[track_caller]
    pub(crate) fn prepared(
        &mut self,
        session: &Session,
        sql: &str,
        values: &Value,
    ) -> Vec<Vec<String>> {
        let number = session.number;
        self.rows(&json!({"call": "prepared", "number": number, "sql": sql, "values": values}))
    }

    /// Becomes somebody else.
    pub(crate) fn change_user(&mut self, session: &Session, user: &str) -> Result<(), String> {
        let call = json!({
            "call": "change_user", "number": session.number, "user": user, "password": PASSWORD,
        });
        self.0.call(&call).map(drop)
    }

    #[track_caller]
    pub(crate) fn close(&mut self, session: &Session) {
        let call = json!({"call": "close", "number": session.number});
        self.0.call(&call).unwrap();
    }

    #[track_caller]
    fn rows(&mut self, call: &Value) -> Vec<Vec<String>> {
        let rows = self.0.call(call).unwrap()["rows"].take();
        serde_json::from_value(rows).unwrap()
    }
}
