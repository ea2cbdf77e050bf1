//! What a handshake comes to: each protocol number against each version of a client, masks, ciphers, groups, levels,
//! SSL_CONF commands, and openssl.cnf. The client is the openssl program.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use support::openssl_program::s_client;
use support::pki::Key;
use support::{Daemon, Launch, Peer, Pki};

/// The versions that a client can be told to speak alone.
const VERSIONS: [(&str, &str); 4] = [
    ("-tls1", "TLSv1"),
    ("-tls1_1", "TLSv1.1"),
    ("-tls1_2", "TLSv1.2"),
    ("-tls1_3", "TLSv1.3"),
];

/// Everything that libssl still has.
const ANYTHING: &str = "ALL:@SECLEVEL=0";

/// A server that the distribution's openssl.cnf has no say in.
fn echo(pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", "service://echo")
        .env("OPENSSL_CONF", "/dev/null")
}

/// What a client of the openssl program agreed on: version and cipher.
fn agreed(address: SocketAddr, arguments: &[&str]) -> Option<(String, String)> {
    let said = s_client(address, &[&["-brief"], arguments].concat(), "");
    let fact = |name| said.fact(name).map(str::to_owned);
    Some((fact("Protocol version")?, fact("Ciphersuite")?))
}

fn version(daemon: &Daemon, arguments: &[&str]) -> Option<String> {
    agreed(daemon.address(), arguments).map(|(version, _)| version)
}

fn cipher(daemon: &Daemon, arguments: &[&str]) -> Option<String> {
    agreed(daemon.address(), arguments).map(|(_, cipher)| cipher)
}

#[test]
fn each_protocol_number_speaks_its_versions_and_no_others() {
    let pki = Pki::new();
    for (number, spoken) in [
        ("2", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"][..]),
        ("4", &["TLSv1"]),
        ("5", &["TLSv1.2"]),
        ("6", &["TLSv1.3"]),
        ("9", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ] {
        let daemon = echo(&pki)
            .set("ssl.protocol", number)
            .set("ssl.cipher-list", ANYTHING)
            .start();
        for (flag, name) in VERSIONS {
            let got = version(&daemon, &[flag, "-cipher", ANYTHING]);
            let expected = spoken.contains(&name).then(|| name.to_owned());
            assert_eq!(got, expected, "protocol {number}, client {flag}");
        }
        let best = version(&daemon, &["-cipher", ANYTHING]);
        let expected = spoken.last().map(|name| (*name).to_owned());
        assert_eq!(best, expected, "protocol {number}, a client of any version");
    }
}

#[test]
fn without_a_number_it_is_tls_1_2_alone() {
    let pki = Pki::new();
    let daemon = echo(&pki).start();
    assert_eq!(version(&daemon, &["-tls1_2"]).as_deref(), Some("TLSv1.2"));
    assert_eq!(version(&daemon, &["-tls1_3"]), None);
    let line = daemon.said("handshake: ");
    assert!(
        line.contains("INFO") && line.contains("unsupported protocol"),
        "{line}"
    );
}

#[test]
fn protocols_that_no_library_speaks_are_refused_at_start() {
    let pki = Pki::new();
    for (number, why) in [
        (
            "1",
            "SSLv2 is not supported any longer because of security vulnerabilities in this protocol",
        ),
        ("3", "is built without SSLv3"),
        (
            "7",
            "'7' is not one of 2, 3, 4, 5, 6, 9: invalid SSL protocol version specified",
        ),
        (
            "0",
            "'0' is not one of 2, 3, 4, 5, 6, 9: invalid SSL protocol version specified",
        ),
        ("TLSv1.2", "'TLSv1.2' is not one of"),
    ] {
        let log = echo(&pki).set("ssl.protocol", number).refused(3);
        let right = log.contains("tlsport: --ssl.protocol: ") && log.contains(why);
        assert!(right, "{number}: {log}");
    }
}

#[test]
#[cfg_attr(not(openssl3), ignore = "1.1.1 speaks TLS 1.0 up to security level 2")]
fn tls_1_0_needs_the_lowest_security_level_on_both_sides() {
    let pki = Pki::new();
    let strict = echo(&pki).set("ssl.protocol", "4").start();
    assert_eq!(version(&strict, &["-tls1", "-cipher", ANYTHING]), None);
    let lax = echo(&pki)
        .set("ssl.protocol", "4")
        .set("ssl.security-level", "0")
        .start();
    let spoken = version(&lax, &["-tls1", "-cipher", ANYTHING]);
    assert_eq!(spoken.as_deref(), Some("TLSv1"));
    assert_eq!(version(&lax, &["-tls1"]), None, "the client is strict");
}

#[test]
fn versions_by_name_bound_the_range() {
    let pki = Pki::new();
    for (name, value, spoken) in [
        ("ssl.min-protocol", "TLSv1.3", &["TLSv1.3"][..]),
        ("ssl.min-protocol", "TLSv1.2", &["TLSv1.2", "TLSv1.3"]),
        ("ssl.max-protocol", "TLSv1.1", &["TLSv1", "TLSv1.1"]),
    ] {
        let daemon = echo(&pki)
            .set(name, value)
            .set("ssl.cipher-list", ANYTHING)
            .start();
        let got: Vec<String> = VERSIONS
            .iter()
            .filter_map(|(flag, _)| version(&daemon, &[flag, "-cipher", ANYTHING]))
            .collect();
        assert_eq!(got, spoken, "{name}={value}");
    }
}

/// Numbers are those of OpenSSL 3; bit 29 is no TLS 1.3, bit 27 no TLS 1.2.
#[test]
fn a_mask_acts_by_number_and_by_name() {
    let pki = Pki::new();
    for (mask, spoken) in [
        ("536870912", "TLSv1.2"),
        ("0x20000000", "TLSv1.2"),
        ("SSL_OP_NO_TLSv1_3", "TLSv1.2"),
        ("NO_TLSv1_3|0x80000850", "TLSv1.2"),
        ("SSL_OP_NO_TLSv1_2,SSL_OP_ALL", "TLSv1.3"),
        ("0x08000000", "TLSv1.3"),
    ] {
        let daemon = echo(&pki)
            .set("ssl.protocol", "9")
            .set("ssl.options", mask)
            .start();
        assert_eq!(version(&daemon, &[]).as_deref(), Some(spoken), "{mask}");
        let other = VERSIONS.iter().rev().find(|(_, name)| *name != spoken);
        let (flag, _) = other.unwrap();
        assert_eq!(version(&daemon, &[flag]), None, "{mask}");
    }
}

#[test]
fn the_documented_mask_changes_no_version_and_is_logged_by_name() {
    let pki = Pki::new();
    let daemon = echo(&pki)
        .set("ssl.protocol", "9")
        .set("ssl.options", "2147485776")
        .start();
    assert_eq!(version(&daemon, &[]).as_deref(), Some("TLSv1.3"));
    let line = daemon.said("using SSL options: ");
    assert!(line.contains("SSL_OP_CRYPTOPRO_TLSEXT_BUG"), "{line}");
}

#[test]
fn the_clients_order_of_ciphers_counts_unless_the_servers_is_preferred() {
    let pki = Pki::new();
    let list = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";
    let (ours, theirs) = list.split_once(':').unwrap();
    let client = ["-tls1_2", "-cipher", &format!("{theirs}:{ours}")];
    for (name, value, chosen) in [
        ("ssl.options", "SSL_OP_ALL", theirs),
        ("ssl.options", "SSL_OP_CIPHER_SERVER_PREFERENCE", ours),
        ("ssl.prefer-server-ciphers", "true", ours),
        ("ssl.prefer-server-ciphers", "false", theirs),
    ] {
        let daemon = echo(&pki)
            .set("ssl.cipher-list", list)
            .set(name, value)
            .start();
        assert_eq!(
            cipher(&daemon, &client).as_deref(),
            Some(chosen),
            "{name}={value}"
        );
    }
}

#[test]
fn only_listed_ciphers_and_suites_are_spoken() {
    let pki = Pki::new();
    let daemon = echo(&pki)
        .set("ssl.protocol", "9")
        .set("ssl.cipher-list", "ECDHE+AESGCM:!AES128")
        .set("ssl.ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")
        .start();
    assert_eq!(
        cipher(&daemon, &["-tls1_3"]).as_deref(),
        Some("TLS_CHACHA20_POLY1305_SHA256")
    );
    assert_eq!(
        cipher(&daemon, &["-tls1_2"]).as_deref(),
        Some("ECDHE-ECDSA-AES256-GCM-SHA384")
    );
    let others = ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"];
    assert_eq!(cipher(&daemon, &others), None);
    daemon.said("handshake: no shared cipher");
}

#[test]
fn groups_decide_the_key_exchange() {
    let pki = Pki::new();
    // With RSA: in TLS 1.2 a client's groups speak of the curves of certificates, too.
    pki.issue_server("server.pem", "localhost", Key::Rsa);
    let generic = || {
        echo(&pki)
            .set("ssl.protocol", "9")
            .set("ssl.cipher-list", "ECDHE+AESGCM")
    };
    let narrow = generic().start(); // ArangoDB's default is P-256 alone
    let wide = generic().set("ssl.groups", "X25519:P-256").start();
    for version in ["-tls1_2", "-tls1_3"] {
        let x25519 = [version, "-groups", "X25519"];
        assert!(cipher(&narrow, &x25519).is_none(), "{version}");
        assert!(cipher(&wide, &x25519).is_some(), "{version}");
        // A key share that is not wanted costs a round trip in TLS 1.3, not the handshake.
        let both = [version, "-groups", "X25519:P-256"];
        assert!(cipher(&narrow, &both).is_some(), "{version}");
    }
    let said = s_client(narrow.address(), &["-brief", "-groups", "X25519:P-256"], "");
    let key = said.fact("Server Temp Key").or(said.fact("Peer Temp Key"));
    assert!(
        key.is_some_and(|key| key.contains("P-256") || key.contains("prime256v1")),
        "{}",
        said.err
    );
}

#[test]
fn the_security_level_judges_the_servers_own_key() {
    let pki = Pki::new();
    let rsa = pki.issue_server("rsa.pem", "localhost", Key::Rsa);
    let launch = |level: &str| {
        Launch::new()
            .endpoint("ssl://127.0.0.1:0")
            .set("backend", "service://echo")
            .set("ssl.keyfile", &rsa)
            .set("ssl.security-level", level)
    };
    let log = launch("3").refused(3);
    assert!(log.contains("ee key too small"), "{log}");
    let daemon = launch("2").start();
    assert!(cipher(&daemon, &[]).is_some());
}

#[test]
fn ssl_conf_commands_have_the_last_word() {
    let pki = Pki::new();
    for (command, flag, spoken) in [
        ("MaxProtocol=TLSv1.2", "-tls1_3", None),
        (
            "Options=-SessionTicket",
            "-tls1_3",
            Some("TLS_AES_256_GCM_SHA384"),
        ),
        (
            "Ciphersuites=TLS_AES_128_GCM_SHA256",
            "-tls1_3",
            Some("TLS_AES_128_GCM_SHA256"),
        ),
        (
            "CipherString=ECDHE-ECDSA-AES128-GCM-SHA256",
            "-tls1_2",
            Some("ECDHE-ECDSA-AES128-GCM-SHA256"),
        ),
        ("Groups=P-521", "-tls1_3", Some("TLS_AES_256_GCM_SHA384")),
        ("SignatureAlgorithms=RSA-PSS+SHA256", "-tls1_3", None),
    ] {
        let daemon = echo(&pki)
            .set("ssl.protocol", "9")
            .set("ssl.conf", command)
            .start();
        assert_eq!(cipher(&daemon, &[flag]).as_deref(), spoken, "{command}");
    }
    for (command, why) in [
        ("NoSuchCommand=1", "has no such command"),
        ("MaxProtocol=TLSv9", "MaxProtocol=TLSv9"),
        ("Groups", "it needs a value"),
    ] {
        let log = echo(&pki).set("ssl.conf", command).refused(3);
        assert!(
            log.contains("--ssl.conf: ") && log.contains(why),
            "{command}: {log}"
        );
    }
}

/// openssl.cnf with a default for every program, and a section of our own.
const CNF: &str = "\
openssl_conf = start
[start]
ssl_conf = programs
[programs]
system_default = everybody
tlsport = ours
[everybody]
CipherString = ECDHE-ECDSA-AES128-GCM-SHA256
MaxProtocol = TLSv1.2
[ours]
MinProtocol = TLSv1.3
MaxProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
";

#[test]
fn openssl_cnf_counts_where_the_user_chose_nothing() {
    let pki = Pki::new();
    let cnf = pki.write("openssl.cnf", CNF);
    let launch = || echo(&pki).env("OPENSSL_CONF", &cnf);

    let default = launch()
        .set("ssl.protocol", "9")
        .set("ssl.cipher-list", "")
        .start();
    let expected = Some("ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(cipher(&default, &[]).as_deref(), expected);
    assert_eq!(cipher(&default, &["-tls1_3"]), None);

    let section = launch().set("ssl.config-section", "tlsport").start();
    assert_eq!(
        cipher(&section, &[]).as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
    assert_eq!(cipher(&section, &["-tls1_2"]), None);

    let chosen = launch()
        .set("ssl.config-section", "tlsport")
        .set("ssl.protocol", "5")
        .start();
    assert_eq!(version(&chosen, &["-tls1_2"]).as_deref(), Some("TLSv1.2"));
    assert_eq!(version(&chosen, &["-tls1_3"]), None);
}

#[test]
fn a_section_that_is_not_there_or_wrong_is_refused() {
    let pki = Pki::new();
    let cnf = pki.write("openssl.cnf", CNF);
    let log = echo(&pki)
        .env("OPENSSL_CONF", &cnf)
        .set("ssl.config-section", "nobody")
        .refused(3);
    let right = log.contains("cannot apply section 'nobody'") && log.contains(&cnf);
    assert!(right, "{log}");

    let cnf = pki.write(
        "wrong.cnf",
        CNF.replace("TLS_AES_128_GCM_SHA256", "NO_SUCH_SUITE"),
    );
    let log = echo(&pki)
        .env("OPENSSL_CONF", &cnf)
        .set("ssl.config-section", "tlsport")
        .refused(3);
    assert!(log.contains("cannot apply section 'tlsport'"), "{log}");
}

/// A client of ours, too, sees a certificate that its CA vouches for.
#[test]
fn the_certificate_is_verified_by_name() {
    let pki = Pki::new();
    let daemon = echo(&pki).start();
    Peer::new(&pki).connect(daemon.address());
    let why = Peer::new(&pki)
        .asking("example.org")
        .try_connect(daemon.address());
    assert!(why.is_err(), "the name is another one");
    let ca = pki.ca();
    let verified = [
        "-CAfile",
        &ca,
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
    ];
    assert!(cipher(&daemon, &verified).is_some());
    let other = pki.other_ca();
    let strange = ["-CAfile", &other, "-verify_return_error"];
    assert!(cipher(&daemon, &strange).is_none());
}
