//! HTTP in the clear on a port for HTTPS: a 400, which clients have to get to read.

use crate::curl::{curl, url};
use crate::front::{ALL, Scene};
use crate::support::pattern;
use crate::support::program::{program, works};
use std::io::{Read, Write};
use std::net::SocketAddr;

const HEAD: &str = "HTTP/1.1 400 Bad Request\r\n\
    Server: tlsport\r\n\
    Content-Type: application/json; charset=UTF-8\r\n\
    Content-Length: 57\r\n\
    \r\n";

const BODY: &str = "{\"error\":\"The plain HTTP request was sent to HTTPS port\"}";

fn scene() -> (Scene, SocketAddr) {
    let scene = Scene::at(&ALL[1..2]);
    let port = scene.front.address();
    (scene, port)
}

#[test]
fn curl_reads_it_byte_for_byte_whatever_it_asks() {
    let (scene, port) = scene();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let place = url("http", port, "/search");
        for more in [&[][..], &["--data", "{\"table\":\"test\"}"]] {
            let said = curl(
                &scene.pki,
                &[&["--include", "--request", method, &place], more].concat(),
            );
            assert!(said.succeeded, "{method}: {said:?}");
            assert_eq!(said.out, format!("{HEAD}{BODY}"), "{method}");
        }
    }
    let said = curl(&scene.pki, &["--head", &url("http", port, "/")]);
    assert_eq!((said.succeeded, &*said.out), (true, HEAD), "{said:?}");
    scene.front.said("plain HTTP on a port for HTTPS");
}

/// A server that closes with a request half read resets the connection, and with it goes what it has said.
#[test]
fn curl_reads_it_while_it_sends_ten_megabytes() {
    let (scene, port) = scene();
    let file = scene.pki.write("body", pattern::bytes(10_000_019));
    let body = format!("@{file}");
    let place = url("http", port, "/bulk");
    for expects in [&[][..], &["--header", "Expect:"]] {
        for how in [
            &["--data-binary", &body][..],
            &["--upload-file", &file],
            &["--form", &format!("file=@{file}")],
        ] {
            for _ in 0..5 {
                let arguments = [&["--include", &place], how, expects].concat();
                let said = curl(&scene.pki, &arguments);
                assert!(said.succeeded, "{arguments:?}: {said:?}");
                assert_eq!(said.out, format!("{HEAD}{BODY}"), "{arguments:?}");
            }
        }
    }
}

/// It sends all of its body before it reads a word.
#[test]
fn pythons_client_reads_it_behind_ten_megabytes() {
    let (_scene, port) = scene();
    let script = "
import http.client, sys
for body in [None, b'{}', b'x' * 10_000_019]:
    connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
    connection.request('POST' if body else 'GET', '/search', body)
    response = connection.getresponse()
    print(response.status, response.reason, response.getheaders(), response.read().decode())
";
    let mut python = program("python3");
    python.args(["-c", script, &port.port().to_string()]);
    let headers = "[('Server', 'tlsport'), ('Content-Type', 'application/json; charset=UTF-8'), ('Content-Length', '57')]";
    let expected = format!("400 Bad Request {headers} {BODY}\n").repeat(3);
    assert_eq!(works(&mut python), expected);
}

/// The connection ends behind it, for clients that read up to the end.
#[test]
fn it_is_the_last_word() {
    let (_scene, port) = scene();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST",
        "DELE",
        "PUT ",
        "GETX",
    ] {
        let mut stream = crate::support::client::open(port).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, format!("{HEAD}{BODY}"), "{request}");
    }
}

#[test]
fn nobody_behind_hears_of_it() {
    let pki = crate::support::Pki::new();
    let behind = crate::support::Backend::echo();
    let front = crate::support::Launch::new()
        .endpoint(ALL[1])
        .set("ssl.keyfile", pki.server())
        .set("backend", &behind.url)
        .start();
    let said = curl(&pki, &[&url("http", front.address(), "/")]);
    assert_eq!(said.out, BODY);
    assert_eq!(behind.accepted(), 0);
}
