//! Clients' certificates, which `enable_mtls` asks for: whose are taken, and what the others get.

use crate::curl::{curl, fetch, url};
use crate::front::{edge, split, tls, with};
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Pki};
use crate::web::Web;
use serde_json::{Value, json};
use std::fs;

/// A front before nginx that asks for certificates, with these members besides.
fn asking(pki: &Pki, web: &Web, more: &Value) -> Daemon {
    let asking = with(json!({ "enable_mtls": true }), more);
    web.behind(tls(pki, &asking)).start()
}

/// The tests' CA and no other, down to TLS 1.2.
fn ours(pki: &Pki) -> Value {
    json!({ "ca_certs": [pki.ca()], "disable_system_ca_pool": true, "min_version": "TLS12" })
}

/// Whether curl gets an answer with the certificate of a keyfile.
fn comes_in(pki: &Pki, front: &Daemon, keyfile: &str) -> bool {
    let place = url("https", front.address(), "/way");
    let said = curl(pki, &["--cert", keyfile, &place]);
    assert!(!said.succeeded || said.out == "HTTP/2.0 GET /way\n");
    said.succeeded
}

#[test]
fn a_client_with_a_certificate_comes_in_by_every_protocol_and_version() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let front = asking(&pki, &web, &ours(&pki));
    let (client, place) = (pki.client(), url("https", front.address(), "/way"));
    for (way, answer) in [("--http2", "HTTP/2.0"), ("--http1.1", "HTTP/1.1")] {
        for max in ["1.2", "1.3"] {
            let arguments = ["--cert", &client, way, "--tls-max", max, &place];
            let said = fetch(&pki, &arguments);
            assert_eq!(said, format!("{answer} GET /way\n"), "{way} {max}");
        }
    }
}

/// An alert that tells a client why it does not come in.
fn alert(front: &Daemon, version: &str, keyfile: Option<&str>) -> String {
    let certificate = keyfile.map(|keyfile| ["-cert", keyfile, "-key", keyfile]);
    let certificate = certificate.unwrap_or_default();
    let certificate = certificate.iter().filter(|text| !text.is_empty());
    let mut arguments = vec![version, "-ign_eof"];
    arguments.extend(certificate);
    let said = s_client(front.address(), &arguments, "");
    let (_, number) = said.err.split_once("SSL alert number ").unwrap();
    number.split_whitespace().next().unwrap().to_owned()
}

/// In TLS 1.2 OpenSSL has no other word for one that is missing than that the handshake has failed.
#[test]
fn a_client_without_a_good_certificate_gets_an_alert_and_the_log_says_why() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let front = asking(&pki, &web, &ours(&pki));
    let (foreign, expired) = (pki.foreign_client(), pki.expired_client());
    let of_a_server = pki.issue_server("of-a-server.pem", "somebody", Key::Ecdsa);
    let failed = "tls: failed to verify certificate: x509: certificate";
    for (keyfile, new, old, why) in [
        (
            None,
            "116",
            "40",
            "tls: client didn't provide a certificate".to_owned(),
        ),
        (
            Some(&*foreign),
            "48",
            "48",
            format!("{failed} signed by unknown authority"),
        ),
        (
            Some(&expired),
            "45",
            "45",
            format!("{failed} has expired or is not yet valid"),
        ),
        (
            Some(&of_a_server),
            "43",
            "43",
            format!("{failed} specifies an incompatible key usage"),
        ),
    ] {
        for (version, expected) in [("-tls1_3", new), ("-tls1_2", old)] {
            let mark = front.mark();
            assert_eq!(alert(&front, version, keyfile), expected, "{why}");
            let line = front.said_after(mark, "http: TLS handshake error from 127.0.0.1:");
            assert!(line.contains(&format!(": {why}")), "{version}: {line}");
        }
    }
}

#[test]
fn the_systems_authorities_count_unless_they_are_disabled() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let client = pki.client();
    let start = |more: Value| {
        let asking = with(json!({ "enable_mtls": true }), &more);
        let launch = web.behind(tls(&pki, &asking));
        launch.env("SSL_CERT_FILE", pki.ca()).start()
    };
    assert!(comes_in(&pki, &start(json!({})), &client));
    let others = start(json!({ "ca_certs": [pki.other_ca()] }));
    assert!(
        comes_in(&pki, &others, &client),
        "they count besides others"
    );
    assert!(comes_in(&pki, &others, &pki.foreign_client()));
    let disabled = start(json!({ "disable_system_ca_pool": true }));
    assert!(!comes_in(&pki, &disabled, &client));
}

#[test]
fn of_several_files_of_authorities_each_counts() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let both = json!({ "ca_certs": [pki.other_ca(), pki.ca()], "disable_system_ca_pool": true });
    let front = asking(&pki, &web, &both);
    assert!(comes_in(&pki, &front, &pki.client()));
    assert!(comes_in(&pki, &front, &pki.foreign_client()));
    assert!(!comes_in(&pki, &front, &pki.expired_client()));
}

/// As in the gateway, whose own certificate's file may hold the CA that clients have as well.
#[test]
fn the_certificates_of_the_gateways_own_file_count() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let pair = split(&pki, &pki.server());
    let chain = pair["public_key"].as_str().unwrap();
    let text = fs::read_to_string(chain).unwrap() + &fs::read_to_string(pki.ca()).unwrap();
    fs::write(chain, text).unwrap();
    let asking = json!({ "enable_mtls": true, "disable_system_ca_pool": true });
    let members = json!({ "tls": with(pair, &asking) });
    let front = web.behind(edge(&pki, &members)).start();
    assert!(comes_in(&pki, &front, &pki.client()));
    assert!(!comes_in(&pki, &front, &pki.foreign_client()));
}
