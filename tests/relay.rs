//! Bytes between clients and the backend: all of them, in order, however they are cut, and on every kind of socket.

#![allow(clippy::unwrap_used)]

mod support;

use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use support::backend::{Origin, hear_pattern, say_pattern};
use support::client::{drain, open, read_all, round_trip};
use support::pattern::{self, Check};
use support::wait::PATIENCE;
use support::{Backend, Daemon, End, Launch, Peer, Pki};

const GIB: u64 = 1 << 30;

fn in_front_of(backend: &Backend, pki: &Pki) -> Daemon {
    Launch::tls(pki).set("backend", &backend.url).start()
}

/// Hears the pattern to its end, then says how long it was.
fn count(mut stream: impl Origin) {
    let heard = hear_pattern(&mut stream).unwrap();
    stream.write_all(heard.to_string().as_bytes()).unwrap();
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
    let backend = Backend::new(count);
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    say_pattern(&mut tls, GIB);
    tls.shutdown().unwrap();
    let (answer, end) = read_all(&mut tls);
    assert_eq!(String::from_utf8(answer).unwrap(), GIB.to_string());
    assert_eq!(end, End::Clean);
}

/// The openssl program reads and writes at the same time, so both directions are full at once.
#[test]
fn both_directions_are_full_at_the_same_time() {
    const LENGTH: u64 = 100_000_007;
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        let mut listening = stream.try_clone().unwrap();
        let listener = thread::spawn(move || {
            let mut check = Check::default();
            let mut buffer = vec![0; 300_007];
            while check.position < LENGTH {
                let count = listening.read(&mut buffer).unwrap();
                assert_ne!(count, 0, "only {} bytes came", check.position);
                check.take(&buffer[..count]);
            }
        });
        say_pattern(&mut stream, LENGTH);
        listener.join().unwrap();
    });
    let daemon = in_front_of(&backend, &pki);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-nocommands", "-verify_return_error"])
        .args(["-CAfile", &pki.ca(), "-verify_hostname", "localhost"])
        .args(["-connect", &daemon.address().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let writer = thread::spawn(move || say_pattern(&mut stdin, LENGTH));
    let heard = hear_pattern(&mut client.stdout.take().unwrap()).unwrap();
    assert_eq!(heard, LENGTH);
    writer.join().unwrap();
    client.wait().unwrap();
}

/// One byte a record up, and one byte a segment down.
#[test]
fn single_bytes_arrive_one_by_one_or_together_but_all_of_them() {
    const LENGTH: usize = 64 * 1024;
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        stream.set_nodelay(true).unwrap();
        let mut heard = vec![0; LENGTH];
        stream.read_exact(&mut heard).unwrap();
        for byte in heard {
            stream.write_all(&[byte]).unwrap();
        }
    });
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    for byte in pattern::bytes(LENGTH) {
        tls.write_all(&[byte]).unwrap();
    }
    let (back, end) = read_all(&mut tls);
    assert!(back == pattern::bytes(LENGTH), "other bytes came back");
    assert_eq!(end, End::Clean);
}

#[test]
fn messages_of_every_size_around_a_record_come_back() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki);
    let mut tls = Peer::new(&pki).connect(daemon.address());
    for records in [1, 2, 4, 16] {
        for length in records * 16_384 - 2..=records * 16_384 + 2 {
            round_trip(&mut tls, &pattern::bytes(length));
        }
    }
}

#[test]
fn bytes_go_through_plain_and_unix_sockets_too() {
    const LENGTH: u64 = 20_000_003;
    let pki = Pki::new();
    let behind = Backend::unix(pki.path("backend.sock").as_ref(), count);
    let daemon = Launch::tls(&pki)
        .endpoint("tcp://127.0.0.1:0")
        .endpoint(&format!("unix://{}", pki.path("front.sock")))
        .endpoint(&format!("ssl+unix://{}", pki.path("tls.sock")))
        .set("backend", &behind.url)
        .start();

    let mut plain = open(daemon.addresses(2)[1]).unwrap();
    say_pattern(&mut plain, LENGTH);
    plain.shut_write();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, LENGTH.to_string());

    let unix = |file| std::os::unix::net::UnixStream::connect(pki.path(file)).unwrap();
    let mut front = unix("front.sock");
    say_pattern(&mut front, LENGTH);
    front.shut_write();
    answer.clear();
    front.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, LENGTH.to_string());

    let ssl = Peer::new(&pki).ssl();
    let mut tls = support::client::handshake(ssl, unix("tls.sock")).unwrap();
    say_pattern(&mut tls, LENGTH);
    tls.shutdown().unwrap();
    let (answer, end) = read_all(&mut tls);
    assert_eq!(String::from_utf8(answer).unwrap(), LENGTH.to_string());
    assert_eq!(end, End::Clean);
}

/// The socket of a slow reader is full again and again in the middle of a send, while what the backend has announced is
/// used up: whoever then only waits for announcements waits for ever.
#[test]
fn a_reader_that_stops_and_goes_gets_everything() {
    const LENGTH: u64 = 24_000_017;
    let pki = Pki::new();
    let behind = Backend::source(LENGTH);
    let daemon = in_front_of(&behind, &pki);
    let (address, peer) = (daemon.address(), Peer::new(&pki));
    thread::scope(|scope| {
        for reader in 1..=4 {
            let ssl = peer.ssl();
            scope.spawn(move || {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.set_recv_buffer_size(32 * 1024).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.connect(&address.into()).unwrap();
                let mut tls = support::client::handshake(ssl, socket).unwrap();
                let (mut check, mut pause) = (Check::default(), 0);
                let end = drain(&mut tls, |bytes| {
                    check.take(bytes);
                    if check.position > pause {
                        pause = check.position + reader * 300_011;
                        thread::sleep(Duration::from_millis(3));
                    }
                });
                assert_eq!((check.position, end), (LENGTH, End::Clean));
            });
        }
    });
}

#[test]
fn one_port_may_speak_tls_and_plain() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = Launch::new()
        .endpoint("tcp+ssl://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("backend", &backend.url)
        .start();
    let text = pattern::bytes(100_003);
    round_trip(&mut Peer::new(&pki).connect(daemon.address()), &text);
    round_trip(
        &mut open(daemon.address()).unwrap(),
        b"GET / HTTP/1.1\r\n\r\n",
    );
}
