//! TLS as clients ask for it: every way in which MariaDB's and MySQL's do.

use crate::client::{answer, ask, cipher, mariadb_at};
use crate::connectors::{CLIENTS, Connectors};
use crate::front::{Scene, plain, showing};
use crate::server::Server;
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Daemon, Launch, Pki};
use std::process::Command;

/// `mariadb` that wants to know that the server is the one of that name, by a CA.
fn verifying(front: &Daemon, name: &str, ca: &str) -> Command {
    let mut command = mariadb_at(front.address(), "native");
    command.args([&format!("--host={name}"), "--ssl-verify-server-cert"]);
    command.arg(format!("--ssl-ca={ca}"));
    command
}

#[test]
fn mariadbs_client_encrypts_as_it_is_told() {
    let scene = Scene::new();
    for (arguments, encrypts) in [
        (&[][..], true),
        (&["--ssl"], true),
        (&["--skip-ssl"], false),
        (&["--skip-ssl", "--compress"], false),
        (&["--ssl", "--compress"], true),
        (&["--ssl", &format!("--ssl-ca={}", scene.pki.ca())], true),
        (
            &["--skip-ssl", &format!("--ssl-ca={}", scene.pki.ca())],
            true,
        ),
    ] {
        let cipher = cipher(scene.mariadb().args(arguments));
        assert_eq!(cipher.is_some(), encrypts, "{arguments:?}: {cipher:?}");
    }
}

/// What the client says is what it has with the front. The server knows only of the connection that it has itself.
#[test]
fn the_client_says_which_cipher_is_in_use_and_the_server_that_there_is_none() {
    let scene = Scene::new();
    for (version, ciphers, used) in [
        (
            "TLSv1.2",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            "TLSv1.2",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        (
            "TLSv1.3",
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_128_GCM_SHA256",
        ),
        (
            "TLSv1.3",
            "TLS_AES_256_GCM_SHA384",
            "TLS_AES_256_GCM_SHA384",
        ),
    ] {
        let arguments = [
            format!("--tls-version={version}"),
            format!("--ssl-cipher={ciphers}"),
        ];
        assert_eq!(
            cipher(scene.verified().args(&arguments)).as_deref(),
            Some(used)
        );
        let told = answer(
            scene.verified().args(&arguments),
            "SHOW STATUS LIKE 'Ssl_cipher'",
        );
        assert_eq!(told, "Ssl_cipher", "and nothing behind it");
    }
}

#[test]
fn mariadbs_client_takes_the_right_server_only_when_it_looks() {
    let scene = Scene::new();
    let (ca, other) = (scene.pki.ca(), scene.pki.other_ca());
    for name in ["localhost", "127.0.0.1"] {
        let mut right = verifying(&scene.front, name, &ca);
        assert_eq!(
            answer(&mut right, "SELECT CURRENT_USER()"),
            "native@%",
            "{name}"
        );
        let said = ask(&mut verifying(&scene.front, name, &other), "SELECT 1");
        assert!(
            !said.succeeded && said.err.contains("ERROR 2026"),
            "{name}: {said:?}"
        );
    }
    let elsewhere = scene
        .pki
        .issue_server("elsewhere.pem", "elsewhere.example", Key::Ecdsa);
    let front = showing(&elsewhere)
        .set("backend", scene.server.url())
        .start();
    let said = ask(&mut verifying(&front, "localhost", &ca), "SELECT 1");
    assert!(
        !said.succeeded && said.err.contains("ERROR 2026"),
        "{said:?}"
    );
    let mut careless = mariadb_at(front.address(), "native");
    careless.args(["--host=localhost", "--ssl", &format!("--ssl-ca={ca}")]);
    assert!(cipher(&mut careless).is_some());
}

#[test]
fn where_there_is_no_tls_clients_that_insist_fail_and_others_come_in() {
    let (pki, server) = (Pki::new(), Server::start());
    let front = plain().set("backend", server.url()).start();
    for arguments in [&[][..], &["--ssl"], &["--skip-ssl"]] {
        let cipher = cipher(mariadb_at(front.address(), "native").args(arguments));
        assert_eq!(cipher, None, "{arguments:?}");
    }
    let said = ask(&mut verifying(&front, "localhost", &pki.ca()), "SELECT 1");
    assert!(
        !said.succeeded && said.err.contains("ERROR 2026"),
        "{said:?}"
    );
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    for client in CLIENTS {
        let session = connectors
            .connect(client, front.address(), "native", &client.plain())
            .unwrap();
        assert_eq!(connectors.value(&session, "SELECT 1"), "1");
        let verifying = client.verifying("localhost", &pki.ca());
        let why = connectors.connect(client, front.address(), "native", &verifying);
        let why = why.expect_err("it insists on TLS").to_lowercase();
        assert!(why.contains("ssl"), "{client:?}: {why}");
    }
}

#[test]
fn connectors_come_in_plain_encrypted_and_after_a_look_at_the_certificate() {
    let scene = Scene::new();
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    let address = scene.address();
    for client in CLIENTS {
        for (options, encrypts) in [
            (client.plain(), false),
            (client.encrypted(), true),
            (client.verifying("localhost", &scene.pki.ca()), true),
        ] {
            let session = connectors.connect(client, address, "native", &options);
            let session = session.unwrap_or_else(|why| panic!("{client:?} {options}: {why}"));
            assert_eq!(session.cipher.is_some(), encrypts, "{client:?} {options}");
            assert_eq!(
                connectors.value(&session, "SELECT CURRENT_USER()"),
                "native@%"
            );
            connectors.close(&session);
        }
        let stranger = client.verifying("localhost", &scene.pki.other_ca());
        let why = connectors.connect(client, address, "native", &stranger);
        let why = why.expect_err("another CA's").to_lowercase();
        assert!(
            why.contains("certificate verify failed"),
            "{client:?}: {why}"
        );
    }
    let elsewhere = scene
        .pki
        .issue_server("elsewhere.pem", "elsewhere.example", Key::Ecdsa);
    let front = showing(&elsewhere)
        .set("backend", scene.server.url())
        .start();
    for client in CLIENTS {
        let options = client.verifying("localhost", &scene.pki.ca());
        let why = connectors.connect(client, front.address(), "native", &options);
        let why = why.expect_err("another name").to_lowercase();
        assert!(why.contains("ssl"), "{client:?}: {why}");
    }
}

#[test]
fn a_certificate_is_asked_of_clients_where_that_is_set() {
    let scene = Scene::with(|launch, pki| {
        launch
            .set("ssl.cafile", pki.ca())
            .set("ssl.verify-client", "require")
    });
    let shown = |keyfile: &str| {
        let mut client = scene.encrypted();
        client.args([
            format!("--ssl-cert={keyfile}"),
            format!("--ssl-key={keyfile}"),
        ]);
        ask(&mut client, "SELECT CURRENT_USER()")
    };
    assert_eq!(shown(&scene.pki.client()).out, "native@%\n");
    for keyfile in [scene.pki.foreign_client(), scene.pki.expired_client()] {
        let said = shown(&keyfile);
        assert!(!said.succeeded, "{keyfile}: {said:?}");
    }
    let said = ask(&mut scene.encrypted(), "SELECT 1");
    assert!(!said.succeeded, "without one: {said:?}");
    // Only TLS asks: who stays plain is let in unless that is forbidden as well.
    assert_eq!(answer(scene.mariadb().arg("--skip-ssl"), "SELECT 1"), "1");
}

#[test]
fn openssls_program_upgrades_as_well() {
    let scene = Scene::new();
    let ca = scene.pki.ca();
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = [
            "-starttls",
            "mysql",
            "-CAfile",
            &ca,
            "-verify_return_error",
            version,
        ];
        let said = s_client(scene.address(), &arguments, "");
        assert!(
            said.out.contains("Verify return code: 0 (ok)"),
            "{}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn a_new_certificate_is_shown_after_a_reload() {
    let (pki, server) = (Pki::new(), Server::start());
    let file = pki.issue_server("renewed.pem", "first.example", Key::Ecdsa);
    let front = Launch::new()
        .endpoint("mysql://127.0.0.1:0")
        .set("ssl.keyfile", &file)
        .set("backend", server.url())
        .start();
    let shown = || {
        let arguments = ["-starttls", "mysql", "-tls1_2"];
        s_client(front.address(), &arguments, "").out
    };
    assert!(shown().contains("CN=first.example"));
    pki.issue_server("renewed.pem", "second.example", Key::Ecdsa);
    front.reload();
    assert!(shown().contains("CN=second.example"));
}
