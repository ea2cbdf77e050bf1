//! Handshakes in pieces: the same ones, with pauses.

use super::names::list;
use crate::io::testing::{Pipe, pipe};
use crate::io::{Buffer, CAPACITY, Readiness, Stream};
use crate::tls::sys::pieces::{self, stacks, strangers};
use crate::tls::testing::{EC, Key, Policy, Server, alone, self_signed};
use crate::tls::{Channel, Context, Outcome, Role};
use openssl::ssl::{
    Ssl, SslConnector, SslContext, SslMethod, SslSession, SslSessionCacheMode, SslStream,
    SslVerifyMode, SslVersion,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

const READY: Readiness = Readiness {
    readable: true,
    writable: true,
    hung_up: false,
    failed: false,
};

/// A server and a client, before their handshake.
struct Pair {
    server: Channel,
    client: Channel,
}

fn stream(pipe: Pipe) -> Stream {
    let mut stream = Stream::new(Box::new(pipe));
    stream.lend(|| Buffer::new(CAPACITY));
    stream
}

fn policy(key: Key) -> Policy {
    let mut policy = Policy::empty();
    policy.identity("server.pem", &self_signed("localhost", key).pem());
    policy.set("ssl.protocol", "9");
    policy
}

fn server(key: Key) -> Server {
    policy(key).server()
}

/// With all that libssl may call us for while it answers a hello.
fn busy_server(key: Key) -> Server {
    let mut policy = policy(key);
    let file = policy.file("a.pem", &self_signed("a.example", key).pem());
    list(
        &mut policy,
        "a.example",
        file,
        &[("ssl.options", "NO_RENEGOTIATION")],
    );
    policy.set("ssl.session-cache", "true");
    policy.set("ssl.alpn", "h2,http/1.1");
    policy.server()
}

type Sessions = Arc<Mutex<Vec<SslSession>>>;

impl Pair {
    fn new(server: &Server, version: SslVersion, sessions: &Sessions) -> Pair {
        Pair::with(server, version, sessions, None)
    }

    /// One whose client has these groups.
    fn with(
        server: &Server,
        version: SslVersion,
        sessions: &Sessions,
        groups: Option<&str>,
    ) -> Pair {
        let (ours, theirs) = pipe(1 << 20, 1 << 20, false);
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        if let Some(groups) = groups {
            builder.set_groups_list(groups).unwrap();
        }
        builder
            .set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        let kept = Arc::clone(sessions);
        builder.set_new_session_callback(move |_, session| kept.lock().unwrap().push(session));
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.set_hostname("a.example").unwrap();
        ssl.set_alpn_protos(b"\x08http/1.1").unwrap();
        if let Some(session) = sessions.lock().unwrap().pop() {
            crate::tls::sys::set_session(&mut ssl, &session).unwrap();
        }
        Pair {
            server: Channel::accept_deferring_ticket(&server.0, stream(ours)).unwrap(),
            client: Channel::connecting(ssl, stream(theirs)).unwrap(),
        }
    }

    /// The client says what it has to say in its handshake; whether it is done.
    fn client_turn(&mut self) -> bool {
        self.client.stream().announce(READY);
        let done = self.client.handshake().unwrap() == Outcome::Done(0);
        self.client.stream().flush().unwrap();
        done
    }

    /// The server goes on as far as it can; how many pauses it made, and whether it is done.
    fn server_turn(&mut self) -> (u32, bool) {
        self.server.stream().announce(READY);
        let mut pauses = 0;
        let done = loop {
            match self.server.handshake_piece() {
                None => pauses += 1,
                Some(outcome) => break outcome.unwrap() == Outcome::Done(0),
            }
        };
        self.server.stream().flush().unwrap();
        (pauses, done)
    }

    /// Both go on until they are done; how many pauses the server made.
    fn shake(&mut self) -> u32 {
        let (mut pauses, mut done) = (0, (false, false));
        while done != (true, true) {
            done.0 = done.0 || self.client_turn();
            let (more, server_done) = self.server_turn();
            pauses += more;
            done.1 = server_done;
        }
        pauses
    }

    /// A few bytes, so that the client gets its tickets.
    fn talk(&mut self) {
        self.server.write(b"hello").unwrap();
        self.server.stream().flush().unwrap();
        self.client.stream().announce(READY);
        let mut hello = [0; 16];
        assert_eq!(self.client.read(&mut hello).unwrap(), Outcome::Done(5));
        assert_eq!(&hello[..5], b"hello");
        // A session of TLS 1.2 whose connection has no end is not resumed.
        assert!(self.client.close() && self.server.close());
    }
}

#[test]
fn the_flight_that_answers_a_hello_has_pauses_and_the_handshake_comes_to_the_same() {
    let server = server(EC);
    for version in BOTH {
        let sessions = Sessions::default();
        for resumed in [false, true] {
            let mut pair = Pair::new(&server, version, &sessions);
            let pauses = pair.shake();
            assert!(pauses > 0, "{version:?}");
            pair.talk();
            assert_eq!(pair.server.is_resumed(), resumed, "{version:?}");
        }
    }
}

#[test]
fn a_client_that_is_asked_for_another_hello_waits_for_pieces_too() {
    let mut policy = policy(EC);
    policy.set("ssl.groups", "secp384r1");
    let mut pair = Pair::new(&policy.server(), SslVersion::TLS1_3, &Sessions::default());
    assert!(!pair.client_turn());
    pair.server_turn();
    assert!(!pair.client_turn(), "it was to say hello again");
    assert!(pair.server_turn().0 > 0);
    assert!(pair.client_turn());
    assert_eq!(pair.server_turn(), (0, true), "a client's flight has none");
    pair.talk();
}

#[test]
fn a_refusal_is_told_as_without_pauses() {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "6"); // TLS 1.3
    let mut pair = Pair::new(&policy.server(), SslVersion::TLS1_2, &Sessions::default());
    assert!(!pair.client_turn());
    pair.server.stream().announce(READY);
    let failure = loop {
        if let Some(outcome) = pair.server.handshake_piece() {
            break outcome.unwrap_err();
        }
    };
    assert!(
        failure.reason.contains("unsupported protocol"),
        "{}",
        failure.reason
    );
}

/// A server after the first pause of its flight.
fn paused() -> Pair {
    let mut pair = Pair::new(&server(EC), SslVersion::TLS1_3, &Sessions::default());
    pair.client_turn();
    pair.server.stream().announce(READY);
    assert!(pair.server.handshake_piece().is_none());
    pair
}

#[test]
fn any_other_call_makes_the_pieces_that_are_left() {
    let mut pair = paused();
    assert_eq!(pair.server.handshake().unwrap(), Outcome::WantRead);
    pair.server.stream().flush().unwrap();
    pair.shake();
    pair.talk();

    let mut pair = paused();
    assert_eq!(pair.server.read(&mut [0; 16]).unwrap(), Outcome::WantRead);
    pair.server.stream().flush().unwrap();
    pair.shake();
    pair.talk();
}

#[test]
fn pauses_of_others_are_waited_for() {
    let identity = self_signed("localhost", EC);
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    builder.set_certificate(&identity.certificate).unwrap();
    builder.set_private_key(&identity.key).unwrap();
    // Several secrets are told of in a flight.
    builder.set_keylog_callback(|_, _| (0..3).for_each(|_| pieces::pause()));
    let server = Server(Context::around(builder.build(), Role::Server));
    for turns in 1..10 {
        let mut pair = Pair::new(&server, SslVersion::TLS1_3, &Sessions::default());
        pair.client_turn();
        pair.server.stream().announce(READY);
        for _ in 0..turns {
            assert!(pair.server.handshake_piece().is_none());
        }
        assert_eq!(pair.server.handshake().unwrap(), Outcome::WantRead);
        pair.server.stream().flush().unwrap();
        pair.shake();
        pair.talk();
    }
}

/// Nobody knows how deep their code goes.
fn in_one_go(test: &str, bring_in: fn()) {
    let body = || {
        bring_in();
        let mut pair = Pair::new(&server(EC), SslVersion::TLS1_3, &Sessions::default());
        assert_eq!(pair.shake(), 0);
        pair.talk();
        println!("in one go");
    };
    if let Some(output) = alone(&format!("tls::tests::pieces::{test}"), body) {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("in one go"),
            "{said}"
        );
    }
}

#[cfg(openssl_engines)]
#[test]
fn where_there_are_engines_nothing_is_made_in_pieces() {
    let test = "where_there_are_engines_nothing_is_made_in_pieces";
    in_one_go(test, strangers::add_engine);
}

#[cfg(openssl3)]
#[test]
fn where_there_are_providers_of_others_nothing_is_made_in_pieces() {
    let test = "where_there_are_providers_of_others_nothing_is_made_in_pieces";
    in_one_go(test, strangers::add_provider);
}

#[test]
fn one_that_is_given_up_in_between_leaves_the_next_ones_alone() {
    for _ in 0..20 {
        drop(paused());
    }
    let (mut one, mut other) = (paused(), paused());
    for pair in [&mut one, &mut other] {
        pair.server_turn();
        pair.shake();
        pair.talk();
    }
}

/// Groups of all kinds, by libssl's names.
const GROUPS: &[&str] = &[
    "X25519",
    "X448",
    "secp521r1",
    "ffdhe8192",
    "X25519MLKEM768",
    "SecP384r1MLKEM1024",
];

/// libssl's stacks have no guard behind them: what happens on them has to take far less than there is.
#[test]
fn a_flight_leaves_half_of_its_stack_untouched() {
    let body = || {
        assert!(stacks::watch());
        log::set_max_level(log::LevelFilter::Trace);
        for key in [EC, Key::Rsa(2048), Key::Rsa(4096), Key::Ed25519] {
            let server = busy_server(key);
            for version in BOTH {
                let sessions = Sessions::default();
                for _ in 0..2 {
                    let mut pair = Pair::new(&server, version, &sessions);
                    assert!(pair.shake() > 0);
                    pair.talk();
                }
            }
        }
        for &group in GROUPS {
            let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
            if builder.set_groups_list(group).is_err() {
                println!("{group} is not in this libssl");
                continue;
            }
            let mut policy = policy(EC);
            policy.set("ssl.groups", group);
            let (server, sessions) = (policy.server(), Sessions::default());
            let mut pair = Pair::with(&server, SslVersion::TLS1_3, &sessions, Some(group));
            assert!(pair.shake() > 0);
            // Not told by 1.1.1.
            if let Some(agreed) = pair.server.facts().group {
                assert!(agreed.eq_ignore_ascii_case(group), "{agreed}");
            }
        }
        println!("deepest: {} of {}", stacks::deepest(), stacks::LENGTH);
        assert!(stacks::deepest() < stacks::LENGTH / 2);
    };
    let test = "tls::tests::pieces::a_flight_leaves_half_of_its_stack_untouched";
    if let Some(output) = alone(test, body) {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("deepest"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A client of a server that runs.
fn visit(address: &str) -> SslStream<TcpStream> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let connector = builder.build();
    connector
        .connect("localhost", TcpStream::connect(address).unwrap())
        .unwrap()
}

fn echo(tls: &mut SslStream<TcpStream>) {
    tls.write_all(b"hello").unwrap();
    tls.read_exact(&mut [0; 5]).unwrap();
}

#[test]
fn a_server_makes_pieces_while_others_talk_and_only_then() {
    let body = || {
        assert!(stacks::watch());
        let mut policy = policy(EC);
        policy.set("server.endpoint", "ssl://127.0.0.1:0");
        policy.set("backend", "service://echo");
        policy.set("threads", "1");
        let server = crate::server::Server::start(&policy.settings, &policy.load()).unwrap();
        let place = server.places().next().unwrap();
        let address = place.rsplit('/').next().unwrap().to_owned();
        for _ in 0..20 {
            echo(&mut visit(&address));
        }
        assert!(!stacks::were_taken(), "nobody talks");
        let over = Arc::<AtomicBool>::default();
        let (talks, to) = (Arc::clone(&over), address.clone());
        let talker = thread::spawn(move || {
            let mut tls = visit(&to);
            while !talks.load(Relaxed) {
                echo(&mut tls);
            }
        });
        let until = Instant::now() + Duration::from_secs(20);
        while !stacks::were_taken() && Instant::now() < until {
            echo(&mut visit(&address));
        }
        over.store(true, Relaxed);
        talker.join().unwrap();
        assert!(stacks::were_taken());
        println!("pieces were made");
    };
    let test = "tls::tests::pieces::a_server_makes_pieces_while_others_talk_and_only_then";
    if let Some(output) = alone(test, body) {
        let said = String::from_utf8_lossy(&output.stdout);
        let done = output.status.success() && said.contains("pieces were made");
        assert!(done, "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}
