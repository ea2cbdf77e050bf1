//! What is served where: HTTP, HTTPS and the binary API on one port, and on ports for some of them.

use crate::behind::VERSION;
use crate::curl::{curl, fetch, url};
use crate::front::{ALL, Scene};
use crate::support::client::{handshake, open, round_trip};
use crate::support::program::hash;
use crate::support::{Peer, pattern};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

/// Speaks the binary API: a version, then bytes that come back.
#[track_caller]
fn assert_binary(mut stream: impl Read + Write, version: [u8; 4], in_pieces: bool) {
    if in_pieces {
        version
            .iter()
            .for_each(|byte| stream.write_all(&[*byte]).unwrap());
    } else {
        stream.write_all(&version).unwrap();
    }
    let mut heard = [0; 8];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard, *[VERSION, version].concat(), "the server's and ours");
    round_trip(&mut stream, &pattern::bytes(100_003));
}

fn connect(address: SocketAddr) -> TcpStream {
    open(address).unwrap()
}

#[test]
fn one_port_serves_http_https_and_the_binary_api() {
    let scene = Scene::at(&ALL);
    let port = scene.front.addresses(3)[0];
    for scheme in ["http", "https"] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let place = url(scheme, port, "/search");
            let said = fetch(&scene.pki, &["--request", method, "--data", "{}", &place]);
            assert_eq!(said, format!("{method} /search\n"), "{scheme}");
        }
        let said = fetch(&scene.pki, &["--head", &url(scheme, port, "/")]);
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{scheme}: {said}");
    }
    for version in [VERSION, [1, 0, 0, 0], [0, 0, 0, 2]] {
        for in_pieces in [false, true] {
            assert_binary(connect(port), version, in_pieces);
        }
    }
}

#[test]
fn a_port_for_https_serves_it_and_the_binary_api() {
    let scene = Scene::at(&ALL);
    let port = scene.front.addresses(3)[1];
    for method in ["GET", "POST"] {
        let said = fetch(
            &scene.pki,
            &["--request", method, &url("https", port, "/sql")],
        );
        assert_eq!(said, format!("{method} /sql\n"));
    }
    assert_binary(connect(port), VERSION, false);
}

/// The server speaks first there, and nobody asks what the client's bytes mean.
#[test]
fn a_port_for_the_binary_api_passes_everything_on() {
    let scene = Scene::at(&ALL);
    let port = scene.front.addresses(3)[2];
    for words in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"\0\0\0\x01",
    ] {
        let mut stream = connect(port);
        let mut version = [0; 4];
        stream.read_exact(&mut version).unwrap();
        assert_eq!(version, VERSION, "before anything was said");
        round_trip(&mut stream, words);
    }
}

#[test]
fn large_bodies_go_in_and_come_back() {
    let scene = Scene::at(&ALL);
    let ports = scene.front.addresses(3);
    let file = scene.pki.write("body", pattern::bytes(10_000_019));
    let back = scene.pki.path("back");
    for (scheme, port) in [("http", ports[0]), ("https", ports[0]), ("https", ports[1])] {
        let place = url(scheme, port, "/files/body");
        fetch(&scene.pki, &["--upload-file", &file, &place]);
        fetch(&scene.pki, &["--output", &back, &place]);
        assert_eq!(hash(file.as_ref()), hash(back.as_ref()), "{scheme}");
        fetch(&scene.pki, &["--request", "DELETE", &place]);
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let scene = Scene::at(&ALL);
    let port = scene.front.addresses(3)[0];
    for scheme in ["http", "https"] {
        let place = url(scheme, port, "/[1-50]");
        let connects = ["--write-out", "%{num_connects} ", "--output", "/dev/null"];
        let said = fetch(&scene.pki, &[&connects[..], &[&*place]].concat());
        assert_eq!(said, format!("1 {}", "0 ".repeat(49)), "{scheme}");
    }
}

/// Only HTTP is spoken inside TLS, whatever a client says there.
#[test]
fn the_binary_api_inside_tls_is_for_the_http_server_to_refuse() {
    let scene = Scene::at(&ALL);
    let mut tls = Peer::new(&scene.pki).connect(scene.front.address());
    tls.write_all(&VERSION).unwrap();
    tls.write_all(b"\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer); // libssl may miss a close-notify
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("400 Bad Request"), "{answer}");
    assert_eq!(scene.searchd.accepted(), 0);
}

#[test]
fn unix_sockets_serve_the_same() {
    let scene = Scene::with(&[], |launch, pki| {
        [
            ("manticore+unix", "plain"),
            ("manticore+ssl+unix", "multi"),
            ("manticore+https+unix", "https"),
            ("sphinx+unix", "sphinx"),
        ]
        .iter()
        .fold(launch, |launch, (scheme, name)| {
            launch.endpoint(&format!("{scheme}://{}", pki.path(name)))
        })
    });
    let path = |name: &str| scene.pki.path(name);
    let connect = |name: &str| {
        let stream = UnixStream::connect(path(name)).unwrap();
        stream
            .set_read_timeout(Some(crate::support::PATIENCE))
            .unwrap();
        stream
    };
    for (name, scheme) in [
        ("plain", "http"),
        ("multi", "http"),
        ("multi", "https"),
        ("https", "https"),
    ] {
        let place = format!("{scheme}://localhost/here");
        let said = fetch(&scene.pki, &["--unix-socket", &path(name), &place]);
        assert_eq!(said, "GET /here\n", "{name} {scheme}");
    }
    for name in ["plain", "multi", "https"] {
        assert_binary(connect(name), VERSION, false);
    }
    let mut version = [0; 4];
    connect("sphinx").read_exact(&mut version).unwrap();
    assert_eq!(version, VERSION);
    let said = curl(
        &scene.pki,
        &["--unix-socket", &path("plain"), "https://localhost/"],
    );
    assert!(!said.succeeded, "there is no TLS: {said:?}");
    handshake(Peer::new(&scene.pki).ssl(), connect("https")).unwrap();
}

#[test]
fn without_a_backend_of_its_own_what_is_spoken_goes_to_everybodys() {
    let scene = Scene::at(&ALL);
    let nginx = format!("unix://{}", scene.pki.path("nginx.sock"));
    for (everybodys, own) in [
        (&nginx, format!("sphinx={}", scene.searchd.url)),
        (&scene.searchd.url, format!("http={nginx}")),
    ] {
        let front = crate::support::Launch::new()
            .endpoint(ALL[0])
            .set("ssl.keyfile", scene.pki.server())
            .set("backend", everybodys)
            .set("backend", own)
            .start();
        for scheme in ["http", "https"] {
            let said = fetch(&scene.pki, &[&url(scheme, front.address(), "/")]);
            assert_eq!(said, "GET /\n");
        }
        assert_binary(connect(front.address()), VERSION, false);
    }
}
