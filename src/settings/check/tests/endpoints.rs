//! What is said of endpoints that speak a protocol, of their options, and of backends for what is spoken.

use super::said;

const KEY: &str = "ssl.keyfile=server.pem";

fn said_of(endpoint: &str, more: &[&str]) -> Vec<String> {
    let endpoint = format!("server.endpoint={endpoint}");
    said(&[&[&endpoint, KEY], more].concat())
}

#[test]
fn a_backend_has_to_speak_what_the_endpoint_speaks() {
    let place = "endpoint 'mysql://h:3306' (--server.endpoint)";
    assert_eq!(
        said_of("mysql://h", &["backend=service://echo"]),
        [format!(
            "--backend: 'service://echo' does not speak MySQL's protocol, which {place} needs"
        )]
    );
    assert_eq!(
        said_of("mysql://h", &["backend=postgres+tls://h"]),
        [format!(
            "--backend: 'postgres+tls://h:5432' does not answer in MySQL's protocol, which {place} speaks"
        )]
    );
    assert_eq!(
        said_of("ssl://h:1", &["backend=mysql+tls://h"]),
        [
            "--backend: 'mysql+tls://h:3306' is for mysql:// endpoints, which endpoint 'http+ssl://h:1' \
          (--server.endpoint) is not"
        ]
    );
    assert_eq!(said_of("mysql://h", &["backend=mysql+tls://h:1"]), [""; 0]);
}

#[test]
fn a_protocol_that_is_offered_by_alpn_and_that_nobody_answers_is_warned_about() {
    let h2 = "backend=h2=tcp://127.0.0.1:1";
    let http = "backend=http=tcp://127.0.0.1:2";
    let any = "backend=tcp://127.0.0.1:3";
    let both = "ssl.alpn=h2,http/1.1";
    let warning = |protocol: &str, spoken: &str| {
        format!(
            "! --ssl.alpn: clients that agree on '{protocol}' are let go of, as there is no backend for it: \
             '--backend {spoken}=…' names one"
        )
    };
    for scheme in ["ssl", "gateway"] {
        let said = |more: &[&str]| said_of(&format!("{scheme}://h:1"), more);
        assert_eq!(said(&[both, http]), [warning("h2", "h2")]);
        assert_eq!(said(&[both, h2]), [warning("http/1.1", "http")]);
        assert_eq!(said(&[both, h2, http]), [""; 0]);
        assert_eq!(said(&[both, h2, any]), [""; 0]);
        assert_eq!(said(&["ssl.alpn=h2", h2]), [""; 0]);
        assert_eq!(said(&["ssl.alpn=http/1.1", http]), [""; 0]);
    }
}

#[test]
fn passwords_that_can_cross_in_the_clear_are_warned_about() {
    assert_eq!(
        said_of("mysql://h", &["backend=tcp://db.example:3306"]),
        [
            "! --backend: passwords can cross to 'tcp://db.example:3306' in the clear, as clients in TLS send some as they \
          are: mysql+tls:// has TLS there"
        ]
    );
    assert_eq!(
        said_of("mysql://h", &["backend=tcp://127.0.0.1:1"]),
        [""; 0]
    );
    assert_eq!(
        said_of("mysql://h", &["backend=unix:///run/s"]),
        [
            "! --backend: over its unix socket the server takes every client for the user that tlsport runs as: no account \
          of that name may have 'unix_socket' or 'auth_socket' (root's has, in many servers)"
        ]
    );
}

#[test]
fn plain_clients_beside_a_certificate_that_is_required_are_warned_about_unless_they_are_refused() {
    let required = [
        "backend=tcp://127.0.0.1:1",
        "ssl.cafile=ca.pem",
        "ssl.verify-client=require",
    ];
    for endpoint in ["mysql://h:3306", "manticore://h:9312"] {
        assert_eq!(
            said_of(endpoint, &required),
            [format!(
                "! --server.endpoint: '{endpoint}' lets in plain clients without the certificate that TLS clients need"
            )]
        );
    }
    assert_eq!(said_of("manticore+https://h", &required), [""; 0]);
    let secure = [&required[..], &["require-secure-transport"]].concat();
    assert_eq!(said_of("mysql://h", &secure), [""; 0]);
}

#[test]
fn what_has_no_effect_is_said() {
    let backend = "backend=tcp://127.0.0.1:1";
    assert_eq!(
        said(&[
            "server.endpoint=mysql+tcp://h",
            backend,
            "require-secure-transport"
        ]),
        [
            "! --require-secure-transport: serves nobody on 'mysql+tcp://h:3306', where there is no TLS"
        ]
    );
    assert_eq!(
        said_of(
            "ssl://h:1",
            &[
                backend,
                "require-secure-transport",
                "backend=mysql=unix:///run/m"
            ]
        ),
        [
            ". --require-secure-transport: has no effect as no endpoint speaks MySQL's protocol",
            ". --backend: 'mysql=unix:///run/m' has no effect, as no endpoint speaks it",
        ]
    );
}

#[test]
fn options_of_an_endpoint_are_checked_once_for_each() {
    assert_eq!(
        said(&[
            "server.endpoint=ssl://h:1,ssl.min-protocol=TLSv1.3,ssl.max-protocol=TLSv1.2,ssl.keyfile=a.pem",
            "server.endpoint=ssl://h:2,ssl.verify-client=require",
            KEY,
            "backend=tcp://127.0.0.1:1",
        ]),
        [
            "--server.endpoint: 'ssl.min-protocol': 'TLSv1.3' is above the 'TLSv1.2' of 'ssl.max-protocol' \
             (--server.endpoint)",
            "--server.endpoint: 'ssl.verify-client': no certificate can be verified without the CAs of 'ssl.cafile'",
        ]
    );
}

#[test]
fn tls_that_cannot_be_is_done_without_only_where_that_was_asked_for() {
    let endpoint = "server.endpoint=mysql://h";
    let backend = "backend=tcp://127.0.0.1:1";
    assert_eq!(
        said(&[endpoint, backend]),
        ["no value specified for '--ssl.keyfile'"]
    );
    assert_eq!(said(&[endpoint, backend, "ssl.unusable=degrade"]), [""; 0]);
    assert_eq!(
        said(&["server.endpoint=ssl://h:1", backend, "ssl.unusable=degrade"]),
        ["no value specified for '--ssl.keyfile'"]
    );
}
