//! kdb+'s IPC: who is there, what both are capable of, and the unix sockets.

use crate::servers::Kdb;
use crate::support::tls_backend::Identity;
use crate::support::{Backend, Daemon, Launch, Pki};
use crate::{client, client_with, settings};
use std::io::{Read, Write};
use std::path::Path;
use tlsport::client::{Client, Destination};
use tlsport::error::Kind;

/// A synchronous query: `1+1`.
const QUERY: &[u8] = b"\x01\x01\0\0\x11\0\0\0\x0a\0\x03\0\0\0\x31\x2b\x31";

#[test]
fn a_connection_begins_with_who_is_there_and_what_both_are_capable_of() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let mut link = client(&pki, &server.url(":me:it")).open().unwrap();
    assert_eq!(link.capability(), Some(3));
    assert_eq!(server.hellos(), [b"me:it\x03"]);
    link.write_all(QUERY).unwrap();
    let mut back = [0; 17];
    link.read_exact(&mut back).unwrap();
    assert_eq!(back, QUERY);
    assert!(link.close().unwrap());
    assert_eq!(link.read(&mut back).unwrap(), 0, "it has ended too");
}

#[test]
fn another_capability_is_announced_and_none_is_left_out() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let settings = settings(&[("ssl.cafile", &pki.ca())]);
    let open = |capability| {
        let destination: Destination = server.url(":me:it").parse().unwrap();
        let destination = destination.with_capability(capability).unwrap();
        let client = Client::to(&settings, destination).unwrap();
        client.open().unwrap().capability()
    };
    assert_eq!(open(6), Some(3));
    assert_eq!(open(1), Some(1));
    assert_eq!(open(0), Some(0));
    assert_eq!(server.hellos(), [&b"me:it\x06"[..], b"me:it\x01", b"me:it"]);
}

#[test]
fn a_server_that_boasts_is_as_capable_as_we_are() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).serve(|mut tls| {
        let mut hello = [0; 2];
        tls.read_exact(&mut hello).unwrap();
        tls.write_all(&[200]).unwrap();
        let _ = tls.read(&mut hello);
    });
    let url = server.tls().replace("tls://", "tcps://");
    let link = client(&pki, &url).open().unwrap();
    assert_eq!(link.capability(), Some(3));
}

#[test]
fn who_is_nobody_says_so() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    client(&pki, &server.url("")).open().unwrap();
    assert_eq!(server.hellos(), [b"\x03"]);
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let refused = client(&pki, &server.url(":me:secret")).open();
    let refused = refused.err().unwrap();
    assert_eq!(refused.kind(), Kind::Peer);
    let said = refused.to_string();
    assert!(
        said.contains("does not accept this user and password"),
        "{said}"
    );
    assert!(!format!("{refused:?}").contains("secret"));
}

/// A daemon with TLS on a unix socket, in front of a server that greets as kdb+.
fn on_a_unix_socket(pki: &Pki, endpoint: &str) -> (Daemon, Backend) {
    let backend = Backend::new(|mut stream| {
        let mut hello = [0; 7];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"me:it\x03\0");
        stream.write_all(b"\x03").unwrap();
        crate::support::backend::echo(stream);
    });
    let launch = Launch::new()
        .endpoint(endpoint)
        .set("ssl.keyfile", pki.server())
        .set("backend", &backend.url);
    (launch.start(), backend)
}

#[test]
fn a_unix_socket_is_reached_by_its_path() {
    let pki = Pki::new();
    let path = pki.path("socket");
    let _running = on_a_unix_socket(&pki, &format!("ssl+unix://{path}"));
    let destination: Destination = format!("unixs://{path}").parse().unwrap();
    let destination = destination.with_credentials("me:it").unwrap();
    let settings = settings(&[("ssl.cafile", &pki.ca())]);
    let client = Client::to(&settings, destination).unwrap();
    let mut link = client.open().unwrap();
    link.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    link.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}

#[test]
fn a_port_stands_for_an_abstract_socket_of_kdbs() {
    let pki = Pki::new();
    let directory = pki.directory().display().to_string();
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let listener = listener.unwrap();
    let name = format!("\0{directory}/kx.5000");
    listener
        .bind(&socket2::SockAddr::unix(name).unwrap())
        .unwrap();
    listener.listen(1).unwrap();
    let destination: Destination = "unixs://5000".parse().unwrap();
    let destination = destination.with_socket_directory(Path::new(&directory));
    let client = Client::to(&settings(&[("timeout.handshake", "100ms")]), destination);
    let silent = client.unwrap().open().err().unwrap().to_string();
    let wanted = format!(
        "cannot connect to '@{directory}/kx.5000': timed out after 100ms, in the handshake"
    );
    assert_eq!(silent, wanted);
    drop(listener);
    let nobody: Destination = "unixs://5000".parse().unwrap();
    let nobody = nobody.with_socket_directory(Path::new(&directory));
    let client = Client::to(&settings(&[]), nobody).unwrap();
    let said = client.open().err().unwrap().to_string();
    assert!(said.ends_with("connection refused"), "{said}");
}

#[test]
fn what_is_wrong_is_told_before_anything_is_opened() {
    let pki = Pki::new();
    let refused = Client::new(&settings(&[("ssl.cafile", "/nonexistent")]), "tcps://a:1");
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("'/nonexistent'"), "{said}");
    let odd = Client::new(&settings(&[]), "tcps://o dd:1").err().unwrap();
    assert_eq!(odd.0[0].kind(), Kind::Usage, "{odd}");
    let closed = crate::support::backend::closed_port();
    let nobody = client_with(&pki, &format!("tcps://127.0.0.1:{closed}"), &[]);
    let error = nobody.open().err().unwrap();
    assert_eq!(error.kind(), Kind::Io);
    assert_eq!(
        error.to_string(),
        format!("cannot connect to '127.0.0.1:{closed}': connection refused")
    );
}
