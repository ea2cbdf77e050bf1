//! `tlsport ciphers` beside `openssl ciphers`, with the same arguments; and what is our own in `options`.

use crate::{openssl, tlsport};

/// Strings that are good, odd, or come to nothing.
const STRINGS: [&str; 24] = [
    "ALL",
    "DEFAULT",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "HIGH:!EXPORT:!aNULL@STRENGTH",
    "ECDHE+AESGCM:!aNULL",
    "ALL:!EXPORT:!LOW:!aNULL:!eNULL:!SSLv2",
    "kRSA",
    "eNULL:aNULL:@SECLEVEL=0",
    "ALL:@SECLEVEL=5",
    "AES128-SHA,AES256-SHA",
    "AES128-SHA AES256-SHA",
    "ALL:-RSA:+HIGH",
    "ALL:+AES128",
    "@STRENGTH",
    "ALL@STRENGTH:!CAMELLIA",
    "RC4:NO-SUCH-CIPHER:AES128-SHA",
    "NO-SUCH-CIPHER",
    "!ALL",
    "PSK",
    "SRP",
    "DEFAULT:@SECLEVEL=9",
    "SUITEB128",
    "ECDHE-ECDSA-CHACHA20-POLY1305:!SHA1:TLSv1.2",
];

/// Forms of the list.
const FORMS: [&[&str]; 15] = [
    &[],
    &["-v"],
    &["-V"],
    &["-s"],
    &["-s", "-v"],
    &["-stdname"],
    &["-V", "-stdname", "-s"],
    &["-s", "-tls1"],
    &["-s", "-tls1_1"],
    &["-tls1_2"],
    &["-s", "-v", "-tls1_2"],
    &["-s", "-tls1_3", "-tls1_2"],
    &["-psk", "-s"],
    &["-srp", "-s"],
    &[
        "-ciphersuites",
        "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
    ],
];

/// The same text where the openssl program has any; failure where it fails.
#[track_caller]
fn same(arguments: &[&str]) {
    let arguments = [&["ciphers"], arguments].concat();
    let (theirs, ours) = (openssl(&arguments), tlsport(&arguments));
    assert_eq!(
        ours.status == 0,
        theirs.status == 0,
        "{arguments:?}\n{}{}",
        ours.err,
        theirs.err
    );
    assert_eq!(ours.out, theirs.out, "{arguments:?}");
    if theirs.status != 0 {
        ours.refused(3);
    }
}

#[test]
#[cfg_attr(
    feature = "vendored",
    ignore = "the openssl program here is of another release"
)]
fn every_form_of_every_string_is_as_openssl_prints_it() {
    for form in FORMS {
        same(form);
        for string in STRINGS {
            same(&[form, &[string]].concat());
        }
    }
}

#[test]
fn names_are_converted_as_openssl_does() {
    for name in [
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256",
        "TLS_NOTHING",
        "",
    ] {
        same(&["-convert", name]);
    }
}

#[test]
fn two_dashes_are_as_good_as_one() {
    let one = tlsport(&["ciphers", "-stdname", "-tls1_2", "-s", "HIGH"]).fine();
    let two = tlsport(&["ciphers", "--stdname", "--tls1_2", "-s", "HIGH"]).fine();
    assert_eq!(one, two);
    let dashed = tlsport(&["ciphers", "--", "-ALL:AES128-SHA"]).fine();
    assert!(dashed.ends_with("AES128-SHA\n"), "{dashed}");
}

#[test]
fn a_list_without_a_match_says_why() {
    let refused = tlsport(&["ciphers", "NO-SUCH-CIPHER"]).refused(3);
    assert!(
        refused.contains("'NO-SUCH-CIPHER'") && refused.contains("no cipher match"),
        "{refused}"
    );
}

#[test]
fn a_mask_is_read_as_a_number_and_as_names() {
    let number = tlsport(&["options", "0x80000850"]).fine();
    assert!(number.starts_with("0x80000850 = 2147485776\n"), "{number}");
    assert!(number.contains("SSL_OP_CRYPTOPRO_TLSEXT_BUG"), "{number}");
    for same in [
        &["2147485776"][..],
        &["SSL_OP_ALL"],
        &["all"],
        &["0x850", "CRYPTOPRO_TLSEXT_BUG"],
    ] {
        assert_eq!(
            tlsport(&[&["options"], same].concat()).fine(),
            number,
            "{same:?}"
        );
    }
}

#[test]
fn bits_without_effect_and_with_another_meaning_are_told() {
    let said = tlsport(&["options", "0x28"]).fine();
    let line = |bit: &str| {
        said.lines()
            .find(|line| line.contains(bit))
            .unwrap_or_default()
    };
    assert!(line("0x8 ").contains("SSL_OP_ENABLE_KTLS"), "{said}");
    assert!(
        line("0x8 ").contains("was SSL_OP_NETSCAPE_REUSE_CIPHER_CHANGE_BUG in OpenSSL 1.0"),
        "{said}"
    );
    assert!(line("0x20 ").contains("no effect"), "{said}");
    let said = tlsport(&["options", "SINGLE_DH_USE"]).fine();
    assert!(
        said.starts_with("0x0 = 0\n") && said.contains("no effect"),
        "{said}"
    );
}

#[test]
fn a_mask_of_openssl_1_0_is_translated() {
    let said = tlsport(&["options", "--era", "1.0", "0x5"]).fine();
    assert!(said.starts_with("0x4 = 4\n"), "{said}");
    assert!(said.contains("SSL_OP_MICROSOFT_SESS_ID_BUG"), "{said}");
}

#[test]
fn a_name_that_is_none_is_refused_with_the_one_that_was_meant() {
    let refused = tlsport(&["options", "NO_TICKETS"]).refused(3);
    assert!(
        refused.contains("did you mean 'SSL_OP_NO_TICKET'?"),
        "{refused}"
    );
}

#[test]
fn without_a_mask_every_bit_is_listed() {
    let said = tlsport(&["options"]).fine();
    assert!(said.lines().count() > 20, "{said}");
    assert!(said.contains("SSL_OP_NO_TLSv1_3"), "{said}");
}
