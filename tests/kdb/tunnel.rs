//! Clients without TLS at servers with TLS: a plain endpoint, and the server's TLS behind it.

use crate::clients::{Client, Clients};
use crate::front::{WAYS, Way, both, connect, plain};
use crate::kdbplus::{self, Server, USER, answers};
use crate::support::client::open;
use crate::support::{Daemon, Pki, pattern};
use crate::wire::{self, HELLO, ONE_AND_ONE, TWO, ask, hear};
use serde_json::json;
use std::io::{Read, Write};

/// What the crate's acceptor says in TLS before it is asked.
const FIRST_WORDS: &str = ".kdbplus.close_tls_connection_:{[] hclose .z.w;}";

/// A front without TLS before a server with it, which it trusts by the tests' CA.
fn tunnel(server: &Server, pki: &Pki) -> Daemon {
    plain()
        .set("backend", server.tls_url())
        .set("backend.cafile", pki.ca())
        .start()
}

#[test]
fn clients_without_tls_reach_a_server_that_has_nothing_else() {
    let pki = Pki::new();
    let server = Server::tls(&pki.server());
    let front = tunnel(&server, &pki);
    let mut stream = open(front.address()).unwrap();
    wire::begin(&mut stream);
    stream.write_all(&ONE_AND_ONE).unwrap();
    let words = hear(&mut stream).unwrap();
    assert_eq!(words[..2], [1, 0], "asynchronous");
    assert_eq!(words[8..], wire::text(FIRST_WORDS));
    assert_eq!(hear(&mut stream).unwrap(), TWO);

    let mut client = kdbplus::client("ask", Way::Plain, front.address(), USER, "");
    let told = answers(client.args(["1+1", "til 5", "'oops"]));
    assert_eq!(told, ["2", "0 1 2 3 4", "'oops"]);

    let Some(mut clients) = Clients::start() else {
        return;
    };
    let session = clients
        .connect(Client::QPython, Way::Plain, &pki, front.address(), "pass")
        .unwrap();
    assert_eq!(clients.greeting(&session), json!(FIRST_WORDS));
    assert_eq!(clients.ask(&session, "til 3"), json!([0, 1, 2]));
}

#[test]
fn a_query_of_64_megabytes_and_a_compressed_answer_go_through() {
    let pki = Pki::new();
    let server = Server::tls(&pki.server());
    let front = tunnel(&server, &pki);
    let mut stream = open(front.address()).unwrap();
    wire::begin(&mut stream);
    assert_eq!(hear(&mut stream).unwrap()[1], 0, "its first words");
    let count = wire::call("count", &wire::bytes(&pattern::bytes(64 << 20)));
    assert_eq!(ask(&mut stream, &count), wire::long(64 << 20));

    stream
        .write_all(&wire::query(&wire::text("til 1000")))
        .unwrap();
    let answer = hear(&mut stream).unwrap();
    assert_eq!(answer[..4], [1, 2, 1, 0], "a compressed response");
    let mut client = kdbplus::client("ask", Way::Plain, front.address(), USER, "");
    let numbers: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(answers(client.arg("til 1000")), [numbers.join(" ")]);
}

#[test]
fn a_wrong_password_ends_both_connections() {
    let pki = Pki::new();
    let server = Server::tls(&pki.server());
    let front = tunnel(&server, &pki);
    let mut client = kdbplus::client("ask", Way::Plain, front.address(), "user:wrong", "");
    let said = kdbplus::ask(client.arg("1+1"));
    assert!(said.err.contains("authentication failure"), "{said:?}");
}

#[test]
fn a_server_that_is_not_trusted_hears_no_password() {
    let pki = Pki::new();
    let server = Server::tls(&pki.foreign_server());
    let front = tunnel(&server, &pki);
    let mut stream = open(front.address()).unwrap();
    stream.write_all(HELLO).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // or it is reset
    assert!(answer.is_empty(), "{answer:?}");
    front.said("unable to get local issuer certificate");
}

#[test]
fn tls_may_be_spoken_on_both_sides_and_many_do_it_at_once() {
    let pki = Pki::new();
    let server = Server::tls(&pki.server());
    let front = both(&pki)
        .set("backend", server.tls_url())
        .set("backend.cafile", pki.ca())
        .start();
    for way in WAYS {
        wire::begin(&mut *connect(way, &pki, front.address()));
        let mut crowd = kdbplus::client("crowd", way, front.address(), USER, &pki.ca());
        let said = kdbplus::ask(crowd.args(["50", "10"]));
        assert!(said.out.contains("answered: 500"), "{way:?}: {said:?}");
    }
}
