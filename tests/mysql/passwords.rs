//! Passwords, and what the server says of them: every kind that MariaDB has, with TLS and without.

use crate::client::{answer, ask, mariadb_at};
use crate::connectors::{CLIENTS, Connectors};
use crate::front::Scene;
use serde_json::json;

const WAYS: [&str; 2] = ["--ssl", "--skip-ssl"];

#[test]
fn passwords_of_every_kind_are_taken() {
    let scene = Scene::new();
    // The last one is asked for one kind of password, then for another.
    for user in ["native", "nopassword", "ed25519", "either"] {
        for way in WAYS {
            let mut client = mariadb_at(scene.address(), user);
            let who = answer(client.arg(way), "SELECT CURRENT_USER()");
            assert_eq!(who, format!("{user}@%"), "{way}");
        }
    }
}

#[test]
fn the_servers_no_to_a_wrong_password_arrives_whole() {
    let scene = Scene::new();
    for user in ["native", "nopassword", "ed25519", "either", "nobody"] {
        for way in WAYS {
            let mut client = mariadb_at(scene.address(), user);
            let said = ask(client.args([way, "--password=wrong"]), "SELECT 1");
            let no = format!(
                "ERROR 1045 (28000): Access denied for user '{user}'@'localhost' (using password: YES)\n"
            );
            assert_eq!(said.err, no, "{way}");
        }
    }
    let said = ask(scene.mariadb().arg("nowhere"), "SELECT 1");
    let no = "ERROR 1044 (42000): Access denied for user 'native'@'%' to database 'nowhere'\n";
    assert_eq!(said.err, no);
}

/// The server sees no TLS.
#[test]
fn whom_the_server_wants_encrypted_it_lets_in_only_where_it_has_tls_itself() {
    let scene = Scene::new();
    let mut client = mariadb_at(scene.address(), "encrypted");
    let said = ask(client.arg("--ssl"), "SELECT 1");
    assert!(said.err.starts_with("ERROR 1045 (28000): "), "{said:?}");
}

#[test]
fn connectors_hear_the_servers_no_and_may_become_somebody_else() {
    let scene = Scene::new();
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    for client in CLIENTS {
        for way in [client.plain(), client.encrypted()] {
            let mut options = way.clone();
            options["password"] = json!("wrong");
            let why = connectors.connect(client, scene.address(), "native", &options);
            let no =
                "ERROR 1045: Access denied for user 'native'@'localhost' (using password: YES)";
            assert_eq!(why.expect_err("a wrong password"), no, "{client:?} {way}");
            options["password"] = json!("");
            let session = connectors
                .connect(client, scene.address(), "nopassword", &options)
                .unwrap();
            assert_eq!(
                connectors.value(&session, "SELECT CURRENT_USER()"),
                "nopassword@%"
            );
            if client.can_change_user() {
                connectors.change_user(&session, "native").unwrap();
                assert_eq!(
                    connectors.value(&session, "SELECT CURRENT_USER()"),
                    "native@%"
                );
            }
        }
    }
}
