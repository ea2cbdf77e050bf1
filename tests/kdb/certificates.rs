//! Whom clients of kdb+ trust.

use crate::clients::{Client, Clients};
use crate::front::{Scene, Way, both_with};
use crate::kdbplus::{self, Server, USER, answers};
use crate::support::Pki;

#[test]
fn clients_that_trust_another_ca_leave_and_the_log_says_why() {
    let scene = Scene::new();
    let client = |ca: &str| {
        let mut client = kdbplus::client("ask", Way::Tls, scene.address(), USER, ca);
        client.arg("1+1");
        client
    };
    assert_eq!(answers(&mut client(&scene.pki.ca())), ["2"]);
    let mark = scene.front.mark();
    let said = kdbplus::ask(&mut client(&scene.pki.other_ca()));
    assert!(said.err.contains("certificate verify failed"), "{said:?}");
    scene.front.said_after(mark, "alert unknown ca");
}

#[test]
fn a_certificate_of_the_past_or_of_another_ca_is_not_accepted() {
    let pki = Pki::new();
    let server = Server::plain();
    let Some(mut clients) = Clients::start() else {
        return;
    };
    for (keyfile, why, alert) in [
        (
            pki.expired_server(),
            "certificate has expired",
            "alert certificate expired",
        ),
        (
            pki.foreign_server(),
            "unable to get local issuer certificate",
            "alert unknown ca",
        ),
    ] {
        let front = both_with(&keyfile).set("backend", server.url()).start();
        let failed = clients.connect(Client::QPython, Way::Tls, &pki, front.address(), "pass");
        let error = failed.err().unwrap();
        assert!(error.contains(why), "{error}");
        front.said(alert);
    }
}
