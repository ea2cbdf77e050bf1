//! Deadlines: of the handshake, of connecting to the backend, of silence. Each is measured.

#![allow(clippy::unwrap_used)]

mod support;

use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use support::client::{open, read_all, round_trip};
use support::{Backend, End, Launch, Peer, Pki};

/// How much later than its time a deadline may be kept.
const TOLERANCE: Duration = Duration::from_millis(100);

/// The beginning of a ClientHello: a record of 512 bytes of which 11 are there.
const HALF_A_HELLO: [u8; 16] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 1, 2, 3, 4, 5];

/// Fails unless `since` lies back as long as `limit` says.
#[track_caller]
fn assert_elapsed(since: Instant, limit: Duration) {
    let elapsed = since.elapsed();
    let on_time = limit..limit + TOLERANCE;
    assert!(
        on_time.contains(&elapsed),
        "{elapsed:?} is not in {on_time:?}"
    );
}

/// A place where connecting neither works nor fails: a listener that never accepts, with a full queue.
struct Nowhere {
    _listener: Socket,
    _queued: Vec<TcpStream>,
    address: SocketAddr,
}

impl Nowhere {
    fn new() -> Nowhere {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let try_again = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queued = std::iter::from_fn(try_again).collect();
        Nowhere {
            _listener: listener,
            _queued: queued,
            address,
        }
    }
}

#[test]
fn half_a_client_hello_has_until_the_handshakes_deadline() {
    let pki = Pki::new();
    let limit = Duration::from_millis(500);
    let daemon = Launch::tls(&pki)
        .set("backend", "service://echo")
        .set("timeout.handshake", "500ms")
        .start();
    for hello in [&HALF_A_HELLO[..], &[]] {
        let begun = Instant::now();
        let mut stream = open(daemon.address()).unwrap();
        stream.write_all(hello).unwrap();
        assert_eq!(stream.read(&mut [0; 100]).unwrap(), 0);
        assert_elapsed(begun, limit);
    }
    daemon.said("handshake: timed out after 500ms");
}

#[test]
fn bytes_that_trickle_in_do_not_move_the_handshakes_deadline() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki)
        .set("backend", "service://echo")
        .set("timeout.handshake", "500ms")
        .start();
    let begun = Instant::now();
    let mut stream = open(daemon.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    for byte in HALF_A_HELLO.iter().chain([0; 100].iter()) {
        // The connection may be over by now.
        if stream.write_all(&[*byte]).is_err() || stream.read(&mut [0]).is_ok() {
            return assert_elapsed(begun, Duration::from_millis(500));
        }
    }
    panic!("still open after {:?}", begun.elapsed());
}

#[test]
fn a_backend_that_does_not_accept_has_until_the_connect_deadline() {
    let pki = Pki::new();
    let nowhere = Nowhere::new();
    let daemon = Launch::tls(&pki)
        .set("backend", format!("tcp://{}", nowhere.address))
        .set("timeout.connect", "400ms")
        .start();
    let begun = Instant::now();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Cut));
    assert_elapsed(begun, Duration::from_millis(400));
    daemon.said(&format!(
        "connect to backend '{}': timed out",
        nowhere.address
    ));
}

#[test]
fn silence_ends_a_connection_in_good_order() {
    let pki = Pki::new();
    let backend = Backend::mute();
    let daemon = Launch::tls(&pki)
        .set("backend", &backend.url)
        .set("timeout.idle", "400ms")
        .start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let begun = Instant::now();
    tls.write_all(b"is anybody there").unwrap();
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    assert_elapsed(begun, Duration::from_millis(400));
    daemon.said("closed, idle for 4");
}

#[test]
fn whoever_speaks_is_not_idle() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = Launch::tls(&pki)
        .set("backend", &backend.url)
        .set("timeout.idle", "400ms")
        .start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let mut last = Instant::now();
    for _ in 0..6 {
        thread::sleep(Duration::from_millis(200));
        last = Instant::now();
        round_trip(&mut tls, b"still there");
    }
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    assert_elapsed(last, Duration::from_millis(400));
}

#[test]
fn a_backend_that_never_speaks_costs_nothing_but_patience() {
    let pki = Pki::new();
    let backend = Backend::mute();
    let daemon = Launch::tls(&pki).set("backend", &backend.url).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    tls.write_all(b"is anybody there").unwrap();
    tls.get_ref()
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let before = support::process::ticks(daemon.pid());
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Silent));
    let used = support::process::ticks(daemon.pid()) - before;
    assert!(
        used <= 2,
        "{used} ticks of processor time while nothing moved"
    );
    tls.get_ref().set_read_timeout(None).unwrap();
    tls.shutdown().unwrap();
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
}

#[test]
fn a_client_that_was_answered_is_not_waited_for_as_long_as_an_answer() {
    let pki = Pki::new();
    let limit = Duration::from_millis(400);
    let slow = Backend::new(|mut stream| {
        let mut asked = [0; 1];
        while stream.read(&mut asked).is_ok_and(|count| count == 1) {
            thread::sleep(Duration::from_millis(900));
            let _ = stream.write_all(&asked);
        }
    });
    let daemon = Launch::tls(&pki)
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", &slow.url)
        .set("timeout.keep-alive", "400ms")
        .start();
    let addresses = daemon.addresses(2);
    let mut tls = Peer::new(&pki).connect(addresses[0]);
    round_trip(&mut tls, b"a");
    let answered = Instant::now();
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    assert_elapsed(answered, limit);
    let mut plain = open(addresses[1]).unwrap();
    round_trip(&mut plain, b"b");
    let answered = Instant::now();
    assert_eq!(plain.read(&mut [0]).unwrap(), 0);
    assert_elapsed(answered, limit);
    let begun = Instant::now();
    let mut silent = open(addresses[1]).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    assert_elapsed(begun, limit);
}
