//! Who the client is, told to the server by the PROXY protocol before it greets.

use crate::front::{encrypting, greeted, greeted_in_tls};
use crate::server::Server;
use crate::support::{Peer, Pki};
use crate::wire::{self, hear_ok, response, response_in_tls, value};

/// For the server's unix socket.
const TRUSTED: &str = "--proxy-protocol-networks=localhost";

const WHO: &str = "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()";

#[test]
fn the_server_knows_clients_by_their_own_address() {
    let (pki, server) = (Pki::new(), Server::with(&[TRUSTED]));
    for version in ["v1", "v2"] {
        let front = encrypting(&pki)
            .set("backend", server.url())
            .set("backend.proxy-protocol", version)
            .start();
        let (mut stream, greeting) = greeted(front.address());
        wire::say(&mut stream, 1, &response(&greeting));
        hear_ok(&mut stream, 2);
        let own = stream.local_addr().unwrap();
        assert_eq!(value(&mut stream, WHO), own.to_string(), "{version}");
        assert_eq!(value(&mut stream, "SELECT USER()"), "native@127.0.0.1");
        let (mut tls, greeting) = greeted_in_tls(&Peer::new(&pki), front.address());
        wire::say(&mut tls, 2, &response_in_tls(&greeting));
        hear_ok(&mut tls, 3);
        let own = tls.get_ref().local_addr().unwrap();
        assert_eq!(value(&mut tls, WHO), own.to_string(), "{version}, TLS");
    }
}

#[test]
fn a_server_in_tls_hears_of_them_first() {
    let pki = Pki::new();
    let server = Server::on_port(&[
        "--proxy-protocol-networks=127.0.0.1",
        "--ssl",
        &format!("--ssl-cert={}", pki.server()),
        &format!("--ssl-key={}", pki.server()),
    ]);
    let front = encrypting(&pki)
        .set("backend", server.tls_url())
        .set("backend.cafile", pki.ca())
        .set("backend.proxy-protocol", "v2")
        .start();
    let (mut tls, greeting) = greeted_in_tls(&Peer::new(&pki), front.address());
    wire::say(&mut tls, 2, &response_in_tls(&greeting));
    hear_ok(&mut tls, 3);
    let own = tls.get_ref().local_addr().unwrap();
    assert_eq!(value(&mut tls, WHO), own.to_string());
}
