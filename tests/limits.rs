//! Ceilings: on connections, on handshakes in progress, on one address's share, and on the descriptors of the system.

#![allow(clippy::unwrap_used)]

mod support;

use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use support::client::{Tls, handshake, open, read_all, round_trip};
use support::process::{descriptors, ticks};
use support::{Backend, Daemon, Launch, PATIENCE, Peer, Pki, eventually};

fn echo(pki: &Pki) -> Launch {
    Launch::tls(pki).set("backend", "service://echo")
}

/// A client that is still waiting for its handshake; it sends some bytes once it has had it.
fn waiting(pki: &Pki, daemon: &Daemon) -> thread::JoinHandle<Tls> {
    let client = Peer::new(pki);
    let address = daemon.address();
    let thread = thread::spawn(move || {
        let mut tls = client.connect(address);
        round_trip(&mut tls, b"at last");
        tls
    });
    thread::sleep(Duration::from_millis(300)); // nothing is to happen, and that takes time to see
    assert!(!thread.is_finished(), "it was let in");
    thread
}

fn let_in(waiting: thread::JoinHandle<Tls>) -> Tls {
    eventually("a place for whoever waited", || {
        waiting.is_finished().then_some(())
    });
    waiting.join().unwrap()
}

/// Ends a connection and sees that it has ended.
fn close(mut tls: Tls) {
    tls.shutdown().unwrap();
    read_all(&mut tls);
}

/// Connects from an address of this machine's choice.
fn open_from(source: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn connections_over_the_ceiling_wait_until_one_ends() {
    let pki = Pki::new();
    let daemon = echo(&pki).set("limit.connections", "3").start();
    let client = Peer::new(&pki);
    let mut open: Vec<Tls> = (0..3).map(|_| client.connect(daemon.address())).collect();
    let fourth = waiting(&pki, &daemon);
    for tls in &mut open {
        round_trip(tls, b"those inside are served");
    }
    close(open.remove(0));
    let mut fourth = let_in(fourth);
    round_trip(&mut fourth, b"and so is the fourth");
}

#[test]
fn handshakes_over_the_ceiling_wait_and_finished_ones_do_not_count() {
    let pki = Pki::new();
    let daemon = echo(&pki).set("limit.handshakes", "2").start();
    let client = Peer::new(&pki);
    let _open: Vec<Tls> = (0..5).map(|_| client.connect(daemon.address())).collect();
    let before = descriptors(daemon.pid());
    let stuck: Vec<TcpStream> = (0..2).map(|_| open(daemon.address()).unwrap()).collect();
    eventually("two handshakes in progress", || {
        (descriptors(daemon.pid()) == before + 2).then_some(())
    });
    let third = waiting(&pki, &daemon);
    drop(stuck);
    let_in(third);
}

#[test]
fn plain_connections_are_no_handshakes() {
    let pki = Pki::new();
    let daemon = echo(&pki)
        .endpoint("tcp://127.0.0.1:0")
        .set("limit.handshakes", "1")
        .start();
    let addresses = daemon.addresses(2);
    let _stuck = open(addresses[0]).unwrap();
    for _ in 0..3 {
        round_trip(&mut open(addresses[1]).unwrap(), b"no TLS, no handshake");
    }
}

#[test]
fn one_address_over_its_share_is_refused_and_others_are_not() {
    let pki = Pki::new();
    let daemon = echo(&pki).set("limit.per-address", "2").start();
    let (one, other) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    let client = Peer::new(&pki);
    let enter = |source| handshake(client.ssl(), open_from(source, daemon.address()));
    let first = enter(one).unwrap();
    let _second = enter(one).unwrap();
    let mut third = open_from(one, daemon.address());
    let heard = third.read(&mut [0; 100]);
    assert!(
        matches!(heard, Ok(0))
            || heard.is_err_and(|error| { error.kind() == std::io::ErrorKind::ConnectionReset })
    );
    round_trip(&mut enter(other).unwrap(), b"another address");
    close(first);
    let mut again = eventually("a place", || enter(one).ok());
    round_trip(&mut again, b"a place is free again");
}

/// More clients than descriptors: those inside are served, the loop does not spin, and all is well once they leave.
#[test]
fn without_descriptors_the_loop_rests_and_recovers() {
    let pki = Pki::new();
    let backend = Backend::echo();
    for url in ["service://echo", &backend.url] {
        let daemon = Launch::tls(&pki).set("backend", url).open_files(48).start();
        let client = Peer::new(&pki);
        let mut inside = client.connect(daemon.address());
        round_trip(&mut inside, b"before");
        let crowd: Vec<TcpStream> = (0..100).map(|_| open(daemon.address()).unwrap()).collect();
        daemon.said("too many open files");

        let before = ticks(daemon.pid());
        thread::sleep(Duration::from_secs(1)); // the second that is measured
        let used = ticks(daemon.pid()) - before;
        assert!(
            used <= 10,
            "{used} hundredths of a second of processor time in a second"
        );
        round_trip(&mut inside, b"those inside are served");

        drop(crowd);
        for _ in 0..50 {
            let mut tls = client.connect(daemon.address());
            round_trip(&mut tls, b"after");
        }
        let lines = daemon.log().matches("too many open files").count();
        assert!(
            lines < 20,
            "{lines} lines about one shortage:\n{}",
            daemon.log()
        );
    }
}

/// Descriptors for clients, but none for their backend connections: those clients are cut, and the next is served.
#[test]
fn a_backend_connection_without_a_descriptor_cuts_its_client_only() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = Launch::tls(&pki)
        .set("backend", &backend.url)
        .threads(1)
        .open_files(32)
        .start();
    let client = Peer::new(&pki);
    let mut crowd = Vec::new();
    // Each takes two descriptors, so that one of them gets its first and not its second.
    for _ in 0..40 {
        let stream = open(daemon.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        match handshake(client.ssl(), stream) {
            Ok(tls) => crowd.push(tls),
            Err(_) => break, // it waits in the queue of the system
        }
    }
    daemon.said("too many open files");
    let mut served = 0;
    for tls in &mut crowd {
        tls.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        let mut back = [0; 4];
        if tls.write_all(b"ping").is_ok() && tls.read_exact(&mut back).is_ok() {
            served += 1;
        }
    }
    assert!(served > 5, "{served} of {} served", crowd.len());
    drop(crowd);
    round_trip(&mut client.connect(daemon.address()), b"after");
}
