//! The whole service, driven in memory. `http` asks, `content` looks at what is told.

mod content;
mod http;

use std::sync::Arc;

use super::*;
use crate::tls::{Certificate, CipherLine, Facts, Identity};

/// A page on a TLS 1.3 connection, open.
fn page() -> StatusPage {
    open_page(overview(), Some(&facts()))
}

fn overview() -> Arc<Overview> {
    Arc::new(Overview::new(report(), 2, totals))
}

fn open_page(overview: Arc<Overview>, facts: Option<&Facts>) -> StatusPage {
    let mut page = StatusPage::new(overview, "");
    let mut out = Vec::new();
    let opened = Opened {
        id: 1,
        endpoint: "http+ssl://[::]:8530",
        peer: "[2001:db8::7]:51234",
        facts,
    };
    assert_eq!(page.open(&opened, &mut out), Verdict::Continue);
    assert!(out.is_empty(), "HTTP servers do not speak first");
    page
}

fn facts() -> Facts {
    Facts {
        protocol: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        cipher_standard: "TLS_AES_256_GCM_SHA384".into(),
        bits: 256,
        group: Some("X25519".into()),
        server_name: Some("db.example.org".into()),
        alpn: Some("http/1.1".into()),
        resumed: false,
        peer: Some(Certificate {
            subject: "CN=alice,O=Example".into(),
            issuer: "CN=Example Client CA,O=Example".into(),
            serial: "3A7F11C0".into(),
            not_before: "Jan  1 00:00:00 2026 GMT".into(),
            not_after: "Jan  1 00:00:00 2027 GMT".into(),
            verified: "ok".into(),
            subject_one_line: "/O=Example/CN=alice".into(),
            issuer_one_line: "/O=Example/CN=Example Client CA".into(),
            ..Certificate::default()
        }),
        own: None,
    }
}

fn report() -> Report {
    Report {
        library: "OpenSSL 3.0.19 27 Jan 2026".into(),
        config_file: "/etc/ssl/openssl.cnf".into(),
        min_protocol: "TLSv1.2".into(),
        max_protocol: "TLSv1.3".into(),
        ciphers: vec![
            CipherLine {
                name: "TLS_AES_256_GCM_SHA384".into(),
                standard_name: "TLS_AES_256_GCM_SHA384".into(),
                protocol: "TLSv1.3".into(),
                bits: 256,
            },
            CipherLine {
                name: "ECDHE-RSA-AES128-GCM-SHA256".into(),
                standard_name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into(),
                protocol: "TLSv1.2".into(),
                bits: 128,
            },
        ],
        groups: vec!["X25519".into(), "prime256v1".into()],
        security_level: 2,
        options: vec!["SSL_OP_NO_COMPRESSION".into()],
        options_mask: 0x20000,
        verify_client: "request".into(),
        identities: vec![Identity {
            server_name: Some("db.example.org".into()),
            file: "/etc/tlsport/db.pem".into(),
            subject: "CN=db.example.org".into(),
            names: vec!["db.example.org".into(), "192.0.2.7".into()],
            key: "RSA 2048".into(),
            not_after: "Aug 10 12:00:00 2026 GMT".into(),
            days_left: 42,
            chain_length: 2,
        }],
        session_cache: "20480 sessions for 7200s".into(),
        session_tickets: "on".into(),
        alpn: vec!["h2".into(), "http/1.1".into()],
        endpoints: Vec::new(),
    }
}

fn totals() -> Totals {
    Totals {
        accepted: 1500,
        closed: 1496,
        handshakes_full: 1000,
        handshakes_resumed: 440,
        refused: 3,
        backend_failures: 2,
        bytes_in: 123_456,
        bytes_out: 7_890_123_456,
        failures: [40, 1, 5, 7, 2, 1, 0],
        mismatches: [31, 4, 2, 0, 3],
    }
}

/// One answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|field| field.0 == name);
        let value = values.next().map(|field| field.1.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }
}

/// Takes one answer off the front. `head_only`: it answers a HEAD.
fn take(out: &mut Vec<u8>, head_only: bool) -> Answer {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut fields);
    let length = match parsed.parse(out) {
        Ok(httparse::Status::Complete(length)) => length,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(out)),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("answers are text");
    let fields: Vec<_> = parsed
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), text(field.value)))
        .collect();
    let status = parsed.code.expect("a parsed answer has a code");
    let mut answer = Answer {
        status,
        fields,
        body: String::new(),
    };
    let body = answer
        .field("Content-Length")
        .expect("a length")
        .parse::<usize>();
    let body = if head_only {
        0
    } else {
        body.expect("a number")
    };
    assert!(out.len() >= length + body, "the body is cut");
    answer.body = text(&out[length..length + body]);
    out.drain(..length + body);
    answer
}

/// The one answer to one request.
fn ask(page: &mut StatusPage, request: &[u8]) -> (Answer, Verdict) {
    let mut out = Vec::new();
    let verdict = page.data(request, &mut out);
    let answer = take(&mut out, request.starts_with(b"HEAD"));
    assert!(out.is_empty(), "{}", String::from_utf8_lossy(&out));
    (answer, verdict)
}

/// A GET over HTTP/1.1 on a page of its own.
fn get(path: &str, accept: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
    let (answer, verdict) = ask(&mut page(), request.as_bytes());
    assert_eq!(verdict, Verdict::Continue);
    answer
}
