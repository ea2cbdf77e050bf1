//! What backends are told of clients by the PROXY protocol: nginx and haproxy, as they read it, and every value of it.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod programs;
mod received;

use programs::{Haproxy, Nginx};
use received::Receiver;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use support::client::{handshake, open, round_trip, show};
use support::openssl_program::s_client;
use support::pki::Key;
use support::{Daemon, Launch, Peer, Pki};

const ASK: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// What an answer of HTTP holds.
fn body(mut stream: impl Read + Write) -> String {
    stream.write_all(ASK).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // openssl 3 calls an end an error where others only end
    let answer = String::from_utf8(answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").expect("a header's end");
    body.trim_end().to_owned()
}

/// In front of `backend`, with TLS on IPv4, IPv6 and a unix socket, and without on IPv4.
fn in_front_of(backend: &str, version: &str, pki: &Pki) -> Daemon {
    Launch::tls(pki)
        .endpoint("ssl://[::1]:0")
        .endpoint("tcp://127.0.0.1:0")
        .endpoint(&format!("ssl+unix://{}", pki.path("front.sock")))
        .set("backend", backend)
        .set("backend.proxy-protocol", version)
        .set("ssl.protocol", "9")
        .start()
}

/// `CLIENT PORT SERVER PORT`, the way both programs are made to say it.
fn ends(client: SocketAddr, server: SocketAddr) -> String {
    format!(
        "{} {} {} {}",
        client.ip(),
        client.port(),
        server.ip(),
        server.port()
    )
}

#[test]
fn nginx_knows_the_client_by_either_version() {
    let pki = Pki::new();
    let Some(nginx) = Nginx::start(&pki) else {
        return;
    };
    for version in ["v1", "v2"] {
        let daemon = in_front_of(&nginx.url, version, &pki);
        let places = daemon.addresses(3);
        for place in [places[0], places[1]] {
            let tls = Peer::new(&pki).connect(place);
            let client = tls.get_ref().local_addr().unwrap();
            assert_eq!(body(tls), ends(client, place), "{version}");
        }
        let plain = open(places[2]).unwrap();
        let client = plain.local_addr().unwrap();
        assert_eq!(body(plain), ends(client, places[2]), "{version}");
        let unix = UnixStream::connect(pki.path("front.sock")).unwrap();
        let tls = handshake(Peer::new(&pki).ssl(), unix).unwrap();
        assert_eq!(body(tls), "", "{version}: nobody's address");
    }
}

/// Since 1.23.2 it can be asked for each value.
#[test]
fn nginx_knows_what_was_negotiated() {
    let pki = Pki::new();
    let Some(nginx) = Nginx::start_with_values(&pki) else {
        return;
    };
    let daemon = Launch::tls(&pki)
        .set("backend", &nginx.url)
        .set("backend.proxy-protocol", "v2")
        .set("ssl.cafile", pki.ca())
        .start();
    let client = Peer::with(&pki, |builder| {
        show(builder, &pki.client());
        builder.set_alpn_protos(b"\x08http/1.1").unwrap();
    });
    let tls = client.connect(daemon.address());
    let cipher = tls.ssl().current_cipher().unwrap().name();
    assert_eq!(
        body(tls),
        format!("http/1.1 localhost TLSv1.2 {cipher} client ecdsa-with-SHA256 EC256 0")
    );
}

#[test]
fn haproxy_knows_the_client_by_either_version_and_its_server_name_by_the_second() {
    let pki = Pki::new();
    let Some(haproxy) = Haproxy::start(&pki) else {
        return;
    };
    for (version, name) in [("v1", ""), ("v2", "localhost")] {
        let daemon = in_front_of(&haproxy.url, version, &pki);
        let places = daemon.addresses(3);
        for place in [places[0], places[1]] {
            let tls = Peer::new(&pki).connect(place);
            let client = tls.get_ref().local_addr().unwrap();
            let expected = format!("{} told '{name}'", ends(client, place));
            assert_eq!(body(tls), expected, "{version}");
        }
        let plain = open(places[2]).unwrap();
        let client = plain.local_addr().unwrap();
        let expected = format!("{} told ''", ends(client, places[2]));
        assert_eq!(body(plain), expected, "{version}");
        let unix = UnixStream::connect(pki.path("front.sock")).unwrap();
        let tls = handshake(Peer::new(&pki).ssl(), unix).unwrap();
        let said = body(tls);
        assert!(said.contains(" told '"), "{version}: accepted: {said}");
    }
}

/// Comes with the session of `file`, if there is one, or to get one; says whether it was resumed.
fn come(address: SocketAddr, arguments: &[&str], file: &str) -> bool {
    let session = match Path::new(file).exists() {
        true => ["-sess_in", file],
        false => ["-sess_out", file],
    };
    let always: &[&str] = &["-ign_eof", "-servername", "localhost"];
    let said = s_client(address, &[always, arguments, &session].concat(), "");
    let resumed = said.out.contains("\nReused, ");
    let new = said.out.contains("\nNew, ");
    assert!(
        resumed != new && said.out.contains("hello"),
        "{}{}",
        said.out,
        said.err
    );
    resumed
}

#[test]
fn a_certificate_is_told_in_the_connection_that_showed_it_and_in_those_of_its_session() {
    let pki = Pki::new();
    let receiver = Receiver::brief();
    let (shown, file) = (pki.client(), pki.path("session.pem"));
    for cache in ["false", "true"] {
        let daemon = Launch::tls(&pki)
            .set("backend", &receiver.backend.url)
            .set("backend.proxy-protocol", "v2")
            .set("ssl.protocol", "9")
            .set("ssl.cafile", pki.ca())
            .set("ssl.verify-client", "request")
            .set("ssl.session-cache", cache)
            .start();
        for version in ["-tls1_2", "-tls1_3"] {
            let _ = fs::remove_file(&file);
            for resumed in [false, true] {
                let arguments = [version, "-cert", &shown, "-key", &shown];
                assert_eq!(come(daemon.address(), &arguments, &file), resumed);
                let told = receiver.next();
                let tls = told.tls.as_ref().expect("told");
                let flags = if resumed { 0x05 } else { 0x07 };
                assert_eq!((tls.flags, tls.verified), (flags, 0), "{told:?}");
                assert_eq!(told.value(0x22), Some("client"));
                assert_eq!(told.value(0x02), Some("localhost"), "{told:?}");
                // In a connection that has resumed a session the server has shown no certificate.
                assert_eq!(told.value(0x25), (!resumed).then_some("EC256"));
            }
            let _ = fs::remove_file(&file);
            for resumed in [false, true] {
                assert_eq!(come(daemon.address(), &[version], &file), resumed);
                let told = receiver.next();
                let tls = told.tls.as_ref().expect("told");
                assert_eq!((tls.flags, tls.verified), (0x01, 1), "{told:?}");
                assert_eq!(told.value(0x22), None);
            }
        }
    }
}

#[test]
fn a_certificate_that_was_let_pass_is_told_with_what_is_wrong_with_it() {
    let pki = Pki::new();
    let receiver = Receiver::brief();
    let file = pki.path("session.pem");
    for (option, value, shown, wrong) in [
        (
            "ssl.verify-client",
            "request-unverified",
            pki.foreign_client(),
            20,
        ),
        ("kdb-accept-expired", "true", pki.expired_client(), 10),
    ] {
        let daemon = Launch::tls(&pki)
            .set("backend", &receiver.backend.url)
            .set("backend.proxy-protocol", "v2")
            .set("ssl.protocol", "9")
            .set("ssl.cafile", pki.ca())
            .set(option, value)
            .start();
        for version in ["-tls1_2", "-tls1_3"] {
            let _ = fs::remove_file(&file);
            let arguments = [version, "-cert", &shown, "-key", &shown];
            for _ in 0..2 {
                come(daemon.address(), &arguments, &file);
                let told = receiver.next();
                let verified = told.tls.as_ref().expect("told").verified;
                assert_eq!(verified, wrong, "{told:?}");
            }
        }
    }
}

#[test]
fn the_algorithms_are_those_of_the_certificate_that_the_client_was_shown() {
    let pki = Pki::new();
    let receiver = Receiver::start();
    let daemon = Launch::tls(&pki)
        .set(
            "ssl.keyfile",
            pki.issue_server("rsa.pem", "localhost", Key::Rsa),
        )
        .set("backend", &receiver.backend.url)
        .set("backend.proxy-protocol", "v2")
        .start();
    for (ciphers, key) in [
        ("aECDSA", "EC256"),
        ("aRSA", "RSA2048"),
        ("aECDSA", "EC256"),
    ] {
        let client = Peer::with(&pki, |builder| {
            builder.set_cipher_list(ciphers).unwrap();
        });
        let mut tls = client.connect(daemon.address());
        round_trip(&mut tls, b"hello");
        let told = receiver.next();
        assert_eq!(told.value(0x25), Some(key));
        assert_eq!(told.value(0x24), Some("ecdsa-with-SHA256"), "the CA's");
        let cipher = tls.ssl().current_cipher().unwrap().name();
        assert_eq!(told.value(0x23), Some(cipher));
        assert_eq!(told.value(0x21), Some("TLSv1.2"));
    }
}

/// Nobody listed it, and all the same it is what the client asked for.
#[test]
fn any_server_name_is_told() {
    let pki = Pki::new();
    let receiver = Receiver::start();
    let daemon = Launch::tls(&pki)
        .set(
            "ssl.server-name-indication",
            format!("localhost={}", pki.server()),
        )
        .set("backend", &receiver.backend.url)
        .set("backend.proxy-protocol", "v2")
        .start();
    for name in ["localhost", "LocalHost", "elsewhere.example"] {
        let mut ssl = Peer::new(&pki).ssl();
        ssl.set_hostname(name).unwrap();
        let mut tls = handshake(ssl, open(daemon.address()).unwrap()).unwrap();
        round_trip(&mut tls, b"hello");
        assert_eq!(receiver.next().value(0x02), Some(name));
    }
}

/// One that speaks first, as mail servers and MySQL do.
#[test]
fn a_backend_hears_of_a_client_that_waits_for_it_to_begin() {
    let pki = Pki::new();
    let receiver = Receiver::greeting(b"220 ready\r\n");
    for version in ["v1", "v2"] {
        let daemon = in_front_of(&receiver.backend.url, version, &pki);
        let mut tls = Peer::new(&pki).connect(daemon.address());
        let mut greeting = [0; 11];
        tls.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220 ready\r\n");
        let client = tls.get_ref().local_addr().unwrap();
        let told = receiver.next();
        assert_eq!(told.client, Some(client), "{version}");
        assert_eq!(told.server, Some(daemon.address()), "{version}");
    }
}

#[test]
fn a_reload_changes_what_is_told() {
    let pki = Pki::new();
    let receiver = Receiver::start();
    let config = |version: &str| {
        format!(
            "backend = {}\n[server]\nendpoint = tcp://127.0.0.1:0\n[backend]\nproxy-protocol = {version}\n",
            receiver.backend.url
        )
    };
    let file = pki.write("tlsport.conf", config("v1"));
    let daemon = Launch::new().config(&file, 1).start();
    let mut before = open(daemon.address()).unwrap();
    round_trip(&mut before, b"hello");
    assert_eq!(receiver.next().version, 1);
    pki.write("tlsport.conf", config("v2"));
    daemon.reload();
    let mut after = open(daemon.address()).unwrap();
    round_trip(&mut after, b"hello");
    assert_eq!(receiver.next().version, 2);
    round_trip(&mut before, b"still there");
}

#[test]
fn many_clients_are_each_told_by_their_own_address() {
    let pki = Pki::new();
    let receiver = Receiver::start();
    let daemon = in_front_of(&receiver.backend.url, "v2", &pki);
    let peer = Peer::new(&pki);
    let mut clients = Vec::new();
    for number in 0..40 {
        let place = daemon.addresses(3)[number % 3];
        if number % 3 == 2 {
            let mut plain = open(place).unwrap();
            round_trip(&mut plain, b"hello");
            clients.push(plain.local_addr().unwrap());
        } else {
            let mut tls = peer.connect(place);
            round_trip(&mut tls, b"hello");
            clients.push(tls.get_ref().local_addr().unwrap());
        }
    }
    for client in clients {
        assert_eq!(receiver.next().client, Some(client));
    }
}
