//! Client certificates: who is asked, who is let in, and what the others are told.

#![allow(clippy::unwrap_used)]

mod support;

use openssl::ssl::SslVersion;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::client::{End, open, read_all, show};
use support::openssl_program::s_client;
use support::{Daemon, Launch, Peer, Pki};

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn echo(pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", "service://echo")
        .set("ssl.protocol", "9")
}

/// Only clients of the CA are let in: a CA file is enough for that.
fn closed(pki: &Pki) -> Launch {
    echo(pki).set("ssl.cafile", pki.ca())
}

/// What became of a client that speaks as soon as it may.
#[derive(Debug, PartialEq, Eq)]
enum Visit {
    Served,
    Refused(String),
    /// Neither: what it never may come to.
    Lost(String),
}

/// Connects, and writes at once: in TLS 1.3 a client is done before the server has judged its certificate.
fn visit(client: &Peer, address: SocketAddr) -> Visit {
    let mut tls = match client.try_connect(address) {
        Ok(tls) => tls,
        Err(why) if why.contains("alert") => return Visit::Refused(why),
        Err(why) => return Visit::Lost(why),
    };
    let text = b"let me in".repeat(5000);
    let written = tls.write_all(&text);
    let shut = tls.shutdown();
    let (back, end) = read_all(&mut tls);
    // Behind the alert comes the end, and no reset: on a longer way that could overtake the alert.
    let behind = tls.get_mut().read(&mut [0]);
    match (back, end) {
        (back, End::Clean) if back == text && written.is_ok() && shut.is_ok() => Visit::Served,
        (_, End::Failed(why)) if why.contains("alert") && matches!(behind, Ok(0)) => {
            Visit::Refused(why)
        }
        (_, end) => Visit::Lost(format!("{written:?} {shut:?} {end:?} {behind:?}")),
    }
}

/// A client of one version, with a certificate or without.
fn client(pki: &Pki, version: SslVersion, keyfile: Option<&str>) -> Peer {
    Peer::with(pki, |builder| {
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        if let Some(keyfile) = keyfile {
            show(builder, keyfile);
        }
    })
}

/// Fails unless the client is told so by an alert, every time, in both versions.
#[track_caller]
fn assert_refused(pki: &Pki, daemon: &Daemon, keyfile: Option<&str>, alerts: [&str; 2]) {
    for (version, alert) in VERSIONS.into_iter().zip(alerts) {
        let client = client(pki, version, keyfile);
        for _ in 0..10 {
            match visit(&client, daemon.address()) {
                Visit::Refused(why) if why.contains(alert) => {}
                other => panic!("{version:?}: '{alert}' was expected: {other:?}"),
            }
        }
    }
}

#[track_caller]
fn assert_served(pki: &Pki, daemon: &Daemon, keyfile: Option<&str>) {
    for version in VERSIONS {
        let client = client(pki, version, keyfile);
        assert_eq!(
            visit(&client, daemon.address()),
            Visit::Served,
            "{version:?}"
        );
    }
}

/// Whether the server asks for a certificate, and which CAs it names.
fn asked(daemon: &Daemon) -> Option<String> {
    let said = s_client(daemon.address(), &["-tls1_2"], "");
    let names = said
        .out
        .split("Acceptable client certificate CA names\n")
        .nth(1);
    let requested = said.out.contains("Client Certificate Types: ");
    let first = |names: &str| names.lines().next().unwrap_or_default().to_owned();
    requested.then(|| names.map(first).unwrap_or_default())
}

#[test]
fn without_a_ca_nobody_is_asked() {
    let pki = Pki::new();
    let daemon = echo(&pki).start();
    assert_eq!(asked(&daemon), None);
    assert_served(&pki, &daemon, None);
    assert_served(&pki, &daemon, Some(&pki.foreign_client()));
}

#[test]
fn a_ca_file_alone_lets_in_its_clients_only() {
    let pki = Pki::new();
    let daemon = closed(&pki).start();
    assert_eq!(asked(&daemon).as_deref(), Some("CN=CA of the tests"));
    assert_served(&pki, &daemon, Some(&pki.client()));
    assert_refused(
        &pki,
        &daemon,
        None,
        ["handshake failure", "certificate required"],
    );
    assert_refused(
        &pki,
        &daemon,
        Some(&pki.foreign_client()),
        ["unknown ca"; 2],
    );
    assert_refused(
        &pki,
        &daemon,
        Some(&pki.expired_client()),
        ["certificate expired"; 2],
    );
    // A server's certificate is none for clients.
    assert_refused(
        &pki,
        &daemon,
        Some(&pki.server()),
        ["unsupported certificate"; 2],
    );
}

#[test]
fn whoever_is_refused_is_logged_with_the_reason() {
    let pki = Pki::new();
    let daemon = closed(&pki).start();
    for (keyfile, why) in [
        (None, "peer did not return a certificate"),
        (
            Some(pki.foreign_client()),
            "certificate verify failed: unable to get local issuer certificate",
        ),
        (
            Some(pki.expired_client()),
            "certificate verify failed: certificate has expired",
        ),
    ] {
        let mark = daemon.mark();
        let client = client(&pki, SslVersion::TLS1_3, keyfile.as_deref());
        assert!(matches!(
            visit(&client, daemon.address()),
            Visit::Refused(_)
        ));
        let line = daemon.said_after(mark, &format!("handshake: {why}"));
        assert!(line.contains("INFO 127.0.0.1:"), "{line}");
    }
}

#[test]
fn the_original_mode_never_asks() {
    let pki = Pki::new();
    let daemon = closed(&pki).set("ssl.cafile-mode", "original").start();
    assert_eq!(asked(&daemon), None);
    assert_served(&pki, &daemon, None);
    assert_served(&pki, &daemon, Some(&pki.foreign_client()));
}

#[test]
fn require_peer_certificate_asks_in_the_original_mode_too() {
    let pki = Pki::new();
    let daemon = closed(&pki)
        .set("ssl.cafile-mode", "original")
        .set("ssl.require-peer-certificate", "true")
        .start();
    assert_served(&pki, &daemon, Some(&pki.client()));
    assert_refused(
        &pki,
        &daemon,
        None,
        ["handshake failure", "certificate required"],
    );
}

#[test]
fn a_request_lets_in_who_has_none_but_not_who_has_a_bad_one() {
    let pki = Pki::new();
    let daemon = closed(&pki).set("ssl.verify-client", "request").start();
    assert!(asked(&daemon).is_some());
    assert_served(&pki, &daemon, None);
    assert_served(&pki, &daemon, Some(&pki.client()));
    assert_refused(
        &pki,
        &daemon,
        Some(&pki.foreign_client()),
        ["unknown ca"; 2],
    );
    assert_refused(
        &pki,
        &daemon,
        Some(&pki.expired_client()),
        ["certificate expired"; 2],
    );
}

#[test]
fn verify_client_none_asks_nobody_although_there_is_a_ca() {
    let pki = Pki::new();
    let daemon = closed(&pki).set("ssl.verify-client", "none").start();
    assert_eq!(asked(&daemon), None);
    assert_served(&pki, &daemon, None);
    daemon.said("clients are not asked for certificates");
}

#[test]
fn asking_without_a_ca_is_refused_at_start() {
    let pki = Pki::new();
    for (name, value) in [
        ("ssl.verify-client", "require"),
        ("ssl.require-peer-certificate", "true"),
    ] {
        let log = echo(&pki).set(name, value).refused(3);
        let right = log.contains(&format!("--{name}: ")) && log.contains("without the CAs");
        assert!(right, "{log}");
    }
}

#[test]
fn a_revoked_certificate_is_refused() {
    let pki = Pki::new();
    let good = pki.client();
    let bad = pki.named_client("revoked.pem");
    let daemon = closed(&pki).set("ssl.crl-file", pki.revoke(&bad)).start();
    assert_served(&pki, &daemon, Some(&good));
    assert_refused(&pki, &daemon, Some(&bad), ["certificate revoked"; 2]);
}

#[test]
fn revocation_lists_are_found_in_a_directory_and_after_a_reload() {
    let pki = Pki::new();
    let good = pki.client();
    let bad = pki.named_client("revoked.pem");
    let none = pki.revoke_nobody();
    let directory = pki.path("crls");
    fs::create_dir(&directory).unwrap();
    let install = |file: &str| {
        fs::copy(file, format!("{directory}/ca.crl.pem")).unwrap();
        let rehashed = Command::new("openssl")
            .args(["rehash", &directory])
            .status();
        assert!(rehashed.unwrap().success());
    };
    install(&none);
    let daemon = closed(&pki).set("ssl.crl-dir", &directory).start();
    assert_served(&pki, &daemon, Some(&good));
    assert_served(&pki, &daemon, Some(&bad));
    install(&pki.revoke(&bad));
    daemon.reload();
    assert_served(&pki, &daemon, Some(&good));
    assert_refused(&pki, &daemon, Some(&bad), ["certificate revoked"; 2]);
}

#[test]
fn another_ca_after_a_reload_lets_in_others() {
    let pki = Pki::new();
    let (ours, theirs) = (pki.client(), pki.foreign_client());
    let trusted = pki.write("trusted.pem", fs::read(pki.ca()).unwrap());
    let daemon = echo(&pki).set("ssl.cafile", &trusted).start();
    assert_served(&pki, &daemon, Some(&ours));
    fs::copy(pki.other_ca(), &trusted).unwrap();
    daemon.reload();
    assert_served(&pki, &daemon, Some(&theirs));
    assert_refused(&pki, &daemon, Some(&ours), ["unknown ca"; 2]);
}

/// Refused clients that go on writing, for as long as the alert is on its way: none of them sees a reset before it
/// has seen the alert.
#[test]
fn the_alert_is_read_by_a_client_that_never_stops_writing() {
    let pki = Pki::new();
    let daemon = closed(&pki).start();
    let client = client(&pki, SslVersion::TLS1_3, None);
    for _ in 0..20 {
        let stream = open(daemon.address()).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let mut tls = support::client::handshake(client.ssl(), stream).unwrap();
        let writer = std::thread::spawn({
            let mut stream = tls.get_ref().try_clone().unwrap();
            let over = Arc::clone(&over);
            // Not even TLS, as nobody will ever open it.
            move || while !over.load(Ordering::SeqCst) && stream.write_all(&[23; 1000]).is_ok() {}
        });
        let error = tls.read(&mut [0]).unwrap_err();
        over.store(true, Ordering::SeqCst);
        assert_eq!(
            tls.get_mut().read(&mut [0]).unwrap(),
            0,
            "a reset behind it"
        );
        assert!(
            error.to_string().contains("certificate required"),
            "{error}"
        );
        drop(tls);
        writer.join().unwrap();
    }
}

#[test]
fn cas_of_several_files_and_of_the_system_are_trusted_besides() {
    let pki = Pki::new();
    let (client, stranger) = (pki.client(), pki.foreign_client());
    let comes = |daemon: &support::Daemon, keyfile: &str| {
        let peer = Peer::showing(&pki, keyfile);
        peer.try_connect(daemon.address()).is_ok()
    };
    let launch = || Launch::tls(&pki).set("backend", "service://echo");
    let one = launch().set("ssl.cafile", pki.ca()).start();
    assert!(comes(&one, &client) && !comes(&one, &stranger));
    let both = launch()
        .set("ssl.cafile", pki.ca())
        .set("ssl.cafile", pki.other_ca())
        .start();
    assert!(comes(&both, &client) && comes(&both, &stranger));
    // Where libssl looks for the system's.
    let system = launch()
        .env("SSL_CERT_FILE", pki.other_ca())
        .set("ssl.system-ca", "true")
        .set("ssl.cafile", pki.ca())
        .start();
    assert!(comes(&system, &client) && comes(&system, &stranger));
    system.said("whoever has a certificate of any public CA comes in");
    let alone = launch()
        .env("SSL_CERT_FILE", pki.other_ca())
        .set("ssl.system-ca", "true")
        .set("ssl.verify-client", "require")
        .start();
    assert!(!comes(&alone, &client) && comes(&alone, &stranger));
}

/// Many clients show only a certificate of a CA that is on the list, which those of the system are not.
#[test]
fn no_authority_is_named_where_those_of_the_system_are_trusted_besides() {
    let pki = Pki::new();
    let front = |system: &str| closed(&pki).set("ssl.system-ca", system).start();
    for (system, named) in [("false", true), ("true", false)] {
        let front = front(system);
        for version in ["-tls1_2", "-tls1_3"] {
            let said = s_client(front.address(), &[version], "");
            let names = said.out.contains("Acceptable client certificate CA names");
            assert_eq!(names, named, "{system} {version}: {}", said.out);
        }
    }
}
