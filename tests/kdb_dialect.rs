//! `--dialect kdb`: the daemon and its commands as users of kdb+ start them, by the environment, `-E` and `-p`. (What kdb+
//! itself speaks behind it: tests/kdb/.)

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::process::Output;
use std::time::{Duration, Instant};
use support::client::{End, handshake, open, read_all, round_trip};
use support::openssl_program::s_client;
use support::pki::Key;
use support::program::program;
use support::tls_backend::Identity;
use support::{Daemon, Launch, PATIENCE, Peer, Pki};

/// Certificate and key in a file each, as kdb+ has them.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new(pki: &Pki) -> Pair {
        let both = fs::read_to_string(pki.issue_server("both.pem", "localhost", Key::Ecdsa));
        let both = both.unwrap();
        let (certificate, key) = both.split_at(both.find("-----BEGIN PRIVATE").unwrap());
        Pair {
            certificate: pki.write("server-crt.pem", certificate),
            key: pki.write("server-key.pem", key),
        }
    }
}

/// A front in a mode, on a port that the system chooses.
fn front(pki: &Pki, mode: &str) -> Launch {
    front_of(pki, mode, "service://echo")
}

/// The same in front of a server.
fn front_of(pki: &Pki, mode: &str, backend: &str) -> Launch {
    let pair = Pair::new(pki);
    Launch::new()
        .set("dialect", "kdb")
        .flags(&["-E", mode, "-p", "127.0.0.1:0W"], 1)
        .set("backend", backend)
        .env("KX_SSL_CERT_FILE", pair.certificate)
        .env("KX_SSL_KEY_FILE", pair.key)
}

/// What a command comes to that has these variables, and no others, with its status.
fn run(command: &str, variables: &[(&str, &str)], flags: &[&str]) -> (i32, String) {
    let mut tlsport = program(env!("CARGO_BIN_EXE_tlsport"));
    tlsport
        .arg(command)
        .args(flags)
        .envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = tlsport.output().unwrap();
    let said = [stdout, stderr].concat();
    (
        status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Waits for the end of a stream that says nothing.
#[track_caller]
fn assert_closed(stream: &mut impl Read) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
}

/// Says the first bytes of a ClientHello.
fn begin_tls(address: SocketAddr) -> std::net::TcpStream {
    let mut stream = open(address).unwrap();
    stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).unwrap();
    stream
}

#[test]
fn with_mode_1_plain_and_tls_are_spoken_on_one_port() {
    let pki = Pki::new();
    let front = front(&pki, "1").start();
    let mut plain = open(front.address()).unwrap();
    round_trip(&mut plain, b"user:pass\x03\0");
    let mut tls = Peer::new(&pki).connect(front.address());
    round_trip(&mut tls, b"user:pass\x03\0");
    round_trip(&mut plain, b"and on");
    let said = s_client(front.address(), &["-tls1_2"], "");
    assert!(said.succeeded, "{}{}", said.out, said.err);
}

#[test]
fn with_mode_0_a_tls_client_is_sent_away_and_the_log_says_so() {
    let pki = Pki::new();
    let front = Launch::new()
        .set("dialect", "kdb")
        .flags(&["-p", "127.0.0.1:0W"], 1)
        .set("backend", "service://echo")
        .env("KX_SSL_CERT_FILE", "/nonexistent/crt.pem")
        .start();
    assert_closed(&mut begin_tls(front.address()));
    let line = front.said("TLS not enabled");
    assert!(line.contains(" 127.0.0.1:"), "{line}");
    assert!(line.ends_with(": TLS not enabled"), "{line}");
    assert!(Peer::new(&pki).try_connect(front.address()).is_err());
    round_trip(&mut open(front.address()).unwrap(), b":\x03\0");
}

#[test]
fn with_mode_2_a_plain_client_is_sent_away_and_the_log_says_so() {
    let pki = Pki::new();
    let front = front(&pki, "2").start();
    let mut plain = open(front.address()).unwrap();
    plain.write_all(b"user:pass\x03\0").unwrap();
    assert_closed(&mut plain);
    front.said(": not TLS, and no plain client is let in (-E 2)");
    round_trip(&mut Peer::new(&pki).connect(front.address()), b":\x03\0");
}

#[test]
fn a_client_that_says_nothing_has_the_time_of_a_handshake_in_every_mode() {
    let pki = Pki::new();
    for mode in ["0", "1", "2"] {
        let front = front(&pki, mode).set("timeout.handshake", "200ms").start();
        let since = Instant::now();
        assert_closed(&mut open(front.address()).unwrap());
        let waited = since.elapsed();
        assert!(waited >= Duration::from_millis(150), "{mode}: {waited:?}");
        assert!(waited < PATIENCE / 2, "{mode}: {waited:?}");
        front.said("timed out after 200ms");
    }
}

/// The line of the log that a client leads to.
#[track_caller]
fn told(front: &Daemon, client: impl FnOnce(), text: &str) -> String {
    let mark = front.mark();
    client();
    let line = front.said_after(mark, text);
    line.split_once(" 127.0.0.1:").unwrap().1.to_owned()
}

/// A line of `ERR_print_errors` behind the port of the peer: thread, code, library, function, reason, file, line.
#[track_caller]
fn assert_dumped(line: &str, reason: &str) {
    let (port, dump) = line.split_once(": ").unwrap();
    assert!(port.parse::<u16>().is_ok(), "{line}");
    let parts: Vec<&str> = dump.splitn(9, ':').collect();
    assert!(parts[0].chars().all(|c| c.is_ascii_hexdigit()), "{line}");
    assert_eq!(parts[1], "error", "{line}");
    assert!(u64::from_str_radix(parts[2], 16).is_ok(), "{line}");
    assert_eq!(parts[3], "SSL routines", "{line}");
    assert!(!parts[4].is_empty(), "{line}");
    assert_eq!(parts[5], reason, "{line}");
    assert!(parts[6].ends_with(".c"), "{line}");
    assert!(parts[7].parse::<u32>().is_ok(), "{line}");
}

#[test]
fn a_handshake_that_fails_is_told_as_openssl_prints_it() {
    let pki = Pki::new();
    let front = front(&pki, "1")
        .env("SSL_MAXPROTOCOL", "TLSv1.2")
        .env("SSL_CIPHER_LIST", "ECDHE-ECDSA-AES128-GCM-SHA256")
        .start();
    for (client, reason) in [
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"][..],
            "no shared cipher",
        ),
        (&["-tls1_3"], "unsupported protocol"),
    ] {
        let refused = || {
            let said = s_client(front.address(), client, "");
            assert!(!said.succeeded, "{client:?}");
        };
        assert_dumped(&told(&front, refused, reason), reason);
    }
}

#[test]
fn clients_need_a_certificate_where_the_variable_says_so() {
    let pki = Pki::new();
    let front = front(&pki, "1")
        .env("SSL_VERIFY_CLIENT", "YES")
        .env("SSL_CA_CERT_FILE", pki.ca())
        .start();
    let mut tls = Peer::showing(&pki, &pki.client()).connect(front.address());
    round_trip(&mut tls, b"hello");
    let reason = "peer did not return a certificate";
    let without = || drop(Peer::new(&pki).try_connect(front.address()));
    assert_dumped(&told(&front, without, reason), reason);
    let reason = "certificate verify failed";
    let foreign = Peer::showing(&pki, &pki.foreign_client());
    let line = told(
        &front,
        || drop(foreign.try_connect(front.address())),
        reason,
    );
    assert_dumped(&line, reason);
    assert!(
        line.contains("unable to get local issuer certificate"),
        "{line}"
    );
}

#[test]
fn clients_may_be_asked_without_being_sent_away() {
    let pki = Pki::new();
    let none = || Peer::new(&pki);
    let foreign = || Peer::showing(&pki, &pki.foreign_client());
    for (word, peers) in [
        ("REQUESTONLY", &[none(), foreign()][..]),
        ("IFPRESENT", &[none()]),
    ] {
        let front = front(&pki, "1")
            .env("SSL_VERIFY_CLIENT", word)
            .env("SSL_CA_CERT_FILE", pki.ca())
            .start();
        for peer in peers {
            round_trip(&mut peer.connect(front.address()), b"hello");
        }
        if word == "IFPRESENT" {
            let reason = "certificate verify failed";
            let refused = || drop(foreign().try_connect(front.address()));
            assert_dumped(&told(&front, refused, reason), reason);
        }
    }
}

#[test]
fn on_a_unix_socket_both_are_spoken_too() {
    let pki = Pki::new();
    let name = format!("tlsport-test-{}/kx.5000", std::process::id());
    let front = front(&pki, "1").endpoint(&format!("kdb+unix+unixs://@{name}"));
    let _front = front.start();
    let connect = || {
        let address = UnixAddr::from_abstract_name(&name).unwrap();
        let stream = UnixStream::connect_addr(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    round_trip(&mut connect(), b":\x03\0");
    let mut tls = handshake(Peer::new(&pki).ssl(), connect()).unwrap();
    round_trip(&mut tls, b":\x03\0");
}

#[test]
fn a_reload_reads_the_certificate_again_and_stays_with_the_old_where_it_is_wrong() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let front = front(&pki, "1").start();
    front.reload();
    fs::write(&pair.certificate, "no certificate").unwrap();
    let mark = front.mark();
    front.signal("HUP");
    front.said_after(mark, "failed to load TLS certificates");
    front.said_after(mark, "reload failed");
    round_trip(&mut Peer::new(&pki).connect(front.address()), b"hello");
}

#[test]
fn a_start_without_a_usable_certificate_fails_in_the_words_of_kdb() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let broken = pki.write(
        "broken.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let start = [
        "--dialect",
        "kdb",
        "-E",
        "1",
        "-p",
        "127.0.0.1:0W",
        "--backend",
        "service://echo",
    ];
    let missing = [
        ("KX_SSL_CERT_FILE", pair.certificate.as_str()),
        ("KX_SSL_KEY_FILE", "/nonexistent/key.pem"),
    ];
    let unusable = [
        ("KX_SSL_CERT_FILE", pair.certificate.as_str()),
        ("SSL_KEY_FILE", broken.as_str()),
    ];
    for command in ["serve", "check"] {
        let (status, said) = run(command, &missing, &start);
        let why = "tlsport: environment variable KX_SSL_KEY_FILE: cannot read key from '/nonexistent/key.pem': no such \
                   file or directory (KX_SSL_KEY_FILE names the file)\n\
                   tlsport: failed to load TLS certificates\n";
        assert!(said.ends_with(why), "{said}");
        assert_eq!(status, 3);
        let (status, said) = run(command, &unusable, &start);
        assert_eq!(status, 3);
        let why = format!(
            "tlsport: environment variable SSL_KEY_FILE: cannot read key from '{broken}': "
        );
        let (_, dump) = said.split_once(&why).expect("why");
        let mut dump = dump.lines().skip(1).collect::<Vec<_>>();
        assert_eq!(dump.pop(), Some("tlsport: failed to load TLS certificates"));
        assert!(!dump.is_empty(), "{said}");
        for line in dump {
            let parts: Vec<&str> = line.split(':').map(str::trim).collect();
            assert_eq!(parts[2], "error", "{line}");
            assert!(parts[7].ends_with(".c"), "{line}");
        }
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let variables = [("SSL_VERIFY_CLIENT", "maybe"), ("KX_SSL_MINPROTOCOL", "1")];
    let (status, said) = run(
        "check",
        &variables,
        &["--dialect", "kdb", "-E", "7", "-p", "0"],
    );
    assert_eq!(status, 3);
    for wrong in [
        "environment variable SSL_VERIFY_CLIENT: 'maybe' is not one of",
        "environment variable KX_SSL_MINPROTOCOL: '1' is not one of",
        "-E: '7' is not one of 0, 1, 2",
        "-p: '0' is no port to listen on",
        "no backend has been specified",
    ] {
        assert!(said.contains(wrong), "{wrong}: {said}");
    }
    let (_, said) = run("check", &[], &["--dialect", "kdb"]);
    assert!(
        said.contains("please use the '-p' or the '--server.endpoint' option"),
        "{said}"
    );
}

#[test]
fn the_flags_of_kdb_are_for_its_dialect_and_other_dialects_need_a_file() {
    let (status, said) = run("check", &[], &["-E", "1", "-p", "5000"]);
    assert_eq!(status, 3);
    assert!(
        said.contains("tlsport: -E is kdb+'s, and needs '--dialect kdb'\n"),
        "{said}"
    );
    assert!(
        said.contains("tlsport: -p is kdb+'s, and needs '--dialect kdb'\n"),
        "{said}"
    );
    let (status, said) = run("check", &[], &["--dialect", "postgresql"]);
    assert_eq!(status, 3);
    let why = "tlsport: the dialect 'postgresql' is read from a file, and none is named\n";
    assert!(said.contains(why), "{said}");
    let (status, said) = run("check", &[], &["--dialect", "kdb", "--config", "kdb.conf"]);
    assert_eq!(status, 3);
    let why =
        "tlsport: 'kdb.conf': the dialect 'kdb' has no file: the environment says what holds\n";
    assert!(said.contains(why), "{said}");
}

#[test]
fn settings_are_shown_as_kdb_shows_them_first() {
    let pki = Pki::new();
    let pair = Pair::new(&pki);
    let variables = [
        ("KX_SSL_CERT_FILE", pair.certificate.as_str()),
        ("SSL_CERT_FILE", "/elsewhere"),
        ("SSL_KEY_FILE", &pair.key),
        ("SSL_CA_CERT_FILE", &pki.ca()),
        ("SSL_CA_CERT_PATH", "/certs/"),
        ("SSL_CIPHER_LIST", "ALL"),
        ("SSL_VERIFY_SERVER", "YES"),
    ];
    let flags = [
        "--dialect",
        "kdb",
        "-E",
        "1",
        "-p",
        "5000",
        "--backend",
        "service://echo",
    ];
    let (_, said) = run("show", &variables, &flags);
    let version = openssl::version::version();
    let dictionary = format!(
        "\
SSLEAY_VERSION   | {version}
SSL_CERT_FILE    | {}
SSL_CA_CERT_FILE | {}
SSL_CA_CERT_PATH | /certs/
SSL_KEY_FILE     | {}
SSL_CIPHER_LIST  | ALL
SSL_VERIFY_CLIENT| NO
SSL_VERIFY_SERVER| YES

",
        pair.certificate,
        pki.ca(),
        pair.key
    );
    assert!(said.starts_with(&dictionary), "{said}");
    for endpoint in [
        "kdb://0.0.0.0:5000",
        "kdb://[::]:5000",
        "kdb+unix+unixs://@/tmp/kx.5000",
    ] {
        assert!(said.contains(endpoint), "{said}");
    }
    let (_, said) = run("show", &variables, &[&flags[..], &["--json"]].concat());
    let (json, _) = said.split_once("\n}\n").unwrap();
    let json: Value = serde_json::from_str(&format!("{json}\n}}")).unwrap();
    assert_eq!(json["kdb"]["SSLEAY_VERSION"], version);
    assert_eq!(json["kdb"]["SSL_CIPHER_LIST"], "ALL");
    assert_eq!(json["kdb"].as_object().unwrap().len(), 8);
}

#[test]
fn a_variable_that_is_no_text_is_wrong_and_not_unset() {
    let mut tlsport = program(env!("CARGO_BIN_EXE_tlsport"));
    tlsport
        .args(["show", "--dialect", "kdb"])
        .env("KX_SSL_VERIFY_CLIENT", OsStr::from_bytes(b"YES\xff"));
    let output = tlsport.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("KX_SSL_VERIFY_CLIENT: 'YES\u{fffd}' is not one of NO,"),
        "{said}"
    );
}

#[test]
fn a_server_that_ends_without_a_close_notify_is_not_vouched_for() {
    let pki = Pki::new();
    for ends in [true, false] {
        let server = Identity::new(&pki.server()).serve(move |mut tls| {
            tls.write_all(b"as far as it got").unwrap();
            if ends {
                let _ = tls.shutdown();
            }
        });
        let front = front_of(&pki, "2", &server.tls())
            .env("KX_SSL_CA_CERT_FILE", pki.ca())
            .start();
        let mut client = Peer::new(&pki).connect(front.address());
        let (said, end) = read_all(&mut client);
        assert_eq!(said, b"as far as it got");
        assert_eq!(end == End::Clean, ends);
    }
}
