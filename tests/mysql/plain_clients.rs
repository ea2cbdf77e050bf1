//! Clients that stay without TLS: let in unless that is forbidden, and told so in MySQL's own words.

use crate::client::{answer, ask, cipher, mariadb, mariadb_at};
use crate::connectors::{CLIENTS, Connectors};
use crate::front::{Scene, greeted, greeted_in_tls};
use crate::server::PASSWORD;
use crate::support::{Launch, Peer, Pki};
use crate::wire::{self, Refusal, hear, hear_ok, refusal, response, response_in_tls, value};
use std::net::SocketAddr;

const PROHIBITED: &str =
    "Connections using insecure transport are prohibited while --require_secure_transport=ON.";

fn requiring(launch: Launch) -> Launch {
    launch.set("mysql.require-secure-transport", "true")
}

/// Fails unless a client without TLS is refused, with MySQL's number in the packet's right place.
#[track_caller]
fn assert_prohibited(address: SocketAddr) {
    let (mut stream, greeting) = greeted(address);
    wire::say(&mut stream, 1, &response(&greeting));
    let answer = hear(&mut stream);
    assert_eq!(answer.sequence, 2);
    let refusal = refusal(&answer);
    let expected = Refusal {
        code: 3159,
        state: "HY000".into(),
        text: PROHIBITED.into(),
    };
    assert_eq!(refusal, expected);
    assert!(wire::try_hear(&mut stream).is_err(), "and that is the end");
}

#[test]
fn a_plain_client_is_served_as_the_server_would() {
    let scene = Scene::new();
    let (mut stream, greeting) = greeted(scene.address());
    wire::say(&mut stream, 1, &response(&greeting));
    hear_ok(&mut stream, 2);
    assert_eq!(value(&mut stream, "SELECT CURRENT_USER()"), "native@%");
}

#[test]
fn a_plain_client_is_refused_where_tls_is_required_and_others_come_in() {
    let scene = Scene::with(|launch, _| requiring(launch));
    assert_prohibited(scene.address());
    let said = ask(scene.mariadb().arg("--skip-ssl"), "SELECT 1");
    assert_eq!(said.err, format!("ERROR 3159 (HY000): {PROHIBITED}\n"));
    assert!(cipher(&mut scene.encrypted()).is_some());
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&scene.pki), scene.address());
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    hear_ok(&mut tls, 3);
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    for client in CLIENTS {
        let why = connectors.connect(client, scene.address(), "native", &client.plain());
        assert_eq!(
            why.expect_err("plain"),
            format!("ERROR 3159: {PROHIBITED}"),
            "{client:?}"
        );
        let session = connectors.connect(client, scene.address(), "native", &client.encrypted());
        assert!(session.unwrap().cipher.is_some(), "{client:?}");
    }
}

#[test]
fn one_endpoint_may_require_what_another_does_not() {
    let scene = Scene::with(|launch, _| {
        launch.endpoint("mysql://127.0.0.1:0,mysql.require-secure-transport=true")
    });
    let both = scene.front.addresses(2);
    assert_eq!(
        answer(mariadb_at(both[0], "native").arg("--skip-ssl"), "SELECT 1"),
        "1"
    );
    assert_prohibited(both[1]);
}

/// As it does for MySQL.
#[test]
fn a_unix_socket_is_secure_enough() {
    let scene = Scene::with(|launch, pki| {
        let (plain, tls) = (pki.path("plain.sock"), pki.path("tls.sock"));
        requiring(launch)
            .endpoint(&format!("mysql+unix://{plain}"))
            .endpoint(&format!("mysql+ssl+unix://{tls}"))
    });
    for (socket, way, encrypts) in [
        ("plain.sock", "--skip-ssl", false),
        ("tls.sock", "--skip-ssl", false),
        ("tls.sock", "--ssl", true),
    ] {
        let mut client = mariadb();
        client.args(["--skip-ssl-verify-server-cert", "--user=native", way]);
        client.arg(format!("--password={PASSWORD}"));
        client.arg(format!("--socket={}", scene.pki.path(socket)));
        assert_eq!(cipher(&mut client).is_some(), encrypts, "{socket} {way}");
    }
}

#[test]
fn a_reload_changes_whether_tls_is_required() {
    let pki = Pki::new();
    let server = crate::server::Server::start();
    let config = |required: bool| {
        format!(
            "backend = {}\n[server]\nendpoint = mysql://127.0.0.1:0\n[ssl]\nkeyfile = {}\n\
             [mysql]\nrequire-secure-transport = {required}\n",
            server.url(),
            pki.server()
        )
    };
    let file = pki.write("tlsport.conf", config(false));
    let front = Launch::new().config(&file, 1).start();
    let (mut before, greeting) = greeted(front.address());
    wire::say(&mut before, 1, &response(&greeting));
    hear_ok(&mut before, 2);
    pki.write("tlsport.conf", config(true));
    front.reload();
    assert_prohibited(front.address());
    assert_eq!(value(&mut before, "SELECT 'still there'"), "still there");
}
