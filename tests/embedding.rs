//! The crate in another program: settings by hand, a service of its own, reload and stop by call.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Peer, Pki};
use tlsport::conn::{Message, Opened, Service, Verdict};
use tlsport::error::{Error, Kind};
use tlsport::server::Server;
use tlsport::settings::{Builder, Origin, Settings};
use tlsport::tls::Prepared;

/// Says what was negotiated, then answers in capitals, and ends after a full stop.
struct Shout;

impl Service for Shout {
    fn open(&mut self, opened: &Opened<'_>, out: &mut Vec<u8>) -> Verdict {
        let facts = opened.facts.expect("the endpoint speaks TLS");
        out.extend_from_slice(facts.protocol.as_bytes());
        Verdict::Continue
    }

    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        out.extend(input.to_ascii_uppercase());
        if input.ends_with(b".") {
            Verdict::Finish
        } else {
            Verdict::Continue
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Verdict {
        out.extend_from_slice(b"bye");
        Verdict::Finish
    }
}

fn settings(pki: &Pki, more: &[(&str, &str)]) -> (Settings, Prepared) {
    let keyfile = pki.server();
    let mut builder = Builder::new(Settings::default());
    let base = [
        ("server.endpoint", "ssl://127.0.0.1:0"),
        ("ssl.keyfile", keyfile.as_str()),
        ("backend", "service://program"),
    ];
    for (name, value) in base.iter().chain(more) {
        builder.set(name, value, Origin::Program);
    }
    let (settings, _) = builder.finish().unwrap();
    let (prepared, _) = Prepared::load(&settings).unwrap();
    (settings, prepared)
}

fn address(server: &Server) -> SocketAddr {
    server.places().next().unwrap().parse().unwrap()
}

#[test]
fn a_program_answers_with_a_service_of_its_own() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[]);
    let server = Server::start_with(&settings, &prepared, || Box::new(Shout)).unwrap();
    let mut client = Peer::new(&pki).connect(address(&server));
    client.write_all(b"hello.").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "TLSv1.2HELLO.");
    assert_eq!(server.totals().handshakes_full, 1);
}

#[test]
fn a_service_is_told_of_the_clients_end_and_has_the_last_word() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[]);
    let server = Server::start_with(&settings, &prepared, || Box::new(Shout)).unwrap();
    let mut client = Peer::new(&pki).connect(address(&server));
    client.shutdown().unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "TLSv1.2bye");
}

#[test]
fn a_reload_by_call_changes_new_connections_and_a_drain_ends_the_server() {
    let pki = Pki::new();
    let (first, prepared) = settings(&pki, &[]);
    let server = Server::start_with(&first, &prepared, || Box::new(Shout)).unwrap();
    let before = address(&server);
    let mut open = Peer::new(&pki).connect(before);
    let (second, prepared) = settings(&pki, &[("ssl.protocol", "6")]);
    server.reload(&second, &prepared).unwrap();
    assert_eq!(address(&server), before, "the socket stays");
    let new = Peer::new(&pki).connect(before);
    assert_eq!(new.ssl().version_str(), "TLSv1.3");
    drop(new);
    server.drain(None);
    open.write_all(b"still here.").unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "TLSv1.2STILL HERE.");
    drop(open);
    server.wait();
    assert!(server.is_over());
}

#[test]
fn a_service_of_the_program_has_to_be_brought_along() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[]);
    let problems = Server::start(&settings, &prepared).err().unwrap();
    assert_eq!(problems.0[0].kind(), Kind::Settings);
    assert_eq!(
        problems.to_string(),
        "backend 'service://program': it is for programs that bring a service of their own"
    );
    let server = Server::start_with(&settings, &prepared, || Box::new(Shout)).unwrap();
    server.drain(Some(Duration::ZERO));
}

/// Answers "?" by handing its number to another thread, reads nothing more until that has told it what to say, and
/// says how it ended.
struct Asks {
    id: u64,
    ask: Sender<u64>,
    ends: Sender<Option<Kind>>,
    waits: bool,
}

impl Service for Asks {
    fn open(&mut self, opened: &Opened<'_>, _: &mut Vec<u8>) -> Verdict {
        self.id = opened.id;
        Verdict::Continue
    }

    fn data(&mut self, _: &[u8], _: &mut Vec<u8>) -> Verdict {
        assert!(!self.waits, "paused");
        self.waits = true;
        self.ask.send(self.id).unwrap();
        Verdict::Continue
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Verdict {
        Verdict::Finish
    }

    fn message(&mut self, message: Message, out: &mut Vec<u8>) -> Verdict {
        out.extend_from_slice(message.downcast_ref::<String>().unwrap().as_bytes());
        self.waits = false;
        Verdict::Continue
    }

    fn is_paused(&self) -> bool {
        self.waits
    }

    fn closed(&mut self, end: Result<(), &Error>) {
        self.ends.send(end.err().map(Error::kind)).unwrap();
    }
}

/// A server of these, what is asked, and how connections end.
fn asking(
    settings: &Settings,
    prepared: &Prepared,
) -> (Server, Receiver<u64>, Receiver<Option<Kind>>) {
    let (ask, asked) = channel();
    let (ends, ended) = channel();
    let make = move || -> Box<dyn Service> {
        Box::new(Asks {
            id: 0,
            ask: ask.clone(),
            ends: ends.clone(),
            waits: false,
        })
    };
    let server = Server::start_with(settings, prepared, make).unwrap();
    (server, asked, ended)
}

/// A message that tells when it is dropped.
struct Witness(Sender<()>);

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn an_answer_from_another_thread_wakes_the_connection_it_is_for() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[("threads", "3")]);
    let (server, asked, ended) = asking(&settings, &prepared);
    let mut clients: Vec<_> = (0..6)
        .map(|_| Peer::new(&pki).connect(address(&server)))
        .collect();
    let mut ids = Vec::new();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(b"?").unwrap();
            let id = asked.recv().unwrap();
            server
                .tell(id, Box::new(format!("{round}.{number}")))
                .unwrap();
            let mut answer = [0; 3];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, *format!("{round}.{number}").as_bytes());
            ids.push(id);
        }
    }
    assert_eq!(ids[..6], ids[6..12], "a connection keeps its number");
    ids.truncate(6);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "and shares it with no other");

    for client in &mut clients {
        client.shutdown().unwrap();
        assert_eq!(ended.recv().unwrap(), None, "in good order");
    }
    let (witness, dropped) = channel();
    server
        .tell(ids[0], Box::new(Witness(witness.clone())))
        .unwrap();
    dropped.recv().unwrap();
    server
        .tell(u64::MAX, Box::new(Witness(witness.clone())))
        .unwrap();
    dropped.recv().unwrap();
    server.drain(None);
    server.wait();
    assert!(server.tell(ids[0], Box::new(Witness(witness))).is_err());
}

#[test]
fn a_server_that_is_dropped_tells_its_services_why() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[]);
    let (server, asked, ended) = asking(&settings, &prepared);
    let mut client = Peer::new(&pki).connect(address(&server));
    client.write_all(b"?").unwrap();
    asked.recv().unwrap();
    assert!(!server.wait_until(Some(Instant::now())));
    drop(server);
    assert_eq!(ended.recv().unwrap(), Some(Kind::Timeout));
    assert!(ended.try_recv().is_err(), "once");
}

/// Drops the server at the first word.
struct Drops {
    server: Arc<Mutex<Option<Server>>>,
    ends: Sender<Option<Kind>>,
}

impl Service for Drops {
    fn open(&mut self, _: &Opened<'_>, _: &mut Vec<u8>) -> Verdict {
        Verdict::Continue
    }

    fn data(&mut self, _: &[u8], _: &mut Vec<u8>) -> Verdict {
        drop(self.server.lock().unwrap().take());
        Verdict::Continue
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Verdict {
        Verdict::Finish
    }

    fn closed(&mut self, end: Result<(), &Error>) {
        self.ends.send(end.err().map(Error::kind)).unwrap();
    }
}

#[test]
fn a_server_can_be_dropped_by_one_of_its_services() {
    let pki = Pki::new();
    let (settings, prepared) = settings(&pki, &[("threads", "2")]);
    let kept = Arc::new(Mutex::new(None));
    let (ends, ended) = channel();
    let server = Arc::clone(&kept);
    let make = move || -> Box<dyn Service> {
        Box::new(Drops {
            server: Arc::clone(&server),
            ends: ends.clone(),
        })
    };
    let server = Server::start_with(&settings, &prepared, make).unwrap();
    let address = address(&server);
    *kept.lock().unwrap() = Some(server);
    let mut clients = [(); 4].map(|()| Peer::new(&pki).connect(address));
    clients[0].write_all(b"!").unwrap();
    for client in &mut clients {
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "an end in good order");
        assert_eq!(ended.recv().unwrap(), Some(Kind::Timeout));
    }
    assert!(ended.recv().is_err(), "nobody is left");
}
