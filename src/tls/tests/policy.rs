//! What becomes of the rest of a policy: identities of several types, chains, masks, levels, groups, commands.

use crate::settings::{Level, MaskPart, OptionMask, OptionsEra};
use crate::tls::options::{self, Resolved};
use crate::tls::testing::{Authority, Client, EC, Key, Policy, self_signed};
use openssl::nid::Nid;
use openssl::ssl::SslVersion;

#[test]
fn libssl_chooses_among_key_types_by_what_the_client_can_verify() {
    let mut policy = Policy::empty();
    policy.set("ssl.protocol", "9");
    for (name, kind) in [
        ("rsa", Key::Rsa(2048)),
        ("ec", EC),
        ("ed25519", Key::Ed25519),
        ("ed448", Key::Ed448),
    ] {
        policy.identity(&format!("{name}.pem"), &self_signed(name, kind).pem());
    }
    let server = policy.server();
    let shown = |ciphers| {
        let client = Client {
            ciphers,
            ..Client::only(SslVersion::TLS1_2)
        };
        client.meet(&server).unwrap().shown
    };
    assert_eq!(shown("aRSA:@SECLEVEL=0"), ["rsa"]);
    assert!(["ec", "ed25519", "ed448"].contains(&shown("aECDSA:@SECLEVEL=0")[0].as_str()));
    let report = policy.load().report();
    let keys: Vec<&str> = report
        .identities
        .iter()
        .map(|identity| identity.key.as_str())
        .collect();
    assert_eq!(keys, ["RSA 2048", "EC prime256v1", "ED25519", "ED448"]);
}

#[test]
fn an_rsa_pss_key_has_a_place_beside_an_rsa_key() {
    let mut policy = Policy::empty();
    policy.identity("pss.pem", &self_signed("pss", Key::RsaPss).pem());
    policy.identity("rsa.pem", &self_signed("rsa", Key::Rsa(2048)).pem());
    let met = Client::default().meet(&policy.server()).unwrap();
    assert_eq!(
        met.shown,
        ["pss"],
        "libssl prefers it for clients that know it"
    );
    assert_eq!(policy.load().report().identities[0].key, "RSA-PSS 2048");
}

#[test]
fn a_key_may_stand_before_its_certificate_and_a_chain_after() {
    let authority = Authority::new("root");
    let below = authority.intermediate("below");
    let leaf = below.issue("localhost", EC);
    let (key, certificate) = (leaf.key_pem(), leaf.certificate.to_pem().unwrap());
    for text in [
        [key.clone(), certificate.clone(), below.pem()].concat(),
        [certificate.clone(), below.pem(), key.clone()].concat(),
        [
            b"some words\n".to_vec(),
            certificate.clone(),
            key.clone(),
            below.pem(),
        ]
        .concat(),
    ] {
        let mut policy = Policy::empty();
        policy.identity("server.pem", &text);
        let met = Client::default().meet(&policy.server()).unwrap();
        assert_eq!(met.shown, ["localhost", "below"]);
        let identity = &policy.load().report().identities[0];
        assert_eq!(identity.chain_length, 2);
        assert_eq!(
            (identity.subject.as_str(), &identity.names[..]),
            ("CN=localhost", &["localhost".to_owned()][..])
        );
        assert!(
            (363..=365).contains(&identity.days_left),
            "{}",
            identity.days_left
        );
    }
}

#[test]
fn a_short_chain_is_completed_from_the_cas_up_to_the_root() {
    let authority = Authority::new("root");
    let below = authority.intermediate("below");
    let mut policy = Policy::empty();
    policy.identity("server.pem", &below.issue("localhost", EC).pem());
    assert_eq!(
        Client::default().meet(&policy.server()).unwrap().shown,
        ["localhost"]
    );
    let file = policy.file("ca.pem", &[authority.pem(), below.pem()].concat());
    policy.set("ssl.cafile", file.to_str().unwrap());
    policy.set("ssl.cafile-mode", "original");
    let met = Client::default().meet(&policy.server()).unwrap();
    assert_eq!(met.shown, ["localhost", "below"]);
    assert_eq!(met.told, [""; 0], "nobody is asked, so nobody is told");
}

#[test]
fn the_curve_of_a_certificate_need_not_be_among_the_groups() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut policy = Policy::empty();
        policy.set("ssl.protocol", "9");
        policy.identity(
            "server.pem",
            &self_signed("localhost", Key::Ec(Nid::SECP384R1)).pem(),
        );
        let met = Client::only(version).meet(&policy.server()).unwrap();
        assert_eq!(
            met.facts.group.as_deref(),
            cfg!(openssl3).then_some("secp256r1")
        );
    }
}

#[test]
fn groups_are_those_listed_in_their_order() {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "6");
    policy.set("ssl.groups", "P-521:P-384");
    // Without it the client's order decides from 3.5 on.
    policy.set("ssl.prefer-server-ciphers", "true");
    let server = policy.server();
    let group = |groups| {
        let client = Client {
            groups: Some(groups),
            ..Client::default()
        };
        client.meet(&server).map(|met| met.facts.group)
    };
    if cfg!(openssl3) {
        assert_eq!(group("X25519:P-384").unwrap().as_deref(), Some("secp384r1"));
        assert_eq!(
            group("X25519:P-384:P-521").unwrap().as_deref(),
            Some("secp521r1")
        );
    }
    assert!(group("X25519").is_err());
    assert_eq!(policy.load().report().groups, ["P-521", "P-384"]);
}

#[test]
fn the_servers_order_of_ciphers_counts_where_it_is_asked_for() {
    let mut policy = Policy::new();
    policy.set(
        "ssl.cipher-list",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
    );
    let client = Client {
        ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
        ..Client::default()
    };
    let cipher = |policy: &Policy| client.meet(&policy.server()).unwrap().facts.cipher;
    assert_eq!(cipher(&policy), "ECDHE-ECDSA-AES256-GCM-SHA384");
    policy.set("ssl.options", "CIPHER_SERVER_PREFERENCE");
    assert_eq!(cipher(&policy), "ECDHE-ECDSA-AES128-GCM-SHA256");
    policy.set("ssl.prefer-server-ciphers", "false");
    assert_eq!(cipher(&policy), "ECDHE-ECDSA-AES256-GCM-SHA384");
    policy.set("ssl.options", "0");
    policy.set("ssl.prefer-server-ciphers", "true");
    assert_eq!(cipher(&policy), "ECDHE-ECDSA-AES128-GCM-SHA256");
}

#[test]
fn the_report_says_what_libssl_makes_of_the_policy() {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    policy.set("ssl.options", "0x4000");
    policy.set("ssl.ciphersuites", "TLS_AES_128_GCM_SHA256");
    policy.set("ssl.cipher-list", "ECDHE-ECDSA-AES256-GCM-SHA384");
    policy.set("ssl.session-cache", "true");
    let report = policy.load().report();
    let names: Vec<&str> = report
        .ciphers
        .iter()
        .map(|cipher| cipher.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]
    );
    assert_eq!(
        report.ciphers[1].standard_name,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    );
    assert_eq!(
        (report.min_protocol.as_str(), report.max_protocol.as_str()),
        ("TLSv1.2", "TLSv1.3")
    );
    assert!(
        report.options.iter().any(|name| name == "SSL_OP_NO_TICKET"),
        "{:?}",
        report.options
    );
    assert_eq!(report.session_cache, "20480 sessions for 7200s");
    assert_eq!(report.session_tickets, "off");
    assert_eq!(report.verify_client, "none");
    assert!(report.library.starts_with("OpenSSL "));
}

#[test]
fn a_command_has_the_last_word() {
    let mut policy = Policy::new();
    policy.set("ssl.conf", "MinProtocol=TLSv1.2");
    policy.set("ssl.conf", "MaxProtocol=TLSv1.3");
    policy.set("ssl.conf", "Ciphersuites=TLS_CHACHA20_POLY1305_SHA256");
    let met = Client::only(SslVersion::TLS1_3)
        .meet(&policy.server())
        .unwrap();
    assert_eq!(met.facts.cipher, "TLS_CHACHA20_POLY1305_SHA256");
    assert_eq!(met.facts.bits, 256);
}

#[test]
fn a_level_lowered_in_the_cipher_list_is_noted() {
    let mut policy = Policy::new();
    policy.set("ssl.cipher-list", "HIGH:@SECLEVEL=0");
    let notes = policy.notes();
    assert!(notes.contains("security level 0 is below "), "{notes}");
}

fn number(bits: u64) -> OptionMask {
    OptionMask(vec![MaskPart::Number(bits)])
}

fn resolve(mask: &OptionMask, era: OptionsEra) -> Resolved {
    options::resolve(mask, era).unwrap()
}

fn warnings(resolved: &Resolved) -> Vec<&str> {
    let warned = resolved
        .notes
        .iter()
        .filter(|note| note.level == Level::Warn);
    warned.map(|note| note.text.as_str()).collect()
}

#[test]
fn names_and_bits_are_each_others_inverse() {
    for bit in 0..64 {
        let names = options::names(1 << bit);
        assert_eq!(names.len(), 1);
        match names[0].strip_prefix("SSL_OP_") {
            Some(plain) => {
                assert_eq!(options::bits(&names[0]), Some(1 << bit));
                assert_eq!(options::bits(&plain.to_lowercase()), Some(1 << bit));
            }
            None => assert_eq!(names[0], format!("{:#x}", 1u64 << bit)),
        }
    }
    assert_eq!(options::bits("SSL_OP_ALL"), Some(0x8000_0850));
    assert_eq!(options::bits("NO_SSL_MASK"), Some(0x3e00_0000));
    assert_eq!(options::bits("NO_SSLv2"), Some(0));
    assert_eq!(options::bits("SINGLE_DH_USE"), Some(0));
    assert_eq!(options::bits("NOTHING"), None);
}

#[test]
fn the_names_are_those_of_the_headers() {
    for (name, bits) in [
        ("NO_TICKET", openssl_sys::SSL_OP_NO_TICKET),
        (
            "CIPHER_SERVER_PREFERENCE",
            openssl_sys::SSL_OP_CIPHER_SERVER_PREFERENCE,
        ),
        ("NO_TLSv1_3", openssl_sys::SSL_OP_NO_TLSv1_3),
        ("NO_RENEGOTIATION", openssl_sys::SSL_OP_NO_RENEGOTIATION),
        ("PRIORITIZE_CHACHA", openssl_sys::SSL_OP_PRIORITIZE_CHACHA),
        (
            "ENABLE_MIDDLEBOX_COMPAT",
            openssl_sys::SSL_OP_ENABLE_MIDDLEBOX_COMPAT,
        ),
        (
            "ALLOW_UNSAFE_LEGACY_RENEGOTIATION",
            openssl_sys::SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION,
        ),
        ("NO_COMPRESSION", openssl_sys::SSL_OP_NO_COMPRESSION),
        ("COOKIE_EXCHANGE", openssl_sys::SSL_OP_COOKIE_EXCHANGE),
    ] {
        assert_eq!(options::bits(name), Some(bits), "{name}");
    }
}

#[test]
fn the_documented_mask_of_arangodb_is_nothing_to_warn_of() {
    let resolved = resolve(&number(2_147_485_776), OptionsEra::Current);
    assert_eq!(
        resolved,
        Resolved {
            bits: 0x8000_0850,
            notes: Vec::new()
        }
    );
    let named = OptionMask(vec![MaskPart::Name("SSL_OP_ALL".into())]);
    assert_eq!(resolve(&named, OptionsEra::Current), resolved);
}

#[test]
fn renumbered_bits_are_applied_as_given_with_a_warning() {
    let resolved = resolve(&number(0x2b), OptionsEra::Current);
    assert_eq!(resolved.bits, 0x2b);
    let warnings = warnings(&resolved);
    for (bit, now, before) in [
        (
            "0x1",
            "SSL_OP_NO_EXTENDED_MASTER_SECRET",
            "MICROSOFT_SESS_ID_BUG",
        ),
        ("0x2", "SSL_OP_CLEANSE_PLAINTEXT", "NETSCAPE_CHALLENGE_BUG"),
        (
            "0x8",
            "SSL_OP_ENABLE_KTLS",
            "NETSCAPE_REUSE_CIPHER_CHANGE_BUG",
        ),
    ] {
        if cfg!(openssl3) {
            let text = format!(
                "bit {bit} is {now} in this libssl and was SSL_OP_{before} in OpenSSL 1.0: \
                 '--ssl.options-era 1.0' translates an old mask"
            );
            assert!(warnings.contains(&text.as_str()), "{warnings:#?}");
        }
    }
    let unnamed = "bit 0x20 means nothing in this libssl and was SSL_OP_MICROSOFT_BIG_SSLV3_BUFFER in OpenSSL 1.0: \
                   '--ssl.options-era 1.0' translates an old mask";
    assert!(warnings.contains(&unnamed), "{warnings:#?}");
}

#[test]
fn a_mask_of_openssl_1_0_is_translated() {
    // SSL_OP_ALL of 1.0 with the server's preference and without SSLv2 and SSLv3.
    let resolved = resolve(&number(0x8000_0bff | 0x0340_0000), OptionsEra::OpenSsl1_0);
    assert_eq!(
        options::names(resolved.bits),
        [
            "SSL_OP_LEGACY_SERVER_CONNECT",
            "SSL_OP_SAFARI_ECDHE_ECDSA_BUG",
            "SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS",
            "SSL_OP_CIPHER_SERVER_PREFERENCE",
            "SSL_OP_NO_SSLv3",
            "SSL_OP_CRYPTOPRO_TLSEXT_BUG",
        ]
    );
    let left_out = resolved
        .notes
        .iter()
        .filter(|note| note.text.contains("is left out"));
    assert_eq!(left_out.count(), 9);
    // A name means what it says in any era.
    let named = OptionMask(vec![MaskPart::Name("NO_TLSv1_3".into())]);
    assert_eq!(resolve(&named, OptionsEra::OpenSsl1_0).bits, 1 << 29);
}

#[test]
fn bits_that_weaken_or_do_nothing_are_noted() {
    let resolved = resolve(&number(1 << 18 | 1 << 12 | 1 << 60), OptionsEra::Current);
    assert_eq!(resolved.bits, 1 << 18 | 1 << 12 | 1 << 60);
    let text = resolved
        .notes
        .iter()
        .map(|note| note.text.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        text.contains("SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION: weaker: "),
        "{text}"
    );
    assert!(
        text.contains("SSL_OP_NO_QUERY_MTU: no effect: it is for DTLS"),
        "{text}"
    );
    assert!(
        text.contains("0x1000000000000000: no effect: no libssl gives it a meaning"),
        "{text}"
    );
    let alias = OptionMask(vec![MaskPart::Name("NO_DTLSv1_2".into())]);
    let resolved = resolve(&alias, OptionsEra::Current);
    assert_eq!(
        warnings(&resolved),
        ["NO_DTLSV1_2 is the same as SSL_OP_NO_TLSv1_2 in a TLS server"]
    );
}
