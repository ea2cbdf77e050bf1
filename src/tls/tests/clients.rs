//! Client certificates: asked for or not, good and bad, revoked, and what the facts say of them.

use crate::settings::{Origin, Setting};
use crate::tls::Failure;
use crate::tls::testing::{Authority, Client, DAY, EC, Key, Pair, Parted, Policy, receive};
use openssl::ssl::SslVersion;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn asking(authority: &Authority, verify: Option<&str>) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    let file = policy.file("ca.pem", &authority.pem());
    policy.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
    if let Some(verify) = verify {
        policy.set("ssl.verify-client", verify);
    }
    policy
}

fn showing(pair: &Pair, version: SslVersion) -> Client {
    Client {
        identity: Some(pair.clone()),
        ..Client::only(version)
    }
}

fn refused(parted: &Parted, reason: &str) {
    assert_eq!(parted.server.kind, Failure::PeerCertificate, "{parted:?}");
    // 4.0 adds to some of its reasons.
    assert!(parted.server.reason.starts_with(reason), "{parted:?}");
}

#[test]
fn a_ca_file_requires_certificates_of_its_cas() {
    let (authority, other) = (Authority::new("one"), Authority::new("two"));
    let server = asking(&authority, None).server();
    for version in BOTH {
        let client = authority.issue("client", EC);
        let met = showing(&client, version).meet(&server).unwrap();
        assert_eq!(met.told, ["CN=one"]);
        let peer = met.facts.peer.unwrap();
        assert_eq!(peer.subject, "CN=client");
        assert_eq!(peer.issuer, "CN=one");
        assert_eq!(peer.verified, "ok");
        let shown = client.certificate.to_pem().unwrap();
        assert_eq!(peer.pem.to_string().into_bytes(), shown);
        refused(
            &Client::only(version).meet(&server).unwrap_err(),
            "peer did not return a certificate",
        );
        let parted = showing(&other.issue("client", EC), version)
            .meet(&server)
            .unwrap_err();
        refused(
            &parted,
            "certificate verify failed: unable to get local issuer certificate",
        );
        assert!(
            parted.client.ends_with("alert unknown ca"),
            "{}",
            parted.client
        );
    }
}

#[test]
fn the_original_mode_asks_nobody() {
    let authority = Authority::new("one");
    let mut policy = asking(&authority, None);
    policy.set("ssl.cafile-mode", "original");
    let server = policy.server();
    for version in BOTH {
        let met = showing(&authority.issue("client", EC), version)
            .meet(&server)
            .unwrap();
        assert_eq!(met.facts.peer, None);
        assert!(Client::only(version).meet(&server).is_ok());
    }
    policy.set("ssl.require-peer-certificate", "true");
    assert!(Client::default().meet(&policy.server()).is_err());
}

#[test]
fn a_requested_certificate_may_be_missing_and_may_not_be_bad() {
    let (authority, other) = (Authority::new("one"), Authority::new("two"));
    let server = asking(&authority, Some("request")).server();
    for version in BOTH {
        assert_eq!(
            Client::only(version).meet(&server).unwrap().facts.peer,
            None
        );
        assert!(
            showing(&authority.issue("client", EC), version)
                .meet(&server)
                .is_ok()
        );
        assert!(
            showing(&other.issue("client", EC), version)
                .meet(&server)
                .is_err()
        );
    }
}

#[test]
fn certificates_out_of_their_time_are_refused() {
    let authority = Authority::new("one");
    let server = asking(&authority, None).server();
    for version in BOTH {
        let old = authority.issue_for("client", EC, (-10 * DAY, -DAY));
        let parted = showing(&old, version).meet(&server).unwrap_err();
        refused(
            &parted,
            "certificate verify failed: certificate has expired",
        );
        let early = authority.issue_for("client", EC, (DAY, 10 * DAY));
        let parted = showing(&early, version).meet(&server).unwrap_err();
        refused(
            &parted,
            "certificate verify failed: certificate is not yet valid",
        );
    }
}

#[test]
fn every_kind_of_client_key_is_accepted() {
    let authority = Authority::new("one");
    let server = asking(&authority, None).server();
    for kind in [EC, Key::Rsa(2048), Key::Ed25519] {
        for version in BOTH {
            assert!(
                showing(&authority.issue("client", kind), version)
                    .meet(&server)
                    .is_ok()
            );
        }
    }
}

fn with_list(policy: &mut Policy, lists: &[openssl::x509::X509Crl]) {
    let text: Vec<u8> = lists
        .iter()
        .flat_map(|list| list.to_pem().unwrap())
        .collect();
    let file = policy.file("crl.pem", &text);
    policy.settings.policy.crl_file = Setting::new(Some(file), Origin::Program);
}

#[test]
fn a_revoked_certificate_is_refused_and_others_are_not() {
    let authority = Authority::new("one");
    let (good, bad) = (authority.issue("good", EC), authority.issue("bad", EC));
    let mut policy = asking(&authority, None);
    with_list(&mut policy, &[authority.crl(&[&bad], 30)]);
    assert_eq!(policy.notes(), "");
    let server = policy.server();
    for version in BOTH {
        assert!(showing(&good, version).meet(&server).is_ok());
        let parted = showing(&bad, version).meet(&server).unwrap_err();
        refused(&parted, "certificate verify failed: certificate revoked");
    }
}

#[test]
fn a_directory_of_lists_is_read_whole() {
    let authority = Authority::new("one");
    let bad = authority.issue("bad", EC);
    let mut policy = asking(&authority, None);
    policy.file("0a1b2c3d.r0", &authority.crl(&[&bad], 30).to_pem().unwrap());
    let directory = policy.file("other", b"").parent().unwrap().to_owned();
    policy.settings.policy.crl_dir = Setting::new(Some(directory), Origin::Program);
    let parted = showing(&bad, SslVersion::TLS1_3)
        .meet(&policy.server())
        .unwrap_err();
    refused(&parted, "certificate verify failed: certificate revoked");
}

#[test]
fn every_ca_needs_a_list_and_a_fresh_one_and_the_notes_say_so() {
    let authority = Authority::new("one");
    let below = authority.intermediate("below");
    let mut policy = asking(&authority, None);
    let both = [authority.pem(), below.pem()].concat();
    let file = policy.file("both.pem", &both);
    policy.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
    with_list(&mut policy, &[below.crl(&[], 30)]);
    assert!(
        policy
            .notes()
            .contains("there is no revocation list of 'CN=one': its clients are refused")
    );
    let parted = showing(&below.issue("client", EC), SslVersion::TLS1_3).meet(&policy.server());
    refused(
        &parted.unwrap_err(),
        "certificate verify failed: unable to get certificate CRL",
    );

    with_list(&mut policy, &[below.crl(&[], 30), authority.crl(&[], -2)]);
    let notes = policy.notes();
    assert!(
        notes.contains("revocation list of 'CN=one' was due for replacement on "),
        "{notes}"
    );
    let parted = showing(&below.issue("client", EC), SslVersion::TLS1_3).meet(&policy.server());
    refused(
        &parted.unwrap_err(),
        "certificate verify failed: CRL has expired",
    );
}

#[test]
fn the_names_told_to_clients_are_those_of_the_file_each_once() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let mut policy = asking(&one, None);
    let file = policy.file("many.pem", &[one.pem(), two.pem(), one.pem()].concat());
    policy.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
    let client = showing(&two.issue("client", EC), SslVersion::TLS1_3);
    assert_eq!(
        client.meet(&policy.server()).unwrap().told,
        ["CN=one", "CN=two"]
    );
}

#[test]
fn a_client_that_dislikes_the_certificate_says_so_with_an_alert() {
    for version in BOTH {
        let mut policy = Policy::new();
        policy.set("ssl.protocol", "9");
        let client = Client {
            verifies: true,
            ..Client::only(version)
        };
        let parted = client.meet(&policy.server()).unwrap_err();
        assert_eq!(parted.server.kind, Failure::PeerAlert, "{parted:?}");
        assert!(
            parted.server.reason.ends_with("alert unknown ca"),
            "{}",
            parted.server.reason
        );
        let cause = parted.server.cause.unwrap();
        assert!(
            cause.starts_with("error:") && cause.ends_with(":SSL alert number 48"),
            "{cause}"
        );
    }
}

#[test]
fn a_client_with_nothing_in_common_is_told_so() {
    let server = Policy::new().server();
    let without_group = Client {
        groups: Some("X25519"),
        ..Client::only(SslVersion::TLS1_2)
    };
    let without_cipher = Client {
        ciphers: "aRSA:@SECLEVEL=0",
        ..Client::only(SslVersion::TLS1_2)
    };
    for client in [without_group, without_cipher] {
        let parted = client.meet(&server).unwrap_err();
        assert_eq!(parted.server.kind, Failure::NothingInCommon);
        assert_eq!(parted.server.reason, "no shared cipher");
        assert!(
            parted.client.ends_with("alert handshake failure"),
            "{}",
            parted.client
        );
    }
}

#[test]
fn what_is_not_tls_is_told_from_what_is() {
    let server = Policy::new().server();
    for (bytes, reason) in [
        (
            &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
            "http request",
        ),
        // From 3.2 on some of these are first of all too great a length.
        (
            b"CONNECT localhost:1 HTTP/1.1\r\n\r\n",
            "https proxy request|packet length too long",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
            "wrong version number",
        ),
        (&[0; 64], "wrong version number"),
        (&[0xff; 64], "wrong version number|packet length too long"),
    ] {
        let error = receive(&server, bytes);
        assert_eq!(error.kind, Failure::NotTls, "{error:?}");
        assert!(
            reason.split('|').any(|reason| error.reason == reason),
            "{error:?}"
        );
    }
    // A record of a handshake with nothing sensible in it.
    let error = receive(&server, b"\x16\x03\x01\0\x05\x01\0\0\x01\0");
    assert_eq!(error.kind, Failure::Other, "{error:?}");
}

#[test]
fn a_server_name_that_is_not_printable_is_escaped_in_the_facts() {
    let client = Client {
        server_name: Some("a\nb\u{e9}"),
        ..Client::default()
    };
    let met = client.meet(&Policy::new().server()).unwrap();
    assert_eq!(met.facts.server_name.as_deref(), Some("a\\nb\\xc3\\xa9"));
}
