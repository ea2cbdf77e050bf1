//! What keeps a front from starting, in the gateway's words, behind the place in the file.

use crate::front::{edge, pair, split, with};
use crate::support::pki::Key;
use crate::support::{Launch, Pki};
use serde_json::{Value, json};

/// What is said of a `tls` at the start.
fn refused(pki: &Pki, tls: &Value) -> String {
    let launch = edge(pki, &json!({ "tls": tls }));
    let log = launch.set("backend", "service://echo").refused(3);
    assert!(!log.contains("using endpoint"), "{log}");
    log
}

#[track_caller]
fn assert_refused(pki: &Pki, tls: &Value, why: &str) {
    let log = refused(pki, tls);
    assert!(log.contains(why), "{tls}: {log}");
}

#[test]
fn without_a_pair_there_is_no_tls() {
    let pki = Pki::new();
    let whole = split(&pki, &pki.server());
    let half = |key: &str| json!({ key: whole[key] });
    for (tls, why) in [
        (json!({}), "public key not defined"),
        (half("private_key"), "public key not defined"),
        (half("public_key"), "private key not defined"),
        (
            json!({ "public_key": "", "private_key": "" }),
            "public key not defined",
        ),
        (json!({ "keys": [] }), "public key not defined"),
        (
            json!({ "keys": [half("public_key")] }),
            "private key not defined",
        ),
        (json!({ "keys": [whole, {}] }), "public key not defined"),
    ] {
        assert_refused(&pki, &tls, why);
    }
}

/// A file that is there, and one that is not.
#[test]
fn files_that_are_missing_are_named_as_the_gateway_names_them() {
    let pki = Pki::new();
    let whole = split(&pki, &pki.server());
    for key in ["public_key", "private_key"] {
        let tls = with(whole.clone(), &json!({ key: "unknown" }));
        assert_refused(&pki, &tls, ": open unknown: no such file or directory");
    }
}

/// The gateway logs that, and takes what certificates there are.
#[test]
fn an_authority_that_is_missing_is_refused() {
    let pki = Pki::new();
    let whole = split(&pki, &pki.server());
    let none = pki.path("none.pem");
    let tls = with(
        whole,
        &json!({ "enable_mtls": true, "ca_certs": [pki.ca(), none] }),
    );
    assert_refused(&pki, &tls, &format!("Cannot load certificate CA {none}: "));
}

const BROKEN: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

#[test]
fn files_that_hold_something_else_are_refused() {
    let pki = Pki::new();
    let whole = split(&pki, &pki.server());
    let (public, private) = (&whole["public_key"], &whole["private_key"]);
    let other = &pair(&pki, "other.example", Key::Ecdsa)["private_key"];
    let junk = &json!(pki.write("junk.pem", "certificate or key\n"));
    let broken = &json!(pki.write("broken.pem", BROKEN));
    for (public, private, why) in [
        (public, other, "tls: private key does not match public key"),
        (
            junk,
            private,
            "tls: failed to find any PEM data in certificate input",
        ),
        (
            public,
            junk,
            "tls: failed to find any PEM data in key input",
        ),
        (public, broken, "tls: failed to parse private key"),
        (private, public, "PEM inputs may have been switched"),
        (
            public,
            public,
            "tls: found a certificate rather than a key in the PEM for the private key",
        ),
    ] {
        let tls = json!({ "public_key": public, "private_key": private });
        assert_refused(&pki, &tls, why);
    }
}

/// With the gateway these start, and every handshake fails.
#[test]
fn versions_that_leave_none_to_speak_are_refused() {
    let pki = Pki::new();
    let whole = split(&pki, &pki.server());
    for (versions, why) in [
        (
            json!({ "max_version": "TLS12" }),
            "'TLS12' is below the 'TLS13'",
        ),
        (
            json!({ "min_version": "TLS12", "max_version": "TLS11" }),
            "'TLS11' is below the 'TLS12'",
        ),
        (
            json!({ "min_version": "SSL3.0", "max_version": "SSL3.0" }),
            "'SSL3.0' leaves no version to speak",
        ),
    ] {
        assert_refused(&pki, &with(whole.clone(), &versions), why);
    }
}

#[test]
fn everything_wrong_is_told_at_once_with_its_line() {
    let pki = Pki::new();
    let text = "{\n  \"version\": 3,\n  \"enable_mtls\": true,\n  \"tls\": {\n    \"public_key\": \"a.pem\",\n    \
                \"privat_key\": \"b.pem\",\n    \"curve_preferences\": [22]\n  }\n}\n";
    let file = pki.write("krakend.json", text);
    let log = Launch::new()
        .config(&file, 0)
        .set("backend", "service://echo")
        .refused(3);
    for (line, why) in [
        (3, "'enable_mtls': has no effect here: its place is 'tls'"),
        (5, "'tls.public_key': private key not defined"),
        (
            6,
            "'tls.privat_key': unknown key: did you mean 'private_key'?",
        ),
        (7, "'tls.curve_preferences': '22' is not one of"),
    ] {
        let told = format!("{file}:{line}: {why}");
        assert!(log.contains(&told), "{told}; {log}");
    }
    let comma = pki.write("comma.json", "{\n  \"version\": 3,\n}\n");
    let log = Launch::new().config(&comma, 0).refused(3);
    assert!(log.contains(&format!("{comma}:3:1: ")), "{log}");
}
