//! TLS to the server as well, which is asked for as MySQL's clients do.

use crate::client::{answer, ask, cipher, mariadb_at};
use crate::front::{encrypting, greeted, greeted_in_tls, plain};
use crate::refusals::UNREACHABLE;
use crate::server::Server;
use crate::support::pki::Key;
use crate::support::{Launch, Peer, Pki};
use crate::wire::{self, hear_ok, hear_value, packet, query, response, response_in_tls, value};
use std::io::Write;

/// How the server is reached, with its certificate checked.
fn before(launch: Launch, server: &Server, pki: &Pki) -> Launch {
    launch
        .set("backend", server.tls_url())
        .set("backend.cafile", pki.ca())
}

const CIPHER: &str = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'";

#[test]
fn every_user_comes_in_encrypted_on_either_hop_or_on_both() {
    let pki = Pki::new();
    let server = Server::with_tls(&pki, &pki.server());
    let both = before(encrypting(&pki), &server, &pki).start();
    let inner = before(plain(), &server, &pki).start();
    for user in ["native", "nopassword", "ed25519", "either", "encrypted"] {
        for (front, way, encrypts) in [
            (&both, "--ssl", true),
            (&both, "--skip-ssl", false),
            (&inner, "--skip-ssl", false),
        ] {
            let client = || {
                let mut client = mariadb_at(front.address(), user);
                client.arg(way);
                client
            };
            assert_eq!(cipher(&mut client()).is_some(), encrypts, "{user} {way}");
            let behind = answer(&mut client(), CIPHER);
            assert!(behind.starts_with("TLS_"), "{user} {way}: '{behind}'");
            let said = ask(client().arg("--password=wrong"), "SELECT 1");
            assert!(
                said.err.starts_with("ERROR 1045 (28000): Access denied"),
                "{user} {way}: {said:?}"
            );
        }
    }
}

#[test]
fn packets_are_counted_as_each_side_counts_them() {
    let pki = Pki::new();
    let server = Server::with_tls(&pki, &pki.server());
    let front = before(encrypting(&pki), &server, &pki).start();
    let (mut stream, greeting) = greeted(front.address());
    wire::say(&mut stream, 1, &response(&greeting));
    hear_ok(&mut stream, 2);
    assert!(value(&mut stream, CIPHER).starts_with("TLS_"));
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&pki), front.address());
    let all = [
        packet(2, &response_in_tls(&greeting)),
        query("SELECT 'at once'"),
    ];
    tls.write_all(&all.concat()).unwrap();
    hear_ok(&mut tls, 3);
    assert_eq!(hear_value(&mut tls), "at once");
    let (mut stream, greeting) = greeted(front.address());
    let all = [
        packet(1, &response(&greeting)),
        query("SELECT 'in the clear'"),
    ];
    stream.write_all(&all.concat()).unwrap();
    hear_ok(&mut stream, 2);
    assert_eq!(hear_value(&mut stream), "in the clear");
}

#[test]
fn the_servers_certificate_is_checked_as_it_is_said() {
    let pki = Pki::new();
    let elsewhere = pki.issue_server("elsewhere.pem", "elsewhere.example", Key::Ecdsa);
    let (right, wrong) = (
        Server::with_tls(&pki, &pki.server()),
        Server::with_tls(&pki, &elsewhere),
    );
    for (server, mode, ca, comes_in) in [
        (&right, "verify-full", pki.ca(), true),
        (&right, "verify-full", pki.other_ca(), false),
        (&wrong, "verify-full", pki.ca(), false),
        (&wrong, "verify-ca", pki.ca(), true),
        (&wrong, "verify-ca", pki.other_ca(), false),
    ] {
        let front = encrypting(&pki)
            .set("backend", server.tls_url())
            .set("backend.sslmode", mode)
            .set("backend.cafile", &ca)
            .start();
        let said = ask(
            mariadb_at(front.address(), "native").arg("--ssl"),
            "SELECT 1",
        );
        assert_eq!(said.succeeded, comes_in, "{mode} {ca}: {said:?}");
        if !comes_in {
            assert!(said.err.contains(UNREACHABLE), "{mode} {ca}: {said:?}");
            assert!(!said.err.contains("certificate"), "{mode} {ca}: {said:?}");
            front.said("the server's certificate: ");
        }
    }
    for mode in ["prefer", "require"] {
        let front = encrypting(&pki)
            .set("backend", wrong.tls_url())
            .set("backend.sslmode", mode)
            .start();
        let behind = answer(&mut mariadb_at(front.address(), "native"), CIPHER);
        assert!(behind.starts_with("TLS_"), "{mode}");
    }
}

#[test]
fn a_server_without_tls_is_taken_only_where_that_is_allowed() {
    let pki = Pki::new();
    let server = Server::on_port(&[]);
    for (mode, comes_in) in [("prefer", true), ("require", false), ("verify-full", false)] {
        let front = encrypting(&pki)
            .set("backend", server.tls_url())
            .set("backend.sslmode", mode)
            .start();
        for way in ["--ssl", "--skip-ssl"] {
            let mut client = mariadb_at(front.address(), "native");
            let said = ask(client.arg(way), "SELECT CURRENT_USER()");
            assert_eq!(said.succeeded, comes_in, "{mode} {way}: {said:?}");
            if !comes_in {
                assert!(said.err.contains(UNREACHABLE), "{mode} {way}: {said:?}");
            }
        }
    }
}

#[test]
fn the_front_shows_the_server_its_own_certificate() {
    let pki = Pki::new();
    let server = Server::with_tls(&pki, &pki.server());
    let bare = before(encrypting(&pki), &server, &pki).start();
    let showing = before(encrypting(&pki), &server, &pki)
        .set("backend.keyfile", pki.client())
        .start();
    let enter = |front: &crate::support::Daemon| {
        let mut client = mariadb_at(front.address(), "certified");
        ask(client.arg("--ssl"), "SELECT CURRENT_USER()")
    };
    assert_eq!(enter(&showing).out, "certified@%\n");
    let said = enter(&bare);
    assert!(said.err.starts_with("ERROR 1045 (28000): "), "{said:?}");
}

/// What MySQL says itself of a server that insists on TLS.
#[test]
fn a_server_that_requires_tls_says_so_to_a_front_without() {
    let pki = Pki::new();
    let server = Server::on_port(&[
        "--require-secure-transport=ON",
        "--ssl",
        &format!("--ssl-cert={}", pki.server()),
        &format!("--ssl-key={}", pki.server()),
    ]);
    let front = encrypting(&pki).set("backend", server.tcp_url()).start();
    let said = ask(
        mariadb_at(front.address(), "native").arg("--ssl"),
        "SELECT 1",
    );
    assert!(
        said.err.contains("ERROR 3159") || said.err.contains("ERROR 1045"),
        "{said:?}"
    );
    let front = before(encrypting(&pki), &server, &pki).start();
    assert_eq!(
        answer(&mut mariadb_at(front.address(), "native"), "SELECT 1"),
        "1"
    );
}
