//! The connection driven in memory: every chunk size, a would-block on every other call, every way to end.

use super::*;
use crate::io::testing::{Pipe, pipe};
use crate::io::{Buffer, CAPACITY};
use crate::service::Echo;
use crate::settings::{Origin, Protocol, Setting, Settings};
use crate::tls::{Context, Prepared, Shared};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslSessionCacheMode, SslVersion};
use openssl::x509::{X509, X509NameBuilder};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

mod hop;
mod introduction;
mod mysql;
mod postgresql;
mod serving;

const READY: Readiness = Readiness {
    readable: true,
    writable: true,
    hung_up: false,
    failed: false,
};

/// One context for all tests of this file: making it is what costs.
fn context() -> Arc<Context> {
    static CONTEXT: OnceLock<Arc<Context>> = OnceLock::new();
    Arc::clone(CONTEXT.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("server.pem");
        std::fs::write(&file, identity()).expect("writable");
        let mut settings = Settings::default();
        settings
            .policy
            .key_files
            .push(Setting::new(file, Origin::Program));
        settings.policy.protocol = Setting::new(Protocol(9), Origin::Program);
        let (prepared, _) = Prepared::load(&settings).expect("a good policy");
        Arc::new(Context::build(&prepared, &Shared::new()).expect("a context"))
    }))
}

/// Its certificate, for localhost, and its key.
fn identity() -> &'static [u8] {
    static IDENTITY: OnceLock<Vec<u8>> = OnceLock::new();
    IDENTITY.get_or_init(self_signed)
}

fn self_signed() -> Vec<u8> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("known");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut name = X509NameBuilder::new().expect("memory");
    name.append_entry_by_text("CN", "localhost")
        .expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("memory");
    builder.set_version(2).expect("v3");
    builder.set_subject_name(&name).expect("a name");
    builder.set_issuer_name(&name).expect("a name");
    builder.set_pubkey(&key).expect("a key");
    builder
        .set_not_before(&Asn1Time::days_from_now(0).expect("a time"))
        .expect("a time");
    builder
        .set_not_after(&Asn1Time::days_from_now(7).expect("a time"))
        .expect("a time");
    builder.sign(&key, MessageDigest::sha256()).expect("signed");
    let mut pem = builder.build().to_pem().expect("PEM");
    pem.extend(key.private_key_to_pem_pkcs8().expect("PEM"));
    pem
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    chunk: usize,
    window: usize,
    stutter: bool,
}

const SHAPES: [Shape; 6] = [
    Shape {
        chunk: 1,
        window: 64,
        stutter: false,
    },
    Shape {
        chunk: 7,
        window: 512,
        stutter: false,
    },
    Shape {
        chunk: 1 << 20,
        window: 1 << 20,
        stutter: false,
    },
    Shape {
        chunk: 1,
        window: 64,
        stutter: true,
    },
    Shape {
        chunk: 7,
        window: 512,
        stutter: true,
    },
    Shape {
        chunk: 1 << 20,
        window: 3000,
        stutter: true,
    },
];

/// A client, a connection, and whoever answers, all in one thread.
struct World {
    conn: Conn,
    client: Option<Client>,
    /// The answering end, once the connection has asked for it.
    backend: Option<Pipe>,
    shape: Shape,
    work: Work,
    now: Instant,
    closed: bool,
    /// How many sessions the client has been given.
    sessions: Arc<AtomicUsize>,
    /// Nothing is announced of the backend.
    silent: bool,
    /// The client's stream is announced to be at its end.
    gone: bool,
}

enum Client {
    Tls { channel: Channel, connected: bool },
    Clear(Pipe),
}

impl World {
    fn new(shape: Shape, security: Security, answers: Answers, tls: bool) -> World {
        World::speaking(shape, security, answers, tls.then_some(SslVersion::TLS1_3))
    }

    /// With a client that speaks TLS up to `version`, or none.
    fn speaking(
        shape: Shape,
        security: Security,
        answers: Answers,
        version: Option<SslVersion>,
    ) -> World {
        let timeouts = Settings::default().timeouts;
        let terms = Terms::new("http+ssl://test:1".into(), security, answers, &timeouts);
        World::on(terms, shape, version)
    }

    /// On these terms.
    fn on(terms: Terms, shape: Shape, version: Option<SslVersion>) -> World {
        let now = Instant::now();
        let (theirs, ours) = pipe(shape.chunk, shape.window, shape.stutter);
        let conn =
            Conn::accept(Box::new(ours), 1, Peer::Local, Arc::new(terms), now).expect("memory");
        let sessions = Arc::<AtomicUsize>::default();
        let client = match version {
            Some(_) => Client::tls(theirs, version, &sessions),
            None => Client::Clear(theirs),
        };
        World {
            conn,
            client: Some(client),
            backend: None,
            shape,
            work: Work {
                in_pieces: shape.stutter,
                ..Work::new(Arc::default())
            },
            now,
            closed: false,
            sessions,
            silent: false,
            gone: false,
        }
    }

    fn tls(shape: Shape) -> World {
        World::new(shape, Security::Tls(context()), Answers::Backend, true)
    }

    /// One turn of the loop.
    fn turn(&mut self) {
        if let Some(client) = &mut self.client {
            client.turn();
        }
        if self.closed {
            return;
        }
        self.conn.announce_wire(Readiness {
            hung_up: self.gone,
            ..READY
        });
        if !self.silent {
            self.conn.announce_plain(READY);
        }
        match self.conn.step(self.now, &mut self.work) {
            Next::Connect => {
                let (ours, theirs) = pipe(self.shape.chunk, self.shape.window, self.shape.stutter);
                self.backend = Some(theirs);
                self.conn.attach(Box::new(ours), READY, self.now);
            }
            Next::Close => self.close(),
            Next::Wait | Next::Again | Next::Paused => {}
        }
    }

    fn close(&mut self) {
        self.closed = true;
        let (ours, _) = pipe(1, 1, false);
        let terms = Arc::new(Terms::new(
            String::new(),
            Security::Plain,
            Answers::Backend,
            &Settings::default().timeouts,
        ));
        self.conn = Conn::accept(Box::new(ours), 1, Peer::Local, terms, self.now).expect("memory");
    }

    /// Turns until `done` says so.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut World) -> bool) {
        for _ in 0..2_000_000 {
            if done(self) {
                return;
            }
            self.turn();
        }
        panic!("{what} did not happen with {:?}", self.shape);
    }

    /// Writes everything to the client's side and waits until the backend has it.
    fn client_says(&mut self, bytes: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the client's bytes", |world| {
            sent += world.client.as_mut().expect("there").write(&bytes[sent..]);
            world.backend_reads(&mut got);
            got.len() >= bytes.len()
        });
        assert_eq!(got, bytes);
    }

    fn backend_says(&mut self, bytes: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the backend's bytes", |world| {
            if let Some(backend) = &mut world.backend {
                sent += backend.write(&bytes[sent..]).unwrap_or(0);
            }
            world.client.as_mut().expect("there").read(&mut got);
            got.len() >= bytes.len()
        });
        assert_eq!(got, bytes);
    }

    fn backend_reads(&mut self, got: &mut Vec<u8>) -> Option<io::Result<usize>> {
        let mut buf = [0; 4096];
        let read = self.backend.as_mut()?.read(&mut buf);
        if let Ok(count) = read {
            got.extend(&buf[..count]);
        }
        Some(read)
    }
}

impl Client {
    /// One that is about to shake hands, up to `version`, and counts its sessions.
    fn tls(pipe: Pipe, version: Option<SslVersion>, sessions: &Arc<AtomicUsize>) -> Client {
        let mut builder = SslContext::builder(SslMethod::tls_client()).expect("memory");
        builder.set_max_proto_version(version).expect("known");
        builder.set_mode(
            openssl::ssl::SslMode::ENABLE_PARTIAL_WRITE
                | openssl::ssl::SslMode::ACCEPT_MOVING_WRITE_BUFFER,
        );
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        let count = Arc::clone(sessions);
        builder.set_new_session_callback(move |_, _| {
            count.fetch_add(1, Relaxed);
        });
        let ssl = Ssl::new(&builder.build()).expect("memory");
        let mut stream = Stream::new(Box::new(pipe));
        stream.lend(|| Buffer::new(CAPACITY));
        Client::Tls {
            channel: Channel::connecting(ssl, stream).expect("memory"),
            connected: false,
        }
    }

    fn turn(&mut self) {
        if let Client::Tls { channel, connected } = self {
            channel.stream().announce(READY);
            if !*connected {
                *connected = channel.handshake().expect("a good server") == Outcome::Done(0);
            }
            let _ = channel.stream().flush();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        match self {
            Client::Tls {
                channel,
                connected: true,
            } if !bytes.is_empty() => match channel.write(bytes) {
                Ok(Outcome::Done(count)) => count,
                _ => 0,
            },
            Client::Tls { .. } => 0,
            Client::Clear(pipe) => pipe.write(bytes).unwrap_or(0),
        }
    }

    /// Reads what is there; `Some` at the end: whether it was a clean one.
    fn read(&mut self, got: &mut Vec<u8>) -> Option<bool> {
        let mut buf = [0; 4096];
        match self {
            Client::Tls {
                connected: false, ..
            } => None,
            Client::Tls { channel, .. } => match channel.read(&mut buf) {
                Ok(Outcome::Done(count)) => {
                    got.extend(&buf[..count]);
                    None
                }
                Ok(Outcome::Closed) => Some(true),
                Ok(_) => None,
                Err(_) => Some(false),
            },
            Client::Clear(pipe) => match pipe.read(&mut buf) {
                Ok(0) => Some(true),
                Ok(count) => {
                    got.extend(&buf[..count]);
                    None
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Err(_) => Some(false),
            },
        }
    }

    /// Ends its direction cleanly.
    fn close(&mut self) {
        match self {
            Client::Tls { channel, .. } => assert!(channel.close(), "room"),
            Client::Clear(pipe) => pipe.shut_write().expect("open"),
        }
    }
}

/// So many bytes, but no more than moves in reasonable time where every byte is a record of its own.
fn volume(shape: Shape, count: usize) -> Vec<u8> {
    pattern(count.min(shape.chunk.saturating_mul(2_000)))
}

fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 31 % 251) as u8).collect()
}

#[test]
fn bytes_arrive_whole_and_in_order_whatever_the_sockets_take() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        let (up, down) = (volume(shape, 50_000), volume(shape, 70_001));
        world.client_says(&up);
        world.backend_says(&down);
        world.client_says(b"x");
        assert_eq!(world.work.counters.bytes_in.value(), up.len() as u64 + 1);
        assert_eq!(world.work.counters.bytes_out.value(), down.len() as u64);
        assert_eq!(world.work.counters.handshakes_full.value(), 1);
    }
}

#[test]
fn the_client_may_end_first_and_still_hears_the_answer() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        world.client_says(b"question");
        world.client.as_mut().expect("there").close();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
        });
        world.backend_says(&volume(shape, 40_000));
        drop(world.backend.take());
        world.until("a clean end at the client", |world| {
            world.client.as_mut().expect("there").read(&mut Vec::new()) == Some(true)
        });
        world.until("the close", |world| world.closed);
    }
}

#[test]
fn the_backend_may_end_first_and_still_hears_the_client() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        world.client_says(b"hello");
        world.backend_says(b"bye");
        world
            .backend
            .as_mut()
            .expect("there")
            .shut_write()
            .expect("open");
        world.until("a clean end at the client", |world| {
            world.client.as_mut().expect("there").read(&mut Vec::new()) == Some(true)
        });
        world.client_says(&volume(shape, 30_000));
        world.client.as_mut().expect("there").close();
        world.until("the close", |world| world.closed);
    }
}

#[test]
fn the_last_words_of_the_client_reach_a_slow_backend_that_has_ended_before() {
    let mut world = World::tls(SHAPES[2]);
    world.client_says(b"hello");
    let backend = world.backend.as_mut().expect("there");
    backend.shut_write().expect("open");
    world.until("a clean end at the client", |world| {
        world.client.as_mut().expect("there").read(&mut Vec::new()) == Some(true)
    });
    // More than fits into the backend's window: the rest is stuck when the client's close-notify has been read.
    let (bytes, mut sent) = (pattern(SHAPES[2].window + 30_000), 0);
    world.until("the client's bytes on their way", |world| {
        sent += world.client.as_mut().expect("there").write(&bytes[sent..]);
        sent == bytes.len()
    });
    world.client.as_mut().expect("there").close();
    (0..100).for_each(|_| world.turn());
    let mut got = Vec::new();
    world.until("the end at the backend", |world| {
        matches!(world.backend_reads(&mut got), Some(Ok(0)))
    });
    assert_eq!(got.len(), bytes.len());
    assert_eq!(got, bytes);
    world.until("the close", |world| world.closed);
}

#[test]
fn a_client_that_is_cut_off_is_a_reset_for_the_backend_and_no_clean_end() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        world.client_says(b"half of a ques");
        drop(world.client.take());
        world.until("the close", |world| world.closed);
        assert!(world.backend.as_ref().expect("there").was_reset());
    }
}

#[test]
fn a_backend_that_is_cut_off_is_no_clean_end_for_the_client() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        world.backend_says(b"half of an answ");
        let mut backend = world.backend.take().expect("there");
        backend.reset_on_close();
        let mut end = None;
        world.until("an end at the client", |world| {
            end = world.client.as_mut().expect("there").read(&mut Vec::new());
            end.is_some()
        });
        assert_eq!(end, Some(false));
        drop(backend);
    }
}

#[test]
fn a_failed_handshake_delivers_its_alert_before_the_end() {
    for shape in SHAPES {
        let mut world = World::new(shape, Security::Tls(context()), Answers::Backend, false);
        let mut got = Vec::new();
        let mut sent = 0;
        let hello = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
        let mut end = None;
        world.until("an end at the client", |world| {
            let client = world.client.as_mut().expect("there");
            sent += client.write(&hello[sent..]);
            end = client.read(&mut got);
            end.is_some()
        });
        assert_eq!(end, Some(true), "an end, no reset");
        drop(world.client.take());
        world.until("the close", |world| world.closed);
        assert_eq!(
            world
                .work
                .counters
                .failures
                .iter()
                .map(Counter::value)
                .sum::<u64>(),
            1
        );
        assert_eq!(world.work.counters.handshakes_full.value(), 0);
    }
}

#[test]
fn a_service_answers_in_this_process_and_is_told_of_the_end() {
    for shape in SHAPES {
        let answers = Answers::Service(Arc::new(|| Box::new(Echo::new())));
        let mut world = World::new(shape, Security::Tls(context()), answers, true);
        let bytes = volume(shape, 60_000);
        let (mut sent, mut got) = (0, Vec::new());
        world.until("the echo", |world| {
            let client = world.client.as_mut().expect("there");
            sent += client.write(&bytes[sent..]);
            client.read(&mut got);
            got.len() >= bytes.len()
        });
        assert_eq!(got, bytes);
        world.client.as_mut().expect("there").close();
        world.until("a clean end", |world| {
            world.client.as_mut().expect("there").read(&mut Vec::new()) == Some(true)
        });
        world.until("the close", |world| world.closed);
    }
}

#[test]
fn an_endpoint_for_both_tells_tls_from_plain_by_the_first_byte() {
    for shape in SHAPES {
        for tls in [true, false] {
            let mut world = World::new(shape, Security::Either(context()), Answers::Backend, tls);
            world.client_says(&pattern(5_000));
            world.backend_says(&pattern(5_000));
            assert_eq!(world.work.counters.handshakes_full.value(), u64::from(tls));
        }
    }
}

#[test]
fn a_plain_endpoint_relays_and_half_closes() {
    for shape in SHAPES {
        let mut world = World::new(shape, Security::Plain, Answers::Backend, false);
        world.client_says(&pattern(20_000));
        world.client.as_mut().expect("there").close();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
        });
        world.backend_says(&pattern(20_000));
        drop(world.backend.take());
        world.until("the close", |world| world.closed);
    }
}

fn speaking(version: SslVersion, shape: Shape) -> World {
    let security = Security::Tls(context());
    World::speaking(shape, security, Answers::Backend, Some(version))
}

/// A client that is answered, and says nothing more.
fn answered(version: SslVersion, shape: Shape) -> World {
    let mut world = speaking(version, shape);
    world.client_says(b"a question");
    world.backend_says(b"an answer");
    world.silent = true;
    world.client.as_mut().expect("there").close();
    world
}

#[test]
fn a_client_that_is_answered_and_gone_before_tls_13_ends_both_directions() {
    for shape in SHAPES {
        let mut world = answered(SslVersion::TLS1_2, shape);
        world.gone = true;
        let mut ended = None;
        world.until("the end at the client", |world| {
            ended = world.client.as_mut().expect("there").read(&mut Vec::new());
            ended.is_some()
        });
        assert_eq!(ended, Some(true), "with a close-notify of ours");
        world.until("the close", |world| world.closed); // the backend still has its end
    }
}

#[test]
fn a_client_that_listens_on_is_told_what_the_backend_says() {
    for (version, gone) in [
        (SslVersion::TLS1_2, false),
        (SslVersion::TLS1_3, false),
        (SslVersion::TLS1_3, true),
    ] {
        for shape in SHAPES {
            let mut world = answered(version, shape);
            world.gone = gone;
            world.until("the end at the backend", |world| {
                matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
            });
            world.silent = false;
            world.backend_says(&volume(shape, 20_000));
            assert!(!world.closed, "the backend has not ended");
            drop(world.backend.take());
            world.until("the close", |world| world.closed);
        }
    }
}

/// Before TLS 1.3 a close-notify may be taken for the end of both directions, which would cut what is on its way.
#[test]
fn a_client_that_ends_in_the_middle_of_an_answer_gets_the_rest() {
    for (version, shape) in [SslVersion::TLS1_2, SslVersion::TLS1_3]
        .into_iter()
        .flat_map(|version| SHAPES.map(|shape| (version, shape)))
    {
        let mut world = speaking(version, shape);
        world.client_says(b"two questions");
        world.backend_says(b"an answer");
        world.client.as_mut().expect("there").close();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
        });
        world.backend_says(&volume(shape, 20_000));
        assert!(!world.closed, "the backend has not ended");
        drop(world.backend.take());
        world.until("the close", |world| world.closed);
    }
}

/// How many bytes the socket of the client has taken.
fn taken(world: &mut World) -> u64 {
    world.conn.wire.stream().written()
}

/// How many sessions the client has, once it has read what there is.
fn sessions(world: &mut World) -> usize {
    let mut nothing = Vec::new();
    world.client.as_mut().expect("there").turn();
    world.client.as_mut().expect("there").read(&mut nothing);
    assert_eq!(nothing, b"");
    world.sessions.load(Relaxed)
}

#[test]
fn a_ticket_of_tls_13_leaves_with_the_first_bytes_to_the_client_and_the_other_with_the_next() {
    let mut world = World::tls(SHAPES[2]);
    world.client_says(b"hello");
    let flight = taken(&mut world);
    assert!(world.conn.wire.stream().is_waiting(), "the ticket");
    assert_eq!(world.conn.deadline(), Some(world.now + TICKETS_WAIT));
    (0..5).for_each(|_| world.turn());
    assert_eq!(taken(&mut world), flight, "nothing to go with yet");
    world.backend_says(b"hello");
    let first = taken(&mut world);
    assert!(first > flight + 200, "a ticket and five bytes");
    assert_eq!(world.conn.deadline(), None);
    let sealed = if cfg!(openssl3) { 1 } else { 2 };
    assert_eq!(sessions(&mut world), sealed);

    world.client_says(b"and");
    world.backend_says(b"again");
    assert_eq!(sessions(&mut world), 2);
    let second = taken(&mut world);
    world.client_says(b"and");
    world.backend_says(b"again");
    assert_eq!(sessions(&mut world), 2);
    assert_eq!(taken(&mut world), second + 5 + 22, "one record");
}

#[test]
fn tickets_of_tls_13_leave_alone_where_nothing_else_does() {
    for shape in SHAPES {
        let mut world = World::tls(shape);
        world.client_says(b"hello");
        let flight = taken(&mut world);
        let until = world.conn.deadline().expect("they wait");
        let early = until - Duration::from_nanos(1);
        world.conn.tend(early, &mut world.work);
        assert_eq!(taken(&mut world), flight);
        world.conn.tend(until, &mut world.work);
        assert_eq!(world.conn.deadline(), None);
        world.until("both", |world| sessions(world) == 2);
        world.backend_says(b"hello");
    }

    let mut world = World::tls(SHAPES[2]);
    world.client_says(b"hello");
    let flight = taken(&mut world);
    drop(world.backend.take());
    world.until("the close-notify", |world| {
        taken(world) > flight + 200 // with a ticket
    });
}

#[test]
fn what_ends_a_handshake_before_tls_13_is_not_kept_from_the_client() {
    let mut world = speaking(SslVersion::TLS1_2, SHAPES[2]);
    world.until("the handshake", |world| {
        matches!(
            world.client,
            Some(Client::Tls {
                connected: true,
                ..
            })
        )
    });
    assert!(!world.conn.wire.stream().is_waiting());
    assert_eq!(world.conn.tickets_wait, None);
}

#[test]
fn a_silent_handshake_and_a_drained_connection_end_at_their_deadlines() {
    let mut world = World::new(SHAPES[2], Security::Tls(context()), Answers::Backend, false);
    world.turn();
    let deadline = world.conn.deadline().expect("a handshake has one");
    assert_eq!(deadline, world.now + Duration::from_secs(60));
    assert_eq!(world.conn.expire(deadline, &mut world.work), Next::Close);
    assert_eq!(
        world.work.counters.failures[Failure::Timeout as usize].value(),
        1
    );

    let mut world = World::tls(SHAPES[2]);
    world.client_says(b"hello");
    world.backend_says(b"hello");
    assert_eq!(
        world.conn.deadline(),
        None,
        "an open connection may be silent for ever"
    );
    world.conn.end(world.now);
    world.turn();
    let deadline = world.conn.deadline().expect("draining has one");
    assert_eq!(world.conn.expire(deadline, &mut world.work), Next::Close);
}

#[test]
fn a_backend_that_takes_what_waits_is_not_idle() {
    let shape = Shape {
        window: 1000,
        ..SHAPES[2]
    };
    let mut world = World::new(shape, Security::Plain, Answers::Backend, false);
    world.client_says(b"hello");
    let Some(Client::Clear(pipe)) = &mut world.client else {
        panic!("a plain client");
    };
    pipe.window = 1 << 20; // all of it comes in one read, and most of it waits
    let (bytes, mut sent, mut got) = (pattern(20_000), 0, Vec::new());
    world.until("bytes that wait", |world| {
        sent += world.client.as_mut().expect("there").write(&bytes[sent..]);
        world.conn.plain.stream().expect("attached").is_waiting()
    });
    (0..5).for_each(|_| world.turn());
    world.now += Duration::from_secs(5);
    let before = world.conn.moved;
    world.turn();
    assert_eq!(world.conn.moved, before, "nobody took anything");
    world.backend_reads(&mut got);
    world.turn();
    assert_eq!(world.conn.moved, world.now);
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut world = World::tls(SHAPES[2]);
    world.client_says(&pattern(100_000));
    world.backend_says(&pattern(100_000));
    world.turn();
    assert_eq!(world.conn.held.capacity(), 0);
    assert_eq!(
        world.conn.wire.stream().room(),
        0,
        "the gathering buffer is back in the pool"
    );

    let mut world = World::new(
        SHAPES[2],
        Security::Tls(context()),
        Answers::Service(Arc::new(|| Box::new(Echo::new()))),
        true,
    );
    world.work.pool.give_text(Vec::with_capacity(1000));
    world.until("the service's start", |world| {
        world.conn.state == State::Open
    });
    assert_eq!(world.conn.held.capacity(), 0, "nothing was answered yet");
}

impl World {
    /// Nothing more is announced than what came first.
    fn client_ends_behind_a_record_without_bytes(&mut self) {
        if let Some(Client::Tls { channel, .. }) = &mut self.client {
            channel.update_keys();
            assert!(channel.stream().flush().expect("room"));
        }
        drop(self.client.take());
        self.conn.announce_wire(Readiness {
            hung_up: true,
            ..READY
        });
        for _ in 0..4 {
            match self.conn.step(self.now, &mut self.work) {
                Next::Again | Next::Paused => {}
                Next::Close => return,
                next => panic!("{next:?}, and nothing more will be announced"),
            }
        }
        panic!("no end");
    }
}

#[test]
fn an_end_behind_a_record_without_bytes_is_noticed_although_it_was_announced_before() {
    let mut world = World::tls(SHAPES[2]);
    world.client_says(b"hello");
    world.client_ends_behind_a_record_without_bytes();
}

#[test]
fn a_client_that_ended_and_then_is_gone_altogether_is_not_kept_for_a_silent_backend() {
    for tls in [true, false] {
        let mut world = World::new(
            SHAPES[2],
            Security::Either(context()),
            Answers::Backend,
            tls,
        );
        world.client_says(b"question");
        world.client.as_mut().expect("there").close();
        world.until("the end at the backend", |world| {
            matches!(world.backend_reads(&mut Vec::new()), Some(Ok(0)))
        });
        assert_eq!(world.conn.step(world.now, &mut world.work), Next::Wait);
        world.conn.announce_wire(Readiness {
            hung_up: true,
            failed: true,
            ..READY
        });
        assert_eq!(world.conn.step(world.now, &mut world.work), Next::Close);
        world.close();
        assert!(!world.backend.as_ref().expect("there").was_reset());
    }
}

#[test]
fn an_end_in_the_middle_of_an_answer_is_a_cut_for_the_client() {
    for shape in SHAPES.into_iter().filter(|shape| shape.window < CAPACITY) {
        let mut world = World::tls(shape);
        world.client_says(b"question");
        let answer = pattern(CAPACITY * 2);
        let mut sent = 0;
        for _ in 0..10_000 {
            let backend = world.backend.as_mut().expect("there");
            sent += backend.write(&answer[sent..]).unwrap_or(0);
            world.turn();
        }
        world.conn.end(world.now);
        let mut end = None;
        world.until("an end at the client", |world| {
            end = world.client.as_mut().expect("there").read(&mut Vec::new());
            end.is_some()
        });
        assert_eq!(end, Some(false));
    }
}

#[test]
fn what_the_budget_leaves_unsent_goes_out_without_another_announcement() {
    let wide = Shape {
        chunk: 8 << 20,
        window: 8 << 20,
        stutter: false,
    };
    let answer = pattern(1 << 20); // the round is over with the last byte
    for tls in [false, true] {
        let security = match tls {
            false => Security::Plain,
            true => Security::Tls(context()),
        };
        let mut world = World::new(wide, security, Answers::Backend, tls);
        world.client_says(b"hello"); // with TLS the tickets wait, and take of the room
        let backend = world.backend.as_mut().expect("connected");
        assert_eq!(backend.write(&answer).expect("room"), answer.len());
        world.conn.announce_plain(READY);
        while matches!(world.conn.step(world.now, &mut world.work), Next::Again) {}

        let client = world.client.as_mut().expect("there");
        client.turn();
        let mut got = Vec::new();
        while got.len() < answer.len() {
            let before = got.len();
            client.read(&mut got);
            assert!(got.len() > before, "{before} bytes came, with TLS: {tls}");
        }
        assert_eq!(got, answer);
    }
}
