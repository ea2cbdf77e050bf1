//! What clients hear where the server behind cannot have them.

use crate::client::{ask, mariadb_at};
use crate::front::{Scene, encrypting, greeted};
use crate::server::Server;
use crate::support::backend::closed_port;
use crate::support::{Daemon, Pki, eventually};
use crate::wire::{hear, refusal};
use std::io::Read;
use std::os::unix::net::UnixStream;

/// Clients that want TLS say besides that they cannot know who says so, each in its own words.
pub(crate) const UNREACHABLE: &str = "no MySQL server answers here";

/// Fails unless clients hear that there is no server, and not which.
#[track_caller]
fn assert_unreachable(front: &Daemon, secret: &str) {
    for way in ["--ssl", "--skip-ssl"] {
        let said = ask(mariadb_at(front.address(), "native").arg(way), "SELECT 1");
        assert!(said.err.contains(UNREACHABLE), "{way}: {said:?}");
        assert!(!said.err.contains(secret), "{way}: {said:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_mysqls_and_a_line_in_the_log() {
    let pki = Pki::new();
    let port = closed_port().to_string();
    for (backend, secret) in [
        (format!("tcp://127.0.0.1:{port}"), &*port),
        (format!("unix://{}", pki.path("nowhere.sock")), "nowhere"),
        (format!("mysql+tls://127.0.0.1:{port}"), &*port),
    ] {
        let front = encrypting(&pki).set("backend", &backend).start();
        assert_unreachable(&front, secret);
        front.said(secret);
    }
}

#[test]
fn a_server_that_has_been_away_serves_again() {
    let pki = Pki::new();
    let link = pki.path("mysqld.sock");
    let front = encrypting(&pki)
        .set("backend", format!("unix://{link}"))
        .start();
    assert_unreachable(&front, "mysqld.sock");
    let server = Server::start();
    std::os::unix::fs::symlink(server.socket(), &link).unwrap();
    let said = ask(
        mariadb_at(front.address(), "native").arg("--ssl"),
        "SELECT 1",
    );
    assert_eq!(said.out, "1\n", "{said:?}");
    drop(server);
    assert_unreachable(&front, "mysqld.sock");
}

/// First in place of an OK, as one seat is kept for the server's owner, and then in place of the greeting.
#[test]
fn a_server_that_is_full_says_so_itself() {
    const MOST: usize = 10;
    let pki = Pki::new();
    let server = Server::with(&[&format!("--max-connections={MOST}")]);
    let front = encrypting(&pki).set("backend", server.url()).start();
    let mut seats = Vec::new();
    for free in [1, 0] {
        while seats.len() < MOST + 1 - free {
            let mut seat = UnixStream::connect(server.socket()).unwrap();
            seat.read_exact(&mut [0; 5]).unwrap(); // it has one
            seats.push(seat);
        }
        for way in ["--ssl", "--skip-ssl"] {
            // A client that is gone has to be noticed first.
            eventually("a refusal in place of an OK or of the greeting", || {
                let said = ask(mariadb_at(front.address(), "native").arg(way), "SELECT 1");
                said.err.contains("Too many connections").then_some(())
            });
        }
    }
    let mut stream = crate::support::client::open(front.address()).unwrap();
    let heard = hear(&mut stream);
    assert_eq!((heard.sequence, refusal(&heard).code), (0, 1040));
}

#[test]
fn a_server_that_ends_takes_its_clients_with_it() {
    let scene = Scene::new();
    let (mut waiting, _) = greeted(scene.address());
    let Scene { front, server, .. } = scene;
    drop(server);
    let mut rest = Vec::new();
    let _ = waiting.read_to_end(&mut rest);
    assert_unreachable(&front, "mysqld.sock");
}
