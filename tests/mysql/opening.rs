//! How a connection begins, packet by packet: clients that say too much at once, too little, or nonsense.

use crate::front::{Scene, encrypting, greeted, greeted_in_tls, plain};
use crate::server::Server;
use crate::support::client::{handshake, open};
use crate::support::{Backend, Peer, Pki, eventually};
use crate::wire::{
    self, CAPABILITIES, Packet, SSL, Together, hear, hear_ok, hear_value, packet, query, refusal,
    response, response_in_tls, response_with, ssl_request, try_hear, value,
};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

/// It is the server's own but for TLS, which it has in the front's stead.
#[test]
fn the_greeting_is_the_servers_own_but_for_tls() {
    let scene = Scene::new();
    let without = plain().set("backend", scene.server.url()).start();
    let mut direct = UnixStream::connect(scene.server.socket()).unwrap();
    let own = wire::greeting(&mut direct);
    assert_eq!(own.capabilities & SSL, 0);
    let (_open, offering) = greeted(scene.address());
    assert_eq!(offering.capabilities, own.capabilities | SSL);
    assert_eq!(
        (&offering.rest, &offering.version),
        (&own.rest, &own.version)
    );
    let (_open, plain) = greeted(without.address());
    assert_eq!(
        (plain.capabilities, plain.rest),
        (own.capabilities, own.rest)
    );
}

#[test]
fn a_handshake_may_come_in_one_packet_with_the_request_for_it() {
    let scene = Scene::new();
    let (stream, greeting) = greeted(scene.address());
    let together = Together {
        stream,
        first: packet(1, &ssl_request()),
    };
    let mut tls = handshake(Peer::new(&scene.pki).ssl(), together).unwrap();
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    hear_ok(&mut tls, 3);
    assert_eq!(value(&mut tls, "SELECT CURRENT_USER()"), "native@%");
}

#[test]
fn commands_may_come_before_the_server_has_said_yes() {
    let scene = Scene::new();
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&scene.pki), scene.address());
    let all = [
        packet(2, &response_in_tls(&greeting)),
        query("SELECT 'first'"),
        query("SELECT 'second'"),
    ];
    tls.write_all(&all.concat()).unwrap();
    hear_ok(&mut tls, 3);
    assert_eq!(hear_value(&mut tls), "first");
    assert_eq!(hear_value(&mut tls), "second");
    let (mut stream, greeting) = greeted(scene.address());
    let all = [packet(1, &response(&greeting)), query("SELECT 'plain'")];
    stream.write_all(&all.concat()).unwrap();
    hear_ok(&mut stream, 2);
    assert_eq!(hear_value(&mut stream), "plain");
}

/// Neither in the clear nor inside TLS do packets come as they were sent.
#[test]
fn packets_may_come_byte_for_byte() {
    let scene = Scene::new();
    let slowly = |stream: &mut dyn Write, bytes: &[u8]| {
        for byte in bytes {
            stream.write_all(&[*byte]).unwrap();
        }
    };
    let (mut stream, greeting) = greeted(scene.address());
    slowly(&mut stream, &packet(1, &ssl_request()));
    let mut tls = handshake(Peer::new(&scene.pki).ssl(), stream).unwrap();
    slowly(&mut tls, &packet(2, &response_in_tls(&greeting)));
    hear_ok(&mut tls, 3);
    slowly(&mut tls, &query("SELECT CURRENT_USER()"));
    assert_eq!(hear_value(&mut tls), "native@%");
    let (mut stream, greeting) = greeted(scene.address());
    slowly(&mut stream, &packet(1, &response(&greeting)));
    hear_ok(&mut stream, 2);
}

/// Whoever sits between the client and the front could put words before the client's (CVE-2021-23222 and its like).
#[test]
fn what_comes_in_the_clear_behind_the_request_is_never_taken_for_a_response() {
    let scene = Scene::new();
    let (mut stream, greeting) = greeted(scene.address());
    let all = [
        packet(1, &ssl_request()),
        packet(2, &response_in_tls(&greeting)),
        query("CREATE TABLE test.injected (n INT)"),
    ];
    stream.write_all(&all.concat()).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest); // which may be a reset
    assert!(
        !rest.windows(4).any(|bytes| bytes == b"\0\0\0\x02"),
        "no OK: {rest:?}"
    );
    scene.front.said("handshake");
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'injected'";
    assert_eq!(scene.server.answer(tables), "0");
}

/// MySQL goes over to TLS by what the client says it can do, however much more it says.
#[test]
fn a_whole_response_that_wants_tls_is_taken_for_the_request() {
    let scene = Scene::new();
    let (mut stream, greeting) = greeted(scene.address());
    wire::say(&mut stream, 1, &response_in_tls(&greeting));
    let mut tls = handshake(Peer::new(&scene.pki).ssl(), stream).unwrap();
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    hear_ok(&mut tls, 3);
}

#[test]
fn who_wants_tls_where_there_is_none_has_shaken_hands_badly() {
    let server = Server::start();
    let front = plain().set("backend", server.url()).start();
    let (mut stream, greeting) = greeted(front.address());
    wire::say(
        &mut stream,
        1,
        &response_with(&greeting, CAPABILITIES | SSL),
    );
    let answer = hear(&mut stream);
    let refusal = refusal(&answer);
    assert_eq!(
        (refusal.code, &*refusal.state, &*refusal.text),
        (1043, "08S01", "Bad handshake")
    );
    assert_eq!(answer.sequence, 2);
}

#[test]
fn attributes_of_a_connection_may_be_as_long_as_the_server_takes_them() {
    const CONNECT_ATTRS: u32 = 0x10_0000;
    let scene = Scene::new();
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&scene.pki), scene.address());
    let mut response = response_with(&greeting, CAPABILITIES | SSL | CONNECT_ATTRS);
    // Lengths of three bytes: one attribute of nearly 64 KiB.
    let length = 60_000_u16;
    let attribute = [
        b"\x04name\xfc",
        &length.to_le_bytes()[..],
        &vec![b'x'; usize::from(length)],
    ]
    .concat();
    response.push(0xfc);
    response.extend(u16::try_from(attribute.len()).unwrap().to_le_bytes());
    response.extend(attribute);
    wire::say(&mut tls, 2, &response);
    hear_ok(&mut tls, 3);
    assert_eq!(value(&mut tls, "SELECT 1"), "1");
}

#[test]
fn a_first_packet_without_an_end_is_refused() {
    let scene = Scene::new();
    for in_tls in [false, true] {
        let head = [0xff, 0xff, 0xff, if in_tls { 2 } else { 1 }];
        let endless = [&head[..], &[b'x'; 4096]].concat();
        let answer = if in_tls {
            let (mut tls, _) = greeted_in_tls(&Peer::new(&scene.pki), scene.address());
            tls.write_all(&endless).unwrap();
            try_hear(&mut tls)
        } else {
            let (mut stream, _) = greeted(scene.address());
            stream.write_all(&endless).unwrap();
            try_hear(&mut stream)
        };
        let refusal = refusal(&answer.unwrap());
        // A state is for clients who are known to understand it.
        let state = if in_tls { "08S01" } else { "" };
        assert_eq!((refusal.code, &*refusal.state), (1153, state));
    }
}

#[test]
fn a_client_that_says_nothing_is_let_go_when_its_time_is_over() {
    let (pki, server) = (Pki::new(), Server::start());
    let front = encrypting(&pki)
        .set("timeout.handshake", "300ms")
        .set("backend", server.url())
        .start();
    let (mut silent, _) = greeted(front.address());
    let (mut halfway, _) = greeted(front.address());
    wire::say(&mut halfway, 1, &ssl_request());
    let (mut inside, _) = greeted_in_tls(&Peer::new(&pki), front.address());
    for stream in [&mut silent as &mut dyn Read, &mut halfway, &mut inside] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest); // libssl may miss a close-notify
    }
    // Nor does the server keep what is left of them.
    let left = "SELECT COUNT(*) FROM information_schema.processlist WHERE user <> 'root'";
    eventually("a server without clients", || {
        (server.answer(left) == "0").then_some(())
    });
}

/// One that has come in has all the time in the world.
#[test]
fn a_session_may_be_silent_for_longer_than_a_handshake_may_take() {
    let (pki, server) = (Pki::new(), Server::start());
    let front = encrypting(&pki)
        .set("timeout.handshake", "500ms")
        .set("backend", server.url())
        .start();
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&pki), front.address());
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    hear_ok(&mut tls, 3);
    assert_eq!(value(&mut tls, "SELECT SLEEP(1)"), "0");
}

#[test]
fn a_server_that_ends_instead_of_greeting_or_greets_in_another_way_is_one_that_cannot_be_reached() {
    let pki = Pki::new();
    for (words, what) in [
        (&b""[..], "nothing"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"\x05\0\0\0\x09old\0", "protocol 9"),
    ] {
        let server = Backend::new(move |mut stream| {
            stream.write_all(words).unwrap();
        });
        let front = encrypting(&pki).set("backend", &server.url).start();
        let mut stream = open(front.address()).unwrap();
        let refusal = refusal(&hear(&mut stream));
        assert_eq!(refusal.code, 1429, "{what}: {refusal:?}");
        assert!(
            try_hear(&mut stream).is_err(),
            "{what}: and that is the end"
        );
    }
}

/// Each of its packets is the smallest there is.
#[test]
fn who_talks_without_end_before_the_server_says_yes_keeps_nobody_waiting() {
    let (pki, real) = (Pki::new(), Server::start());
    let (talks, begun) = mpsc::channel();
    let server = Backend::new(move |mut stream| {
        let mut real = UnixStream::connect(real.socket()).unwrap();
        let Packet { sequence, payload } = hear(&mut real);
        wire::say(&mut stream, sequence, &payload);
        if stream.read_exact(&mut vec![0; 256 * 1024]).is_ok() {
            talks.send(()).unwrap();
        }
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let launch = encrypting(&pki).threads(1);
    let front = launch.set("backend", &server.url).start();
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&pki), front.address());
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    let talker = thread::spawn(move || {
        let packets = packet(4, b"").repeat(50_000);
        while tls.write_all(&packets).is_ok() {}
    });
    begun.recv().unwrap();
    for _ in 0..10 {
        greeted(front.address());
    }
    drop(front);
    talker.join().unwrap();
}
