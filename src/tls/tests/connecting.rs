//! What a policy comes to for a client of ours.

use crate::settings::{check_client, check_policy};
use crate::tls::testing::{Authority, EC, Policy, Server, greet};
use crate::tls::{Context, Prepared, Role, Shared, sys};
use openssl::ssl::{SslContext, SslMethod, SslVersion};

/// A server with a certificate of that authority, for `localhost`.
fn served_by(authority: &Authority) -> Policy {
    let mut policy = Policy::empty();
    policy.identity("server.pem", &authority.issue("localhost", EC).pem());
    policy.set("ssl.protocol", "9");
    policy
}

/// A client that trusts that authority.
fn trusting(authority: &Authority) -> Policy {
    let mut policy = Policy::empty();
    let file = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", file.to_str().unwrap());
    policy
}

fn client(policy: &Policy) -> Context {
    let (prepared, _) = Prepared::load_client(&policy.settings).unwrap();
    Context::client(&prepared).unwrap()
}

fn refused(policy: &Policy) -> String {
    let loaded = Prepared::load_client(&policy.settings);
    loaded
        .err()
        .map_or("nothing".into(), |problems| problems.to_string())
}

#[test]
fn a_client_takes_nothing_of_the_servers_defaults() {
    let context = client(&Policy::empty());
    let plain = SslContext::builder(SslMethod::tls_client())
        .unwrap()
        .build();
    let ours = context.new_ssl().unwrap();
    let theirs = openssl::ssl::Ssl::new(&plain).unwrap();
    assert_eq!(sys::options(&ours), sys::options(&theirs));
    let suites = |mut ssl: openssl::ssl::Ssl| {
        let mut names = Vec::new();
        sys::for_each_cipher(&mut ssl, true, |cipher| names.push(cipher.name()));
        names
    };
    assert_eq!(suites(ours), suites(theirs));
}

#[test]
fn a_client_takes_what_was_set() {
    let authority = Authority::new("root");
    let mut server = served_by(&authority);
    server.set("ssl.alpn", "http/1.1,h2").set("ssl.groups", "");
    let server = server.server();
    let mut policy = trusting(&authority);
    policy.set("ssl.max-protocol", "TLSv1.2");
    policy.set("ssl.cipher-list", "ECDHE-ECDSA-AES128-GCM-SHA256");
    policy
        .set("ssl.alpn", "h2")
        .set("ssl.groups", "P-384:P-256");
    let facts = greet(&client(&policy), "localhost", &server).unwrap();
    assert_eq!(facts.protocol, "TLSv1.2");
    assert_eq!(facts.cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(facts.alpn.as_deref(), Some("h2"));
    if cfg!(openssl3) {
        assert_eq!(facts.group.as_deref(), Some("secp384r1"));
    }
}

#[test]
fn the_servers_certificate_is_verified_against_the_cas_that_were_named() {
    let (authority, other) = (Authority::new("root"), Authority::new("other"));
    let server = served_by(&authority).server();
    assert!(greet(&client(&trusting(&authority)), "localhost", &server).is_ok());
    for stranger in [trusting(&other), Policy::empty()] {
        let said = greet(&client(&stranger), "localhost", &server).unwrap_err();
        assert!(said.starts_with("the server's certificate: "), "{said}");
    }
    let mut careless = trusting(&authority);
    careless.set("ssl.verify-client", "none");
    let strange = served_by(&other).server();
    assert!(greet(&client(&careless), "localhost", &strange).is_err());
}

/// A server that agrees to suites without a certificate alone.
fn nobody() -> Server {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_cipher_list("aNULL:@SECLEVEL=0").unwrap();
    let newest = Some(SslVersion::TLS1_2);
    context.set_max_proto_version(newest).unwrap();
    Server(Context::around(context.build(), Role::Server))
}

#[test]
fn a_server_that_shows_no_certificate_is_refused_whatever_the_list_of_suites() {
    let mut policy = trusting(&Authority::new("root"));
    policy.set("ssl.cipher-list", "ALL:@SECLEVEL=0");
    assert!(greet(&client(&policy), "localhost", &nobody()).is_err());
    policy.set("ssl.cipher-list", "");
    policy.set("ssl.conf", "CipherString=ALL:@SECLEVEL=0");
    assert!(greet(&client(&policy), "localhost", &nobody()).is_err());

    let mut theirs = SslContext::builder(SslMethod::tls_client()).unwrap();
    theirs.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    let (prepared, _) = Prepared::load_client(&Policy::empty().settings).unwrap();
    prepared.apply(&mut theirs).unwrap();
    assert_eq!(sys::without_anonymous_ciphers(&theirs), None);
    let context = Context::around(theirs.build(), Role::Client);
    assert!(greet(&context, "localhost", &nobody()).is_err());
}

#[test]
fn a_list_of_suites_without_certificates_is_refused() {
    let mut policy = Policy::empty();
    policy.set("ssl.cipher-list", "aNULL:@SECLEVEL=0");
    let why = "cannot set SSL cipher list 'aNULL:@SECLEVEL=0': by none of its suites a server shows a certificate";
    assert_eq!(refused(&policy), why);
}

#[test]
fn a_revoked_server_is_refused() {
    let authority = Authority::new("root");
    let leaf = authority.issue("localhost", EC);
    let mut server = Policy::empty();
    server.identity("server.pem", &leaf.pem());
    let mut policy = trusting(&authority);
    let lists = [vec![], vec![&leaf]].map(|revoked| authority.crl(&revoked, 10));
    for (list, fine) in lists.iter().zip([true, false]) {
        let file = policy.file("crl.pem", &list.to_pem().unwrap());
        policy.set("ssl.crl-file", file.to_str().unwrap());
        let met = greet(&client(&policy), "localhost", &server.server());
        assert_eq!(met.is_ok(), fine, "{met:?}");
    }
    policy.set("ssl.cafile-mode", "original");
    assert!(check_client(&policy.settings).0.is_empty());
    assert!(
        !check_policy(&policy.settings).0.is_empty(),
        "a server's list revokes nothing"
    );
}

#[test]
fn a_gap_in_the_revocation_lists_is_noted_as_a_clients() {
    let (authority, other) = (Authority::new("root"), Authority::new("other"));
    let mut policy = trusting(&authority);
    let file = policy.file("crl.pem", &other.crl(&[], 10).to_pem().unwrap());
    policy.set("ssl.crl-file", file.to_str().unwrap());
    let (_, notes) = Prepared::load_client(&policy.settings).unwrap();
    let texts: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["there is no revocation list of 'CN=root': its servers are refused"]
    );
}

#[test]
fn a_keyfile_is_the_clients_certificate() {
    let authority = Authority::new("root");
    let mut server = served_by(&authority);
    let file = server.file("ca.pem", &authority.pem());
    server.set("ssl.cafile", file.to_str().unwrap());
    let server = server.server();
    let mut policy = trusting(&authority);
    let said = greet(&client(&policy), "localhost", &server).unwrap_err();
    assert!(said.contains("certificate required"), "{said}");
    policy.identity("client.pem", &authority.issue("me", EC).pem());
    assert!(greet(&client(&policy), "localhost", &server).is_ok());
}

#[test]
fn what_is_wrong_for_a_client_is_told_in_the_same_words() {
    let mut policy = Policy::empty();
    policy.set("ssl.cipher-list", "nothing-like-it");
    policy.set("ssl.cafile", "/nonexistent/ca.pem");
    let said = refused(&policy);
    assert!(
        said.contains("cannot set SSL cipher list 'nothing-like-it': error:"),
        "{said}"
    );
    assert!(
        said.contains("cannot load CA certificates from '/nonexistent/ca.pem': no such file"),
        "{said}"
    );
}

#[test]
fn commands_are_those_for_clients() {
    let mut policy = Policy::empty();
    policy.set("ssl.conf", "MinProtocol=TLSv1.3");
    let context = client(&policy);
    let ssl = context.new_ssl().unwrap();
    assert_eq!(sys::version_bounds(ssl.ssl_context()).0, Some(0x304));
    policy.set("ssl.conf", "DHParameters=dh.pem");
    let said = refused(&policy);
    assert!(said.ends_with("has no such command for clients"), "{said}");
}

#[test]
fn one_sides_policy_is_not_used_for_the_other() {
    let policy = Policy::new();
    let (prepared, _) = Prepared::load_client(&policy.settings).unwrap();
    let said = Context::build(&prepared, &Shared::new())
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        said,
        "settings that were prepared for clients cannot be used for servers"
    );
    assert!(Context::client(&policy.load()).is_err());
}
