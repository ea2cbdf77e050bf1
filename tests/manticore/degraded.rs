//! TLS that cannot be set up: a start that is refused, or, as in Manticore Search, one that goes on without.

use crate::behind::VERSION;
use crate::curl::{curl, fetch, url};
use crate::front::{ALL, Scene};
use crate::support::client::{open, round_trip};
use crate::support::pki::Key;
use crate::support::{Launch, Peer, Pki};
use std::io::{Read, Write};

/// Ways to have no usable certificate, each with the file that is wrong.
fn unusable(pki: &Pki) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let other = pki.issue_server("other.pem", "localhost", Key::Rsa);
    let garbage = pki.write("garbage.pem", "no certificate at all\n");
    let missing = pki.path("missing.pem");
    let certificate = pki.server();
    vec![
        ("a file that is none", vec![("ssl.keyfile", garbage)]),
        ("a file that is not there", vec![("ssl.keyfile", missing)]),
        (
            "the key of another",
            vec![
                ("ssl.certfile", certificate.clone()),
                ("ssl.keyfile", other),
            ],
        ),
        ("no key", vec![("ssl.certfile", certificate)]),
        ("neither", vec![]),
    ]
}

fn with(launch: Launch, options: &[(&str, String)]) -> Launch {
    options
        .iter()
        .fold(launch, |launch, (name, value)| launch.set(name, value))
}

#[test]
fn it_is_refused_unless_it_may_go_on() {
    let pki = Pki::new();
    for (what, options) in unusable(&pki) {
        for endpoint in [ALL[0], ALL[1], "mysql://127.0.0.1:0"] {
            let launch = Launch::new()
                .endpoint(endpoint)
                .set("backend", "tcp://127.0.0.1:1");
            let mut daemon = with(launch, &options).spawn();
            assert!(!daemon.wait().success(), "{what}: {endpoint}");
        }
    }
}

/// Both ports go on with what they can do without TLS.
#[test]
fn https_is_dropped_and_everything_else_served() {
    // Only for the servers behind.
    let scene = Scene::at(&ALL);
    let pki = &scene.pki;
    for (what, options) in unusable(pki) {
        let launch = Launch::new()
            .endpoint(ALL[0])
            .endpoint(ALL[1])
            .set("ssl.unusable", "degrade")
            .set("backend", format!("http=unix://{}", pki.path("nginx.sock")))
            .set("backend", format!("sphinx={}", scene.searchd.url));
        let front = with(launch, &options).start();
        let (multi, https) = (front.addresses(2)[0], front.addresses(2)[1]);
        assert!(front.log().contains(" WARN "), "{what}: {}", front.log());
        assert_eq!(fetch(pki, &[&url("http", multi, "/")]), "GET /\n", "{what}");
        let refused = fetch(pki, &[&url("http", https, "/")]);
        assert!(refused.contains("plain HTTP request"), "{what}: {refused}");
        for (port, words) in [
            (multi, "HTTPS"),
            (
                https,
                "Client tries to connect with https to secure port, but we can't serve",
            ),
        ] {
            let mut stream = open(port).unwrap();
            stream.write_all(&VERSION).unwrap();
            let mut heard = [0; 8];
            stream.read_exact(&mut heard).unwrap();
            let mark = front.mark();
            let said = curl(pki, &["--insecure", &url("https", port, "/")]);
            assert!(!said.succeeded && said.out.is_empty(), "{what}: {said:?}");
            front.said_after(mark, words);
        }
    }
}

/// Not a byte is said to whoever begins with TLS, an alert least of all.
#[test]
fn who_wants_https_where_there_is_none_hears_nothing() {
    let pki = Pki::new();
    let front = Launch::new()
        .endpoint("manticore+tcp://127.0.0.1:0")
        .endpoint(ALL[1])
        .set("ssl.unusable", "degrade")
        .set("backend", "service://echo")
        .start();
    let hello = [&[0x16, 3, 1, 2, 0][..], &[1; 512]].concat();
    for port in front.addresses(2) {
        let mut stream = open(port).unwrap();
        stream.write_all(&hello).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard); // a reset does as well
        assert_eq!(heard, b"");
    }
    drop(pki);
}

/// Nor where a certificate is named for one port alone, and then no more.
#[test]
fn a_reload_takes_tls_from_no_port_that_had_it() {
    let pki = Pki::new();
    let text = |own: &str| {
        format!(
            "[server]\nendpoint = manticore://127.0.0.1:0{own}\nendpoint = manticore://127.0.0.2:0\n[ssl]\nunusable = degrade\n"
        )
    };
    let own = format!(",ssl.keyfile={}", pki.server());
    let path = pki.write("tlsport.conf", text(&own));
    let launch = Launch::new().config(&path, 2);
    let front = launch.set("backend", "service://echo").start();
    front.reload();
    pki.write("tlsport.conf", text(""));
    front.signal("HUP");
    front.said("there is no certificate");
    front.said("the settings in use stay");
    round_trip(&mut Peer::new(&pki).connect(front.addresses(2)[0]), b"TLS");
}
