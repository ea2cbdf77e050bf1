//! Client certificates: asked for or not, good and bad, revoked, and what the facts say of them.

use crate::settings::{Origin, Setting};
use crate::tls::Failure;
use crate::tls::testing::{Authority, Client, DAY, EC, Key, Pair, Parted, Policy};
use openssl::ssl::SslVersion;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn asking(authority: &Authority, verify: Option<&str>) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    let file = policy.file("ca.pem", &authority.pem());
    policy.settings.policy.ca_file = Setting::new(Some(file), Origin::Program);
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
    assert_eq!(parted.server.kind, Failure::ClientCertificate, "{parted:?}");
    assert_eq!(parted.server.reason, reason);
}

#[test]
fn a_ca_file_requires_certificates_of_its_cas() {
    let (authority, other) = (Authority::new("one"), Authority::new("two"));
    let server = asking(&authority, None).server();
    for version in BOTH {
        let met = showing(&authority.issue("client", EC), version)
            .meet(&server)
            .unwrap();
        assert_eq!(met.told, ["CN=one"]);
        let peer = met.facts.peer.unwrap();
        assert_eq!(peer.subject, "CN=client");
        assert_eq!(peer.issuer, "CN=one");
        assert_eq!(peer.verified, "ok");
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
    assert_eq!(policy.notes(), only_about_versions(&policy));
    let server = policy.server();
    for version in BOTH {
        assert!(showing(&good, version).meet(&server).is_ok());
        let parted = showing(&bad, version).meet(&server).unwrap_err();
        refused(&parted, "certificate verify failed: certificate revoked");
    }
}

/// What is said of any policy with an open range.
fn only_about_versions(policy: &Policy) -> String {
    let notes = policy.notes();
    let lines = notes
        .lines()
        .filter(|line| line.contains("cannot be spoken"));
    lines.collect::<Vec<_>>().join("\n")
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
    policy.settings.policy.ca_file = Setting::new(Some(file), Origin::Program);
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
    policy.settings.policy.ca_file = Setting::new(Some(file), Origin::Program);
    let client = showing(&two.issue("client", EC), SslVersion::TLS1_3);
    assert_eq!(
        client.meet(&policy.server()).unwrap().told,
        ["CN=one", "CN=two"]
    );
}

#[test]
fn the_client_hangs_up_with_an_alert_that_is_told() {
    let policy = Policy::new();
    let parted = Client {
        groups: Some("X25519"),
        ..Client::only(SslVersion::TLS1_2)
    }
    .meet(&policy.server())
    .unwrap_err();
    assert_eq!(parted.server.kind, Failure::NothingInCommon);
    assert_eq!(parted.server.reason, "no shared cipher");
}
