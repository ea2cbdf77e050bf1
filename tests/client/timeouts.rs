//! Each limit is kept within 50 ms.

use crate::client_with;
use crate::servers::Unreachable;
use crate::support::tls_backend::Identity;
use crate::support::{Backend, Pki};
use std::time::{Duration, Instant};
use tlsport::client::Client;
use tlsport::error::{Error, Kind};

const EXACT: Duration = Duration::from_millis(50);

/// Opens in vain, and returns what was said.
#[track_caller]
fn timed_out(client: &Client, limit: Duration) -> String {
    in_vain(limit, || client.open().err().unwrap())
}

/// What was said of something tried; the limit has to be kept in one of three tries, as the machine may be busy.
#[track_caller]
fn in_vain(limit: Duration, mut tried: impl FnMut() -> Error) -> String {
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let error = tried();
        let time = began.elapsed();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(time >= limit, "{time:?}");
        if time < limit + EXACT {
            return error.to_string();
        }
        took.push(time);
    }
    panic!("{took:?} for {limit:?}");
}

#[test]
fn connecting_has_a_limit() {
    let pki = Pki::new();
    let nobody = Unreachable::new();
    let url = format!("tcps://{}", nobody.address);
    for (text, limit) in [("150ms", 150), ("400ms", 400)] {
        let client = client_with(&pki, &url, &[("timeout.connect", text)]);
        let said = timed_out(&client, Duration::from_millis(limit));
        let wanted = format!(
            "cannot connect to '{}': timed out after {text}, connecting",
            nobody.address
        );
        assert_eq!(said, wanted);
    }
}

#[test]
fn a_server_that_never_shakes_hands_has_a_limit() {
    let pki = Pki::new();
    let silent = Backend::mute();
    let url = silent.url.replace("tcp://", "tcps://");
    let client = client_with(&pki, &url, &[("timeout.handshake", "250ms")]);
    let said = timed_out(&client, Duration::from_millis(250));
    assert!(
        said.ends_with("timed out after 250ms, in the handshake"),
        "{said}"
    );
}

#[test]
fn a_server_that_never_answers_the_hello_has_the_same() {
    let pki = Pki::new();
    let silent = Identity::new(&pki.server()).serve(|mut tls| {
        let _ = std::io::copy(&mut tls, &mut std::io::sink());
    });
    let url = silent.tls().replace("tls://", "tcps://");
    let client = client_with(&pki, &url, &[("timeout.handshake", "250ms")]);
    let said = timed_out(&client, Duration::from_millis(250));
    assert!(
        said.ends_with("timed out after 250ms, waiting for the answer to the hello"),
        "{said}"
    );
}

#[test]
fn a_server_that_never_answers_a_request_has_a_limit() {
    let pki = Pki::new();
    let silent = Identity::new(&pki.server()).serve(|mut tls| {
        let _ = std::io::copy(&mut tls, &mut std::io::sink());
    });
    for (scheme, setting) in [("https", "timeout.idle"), ("wss", "timeout.handshake")] {
        let url = silent.tls().replace("tls", scheme);
        let client = client_with(&pki, &url, &[(setting, "250ms")]);
        // The limit begins with the request.
        let mut links: Vec<_> = (0..3).map(|_| client.open().unwrap()).collect();
        let said = in_vain(Duration::from_millis(250), || {
            let link = links.pop().unwrap();
            let asked = client.request_on(link, b"GET / HTTP/1.1\r\n\r\n", 9);
            asked.unwrap_err()
        });
        assert!(
            said.ends_with("timed out after 250ms, waiting for the answer"),
            "{said}"
        );
    }
}

#[test]
fn an_open_link_has_the_limit_that_its_owner_sets() {
    let pki = Pki::new();
    let server = Identity::new(&pki.server()).echo();
    let mut link = client_with(&pki, &server.tls(), &[]).open().unwrap();
    let limit = Duration::from_millis(100);
    link.set_timeout(Some(limit)).unwrap();
    let began = Instant::now();
    let late = std::io::Read::read(&mut link, &mut [0]).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::WouldBlock);
    assert!(began.elapsed() >= limit);
}
