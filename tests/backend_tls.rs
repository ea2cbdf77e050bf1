//! TLS towards the backend: whom the daemon trusts there, what it does without TLS, and that both hops end as one.

#![allow(clippy::unwrap_used)]

mod support;

use openssl::ssl::SslVersion;
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use support::backend::{Origin, closed_port, say_pattern};
use support::client::{drain, open, read_all, round_trip};
use support::pattern::{self, Check};
use support::tls_backend::{Identity, Program, SSL_REQUEST, TlsBackend, answering, echo, refused};
use support::{Backend, Daemon, End, Launch, PATIENCE, Peer, Pki};

const MUCH: u64 = 10_000_019;

/// In front of a backend whose certificate has to be of the tests' CA.
fn towards(backend: &str, pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("ssl.protocol", "9")
        .set("backend", backend)
        .set("backend.cafile", pki.ca())
}

#[track_caller]
fn served(daemon: &Daemon, pki: &Pki) {
    round_trip(&mut Peer::new(pki).connect(daemon.address()), b"hello");
}

#[test]
fn a_backend_of_the_right_ca_and_name_is_spoken_to() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let daemon = towards(&backend.tls(), &pki).start();
    served(&daemon, &pki);
    let seen = &backend.seen(1)[0];
    assert_eq!(seen.server_name.as_deref(), Some("localhost"));
    assert_eq!((seen.version, &seen.alpn), ("TLSv1.3", &None));
    assert_eq!(seen.client, None);
}

#[test]
fn an_address_is_looked_for_in_the_certificate_and_not_sent() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let url = format!("tls://127.0.0.1:{}", backend.port());
    let daemon = towards(&url, &pki).start();
    served(&daemon, &pki);
    assert_eq!(backend.seen(1)[0].server_name, None);
    let daemon = towards(&url, &pki)
        .set("backend.server-name", "192.0.2.1")
        .start();
    refused(
        &daemon,
        &pki,
        &format!(
            "connect to backend '127.0.0.1:{}': handshake: the server's certificate: IP address mismatch",
            backend.port()
        ),
    );
}

#[test]
fn a_certificate_that_is_not_good_is_refused_with_the_reason() {
    let pki = Pki::new();
    let self_signed = if openssl::version::number() >= 0x3000_0000 {
        "self-signed certificate"
    } else {
        "self signed certificate"
    };
    for (keyfile, why) in [
        (pki.expired_server(), "certificate has expired"),
        (
            pki.issue_server("other.pem", "other.example", support::pki::Key::Ecdsa),
            "hostname mismatch",
        ),
        (pki.self_signed_server(), self_signed),
        (
            pki.foreign_server(),
            "unable to get local issuer certificate",
        ),
    ] {
        let backend = Identity::new(&keyfile).echo();
        let postgresql = Identity::new(&keyfile).serve_postgresql(echo);
        for (url, port) in [
            (backend.tls(), backend.port()),
            (postgresql.postgresql(), postgresql.port()),
        ] {
            let daemon = towards(&url, &pki).start();
            let line = format!(
                "connect to backend 'localhost:{port}': handshake: the server's certificate: {why}"
            );
            refused(&daemon, &pki, &line);
        }
    }
}

#[test]
fn the_systems_cas_are_asked_where_none_are_named() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let launch = || {
        Launch::tls(&pki)
            .set("backend", backend.tls())
            .env("SSL_CERT_DIR", "/nonexistent")
    };
    let daemon = launch().env("SSL_CERT_FILE", pki.ca()).start();
    served(&daemon, &pki);
    let daemon = launch().env("SSL_CERT_FILE", pki.other_ca()).start();
    refused(
        &daemon,
        &pki,
        "handshake: the server's certificate: unable to get local issuer certificate",
    );
}

#[test]
fn a_revoked_backend_is_refused() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let launch = |list| towards(&backend.tls(), &pki).set("backend.crl-file", list);
    let daemon = launch(pki.revoke_nobody()).start();
    served(&daemon, &pki);
    drop(daemon);
    let daemon = launch(pki.revoke(&pki.server())).start();
    let why = "handshake: the server's certificate: certificate revoked";
    refused(&daemon, &pki, why);
}

/// Each mode against a good server, one of another name, one that nobody trusts, and one without TLS.
#[test]
fn each_sslmode_is_as_strict_as_in_libpq() {
    let pki = Pki::new();
    let other = pki.issue_server("other.pem", "other.example", support::pki::Key::Ecdsa);
    let server = |keyfile: &str| Identity::new(keyfile).serve_postgresql(echo);
    let tls = [
        server(&pki.server()),
        server(&other),
        server(&pki.foreign_server()),
    ];
    let (without, _) = answering(b"N");
    let without = without
        .url
        .replace("tcp://127.0.0.1", "postgres+tls://localhost");
    let mut urls: Vec<String> = tls.iter().map(TlsBackend::postgresql).collect();
    urls.push(without);
    for (mode, trusts, fine) in [
        ("prefer", false, [true, true, true, true]),
        ("prefer", true, [true, true, false, true]),
        ("require", false, [true, true, true, false]),
        ("require", true, [true, true, false, false]),
        ("verify-ca", true, [true, true, false, false]),
        ("verify-full", true, [true, false, false, false]),
    ] {
        for (url, fine) in urls.iter().zip(fine) {
            let mut launch = Launch::tls(&pki)
                .set("backend", url)
                .set("backend.sslmode", mode);
            if trusts {
                launch = launch.set("backend.cafile", pki.ca());
            }
            let daemon = launch.start();
            if fine {
                served(&daemon, &pki);
            } else {
                refused(&daemon, &pki, "connect to backend 'localhost:");
            }
        }
    }
}

#[test]
fn sslmode_disable_asks_for_nothing_and_says_that_it_is_weak() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let url = backend.url.replace("tcp://", "postgres+tls://");
    let daemon = Launch::tls(&pki)
        .set("backend", url)
        .set("backend.sslmode", "disable")
        .start();
    daemon.said("'disable' speaks no TLS with the backend");
    served(&daemon, &pki);
}

#[test]
fn a_weak_mode_is_warned_of_at_the_start() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).serve_postgresql(echo);
    let launch = |mode| {
        Launch::tls(&pki)
            .set("backend", backend.postgresql())
            .set("backend.sslmode", mode)
    };
    launch("require")
        .start()
        .said("'require' looks at no certificate");
    launch("prefer")
        .start()
        .said("'prefer' goes on without TLS");
    let log = launch("allow").refused(3);
    assert!(log.contains("'allow' is not offered"), "{log}");
    let log = launch("verify-ca").refused(3);
    assert!(log.contains("'verify-ca' needs CAs of one's own"), "{log}");
}

#[test]
fn a_server_that_does_not_begin_tls_is_told_apart_in_the_log() {
    let pki = Pki::new();
    for (answer, why) in [
        (
            &b"N"[..],
            "the server has no TLS, which 'backend.sslmode' asks for",
        ),
        (
            b"E\0\0\0\x42SFATAL\0C0A000\0Munsupported frontend protocol\0\0",
            "the server answered with an error when it was asked for TLS",
        ),
        (b"H", "received invalid response to SSL negotiation: 'H'"),
        (
            b"\x16\x03\x01",
            "received invalid response to SSL negotiation: '\\x16'",
        ),
        (b"Sevil", "received unencrypted data after SSL response"),
    ] {
        let (backend, heard) = answering(answer);
        let url = backend
            .url
            .replace("tcp://127.0.0.1", "postgres+tls://localhost");
        let daemon = towards(&url, &pki).start();
        let (_, port) = url.rsplit_once(':').unwrap();
        refused(
            &daemon,
            &pki,
            &format!("connect to backend 'localhost:{port}': {why}"),
        );
        drop((daemon, backend));
        assert_eq!(*heard.lock().unwrap(), b"", "{answer:?}");
    }
    let gone = Backend::new(|mut stream| {
        stream.read_exact(&mut [0; 8]).unwrap();
    });
    let url = gone.url.replace("tcp://", "postgres+tls://");
    let daemon = towards(&url, &pki).start();
    refused(
        &daemon,
        &pki,
        "the server closed the connection when it was asked for TLS",
    );
}

#[test]
fn a_backend_that_is_not_there_or_says_nothing_fails_in_time() {
    let pki = Pki::new();
    let absent = format!("tls://127.0.0.1:{}", closed_port());
    let daemon = towards(&absent, &pki).start();
    refused(&daemon, &pki, "connection refused");
    let mute = Backend::mute();
    for (scheme, waits) in [
        ("tls", "waiting for the server's handshake"),
        ("postgres+tls", "waiting to hear whether the server has TLS"),
    ] {
        let daemon = towards(&mute.url.replace("tcp", scheme), &pki)
            .set("timeout.connect", "300ms")
            .start();
        let begun = Instant::now();
        refused(&daemon, &pki, &format!("timed out after 300ms, {waits}"));
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
    // A handshake that begins does not put the deadline off.
    let slow = Backend::new(|mut stream| {
        stream.read_exact(&mut [0; 8]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let _ = stream.write_all(b"S");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let daemon = towards(&slow.url.replace("tcp", "postgres+tls"), &pki)
        .set("timeout.connect", "300ms")
        .start();
    let begun = Instant::now();
    refused(
        &daemon,
        &pki,
        "timed out after 300ms, waiting for the server's handshake",
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_that_is_not_tls_is_refused_with_openssls_reason() {
    let pki = Pki::new();
    let plain = Backend::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        // As a record it would not be too long: of one that is, some releases say that first.
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
    });
    let daemon = towards(
        &plain.url.replace("tcp://127.0.0.1", "tls://localhost"),
        &pki,
    )
    .start();
    refused(&daemon, &pki, "wrong version number");
}

#[test]
fn the_backend_is_shown_a_certificate_where_there_is_one() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).asking(&pki).echo();
    let client = pki.client();
    let key = std::fs::read_to_string(&client).unwrap();
    let at = key.find("-----BEGIN PRIVATE KEY").unwrap();
    let (certfile, keyfile) = (
        pki.write("apart.pem", &key[..at]),
        pki.write("apart.key", &key[at..]),
    );
    let launch = || towards(&backend.tls(), &pki);
    let together = launch().set("backend.keyfile", &client);
    let apart = launch()
        .set("backend.keyfile", &keyfile)
        .set("backend.certfile", &certfile);
    for (launch, count) in [(together, 1), (apart, 2)] {
        let daemon = launch.start();
        served(&daemon, &pki);
        let seen = &backend.seen(count)[count - 1];
        assert_eq!(seen.client.as_deref(), Some("client"));
    }
    let daemon = launch().start();
    // In TLS 1.3 the backend says so after the handshake.
    refused(&daemon, &pki, "certificate required");
    let log = launch().set("backend.certfile", &certfile).refused(3);
    assert!(log.contains("'backend.keyfile' names it"), "{log}");
    let log = launch().set("backend.keyfile", "/nonexistent").refused(3);
    assert!(log.contains("'/nonexistent'"), "{log}");
}

fn only(version: SslVersion, pki: &Pki) -> Peer {
    Peer::with(pki, |builder| {
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
    })
}

#[test]
fn the_clients_version_is_mirrored_when_asked_for() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let both = [SslVersion::TLS1_2, SslVersion::TLS1_3];
    let daemon = towards(&backend.tls(), &pki)
        .set("backend.mirror-version", "true")
        .start();
    for (count, (version, name)) in both.into_iter().zip(["TLSv1.2", "TLSv1.3"]).enumerate() {
        round_trip(&mut only(version, &pki).connect(daemon.address()), b"hello");
        assert_eq!(backend.seen(count + 1)[count].version, name);
    }
    drop(daemon);

    let old = Identity::new(&pki.server())
        .with(|builder| {
            builder
                .set_max_proto_version(Some(SslVersion::TLS1_2))
                .unwrap();
        })
        .echo();
    let daemon = towards(&old.tls(), &pki)
        .set("backend.mirror-version", "true")
        .start();
    refused(&daemon, &pki, "protocol version");
    let daemon = towards(&backend.tls(), &pki)
        .set("backend.mirror-version", "true")
        .set("backend.min-protocol", "TLSv1.3")
        .start();
    let mut tls = only(SslVersion::TLS1_2, &pki).connect(daemon.address());
    assert_eq!(read_all(&mut tls).1, End::Cut);
    daemon.said("the client speaks TLSv1.2, which is not to be spoken with the backend");
}

#[test]
fn versions_suites_and_protocols_for_the_backend_are_its_own() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).speaking("h2").echo();
    let daemon = towards(&backend.tls(), &pki)
        .set("backend.max-protocol", "TLSv1.2")
        .set("backend.cipher-list", "ECDHE-ECDSA-CHACHA20-POLY1305")
        .set("backend.alpn", "http/1.1,h2")
        .start();
    served(&daemon, &pki);
    let seen = &backend.seen(1)[0];
    assert_eq!(
        (seen.version, seen.alpn.as_deref()),
        ("TLSv1.2", Some("h2"))
    );
    let log = Launch::tls(&pki)
        .set("backend", backend.tls())
        .set("backend.cipher-list", "nothing-like-it")
        .set("backend.cafile", "/nonexistent")
        .refused(3);
    assert!(
        log.contains("--backend.cipher-list: cannot set SSL cipher list"),
        "{log}"
    );
}

#[test]
fn direct_tls_is_agreed_on_by_its_name() {
    let pki = Pki::new();
    let direct = Identity::new(&pki.server()).speaking("postgresql").echo();
    let launch = |backend: &TlsBackend| {
        towards(&backend.postgresql(), &pki).set("backend.sslnegotiation", "direct")
    };
    let daemon = launch(&direct).start();
    served(&daemon, &pki);
    assert_eq!(direct.seen(1)[0].alpn.as_deref(), Some("postgresql"));
    let silent = Identity::new(&pki.server()).echo();
    let daemon = launch(&silent).start();
    refused(
        &daemon,
        &pki,
        "handshake: the server did not agree on 'postgresql' by ALPN",
    );
    // Whoever is asked first may leave it open.
    let asked = Identity::new(&pki.server()).serve_postgresql(echo);
    let daemon = towards(&asked.postgresql(), &pki).start();
    served(&daemon, &pki);
    assert_eq!(asked.seen(1)[0].alpn, None);
}

#[test]
fn sessions_are_resumed_until_a_reload() {
    let pki = Pki::new();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let backend = Identity::new(&pki.server()).echo();
        let launch = || {
            towards(&backend.tls(), &pki)
                .threads(1)
                .set("backend.max-protocol", version)
        };
        let resumed = |daemon: &Daemon, connections: usize| {
            let before = backend.count();
            for number in 1..=connections {
                let mut tls = Peer::new(&pki).connect(daemon.address());
                round_trip(&mut tls, b"hello");
                tls.shutdown().unwrap();
                assert_eq!(read_all(&mut tls).1, End::Clean);
                backend.seen(before + number);
            }
            let seen = backend.seen(before + connections);
            seen[before..].iter().filter(|seen| seen.resumed).count()
        };
        let daemon = launch().start();
        assert_eq!(resumed(&daemon, 5), 4, "{version}");
        daemon.reload();
        assert_eq!(resumed(&daemon, 1), 0, "{version}");
        let daemon = launch().set("backend.session-reuse", "off").start();
        assert_eq!(resumed(&daemon, 3), 0, "{version}");
    }
}

#[test]
fn a_reload_goes_over_to_other_trust_and_open_connections_stay() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let trusted = pki.write("trusted.pem", std::fs::read(pki.ca()).unwrap());
    let daemon = Launch::tls(&pki)
        .set("backend", backend.tls())
        .set("backend.cafile", &trusted)
        .start();
    let mut open = Peer::new(&pki).connect(daemon.address());
    round_trip(&mut open, b"hello");
    std::fs::copy(pki.other_ca(), &trusted).unwrap();
    daemon.reload();
    refused(
        &daemon,
        &pki,
        "handshake: the server's certificate: unable to get local issuer certificate",
    );
    round_trip(&mut open, b"still here");
    std::fs::write(&trusted, "nothing").unwrap();
    let mark = daemon.mark();
    daemon.signal("HUP");
    daemon.said_after(mark, "reload failed");
    round_trip(&mut open, b"still here");
}

#[test]
fn much_goes_both_ways_unchanged() {
    const LENGTH: u64 = 100_000_007;
    let pki = Pki::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let backend = Identity::new(&pki.server()).with(|builder| {
            builder.set_max_proto_version(Some(version)).unwrap();
        });
        let backend = backend.serve(|mut tls| {
            let mut check = Check::default();
            assert_eq!(drain(&mut tls, |bytes| check.take(bytes)), End::Clean);
            assert_eq!(check.position, LENGTH);
            say_pattern(&mut tls, LENGTH);
            let _ = tls.shutdown(); // the client may have gone
        });
        let daemon = towards(&backend.tls(), &pki).start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        say_pattern(&mut tls, LENGTH);
        tls.shutdown().unwrap();
        let mut check = Check::default();
        let end = drain(&mut tls, |bytes| check.take(bytes));
        assert_eq!((check.position, end), (LENGTH, End::Clean));
    }
}

#[test]
fn messages_of_every_size_around_a_record_come_back() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let daemon = towards(&backend.tls(), &pki).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    for records in [0, 1, 2, 15, 16, 17] {
        for length in (records * 16_384usize).saturating_sub(2).max(1)..=records * 16_384 + 2 {
            round_trip(&mut tls, &pattern::bytes(length));
        }
    }
}

#[test]
fn clear_endpoints_reach_backends_with_tls() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let daemon = Launch::new()
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", backend.tls())
        .set("backend.cafile", pki.ca())
        .start();
    let mut plain = open(daemon.address()).unwrap();
    round_trip(&mut plain, &pattern::bytes(100_003));
    plain.shut_write();
    assert_eq!(plain.read(&mut [0]).unwrap(), 0);
}

/// A backend that says how its connection ended: so many bytes of the pattern, and how.
fn witness(
    pki: &Pki,
    first: impl Fn(&mut support::tls_backend::Tls) + Send + Sync + 'static,
) -> (TlsBackend, Receiver<(u64, End)>) {
    let (sender, heard) = mpsc::channel();
    let backend = Identity::new(&pki.server()).serve(move |mut tls| {
        first(&mut tls);
        let mut check = Check::default();
        let end = drain(&mut tls, |bytes| check.take(bytes));
        let _ = sender.send((check.position, end)); // the test may want to know nothing of it
    });
    (backend, heard)
}

#[test]
fn a_backend_that_ends_first_still_hears_the_client() {
    let pki = Pki::new();
    let (backend, heard) = witness(&pki, |tls| {
        say_pattern(tls, MUCH);
        tls.shutdown().unwrap();
        tls.shut_write();
    });
    let daemon = towards(&backend.tls(), &pki).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    let (said, end) = read_all(&mut tls);
    assert!(said == pattern::bytes(MUCH as usize));
    assert_eq!(end, End::Clean);
    say_pattern(&mut tls, MUCH);
    tls.shutdown().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok((MUCH, End::Clean)));
}

#[test]
fn a_client_that_goes_without_a_close_notify_is_a_reset_to_the_backend() {
    let pki = Pki::new();
    let (backend, heard) = witness(&pki, |_| ());
    let daemon = towards(&backend.tls(), &pki).start();
    // Without tickets, which would be unread and make the end a reset.
    let mut tls = only(SslVersion::TLS1_2, &pki).connect(daemon.address());
    say_pattern(&mut tls, 1000);
    backend.seen(1); // what ends its handshake is not in the way
    drop(tls); // ends the stream, and only the stream
    let (_, end) = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, End::Reset);
    daemon.said("stream cut without a close-notify");
}

#[test]
fn a_backend_that_goes_without_a_close_notify_or_resets_is_a_cut_to_the_client() {
    let pki = Pki::new();
    for (resets, why) in [
        (false, "backend: stream cut without a close-notify"),
        (true, "backend: read: connection reset"),
    ] {
        let backend = Identity::new(&pki.server()).serve(move |mut tls| {
            tls.read_exact(&mut [0]).unwrap();
            say_pattern(&mut tls, 1000);
            tls.read_exact(&mut [0]).unwrap();
            if resets {
                tls.reset_on_close();
            }
        });
        let daemon = towards(&backend.tls(), &pki).start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        tls.write_all(b"a").unwrap();
        tls.read_exact(&mut [0; 1000]).unwrap();
        tls.write_all(b"b").unwrap();
        assert_eq!(read_all(&mut tls), (Vec::new(), End::Cut));
        daemon.said(why);

        let clear = Launch::new()
            .endpoint("tcp://127.0.0.1:0")
            .set("backend", backend.tls())
            .set("backend.cafile", pki.ca())
            .start();
        let mut plain = open(clear.address()).unwrap();
        plain.write_all(b"a").unwrap();
        plain.read_exact(&mut [0; 1000]).unwrap();
        plain.write_all(b"b").unwrap();
        let end = plain.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_server_that_stops_says_so_to_the_backend() {
    let pki = Pki::new();
    let (backend, heard) = witness(&pki, |_| ());
    let mut daemon = towards(&backend.tls(), &pki)
        .set("timeout.drain", "100ms")
        .start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    say_pattern(&mut tls, 1000);
    backend.seen(1);
    daemon.signal("TERM");
    daemon.wait();
    let (_, end) = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, End::Clean);
}

/// Both sides have one certificate, so what a client binds its authentication to is what the backend knows.
#[test]
fn one_certificate_on_both_hops_is_one_channel_binding() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).serve_postgresql(echo);
    let daemon = Launch::new()
        .endpoint("postgres://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("ssl.protocol", "9")
        .set("backend", backend.postgresql())
        .set("backend.cafile", pki.ca())
        .start();
    let mut stream = open(daemon.address()).unwrap();
    stream.write_all(&SSL_REQUEST).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"S");
    let mut tls = support::client::handshake(Peer::new(&pki).ssl(), stream).unwrap();
    let startup = b"\0\0\0\x14\0\x03\0\0user\0alice\0\0";
    round_trip(&mut tls, startup);
    let shown = tls.ssl().peer_certificate().unwrap().to_der().unwrap();
    let own = std::fs::read(pki.server()).unwrap();
    let own = openssl::x509::X509::from_pem(&own).unwrap();
    assert!(shown == own.to_der().unwrap());
    // Nothing in between has changed a byte.
    round_trip(&mut tls, &pattern::bytes(10_007));
}

#[test]
fn a_request_to_cancel_goes_through_tls_too() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).serve_postgresql(echo);
    let daemon = Launch::new()
        .endpoint("postgres://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("backend", backend.postgresql())
        .set("backend.cafile", pki.ca())
        .start();
    let mut stream = open(daemon.address()).unwrap();
    let cancel = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\0\0\0\x2a";
    stream.write_all(cancel).unwrap();
    let mut back = [0; 16];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, cancel);
}

/// Before TLS 1.3 a server may begin another handshake at any time: what comes meanwhile waits.
#[test]
fn the_openssl_program_may_shake_hands_again() {
    let pki = Pki::new();
    let mut program = Program::new(&pki.server(), &["-tls1_2"]);
    let url = format!("tls://localhost:{}", program.port());
    let daemon = towards(&url, &pki).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    tls.write_all(b"first words\n").unwrap();
    program.said("first words");
    program.types("r\n");
    program.said("SSL_do_handshake -> 1");
    for number in 0..50 {
        let words = format!("words number {number}\n");
        tls.write_all(words.as_bytes()).unwrap();
        program.said(&words);
    }
    program.types("and an answer\n");
    let mut answer = [0; 14];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"and an answer\n");
}

#[test]
fn the_openssl_program_may_change_its_keys() {
    let pki = Pki::new();
    let mut program = Program::new(&pki.server(), &["-tls1_3"]);
    let url = format!("tls://localhost:{}", program.port());
    let daemon = towards(&url, &pki).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    tls.write_all(b"first words\n").unwrap();
    program.said("first words");
    program.types("K\n"); // and asks for ours
    tls.write_all(b"second words\n").unwrap();
    program.said("second words");
    program.said("SSL_do_handshake -> 1");
    program.types("and an answer\n");
    let mut answer = [0; 14];
    tls.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"and an answer\n");
    tls.write_all(b"last words\n").unwrap();
    program.said("last words");
}

#[test]
fn a_client_that_is_not_verified_can_still_be_refused_by_the_openssl_program() {
    let pki = Pki::new();
    let authority = pki.ca();
    let arguments = [
        "-Verify",
        "1",
        "-CAfile",
        &authority,
        "-verify_return_error",
    ];
    for version in ["TLSv1.2", "TLSv1.3"] {
        let program = Program::new(&pki.server(), &arguments);
        let url = format!("tls://localhost:{}", program.port());
        let launch = || towards(&url, &pki).set("backend.max-protocol", version);
        let daemon = launch().set("backend.keyfile", pki.client()).start();
        let mut tls = Peer::new(&pki).connect(daemon.address());
        tls.write_all(b"hello there\n").unwrap();
        program.said("hello there");
        drop(tls);
        drop(daemon);
        let foreign = launch()
            .set("backend.keyfile", pki.foreign_client())
            .start();
        let mut tls = Peer::new(&pki).connect(foreign.address());
        assert_eq!(read_all(&mut tls).1, End::Cut);
        foreign.said("the server sent ");
    }
}

#[test]
fn check_and_show_know_of_tls_to_the_backend() {
    let pki = Pki::new();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tlsport"))
            .args(arguments)
            .args(["--server.endpoint", "ssl://127.0.0.1:0"])
            .args(["--ssl.keyfile", &pki.server()])
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout) + &text(output.stderr),
        )
    };
    let authority = pki.ca();
    let good = [
        "--backend",
        "tls://localhost:443",
        "--backend.cafile",
        &authority,
    ];
    let (fine, said) = run(&[&["check"][..], &good].concat());
    assert!(fine && said.ends_with("ok\n"), "{said}");
    let (fine, said) = run(&[&["show"][..], &good].concat());
    let shown = said.lines().any(|line| {
        line.contains("backend.sslmode")
            && line.contains("verify-full")
            && line.contains("built in")
    });
    assert!(fine && shown, "{said}");
    let bad = [
        "check",
        "--backend",
        "tls://nobody.invalid:443",
        "--backend.cafile",
        "/nonexistent",
        "--backend.keyfile",
        "/nonexistent",
        "--backend.ciphersuites",
        "nothing",
    ];
    let (fine, said) = run(&bad);
    assert!(!fine);
    for why in [
        "--backend.cafile: cannot load CA certificates from '/nonexistent'",
        "--backend.keyfile: ",
        "--backend.ciphersuites: cannot set SSL ciphersuites 'nothing'",
    ] {
        assert!(said.contains(why), "{said}");
    }
    let zone = ["check", "--backend", "tls://[fe80::1%lo]:443"];
    let (fine, said) = run(&zone);
    assert!(
        !fine && said.contains("'backend.server-name' says whom it has to be for"),
        "{said}"
    );
}

#[test]
fn many_short_connections_resume_most_of_theirs() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.server()).echo();
    let daemon = towards(&backend.tls(), &pki).start();
    let peer = Peer::new(&pki);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let mut tls = peer.connect(daemon.address());
                    round_trip(&mut tls, b"hello");
                    tls.shutdown().unwrap();
                    assert_eq!(read_all(&mut tls).1, End::Clean);
                }
            });
        }
    });
    let seen = backend.seen(200);
    let resumed = seen.iter().filter(|seen| seen.resumed).count();
    assert!(resumed > 100, "{resumed} of {}", seen.len());
}
