//! Who may come back with a session, and who may not: cache, tickets, keys, and the scope of both.

use crate::settings::{Origin, Setting};
use crate::tls::Shared;
use crate::tls::testing::{Authority, Client, DAY, EC, Policy, Server, self_signed};
use openssl::ssl::SslVersion;
use std::time::Duration;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn policy(cache: bool, tickets: bool) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    policy.set("ssl.session-cache", if cache { "true" } else { "false" });
    policy.set(
        "ssl.session-tickets",
        if tickets { "true" } else { "false" },
    );
    policy
}

/// Two workers of one server.
fn workers(policy: &Policy) -> (Server, Server) {
    let (prepared, shared) = (policy.load(), Shared::new());
    (
        Server::new(&prepared, &shared),
        Server::new(&prepared, &shared),
    )
}

fn resumes(client: &Client, first: &Server, second: &Server) -> bool {
    let met = client.meet(first).unwrap();
    assert!(!met.facts.resumed);
    if met.sessions.is_empty() {
        return false;
    }
    client
        .with_session(&met)
        .meet(second)
        .unwrap()
        .facts
        .resumed
}

#[test]
fn a_session_resumes_on_any_worker_by_ticket_or_by_cache() {
    for (cache, tickets) in [(false, true), (true, true), (true, false)] {
        let (first, second) = workers(&policy(cache, tickets));
        for version in BOTH {
            let client = Client::only(version);
            assert!(
                resumes(&client, &first, &second),
                "{cache} {tickets} {version:?}"
            );
        }
    }
}

#[test]
fn without_cache_and_tickets_nothing_resumes() {
    let (first, second) = workers(&policy(false, false));
    for version in BOTH {
        assert!(
            !resumes(&Client::only(version), &first, &second),
            "{version:?}"
        );
    }
    let met = Client::only(SslVersion::TLS1_3).meet(&first).unwrap();
    assert!(met.sessions.is_empty(), "no ticket is handed out in vain");
}

#[test]
fn the_cache_alone_is_what_arangodb_switches_off() {
    let mut plain = Policy::new();
    plain.set("ssl.protocol", "9");
    let (first, second) = workers(&plain);
    for version in BOTH {
        assert!(
            resumes(&Client::only(version), &first, &second),
            "{version:?}"
        );
    }
    plain.set("ssl.options", "NO_TICKET");
    let (first, second) = workers(&plain);
    for version in BOTH {
        assert!(
            !resumes(&Client::only(version), &first, &second),
            "{version:?}"
        );
    }
}

#[test]
fn a_resumed_tls13_session_is_given_a_new_ticket_again_and_again() {
    let (server, _) = workers(&policy(false, true));
    let client = Client::only(SslVersion::TLS1_3);
    let mut met = client.meet(&server).unwrap();
    assert_eq!(met.sessions.len(), 2);
    for _ in 0..3 {
        met = client.with_session(&met).meet(&server).unwrap();
        assert!(met.facts.resumed);
        assert_eq!(met.sessions.len(), 1);
    }
}

#[test]
fn the_number_of_tickets_is_as_asked() {
    let mut policy = policy(false, true);
    policy.set("ssl.num-tickets", "4");
    let met = Client::only(SslVersion::TLS1_3)
        .meet(&policy.server())
        .unwrap();
    assert_eq!(met.sessions.len(), 4);
    policy.set("ssl.num-tickets", "0");
    let met = Client::only(SslVersion::TLS1_3)
        .meet(&policy.server())
        .unwrap();
    assert!(met.sessions.is_empty());
}

#[test]
fn the_cache_holds_as_many_sessions_as_asked_and_no_tickets() {
    let mut small = policy(true, false);
    small.set("ssl.session-cache-size", "16");
    let shared = Shared::new();
    let server = Server::new(&small.load(), &shared);
    for _ in 0..60 {
        Client::only(SslVersion::TLS1_2).meet(&server).unwrap();
    }
    assert!(
        (1..=16).contains(&shared.cached_sessions()),
        "{}",
        shared.cached_sessions()
    );

    let shared = Shared::new();
    let server = Server::new(&policy(true, true).load(), &shared);
    for version in BOTH {
        Client::only(version).meet(&server).unwrap();
    }
    assert_eq!(shared.cached_sessions(), 0);
}

/// A policy that asks clients for certificates of an authority.
fn mutual(authority: &Authority, cache: bool) -> Policy {
    let mut policy = policy(cache, !cache);
    let file = policy.file("ca.pem", &authority.pem());
    policy.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
    policy
}

/// Whether a session made under one policy is resumed by a server with another, on the same keys and cache.
fn crosses(client: &Client, from: &Policy, to: &Policy) -> bool {
    let shared = Shared::new();
    let first = Server::new(&from.load(), &shared);
    let second = Server::new(&to.load(), &shared);
    let met = client.meet(&first).unwrap();
    assert!(
        client
            .with_session(&met)
            .meet(&first)
            .unwrap()
            .facts
            .resumed,
        "under its own policy"
    );
    let met = client.meet(&first).unwrap();
    client
        .with_session(&met)
        .meet(&second)
        .unwrap()
        .facts
        .resumed
}

#[test]
fn a_session_never_crosses_into_another_policy() {
    let (authority, other) = (Authority::new("one"), Authority::new("two"));
    for cache in [true, false] {
        for version in BOTH {
            let client = Client {
                identity: Some(authority.issue("client", EC)),
                ..Client::only(version)
            };
            let from = mutual(&authority, cache);
            let same = |change: &dyn Fn(&mut Policy)| {
                let mut to = mutual(&authority, cache);
                to.settings.policy.key_files = from.settings.policy.key_files.clone();
                change(&mut to);
                crosses(&client, &from, &to)
            };
            assert!(same(&|_| {}), "the same policy from a reload");
            assert!(
                !same(&|to| {
                    let both = [authority.pem(), other.pem()].concat();
                    let file = to.file("both.pem", &both);
                    to.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
                }),
                "another CA file"
            );
            assert!(
                !same(&|to| {
                    to.set("ssl.verify-client", "request");
                }),
                "another verification"
            );
            assert!(
                !same(&|to| {
                    let file = to.file("crl.pem", &authority.crl(&[], 30).to_pem().unwrap());
                    to.settings.policy.crl_file = Setting::new(Some(file), Origin::Program);
                }),
                "a revocation list"
            );
            assert!(
                !same(&|to| {
                    to.settings.policy.key_files.clear();
                    to.identity("other.pem", &self_signed("localhost", EC).pem());
                }),
                "another identity"
            );
            assert!(
                !same(&|to| {
                    to.set("ssl.cipher-list", "HIGH:!aNULL");
                }),
                "another cipher list"
            );
            assert!(
                !same(&|to| {
                    to.set("ssl.options", "SSL_OP_ALL|NO_COMPRESSION");
                }),
                "another mask"
            );
            assert!(
                !same(&|to| {
                    to.set("ssl.min-protocol", "TLSv1.2");
                }),
                "another range"
            );
            assert!(
                !same(&|to| {
                    to.set("ssl.conf", "VerifyMode=Require");
                }),
                "another command"
            );
        }
    }
}

#[test]
fn a_session_made_without_a_certificate_is_no_way_around_asking_for_one() {
    let authority = Authority::new("one");
    let open = policy(false, true);
    let mut closed = mutual(&authority, false);
    closed.settings.policy.key_files = open.settings.policy.key_files.clone();
    let shared = Shared::new();
    let met = Client::default()
        .meet(&Server::new(&open.load(), &shared))
        .unwrap();
    let parted = Client::default()
        .with_session(&met)
        .meet(&Server::new(&closed.load(), &shared));
    assert_eq!(
        parted.unwrap_err().server.reason,
        "peer did not return a certificate"
    );
}

/// Every way to resume: by cache or by ticket, in both versions.
fn ways() -> impl Iterator<Item = (bool, SslVersion)> {
    [true, false]
        .into_iter()
        .flat_map(|cache| BOTH.map(|version| (cache, version)))
}

#[test]
fn a_client_certificate_that_expired_since_is_not_resumed() {
    let authority = Authority::new("one");
    let met: Vec<_> = ways()
        .map(|(cache, version)| {
            let server = mutual(&authority, cache).server();
            let client = Client {
                identity: Some(authority.issue_for("client", EC, (-DAY, 4))),
                ..Client::only(version)
            };
            let met = client.meet(&server).unwrap();
            let again = client.with_session(&met).meet(&server).unwrap();
            assert!(again.facts.resumed);
            let met = client.meet(&server).unwrap();
            (client.with_session(&met), server)
        })
        .collect();
    std::thread::sleep(Duration::from_secs(5));
    for (client, server) in met {
        let parted = client.meet(&server).unwrap_err();
        assert_eq!(
            parted.server.reason,
            "certificate verify failed: certificate has expired"
        );
    }
}

fn key_line(byte: u8) -> String {
    format!("{byte:02x}").repeat(80)
}

fn with_keys(policy: &mut Policy, lines: &[u8]) {
    let text: Vec<String> = lines.iter().map(|byte| key_line(*byte)).collect();
    let file = policy.file("tickets", text.join("\n").as_bytes());
    policy.settings.policy.ticket_keys = Setting::new(Some(file), Origin::Program);
}

#[test]
fn a_file_of_keys_is_shared_by_processes_and_rotates() {
    for version in BOTH {
        let client = Client::only(version);
        let mut policy = policy(false, true);
        // Each server stands for a process: it shares nothing but the files.
        with_keys(&mut policy, &[1]);
        let (first, second) = (policy.server(), policy.server());
        let met = client.meet(&first).unwrap();
        assert!(
            client
                .with_session(&met)
                .meet(&second)
                .unwrap()
                .facts
                .resumed
        );

        with_keys(&mut policy, &[2, 1]);
        let rotated = policy.server();
        let again = client.with_session(&met).meet(&rotated).unwrap();
        assert!(again.facts.resumed, "the old key still opens: {version:?}");
        assert!(
            !again.sessions.is_empty(),
            "and a ticket under the new key is given out"
        );
        with_keys(&mut policy, &[2]);
        let later = policy.server();
        assert!(
            client
                .with_session(&again)
                .meet(&later)
                .unwrap()
                .facts
                .resumed
        );
        assert!(
            !client
                .with_session(&met)
                .meet(&later)
                .unwrap()
                .facts
                .resumed,
            "the old key is gone"
        );
    }
}

#[test]
fn without_a_file_processes_do_not_share_tickets() {
    let policy = policy(false, true);
    for version in BOTH {
        assert!(!resumes(
            &Client::only(version),
            &policy.server(),
            &policy.server()
        ));
    }
}

#[test]
fn a_session_is_over_when_its_time_is() {
    let met: Vec<_> = ways()
        .map(|(cache, version)| {
            let mut policy = policy(cache, !cache);
            policy.set("ssl.session-timeout", "1s");
            let server = policy.server();
            let met = Client::only(version).meet(&server).unwrap();
            (Client::only(version).with_session(&met), server)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(2100));
    for (client, server) in met {
        assert!(!client.meet(&server).unwrap().facts.resumed);
    }
}
