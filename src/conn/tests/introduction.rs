//! What a backend is told of its client, and when: before anything else, and with what comes next.

use super::*;
use crate::conn::Gate;
use crate::io::Io;
use crate::io::testing::Calls;
use crate::settings::ProxyProtocol;
use std::net::SocketAddr;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\r\n";

/// A client's socket with an address of ours, which pipes have not.
struct Addressed(Pipe);

impl Io for Addressed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn local_address(&self) -> Option<SocketAddr> {
        Some(([192, 0, 2, 1], 443).into())
    }

    fn shut_write(&mut self) -> io::Result<()> {
        self.0.shut_write()
    }

    fn reset_on_close(&mut self) {
        self.0.reset_on_close();
    }
}

/// A client from 192.0.2.7, with TLS or without, of which the backend is told by this version.
fn world(shape: Shape, tls: bool, version: ProxyProtocol) -> World {
    let security = match tls {
        true => Security::Tls(context()),
        false => Security::Plain,
    };
    world_at(security, shape, tls, version)
}

fn world_at(security: Security, shape: Shape, tls: bool, version: ProxyProtocol) -> World {
    let mut world = World::new(shape, security.clone(), Answers::Backend, tls);
    let (theirs, ours) = pipe(shape.chunk, shape.window, shape.stutter);
    let timeouts = Settings::default().timeouts;
    let mut terms = Terms::new(String::new(), security, Answers::Backend, &timeouts);
    terms.proxy_protocol = version;
    let peer = Peer::Ip(([192, 0, 2, 7], 50_000).into());
    let io = Box::new(Addressed(ours));
    world.conn = Conn::accept(io, 1, peer, Arc::new(terms), world.now).expect("memory");
    world.client = Some(match tls {
        true => Client::tls(theirs, Some(SslVersion::TLS1_3), &world.sessions),
        false => Client::Clear(theirs),
    });
    world
}

impl World {
    /// What the backend hears, so many bytes.
    fn backend_hears(&mut self, count: usize) -> Vec<u8> {
        let mut got = Vec::new();
        self.until("bytes at the backend", |world| {
            world.backend_reads(&mut got);
            got.len() >= count
        });
        got
    }

    /// Up to where the backend is asked for.
    fn wants_backend(&mut self) {
        for _ in 0..1_000 {
            if let Some(client) = &mut self.client {
                client.turn();
            }
            self.conn.announce_wire(READY);
            if self.conn.step(self.now, &mut self.work) == Next::Connect {
                return;
            }
        }
        panic!("no backend was asked for");
    }
}

#[test]
fn the_backend_hears_of_the_client_first_and_then_all_that_it_says() {
    for shape in SHAPES {
        for tls in [true, false] {
            let mut world = world(shape, tls, ProxyProtocol::V1);
            let (said, mut sent, mut got) = (volume(shape, 30_000), 0, Vec::new());
            world.until("the client's bytes", |world| {
                sent += world.client.as_mut().expect("there").write(&said[sent..]);
                world.backend_reads(&mut got);
                got.len() >= LINE.len() + said.len()
            });
            assert_eq!(got, [LINE, &said].concat());
            world.backend_says(&volume(shape, 20_000));
            let counted = world.work.counters.bytes_in.value();
            assert_eq!(counted, said.len() as u64, "the client's bytes alone");
        }
    }
}

#[test]
fn a_client_that_waits_for_the_backend_to_begin_is_told_of_at_once() {
    for shape in SHAPES {
        for tls in [true, false] {
            let mut world = world(shape, tls, ProxyProtocol::V1);
            assert_eq!(world.backend_hears(LINE.len()), LINE);
            world.backend_says(b"220 ready");
            world.client_says(&volume(shape, 3_000));
        }
    }
}

#[test]
fn a_client_that_has_ended_without_a_word_is_told_of() {
    for shape in SHAPES {
        let mut world = world(shape, false, ProxyProtocol::V1);
        world.client.as_mut().expect("there").close();
        let mut got = Vec::new();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut got), Some(Ok(0)))
        });
        assert_eq!(got, LINE);
    }
}

#[test]
fn nobody_is_told_of_where_that_was_not_asked_for() {
    for tls in [true, false] {
        let mut world = world(SHAPES[2], tls, ProxyProtocol::Off);
        world.client_says(b"hello");
    }
}

/// One system call, and one packet: receivers look at what is there first.
#[test]
fn the_clients_first_bytes_leave_with_what_it_is_told_of_by() {
    for tls in [true, false] {
        let mut world = world(SHAPES[2], tls, ProxyProtocol::V1);
        world.wants_backend();
        world.client.as_mut().expect("there").turn();
        assert_eq!(world.client.as_mut().expect("there").write(b"hello"), 5);
        world.client.as_mut().expect("there").turn();
        world.conn.announce_wire(READY);
        let calls = Calls::default();
        world.conn.attach(Box::new(calls.clone()), READY, world.now);
        world.conn.step(world.now, &mut world.work);
        assert_eq!(calls.so_far(), [[LINE, b"hello"].concat()], "TLS: {tls}");
    }
}

#[test]
fn what_a_preface_has_read_leaves_with_it_too() {
    const STARTUP: &[u8] = b"\0\0\0\x14\0\x03\0\0user\0alice\0\0";
    let postgresql = Gate::new(&Settings::default(), false);
    for (security, said) in [
        (Security::PostgreSql(None, postgresql), STARTUP),
        (Security::Either(context()), b"hello"),
    ] {
        let mut world = world_at(security, SHAPES[2], false, ProxyProtocol::V1);
        world.client.as_mut().expect("there").write(said);
        world.wants_backend();
        let calls = Calls::default();
        world.conn.attach(Box::new(calls.clone()), READY, world.now);
        world.conn.step(world.now, &mut world.work);
        assert_eq!(calls.so_far(), [[LINE, said].concat()]);
    }
}

#[test]
fn without_a_word_of_the_client_it_leaves_in_the_first_step() {
    for tls in [true, false] {
        let mut world = world(SHAPES[2], tls, ProxyProtocol::V1);
        world.wants_backend();
        let calls = Calls::default();
        world.conn.attach(Box::new(calls.clone()), READY, world.now);
        world.conn.step(world.now, &mut world.work);
        assert_eq!(calls.so_far(), [LINE], "TLS: {tls}");
    }
}

#[test]
fn it_leaves_before_the_end_of_a_client_that_said_nothing() {
    let mut world = world(SHAPES[2], false, ProxyProtocol::V1);
    world.wants_backend();
    world.client.as_mut().expect("there").close();
    world.conn.announce_wire(READY);
    let calls = Calls::default();
    world.conn.attach(Box::new(calls.clone()), READY, world.now);
    world.conn.step(world.now, &mut world.work);
    assert_eq!(calls.so_far(), [LINE, b""], "the line, then the end");
}

#[test]
fn what_was_negotiated_is_told_by_version_2_alone() {
    let mut world = world(SHAPES[2], true, ProxyProtocol::V2);
    let block = world.backend_hears(16);
    assert_eq!(block[..14], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
    assert_eq!(
        block[16..28],
        *b"\xC0\0\x02\x07\xC0\0\x02\x01\xC3\x50\x01\xBB"
    );
    let values = &block[28..];
    assert_eq!(
        values[..8],
        [0x20, 0, values.len() as u8 - 3, 1, 0, 0, 0, 1]
    );
    assert_eq!(values[8..18], *b"\x21\0\x07TLSv1.3");
    assert!(values.ends_with(b"\x24\0\x11ecdsa-with-SHA256\x25\0\x05EC256"));
}

#[test]
fn over_a_unix_socket_there_is_no_address_to_tell() {
    for (version, expected) in [
        (ProxyProtocol::V1, &b"PROXY UNKNOWN\r\n"[..]),
        (ProxyProtocol::V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
    ] {
        let mut world = world(SHAPES[2], false, version);
        world.conn.peer = Peer::Local;
        assert_eq!(world.backend_hears(expected.len()), expected);
    }
}
