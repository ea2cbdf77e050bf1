//! Each protocol number against each version a client may speak.

use crate::settings::{Setting, Version};
use crate::tls::testing::{Client, Policy};
use openssl::ssl::SslVersion;

const VERSIONS: [(SslVersion, &str); 4] = [
    (SslVersion::TLS1, "TLSv1"),
    (SslVersion::TLS1_1, "TLSv1.1"),
    (SslVersion::TLS1_2, "TLSv1.2"),
    (SslVersion::TLS1_3, "TLSv1.3"),
];

/// Which of the versions a policy speaks, with clients that speak one alone.
fn spoken(policy: &Policy) -> Vec<&'static str> {
    let server = policy.server();
    let spoken =
        VERSIONS.iter().filter(
            |(version, name)| match Client::only(*version).meet(&server) {
                Ok(met) => {
                    assert_eq!(met.facts.protocol, *name);
                    true
                }
                Err(parted) => {
                    assert_eq!(
                        parted.server.kind,
                        crate::tls::Failure::NothingInCommon,
                        "{parted:?}"
                    );
                    false
                }
            },
        );
    spoken.map(|(_, name)| *name).collect()
}

fn lenient(protocol: &str) -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", protocol);
    policy.set("ssl.cipher-list", "ALL:@SECLEVEL=0");
    policy
}

#[test]
fn each_number_speaks_exactly_its_versions() {
    let all = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    for (number, expected) in [("4", &all[..1]), ("5", &all[2..3]), ("6", &all[3..])] {
        assert_eq!(spoken(&lenient(number)), expected, "{number}");
    }
    for number in ["2", "9"] {
        let mut policy = lenient(number);
        // What openssl.cnf says of versions stays, so the test says it itself.
        policy.set("ssl.conf", "MinProtocol=TLSv1");
        assert_eq!(spoken(&policy), all, "{number}");
    }
}

#[test]
fn the_default_is_one_version_alone() {
    assert_eq!(spoken(&Policy::new()), ["TLSv1.2"]);
}

#[test]
fn versions_by_name_beat_the_number() {
    let mut policy = lenient("5");
    policy.set("ssl.min-protocol", "TLSv1.1");
    assert_eq!(spoken(&policy), ["TLSv1.1", "TLSv1.2"]);
    policy.set("ssl.max-protocol", "TLSv1.3");
    assert_eq!(spoken(&policy), ["TLSv1.1", "TLSv1.2", "TLSv1.3"]);
}

#[test]
fn a_lowest_version_alone_is_not_bound_by_the_built_in_number() {
    let mut policy = Policy::new();
    policy.set("ssl.min-protocol", "TLSv1.2");
    assert_eq!(spoken(&policy), ["TLSv1.2", "TLSv1.3"]);
}

#[test]
fn the_mask_takes_versions_out_of_the_range() {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    policy.set("ssl.min-protocol", "TLSv1.2");
    policy.set("ssl.options", "NO_TLSv1_2");
    assert_eq!(spoken(&policy), ["TLSv1.3"]);
    assert_eq!(policy.load().report().min_protocol, "TLSv1.3");
}

#[test]
fn a_version_this_libssl_is_built_without_is_refused_with_its_name() {
    if crate::tls::probe::is_built_in(SslVersion::SSL3) {
        return;
    }
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "3");
    let library = crate::tls::library_version();
    assert_eq!(
        policy.problems(),
        format!("cannot create SSL context: {library} is built without SSLv3")
    );
}

#[test]
fn a_version_that_the_security_level_forbids_is_reported() {
    // 1.1.1 forbids TLS 1.0 from level 3 on, 3.0 from level 1 on.
    let level = if cfg!(openssl3) { "2" } else { "3" };
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "4");
    policy.set("ssl.security-level", level);
    let notes = policy.notes();
    let expected = format!("TLSv1 cannot be spoken at security level {level}: '@SECLEVEL=0'");
    assert!(notes.contains(&expected), "{notes}");
    assert!(
        notes.contains("no protocol version can be spoken"),
        "{notes}"
    );
    assert_eq!(policy.load().report().max_protocol, "none");
    policy.set("ssl.cipher-list", "ALL:@SECLEVEL=0");
    let notes = policy.notes();
    assert!(!notes.contains("cannot be spoken"), "{notes}");
    let report = policy.load().report();
    assert_eq!(
        (report.min_protocol.as_str(), report.security_level),
        ("TLSv1", 0)
    );
}

#[test]
fn old_versions_that_a_dialect_brings_are_told_once_and_as_they_are() {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    policy.settings.policy.min_protocol = Setting::built_in(Some(Version::Tls1));
    // As above; 1.1.1 forbids TLS 1.1 from level 4 on.
    let (level, forbidden) = match cfg!(openssl3) {
        true => ("2", "TLSv1 and TLSv1.1"),
        false => ("3", "TLSv1"),
    };
    policy.set("ssl.security-level", level);
    let notes = policy.notes();
    let lines: Vec<&str> = notes
        .lines()
        .filter(|line| line.contains("cannot be spoken"))
        .collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with(&format!("{forbidden} cannot be spoken")),
        "{notes}"
    );
    policy.set("ssl.cipher-list", "ALL:@SECLEVEL=0");
    let notes = policy.notes();
    assert!(
        notes.contains("versions that are broken can be spoken: TLSv1 and TLSv1.1"),
        "{notes}"
    );
}
