//! Handshakes that come to nothing at an edge with nothing but a certificate and its key: the alert that the client gets,
//! and the line that KrakenD's users look for. (How the same reads elsewhere: tests/failures.rs.)

use crate::curl::{curl, url};
use crate::front::{edge, pair, tls, with};
use crate::support::client::open;
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Pki};
use serde_json::json;
use std::io::{Read, Write};

/// What each line begins with, behind time and level.
const BEGINNING: &str = "http: TLS handshake error from 127.0.0.1:";

fn front(pki: &Pki) -> Daemon {
    tls(pki, &json!({}))
        .set("backend", "service://echo")
        .start()
}

/// What the log says of one client, behind its address.
#[track_caller]
fn told(front: &Daemon, client: impl FnOnce()) -> String {
    let mark = front.mark();
    client();
    let line = front.said_after(mark, BEGINNING);
    let (_, line) = line.split_once(BEGINNING).unwrap();
    line.split_once(": ").unwrap().1.to_owned()
}

/// A client of the openssl program gets an alert, and the log says why.
#[track_caller]
fn assert_alerted(front: &Daemon, arguments: &[&str], alert: &str, why: &str) {
    let told = told(front, || {
        let said = s_client(front.address(), arguments, "");
        let number = format!("SSL alert number {alert}\n");
        assert!(said.err.contains(&number), "{arguments:?}: {}", said.err);
    });
    assert!(told.starts_with(why), "{arguments:?}: {told}");
}

#[test]
fn a_client_with_nothing_in_common_gets_an_alert() {
    let pki = Pki::new();
    let front = front(&pki);
    for (client, alert, why) in [
        (
            &["-tls1_2"][..],
            "70",
            "tls: client offered only unsupported versions: [303 302 301]",
        ),
        (
            &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
            "70",
            "tls: client offered only unsupported versions: [301]",
        ),
        (
            &["-ciphersuites", "TLS_AES_128_CCM_SHA256"],
            "40",
            "tls: no cipher suite supported by both client and server",
        ),
        (
            &["-groups", "X25519:X448"],
            "40",
            "tls: no ECDHE curve supported by both client and server",
        ),
        (
            &["-alpn", "spdy/3"],
            "120",
            "tls: client requested unsupported application protocols ([\"spdy/3\"])",
        ),
    ] {
        assert_alerted(&front, client, alert, why);
    }
}

#[test]
fn a_client_of_an_older_version_is_told_as_well() {
    let pki = Pki::new();
    let older = json!({ "min_version": "TLS12", "curve_preferences": [25] });
    let tls = with(pair(&pki, "localhost", Key::Rsa), &older);
    let front = edge(&pki, &json!({ "tls": tls }))
        .set("backend", "service://echo")
        .start();
    let suites = "tls: no cipher suite supported by both client and server";
    for (client, alert, why) in [
        (["-cipher", "AES128-SHA"], "40", suites),
        (["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "40", suites),
        (["-groups", "P-256"], "40", suites),
        (
            ["-fallback_scsv", "-no_ticket"],
            "86",
            "tls: client using inappropriate protocol fallback",
        ),
    ] {
        let arguments = [&["-tls1_2"], &client[..]].concat();
        assert_alerted(&front, &arguments, alert, why);
    }
}

#[test]
fn what_clients_say_of_our_certificate_is_told() {
    let pki = Pki::new();
    let (front, ca) = (front(&pki), pki.ca());
    let place = url("https", front.address(), "/");
    let curl_said = told(&front, || {
        let other = pki.other_ca();
        assert!(!curl(&pki, &["--cacert", &other, &place]).succeeded);
    });
    let why = "remote error: tls: unknown certificate authority";
    assert!(curl_said.starts_with(why), "{curl_said}");
    let openssl_said = told(&front, || {
        let verify = ["-verify_return_error", "-verify_hostname", "other.example"];
        let arguments = [&verify[..], &["-CAfile", &ca]].concat();
        assert!(!s_client(front.address(), &arguments, "").succeeded);
    });
    let why = "remote error: tls: bad certificate";
    assert!(openssl_said.starts_with(why), "{openssl_said}");
}

/// What is said, what comes back, and why.
type Stranger = (&'static [u8], &'static [u8], &'static str);

const STRANGERS: [Stranger; 5] = [
    (
        b"GET /way HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        "client sent an HTTP request to an HTTPS server",
    ),
    (
        b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10",
        b"\x15\x03\x01\0\x02\x02\x46",
        "tls: unsupported SSLv2 handshake received",
    ),
    (
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        "tls: first record does not look like a TLS handshake",
    ),
    (
        b"DELETE / HTTP/1.1\r\n\r\n",
        b"",
        "tls: first record does not look like a TLS handshake",
    ),
    (b"", b"", "EOF"),
];

#[test]
fn who_speaks_something_else_is_told_of() {
    let pki = Pki::new();
    let front = front(&pki);
    for (words, answer, why) in STRANGERS {
        let told = told(&front, || {
            let mut stream = open(front.address()).unwrap();
            stream.write_all(words).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            assert_eq!(heard, answer, "{why}");
        });
        assert!(told.starts_with(why), "{told}");
    }
}
