//! The library's own client, as a program that would call `hopen` uses it: at the crate's acceptor, and at our front.

use crate::front::{Scene, listening};
use crate::kdbplus::Server;
use crate::support::Pki;
use crate::support::backend::closed_port;
use crate::wire::{ONE_AND_ONE, TWO, WELCOME, hear};
use std::io::Write;
use tlsport::client::{Client, Destination, Link};
use tlsport::error::Kind;
use tlsport::settings::Settings;

fn client(pki: &Pki, destination: Destination) -> Client {
    let mut settings = Settings::default();
    settings.set("ssl.cafile", &pki.ca()).unwrap();
    Client::to(&settings, destination).unwrap()
}

fn destination(text: &str) -> Destination {
    text.parse().unwrap()
}

#[track_caller]
fn asks(link: &mut Link) {
    assert_eq!(link.capability(), Some(WELCOME));
    link.write_all(&ONE_AND_ONE).unwrap();
    assert_eq!(hear(link).unwrap(), TWO);
}

#[test]
fn it_opens_a_connection_to_the_crates_acceptor() {
    let pki = Pki::new();
    let server = Server::tls(&pki.server());
    let known = destination(&format!("{}:user:pass", server.tls_url()));
    let mut link = client(&pki, known).open().unwrap();
    hear(&mut link).unwrap(); // its first words, which nobody asked for
    asks(&mut link);
    let unknown = destination(&format!("{}:user:wrong", server.tls_url()));
    let refused = client(&pki, unknown).open().err().unwrap();
    assert_eq!(refused.kind(), Kind::Peer, "{refused}");
}

#[test]
fn it_comes_to_a_port_for_plain_and_tls_and_comes_back_resumed() {
    let scene = Scene::new();
    let port = scene.address().port();
    let there = destination(&format!("tcps://127.0.0.1:{port}:user:pass"));
    let client = client(&scene.pki, there);
    for resumed in [false, true] {
        let mut link = client.open().unwrap();
        assert_eq!(link.facts().resumed, resumed);
        asks(&mut link);
        link.close().unwrap();
    }
}

#[test]
fn it_finds_the_socket_that_is_named_after_a_port() {
    let pki = Pki::new();
    let server = Server::plain();
    let port = closed_port();
    let arguments = ["-E", "2", "-p", &format!("127.0.0.1:{port}")];
    let _front = listening(&arguments, 2, &pki.server())
        .env("QUDSPATH", pki.directory())
        .set("backend", server.url())
        .start();
    let there = destination(&format!("unixs://{port}:user:pass"));
    let there = there.with_socket_directory(pki.directory());
    asks(&mut client(&pki, there).open().unwrap());
}
