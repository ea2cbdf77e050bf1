//! One request and its answer, with nginx and with servers that answer oddly.

use crate::nginx::Secure;
use crate::support::Pki;
use crate::support::tls_backend::{Identity, TlsBackend};
use crate::{client, client_with};
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use tlsport::error::Kind;

const REQUEST: &[u8] = b"GET /login.html http/1.1\r\nhost:www.kx.com\r\n\r\n";

/// nginx takes no other spelling than its own.
const OF_TODAY: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn nginx_answers_and_the_second_connection_is_resumed() {
    let pki = Pki::new();
    let cache = "ssl_protocols TLSv1.3; ssl_session_cache shared:c:1m;";
    let server = Secure::speaking(&pki, &pki.server(), "", cache);
    let client = client(&pki, &format!("https://localhost:{}", server.port));
    for resumed in [".", "r"] {
        let answer = client.request(OF_TODAY).unwrap();
        assert_eq!(answer.status, 200);
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(body, format!("HTTP/1.1 TLSv1.3 {resumed} localhost \n"));
    }
    let answer = client
        .request(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(answer.header("content-length").is_some() && answer.body.is_empty());
}

#[test]
fn a_large_file_of_nginxs_comes_whole_in_chunks_or_with_its_length() {
    let pki = Pki::new();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    pki.write("large", &large);
    let directory = pki.directory().display();
    let chunks = format!(
        "gzip off; location /large {{ alias {directory}/large; }}
         location /chunks {{ ssi on; ssi_types *; alias {directory}/large; }}"
    );
    let server = Secure::speaking(&pki, &pki.server(), "", &chunks);
    let client = client(&pki, &format!("https://localhost:{}", server.port));
    for (path, field) in [
        ("/large", "content-length"),
        ("/chunks", "transfer-encoding"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.request(request.as_bytes()).unwrap();
        assert!(
            answer.header(field).is_some(),
            "{:?}",
            answer.head.escape_ascii()
        );
        assert!(answer.body == large, "{path}");
        let link = client.open().unwrap();
        let refused = client.request_on(link, request.as_bytes(), 1_000_000);
        let said = refused.unwrap_err().to_string();
        assert!(
            said.ends_with("the answer is longer than 1000000 bytes"),
            "{said}"
        );
    }
}

/// A server that answers with these bytes, then does what is said.
fn answering(pki: &Pki, answer: &'static [u8], ends: bool) -> TlsBackend {
    Identity::new(&pki.server()).serve(move |mut tls| {
        let mut request = [0; 45];
        tls.read_exact(&mut request).unwrap();
        assert_eq!(request, REQUEST, "as it was written");
        tls.write_all(answer).unwrap();
        if ends {
            let _ = tls.shutdown(); // the client may have gone
        }
        let _ = std::io::copy(tls.get_mut(), &mut std::io::sink());
    })
}

fn url(server: &TlsBackend) -> String {
    format!("https://localhost:{}", server.port())
}

#[test]
fn an_answer_may_end_with_its_connection_but_not_be_cut() {
    let pki = Pki::new();
    let whole = answering(&pki, b"HTTP/1.0 200 OK\r\n\r\nhello", true);
    let answer = client(&pki, &url(&whole)).request(REQUEST).unwrap();
    assert_eq!(answer.body, b"hello");
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let cut = answering(&pki, short, true);
    let refused = client(&pki, &url(&cut)).request(REQUEST).unwrap_err();
    assert_eq!(refused.kind(), Kind::Closed);
    assert_eq!(
        refused.to_string(),
        format!("request to 'localhost:{}': the answer was cut", cut.port())
    );
    let silently = Identity::new(&pki.server()).serve(|mut tls| {
        let mut request = [0; 45];
        tls.read_exact(&mut request).unwrap();
        tls.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").unwrap();
    });
    let refused = client(&pki, &url(&silently)).request(REQUEST).unwrap_err();
    assert_eq!(refused.kind(), Kind::Closed, "no close-notify: {refused}");
}

#[test]
fn an_answer_that_pauses_has_a_limit() {
    let pki = Pki::new();
    let server = answering(
        &pki,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        false,
    );
    let client = client_with(&pki, &url(&server), &[("timeout.idle", "200ms")]);
    let refused = client.request(REQUEST).unwrap_err();
    assert_eq!(refused.kind(), Kind::Timeout);
    let said = refused.to_string();
    assert!(
        said.ends_with("timed out after 200ms, waiting for the answer"),
        "{said}"
    );
}

#[test]
fn what_is_no_request_is_not_sent() {
    let pki = Pki::new();
    for (url, text, why) in [
        (
            "https://localhost:1",
            "GET / HTTP/1.1\r\n",
            "no empty line ends its head",
        ),
        (
            "tcps://localhost:1",
            "GET / HTTP/1.1\r\n\r\n",
            "the connection string is neither https:// nor wss://",
        ),
    ] {
        let refused = client(&pki, url).request(text.as_bytes()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Usage);
        assert_eq!(
            refused.to_string(),
            format!("cannot send the request: {why}")
        );
    }
}

/// A server that says these bytes, then these others for as long as it is let, with a pause before each.
fn dribbling(pki: &Pki, first: &'static [u8], others: Vec<u8>) -> TlsBackend {
    Identity::new(&pki.server()).serve(move |mut tls| {
        let _ = tls.write_all(first);
        while tls.write_all(&others).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn a_server_that_never_comes_to_an_answer_is_not_waited_for() {
    let pki = Pki::new();
    let promising = dribbling(&pki, b"", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(600));
    let refused = client(&pki, &url(&promising)).request(REQUEST).unwrap_err();
    assert_eq!(refused.kind(), Kind::Peer);
    let said = refused.to_string();
    assert!(said.ends_with(": its head is too long"), "{said}");
}

#[test]
fn the_way_to_a_websocket_has_one_limit_for_all_of_it() {
    let pki = Pki::new();
    let slow = dribbling(&pki, b"HTTP/1.1 101 X\r\nA: ", b"a".to_vec());
    let url = format!("wss://localhost:{}", slow.port());
    let client = client_with(&pki, &url, &[("timeout.handshake", "300ms")]);
    let began = Instant::now();
    let refused = client.request(REQUEST).unwrap_err();
    assert_eq!(refused.kind(), Kind::Timeout, "{refused}");
    assert!(began.elapsed() < Duration::from_secs(5));
}
