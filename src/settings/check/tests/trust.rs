//! CAs in a directory, certificates that are asked for alone, and those that have expired.

use super::{said, said_beside_the_rest};
use crate::settings::{Level, Note, Settings, Words, check, check_client, check_policy};

#[test]
fn a_directory_of_cas_is_cas() {
    assert_eq!(
        said_beside_the_rest(&["ssl.capath=cas"]),
        [
            ". --ssl.capath: only clients with a certificate of these CAs are served, as ArangoDB's manual says; its \
             community server asks nobody, as 'ssl.cafile-mode=original' does"
        ]
    );
    assert_eq!(
        said_beside_the_rest(&["ssl.capath=cas", "ssl.verify-client=none"]),
        [
            "! --ssl.verify-client: clients are not asked for certificates, although 'ssl.capath' is set \
             (--ssl.capath)"
        ]
    );
    for flags in [
        ["ssl.capath=cas", "ssl.verify-client=require"],
        ["ssl.capath=cas", "ssl.cafile-mode=request"],
    ] {
        assert_eq!(said_beside_the_rest(&flags), [""; 0], "{flags:?}");
    }
}

#[test]
fn a_directory_of_cas_is_enough_for_a_backend() {
    let said = |more: &[&str]| {
        let flags = [
            "server.endpoint=postgres://127.0.0.1:0",
            "ssl.keyfile=server.pem",
            "backend=postgres+tls://127.0.0.1:1",
            "backend.capath=cas",
        ];
        said(&[&flags, more].concat())
    };
    assert_eq!(said(&["backend.sslmode=verify-ca"]), [""; 0]);
    assert_eq!(said(&["backend.system-ca=false"]), [""; 0]);
    assert_eq!(
        said(&["backend.sslmode=require"]),
        [
            ". --backend.capath: the backend's certificate has to be of these CAs although 'backend.sslmode' is not \
             verify-ca, as libpq has it"
        ]
    );
}

#[test]
fn clients_that_are_asked_alone_need_no_ca_and_are_warned_of() {
    let warned = "! --ssl.verify-client: 'request-unverified' lets in whoever shows a certificate that cannot be \
                  verified: nobody has proved what it says";
    for flags in [
        &["ssl.verify-client=request-unverified"][..],
        &["ssl.verify-client=request-unverified", "ssl.cafile=ca.pem"],
    ] {
        assert_eq!(said_beside_the_rest(flags), [warned], "{flags:?}");
    }
}

#[test]
fn expired_certificates_are_warned_of_where_they_count() {
    const SWITCH: &str = "kdb-accept-expired";
    let clients = "! --kdb-accept-expired: clients may come in with certificates that have expired, and do not count as \
                   verified then";
    let backend = "! --kdb-accept-expired: a backend may show a certificate that has expired";
    let idle = ". --kdb-accept-expired: has no effect as neither clients nor backends are verified";
    let asked = ["ssl.cafile=ca.pem", "ssl.verify-client=request"];
    assert_eq!(
        said_beside_the_rest(&[&asked[..], &[SWITCH]].concat()),
        [clients]
    );
    let hop = |more: &[&str]| {
        let flags = [
            "server.endpoint=ssl://127.0.0.1:0",
            "ssl.keyfile=server.pem",
            "backend=tls://127.0.0.1:1",
            SWITCH,
        ];
        said(&[&flags, more].concat())
    };
    assert_eq!(hop(&[]), [backend]);
    assert_eq!(hop(&asked), [clients, backend]);
    assert_eq!(said_beside_the_rest(&[SWITCH]), [idle]);
    let unverified = ["ssl.verify-client=request-unverified", SWITCH];
    assert_eq!(said_beside_the_rest(&unverified)[1..], [idle]);
}

#[test]
fn a_client_is_warned_of_expired_servers_unless_it_looks_at_none() {
    let notes = |options: &[(&str, &str)]| {
        let mut settings = Settings::default();
        for (name, value) in options {
            settings.set(name, value).unwrap();
        }
        let (problems, notes) = check_client(&settings);
        assert!(problems.is_empty(), "{problems:?}");
        notes.iter().map(Note::to_string).collect::<Vec<_>>()
    };
    let accepting = ("kdb-accept-expired", "true");
    assert_eq!(notes(&[]), [""; 0]);
    let said = notes(&[accepting]);
    assert!(
        said.len() == 1 && said[0].contains("a server may show a certificate that has expired"),
        "{said:?}"
    );
    assert_eq!(notes(&[accepting, ("ssl.verify-server", "none")]), [""; 0]);
}

#[test]
fn in_kdbs_words_cas_may_be_there_for_servers_alone() {
    let mut settings = Settings::default();
    settings.set("ssl.cafile", "ca.pem").unwrap();
    settings.set("ssl.verify-client", "none").unwrap();
    let said = |settings: &Settings| check_policy(settings).1.len();
    assert_eq!(said(&settings), 1);
    settings.policy.words = Words::Kdb;
    assert_eq!(said(&settings), 0);
}

#[test]
fn a_chain_for_any_server_is_warned_of_where_it_is_kdbs_and_there_is_a_backend() {
    let said = |backend: &str| {
        let mut settings = Settings::default();
        settings.policy.words = Words::Kdb;
        for (name, value) in [
            ("server.endpoint", "kdb+tcp://127.0.0.1:0"),
            ("backend", backend),
            ("backend.cafile", "ca.pem"),
            ("backend.sslmode", "verify-ca"),
        ] {
            settings.set(name, value).unwrap();
        }
        let notes = check(&settings).1.into_iter();
        let warnings = notes.filter(|note| note.level == Level::Warn);
        warnings.map(|note| note.text).collect::<Vec<_>>()
    };
    let warned = said("tcps://127.0.0.1:1");
    assert!(
        warned.len() == 1 && warned[0].contains("whatever server it is for"),
        "{warned:?}"
    );
    assert_eq!(said("tcp://127.0.0.1:1"), [""; 0]);
}
