//! Which keys count, in which place, with which kinds of values, and our own among them.

use super::super::reading::{Keys, TLS};
use super::*;

#[test]
fn keys_in_the_wrong_place_and_misspelt_ones_are_told() {
    let text = r##"{
  "$schema": "https://www.krakend.io/schema/v2.5/krakend.json",
  "@port": 1, "_port": 2, "#port": 3,
  "enable_mtls": true,
  "ca_certs": [],
  "client_certs": [],
  "prot": 443,
  "Listen-IP": "::",
  "horse": 1,
  "tls": {
    "@comment": "x", "$x": 1, "_x": 2, "#x": 3,
    "enable_mtsl": true,
    "public-key": "c.pem",
    "client_certs": [],
    "allow_insecure_connections": true,
    "port": 443,
    "horse": 1,
    "keys": [ { "certificate": "a" } ]
  },
  "client_tls": {
    "public_key": "c.pem",
    "ca_cert": "a.pem",
    "min_versoin": "TLS12"
  },
  "extra_config": {
    "telemetry/logging": {},
    "tls": {},
    "tslport": {}
  }
}"##;
    let keys = |keys: &Keys| keys.known.join(", ");
    assert_eq!(
        said(text),
        [
            "krakend.json:4: 'enable_mtls': has no effect here: its place is 'tls'".to_owned(),
            "krakend.json:5: 'ca_certs': has no effect here: its place is 'tls' or 'client_tls'".into(),
            "krakend.json:6: 'client_certs': has no effect here: its place is 'client_tls'".into(),
            "krakend.json:7: 'prot': unknown key: did you mean 'port'?".into(),
            "krakend.json:8: 'Listen-IP': unknown key: did you mean 'listen_ip'?".into(),
            "krakend.json:12: 'tls.enable_mtsl': unknown key: did you mean 'enable_mtls'?".into(),
            "krakend.json:13: 'tls.public-key': unknown key: did you mean 'public_key'?".into(),
            "krakend.json:14: 'tls.client_certs': has no effect here: its place is 'client_tls'".into(),
            "krakend.json:15: 'tls.allow_insecure_connections': has no effect here: its place is the top level or \
             'client_tls'"
                .into(),
            "krakend.json:16: 'tls.port': has no effect here: its place is the top level".into(),
            format!("krakend.json:17: 'tls.horse': unknown key: it is not one of {}", keys(&TLS)),
            "krakend.json:18: 'tls.keys.certificate': unknown key: it is not one of public_key, private_key".into(),
            "krakend.json:18: 'tls.keys': public key not defined".into(),
            "krakend.json:21: 'client_tls.public_key': has no effect here: its place is 'tls'".into(),
            "krakend.json:22: 'client_tls.ca_cert': unknown key: did you mean 'ca_certs'?".into(),
            "krakend.json:23: 'client_tls.min_versoin': unknown key: did you mean 'min_version'?".into(),
            "krakend.json:27: 'extra_config.tls': has no effect here: its place is the top level".into(),
            "krakend.json:28: 'extra_config.tslport': unknown key: did you mean 'tlsport'?".into(),
        ]
    );
}

#[test]
fn a_key_cannot_break_the_line_that_complains_of_it_or_fill_it() {
    let long = "x".repeat(300);
    let text = format!(r#"{{ "tls": {{ "a\u001b\nb": 1, "{long}": 1 }} }}"#);
    let said = said(&text);
    assert!(
        said[0].starts_with(r"krakend.json:1: 'tls.a\u{1b}\nb': unknown key"),
        "{said:?}"
    );
    let shown = format!("krakend.json:1: 'tls.{}…': unknown key", "x".repeat(196));
    assert!(said[1].starts_with(&shown), "{said:?}");
}

#[test]
fn a_key_given_twice_is_an_error_where_it_counts() {
    let text = "{\n\"name\": \"a\", \"name\": \"b\",\n\"port\": 1,\n\"port\": 2,\n\
                \"tls\": { \"public_key\": \"a\", \"private_key\": \"b\",\n\"public_key\": \"c\" } }";
    assert_eq!(
        said(text),
        [
            "krakend.json:4: 'port': is given twice (first at line 3)",
            "krakend.json:6: 'tls.public_key': is given twice (first at line 5)",
        ]
    );
}

#[test]
fn a_value_of_another_kind_is_told_with_what_was_expected() {
    for (text, why) in [
        (
            "{ \"port\": \"443\" }",
            "'port': expected a whole number from 0 to 65535, got '443'",
        ),
        (
            "{ \"port\": 65536 }",
            "'port': expected a whole number from 0 to 65535, got '65536'",
        ),
        (
            "{ \"port\": [] }",
            "'port': expected a whole number from 0 to 65535, got a list",
        ),
        (
            "{ \"listen_ip\": true }",
            "'listen_ip': expected a text, got true or false",
        ),
        ("{ \"tls\": [] }", "'tls': expected an object, got a list"),
        (
            "{ \"tls\": { \"keys\": {} } }",
            "'tls.keys': expected a list, got an object",
        ),
        (
            "{ \"tls\": { \"keys\": [1] } }",
            "'tls.keys': expected an object, got '1'",
        ),
        (
            "{ \"tls\": { \"enable_mtls\": \"true\" } }",
            "'tls.enable_mtls': expected true or false, got 'true'",
        ),
        (
            "{ \"tls\": { \"ca_certs\": \"a.pem\" } }",
            "'tls.ca_certs': expected a list, got 'a.pem'",
        ),
        (
            "{ \"tls\": { \"ca_certs\": [null] } }",
            "'tls.ca_certs': expected a text, got null",
        ),
        (
            "{ \"client_tls\": true }",
            "'client_tls': expected an object, got true or false",
        ),
        (
            "{ \"extra_config\": [] }",
            "'extra_config': expected an object, got a list",
        ),
        (
            "{ \"extra_config\": { \"tlsport\": \"x\" } }",
            "'extra_config.tlsport': expected an object, got 'x'",
        ),
        (
            "{ \"tls\": { \"public_key\": \"a\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nAA\" } }",
            "'tls.private_key': the name of a file is wanted, not what is in it",
        ),
    ] {
        assert_eq!(said(text), [format!("krakend.json:1: {why}")], "{text}");
    }
}

#[test]
fn own_options_beat_the_gateways() {
    let text = r##"{
  "read_timeout": "5s",
  "extra_config": {
    "telemetry/logging": { "level": "INFO" },
    "tlsport": {
      "@comment": "what the gateway has no key for",
      "backend": [ "h2=tcp://127.0.0.1:1", "tcp://127.0.0.1:2" ],
      "timeout.handshake": "30s",
      "ssl_session_tickets": false,
      "threads": 2,
      "ssl.crl-file": null
    }
  },
  "tls": { "public_key": "c.pem", "private_key": "k.pem" }
}"##;
    let settings = of(text);
    assert_eq!(
        get(&settings, "backend"),
        "tcp://127.0.0.1:2 h2=tcp://127.0.0.1:1"
    );
    assert_eq!(get(&settings, "timeout.handshake"), "30s");
    assert_eq!(get(&settings, "ssl.session-tickets"), "false");
    assert_eq!(get(&settings, "threads"), "2");
    assert_eq!(settings.threads.origin.to_string(), "krakend.json:10");
    let wrong = "{ \"tls\": {}, \"extra_config\": { \"tlsport\": {\n\"ssl.kefyile\": \"a\",\n\"threads\": [1, 2],\n\
                 \"backend\": [{}],\n\"timeout.idle\": \"5 weeks\",\n\"threads\": {},\n\"backend\": 5 } } }";
    assert_eq!(
        said(wrong),
        [
            "krakend.json:2: unknown option 'tlsport.ssl.kefyile': did you mean 'tlsport.ssl_keyfile'?",
            "krakend.json:3: 'tlsport.threads': expected a text, got a list",
            "krakend.json:4: 'tlsport.backend': expected a text, or a list of texts, got an object",
            "krakend.json:5: 'tlsport.timeout.idle': '5 weeks' is not a time (seconds, or a whole number with us, ms, s, \
             m, h or d)",
            "krakend.json:6: 'tlsport.threads': expected a text, got an object",
            "krakend.json:7: 'tlsport.backend': invalid backend '5': it is none of tcp://HOST:PORT, tls://HOST:PORT, \
             postgres+tls://HOST:PORT, mysql+tls://HOST:PORT, unix:///PATH, service://echo, service://status",
        ]
    );
}

#[test]
fn what_is_no_configuration_says_why_and_where() {
    for (text, why) in [
        ("", ":1:1: expected a value, got the end of the file"),
        ("[]", ":1: expected an object, got a list"),
        (
            "{\n  \"tls\": {\n    \"public_key\": \"a\",\n  }\n}",
            ":4:3: expected a key in double quotes, got '}': the comma before it is one too many",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAA\n",
            ": this is a PEM file and not a configuration",
        ),
    ] {
        assert_eq!(said(text), [format!("krakend.json{why}")], "{text}");
    }
    let template = said("{\n  \"port\": {{ .port }}\n}");
    assert!(
        template[0].starts_with("krakend.json:2:12: "),
        "{template:?}"
    );
    assert!(template[0].contains("FC_OUT"), "{template:?}");
}

#[test]
fn bytes_that_are_no_text_matter_in_our_keys_alone() {
    let text = b"{ \"tls\": {}, \"name\": \"\xe4\", \"listen_ip\": \"\xe4\" }".to_vec();
    let source = Memory([(NAME, Some(text))].into());
    assert_eq!(
        told(of_surroundings(&source)),
        ["krakend.json:1: 'listen_ip': '\u{fffd}' is not UTF-8 text"]
    );
}

/// What stands at the top of real files besides, from 2.0 to today.
const OTHERS: &str = "
async_agent cache_ttl debug_endpoint dialer_fallback_delay dialer_keep_alive disable_compression disable_keep_alives
disable_rest dns_cache_ttl echo_endpoint endpoints expect_continue_timeout host idle_connection_timeout
max_header_bytes max_idle_connections max_idle_connections_per_host max_shutdown_wait_time name output_encoding plugin
response_header_timeout sequential_start timeout use_h2c version disable_strict_rest
";

#[test]
fn keys_that_a_real_gateway_may_have_are_never_taken_for_slips() {
    let keys: Vec<&str> = OTHERS.split_whitespace().collect();
    let text: Vec<String> = keys.iter().map(|key| format!("\"{key}\": 1")).collect();
    let text = format!("{{ \"tls\": {{}}, {} }}", text.join(",\n"));
    assert_eq!(
        said(&text),
        [format!(
            "{NAME}: {} keys are no concern of tlsport and were left alone",
            keys.len()
        )]
    );
    let extra = "{ \"tls\": {}, \"extra_config\": { \"telemetry/logging\": {} } }";
    assert_eq!(
        said(extra),
        ["krakend.json: 1 key is no concern of tlsport and was left alone"]
    );
}
