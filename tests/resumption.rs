//! Resumption: by cache and by ticket, on any worker, in any process that shares the keys, and never under another
//! policy than the session was made under. The client is the openssl program.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use support::openssl_program::{Said, s_client};
use support::pki::Key;
use support::{Backend, Launch, Origin, Pki};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// A server that says a word and ends, so that a client has read its tickets by then.
fn speaking() -> Backend {
    Backend::new(|mut stream| {
        stream.write_all(b"hello").unwrap();
        stream.shut_write();
        let _ = stream.read(&mut [0]);
    })
}

fn in_front_of(backend: &Backend, pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", &backend.url)
        .set("ssl.protocol", "9")
}

/// A client with a place to keep one session in.
struct Guest<'a> {
    file: String,
    arguments: Vec<&'a str>,
}

impl<'a> Guest<'a> {
    fn new(pki: &Pki, arguments: &[&'a str]) -> Guest<'a> {
        Guest {
            file: pki.path("session.pem"),
            arguments: arguments.to_vec(),
        }
    }

    fn come(&self, address: SocketAddr, session: &[&str]) -> Said {
        let always: &[&str] = &["-ign_eof"];
        s_client(address, &[always, &self.arguments, session].concat(), "")
    }

    /// Makes a session, and keeps it if there is one to be kept.
    #[track_caller]
    fn first(&self, address: SocketAddr) {
        let _ = fs::remove_file(&self.file);
        let said = self.come(address, &["-sess_out", &self.file]);
        assert!(said.out.contains("\nNew, "), "{}{}", said.out, said.err);
    }

    /// Comes back with the session, and says whether it was resumed. Without a session, it cannot be.
    #[track_caller]
    fn is_resumed(&self, address: SocketAddr) -> bool {
        if !Path::new(&self.file).exists() {
            return false;
        }
        let said = self.come(address, &["-sess_in", &self.file]);
        let resumed = said.out.contains("\nReused, ");
        assert!(
            resumed || said.out.contains("\nNew, "),
            "{}{}",
            said.out,
            said.err
        );
        assert!(said.out.contains("hello"), "{}{}", said.out, said.err);
        resumed
    }
}

/// A line of a file of ticket keys.
fn ticket_key(first: u8) -> String {
    format!("{first:02x}").repeat(80) + "\n"
}

#[test]
fn cache_and_tickets_each_resume_on_any_worker_and_without_both_nothing_does() {
    let pki = Pki::new();
    let backend = speaking();
    for (cache, tickets, expected) in [
        ("false", "true", true), // as ArangoDB has it
        ("true", "false", true),
        ("true", "true", true),
        ("false", "false", false),
    ] {
        let daemon = in_front_of(&backend, &pki)
            .set("ssl.session-cache", cache)
            .set("ssl.session-tickets", tickets)
            .start();
        for version in VERSIONS {
            let guest = Guest::new(&pki, &[version]);
            for attempt in 0..6 {
                guest.first(daemon.address());
                assert_eq!(
                    guest.is_resumed(daemon.address()),
                    expected,
                    "cache {cache}, tickets {tickets}, {version}, attempt {attempt}"
                );
            }
        }
    }
}

#[test]
fn by_default_tickets_resume_and_the_mask_takes_them_away() {
    let pki = Pki::new();
    let backend = speaking();
    for (mask, expected) in [
        ("SSL_OP_ALL", true),
        ("SSL_OP_NO_TICKET", false),
        ("0x4000", false),
    ] {
        let daemon = in_front_of(&backend, &pki).set("ssl.options", mask).start();
        for version in VERSIONS {
            let guest = Guest::new(&pki, &[version]);
            guest.first(daemon.address());
            let resumed = guest.is_resumed(daemon.address());
            assert_eq!(resumed, expected, "{mask} {version}");
        }
    }
}

/// How many tickets a client of TLS 1.3 has got.
fn tickets(said: &Said) -> usize {
    let announced = "Post-Handshake New Session Ticket arrived";
    said.out.matches(announced).count()
}

#[test]
fn tickets_are_as_many_as_asked_for() {
    let pki = Pki::new();
    let backend = speaking();
    for (count, expected) in [("0", 0), ("1", 1), ("2", 2), ("5", 5)] {
        let launch = in_front_of(&backend, &pki).set("ssl.num-tickets", count);
        let said = Guest::new(&pki, &["-tls1_3"]).come(launch.start().address(), &[]);
        assert_eq!(tickets(&said), expected, "{count}");
    }
}

/// A server that says a word after some silence, and ends.
fn hesitating() -> Backend {
    Backend::new(|mut stream| {
        thread::sleep(Duration::from_millis(300)); // tickets wait for some milliseconds
        stream.write_all(b"hello").unwrap();
        stream.shut_write();
        let _ = stream.read(&mut [0]);
    })
}

#[test]
fn a_second_ticket_is_for_clients_that_stay() {
    let pki = Pki::new();
    let at_once = if cfg!(openssl3) { 1 } else { 2 };
    for (backend, expected) in [(speaking(), at_once), (hesitating(), 2)] {
        let daemon = in_front_of(&backend, &pki).start();
        let said = Guest::new(&pki, &["-tls1_3"]).come(daemon.address(), &[]);
        assert_eq!(tickets(&said), expected);
    }
}

#[test]
fn a_name_under_which_nothing_resumes_gives_no_ticket_soon_or_late() {
    let pki = Pki::new();
    let site = pki.issue_server("site.pem", "site.example.org", Key::Ecdsa);
    for backend in [speaking(), hesitating()] {
        let daemon = in_front_of(&backend, &pki)
            .set(
                "ssl.server-name-indication",
                format!("site.example.org={site},ssl.options=SSL_OP_NO_TICKET"),
            )
            .start();
        let arguments = ["-tls1_3", "-servername", "site.example.org"];
        let said = Guest::new(&pki, &arguments).come(daemon.address(), &[]);
        assert_eq!(tickets(&said), 0, "{}{}", said.out, said.err);
        assert!(said.out.contains("hello"), "{}{}", said.out, said.err);
    }
}

#[test]
fn a_session_has_its_time() {
    let pki = Pki::new();
    let backend = speaking();
    for cache in ["true", "false"] {
        let daemon = in_front_of(&backend, &pki)
            .set("ssl.session-timeout", "2s")
            .set("ssl.session-cache", cache)
            .set(
                "ssl.session-tickets",
                if cache == "true" { "false" } else { "true" },
            )
            .start();
        let guests = VERSIONS.map(|version| Guest {
            file: pki.path(&format!("{version}.pem")),
            arguments: vec![version],
        });
        for guest in &guests {
            guest.first(daemon.address());
            assert!(guest.is_resumed(daemon.address()), "cache {cache}");
        }
        thread::sleep(Duration::from_millis(3100)); // times are kept in whole seconds
        for guest in &guests {
            assert!(!guest.is_resumed(daemon.address()), "cache {cache}");
        }
    }
}

#[test]
fn a_reload_that_changes_nothing_keeps_sessions() {
    let pki = Pki::new();
    let backend = speaking();
    for cache in ["true", "false"] {
        let daemon = in_front_of(&backend, &pki)
            .set("ssl.session-cache", cache)
            .start();
        for version in VERSIONS {
            let guest = Guest::new(&pki, &[version]);
            guest.first(daemon.address());
            daemon.reload();
            assert!(
                guest.is_resumed(daemon.address()),
                "cache {cache} {version}"
            );
        }
    }
}

/// What may change under a session: it is a new handshake then, by the new rules.
#[test]
fn no_session_outlives_the_policy_it_was_made_under() {
    let pki = Pki::new();
    let backend = speaking();
    let client = pki.client();
    let policy = |more: &str| {
        let (server, ca) = (pki.server(), pki.ca());
        format!("[ssl]\nkeyfile = {server}\ncafile = {ca}\nprotocol = 9\n{more}")
    };
    let other_ca = policy("").replace(&pki.ca(), &pki.path("both.pem"));
    let both = [
        fs::read(pki.ca()).unwrap(),
        fs::read(pki.other_ca()).unwrap(),
    ]
    .concat();
    pki.write("both.pem", both);
    for (cache, tickets) in [("true", "false"), ("false", "true")] {
        for changed in [
            other_ca.clone(),
            policy("cafile-mode = original\n"),
            policy("verify-client = request\n"),
            policy("cipher-list = ECDHE+AESGCM\n"),
            policy("options = SSL_OP_CIPHER_SERVER_PREFERENCE\n"),
        ] {
            let path = pki.write("tlsport.conf", policy(""));
            let daemon = Launch::new()
                .config(&path, 0)
                .endpoint("ssl://127.0.0.1:0")
                .set("backend", &backend.url)
                .set("ssl.session-cache", cache)
                .set("ssl.session-tickets", tickets)
                .start();
            for version in VERSIONS {
                pki.write("tlsport.conf", policy(""));
                daemon.reload();
                let guest = Guest::new(&pki, &[version, "-cert", &client, "-key", &client]);
                guest.first(daemon.address());
                assert!(guest.is_resumed(daemon.address()), "{version}");
                pki.write("tlsport.conf", &changed);
                daemon.reload();
                assert!(
                    !guest.is_resumed(daemon.address()),
                    "{version}, then: {changed}"
                );
            }
        }
    }
}

/// The worst of it: a client whose CA is trusted no more must not get in with a session from before.
#[test]
fn a_client_that_is_trusted_no_more_is_refused_with_its_old_session() {
    let pki = Pki::new();
    let backend = speaking();
    let client = pki.client();
    for (cache, tickets) in [("true", "false"), ("false", "true")] {
        for version in VERSIONS {
            let trusted = pki.write("trusted.pem", fs::read(pki.ca()).unwrap());
            let daemon = in_front_of(&backend, &pki)
                .set("ssl.cafile", &trusted)
                .set("ssl.session-cache", cache)
                .set("ssl.session-tickets", tickets)
                .start();
            let guest = Guest::new(&pki, &[version, "-cert", &client, "-key", &client]);
            guest.first(daemon.address());
            assert!(guest.is_resumed(daemon.address()));
            fs::copy(pki.other_ca(), &trusted).unwrap();
            daemon.reload();
            let said = guest.come(daemon.address(), &["-sess_in", &guest.file]);
            assert!(
                !said.out.contains("hello"),
                "{version}: let in:\n{}",
                said.out
            );
            assert!(
                said.err.contains("alert unknown ca"),
                "{version}: {}",
                said.err
            );
        }
    }
}

#[test]
fn no_session_is_resumed_under_another_name() {
    let pki = Pki::new();
    let backend = speaking();
    let one = pki.issue_server("one.pem", "one.example.org", Key::Ecdsa);
    let two = pki.issue_server("two.pem", "two.example.org", Key::Ecdsa);
    for cache in ["true", "false"] {
        let daemon = in_front_of(&backend, &pki)
            .set("ssl.session-cache", cache)
            .set(
                "ssl.server-name-indication",
                format!("one.example.org={one}"),
            )
            .set(
                "ssl.server-name-indication",
                format!("two.example.org={two}"),
            )
            .start();
        for version in VERSIONS {
            let first = Guest::new(&pki, &[version, "-servername", "one.example.org"]);
            first.first(daemon.address());
            assert!(
                first.is_resumed(daemon.address()),
                "cache {cache} {version}"
            );
            for other in [&["-servername", "two.example.org"][..], &["-noservername"]] {
                let other = Guest::new(&pki, &[&[version], other].concat());
                assert!(
                    !other.is_resumed(daemon.address()),
                    "cache {cache} {version}"
                );
            }
        }
    }
}

#[test]
fn ticket_keys_in_a_file_count_in_two_daemons_and_after_a_restart() {
    let pki = Pki::new();
    let backend = speaking();
    let keys = pki.write("ticket.keys", ticket_key(1));
    let with_keys = || {
        in_front_of(&backend, &pki)
            .set("ssl.ticket-keys", &keys)
            .start()
    };
    let (one, other) = (with_keys(), with_keys());
    let stranger = in_front_of(&backend, &pki).start();
    let mut restarted = None;
    for version in VERSIONS {
        let guest = Guest::new(&pki, &[version]);
        guest.first(one.address());
        assert!(
            guest.is_resumed(other.address()),
            "{version}: another daemon"
        );
        assert!(
            !guest.is_resumed(stranger.address()),
            "{version}: other keys"
        );
        drop(restarted.take());
        let again = with_keys();
        assert!(
            guest.is_resumed(again.address()),
            "{version}: after a restart"
        );
        restarted = Some(again);
    }
}

#[test]
fn ticket_keys_are_rotated_by_a_reload() {
    let pki = Pki::new();
    let backend = speaking();
    let keys = pki.write("ticket.keys", ticket_key(1));
    let daemon = in_front_of(&backend, &pki)
        .set("ssl.ticket-keys", &keys)
        .start();
    for version in VERSIONS {
        let guest = |name: &str| Guest {
            file: pki.path(&format!("{name}.pem")),
            arguments: vec![version],
        };
        let (old, new) = (guest("old"), guest("new"));
        let rotate = |contents: String| {
            pki.write("ticket.keys", contents);
            daemon.reload();
        };
        rotate(ticket_key(1));
        old.first(daemon.address());
        rotate(ticket_key(2) + &ticket_key(1));
        assert!(
            old.is_resumed(daemon.address()),
            "{version}: the old key still opens"
        );
        new.first(daemon.address());
        rotate(ticket_key(2));
        assert!(
            !old.is_resumed(daemon.address()),
            "{version}: the old key is gone"
        );
        assert!(
            new.is_resumed(daemon.address()),
            "{version}: the new key seals"
        );
    }
}

#[test]
fn a_broken_file_of_ticket_keys_is_refused_and_changes_nothing() {
    let pki = Pki::new();
    let backend = speaking();
    let secret = "5ec7e7".repeat(20);
    let keys = pki.write("ticket.keys", &secret);
    let log = in_front_of(&backend, &pki)
        .set("ssl.ticket-keys", &keys)
        .refused(3);
    assert!(
        log.contains(&format!(
            "--ssl.ticket-keys: cannot read ticket keys from '{keys}': line 1"
        )),
        "{log}"
    );
    assert!(!log.contains("5ec7e7"), "a secret in the log");

    pki.write("ticket.keys", ticket_key(1));
    let daemon = in_front_of(&backend, &pki)
        .set("ssl.ticket-keys", &keys)
        .start();
    let guest = Guest::new(&pki, &["-tls1_3"]);
    guest.first(daemon.address());
    pki.write("ticket.keys", &secret);
    daemon.signal("HUP");
    daemon.said("reload failed");
    assert!(guest.is_resumed(daemon.address()));
}
