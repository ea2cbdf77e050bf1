//! How each side learns of the other's end: half-closed, cleanly over, cut, or reset, and never one for another.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver};
use support::backend::{Origin, closed_port, hear_pattern, say_pattern};
use support::client::{open, read_all};
use support::pattern;
use support::{Backend, Daemon, End, Launch, PATIENCE, Peer, Pki};

const MUCH: u64 = 10_000_019;

fn in_front_of(backend: &Backend, pki: &Pki) -> Daemon {
    Launch::tls(pki).set("backend", &backend.url).start()
}

/// A backend that says how its connection ended: so many bytes of the pattern, or an error.
fn witness(
    first: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) -> (Backend, Receiver<Result<u64, ErrorKind>>) {
    let (sender, heard) = mpsc::channel();
    let backend = Backend::new(move |mut stream| {
        first(&mut stream);
        let end = hear_pattern(&mut stream).map_err(|error| error.kind());
        let _ = sender.send(end); // the test may want to know nothing of it
    });
    (backend, heard)
}

#[test]
fn a_backend_that_ends_first_still_hears_the_client() {
    let pki = Pki::new();
    let (backend, heard) = witness(|stream| {
        say_pattern(stream, MUCH);
        stream.shut_write();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let (said, end) = read_all(&mut tls);
    assert!(said == pattern::bytes(MUCH as usize));
    assert_eq!(end, End::Clean);
    say_pattern(&mut tls, MUCH);
    tls.shutdown().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Ok(MUCH)));
}

#[test]
fn a_client_that_ends_first_still_hears_the_backend() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        assert_eq!(hear_pattern(&mut stream).unwrap(), MUCH);
        say_pattern(&mut stream, MUCH);
    });
    let daemon = in_front_of(&backend, &pki);
    for half_closed in [false, true] {
        let mut tls = Peer::new(&pki).connect(daemon.address());
        say_pattern(&mut tls, MUCH);
        tls.shutdown().unwrap(); // a close-notify
        if half_closed {
            tls.get_ref().shutdown(Shutdown::Write).unwrap();
        }
        let (said, end) = read_all(&mut tls);
        assert!(said == pattern::bytes(MUCH as usize));
        assert_eq!(end, End::Clean, "half-closed: {half_closed}");
    }
}

#[test]
fn both_end_at_once_with_bytes_still_on_their_way() {
    let pki = Pki::new();
    let (backend, heard) = witness(|stream| {
        say_pattern(stream, 50_021);
        stream.shut_write();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    say_pattern(&mut tls, 50_023);
    tls.shutdown().unwrap();
    tls.get_ref().shutdown(Shutdown::Write).unwrap();
    let (said, end) = read_all(&mut tls);
    assert_eq!((said.len(), end), (50_021, End::Clean));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Ok(50_023)));
}

#[test]
fn a_plain_connection_is_half_closed_both_ways() {
    let pki = Pki::new();
    let (backend, heard) = witness(|stream| {
        say_pattern(stream, MUCH);
        stream.shut_write();
    });
    let daemon = Launch::new()
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", &backend.url)
        .start();
    let mut plain = open(daemon.address()).unwrap();
    assert_eq!(hear_pattern(&mut plain).unwrap(), MUCH);
    say_pattern(&mut plain, MUCH);
    plain.shut_write();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Ok(MUCH)));
    drop((plain, daemon, pki));
}

#[test]
fn a_client_that_goes_without_a_close_notify_is_a_reset_to_the_backend() {
    let pki = Pki::new();
    for reset in [false, true] {
        let (backend, heard) = witness(|_| ());
        let daemon = in_front_of(&backend, &pki);
        let mut tls = Peer::new(&pki).connect(daemon.address());
        say_pattern(&mut tls, 1000);
        if reset {
            tls.get_ref().reset_on_close();
        }
        drop(tls); // ends the stream, and only the stream
        let end = heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(end, Err(ErrorKind::ConnectionReset), "reset: {reset}");
        if !reset {
            daemon.said("stream cut without a close-notify");
        }
    }
}

#[test]
fn a_plain_client_that_resets_is_a_reset_to_the_backend() {
    let (backend, heard) = witness(|_| ());
    let daemon = Launch::new()
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", &backend.url)
        .start();
    let plain = open(daemon.address()).unwrap();
    plain.reset_on_close();
    drop(plain);
    let end = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

#[test]
fn bytes_that_are_no_tls_cut_the_connection_and_are_a_reset_to_the_backend() {
    let pki = Pki::new();
    let (backend, heard) = witness(|_| ());
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    say_pattern(&mut tls, 1000);
    tls.get_ref().write_all(&[0x55; 100]).unwrap();
    let (_, end) = read_all(&mut tls);
    assert!(
        matches!(&end, End::Failed(why) if why.contains("alert")),
        "{end:?}"
    );
    let end = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_backend_that_resets_cuts_the_client_and_is_logged() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        say_pattern(&mut stream, 1000);
        stream.read_exact(&mut [0]).unwrap();
        stream.reset_on_close();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    tls.write_all(b"a").unwrap();
    tls.read_exact(&mut [0; 1000]).unwrap();
    tls.write_all(b"b").unwrap();
    let (said, end) = read_all(&mut tls);
    assert_eq!((said.len(), end), (0, End::Cut));
    daemon.said("backend: read: connection reset");
}

#[test]
fn a_plain_client_is_reset_by_a_backend_that_resets_or_refuses() {
    let refusing = format!("tcp://127.0.0.1:{}", closed_port());
    let backend = Backend::new(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        stream.reset_on_close();
    });
    for url in [&backend.url, &refusing] {
        let daemon = Launch::new()
            .endpoint("tcp://127.0.0.1:0")
            .set("backend", url)
            .start();
        let mut plain = open(daemon.address()).unwrap();
        // The one that refuses may be heard of when writing already; the system tells of a reset once.
        let end = plain
            .write_all(b"a")
            .and_then(|()| plain.read(&mut [0]))
            .map_err(|error| error.kind());
        assert_eq!(end, Err(ErrorKind::ConnectionReset), "{url}");
    }
}

/// A client in TLS 1.3 writes before it can know; its bytes must not turn the end into a reset.
#[test]
fn a_backend_that_refuses_cuts_the_client_and_is_named() {
    let pki = Pki::new();
    let port = closed_port();
    for protocol in ["5", "6"] {
        let daemon = Launch::tls(&pki)
            .set("ssl.protocol", protocol)
            .set("backend", format!("tcp://127.0.0.1:{port}"))
            .start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        say_pattern(&mut tls, 100_003);
        let (said, end) = read_all(&mut tls);
        assert_eq!((said.len(), end), (0, End::Cut), "protocol {protocol}");
        daemon.said(&format!(
            "connect to backend '127.0.0.1:{port}': connection refused"
        ));
    }
}

#[test]
fn a_unix_backend_that_is_not_there_is_named() {
    let pki = Pki::new();
    let path = pki.path("nobody.sock");
    let daemon = Launch::tls(&pki)
        .set("backend", format!("unix://{path}"))
        .start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Cut));
    daemon.said(&format!(
        "connect to backend '{path}': no such file or directory"
    ));
}

/// As a server does that answers an upload with an error: what it said comes before the reset that its unread bytes
/// cause.
#[test]
fn an_answer_survives_although_the_backend_did_not_read_everything() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        stream.read_exact(&mut [0; 1000]).unwrap();
        stream.write_all(b"too much").unwrap();
        // Unread bytes turn this close into a reset.
    });
    let daemon = in_front_of(&backend, &pki);
    for _ in 0..50 {
        let mut tls = Peer::new(&pki).connect(daemon.address());
        // The rest may meet a closed connection.
        let _ = tls.write_all(&pattern::bytes(300_000));
        let (said, end) = read_all(&mut tls);
        assert_eq!(String::from_utf8_lossy(&said), "too much");
        assert!(matches!(end, End::Clean | End::Cut), "{end:?}");
    }
}

/// The daemon's write that meets the reset is told of it, and the read after it is not.
#[test]
fn a_backend_that_resets_while_bytes_go_up_to_it_cuts_the_client() {
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        say_pattern(&mut stream, 1000);
        // Meanwhile the upload fills every buffer on its way.
        std::thread::sleep(std::time::Duration::from_millis(300));
        stream.reset_on_close();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    tls.write_all(b"1").unwrap();
    tls.read_exact(&mut [0; 1000]).unwrap();
    let upload = pattern::bytes(1 << 20);
    while tls.write_all(&upload).is_ok() {}
    // What that is to the client differs: from 4.0 on a handle reads nothing after a write has failed.
    assert_ne!(read_all(&mut tls).1, End::Clean);
    daemon.said("backend: read: connection reset");
}
