//! Clients that stop: before their first byte, in a hello of TLS, in their own. Each has its deadline.

use crate::front::{Scene, WAYS, Way, both, connect};
use crate::kdbplus::Server;
use crate::support::Pki;
use crate::support::client::open;
use crate::wire::{self, ask, begin};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// How much later than its time a deadline may be kept, on a busy machine.
const TOLERANCE: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_millis(500);

/// A front that waits for half a second, for what the setting says.
fn impatient(setting: &str) -> Scene {
    let (pki, server) = (Pki::new(), Server::plain());
    let launch = both(&pki).set("backend", server.url());
    let front = launch.set(setting, "500ms").start();
    Scene { front, server, pki }
}

/// Fails unless the other side ends without a word when half a second has passed.
#[track_caller]
fn assert_ended_in_time(stream: &mut (impl Read + ?Sized), since: Instant) {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // how it ends is another matter
    assert!(answer.is_empty(), "{answer:?}");
    let (elapsed, on_time) = (since.elapsed(), LIMIT..LIMIT + TOLERANCE);
    assert!(
        on_time.contains(&elapsed),
        "{elapsed:?} is not in {on_time:?}"
    );
}

#[test]
fn a_client_that_says_nothing_or_half_a_hello_of_tls_has_until_the_handshakes_deadline() {
    let scene = impatient("timeout.handshake");
    for beginning in [&b""[..], &[22, 3, 1, 2, 0, 1, 0, 1]] {
        let begun = Instant::now();
        let mut stream = open(scene.address()).unwrap();
        stream.write_all(beginning).unwrap();
        assert_ended_in_time(&mut stream, begun);
    }
    assert_eq!(scene.server.log(), "", "the server heard of nobody");
}

#[test]
fn half_a_hello_and_then_nothing_has_until_the_deadline_of_silence() {
    let scene = impatient("timeout.idle");
    for way in WAYS {
        let mut stream = scene.open(way);
        let begun = Instant::now();
        stream.write_all(b"user:pa").unwrap();
        assert_ended_in_time(&mut *stream, begun);
    }
    scene.server.said("a connection ended");
}

#[test]
fn connections_that_were_welcomed_outlive_the_handshakes_deadline() {
    let scene = impatient("timeout.handshake");
    let mut sessions = WAYS.map(|way| scene.open(way));
    for stream in &mut sessions {
        begin(&mut **stream);
    }
    let begun = Instant::now();
    assert_ended_in_time(&mut *connect_silently(&scene), begun);
    for stream in &mut sessions {
        let longs = wire::longs(&[1, 2, 3]);
        assert_eq!(ask(&mut **stream, &longs), longs);
    }
}

/// A connection that says nothing, after those of which something is to be seen.
fn connect_silently(scene: &Scene) -> Box<dyn crate::front::Stream> {
    connect(Way::Plain, &scene.pki, scene.address())
}
