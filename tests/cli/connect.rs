//! `tlsport connect`: what it says of a connection, what it pipes, and how it ends.

use crate::servers::{Kdb, WebSockets};
use crate::support::tls_backend::Identity;
use crate::support::{PATIENCE, Pki};
use crate::{Done, finish, tlsport};
use openssl::ssl::SslVersion;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Connects with something typed, and waits for the end.
fn connect(pki: &Pki, arguments: &[&str], typed: &[u8]) -> Done {
    let mut child = Command::new("timeout")
        .arg(PATIENCE.as_secs().to_string())
        .args([
            env!("CARGO_BIN_EXE_tlsport"),
            "connect",
            "--ssl.cafile",
            &pki.ca(),
        ])
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn({
        let typed = typed.to_vec();
        move || stdin.write_all(&typed)
    });
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap(); // it may not have been read
    Done {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn what_is_known_of_a_connection_is_told() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).speaking("h2").echo();
    let done = connect(&pki, &[&server.tls(), "--show", "--ssl.alpn", "h2"], b"");
    assert_eq!(done.status, 0, "{}", done.err);
    assert_eq!(done.out, "");
    for text in [
        &format!("connected to 'localhost:{}'\n", server.port()),
        "certificate 0: CN=localhost\n  issued by CN=CA of the tests\n  valid from ",
        "\n  key EC256\n",
        "\nverification: ok\n",
        "\nnegotiated: TLSv1.3, TLS_AES_256_GCM_SHA384",
        ", ALPN h2\n",
    ] {
        assert!(done.err.contains(text), "{text}:\n{}", done.err);
    }
}

#[test]
fn what_is_typed_goes_there_and_what_comes_back_is_printed_until_both_have_ended() {
    let pki = Pki::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let server = Identity::new(&pki.server())
            .with(|builder| builder.set_max_proto_version(Some(version)).unwrap());
        let server = server.serve(|mut tls| {
            // Everything is said after the end was heard.
            let mut heard = Vec::new();
            tls.read_to_end(&mut heard).unwrap();
            tls.write_all(&heard).unwrap();
            let _ = tls.shutdown();
        });
        let large: String = (0..200_000).map(|n| format!("{n}\n")).collect();
        let done = connect(&pki, &[&server.tls(), "--quiet"], large.as_bytes());
        assert_eq!(done.err, "");
        assert!(done.fine() == large, "{version:?}");
    }
}

#[test]
fn why_a_server_is_not_accepted_is_told_with_what_helps() {
    let pki = Pki::new();
    for (keyfile, remedy) in [
        (pki.foreign_server(), "--ssl.cafile FILE"),
        (pki.expired_server(), "--kdb-accept-expired"),
        (
            pki.issue_server("other.pem", "other.example", crate::support::pki::Key::Rsa),
            "--server-name NAME",
        ),
    ] {
        let server = Identity::new(&keyfile).echo();
        let done = connect(&pki, &[&server.tls()], b"secret");
        assert_eq!(done.status, 1);
        assert!(done.err.starts_with("certificate 0: CN="), "{}", done.err);
        let last = done.err.lines().last().unwrap();
        assert!(
            last.starts_with("tlsport: cannot connect to 'localhost:"),
            "{last}"
        );
        assert!(last.contains(remedy), "{last}");
        assert_eq!(server.count(), 0, "it was told nothing");
    }
}

#[test]
fn a_certificate_that_has_expired_is_warned_of_where_it_is_accepted() {
    let pki = Pki::new();
    let server = Identity::new(&pki.expired_server()).echo();
    let options = [&server.tls(), "--quiet", "--kdb-accept-expired", "true"];
    let done = connect(&pki, &options, b"hello");
    let warning = format!(
        "WARN 'localhost:{}': accepted a certificate that has expired, as 'kdb-accept-expired' says: at depth 0: ",
        server.port()
    );
    assert!(done.err.contains(&warning), "{}", done.err);
    assert_eq!(done.fine(), "hello");
}

#[test]
fn a_server_that_is_not_verified_is_warned_of() {
    let pki = Pki::new();
    let server = Identity::new(&pki.foreign_server()).echo();
    let options = [&server.tls(), "--quiet", "--ssl.verify-server", "none"];
    let done = connect(&pki, &options, b"hello");
    assert!(
        done.err
            .contains("WARN --ssl.verify-server: the server's certificate is not looked at"),
        "{}",
        done.err
    );
    assert_eq!(done.fine(), "hello");
}

#[test]
fn what_is_for_one_kind_of_server_is_refused_for_others() {
    for (arguments, why) in [
        (
            ["--user-file", "user", "tls://localhost:1"],
            "--user-file: it is for 'tcps://'",
        ),
        (
            ["--capability", "3", "https://localhost:1"],
            "--capability: it is for 'tcps://'",
        ),
        (
            ["--request", "GET", "tcps://localhost:1"],
            "--request: it is for 'https://'",
        ),
    ] {
        let done = tlsport(&[&["connect"][..], &arguments].concat());
        assert_eq!(done.status, 2, "{}", done.err);
        assert!(done.err.contains(why), "{}", done.err);
    }
}

#[test]
fn kdb_is_told_who_is_there_from_a_file() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let file = pki.write("user", "me:it\n");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let url = server.url("");
    let done = connect(
        &pki,
        &[&url, "--user-file", &file, "--capability", "6"],
        b"1+1",
    );
    assert!(done.err.contains("\ncapability: 3\n"), "{}", done.err);
    assert!(!done.err.contains("WARN"), "{}", done.err);
    assert_eq!(done.fine(), "1+1");
    assert_eq!(server.hellos(), [b"me:it\x06"]);
}

#[test]
fn kdbs_variables_count_for_its_client_too() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let connect = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tlsport"));
        command
            .args([
                "connect",
                "--dialect",
                "kdb",
                "--show",
                "--log-level",
                "off",
            ])
            .arg(server.url(":me:it"))
            .envs(variables.iter().copied());
        finish(&mut command)
    };
    let ca = pki.ca();
    let known = connect(&[
        ("KX_SSL_CA_CERT_FILE", &ca),
        ("SSL_CA_CERT_FILE", "/nonexistent"),
    ]);
    assert!(known.err.contains("\nverification: ok\n"), "{}", known.err);
    let other = pki.other_ca();
    let unknown = connect(&[("SSL_CA_CERT_FILE", &other)]);
    assert_eq!(unknown.status, 1);
    let lines: Vec<&str> = unknown.err.lines().collect();
    let [.., why, dump, end] = lines[..] else {
        panic!("{}", unknown.err);
    };
    assert!(
        why.contains("unable to get local issuer certificate"),
        "{why}"
    );
    assert!(dump.contains(":error:0A000086:SSL routines:"), "{dump}");
    assert_eq!(end, "tlsport: 'conn. OS reports: Protocol not available");
    let missing = connect(&[("SSL_CA_CERT_FILE", "/nonexistent")]).refused(3);
    let (why, end) = missing.trim_end().split_once('\n').unwrap();
    assert!(
        why.contains("SSL_CA_CERT_FILE: cannot load CA certificates"),
        "{why}"
    );
    assert_eq!(end, "tlsport: 'conn. OS reports: Protocol not available");
    let careless = [
        ("SSL_CA_CERT_FILE", other.as_str()),
        ("SSL_VERIFY_SERVER", "NO"),
    ];
    assert_eq!(connect(&careless).status, 0);
}

#[test]
fn a_password_on_the_command_line_is_warned_of_and_never_shown() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let done = connect(&pki, &[&server.url(":me:secret")], b"");
    assert_eq!(done.status, 1);
    assert!(
        done.err.contains("WARN a password on a command line"),
        "{}",
        done.err
    );
    assert!(!done.err.contains("secret"), "{}", done.err);
}

#[test]
fn an_answer_of_http_is_printed() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).serve(|mut tls| {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let length = request.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        tls.write_all(head.as_bytes()).unwrap();
        tls.write_all(&request).unwrap();
    });
    let url = format!("https://localhost:{}/a?b", server.port());
    let got = connect(&pki, &[&url], b"");
    assert!(got.err.contains("< HTTP/1.1 200 OK\n"), "{}", got.err);
    let port = server.port();
    let wanted =
        format!("GET /a?b HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(got.fine(), wanted);
    let asked = [&url, "--quiet", "--request", r"POST / HTTP/1.0\r\n\r\n"];
    assert_eq!(connect(&pki, &asked, b"").fine(), "POST / HTTP/1.0\r\n\r\n");
}

#[test]
fn lines_are_messages_of_a_websocket_which_the_end_of_them_closes() {
    let pki = Pki::new();
    let Some(server) = WebSockets::start(&pki) else {
        return;
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_tlsport"))
        .args(["connect", "--quiet", "--ssl.cafile", &pki.ca(), &server.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || printed.next().unwrap().unwrap();
    assert_eq!(next(), "welcome");
    for line in ["hello", "pieces", &"x".repeat(100_000)] {
        writeln!(typed, "{line}").unwrap();
        assert!(next() == line, "{}", line.len());
    }
    drop(typed);
    assert!(child.wait().unwrap().success());
    assert!(printed.next().is_none());
}

#[test]
fn nothing_is_read_before_there_is_a_connection() {
    let pki = Pki::new();
    let closed = crate::support::backend::closed_port();
    let script = format!(
        "printf 'kept\\n' | {{ '{}' connect localhost:{closed}; cat; }}",
        env!("CARGO_BIN_EXE_tlsport")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.stdout, b"kept\n");
    drop(pki);
}

#[test]
fn a_limit_ends_it_with_status_1() {
    let pki = Pki::new();
    let silent = crate::support::Backend::mute();
    let url = silent.url.replace("tcp://", "tls://");
    let began = Instant::now();
    let done = connect(&pki, &[&url, "--timeout.handshake", "200ms"], b"");
    assert!(began.elapsed() < PATIENCE);
    let said = done.refused(1);
    let why = "timed out after 200ms, in the handshake\n";
    assert!(said.ends_with(why), "{said}");
    let as_q = ["--dialect", "kdb", "--log-level", "off"];
    let as_q = [&[&url[..], "--timeout.handshake", "200ms"], &as_q[..]].concat();
    let said = connect(&pki, &as_q, b"").refused(1);
    let end = format!("{why}tlsport: 'timeout\n");
    assert!(said.ends_with(&end), "{said}");
}

#[test]
fn an_interrupt_ends_it() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).echo();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tlsport"))
        .args(["connect", "--ssl.cafile", &pki.ca(), &server.tls()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.seen(1);
    crate::support::process::signal(child.id(), "INT");
    let ended = crate::support::eventually("its end", || child.try_wait().unwrap());
    assert!(!ended.success());
}

#[test]
fn what_cannot_be_meant_is_status_2_and_a_wrong_file_3() {
    let refused =
        |arguments: &[&str], status| tlsport(&[&["connect"], arguments].concat()).refused(status);
    assert!(refused(&["tcp://a:1"], 2).contains("this client is for TLS alone"));
    assert!(refused(&["a:1", "--request", "x"], 2).contains("--request: "));
    assert!(refused(&["a:1", "--server.endpoint", "x"], 2).contains("--server.endpoint"));
    assert!(refused(&["a:1", "--capability", "7"], 2).contains("7"));
    assert!(refused(&["a:1", "--server-name", "a b"], 2).contains("'a b'"));
    assert!(refused(&["a:1", "--ssl.cafile", "/nonexistent"], 3).contains("'/nonexistent'"));
}

#[test]
fn a_connection_does_without_a_stderr_that_takes_anything() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).echo();
    let full = || std::fs::File::create("/dev/full").unwrap();
    for (url, status) in [(server.tls().as_str(), 0), ("tls://localhost:0", 2)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tlsport"));
        command.args(["connect", url, "--show", "--ssl.cafile", &pki.ca()]);
        let ended = command.stderr(full()).status().unwrap();
        assert_eq!(ended.code(), Some(status), "{url}");
    }
}

#[test]
fn a_file_with_a_password_is_not_for_others_to_read_and_not_endless() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let file = pki.write("user", "me:it\n");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let done = connect(
        &pki,
        &[&server.url(""), "--user-file", &file, "--show"],
        b"",
    );
    assert!(
        done.err.contains("can be read by everybody here"),
        "{}",
        done.err
    );
    assert_eq!(done.status, 0);
    let endless = ["tcps://localhost:1", "--user-file", "/dev/zero"];
    let endless = connect(&pki, &endless, b"");
    let why = "from '/dev/zero': it is too large\n";
    assert!(endless.err.ends_with(why), "{}", endless.err);
}
