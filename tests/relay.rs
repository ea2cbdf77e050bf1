//! Bytes between clients and the backend: all of them, in order, and how each side learns of the other's end.

mod support;

use std::io::{Read, Write};
use support::backend::{hear_pattern, say_pattern};
use support::client::{drain, open, read_all, round_trip};
use support::pattern::{self, Check};
use support::{Backend, Daemon, End, Launch, Peer, Pki};

const GIB: u64 = 1 << 30;

fn in_front_of(backend: &Backend, pki: &Pki) -> Daemon {
    Launch::tls(pki).set("backend", &backend.url).start()
}

#[test]
fn a_gibibyte_goes_down_unchanged() {
    let pki = Pki::new();
    let backend = Backend::source(GIB);
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let mut check = Check::default();
    let end = drain(&mut tls, |bytes| check.take(bytes));
    assert_eq!((check.position, end), (GIB, End::Clean));
}

#[test]
fn a_gibibyte_goes_up_unchanged() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        let heard = hear_pattern(&mut stream).unwrap();
        stream.write_all(heard.to_string().as_bytes()).unwrap();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    say_pattern(&mut tls, GIB);
    tls.shutdown().unwrap();
    let (answer, end) = read_all(&mut tls);
    assert_eq!(String::from_utf8(answer).unwrap(), GIB.to_string());
    assert_eq!(end, End::Clean);
}
