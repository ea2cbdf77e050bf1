//! Servers that speak as kdb+ does, one of WebSockets, and one where nobody answers.
#![allow(dead_code)] // not every program of tests has all of them

use crate::support::Pki;
use crate::support::python::{Python, installed};
use crate::support::tls_backend::{Identity, Tls, TlsBackend, echo};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// As kdb+: hears who is there, answers with the capability that both have, and says back what it hears then. Whoever is
/// not `me` with the password `it` is cut off without a word.
pub(crate) struct Kdb {
    tls: TlsBackend,
    hellos: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Kdb {
    pub(crate) fn new(pki: &Pki) -> Kdb {
        Kdb::with(Identity::new(&pki.server()))
    }

    pub(crate) fn with(identity: Identity) -> Kdb {
        let hellos = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let hears = Arc::clone(&hellos);
        let tls = identity.serve(move |mut tls| {
            let hello = hear_hello(&mut tls);
            hears.lock().unwrap().push(hello.clone());
            let known = hello.strip_prefix(b"me:it").or(hello.strip_prefix(b""));
            let wrong = hello.contains(&b':') && !hello.starts_with(b"me:it");
            let Some(capability) = known.filter(|_| !wrong) else {
                return;
            };
            let common = capability.first().map_or(0, |theirs| 3.min(*theirs));
            if tls.write_all(&[common]).is_ok() {
                echo(tls);
            }
        });
        Kdb { tls, hellos }
    }

    pub(crate) fn url(&self, credentials: &str) -> String {
        format!("tcps://localhost:{}{credentials}", self.tls.port())
    }

    pub(crate) fn tls(&self) -> &TlsBackend {
        &self.tls
    }

    pub(crate) fn hellos(&self) -> Vec<Vec<u8>> {
        self.hellos.lock().unwrap().clone()
    }
}

/// What comes before the zero byte.
fn hear_hello(tls: &mut Tls) -> Vec<u8> {
    let mut hello = Vec::new();
    let mut byte = [0];
    while tls.read_exact(&mut byte).is_ok() && byte[0] != 0 {
        hello.push(byte[0]);
    }
    hello
}

/// Python's websockets, in TLS: says `welcome`, then what it hears; `pieces` in frames of one letter, with a ping in
/// between.
pub(crate) struct WebSockets {
    pub(crate) url: String,
    _python: Python,
}

impl WebSockets {
    /// `None`, where Python does not have them.
    pub(crate) fn start(pki: &Pki) -> Option<WebSockets> {
        let Some(interpreter) = installed("kdb") else {
            eprintln!("skipped: Python's websockets are not installed here (make need-test)");
            return None;
        };
        let script = include_str!("websockets.py");
        let mut python = Python::start(&interpreter, script, &[]);
        let started = python.call(&serde_json::json!({ "keyfile": pki.server() }));
        let port = started.unwrap()["port"].as_u64().unwrap();
        Some(WebSockets {
            url: format!("wss://localhost:{port}"),
            _python: python,
        })
    }
}

/// An address that does not answer: a listener whose queue is full.
pub(crate) struct Unreachable {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queue: Vec<Socket>,
}

impl Unreachable {
    pub(crate) fn new() -> Unreachable {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let met = socket.connect_timeout(&SockAddr::from(address), Duration::from_millis(100));
            queue.push(socket);
            if met.is_err() {
                break;
            }
        }
        Unreachable {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}
