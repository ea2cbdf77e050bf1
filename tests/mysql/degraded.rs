//! TLS that cannot be set up: as in Manticore Search, MySQL's endpoints then go on without, if they may.

use crate::client::{answer, ask, cipher, mariadb_at};
use crate::front::greeted;
use crate::server::Server;
use crate::support::{Launch, Pki};
use crate::wire::SSL;

fn degrading(server: &Server) -> Launch {
    Launch::new()
        .endpoint("mysql://127.0.0.1:0")
        .set("ssl.unusable", "degrade")
        .set("backend", server.url())
}

#[test]
fn without_a_usable_certificate_tls_is_not_offered_and_everything_else_works() {
    let (pki, server) = (Pki::new(), Server::start());
    let garbage = pki.write("garbage.pem", "no certificate at all\n");
    for keyfile in [Some(garbage), Some(pki.path("missing.pem")), None] {
        let launch = degrading(&server);
        let front = match &keyfile {
            Some(file) => launch.set("ssl.keyfile", file).start(),
            None => launch.start(),
        };
        front.said("TLS is unusable");
        let (_open, greeting) = greeted(front.address());
        assert_eq!(greeting.capabilities & SSL, 0, "{keyfile:?}");
        for way in ["--ssl", "--skip-ssl", "--compress"] {
            let mut client = mariadb_at(front.address(), "native");
            assert_eq!(cipher(client.arg(way)), None, "{keyfile:?} {way}");
        }
        let mut strict = mariadb_at(front.address(), "native");
        strict.args([
            "--ssl-verify-server-cert",
            &format!("--ssl-ca={}", pki.ca()),
        ]);
        let said = ask(&mut strict, "SELECT 1");
        assert!(said.err.contains("ERROR 2026"), "{keyfile:?}: {said:?}");
    }
}

/// What is wrong later leaves everything as it was.
#[test]
fn a_reload_never_degrades() {
    let (pki, server) = (Pki::new(), Server::start());
    let file = pki.write("renewed.pem", std::fs::read(pki.server()).unwrap());
    let front = degrading(&server).set("ssl.keyfile", &file).start();
    let encrypted = || {
        let mut client = mariadb_at(front.address(), "native");
        client.arg("--ssl");
        client
    };
    assert!(cipher(&mut encrypted()).is_some());
    std::fs::write(&file, "no certificate at all\n").unwrap();
    let mark = front.mark();
    front.signal("HUP");
    front.said_after(mark, " ERROR ");
    assert!(cipher(&mut encrypted()).is_some());
    assert_eq!(answer(&mut encrypted(), "SELECT 1"), "1");
}
