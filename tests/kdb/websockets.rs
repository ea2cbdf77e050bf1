//! WebSockets, which have kdb+'s port as well: wss and ws through the front, to servers with TLS and without.

use crate::clients::Clients;
use crate::front::{both, plain};
use crate::support::Pki;
use serde_json::json;

#[test]
fn websockets_go_through_with_tls_and_without() {
    let Some(mut clients) = Clients::start() else {
        return;
    };
    let pki = Pki::new();
    let port = clients.serve_websockets(None);
    let front = both(&pki)
        .set("backend", format!("tcp://127.0.0.1:{port}"))
        .start();
    let port = front.address().port();
    for (scheme, ca) in [("ws", None), ("wss", Some(pki.ca()))] {
        let url = format!("{scheme}://localhost:{port}/");
        let exchanged = clients.exchange(&url, ca, 4 << 20).unwrap();
        assert_eq!(exchanged, json!(["text", true]), "{scheme}");
    }
    let url = format!("wss://localhost:{port}/");
    let why = clients.exchange(&url, Some(pki.other_ca()), 1).unwrap_err();
    assert!(why.contains("CERTIFICATE_VERIFY_FAILED"), "{why}");
    front.said("alert unknown ca");
}

#[test]
fn clients_without_tls_reach_a_server_of_wss() {
    let Some(mut clients) = Clients::start() else {
        return;
    };
    let pki = Pki::new();
    let port = clients.serve_websockets(Some(pki.server()));
    let front = plain()
        .set("backend", format!("tcps://localhost:{port}"))
        .set("backend.cafile", pki.ca())
        .start();
    let url = format!("ws://{}/", front.address());
    let exchanged = clients.exchange(&url, None, 4 << 20).unwrap();
    assert_eq!(exchanged, json!(["text", true]));
}
