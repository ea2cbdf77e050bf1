//! What has to be so before anything is served, what is said when it is not, and where the daemon then listens.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use support::backend::closed_port;
use support::client::{open, round_trip};
use support::pki::Key;
use support::{Launch, Peer, Pki};

/// An echo on these endpoints.
fn echo(pki: &Pki, endpoints: &[&str]) -> Launch {
    let launch = Launch::new()
        .set("backend", "service://echo")
        .set("ssl.keyfile", pki.server());
    endpoints
        .iter()
        .fold(launch, |launch, url| launch.endpoint(url))
}

/// The lines of a refusal without the program's name.
fn problems(log: &str) -> Vec<&str> {
    log.lines()
        .filter_map(|line| line.strip_prefix("tlsport: "))
        .collect()
}

/// What is said of one keyfile.
#[track_caller]
fn refused_keyfile(path: &str) -> String {
    let log = Launch::new()
        .set("backend", "service://echo")
        .endpoint("ssl://127.0.0.1:0")
        .set("ssl.keyfile", path)
        .refused(3);
    let problems = problems(&log);
    assert_eq!(problems.len(), 1, "{log}");
    problems[0].to_owned()
}

#[test]
fn a_port_in_use_is_said_in_arangodbs_words() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let log = echo(&pki, &[&format!("ssl://{address}")]).refused(1);
    let expected = format!(
        "failed to bind to endpoint 'http+ssl://{address}'. Please check whether another instance is already running \
         using this endpoint and review your endpoints configuration.: address already in use"
    );
    assert_eq!(problems(&log), [expected]);
}

#[test]
fn two_daemons_do_not_share_a_port() {
    let pki = Pki::new();
    let first = echo(&pki, &["ssl://127.0.0.1:0"]).start();
    let endpoint = format!("ssl://{}", first.address());
    let log = echo(&pki, &[&endpoint]).refused(1);
    assert!(log.contains("failed to bind to endpoint"), "{log}");
    // And the first one goes on.
    round_trip(&mut Peer::new(&pki).connect(first.address()), b"still here");
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let pki = Pki::new();
    let log = echo(&pki, &["ssl://192.0.2.1:0"]).refused(1);
    assert!(
        log.contains("failed to bind to endpoint 'http+ssl://192.0.2.1:0'"),
        "{log}"
    );
    assert!(log.contains("cannot assign requested address"), "{log}");
}

#[test]
fn a_host_name_that_nobody_knows_is_refused() {
    let pki = Pki::new();
    let log = echo(&pki, &["ssl://no-such-host.invalid:0"]).refused(1);
    assert!(log.contains("'http+ssl://no-such-host.invalid:0'"), "{log}");
}

#[test]
fn a_congestion_control_that_the_system_lacks_is_refused() {
    let pki = Pki::new();
    let log = echo(&pki, &["ssl://127.0.0.1:0"])
        .set("tcp.congestion", "horse")
        .refused(1);
    assert!(
        log.contains("--tcp.congestion: 'horse' is not one of "),
        "{log}"
    );
    assert!(!log.contains("failed to bind"), "{log}");
}

#[test]
fn ipv4_and_ipv6_live_side_by_side_on_one_port() {
    let pki = Pki::new();
    let port = closed_port();
    let (four, six) = (
        format!("ssl://0.0.0.0:{port}"),
        format!("ssl://[::]:{port}"),
    );
    for endpoints in [[&four, &six], [&six, &four]] {
        let daemon = echo(&pki, &[endpoints[0], endpoints[1]]).start();
        for address in [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ] {
            round_trip(&mut Peer::new(&pki).connect(address), b"here too");
        }
        daemon.said(&format!(
            "using endpoint 'http+ssl://0.0.0.0:{port}' for ssl-encrypted"
        ));
        daemon.said(&format!(
            "using endpoint 'http+ssl://[::]:{port}' for ssl-encrypted"
        ));
    }
}

#[test]
fn an_ipv6_endpoint_serves_no_ipv4() {
    let pki = Pki::new();
    let daemon = echo(&pki, &["ssl://[::]:0"]).start();
    let port = daemon.address().port();
    round_trip(
        &mut Peer::new(&pki).connect((Ipv6Addr::LOCALHOST, port).into()),
        b"six",
    );
    let refused = open((Ipv4Addr::LOCALHOST, port).into()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn localhost_is_a_host_name_for_endpoints_and_backends() {
    let pki = Pki::new();
    let backend = support::Backend::echo();
    let port = backend.url.rsplit(':').next().unwrap();
    let daemon = Launch::new()
        .endpoint("ssl://LocalHost:0")
        .endpoint("tcp://localhost:0")
        .set("ssl.keyfile", pki.server())
        .set("backend", format!("tcp://localhost:{port}"))
        .start();
    let addresses = daemon.addresses(2);
    assert!(
        addresses
            .iter()
            .all(|address| address.ip() == Ipv4Addr::LOCALHOST)
    );
    round_trip(&mut Peer::new(&pki).connect(addresses[0]), b"by name");
    round_trip(&mut open(addresses[1]).unwrap(), b"by name");
}

#[test]
fn one_endpoint_given_twice_is_one() {
    let pki = Pki::new();
    let endpoint = format!("ssl://127.0.0.1:{}", closed_port());
    let daemon = echo(&pki, &[&endpoint])
        .set("server.endpoint", &endpoint)
        .start();
    round_trip(&mut Peer::new(&pki).connect(daemon.address()), b"once");
    assert_eq!(daemon.log().matches("using endpoint").count(), 1);
}

#[test]
fn a_unix_socket_appears_is_replaced_when_stale_and_is_taken_away() {
    let pki = Pki::new();
    let path = pki.path("front.sock");
    drop(UnixListener::bind(&path).unwrap()); // whoever made it is gone, its file is not
    let mut daemon = echo(&pki, &[&format!("unix://{path}")]).start();
    round_trip(&mut UnixStream::connect(&path).unwrap(), b"hello");
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    assert!(
        !Path::new(&path).exists(),
        "the socket's file is still there"
    );
}

#[test]
fn a_unix_socket_that_somebody_listens_on_and_a_file_are_left_alone() {
    let pki = Pki::new();
    let live = pki.path("live.sock");
    let _listener = UnixListener::bind(&live).unwrap();
    let file = pki.write("precious.txt", "precious");
    for (path, why) in [
        (live, "address already in use"),
        (file.clone(), "a file that is no socket is there"),
        (pki.path("nowhere/front.sock"), "no such file or directory"),
    ] {
        let log = echo(&pki, &[&format!("unix://{path}")]).refused(1);
        let [problem] = problems(&log)[..] else {
            panic!("not one problem: {log}");
        };
        assert!(
            problem.starts_with(&format!("failed to bind to endpoint 'http+unix://{path}'.")),
            "{problem}"
        );
        assert!(problem.ends_with(why), "{problem}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn a_tls_endpoint_needs_a_keyfile() {
    let log = Launch::new()
        .set("backend", "service://echo")
        .endpoint("ssl://127.0.0.1:0")
        .refused(3);
    assert!(
        log.contains("no value specified for '--ssl.keyfile'"),
        "{log}"
    );
}

#[test]
fn a_keyfile_that_is_not_there_is_said_in_arangodbs_words() {
    let pki = Pki::new();
    let path = pki.path("missing.pem");
    let said = refused_keyfile(&path);
    assert!(
        said.contains(&format!("unable to find SSL keyfile '{path}'")),
        "{said}"
    );
}

#[test]
fn each_fault_of_a_keyfile_is_told_from_the_others() {
    let pki = Pki::new();
    let whole = fs::read_to_string(pki.server()).unwrap();
    let key = whole.find("-----BEGIN PRIVATE KEY").unwrap();
    let (chain, key) = whole.split_at(key);
    let other = fs::read_to_string(pki.issue_server("other.pem", "localhost", Key::Ecdsa)).unwrap();
    let foreign = &other[other.find("-----BEGIN PRIVATE KEY").unwrap()..];
    let certificate = "cannot read certificate from 'FILE': error:";
    let private = "cannot read key from 'FILE': error:"; // and the rest changes with libssl's version
    let no_certificate = "no start line (there is no certificate in it)";
    let apart = "private key in 'FILE' does not belong to its certificate";
    for (file, text, begin, end) in [
        ("text.pem", "no PEM at all", certificate, no_certificate),
        ("empty.pem", "", certificate, no_certificate),
        ("key-only.pem", key, certificate, no_certificate),
        ("cut.pem", &chain[..chain.len() / 2], certificate, ""),
        (
            "chain-only.pem",
            chain,
            private,
            "(there is no private key in it)",
        ),
        ("foreign.pem", &format!("{chain}{foreign}"), apart, ""),
    ] {
        let path = pki.write(file, text);
        let said = refused_keyfile(&path);
        let begin = format!("--ssl.keyfile: {}", begin.replace("FILE", &path));
        let right = said.starts_with(&begin) && said.ends_with(end);
        assert!(right, "{file}: {said}");
    }
}

#[test]
fn a_key_that_is_too_weak_for_the_level_is_refused_and_taken_below_it() {
    let pki = Pki::new();
    let path = pki.issue_server("weak.pem", "localhost", Key::Rsa1024);
    let at_level = |level| {
        Launch::new()
            .set("backend", "service://echo")
            .endpoint("ssl://127.0.0.1:0")
            .set("ssl.keyfile", &path)
            .set("ssl.security-level", level)
    };
    let said = at_level("2").refused(3);
    assert!(
        said.contains(&path) && said.contains("ee key too small"),
        "{said}"
    );

    let daemon = at_level("0").start();
    let lax = Peer::with(&pki, |builder| builder.set_security_level(0));
    round_trip(&mut lax.connect(daemon.address()), b"weak but willing");
}

/// Root may read everything, so this asks for what nobody may read: a directory.
#[test]
fn a_keyfile_that_cannot_be_read_is_refused() {
    let pki = Pki::new();
    let path = pki.directory().to_str().unwrap().to_owned();
    let said = refused_keyfile(&path);
    assert!(
        said.contains(&path) && said.contains("is a directory"),
        "{said}"
    );

    let path = pki.write("locked.pem", fs::read(pki.server()).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_err() {
        let said = refused_keyfile(&path);
        assert!(
            said.contains(&path) && said.contains("permission denied"),
            "{said}"
        );
    }
}

#[test]
fn an_expired_certificate_is_served_with_a_warning() {
    let pki = Pki::new();
    let daemon = Launch::new()
        .set("backend", "service://echo")
        .endpoint("ssl://127.0.0.1:0")
        .set("ssl.keyfile", pki.expired_server())
        .start();
    let line = daemon.said("expired");
    assert!(
        line.contains("WARN") && line.contains("expired-server.pem"),
        "{line}"
    );
    assert!(Peer::new(&pki).try_connect(daemon.address()).is_err());
    daemon.said("alert certificate expired"); // the client's words
}

#[test]
fn faults_of_ca_files_and_ciphers_are_said_in_arangodbs_words() {
    let pki = Pki::new();
    let nonsense = pki.write("nonsense.pem", "nonsense");
    for (name, value, begin) in [
        (
            "ssl.cafile",
            nonsense.as_str(),
            "cannot load CA certificates from",
        ),
        (
            "ssl.cafile",
            "/nowhere/ca.pem",
            "cannot load CA certificates from",
        ),
        (
            "ssl.cipher-list",
            "NO-SUCH-CIPHER",
            "cannot set SSL cipher list",
        ),
        ("ssl.groups", "no-such-curve", "Unknown curve name:"),
    ] {
        let log = echo(&pki, &["ssl://127.0.0.1:0"])
            .set(name, value)
            .refused(3);
        let [problem] = problems(&log)[..] else {
            panic!("not one problem: {log}");
        };
        assert!(problem.contains(&format!("--{name}: ")), "{problem}");
        assert!(
            problem.contains(begin) && problem.contains(value),
            "{problem}"
        );
    }
}

#[test]
fn a_file_with_five_errors_gets_five_reports_each_with_its_line() {
    let pki = Pki::new();
    let path = pki.write(
        "broken.conf",
        "[server]\n\
         endpoint = ssl://127.0.0.1:0\n\
         endpoint = gopher://127.0.0.1:70\n\
         [ssl]\n\
         keyfile = /nowhere/server.pem\n\
         protocol = 7\n\
         session-cache = perhaps\n\
         cipher-lits = ALL\n",
    );
    let log = Launch::new()
        .set("backend", "service://echo")
        .set("config", &path)
        .refused(3);
    let problems = problems(&log);
    assert_eq!(problems.len(), 5, "{log}");
    for (line, why) in [
        (3, "gopher://127.0.0.1:70"),
        (5, "unable to find SSL keyfile '/nowhere/server.pem'"),
        (6, "'7'"),
        (7, "'perhaps'"),
        (8, "cipher-list"),
    ] {
        let begin = format!("{path}:{line}");
        let mut found = problems.iter().filter(|text| text.starts_with(&begin));
        let problem = found
            .next()
            .unwrap_or_else(|| panic!("{begin} is not there: {log}"));
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn plain_http_on_a_tls_endpoint_is_no_error_of_ours() {
    let pki = Pki::new();
    let daemon = echo(&pki, &["ssl://127.0.0.1:0"]).start();
    let mut stream = open(daemon.address()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let line = daemon.said("handshake: ");
    assert!(
        line.contains("INFO") && line.contains("http request"),
        "{line}"
    );
}

#[test]
fn the_log_at_start_has_arangodbs_lines_about_tls() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki)
        .set("backend", "service://echo")
        .set("ssl.cafile", pki.ca())
        .set("ssl.options", "0x400010")
        .set("ssl.session-cache", "true")
        .set("log-level", "trace")
        .start();
    daemon.said("DEBUG using SSL protocol version 'TLSv12'");
    daemon.said("TRACE using SSL session caching");
    daemon.said("INFO using SSL options: SSL_OP_TLSEXT_PADDING, SSL_OP_CIPHER_SERVER_PREFERENCE");
    daemon.said("INFO using SSL cipher-list 'HIGH:!EXPORT:!aNULL@STRENGTH'");
    daemon.said("TRACE trying to load CA certificates from '");
    daemon.said("TRACE name: ");
}
