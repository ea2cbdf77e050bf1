//! TLS from the first byte, as clients of 17 and later may begin.

use crate::front::{Front, Plan, Scene, client};
use crate::support::Tls;
use crate::support::client::{End, handshake, read_all};
use crate::wire;
use openssl::ssl::SslVersion;
use std::io::Write;

/// Begins with a ClientHello.
fn direct(front: &Front, protocols: &[&str]) -> Result<Tls, String> {
    handshake(client(protocols), front.open())
}

/// What is said to a client that asks for TLS first.
fn negotiated(front: &Front, protocols: &[&str]) -> Result<Tls, String> {
    let mut stream = front.open();
    wire::say(&mut stream, &wire::ssl_request());
    assert_eq!(wire::take(&mut stream, 1), b"S");
    handshake(client(protocols), stream)
}

/// Starts a session inside.
#[track_caller]
fn assert_served(mut tls: Tls) {
    wire::say(&mut tls, &wire::startup("testuser", "trustdb"));
    let kinds = wire::kinds(&wire::hear(&mut tls));
    assert!(kinds.starts_with('R') && kinds.ends_with('Z'), "{kinds}");
}

#[test]
fn a_client_that_names_the_protocol_is_served_without_asking() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    for protocols in [&["postgresql"][..], &["h2", "postgresql"]] {
        let tls = direct(front, protocols).unwrap();
        assert_eq!(tls.ssl().selected_alpn_protocol(), Some(&b"postgresql"[..]));
        assert_served(tls);
    }
}

#[test]
fn a_client_without_alpn_is_shut_out_after_the_handshake() {
    let scene = Scene::new();
    let Scene { front, cluster, .. } = &scene;
    let mut tls = direct(front, &[]).unwrap();
    let _ = tls.write_all(&wire::startup("testuser", "trustdb")); // it may be gone already
    let (said, end) = read_all(&mut tls);
    assert_eq!(said, b"");
    assert!(matches!(end, End::Clean | End::Cut), "{end:?}");
    front
        .daemon
        .said("received direct SSL connection request without ALPN protocol negotiation extension");
    assert!(!cluster.log().contains("trustdb"), "it got through");
}

#[test]
fn a_client_with_other_protocols_only_gets_an_alert_either_way() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    for protocols in [&["http/1.1"][..], &["postgres"], &["h2", "postgresql2"]] {
        for connect in [direct, negotiated] {
            let why = connect(front, protocols).unwrap_err();
            assert!(why.contains("alert no application protocol"), "{why}");
        }
    }
}

#[test]
fn who_asks_first_needs_no_alpn() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    let tls = negotiated(front, &[]).unwrap();
    assert_eq!(tls.ssl().selected_alpn_protocol(), None);
    assert_served(tls);
    let tls = negotiated(front, &["postgresql"]).unwrap();
    assert_eq!(tls.ssl().selected_alpn_protocol(), Some(&b"postgresql"[..]));
    assert_served(tls);
}

#[test]
fn inside_direct_tls_a_request_for_tls_is_answered_no() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    let mut tls = direct(front, &["postgresql"]).unwrap();
    wire::say(&mut tls, &wire::ssl_request());
    assert_eq!(wire::take(&mut tls, 1), b"N");
    wire::say(&mut tls, &wire::gss_request());
    assert_eq!(wire::take(&mut tls, 1), b"N");
    assert_served(tls);
}

/// A byte and all of 1.2's and 1.3's hello after it.
#[test]
fn a_hello_may_come_in_pieces() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut ssl = client(&["postgresql"]);
        ssl.set_max_proto_version(Some(version)).unwrap();
        let slow = crate::wire::Slow(front.open());
        let mut tls = handshake(ssl, slow).unwrap();
        wire::say(&mut tls, &wire::startup("testuser", "trustdb"));
        assert!(wire::kinds(&wire::hear(&mut tls)).ends_with('Z'));
    }
}

#[test]
fn where_there_is_no_tls_the_connection_ends_without_a_byte() {
    const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let rejected = "direct SSL connection rejected";
    let scene = Scene::with(|_, _| Plan::plain());
    let mut stream = scene.front.open();
    wire::say(&mut stream, HELLO);
    assert_eq!(wire::take_all(&mut stream), b"");
    scene.front.daemon.said(rejected);

    let scene = Scene::with(|plan, certificates| plan.local_endpoint(certificates));
    let mut stream = scene.open_local();
    wire::say(&mut stream, HELLO);
    assert_eq!(wire::take_all(&mut stream), b"");
    scene.front.daemon.said(rejected);
}

#[test]
fn libpq_connects_directly_and_its_session_works() {
    let mut scene = Scene::new();
    if !scene.libpq.is(17) {
        return;
    }
    let conninfo = scene.verified() + " sslnegotiation=direct";
    let libpq = &mut scene.libpq;
    let session = libpq.connect(&conninfo).unwrap();
    assert!(session.tls);
    let sum = "SELECT sum(n) FROM generate_series(1, 1000) n";
    assert_eq!(libpq.value(session, sum), "500500");
}
