//! What sockets are listened on and connected to: names without a file, the first free port of several, shared ports.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use std::process;
use support::client::{open, round_trip};
use support::{Launch, eventually};

fn echo(endpoint: &str) -> Launch {
    Launch::new()
        .set("backend", "service://echo")
        .endpoint(endpoint)
}

/// A name in the abstract namespace that nobody else takes.
fn name(of: &str) -> String {
    format!("tlsport-test-{}-{of}", process::id())
}

fn connect(name: &str) -> std::io::Result<UnixStream> {
    UnixStream::connect_addr(&UnixAddr::from_abstract_name(name)?)
}

#[test]
fn a_name_without_a_file_is_listened_on_and_refuses_whoever_comes_when_it_is_given_up() {
    let name = name("front");
    let mut daemon = echo(&format!("unix://@{name}")).threads(2).start();
    let mut inside = connect(&name).unwrap();
    round_trip(&mut inside, b"hello");
    daemon.signal("TERM");
    eventually("the end of the name", || connect(&name).err());
    round_trip(&mut inside, b"whoever is in stays in");
    drop(inside);
    assert!(daemon.wait().success());
}

#[test]
fn a_name_that_somebody_has_is_not_taken_from_them() {
    let name = name("taken");
    let address = UnixAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let log = echo(&format!("unix://@{name}")).refused(1);
    assert!(log.contains("address already in use"), "{log}");
}

#[test]
fn a_backend_may_be_a_name_without_a_file() {
    let name = name("backend");
    let _behind = echo(&format!("unix://@{name}")).start();
    let front = Launch::new()
        .set("backend", format!("unix://@{name}"))
        .endpoint("tcp://127.0.0.1:0")
        .start();
    round_trip(&mut open(front.address()).unwrap(), b"through both");
}

/// Two ports behind each other, the first of which is taken as long as the listener lives.
fn one_taken_one_free() -> (TcpListener, SocketAddr) {
    eventually("two ports behind each other", || {
        let taken = TcpListener::bind("127.0.0.1:0").ok()?;
        let mut next = taken.local_addr().ok()?;
        next.set_port(next.port().checked_add(1)?);
        TcpListener::bind(next).ok().map(|_| (taken, next))
    })
}

#[test]
fn the_first_free_port_of_a_range_is_listened_on_and_kept_by_reloads() {
    let (_taken, free) = one_taken_one_free();
    let endpoint = format!("tcp://127.0.0.1:{}-{}", free.port() - 1, free.port());
    let daemon = echo(&endpoint).threads(2).start();
    assert_eq!(daemon.address(), free);
    let mut inside = open(free).unwrap();
    daemon.reload();
    round_trip(&mut inside, b"still there");
    round_trip(&mut open(free).unwrap(), b"and still where it was");
    let log = echo(&endpoint).refused(1);
    assert!(log.contains(&endpoint), "{log}");
    assert!(log.contains("address already in use"), "{log}");
}

#[test]
fn a_port_is_shared_with_whoever_asks_for_it_as_well() {
    let first = echo("tcp://127.0.0.1:0")
        .set("tcp.reuse-port", "true")
        .start();
    let endpoint = format!("tcp://{}", first.address());
    echo(&endpoint).refused(1);
    let second = Launch::new()
        .set("backend", "service://status")
        .set("tcp.reuse-port", "true")
        .endpoint(&endpoint)
        .start();
    assert_eq!(second.address(), first.address());
    let mut heard = HashSet::new();
    eventually("answers of both", || {
        let mut stream = open(first.address()).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        heard.insert(answer);
        (heard.len() == 2).then_some(())
    });
    assert_eq!(heard, HashSet::from([*b"GET ", *b"HTTP"]));
}
