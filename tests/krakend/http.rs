//! HTTP through the gateway's port: by ALPN to a server in HTTP/2 or in HTTP/1.1; in the clear, where it is refused or
//! all there is.

use crate::curl::{curl, fetch, url};
use crate::front::{edge, file, pair, tls, with};
use crate::support::backend::closed_port;
use crate::support::client::open;
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::program::{hash, program, works};
use crate::support::{Backend, Daemon, Launch, Pki, pattern};
use crate::web::Web;
use serde_json::json;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

/// A front before nginx.
struct Scene {
    front: Daemon,
    pki: Pki,
    _web: Web,
}

impl Scene {
    fn new() -> Scene {
        Scene::with(|pki| tls(pki, &json!({})))
    }

    fn with(launch: impl FnOnce(&Pki) -> Launch) -> Scene {
        let pki = Pki::new();
        let web = Web::start(&pki);
        Scene {
            front: web.behind(launch(&pki)).start(),
            pki,
            _web: web,
        }
    }

    fn url(&self, path: &str) -> String {
        url("https", self.front.address(), path)
    }

    /// What curl brings.
    #[track_caller]
    fn fetch(&self, arguments: &[&str], path: &str) -> String {
        fetch(&self.pki, &[arguments, &[&self.url(path)]].concat())
    }
}

/// What somebody gets who speaks in the clear.
fn in_the_clear(address: SocketAddr, request: &str) -> String {
    let mut stream = open(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn curl_gets_http_2_and_http_1_1_from_the_server_that_speaks_it() {
    let scene = Scene::new();
    for (way, answer) in [
        ("--http2", "HTTP/2.0 GET /way\n2"),
        ("--http1.1", "HTTP/1.1 GET /way\n1.1"),
        ("--no-alpn", "HTTP/1.1 GET /way\n1.1"),
    ] {
        let said = scene.fetch(&[way, "--write-out", "%{http_version}"], "/way");
        assert_eq!(said, answer, "{way}");
    }
}

#[test]
fn nghttp_gets_http_2() {
    let scene = Scene::new();
    let said = works(program("nghttp").arg(scene.url("/way")));
    assert_eq!(said, "HTTP/2.0 GET /way\n");
    let mut crowd = program("nghttp");
    crowd.args(["--multiply=100", "--stat", "--null-out"]);
    let said = works(crowd.arg(scene.url("/crowd")));
    let answered = said
        .lines()
        .filter(|line| line.contains(" 200 ") && line.ends_with(" /crowd"));
    assert_eq!(answered.count(), 100, "{said}");
}

#[test]
fn ten_megabytes_come_whole_either_way() {
    let scene = Scene::new();
    let file = scene.pki.write("big", pattern::bytes(10_000_019));
    let got = scene.pki.path("got");
    for way in ["--http2", "--http1.1"] {
        scene.fetch(&[way, "--output", &got], "/files/big");
        assert_eq!(hash(Path::new(&got)), hash(Path::new(&file)), "{way}");
    }
}

#[test]
fn a_client_that_offers_neither_by_alpn_gets_alert_120() {
    let scene = Scene::new();
    let address = scene.front.address();
    let said = s_client(address, &["-alpn", "spdy/3,http/1.0"], "");
    assert!(!said.succeeded);
    assert!(said.err.contains("SSL alert number 120"), "{}", said.err);
    for (offer, agreed) in [("http/1.0,http/1.1", "http/1.1"), ("http/1.1,h2", "h2")] {
        let said = s_client(address, &["-alpn", offer], "");
        assert!(said.succeeded, "{offer}: {}", said.err);
        assert_eq!(said.fact("ALPN protocol"), Some(agreed), "{offer}");
    }
}

#[test]
fn a_client_without_alpn_gets_http_1_1() {
    let scene = Scene::new();
    let request = "GET /way HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let said = s_client(scene.front.address(), &["-quiet", "-ign_eof"], request);
    assert!(said.out.ends_with("HTTP/1.1 GET /way\n"), "{}", said.out);
}

const REFUSAL: &str =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

#[test]
fn http_in_the_clear_gets_the_answer_of_gos_server() {
    let pki = Pki::new();
    let behind = Backend::echo();
    let front = tls(&pki, &json!({})).set("backend", &behind.url).start();
    let address = front.address();
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD / HTTP/1.1\r\n\r\n",
        "POST /",
        "PUT / HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(in_the_clear(address, request), REFUSAL, "{request}");
    }
    for request in ["DELETE / HTTP/1.1\r\n\r\n", "PATCH / HTTP/1.1\r\n\r\n"] {
        assert_eq!(in_the_clear(address, request), "", "{request}");
    }
    let said = curl(&pki, &["--include", &url("http", address, "/")]);
    assert_eq!((said.succeeded, &*said.out), (true, REFUSAL), "{said:?}");
    assert_eq!(behind.accepted(), 0, "nobody behind hears of it");
}

#[test]
fn tls_that_is_disabled_is_http_in_the_clear() {
    let pki = Pki::new();
    let (web, port) = (Web::start(&pki), closed_port());
    // Files that are not there do not matter then.
    let disabled = json!({ "disabled": true, "public_key": "none.pem", "min_version": "TLS12" });
    let members = json!({ "listen_ip": "127.0.0.1", "port": port, "tls": disabled });
    let front = file(&pki, &members).set("backend", &web.http).start();
    assert_eq!(front.address().port(), port);
    let said = fetch(&pki, &[&url("http", front.address(), "/way")]);
    assert_eq!(said, "HTTP/1.1 GET /way\n");
    let prior = [
        "--http2-prior-knowledge",
        &url("http", front.address(), "/"),
    ];
    assert!(
        !curl(&pki, &prior).succeeded,
        "nothing says that it is HTTP/2"
    );
}

#[test]
fn the_port_is_that_of_the_file_on_both_kinds_of_address_unless_the_environment_says_another() {
    let pki = Pki::new();
    let web = Web::start(&pki);
    let (port, other) = (closed_port(), closed_port());
    let pair = pair(&pki, "localhost", Key::Ecdsa);
    let start = |launch: Launch| {
        let front = web.behind(launch).spawn();
        front.places(2);
        front
    };
    let reaches = |host: &str, port: u16| {
        let said = fetch(&pki, &[&format!("https://{host}:{port}/way")]);
        assert_eq!(said, "HTTP/2.0 GET /way\n", "{host}");
    };
    let members = json!({ "port": port, "tls": pair });
    let front = start(file(&pki, &members));
    reaches("127.0.0.1", port);
    reaches("[::1]", port);
    drop(front);
    let _front = start(file(&pki, &members).env("KRAKEND_PORT", other.to_string()));
    reaches("127.0.0.1", other);
}

#[test]
fn of_several_keys_each_name_gets_its_own() {
    let keys = |pki: &Pki| {
        let names = [
            ("localhost", Key::Rsa), // whoever could take either gets the first
            ("a.example", Key::Ecdsa),
            ("b.example", Key::Ecdsa),
        ];
        let keys = names.map(|(name, kind)| pair(pki, name, kind));
        edge(pki, &json!({ "tls": { "keys": keys } }))
    };
    let scene = Scene::with(keys);
    let address = scene.front.address();
    for (asked, shown) in [
        ("a.example", "a.example"),
        ("b.example", "b.example"),
        ("localhost", "localhost"),
        ("c.example", "localhost"),
    ] {
        let said = s_client(address, &["-servername", asked], "");
        let subject = format!("subject=CN={shown}\n");
        assert!(said.out.contains(&subject), "{asked}: {}", said.out);
    }
    let said = s_client(address, &["-noservername"], "");
    assert!(said.out.contains("subject=CN=localhost\n"), "{}", said.out);
}

/// The linter's comments, and keys that are about requests.
#[test]
fn a_file_of_the_documentations_kind_is_read() {
    let scene = Scene::with(|pki| {
        let more = json!({ "@comment": "secure", "$schema": "none", "curve_preferences": [23] });
        let tls = with(pair(pki, "localhost", Key::Ecdsa), &more);
        let members = json!({
            "$schema": "https://www.krakend.io/schema/v2.5/krakend.json",
            "name": "edge",
            "timeout": "3s",
            "cache_ttl": "300s",
            "read_timeout": "10s",
            "endpoints": [{ "endpoint": "/way", "backend": [{ "url_pattern": "/", "host": ["http://b"] }] }],
            "tls": tls,
        });
        edge(pki, &members)
    });
    assert_eq!(scene.fetch(&[], "/way"), "HTTP/2.0 GET /way\n");
    let said = s_client(scene.front.address(), &[], "");
    let group = said.out.lines().find(|line| line.contains("Temp Key: "));
    let group = group.unwrap_or_default();
    // By the one name or the other, with one release of OpenSSL or another.
    let known = ["ECDH, prime256v1", "ECDH, P-256"];
    assert!(known.iter().any(|name| group.contains(name)), "{group}");
}
