//! Stopping: what is open may end, what is new is refused, and not for longer than was said.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use support::backend::say_pattern;
use support::client::{drain, open, read_all, round_trip};
use support::pattern::Check;
use support::{Backend, End, Launch, Peer, Pki, eventually};

fn echo(pki: &Pki) -> Launch {
    Launch::tls(pki).set("backend", "service://echo")
}

#[test]
fn a_transfer_that_is_under_way_is_completed() {
    const LENGTH: u64 = 100_000_007;
    let pki = Pki::new();
    let backend = Backend::source(LENGTH);
    for signal in ["TERM", "INT"] {
        let mut daemon = Launch::tls(&pki).set("backend", &backend.url).start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        let mut check = Check::default();
        let mut begun = [0; 1000];
        tls.read_exact(&mut begun).unwrap();
        check.take(&begun);
        daemon.signal(signal);
        daemon.said("stopping: open connections have 30s to end");
        eventually("the end of listening", || open(daemon.address()).err());
        assert!(daemon.has_ended().is_none(), "it did not wait");
        let end = drain(&mut tls, |bytes| check.take(bytes));
        assert_eq!((check.position, end), (LENGTH, End::Clean));
        tls.shutdown().unwrap();
        assert_eq!(daemon.wait().code(), Some(0));
    }
}

#[test]
fn nobody_is_let_in_any_more() {
    let pki = Pki::new();
    let daemon = echo(&pki).endpoint("tcp://127.0.0.1:0").start();
    let addresses = daemon.addresses(2);
    let mut inside = Peer::new(&pki).connect(addresses[0]);
    daemon.signal("TERM");
    for address in addresses {
        let refused = eventually("a refusal", || open(address).err());
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    round_trip(&mut inside, b"those inside are served");
}

/// Whoever has connected before the signal is served, handshake and all.
#[test]
fn a_handshake_that_is_under_way_is_completed() {
    let pki = Pki::new();
    let mut daemon = echo(&pki).start();
    let connected = open(daemon.address()).unwrap();
    daemon.signal("TERM");
    daemon.said("stopping");
    let mut tls = support::client::handshake(Peer::new(&pki).ssl(), connected).unwrap();
    round_trip(&mut tls, b"in time");
    tls.shutdown().unwrap();
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn with_nobody_inside_it_ends_at_once() {
    let pki = Pki::new();
    let mut daemon = echo(&pki).start();
    let begun = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn whoever_does_not_end_in_time_is_ended() {
    let pki = Pki::new();
    let mut daemon = echo(&pki).set("timeout.drain", "500ms").start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let _stuck = open(daemon.address()).unwrap(); // in the middle of its handshake
    round_trip(&mut tls, b"before");
    let begun = Instant::now();
    daemon.signal("TERM");
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    assert_eq!(daemon.wait().code(), Some(0));
    let elapsed = begun.elapsed();
    let on_time = Duration::from_millis(500)..Duration::from_millis(1000);
    assert!(on_time.contains(&elapsed), "{elapsed:?}");
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let pki = Pki::new();
    for signal in ["TERM", "INT"] {
        let mut daemon = echo(&pki).start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        daemon.signal("TERM");
        daemon.said("stopping: open connections have");
        daemon.signal("HUP"); // is none of these
        round_trip(&mut tls, b"still here");
        let begun = Instant::now();
        daemon.signal(signal);
        assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
        assert_eq!(daemon.wait().code(), Some(0));
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
}

/// A backend that says nothing and a client that reads nothing cannot hold it up.
#[test]
fn a_client_that_reads_nothing_does_not_outlive_the_deadline() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        let mut all = std::iter::repeat_with(|| stream.write_all(&[0; 65536]));
        let _ = all.find(Result::is_err);
    });
    let mut daemon = Launch::tls(&pki)
        .set("backend", &backend.url)
        .set("timeout.drain", "300ms")
        .start();
    let tls = Peer::new(&pki).connect(daemon.address());
    let begun = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    drop(tls);
}

/// A stop under load: whoever got a connection is served by it, and everybody else is refused.
#[test]
fn a_stop_under_load_serves_whoever_got_in() {
    let pki = Pki::new();
    let backend = Backend::echo();
    for _ in 0..4 {
        let mut daemon = Launch::tls(&pki).set("backend", &backend.url).start();
        let address = daemon.address();
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let client = Peer::new(&pki);
                std::thread::spawn(move || {
                    // Until a connection is refused.
                    while let Ok(stream) = open(address) {
                        let mut tls = support::client::handshake(client.ssl(), stream).unwrap();
                        say_pattern(&mut tls, 20_011);
                        tls.shutdown().unwrap();
                        let (said, end) = read_all(&mut tls);
                        assert_eq!((said.len(), end), (20_011, End::Clean));
                    }
                })
            })
            .collect();
        eventually("some visits", || {
            (backend.accepted() % 20 > 10).then_some(())
        });
        daemon.signal("TERM");
        let failed = clients.into_iter().filter_map(|client| client.join().err());
        assert_eq!(failed.count(), 0, "somebody got in and was not served");
        assert_eq!(daemon.wait().code(), Some(0));
    }
}
