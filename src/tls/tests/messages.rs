//! What a user reads when a file or a value is wrong: ArangoDB's words where it has them.

use crate::settings::{Origin, Setting, Words};
use crate::tls::testing::{Authority, DAY, EC, Key, Policy, self_signed};
use std::path::PathBuf;
use std::sync::Arc;

/// With one identity file of this content.
fn with_identity(text: &[u8]) -> Policy {
    let mut policy = Policy::empty();
    policy.identity("server.pem", text);
    policy
}

#[track_caller]
fn refused(policy: &Policy, expected: &str) {
    let problems = policy.problems();
    let matches = match expected.split_once('…') {
        Some((start, end)) => problems.starts_with(start) && problems.ends_with(end),
        None => problems == expected,
    };
    assert!(
        matches && !problems.contains('\n'),
        "{problems}\n  is not {expected}"
    );
}

#[test]
fn a_missing_keyfile_is_named() {
    let mut policy = Policy::empty();
    policy.set("ssl.keyfile", "/nonexistent/server.pem");
    refused(
        &policy,
        "unable to find SSL keyfile '/nonexistent/server.pem'",
    );
}

#[test]
fn a_keyfile_that_cannot_be_read_says_why() {
    let mut policy = Policy::empty();
    policy.set("ssl.keyfile", "/");
    refused(&policy, "cannot read certificate from '/': is a directory");
}

#[test]
fn a_file_without_a_certificate_is_told_from_one_without_a_key() {
    let pair = self_signed("localhost", EC);
    let no_start = "error:…:no start line (there is no certificate in it)";
    for text in [&b""[..], b"\x00\xff", &pair.key_pem()] {
        refused(
            &with_identity(text),
            &format!("cannot read certificate from 'server.pem': {no_start}"),
        );
    }
    let certificate = pair.certificate.to_pem().unwrap();
    refused(
        &with_identity(&certificate),
        "cannot read key from 'server.pem': error:… (there is no private key in it)",
    );
}

#[test]
fn a_broken_certificate_and_a_broken_key_are_told_apart() {
    let pair = self_signed("localhost", EC);
    let spoil = |text: Vec<u8>| {
        String::from_utf8(text)
            .unwrap()
            .replace('M', "*")
            .into_bytes()
    };
    let broken = [spoil(pair.certificate.to_pem().unwrap()), pair.key_pem()].concat();
    refused(
        &with_identity(&broken),
        "cannot read certificate from 'server.pem': error:…",
    );
    let broken = [pair.certificate.to_pem().unwrap(), spoil(pair.key_pem())].concat();
    refused(
        &with_identity(&broken),
        "cannot read key from 'server.pem': error:…",
    );
}

#[test]
fn an_encrypted_key_is_refused_without_asking_for_its_passphrase() {
    let pair = self_signed("localhost", Key::Rsa(2048));
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let modern = pair
        .key
        .private_key_to_pem_pkcs8_passphrase(cipher, b"secret")
        .unwrap();
    let old = pair
        .key
        .rsa()
        .unwrap()
        .private_key_to_pem_passphrase(cipher, b"secret")
        .unwrap();
    for key in [modern, old] {
        let text = [pair.certificate.to_pem().unwrap(), key].concat();
        refused(
            &with_identity(&text),
            "cannot read key from 'server.pem': error:… (the key is encrypted)",
        );
    }
}

#[test]
fn a_key_of_another_certificate_does_not_belong() {
    let (one, two) = (self_signed("localhost", EC), self_signed("localhost", EC));
    let text = [one.certificate.to_pem().unwrap(), two.key_pem()].concat();
    refused(
        &with_identity(&text),
        "private key in 'server.pem' does not belong to its certificate",
    );
}

#[test]
fn a_key_too_weak_for_the_security_level_is_refused() {
    let mut policy = with_identity(&self_signed("localhost", Key::Rsa(1024)).pem());
    policy.set("ssl.security-level", "2");
    refused(
        &policy,
        "cannot read certificate from 'server.pem': error:…:ee key too small",
    );
    policy.set("ssl.security-level", "0");
    assert_eq!(policy.problems(), "nothing");
}

#[test]
fn two_keys_of_one_type_are_refused_with_both_names() {
    let mut policy = with_identity(&self_signed("localhost", EC).pem());
    policy.identity("second.pem", &self_signed("localhost", EC).pem());
    refused(
        &policy,
        "'server.pem' and 'second.pem' both hold an EC key: one of each type is used",
    );
}

/// With a certificate and a key of these contents, for a gateway of KrakenD's.
fn with_pair(certificate: &[u8], key: &[u8]) -> Policy {
    let mut policy = Policy::empty();
    policy.settings.policy.words = Words::KrakenD;
    for (option, name, text) in [
        ("ssl.certfile", "c.pem", certificate),
        ("ssl.keyfile", "k.pem", key),
    ] {
        let file = policy.file(name, text);
        policy.set(option, file.to_str().unwrap());
    }
    policy
}

#[test]
fn what_is_wrong_with_a_gateways_files_is_told_in_the_words_of_go() {
    let (one, two) = (self_signed("localhost", EC), self_signed("localhost", EC));
    let certificate = one.certificate.to_pem().unwrap();
    let spoilt = String::from_utf8(one.key_pem()).unwrap().replace('M', "*");
    for (certificate, key, expected) in [
        (
            &b"x"[..],
            &one.key_pem()[..],
            "cannot read certificate from 'c.pem': tls: failed to find any PEM data in certificate input: error:…",
        ),
        (
            &one.key_pem(),
            &certificate,
            "cannot read certificate from 'c.pem': tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched: error:…",
        ),
        (
            &certificate,
            b"x",
            "cannot read key from 'k.pem': tls: failed to find any PEM data in key input: error:…",
        ),
        (
            &certificate,
            &certificate,
            "cannot read key from 'k.pem': tls: found a certificate rather than a key in the PEM for the private key: error:…",
        ),
        (
            &certificate,
            spoilt.as_bytes(),
            "cannot read key from 'k.pem': tls: failed to parse private key: error:…",
        ),
        (
            &certificate,
            &two.key_pem(),
            "tls: private key does not match public key: private key 'k.pem' does not belong to certificate 'c.pem'",
        ),
    ] {
        refused(&with_pair(certificate, key), expected);
    }
    let mut policy = Policy::empty();
    policy.settings.policy.words = Words::KrakenD;
    policy.set("ssl.keyfile", "unknown");
    refused(&policy, "open unknown: no such file or directory");
    let mut policy = with_pair(&certificate, &one.key_pem());
    policy.set("ssl.cafile", "unknown");
    refused(
        &policy,
        "Cannot load certificate CA unknown: no such file or directory",
    );
}

#[test]
fn of_a_gateways_certificates_for_the_same_names_the_first_is_used() {
    let mut policy = Policy::new();
    policy.settings.policy.words = Words::KrakenD;
    policy.identity("second.pem", &self_signed("localhost", EC).pem());
    let notes = policy.notes();
    let said = "both hold an EC key: one of each type is used, the first";
    assert!(notes.contains(said), "{notes}");
}

#[test]
fn what_is_odd_about_a_certificate_is_noted() {
    let authority = Authority::new("one");
    for (days, expected) in [
        ((-10 * DAY, -DAY), "certificate 'CN=localhost' in"),
        ((-10 * DAY, -DAY), "' has expired on "),
        ((DAY, 10 * DAY), "' is not valid before "),
        ((-DAY, 3 * DAY), "' expires on "),
    ] {
        let policy = with_identity(&authority.issue_for("localhost", EC, days).pem());
        let notes = policy.notes();
        assert!(notes.contains(expected), "{notes}");
    }
    let policy = with_identity(&authority.issue("localhost", EC).pem());
    assert_eq!(policy.notes(), "");
}

#[test]
fn a_key_that_everybody_can_read_is_noted() {
    use std::os::unix::fs::PermissionsExt;
    let mut policy = Policy::empty();
    let file = policy.identity("server.pem", &self_signed("localhost", EC).pem());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let notes = policy.notes();
    assert!(
        notes.starts_with("private key in '")
            && notes.ends_with("server.pem' can be read by every user"),
        "{notes}"
    );
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(policy.notes(), "");
}

#[test]
fn a_ca_file_that_is_missing_or_empty_is_refused() {
    let mut policy = Policy::new();
    policy.set("ssl.cafile", "/nonexistent/ca.pem");
    refused(
        &policy,
        "cannot load CA certificates from '/nonexistent/ca.pem': no such file or directory",
    );
    let mut policy = Policy::new();
    let file = policy.file("ca.pem", b"nothing");
    policy.set("ssl.cafile", file.to_str().unwrap());
    refused(
        &policy,
        "cannot load CA certificates from 'ca.pem': error:…:no start line (there is no certificate in it)",
    );
}

#[test]
fn an_expired_ca_is_noted() {
    let mut policy = Policy::new();
    let file = policy.file("ca.pem", &Authority::until("old", -1).pem());
    policy.set("ssl.cafile", file.to_str().unwrap());
    let notes = policy.notes();
    assert!(
        notes.contains("CA certificate 'CN=old' in '") && notes.contains("' has expired on "),
        "{notes}"
    );
}

#[test]
fn revocation_lists_that_are_none_are_refused() {
    let mut policy = Policy::new();
    let ca = policy.file("ca.pem", &Authority::new("one").pem());
    policy.set("ssl.cafile", ca.to_str().unwrap());
    let file = policy.file("crl.pem", b"nothing");
    policy.set("ssl.crl-file", file.to_str().unwrap());
    refused(
        &policy,
        "cannot load revocation lists from 'crl.pem': there is none in it",
    );
    let broken = b"-----BEGIN X509 CRL-----\n*\n-----END X509 CRL-----\n";
    policy.file("crl.pem", broken);
    refused(
        &policy,
        "cannot load revocation lists from 'crl.pem': error:…",
    );
    policy.settings.policy.crl_file = Setting::default();
    policy.set("ssl.crl-dir", "/nonexistent");
    refused(
        &policy,
        "cannot load revocation lists from '/nonexistent': no such file or directory",
    );
}

#[test]
fn ciphers_suites_and_groups_are_judged_by_libssl() {
    let mut policy = Policy::new();
    policy.set("ssl.cipher-list", "NOTHING");
    refused(
        &policy,
        "cannot set SSL cipher list 'NOTHING': error:…:no cipher match",
    );
    let mut policy = Policy::new();
    policy.set("ssl.ciphersuites", "NOTHING");
    refused(
        &policy,
        "cannot set SSL ciphersuites 'NOTHING': error:…:no cipher match",
    );
    let mut policy = Policy::new();
    policy.set("ssl.ecdh-curve", "nothing");
    refused(&policy, "SSL error: Unknown curve name: nothing");
    let mut policy = Policy::new();
    policy.set("ssl.groups", "X25519:nothing");
    refused(&policy, "cannot set SSL groups 'X25519:nothing': …");
}

#[test]
fn a_zero_byte_is_refused_wherever_libssl_would_stop_reading() {
    let mut policy = Policy::new();
    let text = || Setting::new("AES128-SHA\0:ALL".to_owned(), Origin::Program);
    policy.settings.policy.cipher_list = text();
    policy.settings.policy.groups = text();
    policy.settings.policy.ciphersuites = Setting::new(Some(text().value), Origin::Program);
    policy.settings.policy.config_section = Setting::new(Some(text().value), Origin::Program);
    let command = ("Curves".to_owned(), text().value);
    policy
        .settings
        .policy
        .conf
        .push(Setting::new(command, Origin::Program));
    let problems = policy.problems();
    assert_eq!(
        problems.matches("holds a zero byte").count(),
        5,
        "{problems}"
    );
}

#[test]
fn commands_and_sections_are_judged_by_libssl() {
    let mut policy = Policy::new();
    policy.set("ssl.conf", "NoSuchCommand=1");
    let library = crate::tls::library_version();
    refused(
        &policy,
        &format!(
            "cannot apply SSL_CONF command 'NoSuchCommand=1': {library} has no such command for servers"
        ),
    );
    let mut policy = Policy::new();
    policy.set("ssl.conf", "ClientSignatureAlgorithms=nothing");
    refused(
        &policy,
        "cannot apply SSL_CONF command 'ClientSignatureAlgorithms=nothing': …",
    );
    let mut policy = Policy::new();
    policy.set("ssl.conf", "CipherString");
    refused(
        &policy,
        "cannot apply SSL_CONF command 'CipherString=': it needs a value",
    );
    let mut policy = Policy::new();
    policy.set("ssl.config-section", "no_such_section");
    refused(
        &policy,
        "cannot apply section 'no_such_section' of '…': there is no such name in its 'ssl_conf'",
    );
}

#[test]
fn a_file_of_ticket_keys_is_judged_before_it_is_used() {
    let mut policy = Policy::new();
    policy.set("ssl.ticket-keys", "/nonexistent/keys");
    refused(
        &policy,
        "cannot read ticket keys from '/nonexistent/keys': no such file or directory",
    );
    let file = policy.file("keys", b"00ff\n");
    policy.set("ssl.ticket-keys", file.to_str().unwrap());
    refused(
        &policy,
        "cannot read ticket keys from 'keys': line 1 is not 80 bytes in hexadecimal or base64",
    );
}

#[test]
fn ticket_keys_that_everybody_can_read_are_noted() {
    use std::os::unix::fs::PermissionsExt;
    let mut policy = Policy::new();
    let file = policy.file("keys", "0a".repeat(80).as_bytes());
    policy.set("ssl.ticket-keys", file.to_str().unwrap());
    assert_eq!(policy.notes(), "");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o604)).unwrap();
    let notes = policy.notes();
    assert!(
        notes.starts_with("ticket keys '") && notes.ends_with("keys' can be read by every user"),
        "{notes}"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_who_set_it() {
    let mut policy = Policy::empty();
    let line = |line| Origin::File {
        path: Arc::from(PathBuf::from("arangod.conf")),
        line,
    };
    for (number, (name, value)) in [
        ("ssl.keyfile", "/nonexistent/server.pem"),
        ("ssl.cafile", "/nonexistent/ca.pem"),
        ("ssl.cipher-list", "NOTHING"),
        ("ssl.options", "NO_SUCH|NOR_SUCH"),
        ("ssl.ecdh-curve", "nothing"),
        ("ssl.ticket-keys", "/nonexistent/keys"),
    ]
    .iter()
    .enumerate()
    {
        let record = crate::settings::find(name).unwrap();
        (record.set)(&mut policy.settings, value, &line(number + 1)).unwrap();
    }
    let problems = policy.problems();
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), 7, "{problems}");
    for (number, count) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 1), (6, 1)] {
        let start = format!("arangod.conf:{number}: ");
        let found = lines.iter().filter(|line| line.starts_with(&start)).count();
        assert_eq!(found, count, "{start} in\n{problems}");
    }
}

#[test]
fn a_misspelt_option_name_is_answered_with_the_nearest() {
    let mut policy = Policy::new();
    policy.set("ssl.options", "SSL_OP_NO_TICKETS");
    refused(
        &policy,
        "'SSL_OP_NO_TICKETS' is not an SSL option: did you mean 'SSL_OP_NO_TICKET'?",
    );
}
