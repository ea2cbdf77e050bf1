//! Clients in Python (`clients.py`): qPython, which knows no TLS and has its socket wrapped, and kola, which has rustls.

use crate::front::Way;
use crate::support::Pki;
use crate::support::python::{Python, installed};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A program that has connections.
pub(crate) struct Clients(Python);

/// One of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    QPython,
    Kola,
}

pub(crate) const CLIENTS: [Client; 2] = [Client::QPython, Client::Kola];

/// One of the connections.
pub(crate) struct Session(u64);

impl Clients {
    /// `None`, said aloud, where `.ci/need` could not have them.
    pub(crate) fn start() -> Option<Clients> {
        let Some(interpreter) = installed("kdb") else {
            println!("skipped: Python's clients of kdb+ are not installed");
            return None;
        };
        let script = include_str!("clients.py");
        Some(Clients(Python::start(&interpreter, script, &[])))
    }

    /// Connects and says who it is, or says why that failed. In TLS it trusts the tests' CA; kola anybody.
    pub(crate) fn connect(
        &mut self,
        client: Client,
        way: Way,
        pki: &Pki,
        address: SocketAddr,
        password: &str,
    ) -> Result<Session, String> {
        let answer = self.0.call(&json!({
            "call": "connect", "client": format!("{client:?}"), "host": "127.0.0.1", "port": address.port(),
            "user": "user", "password": password, "ca": (way == Way::Tls).then(|| pki.ca()),
        }))?;
        Ok(Session(answer["number"].as_u64().unwrap()))
    }

    /// What is answered to a query; an error as q writes it.
    #[track_caller]
    pub(crate) fn ask(&mut self, session: &Session, query: &str) -> Value {
        self.call(session, "ask", json!([query]))
    }

    /// How many longs the server has counted: a query with a parameter.
    #[track_caller]
    pub(crate) fn count(&mut self, session: &Session, longs: u32) -> Value {
        self.call(session, "count", json!([longs]))
    }

    /// What the server says without being asked.
    #[track_caller]
    pub(crate) fn greeting(&mut self, session: &Session) -> Value {
        self.call(session, "greeting", json!([]))
    }

    #[track_caller]
    fn call(&mut self, session: &Session, method: &str, arguments: Value) -> Value {
        let call =
            json!({"call": "do", "number": session.0, "method": method, "arguments": arguments});
        self.0.call(&call).unwrap()["answer"].take()
    }

    /// Starts a server of WebSockets that says back what it hears, in TLS where it has a keyfile, and says its port.
    #[track_caller]
    pub(crate) fn serve_websockets(&mut self, keyfile: Option<String>) -> u64 {
        let call = json!({"call": "serve websockets", "keyfile": keyfile});
        let answer = self.0.call(&call).unwrap();
        answer["port"].as_u64().unwrap()
    }

    /// Sends a text and so many bytes to such a server, and says which text came back, and whether the bytes did.
    pub(crate) fn exchange(
        &mut self,
        url: &str,
        ca: Option<String>,
        length: usize,
    ) -> Result<Value, String> {
        let call = json!({"call": "exchange", "url": url, "ca": ca, "length": length});
        self.0.call(&call).map(|mut answer| answer["answer"].take())
    }
}
