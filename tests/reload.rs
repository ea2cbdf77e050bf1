//! Reloading: all of it or nothing, and nobody notices who is not meant to.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use support::backend::{Origin, closed_port};
use support::client::{Tls, handshake, open, read_all, round_trip};
use support::pki::Key;
use support::process::descriptors;
use support::{Backend, Daemon, End, Launch, Peer, Pki, eventually};

const CONFIG: &str = "tlsport.conf";

/// A daemon that serves an echo, configured by a file.
fn configured(pki: &Pki, text: &str) -> Daemon {
    let path = pki.write(CONFIG, text);
    let launch = Launch::new().config(&path, 1);
    launch.set("backend", "service://echo").start()
}

/// A file with these endpoints.
fn text(pki: &Pki, endpoints: &[&str]) -> String {
    let mut text = format!("[ssl]\nkeyfile = {}\n[server]\n", pki.server());
    for endpoint in endpoints {
        text.push_str(&format!("endpoint = {endpoint}\n"));
    }
    text
}

/// The subject of the certificate that a connection was shown.
fn shown(tls: &Tls) -> String {
    let certificate = tls.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap();
    String::from_utf8(name.data().as_slice().to_vec()).unwrap()
}

/// A client that asks for nothing but takes any name, so that it sees which certificate it gets.
fn anyone(pki: &Pki) -> Peer {
    Peer::with(pki, |builder| {
        builder.set_verify(openssl::ssl::SslVerifyMode::NONE)
    })
}

/// Reloads, and waits until that has failed.
#[track_caller]
fn fail_to_reload(daemon: &Daemon) -> usize {
    let mark = daemon.mark();
    daemon.signal("HUP");
    daemon.said_after(mark, "reload failed: the settings in use stay in use");
    mark
}

/// Clients that come and go until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<u32, String>>>,
}

impl Load {
    fn on(pki: &Pki, address: SocketAddr) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (peer, stop) = (Peer::new(pki), Arc::clone(&stop));
            thread::spawn(move || {
                let mut visits = 0;
                while !stop.load(Ordering::SeqCst) {
                    visit(&peer, address)?;
                    visits += 1;
                }
                Ok(visits)
            })
        };
        let clients = (0..2).map(client).collect();
        Load { stop, clients }
    }

    /// How many visits there were, all of them fine.
    fn end(self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        let visits = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap().unwrap());
        visits.sum()
    }
}

/// Comes, speaks, hears it back, goes in good order.
fn visit(peer: &Peer, address: SocketAddr) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut tls = peer.try_connect(address)?;
    tls.write_all(b"a visit").map_err(text)?;
    tls.shutdown().map_err(|error| error.to_string())?;
    match read_all(&mut tls) {
        (said, End::Clean) if said == b"a visit" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_nobody() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = Launch::tls(&pki).set("backend", &backend.url).start();
    let mut open = Peer::new(&pki).connect(daemon.address());
    let load = Load::on(&pki, daemon.address());
    for number in 0..100 {
        daemon.reload();
        round_trip(&mut open, format!("through reload {number}").as_bytes());
    }
    let visits = load.end();
    assert!(visits > 20, "only {visits} visits: that was no load");
}

#[test]
fn new_connections_get_the_new_certificate_and_open_ones_go_on() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki).set("backend", "service://echo").start();
    let client = anyone(&pki);
    let mut before = client.connect(daemon.address());
    pki.issue_server("server.pem", "new.example.org", Key::Ecdsa);
    assert_eq!(shown(&client.connect(daemon.address())), "localhost");
    daemon.reload();
    for _ in 0..10 {
        assert_eq!(shown(&client.connect(daemon.address())), "new.example.org");
    }
    round_trip(&mut before, b"the old one goes on");
    assert_eq!(shown(&before), "localhost");
}

#[test]
fn whoever_was_accepted_before_is_served_on_the_old_terms() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki).set("backend", "service://echo").start();
    let client = anyone(&pki);
    let before = descriptors(daemon.pid());
    let early = open(daemon.address()).unwrap();
    eventually("the accept", || {
        (descriptors(daemon.pid()) > before).then_some(())
    });
    pki.issue_server("server.pem", "new.example.org", Key::Ecdsa);
    daemon.reload();
    let mut tls = handshake(client.ssl(), early).unwrap();
    assert_eq!(shown(&tls), "localhost");
    round_trip(&mut tls, b"as it began");
}

#[test]
fn a_broken_key_changes_nothing_and_is_named() {
    let pki = Pki::new();
    let daemon = Launch::tls(&pki).set("backend", "service://echo").start();
    let client = Peer::new(&pki);
    let mut before = client.connect(daemon.address());
    let keyfile = pki.server();
    let good = fs::read(&keyfile).unwrap();
    for broken in [&b"broken"[..], &good[..good.len() / 2]] {
        pki.write("server.pem", broken);
        let mark = fail_to_reload(&daemon);
        let line = daemon.said_after(mark, &keyfile);
        assert!(line.contains("ERROR"), "{line}");
        round_trip(&mut client.connect(daemon.address()), b"the old key serves");
    }
    fs::remove_file(&keyfile).unwrap();
    let mark = fail_to_reload(&daemon);
    daemon.said_after(mark, &format!("unable to find SSL keyfile '{keyfile}'"));
    round_trip(&mut before, b"the old connection goes on");
    round_trip(&mut client.connect(daemon.address()), b"the old key serves");

    pki.write("server.pem", &good);
    daemon.reload();
    round_trip(&mut client.connect(daemon.address()), b"mended");
}

#[test]
fn endpoints_come_and_go() {
    let pki = Pki::new();
    let unix = pki.path("front.sock");
    // The port of this one is chosen by the system, and stays through all reloads.
    let first = "ssl://127.0.0.1:0";
    let second = format!("unix://{unix}");
    let daemon = configured(&pki, &text(&pki, &[first]));
    let client = Peer::new(&pki);
    let mut open = client.connect(daemon.address());

    pki.write(CONFIG, text(&pki, &[&second, first]));
    daemon.reload();
    let mut inside = UnixStream::connect(&unix).unwrap();
    round_trip(&mut inside, b"a new endpoint");
    round_trip(&mut client.connect(daemon.address()), b"and the old one");

    pki.write(CONFIG, text(&pki, &[first]));
    daemon.reload();
    eventually("the end of an endpoint", || {
        UnixStream::connect(&unix).err()
    });
    assert!(
        !fs::exists(&unix).unwrap(),
        "the socket's file is still there"
    );
    round_trip(&mut inside, b"whoever is in stays in");
    round_trip(&mut open, b"whoever is in stays in");
    round_trip(
        &mut client.connect(daemon.address()),
        b"the first is still there",
    );
}

#[test]
fn an_endpoint_that_moves_is_taken_up_and_left() {
    let pki = Pki::new();
    let daemon = configured(&pki, &text(&pki, &["ssl://127.0.0.1:0"]));
    let old = daemon.address();
    let new = SocketAddr::from(([127, 0, 0, 1], closed_port()));
    pki.write(CONFIG, text(&pki, &[&format!("ssl://{new}")]));
    daemon.reload();
    round_trip(&mut Peer::new(&pki).connect(new), b"moved");
    eventually("the old port's end", || open(old).err());
}

/// One thing cannot be had, so nothing is taken: neither the new certificate nor the other new endpoint.
#[test]
fn a_reload_is_all_or_nothing() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", taken.local_addr().unwrap());
    let unix = pki.path("never.sock");
    let first = "ssl://127.0.0.1:0";
    let daemon = configured(&pki, &text(&pki, &[first]));
    pki.issue_server("server.pem", "new.example.org", Key::Ecdsa);
    pki.write(
        CONFIG,
        text(&pki, &[first, &format!("unix://{unix}"), &taken]),
    );
    let mark = fail_to_reload(&daemon);
    daemon.said_after(mark, &format!("failed to bind to endpoint 'http+{taken}'"));
    assert_eq!(shown(&anyone(&pki).connect(daemon.address())), "localhost");
    assert!(
        !fs::exists(&unix).unwrap(),
        "the other endpoint was taken up"
    );
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_every_error_is_logged() {
    let pki = Pki::new();
    let daemon = configured(&pki, &text(&pki, &["ssl://127.0.0.1:0"]));
    let wrong = text(&pki, &["ssl://127.0.0.1:0"]) + "[ssl]\nprotocol = 7\nno-such = thing\n";
    let path = pki.write(CONFIG, wrong);
    let mark = fail_to_reload(&daemon);
    daemon.said_after(mark, &format!("ERROR {path}:6"));
    daemon.said_after(mark, &format!("ERROR {path}:7"));
    round_trip(&mut Peer::new(&pki).connect(daemon.address()), b"as before");
}

#[test]
fn another_backend_gets_the_next_connections() {
    let pki = Pki::new();
    let (one, other) = (speaking("one"), speaking("two"));
    let text = |backend: &Backend| {
        format!("backend = {}\n", backend.url) + &text(&pki, &["ssl://127.0.0.1:0"])
    };
    let path = pki.write(CONFIG, text(&one));
    let daemon = Launch::new().config(&path, 1).start();
    let client = Peer::new(&pki);
    let heard = || read_all(&mut client.connect(daemon.address())).0;
    assert_eq!(heard(), b"one");
    pki.write(CONFIG, text(&other));
    daemon.reload();
    assert_eq!(heard(), b"two");
}

fn speaking(word: &'static str) -> Backend {
    Backend::new(move |mut stream| {
        stream.write_all(word.as_bytes()).unwrap();
        stream.shut_write();
        let _ = stream.read(&mut [0]);
    })
}
