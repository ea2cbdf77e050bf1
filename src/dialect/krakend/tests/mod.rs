mod client_tls;
mod keys;
mod tls;

use super::reading::{CLIENT_TLS, SERVICE, TLS};
use super::*;
use crate::dialect::tests::Memory;
use crate::dialect::{complete, read};
use crate::settings::{Level, Origin, TABLE, VerifyClient};
use proptest::prelude::*;
use std::io;

const NAME: &str = "krakend.json";

/// One file, and variables.
struct Surroundings<'a>(&'a str, &'a [(&'a str, &'a str)]);

impl Source for Surroundings<'_> {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok((path == Path::new(NAME)).then(|| self.0.as_bytes().to_vec()))
    }

    fn env(&self, name: &str) -> Option<String> {
        let known = self.1.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    }
}

/// What a file comes to.
fn builder(text: &str) -> Builder {
    of_surroundings(&Surroundings(text, &[]))
}

fn of_surroundings(source: &dyn Source) -> Builder {
    let mut builder = Builder::new(Settings::default());
    read(None, source, Path::new(NAME), &mut builder);
    builder.begin_layer();
    complete(source, &mut builder);
    builder
}

/// What a file comes to that is not wrong.
fn of(text: &str) -> Settings {
    let builder = builder(text);
    let settings = builder.settings().clone();
    if let Err(problems) = builder.unchecked() {
        panic!("{text}: {problems}");
    }
    settings
}

/// The same of `tls` with a pair of files and what else is given.
fn of_tls(more: &str) -> Settings {
    of(&with_tls(more))
}

fn with_tls(more: &str) -> String {
    let separator = if more.is_empty() { "" } else { ",\n" };
    format!(
        "{{\n\"tls\": {{\n\"public_key\": \"c.pem\",\n\"private_key\": \"k.pem\"{separator}{more}\n}}\n}}"
    )
}

/// What is wrong with a file, or else what is said: warnings after `! `.
fn said(text: &str) -> Vec<String> {
    told(builder(text))
}

fn told(builder: Builder) -> Vec<String> {
    match builder.unchecked() {
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        Ok((_, notes)) => notes
            .iter()
            .map(|note| match note.level {
                Level::Warn => format!("! {note}"),
                Level::Info => note.to_string(),
            })
            .collect(),
    }
}

/// The same of `tls`, in which more begins on line 5.
fn said_of_tls(more: &str) -> Vec<String> {
    said(&with_tls(more))
}

fn get(settings: &Settings, option: &str) -> String {
    settings.get(option).expect(option).join(" ")
}

#[test]
fn the_defaults_are_those_of_a_running_gateway_and_can_be_given_back() {
    let defaults = defaults();
    for (option, value) in [
        ("ssl.min-protocol", "TLSv1.3"),
        ("ssl.max-protocol", "TLSv1.3"),
        ("ssl.groups", "P-521:P-384:P-256"),
        (
            "ssl.ciphersuites",
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
        ),
        ("ssl.prefer-server-ciphers", "true"),
        (
            "ssl.options",
            "NO_RENEGOTIATION|NO_COMPRESSION|PRIORITIZE_CHACHA",
        ),
        ("ssl.alpn", "h2,http/1.1"),
        ("ssl.alpn-mismatch", "refuse"),
        ("ssl.session-cache", "false"),
        ("ssl.session-tickets", "true"),
        ("ssl.num-tickets", "1"),
        ("ssl.session-timeout", "604800s"),
        ("timeout.handshake", "0s"),
        ("timeout.connect", "10s"),
        ("backend.min-protocol", "TLSv1.2"),
        ("backend.sslmode", "verify-full"),
    ] {
        assert_eq!(get(&defaults, option), value, "{option}");
    }
    assert_eq!(defaults.policy.verify(), VerifyClient::None);
    for record in TABLE {
        for (text, origin) in (record.get)(&defaults) {
            assert_eq!(origin, Origin::BuiltIn, "{record:?}");
            let mut again = Settings::default();
            let set = (record.set)(&mut again, &text, &Origin::Program);
            assert_eq!(set, Ok(()), "{record:?}");
            assert_eq!((record.get)(&again)[0].0, text);
        }
    }
}

#[test]
fn it_listens_where_the_gateway_does() {
    for (keys, expected) in [
        ("", "gateway://0.0.0.0:8080 gateway://[::]:8080"),
        ("\"port\": 443,", "gateway://0.0.0.0:443 gateway://[::]:443"),
        ("\"port\": 0,", "gateway://0.0.0.0:8080 gateway://[::]:8080"),
        (
            "\"port\": null,",
            "gateway://0.0.0.0:8080 gateway://[::]:8080",
        ),
        (
            "\"listen_ip\": \"\",",
            "gateway://0.0.0.0:8080 gateway://[::]:8080",
        ),
        (
            "\"listen_ip\": \"0.0.0.0\",",
            "gateway://0.0.0.0:8080 gateway://[::]:8080",
        ),
        (
            "\"listen_ip\": \"::\",",
            "gateway://0.0.0.0:8080 gateway://[::]:8080",
        ),
        ("\"listen_ip\": \"::1\", \"port\": 1,", "gateway://[::1]:1"),
        ("\"listen_ip\": \"10.0.0.1\",", "gateway://10.0.0.1:8080"),
        (
            "\"listen_ip\": \"gateway.example\",",
            "gateway://gateway.example:8080",
        ),
    ] {
        let settings = of(&format!("{{ {keys} \"tls\": {{}} }}"));
        assert_eq!(get(&settings, "server.endpoint"), expected, "{keys}");
    }
    let plain = "http+tcp://0.0.0.0:80 http+tcp://[::]:80";
    for tls in ["", ", \"tls\": null", ", \"tls\": { \"disabled\": true }"] {
        let settings = of(&format!("{{ \"port\": 80{tls} }}"));
        assert_eq!(get(&settings, "server.endpoint"), plain, "{tls}");
    }
}

#[test]
fn without_tls_it_is_said() {
    assert_eq!(
        said("{}"),
        ["! krakend.json: there is no 'tls' in it: clients are served without TLS"]
    );
    assert_eq!(
        said_of_tls("\"disabled\": true, \"enable_mtls\": true, \"ca_certs\": 7"),
        [
            "krakend.json:5: 'tls.disabled': clients are served without TLS, and the rest of 'tls' has no effect"
        ]
    );
    assert_eq!(said_of_tls("\"disabled\": false"), [""; 0]);
}

#[test]
fn times_limit_what_they_limit_in_go() {
    for (keys, handshake, keep_alive) in [
        ("", "0s", "0s"),
        ("\"read_timeout\": \"10s\"", "10s", "10s"),
        ("\"read_header_timeout\": \"10s\"", "10s", "0s"),
        ("\"write_timeout\": \"1m30s\"", "90s", "0s"),
        (
            "\"read_timeout\": \"10s\", \"read_header_timeout\": \"300ms\", \"write_timeout\": \"5s\", \"idle_timeout\": \"1m\"",
            "300ms",
            "60s",
        ),
        (
            "\"read_timeout\": \"0s\", \"write_timeout\": \"-5s\"",
            "0s",
            "0s",
        ),
        (
            "\"read_timeout\": \"3s\", \"idle_timeout\": \"0s\"",
            "3s",
            "3s",
        ),
        (
            "\"read_timeout\": null, \"idle_timeout\": \"1h\"",
            "0s",
            "3600s",
        ),
    ] {
        let settings = of(&format!("{{ {keys} }}"));
        assert_eq!(get(&settings, "timeout.handshake"), handshake, "{keys}");
        assert_eq!(get(&settings, "timeout.keep-alive"), keep_alive, "{keys}");
    }
    assert_eq!(
        get(&of("{ \"dialer_timeout\": \"2s\" }"), "timeout.connect"),
        "2s"
    );
    assert_eq!(
        said("{ \"read_timeout\": 10,\n\"idle_timeout\": \"10\" }"),
        [
            "krakend.json:1: 'read_timeout': expected a text, got '10'",
            "krakend.json:2: 'idle_timeout': '10' is not a time (whole or decimal numbers, each with ns, us, ms, s, m or \
             h, such as 10s or 1m30s)",
        ]
    );
}

#[test]
fn variables_beat_what_is_in_the_file() {
    let text = "{\n\"port\": 1,\n\"listen_ip\": \"10.0.0.1\",\n\"read_timeout\": \"1s\",\n\
                \"allow_insecure_connections\": false,\n\"tls\": {} }";
    let variables = [
        ("KRAKEND_PORT", "8443"),
        ("KRAKEND_LISTEN_IP", "::1"),
        ("KRAKEND_READ_TIMEOUT", "2s"),
        ("KRAKEND_ALLOW_INSECURE_CONNECTIONS", "true"),
        ("KRAKEND_TLS", "x"),
    ];
    let source = Surroundings(text, &variables);
    let builder = of_surroundings(&source);
    let settings = builder.settings();
    assert_eq!(get(settings, "server.endpoint"), "gateway://[::1]:8443");
    assert_eq!(get(settings, "timeout.handshake"), "2s");
    assert_eq!(get(settings, "backend.sslmode"), "require");
    let origin = settings.timeouts.handshake.origin.to_string();
    assert_eq!(origin, "environment variable KRAKEND_READ_TIMEOUT");
    let wrong = [
        ("KRAKEND_PORT", "http"),
        ("KRAKEND_ALLOW_INSECURE_CONNECTIONS", "yes"),
    ];
    assert_eq!(
        told(of_surroundings(&Surroundings(text, &wrong))),
        [
            "environment variable KRAKEND_PORT: 'port': expected a whole number from 0 to 65535, got 'http'",
            "environment variable KRAKEND_ALLOW_INSECURE_CONNECTIONS: 'allow_insecure_connections': expected true or \
             false, got 'yes'",
        ]
    );
    let idle = [("KRAKEND_PORT", "443"), ("KRAKEND_NAME", "x")];
    assert_eq!(
        told(of_surroundings(&Surroundings("{ \"tls\": {} }", &idle))),
        [
            "! environment variable KRAKEND_PORT: has no effect, as there is no 'port' in 'krakend.json'"
        ]
    );
}

#[test]
fn other_formats_are_refused_by_their_name() {
    for ending in ["yaml", "yml", "toml"] {
        let name: &'static str = format!("krakend.{ending}").leak();
        let source = Memory::of([(name, "version: 3\n")]);
        let mut builder = Builder::new(Settings::default());
        read(None, &source, Path::new(name), &mut builder);
        let said = told(builder);
        assert_eq!(
            said,
            [format!(
                "{name}: {ending} is not read here, JSON is: convert the file first"
            )]
        );
    }
}

#[test]
fn an_object_of_json_is_taken_for_the_gateways_and_nothing_else_is() {
    let none = Path::new("x.conf");
    for text in [
        "{}",
        " \n{\n \"version\": 3 }",
        "\u{feff}{\"a\"",
        "{ \"tls\": oops",
        "{ // a comment",
        "{ // a comment",
    ] {
        assert!(recognise(none, text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "[ssl]\nkeyfile = a",
        "searchd {\n}",
        "[1]",
        "\"x\"",
        "port = 5432",
    ] {
        assert!(!recognise(none, text.as_bytes()), "{text}");
    }
    for name in [
        "krakend.json",
        "/etc/krakend/krakend.json",
        "krakend-staging.json",
        "krakend.yaml",
    ] {
        assert!(recognise(Path::new(name), b""), "{name}");
    }
    assert!(!recognise(Path::new("gateway.json"), b""));
}

/// A value for a key, good or bad.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|on| on.to_string()),
        prop_oneof![Just(23u16), Just(49199), Just(4865), Just(5), any::<u16>()]
            .prop_map(|id| id.to_string()),
        "\"(TLS1[0-3]|SSL3\\.0|[0-9]{1,3}(ms|s|m)?|[a-z./]{0,6})\"",
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let known: Vec<&str> = [SERVICE, TLS, CLIENT_TLS]
            .iter()
            .flat_map(|keys| keys.known)
            .copied()
            .collect();
        let key = prop_oneof![
            prop::sample::select(known).prop_map(str::to_owned),
            prop::sample::select(TABLE).prop_map(|record| record.name.to_owned()),
            "[a-z_@]{1,9}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":\n{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A file with whatever for the keys that matter.
fn file() -> impl Strategy<Value = String> {
    let members = (value(), value(), value(), value());
    members.prop_map(|(tls, client, own, port)| {
        format!("{{\"tls\": {tls}, \"client_tls\": {client}, \"extra_config\": {{\"tlsport\": {own}}}, \"port\": {port}}}")
    })
}

proptest! {
    #[test]
    fn no_configuration_is_too_odd(file in file(), bytes in prop::collection::vec(any::<u8>(), 0..100), whole in value()) {
        for content in [file.into_bytes(), bytes, whole.into_bytes()] {
            let source = Memory([(NAME, Some(content))].into());
            let mut builder = Builder::new(Settings::default());
            read(Some("krakend"), &source, Path::new(NAME), &mut builder);
            let _ = builder.finish();
        }
    }

    #[test]
    fn what_is_set_can_be_shown_and_given_back(file in file()) {
        let builder = builder(&file);
        let found = builder.settings().clone();
        if builder.unchecked().is_ok() {
            for record in TABLE {
                for (value, _) in (record.get)(&found) {
                    let again = (record.set)(&mut Settings::default(), &value, &Origin::Program);
                    prop_assert_eq!(again, Ok(()), "{:?} {}", record, value);
                }
            }
        }
    }

    #[test]
    fn every_error_has_a_line(file in file()) {
        if let Err(problems) = builder(&file).unchecked() {
            for problem in problems.0 {
                let text = problem.to_string();
                let line = text.strip_prefix("krakend.json:").unwrap_or("");
                prop_assert!(line.starts_with(|c: char| c.is_ascii_digit()), "{}", text);
            }
        }
    }
}
