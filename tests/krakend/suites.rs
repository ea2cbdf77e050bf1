//! Cipher suites by their numbers: what a list lets in, in Go's order, and what HTTP/2 asks of it.

use crate::front::{edge, pair};
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Launch, Peer, Pki};
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use serde_json::{Value, json};

/// Every number of KrakenD's documentation below TLS 1.3, in the order in which Go prefers them.
const SUITES: [(u16, &str); 22] = [
    (49195, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (49199, "ECDHE-RSA-AES128-GCM-SHA256"),
    (49196, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (49200, "ECDHE-RSA-AES256-GCM-SHA384"),
    (52393, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (52392, "ECDHE-RSA-CHACHA20-POLY1305"),
    (49161, "ECDHE-ECDSA-AES128-SHA"),
    (49171, "ECDHE-RSA-AES128-SHA"),
    (49162, "ECDHE-ECDSA-AES256-SHA"),
    (49172, "ECDHE-RSA-AES256-SHA"),
    (156, "AES128-GCM-SHA256"),
    (157, "AES256-GCM-SHA384"),
    (47, "AES128-SHA"),
    (53, "AES256-SHA"),
    (49170, "ECDHE-RSA-DES-CBC3-SHA"),
    (10, "DES-CBC3-SHA"),
    (49187, "ECDHE-ECDSA-AES128-SHA256"),
    (49191, "ECDHE-RSA-AES128-SHA256"),
    (60, "AES128-SHA256"),
    (49159, "ECDHE-ECDSA-RC4-SHA"),
    (49169, "ECDHE-RSA-RC4-SHA"),
    (5, "RC4-SHA"),
];

/// And those of TLS 1.3.
const OF_TLS_1_3: [(u16, &str); 3] = [
    (4865, "TLS_AES_128_GCM_SHA256"),
    (4866, "TLS_AES_256_GCM_SHA384"),
    (4867, "TLS_CHACHA20_POLY1305_SHA256"),
];

/// Those of which HTTP/2 needs one.
const FOR_HTTP2: [u16; 2] = [49195, 49199];

type Suite = (u16, &'static str);

/// Whether this libssl has it.
fn exists((_, name): &&Suite) -> bool {
    let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
    builder.set_cipher_list(name).is_ok()
}

fn existing() -> Vec<Suite> {
    SUITES.iter().filter(exists).copied().collect()
}

/// A front down to TLS 1.2 with these suites, and a certificate for either kind of them.
fn listing(pki: &Pki, suites: &[u16]) -> Launch {
    let keys = [Key::Ecdsa, Key::Rsa].map(|kind| pair(pki, "localhost", kind));
    let tls = json!({ "keys": keys, "min_version": "TLS12", "cipher_suites": suites });
    edge(pki, &json!({ "tls": tls })).set("backend", "service://echo")
}

/// What becomes of a client of TLS 1.2 that offers these.
fn offering(front: &Daemon, offer: &str) -> Result<String, String> {
    let offer = format!("{offer}:@SECLEVEL=0");
    let said = s_client(front.address(), &["-tls1_2", "-cipher", &offer], "");
    match said.fact("Cipher") {
        Some(cipher) if said.succeeded => Ok(cipher.to_owned()),
        _ => Err(said.err),
    }
}

/// The same without a program of its own.
fn agreed(pki: &Pki, front: &Daemon, offer: &[&str]) -> String {
    let peer = Peer::with(pki, |builder| {
        builder.set_cipher_list(&offer.join(":")).unwrap();
        let version = Some(SslVersion::TLS1_2);
        builder.set_max_proto_version(version).unwrap();
    });
    let tls = peer.connect(front.address());
    tls.ssl().current_cipher().unwrap().name().to_owned()
}

/// Each of HTTP/2's two alone, and beside either every other one.
#[test]
fn each_suite_is_there_for_who_offers_it_and_no_other_is() {
    let pki = Pki::new();
    let all = existing();
    assert!(all.len() >= 15, "{all:?}");
    for (needed, beside) in SUITES.into_iter().filter(|(id, _)| FOR_HTTP2.contains(id)) {
        for &(id, name) in &all {
            let front = listing(&pki, &[id, needed]).start();
            for listed in [name, beside] {
                let found = offering(&front, listed);
                assert_eq!(found.as_deref(), Ok(listed), "{name} and {beside}");
            }
            let others = all.iter().map(|(_, other)| *other);
            let others: Vec<&str> = others
                .filter(|other| ![name, beside].contains(other))
                .collect();
            let refused = offering(&front, &others.join(":")).unwrap_err();
            assert!(refused.contains("SSL alert number 40"), "{refused}");
            front.said("tls: no cipher suite supported by both client and server");
        }
    }
}

#[test]
fn of_any_two_that_a_client_offers_go_s_order_decides() {
    let pki = Pki::new();
    let all = existing();
    // Not in Go's order either.
    let mut ids: Vec<u16> = all.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let front = listing(&pki, &ids).start();
    for (place, (_, better)) in all.iter().enumerate() {
        for (_, worse) in &all[place + 1..] {
            // A client whose first is ChaCha20 is one without AES in its hardware.
            let is_chacha = |name: &str| name.contains("CHACHA20");
            let prefers = is_chacha(worse) && !is_chacha(better);
            let expected = if prefers { worse } else { better };
            let found = agreed(&pki, &front, &[worse, better]);
            assert_eq!(found, **expected, "of {worse}, {better}");
            assert_eq!(agreed(&pki, &front, &[better, worse]), *better);
        }
    }
}

#[test]
fn without_a_list_there_are_six_suites() {
    let pki = Pki::new();
    let keys = [Key::Ecdsa, Key::Rsa].map(|kind| pair(&pki, "localhost", kind));
    let front = edge(
        &pki,
        &json!({ "tls": { "keys": keys, "min_version": "TLS12" } }),
    )
    .set("backend", "service://echo")
    .start();
    for (place, (_, name)) in existing().into_iter().enumerate() {
        let found = offering(&front, name);
        let expected = place < 6;
        assert_eq!(found.as_deref() == Ok(name), expected, "{name}: {found:?}");
    }
    assert_eq!(offering(&front, "ALL").as_deref(), Ok(SUITES[0].1));
}

#[test]
fn those_of_tls_1_3_are_always_there_in_their_order() {
    let pki = Pki::new();
    let front = listing(&pki, &[4867, 49199]).start();
    let agreed = |offer: &str| {
        let said = s_client(front.address(), &["-tls1_3", "-ciphersuites", offer], "");
        assert!(said.succeeded, "{offer}: {}", said.err);
        let names = OF_TLS_1_3.iter().map(|(_, name)| *name);
        let found = names.filter(|name| said.out.contains(&format!("Cipher is {name}")));
        found.collect::<Vec<_>>().join(" ")
    };
    let [aes_128, aes_256, chacha] = OF_TLS_1_3.map(|(_, name)| name);
    for (offer, expected) in [
        (vec![aes_128], aes_128),
        (vec![aes_256], aes_256),
        (vec![chacha], chacha),
        (vec![aes_256, aes_128], aes_128),
        (vec![aes_256, chacha], aes_256),
        (vec![chacha, aes_256, aes_128], chacha),
        (vec![aes_256, chacha, aes_128], aes_128),
    ] {
        assert_eq!(agreed(&offer.join(":")), expected, "of {offer:?}");
    }
}

/// What HTTP/2 says in Go at the start.
const RULE: &str = "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher (need at least one of \
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)";

#[test]
fn a_list_without_what_http_2_needs_is_refused_at_the_start() {
    let pki = Pki::new();
    for (id, _) in SUITES.into_iter().chain(OF_TLS_1_3) {
        if !FOR_HTTP2.contains(&id) {
            let log = listing(&pki, &[id]).refused(3);
            assert!(log.contains(RULE), "{id}: {log}");
        }
    }
    let log = listing(&pki, &[4865, 4866, 49200]).refused(3);
    assert!(log.contains(RULE), "{log}");
}

/// With TLS 1.3 alone a list has no effect, and so nothing to lack.
#[test]
fn the_list_does_not_matter_where_tls_1_3_is_all_there_is() {
    let pki = Pki::new();
    let mut tls: Value = pair(&pki, "localhost", Key::Ecdsa);
    tls["cipher_suites"] = json!([47, 4866]);
    let launch = edge(&pki, &json!({ "tls": tls })).set("backend", "service://echo");
    let front = launch.start();
    assert!(s_client(front.address(), &["-tls1_3"], "").succeeded);
    front.said("'tls.cipher_suites'");
}
