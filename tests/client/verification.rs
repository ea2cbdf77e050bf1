//! Whom a client takes a server for: each way of verifying, each thing that may be wrong.

use crate::support::Pki;
use crate::support::pki::Key;
use crate::support::tls_backend::{Identity, Program};
use crate::{client, client_with, settings};
use tlsport::client::{Client, Destination};
use tlsport::error::{Error, Kind};

fn open(client: &Client) -> Result<(), Error> {
    client.open().map(drop)
}

#[test]
fn a_server_of_the_ca_for_the_name_is_accepted() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).echo();
    let client = client(&pki, &server.tls());
    let link = client.open().unwrap();
    assert_eq!(link.facts().peer.unwrap().verified, "ok");
    assert_eq!(link.certificates().len(), 1);
    assert_eq!(link.certificates()[0].key().as_deref(), Some("EC256"));
    assert_eq!(server.seen(1)[0].server_name.as_deref(), Some("localhost"));
}

#[test]
fn the_certificate_that_is_to_blame_is_told_with_the_reason() {
    let pki = Pki::new();
    let elsewhere = pki.issue_server("elsewhere.pem", "elsewhere.example", Key::Ecdsa);
    for (keyfile, why) in [
        (elsewhere, "hostname mismatch"),
        (pki.expired_server(), "certificate has expired"),
        (
            pki.foreign_server(),
            "unable to get local issuer certificate",
        ),
        (pki.self_signed_server(), "self"),
    ] {
        let server = Program::new(&keyfile, &[]);
        let client = client(&pki, &format!("tls://localhost:{}", server.port()));
        let mut opening = client.begin().unwrap();
        let refused = opening.finish().err().unwrap();
        assert_eq!(refused.kind(), Kind::Tls);
        let said = refused.to_string();
        let wanted = format!(
            "cannot connect to 'localhost:{}': handshake: the server's certificate: {why}",
            server.port()
        );
        assert!(said.to_lowercase().starts_with(&wanted), "{said}");
        assert!(said.contains("(at depth 0: '/CN="), "{said}");
        let rejected = opening.rejected().unwrap();
        assert_eq!(rejected.chain.len(), 1, "what it has sent is known");
        assert_eq!(rejected.depth, 0);
    }
}

#[test]
fn with_chain_the_name_is_not_looked_at_and_with_none_nothing_is() {
    let pki = Pki::new();
    let elsewhere = pki.issue_server("elsewhere.pem", "elsewhere.example", Key::Ecdsa);
    for (keyfile, chain, none) in [(elsewhere, true, true), (pki.foreign_server(), false, true)] {
        let server = Identity::new(&keyfile).echo();
        let tried = |how| {
            open(&client_with(
                &pki,
                &server.tls(),
                &[("ssl.verify-server", how)],
            ))
        };
        assert!(tried("name").is_err());
        assert_eq!(tried("chain").is_ok(), chain);
        assert_eq!(tried("none").is_ok(), none);
    }
}

#[test]
fn an_address_has_to_be_in_the_certificate_as_one() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).echo();
    let as_whom = |name| {
        let destination: Destination = server.tls().parse().unwrap();
        let settings = settings(&[("ssl.cafile", &pki.ca())]);
        let client = Client::to(&settings, destination.with_server_name(name)).unwrap();
        open(&client)
    };
    as_whom("127.0.0.1").unwrap();
    let said = as_whom("127.0.0.2").unwrap_err().to_string();
    assert!(said.contains("IP address mismatch"), "{said}");
    assert!(
        server.seen(1)[0].server_name.is_none(),
        "addresses are not sent"
    );
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).asking(&pki).echo();
    let keyfile = pki.client();
    let known = client_with(&pki, &server.tls(), &[("ssl.keyfile", &keyfile)]);
    open(&known).unwrap();
    assert!(server.seen(1)[0].client.is_some());
}
