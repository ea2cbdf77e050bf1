//! kdb+'s unix sockets, which have names without a file: `kx.PORT`, in the folder's name that QUDSPATH gives.

use crate::front::{Scene, WAYS, both, listening};
use crate::kdbplus::{Server, answers, ask, unix_client};
use crate::support::backend::closed_port;
use crate::support::client::handshake;
use crate::support::{Peer, Pki};
use crate::wire::{ONE_AND_ONE, TWO, begin, hear};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

/// The name of the socket of a port, in a folder of one test's own.
fn named(pki: &Pki, port: u16) -> String {
    format!("@{}/kx.{port}", pki.directory().display())
}

#[test]
fn a_server_on_a_socket_with_and_without_a_file_is_reached_from_a_port() {
    let pki = Pki::new();
    for path in [named(&pki, 5000), pki.path("kx.5000")] {
        let pki = Pki::new();
        let server = Server::unix(&path);
        let front = both(&pki).set("backend", server.url()).start();
        let scene = Scene { front, server, pki };
        for way in WAYS {
            let mut stream = scene.open(way);
            begin(&mut *stream);
            stream.write_all(&ONE_AND_ONE).unwrap();
            assert_eq!(hear(&mut *stream).unwrap(), TWO, "{path} {way:?}");
        }
    }
}

#[test]
fn clients_come_by_the_sockets_name_plain_and_in_tls() {
    let pki = Pki::new();
    let server = Server::plain();
    let port = closed_port();
    let arguments = ["-E", "1", "-p", &format!("127.0.0.1:{port}")];
    let folder = pki.directory().to_str().unwrap();
    let _front = listening(&arguments, 2, &pki.server())
        .env("QUDSPATH", folder)
        .set("backend", server.url())
        .start();
    let mut client = unix_client("ask", folder, port);
    assert_eq!(answers(client.args(["1+1", "til 3"])), ["2", "0 1 2"]);
    let said = ask(unix_client("crowd", folder, port).args(["50", "10"]));
    assert!(said.out.contains("answered: 500"), "{said:?}");

    let address = SocketAddr::from_abstract_name(&named(&pki, port)[1..]).unwrap();
    let stream = UnixStream::connect_addr(&address).unwrap();
    let mut tls = handshake(Peer::new(&pki).ssl(), stream).unwrap();
    begin(&mut tls);
    tls.write_all(&ONE_AND_ONE).unwrap();
    assert_eq!(hear(&mut tls).unwrap(), TWO);
}
