//! However TCP cuts what a client says, and whatever TLS does in the middle of it, the same bytes come out.

#![allow(clippy::unwrap_used)]

mod support;

use openssl::ssl::{SslContextBuilder, SslVersion};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use support::backend::{hear_pattern, say_pattern};
use support::client::{drain, handshake, open, read_all};
use support::openssl_program::s_client;
use support::pattern::{self, Check};
use support::{Backend, End, Launch, PATIENCE, Peer, Pki, eventually};

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn in_front_of(backend: &Backend, pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", &backend.url)
        .set("ssl.protocol", "9")
}

fn only(version: SslVersion) -> impl FnOnce(&mut SslContextBuilder) {
    move |builder| {
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
    }
}

/// Sends everything that was written since the last read as one segment.
struct Corked {
    stream: TcpStream,
    written: Vec<u8>,
}

impl Read for Corked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.write_all(&self.written)?;
        self.written.clear();
        self.stream.read(buf)
    }
}

impl Write for Corked {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends every byte in a segment of its own.
struct Chopped(TcpStream);

impl Read for Chopped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Chopped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        buf.iter().try_for_each(|byte| self.0.write_all(&[*byte]))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end of the handshake, a question and the close-notify arrive together: nothing more will be announced.
#[test]
fn finished_question_and_end_in_one_segment_are_all_heard() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki).start();
    for version in VERSIONS {
        for length in [1, 1000, 100_003] {
            let client = Peer::with(&pki, only(version));
            let stream = Corked {
                stream: open(daemon.address()).unwrap(),
                written: Vec::new(),
            };
            let mut tls = handshake(client.ssl(), stream).unwrap();
            tls.write_all(&pattern::bytes(length)).unwrap();
            tls.shutdown().unwrap();
            let (back, end) = read_all(&mut tls);
            assert!(back == pattern::bytes(length), "{version:?} {length}");
            assert_eq!(end, End::Clean, "{version:?} {length}");
        }
    }
}

#[test]
fn a_client_that_sends_every_byte_by_itself_is_served() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki).start();
    for version in VERSIONS {
        let client = Peer::with(&pki, only(version));
        let stream = Chopped(open(daemon.address()).unwrap());
        let mut tls = handshake(client.ssl(), stream).unwrap();
        tls.write_all(&pattern::bytes(20_011)).unwrap();
        tls.shutdown().unwrap();
        let (back, end) = read_all(&mut tls);
        assert!(back == pattern::bytes(20_011), "{version:?}");
        assert_eq!(end, End::Clean, "{version:?}");
    }
}

/// TLS 1.0 with its ciphers in blocks; without SSL_OP_ALL each record is preceded by an empty one.
#[test]
fn the_oldest_tls_carries_bytes_with_and_without_empty_fragments() {
    const LENGTH: u64 = 5_000_011;
    let pki = Pki::new();
    let backend = Backend::new(|mut stream| {
        assert_eq!(hear_pattern(&mut stream).unwrap(), LENGTH);
        say_pattern(&mut stream, LENGTH);
    });
    for mask in ["0", "SSL_OP_ALL"] {
        let daemon = Launch::tls(&pki)
            .set("backend", &backend.url)
            .set("ssl.protocol", "4")
            .set(
                "ssl.cipher-list",
                "AES256-SHA:ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0",
            )
            .set("ssl.options", mask)
            .start();
        let client = Peer::with(&pki, |builder| {
            builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
            builder
                .set_min_proto_version(Some(SslVersion::TLS1))
                .unwrap();
        });
        let mut tls = client.connect(daemon.address());
        assert_eq!(tls.ssl().version2(), Some(SslVersion::TLS1));
        say_pattern(&mut tls, LENGTH);
        tls.shutdown().unwrap();
        let mut check = Check::default();
        let end = drain(&mut tls, |bytes| check.take(bytes));
        assert_eq!((check.position, end), (LENGTH, End::Clean), "{mask}");
    }
}

/// `K` and `k` on a line of their own make s_client update keys, with and without the other side.
#[test]
fn keys_are_updated_in_the_middle_of_a_conversation() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki).start();
    let mut client = talk(daemon.address(), &["-tls1_3"]);
    for (line, answer) in [
        ("before", "before"),
        ("K\nbetween", "between"),
        ("k\nafter", "after"),
    ] {
        client.say(line);
        client.hear(answer);
    }
}

/// `R` on a line of its own makes s_client ask for a renegotiation. OpenSSL 3 grants none unless the mask says so,
/// 1.1.1 grants all unless the mask says not to.
#[test]
fn a_renegotiation_is_granted_only_by_the_mask() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let (without, with) = if cfg!(openssl3) {
        ("SSL_OP_ALL", "SSL_OP_ALLOW_CLIENT_RENEGOTIATION")
    } else {
        ("SSL_OP_NO_RENEGOTIATION", "SSL_OP_ALL")
    };
    for (mask, granted) in [(without, false), (with, true)] {
        let daemon = in_front_of(&backend, &pki).set("ssl.options", mask).start();
        let mut client = talk(daemon.address(), &["-tls1_2"]);
        client.say("before");
        client.hear("before");
        client.say("R");
        if granted {
            client.say("after");
            client.hear("after");
        } else {
            client.wait();
        }
    }
}

/// A client of the openssl program that is spoken with line by line.
struct Talk {
    process: Child,
    lines: Receiver<String>,
}

fn talk(address: SocketAddr, arguments: &[&str]) -> Talk {
    let mut process = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string()])
        .args(arguments)
        .env("OPENSSL_CONF", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, lines) = mpsc::channel();
    let out = BufReader::new(process.stdout.take().unwrap());
    thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    Talk { process, lines }
}

impl Talk {
    fn say(&mut self, text: &str) {
        // It reads a command only where one begins what it reads at once.
        for line in text.split_inclusive('\n') {
            let line = format!("{}\n", line.trim_end());
            let stdin = self.process.stdin.as_mut().unwrap();
            stdin.write_all(line.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(100));
        }
    }

    #[track_caller]
    fn hear(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line == text => return,
                Ok(_) => {}
                Err(_) => panic!("it did not say '{text}'"),
            }
        }
    }

    fn wait(&mut self) {
        eventually("the end of s_client", || self.process.try_wait().unwrap());
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Not TLS at all, or hardly: each is told apart in the log, and none of them keeps anything open.
#[test]
fn what_is_no_handshake_is_named() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki).start();
    for (said, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "http request"),
        // An "https proxy request" up to 3.1; then its letters are first of all too great a length.
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", "handshake: "),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "handshake: "),
        (&[0; 100], "handshake: "),
        (&[22, 3, 1, 255, 255, 1], "handshake: "),
    ] {
        let mark = daemon.mark();
        let mut stream = open(daemon.address()).unwrap();
        stream.write_all(said).unwrap();
        let line = daemon.said_after(mark, reason);
        assert!(line.contains("INFO 127.0.0.1:"), "{line}");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
    }
    assert!(s_client(daemon.address(), &[], "").succeeded, "it goes on");
}
