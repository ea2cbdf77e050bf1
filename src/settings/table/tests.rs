use super::*;
use proptest::prelude::*;

/// For every option: a good value, a bad one, and words of the message that say what is accepted.
const EXAMPLES: &[(&str, &str, &str, &str)] = &[
    (
        "server.endpoint",
        "ssl://h",
        "smtp://h",
        "none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, postgres+tcp://, postgres+unix://",
    ),
    (
        "backend",
        "tcp://h:1",
        "h:1",
        "tcp://HOST:PORT, tls://HOST:PORT, postgres+tls://HOST:PORT, mysql+tls://HOST:PORT, unix:///PATH",
    ),
    ("backend.proxy-protocol", "v2", "v3", "off, v1, v2"),
    ("threads", "4", "9999", "between 0 and 1024"),
    ("busy-poll", "100us", "100", "longer than 1s"),
    ("tcp.backlog-size", "4k", "many", "whole number"),
    ("tcp.reuse-address", "no", "maybe", "true, false, yes, no"),
    ("tcp.reuse-port", "yes", "maybe", "true, false, yes, no"),
    ("tcp.congestion", "reno", "\0", "holds a zero byte"),
    ("ssl.keyfile", "a.pem", "a\0b", "holds a zero byte"),
    ("ssl.certfile", "a.crt", "\0", "holds a zero byte"),
    ("ssl.key-permissions", "private", "0600", "any, private"),
    ("ssl.passphrase", "prompt", "secret", "refuse, prompt"),
    (
        "ssl.passphrase-command",
        "pass show %p",
        "\0",
        "holds a zero byte",
    ),
    (
        "ssl.passphrase-command-supports-reload",
        "on",
        "sometimes",
        "true, false, yes, no",
    ),
    ("ssl.server-name-indication", "a.b=c", "a.b", "NAME=FILE"),
    (
        "ssl.unknown-server-name",
        "refuse",
        "drop",
        "default, refuse",
    ),
    ("ssl.no-server-name", "refuse", "drop", "default, refuse"),
    ("ssl.alpn", "h2", "h2,", "empty place between its commas"),
    ("ssl.alpn-mismatch", "refuse", "alert", "ignore, refuse"),
    (
        "ssl.prefer-http1-in-alpn",
        "on",
        "2",
        "true, false, yes, no",
    ),
    ("ssl.cafile", "ca.pem", "\0", "holds a zero byte"),
    (
        "ssl.cafile-mode",
        "original",
        "maybe",
        "require, request, original",
    ),
    (
        "ssl.require-peer-certificate",
        "true",
        "always",
        "true, false, yes, no",
    ),
    (
        "ssl.verify-client",
        "request",
        "optional",
        "none, request-unverified, request, require",
    ),
    ("ssl.capath", "cas", "\0", "holds a zero byte"),
    ("ssl.verify-server", "chain", "full", "name, chain, none"),
    (
        "kdb-accept-expired",
        "true",
        "always",
        "true, false, yes, no",
    ),
    ("backend.capath", "cas", "\0", "holds a zero byte"),
    ("ssl.crl-file", "crl.pem", "\0", "holds a zero byte"),
    ("ssl.crl-dir", "crls", "\0", "holds a zero byte"),
    (
        "postgresql.hba-file",
        "pg_hba.conf",
        "\0",
        "holds a zero byte",
    ),
    (
        "postgresql.ident-file",
        "pg_ident.conf",
        "\0",
        "holds a zero byte",
    ),
    ("ssl.protocol", "9", "8", "2, 3, 4, 5, 6, 9"),
    (
        "ssl.min-protocol",
        "TLSv1.2",
        "1.2",
        "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
    ),
    (
        "ssl.max-protocol",
        "TLSv1.3",
        "SSLv3",
        "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
    ),
    ("ssl.cipher-list", "HIGH", "\0", "holds a zero byte"),
    (
        "ssl.ciphersuites",
        "TLS_AES_128_GCM_SHA256",
        "\0",
        "holds a zero byte",
    ),
    ("ssl.groups", "X25519:P-256", "\0", "holds a zero byte"),
    ("ssl.ecdh-curve", "prime256v1", "X25519:P-256", "one curve"),
    ("ssl.dh-params", "built-in", "\0", "holds a zero byte"),
    ("ssl.security-level", "2", "6", "between 0 and 5"),
    (
        "ssl.prefer-server-ciphers",
        "off",
        "server",
        "true, false, yes, no",
    ),
    (
        "ssl.options",
        "0x4|NO_TICKET",
        "NO TICKET",
        "64-bit number (decimal or 0x…) nor an SSL_OP_ name",
    ),
    ("ssl.options-era", "1.0", "1.1", "current, 1.0"),
    ("ssl.conf", "Options=NoRenegotiation", "=x", "NAME=VALUE"),
    ("ssl.config-section", "mine", "\0", "holds a zero byte"),
    (
        "ssl.session-cache",
        "true",
        "shared",
        "true, false, yes, no",
    ),
    ("ssl.session-cache-size", "100", "0", "between 1 and"),
    ("ssl.session-timeout", "2h", "500ms", "whole seconds"),
    (
        "ssl.session-tickets",
        "false",
        "never",
        "true, false, yes, no",
    ),
    ("ssl.num-tickets", "1", "17", "between 0 and 16"),
    ("ssl.ticket-keys", "keys", "\0", "holds a zero byte"),
    (
        "backend.sslmode",
        "prefer",
        "allow",
        "prefer asks for TLS first, and require, verify-ca and verify-full insist on it",
    ),
    (
        "backend.sslnegotiation",
        "direct",
        "gss",
        "postgres, direct",
    ),
    ("ssl.system-ca", "true", "maybe", "true"),
    ("backend.system-ca", "false", "maybe", "true"),
    ("backend.cafile", "ca.pem", "\0", "holds a zero byte"),
    ("backend.crl-file", "crl.pem", "\0", "holds a zero byte"),
    (
        "backend.server-name",
        "Db.example",
        "a b",
        "is not a host name or address",
    ),
    ("backend.certfile", "c.pem", "\0", "holds a zero byte"),
    ("backend.keyfile", "k.pem", "\0", "holds a zero byte"),
    (
        "backend.min-protocol",
        "TLSv1.3",
        "1.3",
        "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
    ),
    (
        "backend.max-protocol",
        "TLSv1.2",
        "SSLv3",
        "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
    ),
    (
        "backend.mirror-version",
        "yes",
        "maybe",
        "true, false, yes, no",
    ),
    ("backend.cipher-list", "HIGH", "\0", "holds a zero byte"),
    (
        "backend.ciphersuites",
        "TLS_AES_128_GCM_SHA256",
        "\0",
        "holds a zero byte",
    ),
    ("backend.groups", "P-256", "\0", "holds a zero byte"),
    (
        "backend.alpn",
        "h2,http/1.1",
        "h2,",
        "empty place between its commas",
    ),
    (
        "backend.session-reuse",
        "off",
        "never",
        "true, false, yes, no",
    ),
    (
        "timeout.handshake",
        "500ms",
        "soon",
        "seconds, or a whole number with us, ms, s, m, h or d",
    ),
    (
        "timeout.connect",
        "10",
        "10 s",
        "seconds, or a whole number with us, ms, s, m, h or d",
    ),
    (
        "timeout.idle",
        "1h",
        "1w",
        "seconds, or a whole number with us, ms, s, m, h or d",
    ),
    (
        "timeout.keep-alive",
        "5m",
        "x",
        "seconds, or a whole number with us, ms, s, m, h or d",
    ),
    (
        "timeout.drain",
        "0",
        "-1",
        "seconds, or a whole number with us, ms, s, m, h or d",
    ),
    ("ssl.original-chain", "true", "maybe", "true"),
    ("ssl.unusable", "degrade", "ignore", "refuse, degrade"),
    ("mysql.require-secure-transport", "true", "maybe", "true"),
    ("limit.connections", "10k", "ten", "whole number"),
    ("limit.handshakes", "0", "-1", "whole number"),
    ("limit.per-address", "5", "5000000000", "above 4294967295"),
];

fn set(record: &Record, text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let set = (record.set)(&mut settings, text, &Origin::Program);
    set.map(|()| settings)
}

#[test]
fn every_option_refuses_a_wrong_value_and_says_what_it_takes() {
    for record in TABLE {
        let example = EXAMPLES.iter().find(|example| example.0 == record.name);
        let (_, good, bad, takes) = example.unwrap_or_else(|| panic!("no example of {record:?}"));
        assert!(set(record, good).is_ok(), "{record:?}");
        let why = set(record, bad).expect_err(record.name);
        assert!(why.contains(takes), "{record:?}: {why}");
        assert!(!why.contains(char::is_control), "{record:?}: {why}");
    }
}

#[test]
fn what_an_option_shows_can_be_given_back() {
    for (name, good, ..) in EXAMPLES {
        let record = find(name).expect(name);
        let shown = (record.get)(&set(record, good).expect(name));
        for (text, _) in &shown {
            let again = set(record, text).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!((record.get)(&again)[0].0, *text);
        }
    }
}

#[test]
fn the_defaults_can_be_given_back() {
    let defaults = Settings::default();
    for record in TABLE {
        for (text, origin) in (record.get)(&defaults) {
            assert_eq!(origin, Origin::BuiltIn, "{record:?}");
            let again = set(record, &text).unwrap_or_else(|why| panic!("{record:?}: {why}"));
            assert_eq!((record.get)(&again)[0].0, text);
        }
    }
}

#[test]
fn names_are_told_apart_and_written_alike() {
    let mut names: Vec<&str> = TABLE
        .iter()
        .flat_map(|record| std::iter::once(&record.name).chain(record.aliases))
        .copied()
        .collect();
    let in_order = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    assert!(names.iter().all(|name| name.chars().all(in_order)));
    names.sort_unstable();
    let mut once = names.clone();
    once.dedup();
    assert_eq!(once, names);
}

#[test]
fn help_is_whole_sentences() {
    for record in TABLE {
        assert!(record.help.ends_with('.'), "{record:?}");
        assert!(!record.help.contains("  "), "{record:?}");
        assert!(!record.value.is_empty(), "{record:?}");
        let length = record.help.len();
        assert!((20..=260).contains(&length), "{record:?}: {length}");
    }
}

#[test]
fn the_files_of_the_table_keep_to_their_headings() {
    let mut headings: Vec<Group> = TABLE.iter().map(|record| record.group).collect();
    headings.dedup();
    assert_eq!(headings, Group::ALL);
}

#[test]
fn options_are_found_by_the_names_of_every_age() {
    for (name, meant) in [
        ("server.keyfile", "ssl.keyfile"),
        ("server.cafile", "ssl.cafile"),
        ("server.ssl-protocol", "ssl.protocol"),
        ("server.ssl-cache", "ssl.session-cache"),
        ("server.ssl-options", "ssl.options"),
        ("server.ssl-cipher-list", "ssl.cipher-list"),
        ("server.backlog-size", "tcp.backlog-size"),
        ("server.reuse-address", "tcp.reuse-address"),
        ("tls.keyfile", "ssl.keyfile"),
    ] {
        assert_eq!(find(name).map(|record| record.name), Some(meant));
    }
}

#[test]
fn the_documented_default_mask_is_that_of_arangodb() {
    let shown = (find("ssl.options").expect("known").get)(&Settings::default());
    assert_eq!(shown[0].0, "SSL_OP_ALL");
}

proptest! {
    #[test]
    fn no_value_is_too_odd_for_any_option(index in 0..TABLE.len(), text in ".*|[a-z0-9=,./:|-]{0,30}") {
        let record = &TABLE[index];
        if let Ok(settings) = set(record, &text) {
            for (text, _) in (record.get)(&settings) {
                let again = set(record, &text);
                prop_assert!(again.is_ok(), "{:?} wrote {:?}: {:?}", record, text, again.err());
                prop_assert_eq!(&(record.get)(&again.expect("just checked"))[0].0, &text);
            }
        }
    }

    #[test]
    fn no_server_name_is_too_odd(
        text in "[a-z.*]{1,5}=[a-z, ]{0,5}(,(ssl|tls)\\.(options|cafile|verify-client|x)=[a-z0-9, ]{0,4}){0,3}"
    ) {
        let record = find("ssl.server-name-indication").expect("known");
        if let Ok(settings) = set(record, &text) {
            for name in &settings.names {
                settings.policy_of(name);
            }
            let shown = (record.get)(&settings);
            let again = set(record, &shown[0].0).expect("read back");
            prop_assert_eq!((record.get)(&again), shown);
        }
    }

    #[test]
    fn no_name_is_too_odd_to_look_for(name in ".*") {
        find(&name);
        nearest(&name);
    }
}
