//! Several endpoints in one process: each with its own policy, its own backend, its own times.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};
use support::client::{Tls, open, read_all, round_trip};
use support::openssl_program::s_client;
use support::pki::Key;
use support::{Backend, Launch, Peer, Pki};

/// A server that says who it is, and ends.
fn called(name: &'static str) -> Backend {
    Backend::new(move |mut stream| {
        stream.write_all(name.as_bytes()).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0]);
    })
}

fn subject(tls: &Tls) -> String {
    let certificate = tls.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap();
    String::from_utf8(name.data().as_slice().to_vec()).unwrap()
}

#[test]
fn each_has_its_certificate_its_backend_and_its_terms() {
    let pki = Pki::new();
    let (all, own) = (called("all"), called("own"));
    let site = pki.issue_server("site.pem", "site.example.org", Key::Ecdsa);
    let daemon = Launch::tls(&pki)
        .endpoint(&format!(
            "ssl://127.0.0.1:0,ssl.keyfile={site},backend={},ssl.cafile={},ssl.max-protocol=TLSv1.2",
            own.url,
            pki.ca()
        ))
        .set("ssl.protocol", "9")
        .set("backend", &all.url)
        .start();
    let addresses = daemon.addresses(2);
    let mut tls = Peer::new(&pki).connect(addresses[0]);
    assert_eq!(read_all(&mut tls).0, b"all");
    assert_eq!(tls.ssl().version_str(), "TLSv1.3");
    assert_eq!(subject(&tls), "localhost");

    let client = pki.client();
    let peer = Peer::showing(&pki, &client).asking("site.example.org");
    let mut tls = peer.connect(addresses[1]);
    assert_eq!(read_all(&mut tls).0, b"own");
    assert_eq!(tls.ssl().version_str(), "TLSv1.2");
    assert_eq!(subject(&tls), "site.example.org");
    let stranger = Peer::new(&pki).asking("site.example.org");
    assert!(stranger.try_connect(addresses[1]).is_err());
}

#[test]
fn the_status_page_of_each_tells_its_own_policy_also_after_a_reload() {
    let pki = Pki::new();
    let text = |own: &str| {
        format!(
            "[server]\nendpoint = ssl://127.0.0.1:0\nendpoint = ssl://127.0.0.1:0,{own}\n\
             [ssl]\nkeyfile = {}\nprotocol = 9\n",
            pki.server()
        )
    };
    let file = pki.write("tlsport.conf", text("ssl.max-protocol=TLSv1.2"));
    let launch = Launch::new().config(&file, 2);
    let daemon = launch.set("backend", "service://status").start();
    let told = |address| {
        let mut tls = Peer::new(&pki).connect(address);
        tls.write_all(b"GET /json HTTP/1.0\r\n\r\n").unwrap();
        let answer = String::from_utf8(read_all(&mut tls).0).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        status["policy"]["max_protocol"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let told = || {
        let addresses = daemon.addresses(2);
        (told(addresses[0]), told(addresses[1]))
    };
    assert_eq!(told(), ("TLSv1.3".into(), "TLSv1.2".into()));
    pki.write("tlsport.conf", text("ssl.cipher-list=AES128-SHA"));
    daemon.reload();
    assert_eq!(told(), ("TLSv1.3".into(), "TLSv1.3".into()));
}

/// The keys of tickets are those of the process, and sessions are still of the endpoint they were made on.
#[test]
fn no_session_is_resumed_on_an_endpoint_that_asks_for_more() {
    let pki = Pki::new();
    let backend = called("hello");
    let file = pki.path("session.pem");
    for (cache, tickets) in [("true", "false"), ("false", "true")] {
        let daemon = Launch::tls(&pki)
            .endpoint(&format!("ssl://127.0.0.1:0,ssl.cafile={}", pki.ca()))
            .set("ssl.protocol", "9")
            .set("backend", &backend.url)
            .set("ssl.session-cache", cache)
            .set("ssl.session-tickets", tickets)
            .start();
        let addresses = daemon.addresses(2);
        for version in ["-tls1_2", "-tls1_3"] {
            let come = |address, more: &[&str]| {
                let always: &[&str] = &["-ign_eof", version];
                s_client(address, &[always, more].concat(), "")
            };
            let said = come(addresses[0], &["-sess_out", &file]);
            assert!(said.out.contains("\nNew, "), "{}", said.out);
            let said = come(addresses[0], &["-sess_in", &file]);
            assert!(said.out.contains("\nReused, "), "{}", said.out);
            let said = come(addresses[1], &["-sess_in", &file]);
            assert!(!said.out.contains("hello"), "let in:\n{}", said.out);
        }
    }
}

#[test]
fn one_is_silent_for_longer_than_another() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki)
        .endpoint("tcp://127.0.0.1:0,timeout.idle=300ms")
        .set("backend", "service://echo")
        .start();
    let addresses = daemon.addresses(2);
    let mut patient = Peer::new(&pki).connect(addresses[0]);
    let mut hasty = open(addresses[1]).unwrap();
    let begun = Instant::now();
    round_trip(&mut hasty, b"plain");
    assert_eq!(hasty.read(&mut [0]).unwrap(), 0);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    round_trip(&mut patient, b"still here");
}

#[test]
fn a_reload_changes_the_options_of_one() {
    let pki = Pki::new();
    let site = pki.issue_server("site.pem", "site.example.org", Key::Ecdsa);
    let text = |own: &str| {
        let server = pki.server();
        format!(
            "[server]\nendpoint = ssl://127.0.0.1:0\nendpoint = ssl://127.0.0.2:0{own}\n[ssl]\nkeyfile = {server}\n"
        )
    };
    let path = pki.write("tlsport.conf", text(""));
    let launch = Launch::new().config(&path, 2);
    let daemon = launch.set("backend", "service://echo").start();
    let shown = |number: usize| {
        let peer = Peer::with(&pki, |builder| {
            builder.set_verify(openssl::ssl::SslVerifyMode::NONE);
        });
        subject(&peer.connect(daemon.addresses(2)[number]))
    };
    assert_eq!(
        (shown(0), shown(1)),
        ("localhost".into(), "localhost".into())
    );
    pki.write("tlsport.conf", text(&format!(",ssl.keyfile={site}")));
    daemon.reload();
    assert_eq!(
        (shown(0), shown(1)),
        ("localhost".into(), "site.example.org".into())
    );
    pki.write("tlsport.conf", text(",ssl.keyfile=missing.pem"));
    daemon.signal("HUP");
    let said = daemon.said("reload failed");
    assert!(said.contains("the settings in use stay"), "{said}");
    daemon.said("tlsport.conf:3: unable to find SSL keyfile 'missing.pem'");
    assert_eq!(shown(1), "site.example.org");
}

#[test]
fn what_openssl_makes_of_each_policy_is_shown() {
    let pki = Pki::new();
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_tlsport"))
        .args(["show", "--backend", "service://echo", "--ssl.keyfile"])
        .arg(pki.server())
        .args([
            "--ssl.protocol",
            "9",
            "--server.endpoint",
            "ssl://127.0.0.1:0",
        ])
        .args([
            "--server.endpoint",
            "ssl://127.0.0.1:1,ssl.max-protocol=TLSv1.2",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    let (general, own) = text
        .split_once("What OpenSSL makes of it with ssl.max-protocol=TLSv1.2\n")
        .unwrap();
    assert!(general.contains("TLSv1.3\n"), "{general}");
    assert!(!own.contains("TLSv1.3\n"), "{own}");
}

#[test]
fn all_that_is_wrong_with_them_is_told_at_once() {
    let pki = Pki::new();
    let log = Launch::tls(&pki)
        .set("server.endpoint", "ssl://127.0.0.1:1,threads=2")
        .set("server.endpoint", "mysql://127.0.0.1:2")
        .set(
            "server.endpoint",
            "ssl://127.0.0.1:3,ssl.cafile=missing.pem",
        )
        .set("backend", "sphinx=tcp://127.0.0.1:9")
        .refused(3);
    for expected in [
        "--server.endpoint: endpoint 'ssl://127.0.0.1:1': 'threads' cannot be set for one endpoint",
        "endpoint 'http+ssl://127.0.0.1:0' (--server.endpoint) has no backend: '--backend http=…' or '--backend …' names one",
        "endpoint 'mysql://127.0.0.1:2' (--server.endpoint) has no backend: '--backend mysql=…' or '--backend …' names one",
        "--server.endpoint: cannot load CA certificates from 'missing.pem': no such file or directory",
    ] {
        assert!(log.contains(expected), "no {expected:?} in\n{log}");
    }
}

#[test]
fn a_way_that_nobody_answers_ends_and_the_log_hears_of_it() {
    let http = called("HTTP/1.0 200 OK\r\n\r\n");
    let daemon = Launch::new()
        .endpoint("manticore+tcp://127.0.0.1:0")
        .set("backend", format!("http={}", http.url))
        .start();
    let mut stream = open(daemon.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"HTTP/1.0 200 OK\r\n\r\n");
    let mut stream = open(daemon.address()).unwrap();
    stream.write_all(b"\0\0\0\x01").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    daemon.said("there is no backend for 'sphinx'");
}

/// A client that offers these protocols, best first.
fn offering(pki: &Pki, protocols: &'static [u8]) -> Peer {
    Peer::with(pki, |builder| builder.set_alpn_protos(protocols).unwrap())
}

#[test]
fn alpn_chooses_the_backend() {
    let pki = Pki::new();
    let (one, two, all) = (called("http/1.1"), called("h2"), called("all"));
    for endpoint in ["ssl://127.0.0.1:0", "gateway://127.0.0.1:0"] {
        let daemon = Launch::new()
            .endpoint(endpoint)
            .set("ssl.keyfile", pki.server())
            .set("ssl.alpn", "h2,http/1.1")
            .set("backend", &all.url)
            .set("backend", format!("http={}", one.url))
            .set("backend", format!("h2={}", two.url))
            .start();
        for (offered, expected) in [
            (&b"\x02h2\x08http/1.1"[..], &b"h2"[..]),
            (b"\x08http/1.1", b"http/1.1"),
        ] {
            let mut tls = offering(&pki, offered).connect(daemon.address());
            assert_eq!(read_all(&mut tls).0, expected, "{endpoint}");
        }
        let mut tls = Peer::new(&pki).connect(daemon.address());
        assert_eq!(read_all(&mut tls).0, b"http/1.1", "{endpoint}");
    }
}

/// One backend alone, and for the other protocol, is nobody to answer.
#[test]
fn a_protocol_without_a_backend_is_not_passed_to_that_of_another() {
    let pki = Pki::new();
    let two = called("h2");
    for endpoint in ["ssl://127.0.0.1:0", "gateway://127.0.0.1:0"] {
        let daemon = Launch::new()
            .endpoint(endpoint)
            .set("ssl.keyfile", pki.server())
            .set("ssl.alpn", "h2,http/1.1")
            .set("backend", format!("h2={}", two.url))
            .start();
        let mut tls = offering(&pki, b"\x08http/1.1").connect(daemon.address());
        assert_eq!(read_all(&mut tls).0, b"", "{endpoint}");
        daemon.said("there is no backend for 'http'");
        let mut tls = offering(&pki, b"\x02h2").connect(daemon.address());
        assert_eq!(read_all(&mut tls).0, b"h2", "{endpoint}");
    }
}

#[test]
fn http_in_the_clear_is_told_that_a_gateway_speaks_tls() {
    let pki = Pki::new();
    let daemon = Launch::new()
        .endpoint("gateway://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("backend", "service://echo")
        .start();
    let mut stream = open(daemon.address()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(
        answer,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
    daemon.said("client sent an HTTP request to an HTTPS server");
    let mut tls = Peer::new(&pki).connect(daemon.address());
    round_trip(&mut tls, b"inside");
}
