//! What a client hears for what it says, in every order and in every fragment.

use super::*;
use crate::preface::{Shown, Subject};
use crate::settings::Origin;
use crate::settings::hba::{
    AddressPattern, AuthMethod, ClientCert, ClientName, Hba, NamePattern, Rule, RuleKind,
};
use proptest::prelude::*;

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";
const CANCEL_REQUEST: &[u8] = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x04\xd2keys";

fn startup(text: &[u8]) -> Vec<u8> {
    let body = [&b"\0\x03\0\0"[..], text, b"\0"].concat();
    let length = u32::try_from(body.len() + 4).expect("short");
    [&length.to_be_bytes()[..], &body].concat()
}

fn alice() -> Vec<u8> {
    startup(b"user\0alice\0database\0shop\0")
}

fn tls() -> Gate {
    Gate {
        tls: true,
        ..Gate::default()
    }
}

/// How a conversation up to the start-up packet went.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// What the client was told.
    said: Vec<u8>,
    /// What is for the backend.
    passed: Option<Vec<u8>>,
    over: bool,
    log: Vec<String>,
}

/// Plays a client that says something before TLS and inside it, `chunk` bytes at a time; what comes behind a request for
/// TLS comes with it (as from a client that does not wait) if it is part of the same text.
fn talk(gate: Gate, guest: &Guest, before: &[&[u8]], inside: &[&[u8]], chunk: usize) -> Heard {
    let mut machine = PostgreSql::new(Arc::new(gate));
    let mut guest = guest.clone();
    let (mut heard, mut seen) = (Heard::default(), Vec::new());
    let mut texts: Vec<&[u8]> = before.to_vec();
    loop {
        let decision = machine.look(&seen, &guest);
        heard.log.extend(machine.remark());
        let tls = match decision {
            Decision::More => {
                let Some(text) = texts.first_mut() else {
                    return heard;
                };
                let room = machine.longest() - seen.len();
                let count = text.len().min(chunk).min(room);
                assert!(count > 0, "it has seen all it wanted to");
                seen.extend_from_slice(&text[..count]);
                *text = &text[count..];
                if text.is_empty() {
                    texts.remove(0);
                }
                continue;
            }
            Decision::Pass => {
                heard.passed = Some(seen);
                return heard;
            }
            Decision::Tls => true,
            Decision::Answer(answer) => {
                heard.said.extend(&answer.say);
                seen.drain(..answer.taken);
                heard.over = answer.then == Then::End;
                if heard.over {
                    return heard;
                }
                answer.then == Then::Tls
            }
        };
        if tls {
            seen.clear();
            texts = inside.to_vec();
            guest.shown.get_or_insert_default();
        }
    }
}

/// What it sounds like with whole texts and with single bytes, which has to be the same.
fn heard(gate: &Gate, before: &[&[u8]], inside: &[&[u8]]) -> Heard {
    let guest = Guest {
        address: "192.0.2.7".parse().ok(),
        shown: None,
    };
    let whole = talk(gate.clone(), &guest, before, inside, usize::MAX);
    let single = talk(gate.clone(), &guest, before, inside, 1);
    assert_eq!(whole, single);
    whole
}

fn error(bytes: &[u8]) -> String {
    let at = bytes.iter().position(|byte| *byte == b'E');
    let fields = &bytes[at.expect("an error") + 5..];
    let texts = fields
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty());
    let texts: Vec<_> = texts
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    texts.join("|")
}

#[test]
fn tls_is_asked_for_and_the_startup_packet_inside_it_is_the_backends() {
    let heard = heard(&tls(), &[SSL_REQUEST], &[&alice()]);
    assert_eq!(heard.said, b"S");
    assert_eq!(heard.passed, Some(alice()));
    assert!(heard.log.is_empty());
}

#[test]
fn without_tls_whoever_asks_for_it_is_told_so_and_may_go_on() {
    let plain = Gate::default();
    for (before, said) in [
        (vec![SSL_REQUEST], &b"N"[..]),
        (vec![GSS_REQUEST], b"N"),
        (vec![SSL_REQUEST, GSS_REQUEST], b"NN"),
        (vec![GSS_REQUEST, SSL_REQUEST], b"NN"),
        (vec![], b""),
    ] {
        let (before, packet) = (before, alice());
        let texts: Vec<&[u8]> = before.iter().copied().chain([&packet[..]]).collect();
        let heard = heard(&plain, &texts, &[]);
        assert_eq!(heard.said, said);
        assert_eq!(heard.passed, Some(alice()));
    }
    let local = Guest::default();
    let heard = talk(tls(), &local, &[SSL_REQUEST], &[], 1);
    assert_eq!(heard.said, b"N", "on a unix socket");
}

#[test]
fn gssapi_is_refused_and_tls_taken_after_it() {
    let heard = heard(&tls(), &[GSS_REQUEST, SSL_REQUEST], &[&alice()]);
    assert_eq!(heard.said, b"NS");
    assert_eq!(heard.passed, Some(alice()));
}

#[test]
fn a_request_is_none_the_second_time() {
    let again =
        "SFATAL|VFATAL|C0A000|Munsupported frontend protocol 1234.5679: server supports 3.0 to 3.0";
    let gss = again.replace("5679", "5680");
    let plain = Gate::default();
    for (gate, before, inside, said) in [
        (&plain, vec![SSL_REQUEST, SSL_REQUEST], vec![], again),
        (&plain, vec![GSS_REQUEST, GSS_REQUEST], vec![], &*gss),
        (&tls(), vec![SSL_REQUEST], vec![SSL_REQUEST], again),
        (&tls(), vec![SSL_REQUEST], vec![GSS_REQUEST], &gss),
    ] {
        let heard = heard(gate, &before, &inside);
        assert!(heard.over && heard.passed.is_none());
        assert_eq!(error(&heard.said), said);
    }
}

#[test]
fn what_came_before_the_handshake_is_not_taken_for_what_comes_inside_it() {
    let stuffed = [SSL_REQUEST, &alice()].concat();
    let guest = Guest {
        address: "192.0.2.7".parse().ok(),
        shown: None,
    };
    let heard = talk(tls(), &guest, &[&stuffed], &[&alice()], usize::MAX);
    assert!(heard.over && heard.passed.is_none());
    assert!(heard.said.starts_with(b"SE"), "told inside TLS");
    let text = "SFATAL|VFATAL|C08P01|Mreceived unencrypted data after SSL request|DThis could be either a \
                client-software bug or evidence of an attempted man-in-the-middle attack.";
    assert_eq!(error(&heard.said), text);
    assert_eq!(heard.log, ["received unencrypted data after SSL request"]);

    let heard = talk(Gate::default(), &guest, &[&stuffed], &[], usize::MAX);
    assert_eq!(error(&heard.said), text, "without TLS as well");
    let stuffed = [GSS_REQUEST, &alice()].concat();
    let heard = talk(tls(), &guest, &[&stuffed], &[], usize::MAX);
    assert_eq!(error(&heard.said), text.replace("SSL", "GSSAPI encryption"));
}

#[test]
fn direct_tls_needs_alpn_and_comes_first() {
    let hello = b"\x16\x03\x01\x02\0";
    let guest = |alpn: Option<&[u8]>| Guest {
        address: "192.0.2.7".parse().ok(),
        shown: alpn.map(|alpn| Shown {
            alpn: (!alpn.is_empty()).then(|| alpn.to_vec()),
            ..Shown::default()
        }),
    };
    let mut machine = PostgreSql::new(Arc::new(tls()));
    assert_eq!(machine.look(b"", &guest(None)), Decision::More);
    assert_eq!(machine.look(hello, &guest(None)), Decision::Tls);
    assert_eq!(machine.look(b"", &guest(Some(ALPN))), Decision::More);
    let packet = [SSL_REQUEST];
    let Decision::Answer(answer) = machine.look(packet[0], &guest(Some(ALPN))) else {
        panic!("no answer to a request for TLS inside direct TLS");
    };
    assert_eq!((&answer.say[..], answer.then), (&b"N"[..], Then::GoOn));
    assert_eq!(machine.look(&alice(), &guest(Some(ALPN))), Decision::Pass);

    let mut machine = PostgreSql::new(Arc::new(tls()));
    machine.look(hello, &guest(None));
    assert!(matches!(
        machine.look(b"", &guest(Some(b""))),
        Decision::Answer(_)
    ));
    assert_eq!(
        machine.remark().expect("the reason"),
        "received direct SSL connection request without ALPN protocol negotiation extension"
    );

    let heard = heard(&Gate::default(), &[hello], &[]);
    assert!(heard.over && heard.said.is_empty(), "closed without a byte");
    let plain = Gate::default();
    let heard = self::heard(&plain, &[SSL_REQUEST, hello], &[]);
    assert_eq!(
        heard.log,
        ["invalid length of startup packet"],
        "too late for it"
    );
}

#[test]
fn cancelling_needs_neither_tls_nor_a_name() {
    let mut gate = tls();
    gate.hba = Some(Arc::new(Hba::default()));
    let heard = heard(&gate, &[CANCEL_REQUEST], &[]);
    assert_eq!(heard.passed.as_deref(), Some(CANCEL_REQUEST));
    let heard = self::heard(&gate, &[SSL_REQUEST], &[CANCEL_REQUEST]);
    assert_eq!(heard.passed.as_deref(), Some(CANCEL_REQUEST));
    let long = [&b"\0\0\0\x2c\x04\xd2\x16\x2e\0\0\x04\xd2"[..], &[7; 32]].concat();
    assert_eq!(
        self::heard(&gate, &[&long], &[]).passed,
        Some(long),
        "a key of 18"
    );
    let heard = self::heard(&gate, &[b"\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x01"], &[]);
    assert_eq!(heard.log, ["invalid length of startup packet"]);
}

#[test]
fn a_length_that_no_packet_has_ends_it_without_an_answer() {
    for length in [0_u32, 4, 7, 10_005, 0x4745_5420, u32::MAX] {
        let heard = heard(&tls(), &[&length.to_be_bytes()], &[]);
        assert!(heard.over && heard.said.is_empty(), "{length}");
        assert_eq!(heard.log, ["invalid length of startup packet"]);
    }
}

#[test]
fn a_client_that_goes_before_it_said_who_it_is_is_told_of_if_it_said_anything() {
    for (negotiate, bytes, remark) in [
        (false, &b""[..], None),
        (false, b"\0\0", Some("incomplete startup packet")),
        (
            false,
            b"\0\0\0\x20\0\x03",
            Some("incomplete startup packet"),
        ),
        (true, b"", None),
        (true, b"\0\0", None),
        (true, b"\0\0\0\x20", Some("incomplete startup packet")),
    ] {
        let mut machine = PostgreSql::new(Arc::new(Gate::default()));
        if negotiate {
            machine.look(SSL_REQUEST, &Guest::default());
        }
        machine.ended(bytes);
        assert_eq!(machine.remark().as_deref(), remark, "{negotiate} {bytes:?}");
    }
}

#[test]
fn versions_other_than_3_do_not_get_past_the_rules() {
    for (version, said) in [(0x0002_0000_u32, "2.0"), (0x0004_0001, "4.1")] {
        let packet = [
            &12_u32.to_be_bytes()[..],
            &version.to_be_bytes(),
            b"\0\0\0\0",
        ]
        .concat();
        let heard = heard(&tls(), &[&packet], &[]);
        assert!(error(&heard.said).contains(&format!("unsupported frontend protocol {said}:")));
    }
    let newer = [&[0, 0, 0, 20, 0, 3, 0, 2][..], b"user\0alice\0\0"].concat();
    assert!(heard(&tls(), &[&newer], &[]).passed.is_some(), "3.2");
}

/// A rule for everybody over TCP.
fn rule(kind: RuleKind, method: AuthMethod, client_cert: ClientCert) -> Rule {
    Rule {
        kind,
        databases: vec![NamePattern::All],
        users: vec![NamePattern::All],
        address: AddressPattern::All,
        method,
        client_cert,
        client_name: ClientName::Cn,
        map: None,
        origin: Origin::BuiltIn,
    }
}

/// What a client with this certificate is told under one rule; nothing where it is let through.
fn under(rule: Rule, verifies: bool, subject: Option<(&[u8], &str)>) -> (String, Vec<String>) {
    let gate = Gate {
        tls: true,
        hba: Some(Arc::new(Hba {
            records: vec![rule],
            maps: Vec::new(),
        })),
    };
    let guest = Guest {
        address: "192.0.2.7".parse().ok(),
        shown: Some(Shown {
            alpn: None,
            verifies,
            subject: subject.map(|(name, whole)| Subject {
                common_name: (!name.is_empty()).then(|| name.to_vec()),
                distinguished_name: whole.into(),
            }),
        }),
    };
    let heard = talk(gate, &guest, &[&alice()], &[], usize::MAX);
    let said = match heard.passed {
        Some(_) => String::new(),
        None if heard.said.is_empty() => "hung up".into(),
        None => error(&heard.said),
    };
    (said, heard.log)
}

#[test]
fn rules_say_who_comes_in_and_the_client_hears_why_not() {
    let trust = || AuthMethod::Other("trust".into());
    let scram = || AuthMethod::Other("scram-sha-256".into());
    let alice: Option<(&[u8], &str)> = Some((b"alice", "CN=alice,O=Shop"));
    let bob: Option<(&[u8], &str)> = Some((b"bob", "CN=bob,O=Shop"));
    let full = ClientCert::VerifyFull;
    for (rule, subject, said) in [
        (rule(RuleKind::Host, trust(), ClientCert::Off), None, ""),
        (
            rule(RuleKind::HostNoSsl, trust(), ClientCert::Off),
            None,
            "C28000|Mno pg_hba.conf entry for host \"192.0.2.7\", user \"alice\", database \"shop\", SSL encryption",
        ),
        (
            rule(RuleKind::Host, AuthMethod::Reject, ClientCert::Off),
            None,
            "C28000|Mpg_hba.conf rejects connection for host \"192.0.2.7\", user \"alice\", database \"shop\", SSL \
             encryption",
        ),
        (
            rule(RuleKind::HostSsl, trust(), ClientCert::VerifyCa),
            None,
            "C28000|Mconnection requires a valid client certificate",
        ),
        (
            rule(RuleKind::HostSsl, trust(), ClientCert::VerifyCa),
            bob,
            "",
        ),
        (rule(RuleKind::HostSsl, scram(), full), alice, ""),
        (
            rule(RuleKind::HostSsl, trust(), full),
            bob,
            "C28000|M\"trust\" authentication failed for user \"alice\"",
        ),
        (
            rule(RuleKind::HostSsl, scram(), full),
            bob,
            "C28P01|Mpassword authentication failed for user \"alice\"",
        ),
        (
            rule(RuleKind::HostSsl, AuthMethod::Cert, ClientCert::Off),
            alice,
            "",
        ),
        (
            rule(RuleKind::HostSsl, AuthMethod::Cert, full),
            bob,
            "C28000|Mcertificate authentication failed for user \"alice\"",
        ),
        (
            rule(RuleKind::HostSsl, AuthMethod::Cert, full),
            Some((b"", "O=Shop")),
            "C28000|Mcertificate authentication failed for user \"alice\"",
        ),
        (
            rule(RuleKind::HostSsl, AuthMethod::Cert, full),
            Some((b"alice\0.evil", "CN=alice")),
            "hung up",
        ),
    ] {
        let expected = match said {
            "" | "hung up" => said.to_owned(),
            said => format!("SFATAL|VFATAL|{said}"),
        };
        assert_eq!(
            under(rule.clone(), true, subject).0,
            expected,
            "{rule:?} {subject:?}"
        );
    }
    let without = under(rule(RuleKind::HostSsl, trust(), full), false, None).0;
    let why = "client certificates can only be checked if a root certificate store is available";
    assert!(without.ends_with(why), "{without}");
}

#[test]
fn the_log_hears_of_an_identity_that_the_certificate_proves_and_of_no_other() {
    let alice: Option<(&[u8], &str)> = Some((b"alice", "CN=alice,O=Shop"));
    let bob: Option<(&[u8], &str)> = Some((b"bob", "CN=bob,O=Shop"));
    let cert = || rule(RuleKind::HostSsl, AuthMethod::Cert, ClientCert::VerifyFull);
    let trust = |client_cert| {
        let method = AuthMethod::Other("trust".into());
        rule(RuleKind::HostSsl, method, client_cert)
    };
    let authenticated =
        "connection authenticated: identity=\"CN=alice,O=Shop\" method=cert (built in)";
    assert_eq!(under(cert(), true, alice).1, [authenticated]);
    assert_eq!(
        under(cert(), true, bob).1,
        [
            "connection authenticated: identity=\"CN=bob,O=Shop\" method=cert (built in): certificate authentication \
          failed for user \"alice\": provided user name (alice) and authenticated user name (bob) do not match"
        ]
    );
    assert!(under(trust(ClientCert::VerifyCa), true, alice).1.is_empty());
    assert!(
        under(trust(ClientCert::VerifyFull), true, alice)
            .1
            .is_empty()
    );
    assert_eq!(
        under(trust(ClientCert::VerifyFull), true, bob).1,
        [
            "\"trust\" authentication failed for user \"alice\": provided user name (alice) and authenticated user name \
          (bob) do not match: certificate validation (clientcert=verify-full) failed for user \"alice\": CN mismatch"
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes_come_to_a_decision_within_bounds(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(SSL_REQUEST.to_vec()),
                Just(GSS_REQUEST.to_vec()),
                Just(CANCEL_REQUEST.to_vec()),
                Just(alice()),
                Just(vec![0x16, 3, 1]),
                proptest::collection::vec(any::<u8>(), 0..40),
            ],
            0..8,
        ),
        chunk in 1_usize..30,
        tls: bool,
    ) {
        let bytes = parts.concat();
        let gate = Gate { tls, ..Gate::default() };
        let guest = Guest { address: "::1".parse().ok(), shown: None };
        if !bytes.is_empty() {
            let heard = talk(gate, &guest, &[&bytes], &[&bytes], chunk);
            prop_assert!(heard.said.len() < 4096);
        }
    }

    #[test]
    fn no_startup_packet_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Startup::read(&bytes);
    }
}
