//! The way to a WebSocket, with Python's websockets.

use crate::client;
use crate::servers::WebSockets;
use crate::support::Pki;
use std::io::{Read, Write};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n\r\n";

#[test]
fn a_request_becomes_a_websocket_and_its_first_message_is_not_lost() {
    let pki = Pki::new();
    let Some(server) = WebSockets::start(&pki) else {
        return;
    };
    let answer = client(&pki, &server.url).request(REQUEST).unwrap();
    assert_eq!(answer.status, 101);
    assert!(answer.header("Sec-WebSocket-Accept").is_some());
    let mut link = answer.link.unwrap();
    let mut first = [0; 9];
    link.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"\x81\x07welcome");
    link.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    let mut back = [0; 4];
    link.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"\x81\x02hi");
}

#[test]
fn a_server_that_does_not_want_to_is_heard() {
    let pki = Pki::new();
    let Some(server) = WebSockets::start(&pki) else {
        return;
    };
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 7\r\n\r\n";
    let answer = client(&pki, &server.url).request(request).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.link.is_none());
    assert!(!answer.body.is_empty());
}
