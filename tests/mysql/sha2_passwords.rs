//! Passwords of MySQL 8, `caching_sha2_password`: a digest where the server remembers the user, the password itself
//! where it does not, in the clear if the connection is secure and sealed with the server's key if not.

use crate::client::{ask, mariadb_at};
use crate::connectors::{CLIENTS, Client, Connectors};
use crate::front::{encrypting, plain};
use crate::sha2::Sha2Server;
use crate::support::{Daemon, Pki};
use serde_json::{Value, json};

/// Lets a client in twice, and says in which ways.
fn twice(
    connectors: &mut Connectors,
    (client, options): (Client, &Value),
    front: &Daemon,
    server: &Sha2Server,
    user: &str,
) -> Vec<String> {
    let before = server.ways(0).len();
    for _ in 0..2 {
        let session = connectors.connect(client, front.address(), user, options);
        let session = session.unwrap_or_else(|why| panic!("{client:?} {options}: {why}"));
        assert_eq!(connectors.value(&session, "SELECT 1"), "1");
        connectors.close(&session);
    }
    server.ways(before + 2)[before..].to_vec()
}

#[test]
fn a_server_on_a_unix_socket_gets_the_password_first_and_then_a_digest() {
    let Some(server) = Sha2Server::on_unix() else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let pki = Pki::new();
    let front = encrypting(&pki).set("backend", server.url()).start();
    for client in CLIENTS {
        let (user, options) = (format!("{client:?}"), client.encrypted());
        let ways = twice(&mut connectors, (client, &options), &front, &server, &user);
        assert_eq!(ways, [format!("{user}: full"), format!("{user}: fast")]);
    }
    for way in ["full", "fast"] {
        let mut mariadb = mariadb_at(front.address(), "mariadb");
        let said = ask(mariadb.arg("--ssl"), "SELECT 1");
        assert!(said.succeeded, "{way}: {said:?}");
    }
    assert_eq!(server.ways(8)[6..], ["mariadb: full", "mariadb: fast"]);
}

#[test]
fn a_wrong_password_is_refused_whether_the_server_remembers_the_user_or_not() {
    let Some(server) = Sha2Server::on_unix() else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let pki = Pki::new();
    let front = encrypting(&pki).set("backend", server.url()).start();
    for client in CLIENTS {
        let (user, options) = (format!("{client:?}"), client.encrypted());
        let mut wrong = options.clone();
        wrong["password"] = json!("wrong");
        let no = format!("ERROR 1045: Access denied for user {user}");
        for _ in 0..2 {
            let why = connectors.connect(client, front.address(), &user, &wrong);
            assert_eq!(why.expect_err("a wrong password"), no, "{client:?}");
            connectors
                .connect(client, front.address(), &user, &options)
                .unwrap();
        }
    }
}

/// As it is told which kind of password to send only when it has sent another.
#[test]
fn a_client_changes_to_the_password_that_its_user_has() {
    let Some(server) = Sha2Server::on_unix() else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let pki = Pki::new();
    let front = encrypting(&pki).set("backend", server.url()).start();
    for client in CLIENTS {
        for options in [client.encrypted(), client.plain()] {
            let session = connectors.connect(client, front.address(), "switched", &options);
            let session = session.unwrap_or_else(|why| panic!("{client:?} {options}: {why}"));
            assert_eq!(connectors.value(&session, "SELECT 1"), "1");
        }
    }
}

#[test]
fn a_server_in_tls_gets_the_password_first_and_then_a_digest() {
    let pki = Pki::new();
    let Some(server) = Sha2Server::on_port(Some(&pki.server())) else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let front = encrypting(&pki)
        .set("backend", server.tls_url())
        .set("backend.cafile", pki.ca())
        .start();
    for client in CLIENTS {
        let (user, options) = (format!("{client:?}"), client.encrypted());
        let ways = twice(&mut connectors, (client, &options), &front, &server, &user);
        assert_eq!(ways, [format!("{user}: full"), format!("{user}: fast")]);
    }
}

/// Nothing in between has to know of it. Only PyMySQL seals passwords here.
#[test]
fn a_sealed_password_goes_through_where_neither_hop_has_tls() {
    let Some(server) = Sha2Server::on_port(None) else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let front = plain().set("backend", server.url()).start();
    let client = (Client::PyMySql, &json!({}));
    let ways = twice(&mut connectors, client, &front, &server, "user");
    assert_eq!(ways, ["user: full by RSA", "user: fast"]);
}

/// The client goes by its connection, and so does the server: a password that only one of them takes for sealed is none.
/// Once the server remembers the user, the digest is all it takes.
#[test]
fn a_password_in_full_needs_both_hops_to_be_secure_or_neither() {
    let (Some(near), Some(far)) = (Sha2Server::on_unix(), Sha2Server::on_port(None)) else {
        return;
    };
    let mut connectors = Connectors::start().unwrap();
    let pki = Pki::new();
    let client = Client::PyMySql;
    for (server, wrong, right) in [
        (&near, client.plain(), client.encrypted()),
        (&far, client.encrypted(), client.plain()),
    ] {
        let front = encrypting(&pki).set("backend", server.url()).start();
        let mut enter = |options| connectors.connect(client, front.address(), "user", options);
        enter(&wrong).expect_err("one of them is secure");
        enter(&right).unwrap();
        enter(&wrong).unwrap();
    }
}
