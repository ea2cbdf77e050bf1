//! The first packets of a connection, byte for byte: what is answered, what is logged, and what reaches the server.
//!
//! Left out: that the answer to a request cannot be sent, which no client can bring about for sure; and GSSAPI's
//! encryption after a yes, which a front never says.

use crate::certificates::Certificates;
use crate::cluster::Cluster;
use crate::front::{Front, Plan, Scene, client};
use crate::support::client::{End, handshake, read_all, round_trip};
use crate::support::{Backend, Tls};
use crate::wire::{self, GSS_REQUEST, SSL_REQUEST, VERSION_3};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A front with TLS before a server that must not be reached.
struct Alone {
    front: Front,
    server: Backend,
    _certificates: Certificates,
}

impl Alone {
    fn new() -> Alone {
        Alone::with(|plan| plan)
    }

    fn with(more: impl FnOnce(Plan) -> Plan) -> Alone {
        let (certificates, server) = (Certificates::new(), Backend::mute());
        let plan = Plan::new(&certificates, "server-cn-only").flag("backend", &server.url);
        Alone {
            front: more(plan).start(),
            server,
            _certificates: certificates,
        }
    }

    /// Says something in the clear, and hears everything.
    fn told(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.front.open();
        wire::say(&mut stream, bytes);
        wire::take_all(&mut stream)
    }

    /// The same inside TLS.
    fn told_inside(&self, bytes: &[u8]) -> Vec<u8> {
        let mut tls = self.front.open_tls();
        wire::say(&mut tls, bytes);
        ended(&mut tls)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.accepted(), 0, "the server was reached");
        }
    }
}

/// What is said up to a clean end.
#[track_caller]
fn ended(tls: &mut Tls) -> Vec<u8> {
    let (said, end) = read_all(tls);
    assert_eq!(end, End::Clean);
    said
}

/// Ends our direction, and hears everything.
fn finish(mut stream: TcpStream) -> Vec<u8> {
    stream.shutdown(Shutdown::Write).unwrap();
    wire::take_all(&mut stream)
}

/// Packets of a beginning that leads to a session.
fn beginnings() -> [(Vec<u8>, &'static [u8]); 3] {
    let (ssl, gss) = (wire::ssl_request(), wire::gss_request());
    [
        (ssl.clone(), b"S"),
        ([gss.clone(), ssl].concat(), b"NS"),
        (gss, b"N"),
    ]
}

/// Begins as one of these, waiting for each answer, and starts a session.
fn begin(
    front: &Front,
    requests: &[u8],
    answers: &[u8],
    say: impl Fn(&mut TcpStream, &[u8]),
) -> String {
    let mut stream = front.open();
    for (request, answer) in requests.chunks(8).zip(answers) {
        say(&mut stream, request);
        assert_eq!(wire::take(&mut stream, 1), [*answer]);
    }
    let startup = wire::startup("testuser", "trustdb");
    if answers.last() == Some(&b'S') {
        let mut tls = handshake(client(&[]), stream).unwrap();
        for byte in &startup {
            tls.write_all(&[*byte]).unwrap(); // a record each
        }
        return wire::kinds(&wire::hear(&mut tls));
    }
    say(&mut stream, &startup);
    wire::kinds(&wire::hear(&mut stream))
}

#[test]
fn requests_are_answered_with_one_byte_and_the_session_begins_whole_or_in_pieces() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    for (requests, answers) in beginnings() {
        for say in [wire::say, wire::say_slowly] {
            let kinds = begin(front, &requests, answers, say);
            assert!(kinds.starts_with('R') && kinds.ends_with('Z'), "{kinds}");
        }
    }
    let mut stream = front.open();
    wire::say_slowly(&mut stream, &wire::startup("testuser", "trustdb"));
    assert!(
        wire::kinds(&wire::hear(&mut stream)).ends_with('Z'),
        "plain at once"
    );
}

#[test]
fn where_there_is_no_tls_the_answer_is_no_and_both_requests_may_come_in_any_order() {
    let (ssl, gss) = (wire::ssl_request(), wire::gss_request());
    let plain = Scene::with(|_, _| Plan::plain());
    // With TLS on its port, there is none on its unix socket.
    let local = Scene::with(|plan, certificates| plan.local_endpoint(certificates));
    for (first, second) in [(&ssl, &gss), (&gss, &ssl)] {
        refused_and_served(&mut plain.front.open(), first, second);
        refused_and_served(&mut local.open_local(), first, second);
    }
}

/// Both requests get their no, and the session begins in the clear.
fn refused_and_served<S: Read + Write>(stream: &mut S, first: &[u8], second: &[u8]) {
    for request in [first, second] {
        wire::say(stream, request);
        assert_eq!(wire::take(stream, 1), b"N");
    }
    wire::say(stream, &wire::startup("testuser", "trustdb"));
    assert!(wire::kinds(&wire::hear(stream)).ends_with('Z'));
}

#[test]
fn a_length_that_cannot_be_is_the_end_without_an_answer() {
    let alone = Alone::new();
    for length in [0, 1, 4, 7, 10_005, 0x7fff_ffff, 0xffff_ffff] {
        let mark = alone.front.daemon.mark();
        assert_eq!(
            alone.told(&wire::sized(length, VERSION_3, b"")),
            b"",
            "{length}"
        );
        alone
            .front
            .daemon
            .said_after(mark, "invalid length of startup packet");
    }
    let mark = alone.front.daemon.mark();
    assert_eq!(alone.told_inside(&wire::sized(10_005, VERSION_3, b"")), b"");
    alone
        .front
        .daemon
        .said_after(mark, "invalid length of startup packet");
}

#[test]
fn the_longest_packet_reaches_the_server() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    let begin = wire::named(&[
        ("user", "testuser"),
        ("database", "trustdb"),
        ("application_name", ""),
    ]);
    let name = "x".repeat(10_004 - begin.len());
    let packet = wire::named(&[
        ("user", "testuser"),
        ("database", "trustdb"),
        ("application_name", &name),
    ]);
    assert_eq!(packet.len(), 10_004);
    let mut tls = front.open_tls();
    wire::say(&mut tls, &packet);
    assert!(wire::kinds(&wire::hear(&mut tls)).ends_with('Z'));
}

#[test]
fn whoever_only_looks_whether_somebody_listens_is_not_worth_a_line() {
    let alone = Alone::new();
    let mark = alone.front.daemon.mark();
    assert_eq!(finish(alone.front.open()), b"");
    // After a request neither, not even with a part of the next packet's length.
    for rest in [&b""[..], b"\0", b"\0\0\0"] {
        let mut stream = alone.front.open();
        wire::say(&mut stream, &wire::gss_request());
        assert_eq!(wire::take(&mut stream, 1), b"N");
        wire::say(&mut stream, rest);
        assert_eq!(finish(stream), b"");
    }
    // The next that is worth one is the next one there.
    assert_eq!(alone.told(&wire::sized(7, VERSION_3, b"")), b"");
    alone
        .front
        .daemon
        .said_after(mark, "invalid length of startup packet");
    assert_eq!(alone.front.daemon.mark() - mark, 1, "one line");
}

#[test]
fn a_packet_that_ends_too_soon_is_logged_as_incomplete() {
    let alone = Alone::new();
    let whole = wire::startup("testuser", "trustdb");
    for length in [1, 3, 4, 7, 8, whole.len() - 1] {
        let mark = alone.front.daemon.mark();
        let mut stream = alone.front.open();
        wire::say(&mut stream, &whole[..length]);
        assert_eq!(finish(stream), b"", "{length}");
        alone
            .front
            .daemon
            .said_after(mark, "incomplete startup packet");
    }
    let mark = alone.front.daemon.mark();
    let mut tls = alone.front.open_tls();
    wire::say(&mut tls, &whole[..8]);
    tls.shutdown().unwrap();
    assert_eq!(read_all(&mut tls).0, b"");
    alone
        .front
        .daemon
        .said_after(mark, "incomplete startup packet");
}

#[test]
fn a_request_that_is_none_any_more_is_an_unknown_version() {
    let alone = Alone::new();
    let text =
        |minor| format!("unsupported frontend protocol 1234.{minor}: server supports 3.0 to 3.0");
    for (request, minor) in [(wire::ssl_request(), 5679), (wire::gss_request(), 5680)] {
        wire::assert_fatal(&alone.told_inside(&request), "0A000", &text(minor));
        alone.front.daemon.said(&text(minor));
    }
    let mut stream = alone.front.open();
    wire::say(&mut stream, &wire::gss_request());
    assert_eq!(wire::take(&mut stream, 1), b"N");
    wire::say(&mut stream, &wire::gss_request());
    wire::assert_fatal(&wire::take_all(&mut stream), "0A000", &text(5680));
}

#[test]
fn other_versions_are_refused_by_their_numbers() {
    let alone = Alone::new();
    for (code, version) in [
        (2 << 16, "2.0"),
        (4 << 16 | 7, "4.7"),
        (0, "0.0"),
        (1234 << 16 | 1, "1234.1"),
    ] {
        let text = format!("unsupported frontend protocol {version}: server supports 3.0 to 3.0");
        wire::assert_fatal(&alone.told(&wire::packet(code, b"")), "0A000", &text);
        alone.front.daemon.said(&text);
    }
}

#[test]
fn a_startup_packet_that_is_none_is_refused_with_the_reason() {
    let alone = Alone::new();
    let terminator = (
        "08P01",
        "invalid startup packet layout: expected terminator as last byte",
    );
    let user = (
        "28000",
        "no PostgreSQL user name specified in startup packet",
    );
    for (rest, (code, text)) in [
        (&b"user\0testuser\0"[..], terminator),
        (b"user\0testuser\0\0more", terminator),
        (b"\0", user),
        (b"database\0trustdb\0\0", user),
    ] {
        let packet = wire::packet(VERSION_3, rest);
        wire::assert_fatal(&alone.told(&packet), code, text);
        wire::assert_fatal(&alone.told_inside(&packet), code, text);
        alone.front.daemon.said(text);
    }
}

#[test]
fn a_database_that_is_not_named_is_called_like_the_user() {
    let scene = Scene::with_hba(
        "host all postgres all trust\nhostssl sameuser testuser all trust\nhost other testuser all reject\n",
    );
    let Scene { front, .. } = &scene;
    let mut tls = front.open_tls();
    wire::say(&mut tls, &wire::named(&[("user", "postgres")]));
    assert!(
        wire::kinds(&wire::hear(&mut tls)).ends_with('Z'),
        "the database postgres"
    );
    // The rule lets it through to the server, which has no such database.
    let mut tls = front.open_tls();
    wire::say(&mut tls, &wire::named(&[("user", "testuser")]));
    let said = wire::hear(&mut tls);
    let said = String::from_utf8_lossy(&said.last().unwrap().1).into_owned();
    assert!(
        said.contains("database \"testuser\" does not exist"),
        "{said}"
    );
}

#[test]
fn newer_minor_versions_and_unknown_options_are_the_servers_to_negotiate() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    let body = b"user\0testuser\0database\0trustdb\0_pq_.wish\0on\0\0";
    for (code, body) in [(VERSION_3, &body[..]), (VERSION_3 | 9, &body[..])] {
        let mut tls = front.open_tls();
        wire::say(&mut tls, &wire::packet(code, body));
        let kinds = wire::kinds(&wire::hear(&mut tls));
        assert!(
            kinds.starts_with('v') && kinds.ends_with('Z'),
            "NegotiateProtocolVersion first: {kinds}"
        );
    }
}

/// CVE-2021-23214: who sits in the middle may say what the client, once encrypted, seems to have said.
#[test]
fn what_comes_behind_a_request_for_tls_without_waiting_is_refused_inside_it() {
    let alone = Alone::new();
    let text = "received unencrypted data after SSL request";
    let startup = wire::startup("testuser", "trustdb");
    for stuffing in [&startup[..], b"\0", &wire::ssl_request()] {
        let mut stream = alone.front.open();
        wire::say(&mut stream, &[&wire::ssl_request(), stuffing].concat());
        assert_eq!(wire::take(&mut stream, 1), b"S");
        let mut tls = handshake(client(&[]), stream).unwrap();
        let _ = tls.write_all(&startup); // which does not count any more
        let (said, _) = read_all(&mut tls);
        wire::assert_fatal(&said, "08P01", text);
        assert_eq!(
            wire::error(&said)[&'D'],
            "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack."
        );
        alone.front.daemon.said(text);
    }
}

#[test]
fn what_comes_behind_a_request_for_gssapi_is_refused_too() {
    let alone = Alone::new();
    let text = "received unencrypted data after GSSAPI encryption request";
    let said = alone.told(&[wire::gss_request(), wire::startup("testuser", "trustdb")].concat());
    assert_eq!(said[0], b'N');
    wire::assert_fatal(&said[1..], "08P01", text);
    alone.front.daemon.said(text);
}

/// The hello that came too early is none of the handshake: the client has to say another one.
#[test]
fn a_hello_that_did_not_wait_for_its_answer_does_not_count() {
    let alone = Alone::new();
    let mut stream = alone.front.open();
    let early = hello();
    wire::say(&mut stream, &[&wire::ssl_request(), &early[..]].concat());
    assert_eq!(wire::take(&mut stream, 1), b"S");
    let mut tls = handshake(client(&[]), stream).expect("the second hello is the first one there");
    wire::assert_fatal(
        &ended(&mut tls),
        "08P01",
        "received unencrypted data after SSL request",
    );
}

/// A ClientHello.
fn hello() -> Vec<u8> {
    #[derive(Debug)]
    struct Heard(Vec<u8>);
    impl Read for Heard {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Ok(0)
        }
    }
    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    match client(&[]).connect(Heard(Vec::new())) {
        Err(openssl::ssl::HandshakeError::Failure(half)) => half.get_ref().0.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_tls_after_a_yes_is_logged_in_the_originals_words() {
    let alone = Alone::new();
    for (bytes, why) in [
        (&b""[..], "EOF detected"),
        (b"GET / HTTP/1.1\r\n\r\n", "http request"),
    ] {
        let mark = alone.front.daemon.mark();
        let mut stream = alone.front.open();
        wire::say(&mut stream, &wire::ssl_request());
        assert_eq!(wire::take(&mut stream, 1), b"S");
        wire::say(&mut stream, bytes);
        finish(stream);
        alone
            .front
            .daemon
            .said_after(mark, &format!("could not accept SSL connection: {why}"));
    }
}

#[test]
fn the_time_to_come_in_covers_packets_and_handshake_together() {
    let alone = Alone::with(|plan| plan.set("authentication_timeout", "1s"));
    let begun = Instant::now();
    let mut silent = alone.front.open();
    let mut asking = alone.front.open();
    wire::say(&mut asking, &wire::ssl_request());
    assert_eq!(wire::take(&mut asking, 1), b"S");
    let mut inside = alone.front.open_tls();
    assert_eq!(wire::take_all(&mut silent), b"");
    assert_eq!(wire::take_all(&mut asking), b"");
    read_all(&mut inside);
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

/// The server itself sees who is done in time.
#[test]
fn a_session_is_not_hurried() {
    let (certificates, cluster) = (Certificates::new(), Cluster::start());
    let plan = Plan::new(&certificates, "server-cn-only").set("authentication_timeout", "1s");
    let front = plan.before(&cluster).start();
    let mut tls = front.open_tls();
    wire::say(&mut tls, &wire::startup("testuser", "trustdb"));
    assert!(wire::kinds(&wire::hear(&mut tls)).ends_with('Z'));
    wire::say(&mut tls, &wire::query("SELECT pg_sleep(1.5)"));
    let kinds = wire::kinds(&wire::hear(&mut tls));
    assert_eq!(kinds, "TDCZ");
}

/// What follows the start-up packet is the server's, in the same piece or later.
#[test]
fn bytes_behind_the_startup_packet_reach_the_server() {
    let certificates = Certificates::new();
    let server = Backend::echo();
    let front = Plan::new(&certificates, "server-cn-only")
        .flag("backend", &server.url)
        .start();
    let packet = [
        wire::startup("testuser", "trustdb"),
        crate::support::pattern::bytes(100_003),
    ]
    .concat();
    round_trip(&mut front.open(), &packet);
    round_trip(&mut front.open_tls(), &packet);
}

const _: () = assert!(SSL_REQUEST == 1234 << 16 | 5679 && GSS_REQUEST == 1234 << 16 | 5680);
