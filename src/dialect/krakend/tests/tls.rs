//! `tls`: pairs of files, versions, curves, suites, and certificates of clients.

use super::*;

#[test]
fn pairs_are_those_of_the_list_and_the_one_beside() {
    let list = "\"keys\": [\n{\"public_key\": \"a.pem\", \"private_key\": \"k.pem\"},\n\
                {\"@comment\": \"\", \"public_key\": \"b.pem\",\n\"private_key\": \"b.key\"},\n\
                {\"public_key\": \"c.pem\", \"private_key\": \"k.pem\"}]";
    let settings = of_tls(list);
    assert_eq!(get(&settings, "ssl.certfile"), "a.pem b.pem c.pem");
    assert_eq!(get(&settings, "ssl.keyfile"), "k.pem b.key k.pem");
    let origin = settings.policy.key_files[1].origin.to_string();
    assert_eq!(origin, "krakend.json:8");
    let settings = of(&format!("{{\"tls\": {{{list}}}}}"));
    assert_eq!(get(&settings, "ssl.keyfile"), "k.pem b.key k.pem");
    let settings = of_tls("");
    assert_eq!(get(&settings, "ssl.certfile"), "c.pem");
    assert_eq!(get(&settings, "ssl.keyfile"), "k.pem");
}

#[test]
fn what_a_pair_lacks_is_said_in_the_gateways_words() {
    for (tls, why) in [
        (
            "{ \"public_key\": \"a\" }",
            "'tls.public_key': private key not defined",
        ),
        (
            "{ \"private_key\": \"a\" }",
            "'tls.private_key': public key not defined",
        ),
        (
            "{ \"public_key\": \"\", \"private_key\": \"a\" }",
            "'tls.public_key': public key not defined",
        ),
        ("{ \"keys\": [{}] }", "'tls.keys': public key not defined"),
        (
            "{ \"keys\": [{ \"public_key\": \"a\" }] }",
            "'tls.keys.public_key': private key not defined",
        ),
    ] {
        let text = format!("{{ \"tls\": {tls} }}");
        assert_eq!(said(&text), [format!("krakend.json:1: {why}")], "{tls}");
    }
    let mut builder = builder("{ \"tls\": { \"keys\": [] } }");
    builder.set(
        "backend",
        "service://echo",
        Origin::Flag("--backend".into()),
    );
    let problems = builder.finish().expect_err("nothing to serve TLS with");
    assert_eq!(
        problems.to_string(),
        "public key not defined: 'public_key' and 'private_key' in 'tls' name the files"
    );
}

#[test]
fn versions_are_words_and_others_come_to_tls_1_3() {
    for (more, min, max) in [
        ("", "TLSv1.3", "TLSv1.3"),
        ("\"min_version\": \"TLS12\"", "TLSv1.2", "TLSv1.3"),
        ("\"min_version\": \"TLS11\"", "TLSv1.1", "TLSv1.3"),
        (
            "\"min_version\": \"TLS10\", \"max_version\": \"TLS12\"",
            "TLSv1",
            "TLSv1.2",
        ),
        (
            "\"min_version\": \"SSL3.0\", \"max_version\": \"TLS13\"",
            "TLSv1",
            "TLSv1.3",
        ),
        (
            "\"min_version\": \"TLS13\", \"max_version\": null",
            "TLSv1.3",
            "TLSv1.3",
        ),
        (
            "\"min_version\": \"\", \"max_version\": \"\"",
            "TLSv1.3",
            "TLSv1.3",
        ),
        ("\"min_version\": \"tls12\"", "TLSv1.3", "TLSv1.3"),
        ("\"max_version\": \"TLS1.2\"", "TLSv1.3", "TLSv1.3"),
    ] {
        let settings = of_tls(more);
        assert_eq!(get(&settings, "ssl.min-protocol"), min, "{more}");
        assert_eq!(get(&settings, "ssl.max-protocol"), max, "{more}");
    }
    assert_eq!(
        said_of_tls("\"min_version\": \"TLS1.2\""),
        [
            "! krakend.json:5: 'tls.min_version': 'TLS1.2' is not one of SSL3.0, TLS10, TLS11, TLS12, TLS13, and comes to TLS13"
        ]
    );
    assert_eq!(
        said_of_tls("\"min_version\": \"SSL3.0\""),
        [
            "krakend.json:5: 'tls.min_version': 'SSL3.0' comes to TLS10, as nobody speaks SSLv3 any more"
        ]
    );
}

#[test]
fn a_range_in_which_no_version_is_left_is_refused() {
    for (more, why) in [
        (
            "\"max_version\": \"SSL3.0\"",
            "krakend.json:5: 'tls.max_version': 'SSL3.0' leaves no version to speak: every handshake would fail",
        ),
        (
            "\"min_version\": \"SSL3.0\",\n\"max_version\": \"SSL3.0\"",
            "krakend.json:6: 'tls.max_version': 'SSL3.0' leaves no version to speak: every handshake would fail",
        ),
        (
            "\"max_version\": \"TLS12\"",
            "krakend.json:5: 'tls.max_version': 'TLS12' is below the 'TLS13' that 'min_version' is unless it is set: every \
             handshake would fail",
        ),
        (
            "\"max_version\": \"TLS11\",\n\"min_version\": \"TLS12\"",
            "krakend.json:5: 'tls.max_version': 'TLS11' is below the 'TLS12' of 'min_version' (krakend.json:6): every \
             handshake would fail",
        ),
    ] {
        assert_eq!(said_of_tls(more), [why]);
    }
}

#[test]
fn curves_are_groups_in_the_order_of_their_list() {
    for (list, groups) in [
        ("[23, 24, 25]", "P-256:P-384:P-521"),
        ("[24]", "P-384"),
        ("[25, 29, 25]", "P-521:X25519"),
        ("[]", "P-521:P-384:P-256"),
        ("null", "P-521:P-384:P-256"),
    ] {
        let settings = of_tls(&format!("\"curve_preferences\": {list}"));
        assert_eq!(get(&settings, "ssl.groups"), groups, "{list}");
    }
    assert_eq!(
        said_of_tls("\"curve_preferences\": [29]"),
        [
            "krakend.json:5: 'tls.curve_preferences': 29 (X25519) is taken, although KrakenD's linter refuses it"
        ]
    );
    assert_eq!(
        said_of_tls("\"curve_preferences\": [\n23,\n30, \"P-256\", 1.5, -1]"),
        [
            "krakend.json:7: 'tls.curve_preferences': expected a whole number from 0 to 65535, got 'P-256'",
            "krakend.json:7: 'tls.curve_preferences': expected a whole number from 0 to 65535, got '1.5'",
            "krakend.json:7: 'tls.curve_preferences': expected a whole number from 0 to 65535, got '-1'",
        ]
    );
    assert_eq!(
        said_of_tls("\"curve_preferences\": [23, 30]"),
        [
            "krakend.json:5: 'tls.curve_preferences': '30' is not one of 25 (P-521), 24 (P-384), 23 (P-256), 29 (X25519)"
        ]
    );
}

/// The list that suites come to where TLS 1.2 is spoken.
fn ciphers(list: &str) -> String {
    let more = format!("\"min_version\": \"TLS12\", \"cipher_suites\": {list}");
    get(&of_tls(&more), "ssl.cipher-list")
}

#[test]
fn suites_of_older_versions_are_in_the_order_of_go() {
    let default = suites::default_list();
    for list in [
        "[]",
        "null",
        "[49199, 49195, 49200, 49196, 52392, 52393]",
        "[4865, 52393, 52392, 49196, 49200, 49195, 49199, 49199]",
    ] {
        assert_eq!(ciphers(list), default, "{list}");
    }
    assert_eq!(ciphers("[49199]"), "ECDHE-RSA-AES128-GCM-SHA256");
    let all: Vec<String> = suites::OLDER
        .iter()
        .rev()
        .map(|suite| suite.id.to_string())
        .collect();
    assert_eq!(
        ciphers(&format!("[{}]", all.join(","))),
        format!(
            "{default}:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:\
             AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA:ECDHE-RSA-DES-CBC3-SHA:DES-CBC3-SHA:\
             ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:AES128-SHA256:ECDHE-ECDSA-RC4-SHA:ECDHE-RSA-RC4-SHA:RC4-SHA"
        )
    );
}

#[test]
fn the_suites_of_tls_1_3_are_not_for_the_list_to_choose() {
    let why = "krakend.json:5: 'tls.cipher_suites': has no effect on TLS 1.3, which always has its three suites, and no \
               older version is spoken";
    for list in ["[4865, 4866, 4867]", "[4867]", "[49199]", "[47]"] {
        assert_eq!(
            said_of_tls(&format!("\"cipher_suites\": {list}")),
            [why],
            "{list}"
        );
    }
    let older = |list: &str| {
        said_of_tls(&format!(
            "\"cipher_suites\": {list}, \"min_version\": \"TLS12\""
        ))
    };
    assert_eq!(older("[4865, 4866, 4867, 49199]"), [""; 0]);
    assert_eq!(
        older("[4865, 49199]"),
        [
            "krakend.json:5: 'tls.cipher_suites': TLS 1.3 always has its three suites, whichever are listed"
        ]
    );
}

#[test]
fn a_list_without_what_http_2_needs_is_refused_in_the_words_of_go() {
    let why = "krakend.json:5: 'tls.cipher_suites': http2: TLSConfig.CipherSuites is missing an HTTP/2-required \
               AES_128_GCM_SHA256 cipher (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or \
               TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)";
    for list in ["[49200]", "[4865]", "[47, 156]"] {
        for min in ["SSL3.0", "TLS10", "TLS12"] {
            let more = format!("\"cipher_suites\": {list}, \"min_version\": \"{min}\"");
            assert!(said_of_tls(&more).contains(&why.to_owned()), "{more}");
        }
        let more = format!("\"cipher_suites\": {list}, \"min_version\": \"TLS13\"");
        assert!(!said_of_tls(&more).contains(&why.to_owned()), "{more}");
    }
}

#[test]
fn suites_that_few_have_and_numbers_that_are_none_are_said() {
    assert_eq!(
        said_of_tls("\"min_version\": \"TLS12\",\n\"cipher_suites\": [49199, 5,\n10, 7, 255]"),
        [
            "! krakend.json:7: 'tls.cipher_suites': '7' is no suite that Go has, and is left out",
            "! krakend.json:7: 'tls.cipher_suites': '255' is no suite that Go has, and is left out",
            "krakend.json:6: 'tls.cipher_suites': DES-CBC3-SHA, RC4-SHA: few builds of OpenSSL have that, the others leave \
             it out",
        ]
    );
}

#[test]
fn clients_have_to_show_a_certificate_of_the_system_of_others_or_of_our_own() {
    let settings =
        of_tls("\"ca_certs\": [\"a.pem\", \"c.pem\", \"a.pem\", \"\"],\n\"enable_mtls\": true");
    assert_eq!(settings.policy.verify(), VerifyClient::Require);
    assert_eq!(get(&settings, "ssl.cafile"), "a.pem c.pem");
    assert_eq!(get(&settings, "ssl.system-ca"), "true");
    let by = settings.policy.verify_client.origin.to_string();
    assert_eq!(by, "krakend.json:6");
    let settings = of_tls("\"enable_mtls\": true, \"disable_system_ca_pool\": true");
    assert_eq!(get(&settings, "ssl.cafile"), "c.pem");
    assert_eq!(get(&settings, "ssl.system-ca"), "false");
    for more in ["", "\"enable_mtls\": false, \"ca_certs\": [\"a.pem\"]"] {
        let settings = of_tls(more);
        assert_eq!(settings.policy.verify(), VerifyClient::None);
        assert!(settings.policy.ca_files.is_empty());
    }
    let idle = "has no effect without 'enable_mtls': clients are not asked for certificates";
    assert_eq!(
        said_of_tls("\"ca_certs\": [\"a.pem\"],\n\"disable_system_ca_pool\": true"),
        [
            format!("! krakend.json:5: 'tls.ca_certs': {idle}"),
            format!("! krakend.json:6: 'tls.disable_system_ca_pool': {idle}"),
        ]
    );
}
