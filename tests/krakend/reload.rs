//! A `krakend.json` and its certificates read again, for which the gateway has to be started anew.

use crate::curl::{fetch, url};
use crate::front::{edge, split, with};
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Pki};
use crate::web::Web;
use serde_json::json;
use std::fs;

/// Whom the certificate is for that a client gets.
fn shown(front: &Daemon) -> String {
    let said = s_client(front.address(), &[], "");
    let line = said.out.lines().find(|line| line.starts_with("subject="));
    line.unwrap().to_owned()
}

#[test]
fn a_reload_takes_another_certificate_and_other_choices() {
    let pki = Pki::new();
    let (web, pair) = (Web::start(&pki), split(&pki, &pki.server()));
    let launch = edge(&pki, &json!({ "tls": pair }));
    let front = web.behind(launch).start();
    let place = url("https", front.address(), "/way");
    assert_eq!(shown(&front), "subject=CN=localhost");
    let next = split(
        &pki,
        &pki.issue_server("next.pem", "next.example", Key::Rsa),
    );
    for key in ["public_key", "private_key"] {
        let [old, new] = [&pair, &next].map(|pair| pair[key].as_str().unwrap());
        fs::copy(new, old).unwrap();
    }
    front.reload();
    assert_eq!(shown(&front), "subject=CN=next.example");
    assert!(!s_client(front.address(), &["-tls1_2"], "").succeeded);
    let older = with(pair, &json!({ "min_version": "TLS12" }));
    drop(edge(&pki, &json!({ "tls": older }))); // writes the file
    front.reload();
    assert!(s_client(front.address(), &["-tls1_2"], "").succeeded);
    assert_eq!(fetch(&pki, &["--insecure", &place]), "HTTP/2.0 GET /way\n");
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let pki = Pki::new();
    let (web, pair) = (Web::start(&pki), split(&pki, &pki.server()));
    let front = web.behind(edge(&pki, &json!({ "tls": pair }))).start();
    let missing = json!({ "private_key": "unknown" });
    for (tls, why) in [
        (json!({}), "public key not defined"),
        (
            with(pair, &missing),
            "open unknown: no such file or directory",
        ),
    ] {
        drop(edge(&pki, &json!({ "tls": tls })));
        let mark = front.mark();
        front.signal("HUP");
        front.said_after(mark, why);
        let said = fetch(&pki, &[&url("https", front.address(), "/way")]);
        assert_eq!(said, "HTTP/2.0 GET /way\n");
    }
}
