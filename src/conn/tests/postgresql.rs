//! A client of PostgreSQL's protocol: before TLS, inside it, and without.

use super::*;
use crate::conn::Gate;
use crate::settings::hba::Hba;

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const STARTUP: &[u8] = b"\0\0\0\x14\0\x03\0\0user\0alice\0\0";

/// An endpoint with TLS or without, and a client that has said nothing.
fn world(shape: Shape, tls: bool, settings: &Settings) -> World {
    let context = tls.then(context);
    let security = Security::PostgreSql(context, Gate::new(settings, tls));
    let mut world = World::speaking(shape, security, Answers::Backend, None);
    world.conn.peer = Peer::Ip(([192, 0, 2, 7], 50_000).into());
    world
}

impl World {
    pub(super) fn client_writes(&mut self, bytes: &[u8]) {
        let mut sent = 0;
        self.until("the client's bytes on their way", |world| {
            sent += world.client.as_mut().expect("there").write(&bytes[sent..]);
            sent == bytes.len()
        });
    }

    pub(super) fn client_hears(&mut self, count: usize) -> Vec<u8> {
        let mut got = Vec::new();
        self.until("the client's answer", |world| {
            world.client.as_mut().expect("there").read(&mut got);
            got.len() >= count
        });
        got
    }

    /// Everything up to the end, and whether that was a clean one.
    pub(super) fn client_hears_all(&mut self) -> (Vec<u8>, bool) {
        let (mut got, mut end) = (Vec::new(), None);
        self.until("the end for the client", |world| {
            end = world.client.as_mut().expect("there").read(&mut got);
            end.is_some()
        });
        (got, end == Some(true))
    }

    pub(super) fn client_starts_tls(&mut self) {
        let Some(Client::Clear(pipe)) = self.client.take() else {
            panic!("it speaks TLS already");
        };
        self.client = Some(Client::tls(pipe, None, &self.sessions));
    }
}

#[test]
fn after_a_request_for_tls_the_startup_packet_inside_it_reaches_the_backend() {
    for shape in SHAPES {
        let mut world = world(shape, true, &Settings::default());
        world.client_writes(SSL_REQUEST);
        assert_eq!(world.client_hears(1), b"S");
        world.client_starts_tls();
        world.client_says(STARTUP);
        world.backend_says(&pattern(3_000));
        world.client_says(&pattern(3_000));
        world.client.as_mut().expect("there").close();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
        });
    }
}

#[test]
fn an_end_behind_a_record_without_bytes_is_noticed_before_the_startup_packet_too() {
    let mut world = world(SHAPES[2], true, &Settings::default());
    world.client_writes(SSL_REQUEST);
    assert_eq!(world.client_hears(1), b"S");
    world.client_starts_tls();
    world.until("TLS", |world| {
        world.client.as_mut().expect("there").read(&mut Vec::new());
        world.conn.state == State::Preface && world.conn.wire.channel().is_some()
    });
    while world.conn.step(world.now, &mut world.work) != Next::Wait {}
    world.client_ends_behind_a_record_without_bytes();
}

#[test]
fn without_tls_the_client_is_told_so_and_goes_on_in_the_clear() {
    for shape in SHAPES {
        let mut world = world(shape, false, &Settings::default());
        world.client_writes(SSL_REQUEST);
        assert_eq!(world.client_hears(1), b"N");
        world.client_says(STARTUP);
        world.backend_says(&pattern(3_000));
    }
}

#[test]
fn a_client_that_ends_right_after_its_startup_packet_is_heard_whole() {
    for shape in SHAPES {
        let mut world = world(shape, true, &Settings::default());
        world.client_writes(STARTUP);
        world.client.as_mut().expect("there").close();
        let mut got = Vec::new();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut got), Some(Ok(0)))
        });
        assert_eq!(got, STARTUP);
    }
}

#[test]
fn bytes_before_tls_are_refused_inside_it_and_never_reach_the_backend() {
    for shape in [SHAPES[2], SHAPES[5]] {
        let mut world = world(shape, true, &Settings::default());
        world.client_writes(&[SSL_REQUEST, STARTUP].concat());
        assert_eq!(world.client_hears(1), b"S");
        world.client_starts_tls();
        let (said, clean) = world.client_hears_all();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            said.contains("C08P01\0Mreceived unencrypted data after SSL request\0"),
            "{said}"
        );
        assert!(clean, "with a close-notify");
        assert!(world.backend.is_none());
    }
}

#[test]
fn who_does_not_come_in_hears_why_inside_tls_and_without() {
    let mut settings = Settings::default();
    settings.postgresql.hba = Some(Arc::new(Hba::default()));
    for shape in SHAPES {
        for tls in [true, false] {
            let mut world = world(shape, true, &settings);
            if tls {
                world.client_writes(SSL_REQUEST);
                world.client_hears(1);
                world.client_starts_tls();
            }
            world.client_writes(STARTUP);
            let (said, clean) = world.client_hears_all();
            let said = String::from_utf8_lossy(&said).into_owned();
            let encryption = if tls {
                "SSL encryption"
            } else {
                "no encryption"
            };
            let why = format!(
                "C28000\0Mno pg_hba.conf entry for host \"192.0.2.7\", user \"alice\", database \"alice\", \
                 {encryption}\0"
            );
            assert!(said.contains(&why), "{said}");
            assert!(clean && world.backend.is_none());
        }
    }
}

#[test]
fn a_client_that_ends_in_tls_before_its_startup_packet_is_answered_with_a_close_notify() {
    for shape in SHAPES {
        let mut world = world(shape, true, &Settings::default());
        world.client_writes(SSL_REQUEST);
        world.client_hears(1);
        world.client_starts_tls();
        world.client_writes(&STARTUP[..9]);
        world.client.as_mut().expect("there").close();
        assert_eq!(world.client_hears_all(), (Vec::new(), true));
        assert!(world.backend.is_none());
    }
}

#[test]
fn the_time_to_come_in_runs_through_the_handshake_and_the_startup_packet() {
    let mut world = world(SHAPES[2], true, &Settings::default());
    let deadline = world.conn.deadline().expect("one");
    world.client_writes(SSL_REQUEST);
    world.client_hears(1);
    world.now += Duration::from_secs(1);
    world.client_starts_tls();
    world.until("the handshake", |world| {
        matches!(
            world.client,
            Some(Client::Tls {
                connected: true,
                ..
            })
        ) && world.conn.state == State::Preface
    });
    world.now += Duration::from_secs(1);
    world.turn();
    world.conn.tend(world.now, &mut world.work); // tickets
    assert_eq!(world.conn.deadline(), Some(deadline));
    world.conn.expire(deadline, &mut world.work);
    world.until("the close", |world| world.closed);
}
