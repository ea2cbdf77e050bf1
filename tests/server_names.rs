//! Which certificate and which protocol a client gets: server names, several types of keys, ALPN.

#![allow(clippy::unwrap_used)]

mod support;

use openssl::pkey::Id;
use openssl::ssl::{NameType, SslVersion};
use std::process::Command;
use support::client::{Tls, round_trip};
use support::openssl_program::s_client;
use support::pki::Key;
use support::{Launch, Peer, Pki};

fn echo(pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", "service://echo")
        .set("ssl.protocol", "9")
}

/// An echo with two more names, each with a certificate of its own.
fn named(pki: &Pki) -> Launch {
    let one = pki.issue_server("one.pem", "one.example.org", Key::Ecdsa);
    let two = pki.issue_server("two.pem", "two.example.org", Key::Rsa);
    echo(pki)
        .set(
            "ssl.server-name-indication",
            format!("one.example.org={one}"),
        )
        .set(
            "ssl.server-name-indication",
            format!("Two.Example.org={two}"),
        )
}

/// The type of the key that a client was shown.
fn key(tls: &Tls) -> Id {
    let certificate = tls.ssl().peer_certificate().unwrap();
    certificate.public_key().unwrap().id()
}

/// What was agreed on by ALPN.
fn protocol(tls: &Tls) -> Option<&str> {
    let chosen = tls.ssl().selected_alpn_protocol();
    chosen.map(|name| std::str::from_utf8(name).unwrap())
}

/// A client that offers protocols, each after its length.
fn offering(pki: &Pki, protocols: &[u8]) -> Peer {
    Peer::with(pki, |builder| builder.set_alpn_protos(protocols).unwrap())
}

#[test]
fn each_name_has_its_certificate_and_others_get_the_default() {
    let pki = Pki::new();
    let daemon = named(&pki).start();
    // Each client verifies that the certificate is for the name it asked for.
    for name in [
        "one.example.org",
        "two.example.org",
        "TWO.example.ORG",
        "localhost",
    ] {
        let mut tls = Peer::new(&pki).asking(name).connect(daemon.address());
        round_trip(&mut tls, b"by name");
        assert_eq!(tls.ssl().servername(NameType::HOST_NAME), Some(name));
    }
    let said = s_client(daemon.address(), &["-servername", "three.example.org"], "");
    assert!(said.out.contains("subject=CN=localhost"), "{}", said.out);
    let said = s_client(daemon.address(), &["-noservername"], "");
    assert!(said.out.contains("subject=CN=localhost"), "{}", said.out);
}

#[test]
fn where_no_name_is_listed_none_is_unlisted_and_whoever_refuses_them_is_told() {
    let pki = Pki::new();
    let daemon = echo(&pki).set("ssl.unknown-server-name", "refuse").start();
    let said = s_client(daemon.address(), &["-servername", "three.example.org"], "");
    assert!(said.out.contains("subject=CN=localhost"), "{}", said.out);
    daemon.said("refuses nobody, as 'ssl.server-name-indication' lists no name");
}

#[test]
fn unlisted_names_are_refused_where_that_is_wanted() {
    let pki = Pki::new();
    let daemon = named(&pki).set("ssl.unknown-server-name", "refuse").start();
    for version in ["-tls1_2", "-tls1_3"] {
        let ask = |name| s_client(daemon.address(), &[version, "-servername", name], "");
        let said = ask("three.example.org");
        assert!(
            said.err.contains("unrecognized name"),
            "{version}: {}",
            said.err
        );
        assert!(!said.succeeded);
        assert!(ask("one.example.org").succeeded, "{version}");
        // Who asks for nothing asks for nothing unlisted.
        let said = s_client(daemon.address(), &[version, "-noservername"], "");
        assert!(said.succeeded, "{version}: {}", said.err);
    }
    let line = daemon.said("the server name is not listed");
    assert!(line.contains("INFO"), "{line}");
}

#[test]
fn a_name_may_have_options_of_its_own() {
    let pki = Pki::new();
    let keyfile = pki.issue_server("closed.pem", "closed.example.org", Key::Ecdsa);
    let closed = format!(
        "closed.example.org={keyfile},ssl.cafile={},ssl.options=SSL_OP_NO_TLSv1_3",
        pki.ca()
    );
    let daemon = echo(&pki).set("ssl.server-name-indication", closed).start();
    let connect = |peer: Peer| {
        let mut tls = peer.try_connect(daemon.address())?;
        round_trip(&mut tls, b"let in");
        Ok::<_, String>(tls.ssl().version2().unwrap())
    };
    assert_eq!(connect(Peer::new(&pki)), Ok(SslVersion::TLS1_3));
    let anonymous = Peer::new(&pki).asking("closed.example.org");
    assert!(connect(anonymous).is_err(), "let in without a certificate");
    let known = Peer::showing(&pki, &pki.client()).asking("closed.example.org");
    assert_eq!(connect(known), Ok(SslVersion::TLS1_2));
}

#[test]
fn with_several_types_of_keys_each_client_gets_one_it_can_verify() {
    let pki = Pki::new();
    let rsa = pki.issue_server("rsa.pem", "localhost", Key::Rsa);
    let ed25519 = pki.issue_server("ed25519.pem", "localhost", Key::Ed25519);
    let daemon = echo(&pki)
        .set("ssl.keyfile", rsa)
        .set("ssl.keyfile", ed25519)
        .start();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for (algorithms, expected) in [
            ("ECDSA+SHA256", Id::EC),
            ("RSA-PSS+SHA256:ECDSA+SHA256", Id::RSA),
            ("ed25519:ECDSA+SHA256", Id::ED25519),
        ] {
            // The CA's own signatures are by ECDSA, so that has to stay in each list.
            let client = Peer::with(&pki, |builder| {
                builder.set_sigalgs_list(algorithms).unwrap();
                builder.set_max_proto_version(Some(version)).unwrap();
                let first = match expected {
                    Id::RSA => "ECDHE-RSA-AES256-GCM-SHA384",
                    _ => "ECDHE-ECDSA-AES256-GCM-SHA384",
                };
                builder.set_cipher_list(first).unwrap();
            });
            let tls = client.connect(daemon.address());
            assert_eq!(tls.ssl().version2(), Some(version));
            assert_eq!(key(&tls), expected, "{version:?} {algorithms}");
        }
    }
}

#[test]
fn two_keys_of_one_type_are_refused() {
    let pki = Pki::new();
    let other = pki.issue_server("other.pem", "localhost", Key::Ecdsa);
    let log = echo(&pki).set("ssl.keyfile", &other).refused(3);
    assert!(log.contains(&other), "{log}");
}

#[test]
fn the_whole_chain_of_a_keyfile_is_sent() {
    let pki = Pki::new();
    let directory = pki.path("deep");
    let made = Command::new(env!("CARGO_BIN_EXE_tlsport"))
        .args([
            "certs",
            "--out",
            &directory,
            "--host",
            "localhost",
            "--intermediate",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let daemon = Launch::new()
        .endpoint("ssl://127.0.0.1:0")
        .set("backend", "service://echo")
        .set("ssl.keyfile", format!("{directory}/server.pem"))
        .start();
    let ca = format!("{directory}/ca.pem");
    let verify = ["-CAfile", &ca, "-verify_return_error", "-showcerts"];
    let said = s_client(daemon.address(), &verify, "");
    assert!(said.succeeded, "{}", said.err);
    assert_eq!(
        said.out.matches("-----BEGIN CERTIFICATE-----").count(),
        2,
        "{}",
        said.out
    );
}

#[test]
fn by_default_only_http_1_1_is_agreed_on() {
    let pki = Pki::new();
    let daemon = echo(&pki).start();
    for (offered, agreed) in [
        (&b"\x02h2\x08http/1.1"[..], Some("http/1.1")),
        (b"\x08http/1.1", Some("http/1.1")),
        (b"\x02h2", None),
    ] {
        let tls = offering(&pki, offered).connect(daemon.address());
        assert_eq!(protocol(&tls), agreed);
    }
    let tls = Peer::new(&pki).connect(daemon.address());
    assert_eq!(protocol(&tls), None, "nothing was offered");
}

#[test]
fn the_servers_order_of_protocols_decides() {
    let pki = Pki::new();
    let h2_last = b"\x08http/1.1\x03foo\x02h2";
    for (settings, agreed) in [
        (&[("ssl.alpn", "h2,http/1.1")][..], Some("h2")),
        (&[("ssl.alpn", "http/1.1,h2")], Some("http/1.1")),
        (
            &[
                ("ssl.alpn", "h2,http/1.1"),
                ("ssl.prefer-http1-in-alpn", "true"),
            ],
            Some("http/1.1"),
        ),
        (&[("ssl.alpn", "bar,foo")], Some("foo")),
        (&[("ssl.alpn", "bar")], None),
        (&[("ssl.alpn", "")], None),
    ] {
        let launch = settings
            .iter()
            .fold(echo(&pki), |launch, (name, value)| launch.set(name, *value));
        let daemon = launch.start();
        let mut tls = offering(&pki, h2_last).connect(daemon.address());
        assert_eq!(protocol(&tls), agreed, "{settings:?}");
        round_trip(&mut tls, b"the handshake goes on either way");
    }
}

#[test]
fn curl_is_served_by_name_over_the_protocol_agreed_on() {
    let pki = Pki::new();
    let one = pki.issue_server("one.pem", "one.example.org", Key::Ecdsa);
    let daemon = Launch::tls(&pki)
        .set("backend", "service://status")
        .set(
            "ssl.server-name-indication",
            format!("one.example.org={one}"),
        )
        .start();
    let port = daemon.address().port();
    let fetched = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--cacert",
            &pki.ca(),
        ])
        .args(["--resolve", &format!("one.example.org:{port}:127.0.0.1")])
        .args([
            "--write-out",
            "%{http_version} %{ssl_verify_result} %{http_code}",
        ])
        .args([
            "--output",
            "/dev/null",
            &format!("https://one.example.org:{port}/json"),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&fetched.stdout).into_owned();
    let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
    assert_eq!(said, "1.1 0 200", "{why}");
}
