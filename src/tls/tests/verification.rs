//! What kdb+ makes of certificates: those that have expired, those that are only asked for, and CAs in a directory.

use crate::settings::{Origin, Setting};
use crate::tls::testing::{
    Authority, Client, DAY, EC, Met, Pair, Parted, Policy, Server, reach, self_signed,
};
use crate::tls::{Context, Prepared, Server as Whom};
use openssl::ssl::SslVersion;
use std::os::unix::fs::symlink;
use std::path::Path;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

const VERIFY_FAILED: &str = "certificate verify failed: ";

/// A server that trusts some CAs.
fn trusting(authorities: &[&Authority], options: &[(&str, &str)]) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    if !authorities.is_empty() {
        let text: Vec<u8> = authorities.iter().flat_map(|one| one.pem()).collect();
        let file = policy.file("ca.pem", &text);
        policy.settings.policy.ca_files = vec![Setting::new(file, Origin::Program)];
    }
    for (name, value) in options {
        policy.set(name, value);
    }
    policy
}

fn showing(pair: &Pair, version: SslVersion) -> Client {
    Client {
        identity: Some(pair.clone()),
        ..Client::only(version)
    }
}

fn code(met: &Met) -> i32 {
    met.facts.peer.as_ref().expect("a certificate").verify_error
}

fn why(result: Result<Met, Parted>) -> String {
    result.expect_err("refused").server.reason
}

/// Refused for that. OpenSSL 4.0 adds to some of its reasons.
#[track_caller]
fn refused(result: Result<Met, Parted>, words: &str) {
    let why = why(result);
    assert!(why.starts_with(&format!("{VERIFY_FAILED}{words}")), "{why}");
}

/// Each way to be wrong, with libssl's words and its number.
fn wrong(good: &Authority, expired: &Authority) -> Vec<(Pair, &'static str, i32)> {
    let stranger = Authority::new("stranger");
    vec![
        (
            good.issue_for("early", EC, (DAY, 9 * DAY)),
            "certificate is not yet valid",
            9,
        ),
        (
            good.issue_for("late", EC, (-9 * DAY, -DAY)),
            "certificate has expired",
            10,
        ),
        (
            expired.issue("of an expired CA", EC),
            "certificate has expired",
            10,
        ),
        (
            self_signed("nobody", EC),
            // OpenSSL 1.1.1 writes it in two words.
            "self",
            18,
        ),
        (
            stranger.issue("unknown", EC),
            "unable to get local issuer certificate",
            20,
        ),
        (
            stranger.issue_for("unknown and late", EC, (-9 * DAY, -DAY)),
            "unable to get local issuer certificate",
            20,
        ),
    ]
}

#[test]
fn of_clients_those_that_have_expired_and_no_others_are_accepted() {
    let (good, expired) = (Authority::new("good"), Authority::until("expired", -1));
    for options in [
        &[("kdb-accept-expired", "true")][..],
        &[
            ("kdb-accept-expired", "true"),
            ("ssl.verify-client", "request"),
        ],
    ] {
        let accepting = trusting(&[&good, &expired], options).server();
        let refusing = trusting(&[&good, &expired], &options[1..]).server();
        for version in BOTH {
            for (pair, words, number) in wrong(&good, &expired) {
                let client = showing(&pair, version);
                refused(client.meet(&refusing), words);
                if number == 10 {
                    let met = client.meet(&accepting).unwrap();
                    assert_eq!((code(&met), met.identified), (10, false));
                } else {
                    refused(client.meet(&accepting), words);
                }
            }
            let fine = showing(&good.issue("fine", EC), version)
                .meet(&accepting)
                .unwrap();
            assert_eq!(
                (code(&fine), fine.identified, fine.expired),
                (0, true, None)
            );
        }
    }
}

#[test]
fn each_use_of_an_expired_certificate_is_told_with_the_one_that_it_is() {
    let (good, expired) = (Authority::new("good"), Authority::until("expired", -1));
    let server = trusting(&[&good, &expired], &[("kdb-accept-expired", "true")]).server();
    for version in BOTH {
        let said = |pair: &Pair| {
            showing(pair, version)
                .meet(&server)
                .unwrap()
                .expired
                .unwrap()
        };
        let late = said(&good.issue_for("late", EC, (-9 * DAY, -DAY)));
        let start = "accepted a certificate that has expired, as 'kdb-accept-expired' says: ";
        assert!(
            late.starts_with(&format!("{start}at depth 0: '/CN=late', serial number ")),
            "{late}"
        );
        assert!(late.ends_with(", of '/CN=good'"), "{late}");
        let of_the_ca = said(&expired.issue("client", EC));
        assert!(
            of_the_ca.starts_with(&format!("{start}at depth 1: '/CN=expired', serial")),
            "{of_the_ca}"
        );
    }
}

#[test]
fn a_client_that_has_expired_is_not_resumed_and_one_of_an_expired_ca_is_told_of_again() {
    let (good, expired) = (Authority::new("good"), Authority::until("expired", -1));
    for cache in ["true", "false"] {
        let options = [("kdb-accept-expired", "true"), ("ssl.session-cache", cache)];
        let server = trusting(&[&good, &expired], &options).server();
        for version in BOTH {
            let client = showing(&good.issue_for("late", EC, (-9 * DAY, -DAY)), version);
            let met = client.meet(&server).unwrap();
            let again = client.with_session(&met).meet(&server).unwrap();
            assert!(!again.facts.resumed && again.expired.is_some());

            let client = showing(&expired.issue("client", EC), version);
            let met = client.meet(&server).unwrap();
            let again = client.with_session(&met).meet(&server).unwrap();
            assert!(again.facts.resumed);
            assert_eq!(code(&again), 10);
            let told = again.expired.unwrap();
            assert!(
                told.contains("says: in the chain of '/CN=client', serial number "),
                "{told}"
            );
        }
    }
}

#[test]
fn a_session_does_not_outlive_that_expired_certificates_are_accepted() {
    let expired = Authority::until("expired", -1);
    let mut policy = trusting(&[&expired], &[("kdb-accept-expired", "true")]);
    let keys = policy.file("tickets", "ab".repeat(80).as_bytes());
    policy.settings.policy.ticket_keys = Setting::new(Some(keys), Origin::Program);
    for version in BOTH {
        let client = showing(&expired.issue("client", EC), version);
        let met = client.meet(&policy.server()).unwrap();
        let back = client.with_session(&met);
        assert!(back.meet(&policy.server()).unwrap().facts.resumed);
        policy.set("kdb-accept-expired", "false");
        refused(back.meet(&policy.server()), "certificate has expired");
        policy.set("kdb-accept-expired", "true");
    }
}

#[test]
fn a_revoked_certificate_is_refused_though_it_has_expired() {
    let authority = Authority::new("good");
    let late = authority.issue_for("late", EC, (-9 * DAY, -DAY));
    let mut policy = trusting(&[&authority], &[("kdb-accept-expired", "true")]);
    let list = policy.file("crl.pem", &authority.crl(&[&late], 30).to_pem().unwrap());
    policy.settings.policy.crl_file = Setting::new(Some(list), Origin::Program);
    let client = showing(&late, SslVersion::TLS1_3);
    refused(client.meet(&policy.server()), "certificate revoked");

    let list = policy.file("old.pem", &authority.crl(&[], -2).to_pem().unwrap());
    policy.settings.policy.crl_file = Setting::new(Some(list), Origin::Program);
    // That is another matter.
    refused(client.meet(&policy.server()), "CRL has expired");
}

#[test]
fn certificates_that_are_asked_for_alone_all_pass_and_none_counts_as_verified() {
    let (good, expired) = (Authority::new("good"), Authority::until("expired", -1));
    let asking = [("ssl.verify-client", "request-unverified")];
    for options in [&asking[..], &[asking[0], ("kdb-accept-expired", "true")]] {
        let server = trusting(&[&good, &expired], options).server();
        for version in BOTH {
            let none = Client::only(version).meet(&server).unwrap();
            assert_eq!(none.facts.peer, None);
            let fine = showing(&good.issue("fine", EC), version)
                .meet(&server)
                .unwrap();
            assert_eq!(code(&fine), 0);
            for (pair, words, number) in wrong(&good, &expired) {
                let client = showing(&pair, version);
                let met = client.meet(&server).unwrap();
                assert_eq!(code(&met), number, "{words}");
                assert_eq!(met.expired, None, "nobody was to be verified");
                assert!(!met.identified);
                let peer = met.facts.peer.as_ref().unwrap();
                assert!(peer.verified.starts_with(words), "{}", peer.verified);
                assert!(
                    met.facts
                        .to_string()
                        .ends_with(&format!("(not verified: {})", peer.verified))
                );
                let again = client.with_session(&met).meet(&server).unwrap();
                assert_eq!(code(&again), number, "a session keeps the verdict");
            }
        }
    }
}

#[test]
fn without_cas_nobody_is_verified_and_everybody_may_come() {
    let server = trusting(&[], &[("ssl.verify-client", "request-unverified")]).server();
    for version in BOTH {
        let met = showing(&Authority::new("one").issue("client", EC), version).meet(&server);
        assert_eq!(code(&met.unwrap()), 20);
    }
}

/// For `localhost`.
fn serving(pair: &Pair) -> Server {
    let mut policy = Policy::empty();
    policy.identity("server.pem", &pair.pem());
    policy.set("ssl.protocol", "9");
    policy.server()
}

/// Of this crate, with an authority to trust.
fn client(authorities: &[&Authority], options: &[(&str, &str)]) -> Context {
    let policy = trusting(authorities, options);
    let (prepared, _) = Prepared::load_client(&policy.settings).unwrap();
    Context::client(&prepared).unwrap()
}

#[test]
fn of_servers_those_that_have_expired_and_no_others_are_accepted() {
    let (good, expired) = (Authority::new("good"), Authority::until("expired", -1));
    let accepting = client(&[&good, &expired], &[("kdb-accept-expired", "true")]);
    let refusing = client(&[&good, &expired], &[]);
    let by_authority = Whom::Trusted(Some("localhost"));
    for (pair, words, number) in wrong(&good, &expired) {
        let server = serving(&pair);
        let refused = reach(&refusing, by_authority, &server).unwrap_err();
        let expected = format!("the server's certificate: {words}");
        assert!(refused.starts_with(&expected), "{refused}");
        let accepted = reach(&accepting, by_authority, &server);
        match accepted {
            Ok((facts, told)) => {
                assert_eq!((number, facts.peer.unwrap().verify_error), (10, 10));
                let told = told.expect("a warning");
                assert!(told.contains("at depth "), "{told}");
            }
            Err(said) => assert!(number != 10 && said == refused, "{said}"),
        }
    }
}

#[test]
fn a_server_that_has_expired_still_has_to_be_the_one_that_is_meant() {
    let good = Authority::new("good");
    let accepting = client(&[&good], &[("kdb-accept-expired", "true")]);
    let server = serving(&good.issue_for("localhost", EC, (-9 * DAY, -DAY)));
    let (facts, told) = reach(&accepting, Whom::Verified("localhost"), &server).unwrap();
    assert_eq!(facts.peer.unwrap().verify_error, 10);
    assert!(told.is_some());
    let said = reach(&accepting, Whom::Verified("elsewhere"), &server).unwrap_err();
    assert!(said.to_lowercase().contains("hostname mismatch"), "{said}");
}

#[test]
fn a_server_that_is_not_looked_at_is_no_reason_to_warn() {
    let good = Authority::new("good");
    let server = serving(&good.issue_for("localhost", EC, (-9 * DAY, -DAY)));
    for options in [&[][..], &[("kdb-accept-expired", "true")]] {
        let careless = client(&[&good], options);
        let (facts, told) = reach(&careless, Whom::Unverified(None), &server).unwrap();
        assert_eq!((facts.peer.unwrap().verify_error, told), (10, None));
    }
}

/// Puts a CA into a directory as `openssl rehash` does.
fn put(directory: &Path, authority: &Authority, name: &str) {
    std::fs::write(directory.join(name), authority.pem()).unwrap();
    let hash = authority.0.certificate.subject_name_hash();
    symlink(name, directory.join(format!("{hash:08x}.0"))).unwrap();
}

#[test]
fn cas_in_a_directory_are_found_when_they_are_needed() {
    let (one, later) = (Authority::new("one"), Authority::new("later"));
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), &one, "one.pem");
    let path = directory.path().to_str().unwrap();
    let server = trusting(&[], &[("ssl.capath", path)]).server();
    for version in BOTH {
        let met = showing(&one.issue("client", EC), version)
            .meet(&server)
            .unwrap();
        assert_eq!(code(&met), 0);
        assert!(met.told.is_empty(), "names come of files alone");
        // As with a file, they are required.
        let missing = why(Client::only(version).meet(&server));
        assert!(
            missing.starts_with("peer did not return a certificate"),
            "{missing}"
        );
    }
    let client = showing(&later.issue("client", EC), SslVersion::TLS1_3);
    refused(
        client.meet(&server),
        "unable to get local issuer certificate",
    );
    put(directory.path(), &later, "later.pem");
    assert_eq!(code(&client.meet(&server).unwrap()), 0);
}

#[test]
fn cas_of_files_and_of_a_directory_count_together() {
    let (in_file, in_directory) = (Authority::new("file"), Authority::new("directory"));
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), &in_directory, "ca.pem");
    let options = [("ssl.capath", directory.path().to_str().unwrap())];
    let server = trusting(&[&in_file], &options).server();
    for authority in [&in_file, &in_directory] {
        let client = showing(&authority.issue("client", EC), SslVersion::TLS1_3);
        let met = client.meet(&server).unwrap();
        assert_eq!((code(&met), met.told), (0, vec!["CN=file".to_owned()]));
    }
    let ours = client(&[], &options);
    let server = serving(&in_directory.issue("localhost", EC));
    assert!(reach(&ours, Whom::Verified("localhost"), &server).is_ok());
}

#[test]
fn a_session_does_not_outlive_a_change_of_the_directory_and_a_reload() {
    let authority = Authority::new("one");
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), &authority, "ca.pem");
    let options = [("ssl.capath", directory.path().to_str().unwrap())];
    let mut policy = trusting(&[], &options);
    let keys = policy.file("tickets", "ab".repeat(80).as_bytes());
    policy.settings.policy.ticket_keys = Setting::new(Some(keys), Origin::Program);
    for version in BOTH {
        let client = showing(&authority.issue("client", EC), version);
        let met = client.meet(&policy.server()).unwrap();
        let back = client.with_session(&met);
        assert!(back.meet(&policy.server()).unwrap().facts.resumed);
        let other = format!("other {version:?}");
        put(directory.path(), &Authority::new(&other), &other);
        assert!(!back.meet(&policy.server()).unwrap().facts.resumed);
    }
}

#[test]
fn what_is_no_directory_is_refused_and_one_without_hashed_names_is_told_of() {
    let mut policy = trusting(&[&Authority::new("one")], &[]);
    let file = policy.file("file", b"");
    policy.set("ssl.capath", file.to_str().unwrap());
    let problems = policy.problems();
    assert_eq!(
        problems,
        "cannot look for CAs in directory 'file': not a directory"
    );
    let directory = policy.directory().display().to_string();
    policy.set("ssl.capath", &directory);
    let notes = policy.notes();
    let expected = format!("directory '{directory}' has no CA under a hashed name");
    assert!(notes.contains(&expected), "{notes}");
}
