//! Server names: identities, masks and CAs of their own, and names nobody listed.

use crate::settings::{Origin, ServerName, Setting};
use crate::tls::testing::{Authority, Client, EC, Policy, self_signed};
use openssl::ssl::SslVersion;
use std::path::PathBuf;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// Serves `localhost` by default and the names given, each with a certificate of its own and options.
fn serving(names: &[(&str, &[(&str, &str)])]) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    for (name, options) in names {
        let file = policy.file(&format!("{name}.pem"), &self_signed(name, EC).pem());
        list(&mut policy, name, file, options);
    }
    policy
}

fn list(policy: &mut Policy, name: &str, file: PathBuf, options: &[(&str, &str)]) {
    let record = |name| crate::settings::find(name).unwrap();
    let name = ServerName {
        name: name.into(),
        key_files: vec![file],
        overrides: options
            .iter()
            .map(|(option, value)| (record(option), (*value).to_owned()))
            .collect(),
    };
    policy
        .settings
        .names
        .push(Setting::new(name, Origin::Program));
}

fn asking(name: &'static str, version: SslVersion) -> Client {
    Client {
        server_name: Some(name),
        ..Client::only(version)
    }
}

#[test]
fn each_name_is_served_its_own_certificate_and_others_the_default() {
    let server = serving(&[("a.example", &[]), ("b.example", &[])]).server();
    for version in BOTH {
        for (asked, shown) in [
            ("a.example", "a.example"),
            ("B.Example", "b.example"),
            ("b.example.", "b.example"),
            ("c.example", "localhost"),
            ("x.a.example", "localhost"),
        ] {
            let met = asking(asked, version).meet(&server).unwrap();
            assert_eq!(met.shown, [shown], "{asked} {version:?}");
        }
        assert_eq!(
            Client::only(version).meet(&server).unwrap().shown,
            ["localhost"]
        );
    }
}

#[test]
fn an_unlisted_name_is_refused_where_that_is_asked_for() {
    let mut policy = serving(&[("a.example", &[])]);
    policy.set("ssl.unknown-server-name", "refuse");
    let server = policy.server();
    for version in BOTH {
        let parted = asking("c.example", version).meet(&server).unwrap_err();
        assert_eq!(parted.server.reason, "the server name is not listed");
        assert!(
            parted.client.ends_with("unrecognized name"),
            "{}",
            parted.client
        );
        assert!(asking("a.example", version).meet(&server).is_ok());
        assert!(
            Client::only(version).meet(&server).is_ok(),
            "no name is not an unlisted name"
        );
    }
}

#[test]
fn clients_without_a_name_have_a_keyfile_of_their_own_or_are_refused() {
    let mut policy = serving(&[("a.example", &[])]);
    policy.set("ssl.no-server-name", "refuse");
    let server = policy.server();
    for version in BOTH {
        let parted = Client::only(version).meet(&server).unwrap_err();
        assert_eq!(parted.server.reason, "no server name was asked for");
        assert!(
            parted.client.ends_with("handshake failure"),
            "{}",
            parted.client
        );
        let met = asking("a.example", version).meet(&server).unwrap();
        assert_eq!(met.shown, ["a.example"]);
        let met = asking("c.example", version).meet(&server).unwrap();
        assert_eq!(met.shown, ["localhost"], "another name is a name");
    }

    let file = policy.file("none.pem", &self_signed("none", EC).pem());
    list(&mut policy, crate::settings::NO_NAME, file, &[]);
    let server = policy.server();
    for version in BOTH {
        let met = Client::only(version).meet(&server).unwrap();
        assert_eq!(met.shown, ["none"]);
        let met = asking("/no_sni/", version).meet(&server).unwrap();
        assert_eq!(met.shown, ["localhost"], "the word itself is no server's");
    }
}

#[test]
fn a_name_has_its_own_mask() {
    let server = serving(&[("a.example", &[("ssl.options", "NO_TLSv1_3")])]).server();
    assert!(
        asking("a.example", SslVersion::TLS1_3)
            .meet(&server)
            .is_err()
    );
    assert!(
        asking("a.example", SslVersion::TLS1_2)
            .meet(&server)
            .is_ok()
    );
    assert!(
        asking("c.example", SslVersion::TLS1_3)
            .meet(&server)
            .is_ok()
    );

    // The other way round: what the default forbids, a name may allow.
    let mut policy = serving(&[("a.example", &[("ssl.options", "0")])]);
    policy.set("ssl.options", "NO_TLSv1_3");
    let server = policy.server();
    assert!(
        asking("a.example", SslVersion::TLS1_3)
            .meet(&server)
            .is_ok()
    );
    assert!(
        asking("c.example", SslVersion::TLS1_3)
            .meet(&server)
            .is_err()
    );
}

#[test]
fn a_name_asks_for_certificates_of_its_own_ca() {
    let (authority, other) = (Authority::new("one"), Authority::new("two"));
    let mut policy = serving(&[]);
    let ca = policy.file("ca.pem", &authority.pem());
    let file = policy.file("a.pem", &self_signed("a.example", EC).pem());
    list(
        &mut policy,
        "a.example",
        file,
        &[("ssl.cafile", ca.to_str().unwrap())],
    );
    let server = policy.server();
    for version in BOTH {
        let with = |authority: &Authority| Client {
            identity: Some(authority.issue("client", EC)),
            ..asking("a.example", version)
        };
        let met = with(&authority).meet(&server).unwrap();
        assert_eq!(met.told, ["CN=one"]);
        assert_eq!(met.facts.peer.unwrap().verified, "ok");
        assert!(with(&other).meet(&server).is_err());
        let parted = asking("a.example", version).meet(&server).unwrap_err();
        assert_eq!(parted.server.reason, "peer did not return a certificate");
        assert!(
            Client::only(version).meet(&server).is_ok(),
            "the default asks nobody"
        );
    }
}

#[test]
fn a_name_may_ask_for_less_than_the_default() {
    let authority = Authority::new("one");
    let mut policy = serving(&[("open.example", &[("ssl.verify-client", "none")])]);
    let ca = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", ca.to_str().unwrap());
    let server = policy.server();
    for version in BOTH {
        assert!(asking("open.example", version).meet(&server).is_ok());
        assert!(asking("c.example", version).meet(&server).is_err());
    }
}

#[test]
fn a_session_is_resumed_under_its_own_name_alone() {
    for cache in ["true", "false"] {
        let mut policy = serving(&[("a.example", &[]), ("b.example", &[])]);
        policy.set("ssl.session-cache", cache);
        policy.set(
            "ssl.session-tickets",
            if cache == "true" { "false" } else { "true" },
        );
        let server = policy.server();
        for version in BOTH {
            let resumed = |from: &'static str, to: &'static str| {
                let met = asking(from, version).meet(&server).unwrap();
                let back = asking(to, version).with_session(&met);
                back.meet(&server).unwrap().facts.resumed
            };
            assert!(resumed("a.example", "a.example"), "{cache} {version:?}");
            assert!(resumed("b.example", "b.example"));
            assert!(resumed("c.example", "c.example"));
            assert!(!resumed("a.example", "b.example"));
            assert!(!resumed("a.example", "c.example"));
            assert!(!resumed("c.example", "a.example"));
        }
    }
}

#[test]
fn a_session_from_an_open_name_does_not_open_a_closed_one() {
    let authority = Authority::new("one");
    let mut policy = serving(&[("open.example", &[("ssl.verify-client", "none")])]);
    let ca = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", ca.to_str().unwrap());
    let server = policy.server();
    for version in BOTH {
        let met = asking("open.example", version).meet(&server).unwrap();
        let parted = asking("c.example", version)
            .with_session(&met)
            .meet(&server);
        assert_eq!(
            parted.unwrap_err().server.reason,
            "peer did not return a certificate"
        );
    }
}

#[test]
fn what_is_wrong_with_a_name_is_reported_with_it() {
    let mut policy = serving(&[]);
    let file = policy.file("bad.pem", b"nothing");
    list(
        &mut policy,
        "a.example",
        file,
        &[("ssl.options", "NO_SUCH")],
    );
    let problems = policy.problems();
    assert!(
        problems.contains("cannot read certificate from 'bad.pem': error:"),
        "{problems}"
    );
    assert!(
        problems.contains("'NO_SUCH' is not an SSL option"),
        "{problems}"
    );
}

#[test]
fn alpn_is_chosen_on_every_name() {
    let mut policy = serving(&[("a.example", &[])]);
    policy.set("ssl.alpn", "h2,http/1.1");
    let server = policy.server();
    for name in ["a.example", "c.example"] {
        let client = |alpn| Client {
            alpn,
            ..asking(name, SslVersion::TLS1_3)
        };
        let met = client(b"\x08http/1.1\x02h2").meet(&server).unwrap();
        assert_eq!(met.facts.alpn.as_deref(), Some("h2"));
        assert_eq!(met.facts.server_name.as_deref(), Some(name));
        let met = client(b"\x03foo").meet(&server).unwrap();
        assert_eq!(met.facts.alpn, None, "no overlap is no end");
    }
}
