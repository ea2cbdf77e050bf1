//! `client_tls`: what comes of it for backends.

use super::*;
use crate::settings::{Group, Verification};

/// What backends get of a file.
fn to_backend(text: &str) -> Vec<String> {
    let settings = of(text);
    let records = TABLE.iter().filter(|record| record.group == Group::Backend);
    records
        .flat_map(|record| {
            let values = (record.get)(&settings);
            let chosen = values
                .into_iter()
                .filter(|(_, origin)| *origin != Origin::BuiltIn);
            chosen.map(|(value, origin)| format!("{} = {value} ({origin})", record.name))
        })
        .collect()
}

#[test]
fn without_client_tls_nothing_is_chosen_for_backends() {
    assert_eq!(to_backend("{}"), [""; 0]);
    assert_eq!(to_backend("{ \"client_tls\": null }"), [""; 0]);
    assert_eq!(
        to_backend("{ \"allow_insecure_connections\": false }"),
        [""; 0]
    );
}

#[test]
fn as_soon_as_there_is_a_client_tls_it_speaks_tls_1_3_alone() {
    let expected = [
        "backend.system-ca = true (krakend.json:2)",
        "backend.min-protocol = TLSv1.3 (krakend.json:2)",
        "backend.max-protocol = TLSv1.3 (krakend.json:2)",
        &format!(
            "backend.cipher-list = {} (krakend.json:2)",
            suites::default_list()
        ),
        "backend.groups = P-521:P-384:P-256 (krakend.json:2)",
    ];
    assert_eq!(to_backend("{\n\"client_tls\": {} }"), expected);
    let all = "{ \"client_tls\": {\n\"min_version\": \"TLS12\",\n\"max_version\": \"TLS12\",\n\"curve_preferences\": [23],\n\
               \"cipher_suites\": [49200, 4865],\n\"ca_certs\": [\n\"a.pem\",\n\"b.pem\"],\n\"disable_system_ca_pool\": true,\n\
               \"client_certs\": [{\"certificate\": \"c.pem\",\n\"private_key\": \"c.key\"}] } }";
    assert_eq!(
        to_backend(all),
        [
            "backend.cafile = a.pem (krakend.json:7)",
            "backend.cafile = b.pem (krakend.json:8)",
            "backend.system-ca = false (krakend.json:9)",
            "backend.certfile = c.pem (krakend.json:10)",
            "backend.keyfile = c.key (krakend.json:11)",
            "backend.min-protocol = TLSv1.2 (krakend.json:2)",
            "backend.max-protocol = TLSv1.2 (krakend.json:3)",
            "backend.cipher-list = ECDHE-RSA-AES256-GCM-SHA384 (krakend.json:5)",
            "backend.groups = P-256 (krakend.json:4)",
        ]
    );
}

#[test]
fn connections_that_verify_nothing_are_said_aloud() {
    let why = "no backend's certificate is looked at: whoever sits in between reads everything";
    for (keys, name) in [
        (
            "\"tls\": {}, \"allow_insecure_connections\": true",
            "allow_insecure_connections",
        ),
        (
            "\"tls\": {}, \"client_tls\": { \"allow_insecure_connections\": true }",
            "client_tls.allow_insecure_connections",
        ),
        (
            "\"tls\": {}, \"allow_insecure_connections\": true, \"client_tls\": {}",
            "allow_insecure_connections",
        ),
    ] {
        let text = format!("{{ {keys} }}");
        assert_eq!(said(&text), [format!("! krakend.json:1: '{name}': {why}")]);
        let settings = of(&text);
        assert_eq!(get(&settings, "backend.sslmode"), "require");
        assert_eq!(get(&settings, "backend.min-protocol"), "TLSv1.3");
        assert_eq!(settings.backend_tls.policy.system_ca.value, None);
    }
    let settings = of(
        "{ \"client_tls\": { \"allow_insecure_connections\": true, \"ca_certs\": [\"a.pem\"] } }",
    );
    assert_eq!(settings.backend_tls.verification(), Verification::None);
}

#[test]
fn of_several_certificates_for_backends_the_first_counts() {
    let text = "{ \"tls\": {}, \"client_tls\": { \"client_certs\": [\n\
                {\"certificate\": \"a.pem\", \"private_key\": \"a.key\"},\n\
                {\"certificate\": \"b.pem\", \"private_key\": \"b.key\"}] } }";
    assert_eq!(get(&of(text), "backend.certfile"), "a.pem");
    assert_eq!(
        said(text),
        [
            "! krakend.json:3: 'client_tls.client_certs': the first is shown to every backend, where the gateway looks for \
             one of the CAs that a backend names"
        ]
    );
    assert_eq!(
        said("{ \"client_tls\": { \"client_certs\": [{\"certificate\": \"a.pem\"}] } }"),
        ["krakend.json:1: 'client_tls.client_certs': 'private_key' is missing"]
    );
}
