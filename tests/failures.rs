//! Handshakes that fail, and what the log says of them: in our words, and in KrakenD's on its port.

#![allow(clippy::unwrap_used)]

mod support;

use openssl::ssl::{SslContextBuilder, SslVersion};
use serde_json::Value;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use support::client::{handshake, open, read_all, show};
use support::openssl_program::s_client;
use support::pki::Key;
use support::{Daemon, Launch, Peer, Pki};

/// A port with TLS and KrakenD's, with the same policy, which the distribution's openssl.cnf has no say in.
fn ports_before(backend: &str, pki: &Pki) -> Launch {
    Launch::new()
        .endpoint("ssl://127.0.0.1:0")
        .endpoint("gateway://127.0.0.1:0")
        .set("ssl.keyfile", pki.server())
        .set("ssl.groups", "P-521:P-384")
        .set("backend", backend)
        .env("OPENSSL_CONF", "/dev/null")
}

fn ports(pki: &Pki) -> Launch {
    ports_before("service://echo", pki)
}

/// What the log says of a client on each of the two ports, from behind the client's address on.
struct Told {
    ours: String,
    krakends: String,
}

impl Told {
    #[track_caller]
    fn of(daemon: &Daemon, client: impl Fn(SocketAddr)) -> Told {
        let addresses = daemon.addresses(2);
        let line = |address, begin: &str| {
            let mark = daemon.mark();
            client(address);
            let line = daemon.said_after(mark, begin);
            let (_, line) = line.split_once(begin).unwrap();
            line.split_once(": ").unwrap().1.to_owned()
        };
        Told {
            ours: line(addresses[0], "INFO 127.0.0.1:"),
            krakends: line(
                addresses[1],
                "INFO http: TLS handshake error from 127.0.0.1:",
            ),
        }
    }

    /// Ours begins so, and has what stands in brackets; 4.0 adds to some of its reasons.
    #[track_caller]
    fn expect(&self, ours: &str, krakends: &str) {
        let (reason, aside) = ours.split_once(" (").unwrap_or((ours, ""));
        let begins = self.ours.starts_with(&format!("handshake: {reason}"));
        assert!(begins && self.ours.contains(aside), "{}", self.ours);
        assert!(self.krakends.starts_with(krakends), "{}", self.krakends);
        assert!(self.krakends.contains(aside), "{}", self.krakends);
    }
}

/// A client of the openssl program that is told of its failure by an alert.
fn alerted(alert: &'static str, arguments: &'static [&'static str]) -> impl Fn(SocketAddr) {
    move |address| {
        let said = s_client(
            address,
            &[&["-servername", "a.example"], arguments].concat(),
            "",
        );
        assert!(
            said.err.contains(&format!("SSL alert number {alert}")),
            "{}",
            said.err
        );
    }
}

/// What stands in front of what a client offered.
const OFFERED: &str = "(asked for 'a.example'; offered";

#[test]
fn versions_that_nobody_speaks_here_are_told() {
    let pki = Pki::new();
    for (min, client, offered, numbers, accepted) in [
        (
            "TLSv1.3",
            &["-tls1_2"][..],
            "TLSv1.2 at most",
            "303 302 301",
            "TLSv1.3",
        ),
        (
            "TLSv1.2",
            &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            "TLSv1.1 at most",
            "302 301",
            "TLSv1.2, TLSv1.3",
        ),
    ] {
        let daemon = ports(&pki).set("ssl.min-protocol", min).start();
        let told = Told::of(&daemon, alerted("70", client));
        told.expect(
            &format!("unsupported protocol {OFFERED} {offered}; accepted: {accepted})"),
            &format!("tls: client offered only unsupported versions: [{numbers}] ("),
        );
    }
    let daemon = ports(&pki).set("ssl.max-protocol", "TLSv1.2").start();
    let told = Told::of(&daemon, alerted("70", &["-tls1_3"]));
    told.expect(
        &format!("unsupported protocol {OFFERED} TLSv1.3; accepted: TLSv1"),
        "tls: client offered only unsupported versions: [304] (",
    );
}

#[test]
#[cfg_attr(not(openssl3), ignore = "1.1.1 has no names for groups")]
fn suites_groups_and_signatures_that_nobody_shares_are_told() {
    let pki = Pki::new();
    let suites = "tls: no cipher suite supported by both client and server (";
    let daemon = ports(&pki)
        .set("ssl.max-protocol", "TLSv1.2")
        .set("ssl.cipher-list", "ECDHE-ECDSA-AES128-GCM-SHA256")
        .start();
    let client = alerted("40", &["-tls1_2", "-cipher", "AES256-SHA:AES128-SHA"]);
    Told::of(&daemon, client).expect(
        &format!(
            "no shared cipher {OFFERED} TLSv1.2 with AES256-SHA, AES128-SHA; \
             accepted: ECDHE-ECDSA-AES128-GCM-SHA256)"
        ),
        suites,
    );
    let client = alerted(
        "40",
        &["-tls1_2", "-groups", "X25519", "-cipher", "ECDHE+AESGCM"],
    );
    Told::of(&daemon, client).expect(
        &format!(
            "no shared cipher {OFFERED} TLSv1.2 with ECDHE-ECDSA-AES128-GCM-SHA256, groups x25519; \
             accepted: groups P-521, P-384, keys EC prime256v1)"
        ),
        suites,
    );

    let daemon = ports(&pki).set("ssl.min-protocol", "TLSv1.3").start();
    let client = alerted("40", &["-groups", "X25519:P-256"]);
    Told::of(&daemon, client).expect(
        &format!("no suitable key share {OFFERED} groups x25519, secp256r1; accepted: groups P-521, P-384)"),
        "tls: no ECDHE curve supported by both client and server (",
    );
    let client = alerted("40", &["-sigalgs", "RSA-PSS+SHA256"]);
    Told::of(&daemon, client).expect(
        &format!(
            "no suitable signature algorithm {OFFERED} signatures rsa_pss_rsae_sha256; \
             accepted: keys EC prime256v1)"
        ),
        "tls: peer doesn't support any of the certificate's signature algorithms (",
    );
}

#[test]
fn protocols_that_nobody_speaks_here_and_a_fallback_that_nobody_needs_are_told() {
    let pki = Pki::new();
    let daemon = ports(&pki)
        .set("ssl.protocol", "9")
        .set("ssl.alpn", "h2,http/1.1")
        .set("ssl.alpn-mismatch", "refuse")
        .start();
    let told = Told::of(&daemon, alerted("120", &["-alpn", "h3,a'b"]));
    told.expect(
        &format!(
            "no application protocol {OFFERED} ALPN 'h3', 'a\\'b'; accepted: 'h2', 'http/1.1')"
        ),
        "tls: client requested unsupported application protocols ([\"h3\" \"a\\'b\"]) (",
    );
    let told = Told::of(&daemon, alerted("86", &["-tls1_2", "-fallback_scsv"]));
    told.expect(
        "inappropriate fallback (asked for 'a.example')",
        "tls: client using inappropriate protocol fallback (",
    );
}

#[test]
fn a_client_that_sends_an_alert_is_told_of_in_its_terms() {
    let pki = Pki::new();
    let other = pki.other_ca();
    let daemon = ports(&pki).set("ssl.protocol", "9").start();
    for version in ["-tls1_2", "-tls1_3"] {
        let told = Told::of(&daemon, |address| {
            let arguments = [version, "-verify_return_error", "-CAfile", &other];
            assert!(!s_client(address, &arguments, "").succeeded);
        });
        told.expect(
            "the client sent ",
            "remote error: tls: unknown certificate authority",
        );
    }
}

/// A client of one version, with a certificate or without.
fn client(pki: &Pki, version: SslVersion, keyfile: Option<&str>) -> Peer {
    Peer::with(pki, |builder: &mut SslContextBuilder| {
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        if let Some(keyfile) = keyfile {
            show(builder, keyfile);
        }
    })
}

/// Tries to be let in; in TLS 1.3 a client is done before the server has judged its certificate.
fn turned_away(client: &Peer, address: SocketAddr) {
    if let Ok(mut tls) = client.try_connect(address) {
        let (back, _) = read_all(&mut tls);
        assert!(back.is_empty());
    }
}

#[test]
fn a_client_certificate_that_is_missing_or_wrong_is_told_of() {
    let pki = Pki::new();
    let of_a_server = pki.issue_server("of-a-server.pem", "somebody", Key::Ecdsa);
    for (keyfile, ours, krakends) in [
        (
            None,
            "peer did not return a certificate",
            "tls: client didn't provide a certificate (asked for 'localhost'",
        ),
        (
            Some(pki.foreign_client()),
            "certificate verify failed: unable to get local issuer certificate",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority (",
        ),
        (
            Some(pki.expired_client()),
            "certificate verify failed: certificate has expired",
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: \
             certificate has expired (",
        ),
        (
            Some(of_a_server),
            "certificate verify failed: un", // from 3.0 on 'unsuitable', before it 'unsupported'
            "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage (",
        ),
    ] {
        let daemon = ports(&pki)
            .set("ssl.protocol", "9")
            .set("ssl.cafile", pki.ca())
            .start();
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let client = client(&pki, version, keyfile.as_deref());
            let told = Told::of(&daemon, |address| turned_away(&client, address));
            told.expect(ours, krakends);
            let certificate = told
                .ours
                .contains("(asked for 'localhost'; at depth 0: '/CN=");
            assert_eq!(certificate, keyfile.is_some(), "{}", told.ours);
        }
    }
}

/// Says something that is no handshake, and hears the end of it.
fn saying(bytes: &'static [u8]) -> impl Fn(SocketAddr) {
    move |address| {
        let mut stream = open(address).unwrap();
        stream.write_all(bytes).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn what_is_no_handshake_is_told_of() {
    let pki = Pki::new();
    let daemon = ports(&pki).start();
    let told = Told::of(&daemon, saying(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    told.expect(
        "http request",
        "client sent an HTTP request to an HTTPS server",
    );
    let told = Told::of(&daemon, saying(b"SSH-2.0-OpenSSH_9.2\r\n"));
    told.expect(
        "wrong version number",
        "tls: first record does not look like a TLS handshake",
    );
    let told = Told::of(&daemon, saying(b"\x16\xff\xff\0\x05hello"));
    told.expect(
        "wrong version number",
        "tls: first record does not look like a TLS handshake",
    );
    // What clients of SSL 2 began with: some suites, no session, a challenge.
    let told = Told::of(
        &daemon,
        saying(b"\x80\x1c\x01\0\x02\0\x03\0\0\0\x10\x07\0\xc00123456789abcdef"),
    );
    assert_eq!(told.krakends, "tls: unsupported SSLv2 handshake received");
}

#[test]
fn who_goes_away_or_says_nothing_is_told_of() {
    let pki = Pki::new();
    let daemon = ports(&pki).set("timeout.handshake", "300ms").start();
    let told = Told::of(&daemon, |address| drop(open(address).unwrap()));
    told.expect("the client closed the connection", "EOF");
    let told = Told::of(&daemon, |address| {
        let mut stream = open(address).unwrap();
        stream.write_all(b"\x16\x03\x01\x02\0").unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    told.expect("connection reset by peer", "read: connection reset by peer");
    let told = Told::of(&daemon, saying(b""));
    told.expect(
        "timed out after 300ms, waiting to read",
        "read: i/o timeout",
    );
}

/// Spoils what the client encrypts.
struct Spoiling(TcpStream);

impl Read for Spoiling {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Spoiling {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut spoiled = buf.to_vec();
        if let Some(last) = spoiled.last_mut().filter(|_| buf[0] != 22) {
            *last ^= 1;
        }
        self.0.write(&spoiled)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_record_that_does_not_decrypt_is_told_of() {
    let pki = Pki::new();
    let daemon = ports(&pki).set("ssl.protocol", "6").start();
    let peer = Peer::with(&pki, |builder| builder.set_groups_list("P-521").unwrap());
    let told = Told::of(&daemon, |address| {
        if let Ok(mut tls) = handshake(peer.ssl(), Spoiling(open(address).unwrap())) {
            let _ = read_all(&mut tls);
        }
    });
    told.expect(
        "decryption failed or bad record mac (asked for 'localhost')",
        "local error: tls: bad record MAC (asked for 'localhost')",
    );
}

#[test]
fn what_another_client_offered_is_not_told() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki)
        .set("backend", "service://echo")
        .threads(1)
        .start();
    let mut slow = open(daemon.address()).unwrap();
    slow.write_all(b"\x16\x03\x01").unwrap();
    let told = s_client(
        daemon.address(),
        &["-tls1_3", "-servername", "b.example"],
        "",
    );
    assert!(!told.succeeded);
    assert!(daemon.said("handshake: ").contains("asked for 'b.example'"));
    let mark = daemon.mark();
    drop(slow);
    let line = daemon.said_after(mark, "handshake: ");
    assert!(
        line.ends_with("handshake: the client closed the connection"),
        "{line}"
    );
}

#[test]
fn each_is_counted_by_its_reason() {
    let pki = Pki::new();
    let daemon = ports_before("service://status", &pki)
        .set("ssl.min-protocol", "TLSv1.3")
        .start();
    let peer = Peer::with(&pki, |builder| builder.set_groups_list("P-521").unwrap());
    let counters = || {
        let mut tls = peer.connect(daemon.address());
        tls.write_all(b"GET /json HTTP/1.0\r\n\r\n").unwrap();
        let (answer, _) = read_all(&mut tls);
        let answer = String::from_utf8(answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()["counters"].take()
    };
    Told::of(&daemon, alerted("70", &["-tls1_2"]));
    Told::of(&daemon, alerted("40", &["-groups", "X25519"]));
    Told::of(&daemon, saying(b"GET / HTTP/1.1\r\n\r\n"));
    Told::of(&daemon, |address| drop(open(address).unwrap()));
    let counters = counters();
    for (reason, count) in [
        ("/failures/nothing_in_common", 4),
        ("/nothing_in_common/version", 2),
        ("/nothing_in_common/group", 2),
        ("/nothing_in_common/cipher", 0),
        ("/failures/not_tls", 2),
        ("/failures/gone", 2),
        ("/failures/other", 0),
        ("/handshakes_failed", 8),
    ] {
        let counted = counters.pointer(reason).and_then(Value::as_u64);
        assert_eq!(counted, Some(count), "{reason} of {counters:#}");
    }
}
