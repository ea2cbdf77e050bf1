//! The crate in another program: settings by hand, a service of its own, reload and stop by call.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use support::{Peer, Pki};
use tlsport::conn::{Opened, Service, Verdict};
use tlsport::error::Kind;
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
    let mut server = Server::start_with(&first, &prepared, || Box::new(Shout)).unwrap();
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
