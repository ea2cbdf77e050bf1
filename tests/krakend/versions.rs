//! Which versions are spoken, by `min_version` and `max_version`.

use crate::front::{edge, pair, with};
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Pki};
use serde_json::{Value, json};

/// Clients of one version each, which stop at nothing.
const VERSIONS: [(&str, &str); 4] = [
    ("-tls1", "TLSv1"),
    ("-tls1_1", "TLSv1.1"),
    ("-tls1_2", "TLSv1.2"),
    ("-tls1_3", "TLSv1.3"),
];

/// A front with these members in its `tls`. What is older than TLS 1.2 needs a security level that OpenSSL 3 has to be
/// asked for.
fn front(pki: &Pki, more: &Value) -> Daemon {
    let tls = with(pair(pki, "localhost", Key::Rsa), more);
    let ours = json!({ "tlsport": { "backend": "service://echo", "ssl.security-level": 0 } });
    edge(pki, &json!({ "tls": tls, "extra_config": ours })).start()
}

/// The versions that clients get.
fn spoken(front: &Daemon) -> String {
    let speaks = |flag: &str| {
        let lenient = ["-cipher", "ALL:@SECLEVEL=0"];
        let said = s_client(front.address(), &[&[flag], &lenient[..]].concat(), "");
        said.succeeded
    };
    let spoken = VERSIONS.iter().filter(|(flag, _)| speaks(flag));
    let names: Vec<&str> = spoken.map(|(_, name)| *name).collect();
    names.join(" ")
}

#[test]
fn versions_are_those_between_the_two() {
    let pki = Pki::new();
    // Suites of any age, with what HTTP/2 needs.
    let suites = json!({ "cipher_suites": [49199, 47] });
    for (more, expected) in [
        (json!({}), "TLSv1.3"),
        (json!({ "min_version": "TLS13" }), "TLSv1.3"),
        (json!({ "min_version": "TLS12" }), "TLSv1.2 TLSv1.3"),
        (json!({ "min_version": "TLS11" }), "TLSv1.1 TLSv1.2 TLSv1.3"),
        (
            json!({ "min_version": "TLS10" }),
            "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
        ),
        (
            json!({ "min_version": "SSL3.0" }),
            "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
        ),
        (
            json!({ "min_version": "TLS10", "max_version": "TLS11" }),
            "TLSv1 TLSv1.1",
        ),
        (
            json!({ "min_version": "TLS12", "max_version": "TLS12" }),
            "TLSv1.2",
        ),
        (json!({ "min_version": "Unknown" }), "TLSv1.3"),
        (
            json!({ "min_version": "TLS12", "max_version": "1.2" }),
            "TLSv1.2 TLSv1.3",
        ),
    ] {
        let front = front(&pki, &with(more.clone(), &suites));
        assert_eq!(spoken(&front), expected, "{more}");
    }
}
