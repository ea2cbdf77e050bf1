//! kdb+'s rules for certificates, as a daemon keeps them: those that have expired, those that are asked for alone, and
//! CAs in a directory.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::process::Command;
use support::client::{read_all, round_trip};
use support::openssl_program::s_client;
use support::tls_backend::{Identity, refused};
use support::{Daemon, Launch, Peer, Pki};

fn status(pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", "service://status")
        .set("ssl.protocol", "9")
}

/// For clients of the test's CA, also those whose certificate has expired.
fn accepting(pki: &Pki) -> Launch {
    status(pki)
        .set("ssl.cafile", pki.ca())
        .set("kdb-accept-expired", "true")
}

/// What the status page says of a client's certificate.
fn told(daemon: &Daemon, pki: &Pki, keyfile: &str) -> String {
    let mut tls = Peer::showing(pki, keyfile).connect(daemon.address());
    tls.write_all(b"GET /json HTTP/1.0\r\n\r\n").unwrap();
    let (answer, _) = read_all(&mut tls);
    String::from_utf8(answer).unwrap()
}

/// Which alert a client gets.
fn alert(daemon: &Daemon, version: &str, keyfile: &str) -> String {
    let said = s_client(
        daemon.address(),
        &["-ign_eof", version, "-cert", keyfile, "-key", keyfile],
        "Q",
    );
    let line = said.err.lines().find(|line| line.contains("alert"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn an_expired_client_is_let_in_and_warned_of_each_time_and_no_other_is() {
    let pki = Pki::new();
    let expired = pki.expired_client();
    let daemon = accepting(&pki).start();
    daemon.said("--kdb-accept-expired: clients may come in with certificates that have expired");
    for _ in 0..3 {
        let mark = daemon.mark();
        let told = told(&daemon, &pki, &expired);
        assert!(told.contains("\"verify_error\": 10"), "{told}");
        assert!(told.contains(";0b;10)"), "{told}");
        let line = daemon.said_after(mark, "accepted a certificate that has expired");
        assert!(line.contains("WARN 127.0.0.1:"), "{line}");
        assert!(
            line.contains("at depth 0: '/CN=expired', serial number "),
            "{line}"
        );
        assert!(line.ends_with("of '/CN=CA of the tests'"), "{line}");
    }
    let mark = daemon.mark();
    assert!(told(&daemon, &pki, &pki.client()).contains(";1b;0)"));
    let log = daemon.log();
    let mut since = log.lines().skip(mark);
    assert!(
        !since.any(|line| line.contains("accepted a certificate")),
        "{log}"
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let alert = alert(&daemon, version, &pki.foreign_client());
        assert!(alert.contains("unknown ca"), "{alert}");
    }
}

#[test]
fn a_session_of_an_expired_client_is_never_resumed() {
    let pki = Pki::new();
    let expired = pki.expired_client();
    let daemon = accepting(&pki).start();
    for version in ["-tls1_2", "-tls1_3"] {
        let session = pki.path("session.pem");
        let visit = |more: &[&str]| {
            let mut arguments = vec!["-ign_eof", version, "-cert", &expired, "-key", &expired];
            arguments.extend(more);
            s_client(daemon.address(), &arguments, "GET /json HTTP/1.0\r\n\r\n").out
        };
        assert!(visit(&["-sess_out", &session]).contains("\nNew, TLS"));
        let again = visit(&["-sess_in", &session]);
        assert!(
            again.contains("\nNew, TLS") && !again.contains("\nReused, TLS"),
            "{again}"
        );
    }
}

#[test]
fn without_the_switch_expired_clients_are_refused_and_nothing_is_said_of_it() {
    let pki = Pki::new();
    let daemon = status(&pki).set("ssl.cafile", pki.ca()).start();
    let alert = alert(&daemon, "-tls1_3", &pki.expired_client());
    assert!(alert.contains("certificate expired"), "{alert}");
    assert!(!daemon.log().contains("kdb-accept-expired"));
}

#[test]
fn the_switch_is_told_to_be_idle_where_nobody_is_verified() {
    let pki = Pki::new();
    let daemon = status(&pki).set("kdb-accept-expired", "true").start();
    daemon.said("--kdb-accept-expired: has no effect as neither clients nor backends are verified");
}

#[test]
fn clients_that_are_asked_alone_come_in_whatever_they_show() {
    let pki = Pki::new();
    let daemon = status(&pki)
        .set("ssl.verify-client", "request-unverified")
        .set("ssl.cafile", pki.ca())
        .start();
    daemon.said("--ssl.verify-client: 'request-unverified' lets in whoever shows a certificate");
    for (keyfile, number) in [
        (pki.client(), 0),
        (pki.expired_client(), 10),
        (pki.foreign_client(), 20),
        (pki.server(), 26),
    ] {
        let told = told(&daemon, &pki, &keyfile);
        let expected = format!("\"verify_error\": {number}");
        assert!(told.contains(&expected), "{number}: {told}");
        assert!(
            told.contains("\"verify_client\": \"request-unverified\""),
            "{told}"
        );
    }
    let mut nobody = Peer::new(&pki).connect(daemon.address());
    nobody.write_all(b"GET /json HTTP/1.0\r\n\r\n").unwrap();
    let (answer, _) = read_all(&mut nobody);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("\"client_certificate\": null"), "{answer}");
}

#[test]
fn clients_may_be_asked_alone_without_any_ca() {
    let pki = Pki::new();
    let daemon = status(&pki)
        .set("ssl.verify-client", "request-unverified")
        .start();
    let told = told(&daemon, &pki, &pki.client());
    // The client sends its CA along.
    assert!(told.contains("\"verify_error\": 19"), "{told}");
}

fn towards(backend: &str, pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("ssl.protocol", "9")
        .set("backend", backend)
}

#[test]
fn an_expired_backend_is_spoken_to_and_warned_of_as_long_as_it_is_the_right_one() {
    let pki = Pki::new();
    let backend = Identity::new(&pki.expired_server()).echo();
    let launch = || {
        towards(&backend.tls(), &pki)
            .set("backend.cafile", pki.ca())
            .set("kdb-accept-expired", "true")
    };
    let daemon = launch().start();
    daemon.said("--kdb-accept-expired: a backend may show a certificate that has expired");
    for _ in 0..2 {
        let mark = daemon.mark();
        round_trip(&mut Peer::new(&pki).connect(daemon.address()), b"hello");
        let start = format!(
            "backend 'localhost:{}': accepted a certificate that has expired, as 'kdb-accept-expired' says: at depth 0: \
             '/CN=localhost', serial number ",
            backend.port()
        );
        let line = daemon.said_after(mark, &start);
        assert!(line.contains("WARN 127.0.0.1:"), "{line}");
    }
    assert!(backend.seen(2).iter().all(|seen| !seen.resumed));
    let daemon = launch().set("backend.server-name", "other.example").start();
    let why = "handshake: the server's certificate: hostname mismatch";
    refused(&daemon, &pki, why);
    let foreign = Identity::new(&pki.foreign_server()).echo();
    let daemon = towards(&foreign.tls(), &pki)
        .set("backend.cafile", pki.ca())
        .set("kdb-accept-expired", "true")
        .start();
    let why = "handshake: the server's certificate: unable to get local issuer certificate";
    refused(&daemon, &pki, why);
}

/// Puts a CA into a directory, or takes all out, and gives them the names that libssl looks for.
fn rehash(directory: &str, cas: &[String]) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).unwrap();
    for (place, ca) in cas.iter().enumerate() {
        fs::copy(ca, format!("{directory}/{place}.pem")).unwrap();
    }
    let rehashed = Command::new("openssl").args(["rehash", directory]).status();
    assert!(rehashed.unwrap().success());
}

#[test]
fn clients_of_cas_in_a_directory_are_let_in_as_those_come_and_until_they_are_reloaded_away() {
    let pki = Pki::new();
    let (ours, theirs) = (pki.client(), pki.foreign_client());
    let directory = pki.path("cas");
    rehash(&directory, &[pki.ca()]);
    let daemon = status(&pki)
        .set("ssl.capath", &directory)
        .threads(1)
        .start();
    assert!(told(&daemon, &pki, &ours).contains("\"verify_error\": 0"));
    assert!(alert(&daemon, "-tls1_3", &theirs).contains("unknown ca"));

    rehash(&directory, &[pki.ca(), pki.other_ca()]);
    assert!(
        told(&daemon, &pki, &theirs).contains("\"verify_error\": 0"),
        "at once"
    );
    rehash(&directory, &[pki.other_ca()]);
    assert!(
        told(&daemon, &pki, &ours).contains("\"verify_error\": 0"),
        "libssl has kept it"
    );
    daemon.reload();
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(alert(&daemon, version, &ours).contains("unknown ca"));
    }
    assert!(told(&daemon, &pki, &theirs).contains("\"verify_error\": 0"));
}

#[test]
fn a_session_is_not_resumed_past_a_reload_that_finds_another_directory() {
    let pki = Pki::new();
    let directory = pki.path("cas");
    rehash(&directory, &[pki.ca(), pki.other_ca()]);
    let keys = pki.write("tickets", "ab".repeat(80));
    let daemon = status(&pki)
        .set("ssl.capath", &directory)
        .set("ssl.ticket-keys", keys)
        .start();
    let client = pki.foreign_client();
    for version in ["-tls1_2", "-tls1_3"] {
        rehash(&directory, &[pki.ca(), pki.other_ca()]);
        daemon.reload();
        let session = pki.path("session.pem");
        let visit = |more: &[&str]| {
            let mut arguments = vec!["-ign_eof", version, "-cert", &client, "-key", &client];
            arguments.extend(more);
            s_client(daemon.address(), &arguments, "GET /json HTTP/1.0\r\n\r\n")
        };
        assert!(visit(&["-sess_out", &session]).out.contains("\nNew, TLS"));
        assert!(visit(&["-sess_in", &session]).out.contains("\nReused, TLS"));
        rehash(&directory, &[pki.ca()]);
        daemon.reload();
        let said = visit(&["-sess_in", &session]);
        assert!(!said.out.contains("\nReused, TLS"), "{}", said.out);
        assert!(said.err.contains("alert unknown ca"), "{}", said.err);
    }
}

#[test]
fn a_backend_of_a_ca_in_a_directory_is_spoken_to_in_place_of_the_systems() {
    let pki = Pki::new();
    let directory = pki.path("cas");
    rehash(&directory, &[pki.ca()]);
    let good = Identity::new(&pki.server()).echo();
    let launch = |backend: &str| {
        towards(backend, &pki)
            .env("SSL_CERT_FILE", pki.other_ca())
            .set("backend.capath", &directory)
    };
    let daemon = launch(&good.tls()).start();
    round_trip(&mut Peer::new(&pki).connect(daemon.address()), b"hello");
    let foreign = Identity::new(&pki.foreign_server()).echo();
    let daemon = launch(&foreign.tls()).start();
    let why = "handshake: the server's certificate: unable to get local issuer certificate";
    refused(&daemon, &pki, why);
}

#[test]
fn what_is_no_directory_of_cas_is_refused_at_start() {
    let pki = Pki::new();
    let log = status(&pki).set("ssl.capath", pki.ca()).refused(3);
    let expected = format!(
        "--ssl.capath: cannot look for CAs in directory '{}': not a directory",
        pki.ca()
    );
    assert!(log.contains(&expected), "{log}");
}
