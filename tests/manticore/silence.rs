//! Clients that say nothing, or too little to tell what they speak.

use crate::behind::VERSION;
use crate::front::{ALL, Scene};
use crate::support::client::{open, round_trip};
use crate::support::{Backend, Launch, Pki};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// What is still said to a client up to the end, which may be a reset.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    rest
}

#[test]
fn who_says_less_than_four_bytes_in_time_is_let_go_without_a_word() {
    let scene = Scene::with(&ALL, |launch, _| launch.set("timeout.handshake", "300ms"));
    for port in &scene.front.addresses(3)[..2] {
        for words in [&b""[..], b"G", b"GET", &VERSION[..3], b"\x16\x03\x01"] {
            let begun = Instant::now();
            let mut stream = open(*port).unwrap();
            stream.write_all(words).unwrap();
            assert_eq!(rest(&mut stream), b"", "{words:?}");
            assert!(begun.elapsed().as_millis() >= 250, "{words:?}: too soon");
        }
    }
    assert_eq!(scene.searchd.accepted(), 0, "nobody behind hears of them");
}

#[test]
fn who_ends_before_four_bytes_is_let_go_at_once() {
    let scene = Scene::at(&ALL);
    for port in &scene.front.addresses(3)[..2] {
        for words in [&b""[..], b"GET", &VERSION[..3]] {
            let mut stream = open(*port).unwrap();
            stream.write_all(words).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(rest(&mut stream), b"", "{words:?}");
        }
    }
    assert_eq!(scene.searchd.accepted(), 0);
}

/// What is neither HTTP nor the binary API is taken for TLS, which it is not.
#[test]
fn nonsense_fails_as_a_handshake() {
    let scene = Scene::at(&ALL);
    for port in &scene.front.addresses(3)[..2] {
        for words in [
            &b"OPTIONS / HTTP/1.1\r\n\r\n"[..],
            b"get / HTTP/1.1\r\n\r\n",
            &[0xff; 64],
        ] {
            let mark = scene.front.mark();
            let mut stream = open(*port).unwrap();
            stream.write_all(words).unwrap();
            let answer = rest(&mut stream);
            assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
            scene.front.said_after(mark, "handshake");
        }
    }
}

/// The binary API is patient: once a client is known, the time for that is none of its business.
#[test]
fn a_client_that_is_known_may_be_silent() {
    let scene = Scene::with(&ALL, |launch, _| launch.set("timeout.handshake", "300ms"));
    let mut stream = open(scene.front.address()).unwrap();
    stream.write_all(&VERSION).unwrap();
    let mut heard = [0; 8];
    stream.read_exact(&mut heard).unwrap();
    let mut impatient = open(scene.front.address()).unwrap();
    assert_eq!(rest(&mut impatient), b"", "as long as that");
    round_trip(&mut stream, b"still there");
}

#[test]
fn an_idle_connection_has_the_time_of_its_endpoint() {
    let (pki, patient) = (Pki::new(), Backend::mute());
    let front = Launch::new()
        .endpoint("manticore://127.0.0.1:0,timeout.idle=300ms")
        .endpoint("sphinx://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("backend", &patient.url)
        .start();
    let mut other = open(front.addresses(2)[1]).unwrap();
    let mut idle = open(front.addresses(2)[0]).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(rest(&mut idle), b"");
    other.set_nonblocking(true).unwrap();
    let still = other.read(&mut [0]).unwrap_err();
    assert_eq!(
        still.kind(),
        std::io::ErrorKind::WouldBlock,
        "it is still there"
    );
}
