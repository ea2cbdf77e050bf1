//! TLS with the backend, as `client_tls` has it: nginx behind, with certificates good and bad.

use crate::curl::{curl, fetch, url};
use crate::front::{edge, file, pair, split, with};
use crate::support::pki::Key;
use crate::support::{Daemon, Launch, Pki};
use crate::web::Secure;
use serde_json::{Value, json};

/// A front in TLS, or without, and a `client_tls`.
fn launch(pki: &Pki, client_tls: &Value) -> Launch {
    let pair = pair(pki, "localhost", Key::Ecdsa);
    edge(pki, &json!({ "tls": pair, "client_tls": client_tls }))
}

/// Before a server, which trusts the tests' CA and says more.
fn before(pki: &Pki, server: &Secure, more: &Value) -> Daemon {
    let client_tls = with(json!({ "ca_certs": [pki.ca()] }), more);
    launch(pki, &client_tls)
        .set("backend", server.url())
        .start()
}

/// What curl gets by HTTP/2, if it does.
fn try_fetch(pki: &Pki, front: &Daemon) -> Option<String> {
    let said = curl(pki, &[&url("https", front.address(), "/way")]);
    said.succeeded.then_some(said.out)
}

#[test]
fn what_the_client_speaks_is_carried_to_the_backend_by_alpn() {
    let pki = Pki::new();
    let server = Secure::start(&pki, &pki.server());
    let front = before(&pki, &server, &json!({}));
    let place = url("https", front.address(), "/way");
    for (way, begin) in [
        ("--http2", "HTTP/2.0"),
        ("--http1.1", "HTTP/1.1"),
        ("--no-alpn", "HTTP/1.1"),
    ] {
        let said = fetch(&pki, &[way, &place]);
        let said: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(said[..2], [begin, "TLSv1.3"], "{way}");
        assert_eq!(said[3], "localhost", "who is asked for");
    }
}

#[test]
fn a_backend_that_does_not_speak_what_the_client_does_is_not_spoken_to() {
    let pki = Pki::new();
    let server = Secure::speaking(&pki, &pki.server(), "", "ssl_protocols TLSv1.3;");
    let front = before(&pki, &server, &json!({}));
    assert_eq!(try_fetch(&pki, &front), None);
    front.said("alert no application protocol");
    let place = url("https", front.address(), "/way");
    let said = fetch(&pki, &["--http1.1", &place]);
    assert!(said.starts_with("HTTP/1.1 TLSv1.3 "), "{said}");
}

#[test]
fn a_backend_whose_certificate_is_not_good_is_not_spoken_to_unless_that_is_allowed() {
    let pki = Pki::new();
    for (keyfile, why) in [
        (pki.expired_server(), "certificate has expired"),
        (
            pki.foreign_server(),
            "unable to get local issuer certificate",
        ),
        (pki.self_signed_server(), "self-signed certificate"),
        (
            pki.issue_server("other.pem", "other.example", Key::Ecdsa),
            "hostname mismatch",
        ),
    ] {
        let server = Secure::start(&pki, &keyfile);
        let front = before(&pki, &server, &json!({}));
        assert_eq!(try_fetch(&pki, &front), None, "{why}");
        let line = front
            .said("the server's certificate: ")
            .replace("self signed", "self-signed");
        assert!(line.contains(why), "{why}: {line}");
        let front = before(
            &pki,
            &server,
            &json!({ "allow_insecure_connections": true }),
        );
        let answer = try_fetch(&pki, &front).unwrap_or_default();
        assert!(answer.starts_with("HTTP/2.0 TLSv1.3 "), "{answer}");
        let warning = front.said("'client_tls.allow_insecure_connections'");
        assert!(warning.contains(" WARN "), "{warning}");
    }
}

/// It still works where it was before there was a `client_tls`.
#[test]
fn insecure_connections_may_be_allowed_at_the_top_as_well() {
    let pki = Pki::new();
    let server = Secure::start(&pki, &pki.foreign_server());
    let pair = pair(&pki, "localhost", Key::Ecdsa);
    let members = json!({ "tls": pair, "allow_insecure_connections": true });
    let front = edge(&pki, &members).set("backend", server.url()).start();
    assert!(try_fetch(&pki, &front).is_some());
    let warning = front.said("'allow_insecure_connections'");
    assert!(warning.contains(" WARN "), "{warning}");
}

#[test]
fn authorities_are_the_systems_and_those_of_the_file() {
    let pki = Pki::new();
    let ours = Secure::start(&pki, &pki.server());
    let foreign = Secure::start(&pki, &pki.foreign_server());
    let reaches = |server: &Secure, client_tls: Option<Value>| {
        let launch = match client_tls {
            Some(client_tls) => launch(&pki, &client_tls),
            None => {
                let pair = pair(&pki, "localhost", Key::Ecdsa);
                edge(&pki, &json!({ "tls": pair }))
            }
        };
        let launch = launch.set("backend", server.url());
        let front = launch.env("SSL_CERT_FILE", pki.ca()).start();
        try_fetch(&pki, &front).is_some()
    };
    let more = || Some(json!({ "ca_certs": [pki.other_ca()] }));
    let alone = json!({ "ca_certs": [pki.other_ca()], "disable_system_ca_pool": true });
    assert!(
        reaches(&ours, None),
        "the system's, where there is no client_tls"
    );
    assert!(!reaches(&foreign, None));
    assert!(reaches(&ours, Some(json!({}))));
    assert!(reaches(&ours, more()), "the system's besides others");
    assert!(reaches(&foreign, more()));
    assert!(reaches(&foreign, Some(alone.clone())));
    assert!(!reaches(&ours, Some(alone)));
}

#[test]
fn a_backend_that_asks_for_a_certificate_gets_it() {
    let pki = Pki::new();
    let asks = format!(
        "ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate {};",
        pki.ca()
    );
    let server = Secure::with(&pki, &pki.server(), &asks);
    let pair = split(&pki, &pki.client());
    let pair = json!({ "certificate": pair["public_key"], "private_key": pair["private_key"] });
    let front = before(&pki, &server, &json!({ "client_certs": [pair] }));
    let answer = try_fetch(&pki, &front).unwrap();
    assert!(answer.ends_with(" localhost CN=client\n"), "{answer}");
    let front = before(&pki, &server, &json!({}));
    let answer = try_fetch(&pki, &front).unwrap();
    assert!(
        answer.contains("No required SSL certificate was sent"),
        "{answer}"
    );
}

/// As soon as there is a `client_tls`, that is; without one, TLS 1.2 is spoken as well.
#[test]
fn backends_are_spoken_to_in_tls_1_3_unless_an_older_version_is_allowed() {
    let pki = Pki::new();
    let server = Secure::with(&pki, &pki.server(), "ssl_protocols TLSv1.2;");
    let front = before(&pki, &server, &json!({}));
    assert_eq!(try_fetch(&pki, &front), None);
    let front = before(
        &pki,
        &server,
        &json!({ "min_version": "TLS12", "max_version": "TLS12" }),
    );
    let answer = try_fetch(&pki, &front).unwrap();
    assert!(answer.starts_with("HTTP/2.0 TLSv1.2 "), "{answer}");
    let pair = pair(&pki, "localhost", Key::Ecdsa);
    let launch = edge(&pki, &json!({ "tls": pair })).set("backend", server.url());
    let front = launch.set("backend.cafile", pki.ca()).start();
    let answer = try_fetch(&pki, &front).unwrap();
    assert!(answer.starts_with("HTTP/2.0 TLSv1.2 "), "{answer}");
}

#[test]
fn suites_and_curves_are_those_of_the_file() {
    let pki = Pki::new();
    let only =
        "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384; ssl_ecdh_curve secp384r1;";
    let keyfile = pki.issue_server("rsa.pem", "localhost", Key::Rsa);
    let server = Secure::with(&pki, &keyfile, only);
    for (curve, suite, reaches) in [(24, 49200, true), (23, 49200, false), (24, 49199, false)] {
        let choice = json!({
            "min_version": "TLS12",
            "max_version": "TLS12",
            "curve_preferences": [curve],
            "cipher_suites": [suite],
        });
        let front = before(&pki, &server, &choice);
        assert_eq!(
            try_fetch(&pki, &front).is_some(),
            reaches,
            "{curve}, {suite}"
        );
    }
}

#[test]
fn who_comes_in_the_clear_goes_on_in_tls() {
    let pki = Pki::new();
    let server = Secure::start(&pki, &pki.server());
    let client_tls = json!({ "ca_certs": [pki.ca()] });
    let front = file(&pki, &json!({ "client_tls": client_tls }))
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", server.url())
        .start();
    let answer = fetch(&pki, &[&url("http", front.address(), "/way")]);
    assert!(answer.starts_with("HTTP/1.1 TLSv1.3 "), "{answer}");
}

/// Also where curl speaks HTTP/2, which is when it ends without a close-notify.
#[test]
fn sessions_with_the_backend_are_resumed() {
    let pki = Pki::new();
    for version in ["TLS13", "TLS12"] {
        for way in ["--http1.1", "--http2"] {
            let server = Secure::start(&pki, &pki.server());
            let versions = json!({ "min_version": version, "max_version": version });
            let client_tls = with(versions, &json!({ "ca_certs": [pki.ca()] }));
            let launch = launch(&pki, &client_tls).set("backend", server.url());
            let front = launch.threads(1).start();
            let place = url("https", front.address(), "/way");
            for _ in 0..20 {
                fetch(&pki, &[way, &place]);
            }
            assert_eq!(server.handshakes(20), (1, 19), "{version} {way}");
        }
    }
}
