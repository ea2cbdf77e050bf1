//! Server names: identities, masks and CAs of their own, and names nobody listed.

use crate::settings::{Origin, ServerName, Setting};
use crate::tls::testing::{Authority, Client, EC, Key, Policy, Server, self_signed};
use openssl::ssl::SslVersion;
use std::path::PathBuf;

const RSA: Key = Key::Rsa(2048);

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

pub(super) fn list(policy: &mut Policy, name: &str, file: PathBuf, options: &[(&str, &str)]) {
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

/// Serves certificates for these names, each with a key of its own.
fn certified(all: &[(&str, Key)]) -> Policy {
    let mut policy = Policy::empty();
    policy.set("ssl.protocol", "9");
    for (place, (name, kind)) in all.iter().enumerate() {
        policy.identity(&format!("{place}.pem"), &self_signed(name, *kind).pem());
    }
    policy
}

#[test]
fn of_several_certificates_the_first_for_the_name_is_shown_or_the_first_of_all() {
    let all = ["first.example", "a.example", "*.example", "b.example"];
    let server = certified(&all.map(|name| (name, EC))).server();
    for version in BOTH {
        for (asked, shown) in [
            ("a.example", "a.example"),
            ("A.Example.", "a.example"),
            ("b.example", "*.example"),
            ("x.example", "*.example"),
            ("x.a.example", "first.example"),
            ("elsewhere", "first.example"),
        ] {
            let met = asking(asked, version).meet(&server).unwrap();
            assert_eq!(met.shown, [shown], "{asked} {version:?}");
        }
        let met = Client::only(version).meet(&server).unwrap();
        assert_eq!(met.shown, ["first.example"]);
    }
}

#[test]
fn certificates_for_the_same_names_are_told_apart_by_their_keys() {
    let all = [("a.example", RSA), ("b.example", EC), ("a.example", EC)];
    let server = certified(&all).server();
    for (asked, suite, shown) in [
        ("a.example", "ECDHE-RSA-AES128-GCM-SHA256", "a.example"),
        ("a.example", "ECDHE-ECDSA-AES128-GCM-SHA256", "a.example"),
        ("b.example", "ECDHE-ECDSA-AES128-GCM-SHA256", "b.example"),
        // Whoever asks for neither gets the first that can be verified.
        ("c.example", "ECDHE-RSA-AES128-GCM-SHA256", "a.example"),
        ("c.example", "ECDHE-ECDSA-AES128-GCM-SHA256", "b.example"),
    ] {
        let client = Client {
            ciphers: suite,
            ..asking(asked, SslVersion::TLS1_2)
        };
        let met = client.meet(&server).unwrap();
        assert_eq!(met.shown, [shown], "{asked} {suite}");
    }
    let rsa = Client {
        ciphers: "ECDHE-RSA-AES128-GCM-SHA256",
        ..asking("b.example", SslVersion::TLS1_2)
    };
    assert!(
        rsa.meet(&server).is_err(),
        "there is no such key for that name"
    );
}

#[test]
fn listed_names_come_before_those_of_certificates() {
    let mut policy = certified(&[("first.example", EC), ("a.example", EC), ("b.example", EC)]);
    let file = policy.file("listed.pem", &self_signed("listed", EC).pem());
    list(&mut policy, "a.example", file, &[]);
    let server = policy.server();
    let shown = |server: &Server, name| {
        let met = asking(name, SslVersion::TLS1_3).meet(server);
        met.map(|met| met.shown.concat()).unwrap_or_default()
    };
    assert_eq!(shown(&server, "a.example"), "listed");
    assert_eq!(shown(&server, "b.example"), "b.example");
    policy.set("ssl.unknown-server-name", "refuse");
    let server = policy.server();
    assert_eq!(shown(&server, "a.example"), "listed");
    assert_eq!(shown(&server, "b.example"), "");
}

#[test]
fn a_session_stays_with_the_certificate_it_began_with() {
    let server = certified(&[("a.example", EC), ("b.example", EC)]).server();
    for version in BOTH {
        let resumed = |from: &'static str, to: &'static str| {
            let met = asking(from, version).meet(&server).unwrap();
            let back = asking(to, version).with_session(&met);
            back.meet(&server).unwrap().facts.resumed
        };
        assert!(resumed("a.example", "a.example"));
        assert!(resumed("b.example", "b.example"));
        assert!(!resumed("b.example", "a.example"));
    }
}

#[test]
fn keys_and_their_certificates_stand_in_files_of_their_own_in_the_same_order() {
    let mut policy = Policy::empty();
    policy.set("ssl.protocol", "9");
    for name in ["a.example", "b.example"] {
        let pair = self_signed(name, EC);
        let certificate = policy.file(&format!("{name}.crt"), &pair.certificate.to_pem().unwrap());
        let key = policy.file(&format!("{name}.key"), &pair.key_pem());
        policy.set("ssl.certfile", certificate.to_str().unwrap());
        policy.set("ssl.keyfile", key.to_str().unwrap());
    }
    let server = policy.server();
    for name in ["a.example", "b.example"] {
        let met = asking(name, SslVersion::TLS1_3).meet(&server).unwrap();
        assert_eq!(met.shown, [name]);
    }
    let files: Vec<String> = policy
        .load()
        .report()
        .identities
        .into_iter()
        .map(|one| one.names.concat())
        .collect();
    assert_eq!(files, ["a.example", "b.example"]);
    policy.settings.policy.cert_files.reverse();
    assert!(policy.problems().contains("does not belong to certificate"));
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
