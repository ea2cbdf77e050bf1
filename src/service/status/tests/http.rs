//! How requests are read and answered.

use proptest::prelude::*;

use super::*;
use crate::service::status::http::{HEAD_LIMIT, OUT_LIMIT};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_request_is_answered_however_it_is_cut() {
    for size in [1, 2, 7, HEALTH.len()] {
        let mut page = page();
        let mut out = Vec::new();
        for round in 0..3 {
            for piece in HEALTH.chunks(size) {
                assert!(out.is_empty(), "answered before the request was whole");
                assert_eq!(page.data(piece, &mut out), Verdict::Continue);
            }
            let answer = take(&mut out, false);
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, "ok\n"),
                "{size} {round}"
            );
            assert_eq!(answer.field("Connection"), None);
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\
        \r\nHEAD / HTTP/1.1\nhost: x\n\n\
        GET /nowhere?at=all HTTP/1.1\r\nHost: x\r\n\r\n\
        GET https://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive, CLOSE\r\n\r\n\
        GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut out = Vec::new();
    assert_eq!(page().data(requests, &mut out), Verdict::Finish);
    assert_eq!(take(&mut out, false).body, "ok\n");
    let head = take(&mut out, true);
    assert_eq!(head.status, 200);
    assert_ne!(head.field("Content-Length"), Some("0"));
    assert_eq!(take(&mut out, false).status, 404);
    let last = take(&mut out, false);
    assert_eq!(last.body, "ok\n");
    assert_eq!(last.field("Connection"), Some("close"));
    assert!(out.is_empty(), "nothing is answered after a close");
}

#[test]
fn head_says_what_get_would_have_said() {
    for path in ["/json", "/healthz", "/nowhere", "/favicon.ico"] {
        let get = get(path, "*/*");
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, _) = ask(&mut page(), request.as_bytes());
        assert_eq!(head.status, get.status);
        for name in ["Content-Length", "Content-Type"] {
            assert_eq!(head.field(name), get.field(name), "{path}");
        }
    }
}

#[test]
fn http_1_0_is_closed_unless_it_asks_to_stay() {
    let (answer, verdict) = ask(&mut page(), b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!((answer.status, verdict), (200, Verdict::Finish));
    assert_eq!(answer.field("Connection"), Some("close"));
    let staying = b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let (answer, verdict) = ask(&mut page(), staying);
    assert_eq!((answer.status, verdict), (200, Verdict::Continue));
    assert_eq!(answer.field("Connection"), Some("keep-alive"));
}

#[test]
fn other_methods_are_told_which_are_allowed_and_the_connection_goes_on() {
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "M-SEARCH",
    ] {
        let mut page = page();
        let request = format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
        let (answer, verdict) = ask(&mut page, request.as_bytes());
        assert_eq!(
            (answer.status, verdict),
            (405, Verdict::Continue),
            "{method}"
        );
        assert_eq!(answer.field("Allow"), Some("GET, HEAD"));
        assert_eq!(ask(&mut page, HEALTH).0.body, "ok\n", "{method}");
    }
}

#[test]
fn a_body_is_skipped_and_is_not_taken_for_a_request() {
    let mut page = page();
    let mut request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 68\r\n\r\n".to_vec();
    request.extend(HEALTH.iter().chain(HEALTH));
    let mut out = Vec::new();
    for byte in &request {
        assert_eq!(page.data(&[*byte], &mut out), Verdict::Continue);
    }
    assert_eq!(HEALTH.len() * 2, 68, "the body above is whole");
    assert_eq!(take(&mut out, false).body, "ok\n");
    assert!(out.is_empty(), "the body was answered");
    assert_eq!(ask(&mut page, HEALTH).0.status, 200);
}

#[test]
fn what_leaves_the_end_of_a_request_in_doubt_ends_the_connection() {
    for (fields, status) in [
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 411),
        ("Content-Length: 65537", 413),
        ("Content-Length: 18446744073709551615", 413),
        ("Content-Length: 18446744073709551616", 400),
        ("Content-Length: 5\r\nContent-Length: 5", 400),
        ("Content-Length: 5, 5", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: -5", 400),
        ("Content-Length:", 400),
        ("Content-Length: 0x5", 400),
        ("Host: y", 400),
        ("No colon", 400),
        ("Folded: a\r\n b", 400),
        ("Nul: \0", 400),
        (" Space: before", 400),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
        let (answer, verdict) = ask(&mut page(), request.as_bytes());
        assert_eq!(
            (answer.status, verdict),
            (status, Verdict::Finish),
            "{fields}"
        );
        assert_eq!(answer.field("Connection"), Some("close"), "{fields}");
    }
    assert_eq!(
        ask(&mut page(), b"GET / HTTP/1.1\r\n\r\n").0.status,
        400,
        "no host"
    );
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_answered_and_closed() {
    let request =
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    let (answer, verdict) = ask(&mut page(), request);
    assert_eq!((answer.status, verdict), (405, Verdict::Finish));
}

#[test]
fn garbage_is_refused_as_soon_as_it_is_seen() {
    let garbage: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"{\"hello\": 1}",
        b"\xff\xfe\xfd",
    ];
    for bytes in garbage {
        let (answer, verdict) = ask(&mut page(), bytes);
        assert_eq!(
            (answer.status, verdict),
            (400, Verdict::Finish),
            "{bytes:?}"
        );
    }
}

#[test]
fn other_versions_of_http_are_refused_by_name() {
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/9.9", "HTTP/1.2"] {
        let request = format!("GET / {version}\r\nHost: x\r\n\r\n");
        let (answer, verdict) = ask(&mut page(), request.as_bytes());
        assert_eq!(
            (answer.status, verdict),
            (505, Verdict::Finish),
            "{version}"
        );
    }
}

/// A request whose head is `length` bytes long.
fn long_head(length: usize) -> Vec<u8> {
    let frame = "GET /healthz HTTP/1.1\r\nHost: x\r\nFill: \r\n\r\n";
    let fill = "a".repeat(length - frame.len());
    format!("GET /healthz HTTP/1.1\r\nHost: x\r\nFill: {fill}\r\n\r\n").into_bytes()
}

#[test]
fn a_head_is_read_up_to_its_limit_and_refused_beyond_it() {
    for size in [1, 1000, HEAD_LIMIT * 2] {
        let mut fitting = page();
        let mut out = Vec::new();
        for piece in long_head(HEAD_LIMIT).chunks(size) {
            assert_eq!(fitting.data(piece, &mut out), Verdict::Continue);
        }
        assert_eq!(take(&mut out, false).status, 200, "pieces of {size}");
        let mut beyond = page();
        let mut verdict = Verdict::Continue;
        for piece in long_head(HEAD_LIMIT + 2).chunks(size) {
            verdict = beyond.data(piece, &mut out);
        }
        assert_eq!(verdict, Verdict::Finish);
        assert_eq!(take(&mut out, false).status, 431, "pieces of {size}");
        assert!(out.is_empty());
    }
}

#[test]
fn a_head_without_end_is_refused_at_the_limit() {
    for endless in [b"GET /aaaa".as_slice(), b"GET / HTTP/1.1\r\na: b\r\n"] {
        let mut page = page();
        let mut out = Vec::new();
        let mut bytes = endless.iter().chain([&b'a'].into_iter().cycle());
        let mut sent = 0;
        while page.data(&[*bytes.next().expect("endless")], &mut out) == Verdict::Continue {
            sent += 1;
            assert!(sent <= HEAD_LIMIT, "no end");
        }
        assert_eq!(take(&mut out, false).status, 431);
    }
}

#[test]
fn too_many_fields_are_refused() {
    let many = "a: b\r\n".repeat(100);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert_eq!(ask(&mut page(), request.as_bytes()).0.status, 431);
}

#[test]
fn half_a_request_at_the_end_is_answered_and_nothing_at_the_end_is_not() {
    let mut out = Vec::new();
    let mut cut = page();
    cut.data(b"GET / HTTP/1.1\r\nHo", &mut out);
    assert_eq!(cut.end(&mut out), Verdict::Finish);
    assert_eq!(take(&mut out, false).status, 400);
    let mut quiet = page();
    quiet.data(HEALTH, &mut out);
    take(&mut out, false);
    assert_eq!(quiet.end(&mut out), Verdict::Finish);
    assert_eq!(page().end(&mut out), Verdict::Finish);
    assert!(out.is_empty());
}

#[test]
fn a_flood_of_requests_in_one_call_is_answered_within_a_bound() {
    let flood = b"GET / HTTP/1.1\r\nHost:\r\n\r\n".repeat(10_000);
    let mut out = Vec::new();
    assert_eq!(page().data(&flood, &mut out), Verdict::Finish);
    let size = get("/", "*/*").body.len() + 2048;
    assert!(
        (OUT_LIMIT..OUT_LIMIT + 2 * size).contains(&out.len()),
        "{}",
        out.len()
    );
    let mut last = take(&mut out, false);
    while !out.is_empty() {
        assert_eq!(last.field("Connection"), None);
        last = take(&mut out, false);
    }
    assert_eq!(last.field("Connection"), Some("close"));
}

#[test]
fn every_answer_forbids_what_a_browser_might_do_with_it() {
    let requests: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD / HTTP/1.0\r\n\r\n",
        b"\0",
    ];
    for request in requests {
        let (answer, _) = ask(&mut page(), request);
        let policy = answer.field("Content-Security-Policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            assert_eq!(answer.field(name), Some(value));
        }
        assert!(
            answer
                .field("Date")
                .is_some_and(|date| date.ends_with(" GMT"))
        );
    }
}

#[test]
fn a_client_that_agreed_to_http_2_is_sent_back_to_http_1() {
    let agreed = Facts {
        alpn: Some("h2".into()),
        ..facts()
    };
    let mut page = open_page(overview(), Some(&agreed));
    let mut out = Vec::new();
    let request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x01\x05\0\0\0\x01";
    assert_eq!(page.data(request, &mut out), Verdict::Continue);
    assert!(out.ends_with(&[0, 0, 0, 13]), "HTTP_1_1_REQUIRED: {out:?}");
    assert_eq!(page.end(&mut out), Verdict::Finish);
}

/// Bytes that are nearly HTTP reach further than any bytes.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "GET",
            "HEAD",
            "POST",
            " ",
            "/",
            "/json",
            "/healthz",
            "?",
            "HTTP/1.1",
            "HTTP/1.0",
            "\r\n",
            "\n",
            "\r\n\r\n",
            "Host: x",
            "Accept: ",
            "application/json",
            ";q=",
            "0.5",
            ",",
            "Content-Length: ",
            "7",
            "Transfer-Encoding: chunked",
            "Connection: ",
            "close",
            "keep-alive",
            "Expect: 100-continue",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ":",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "HEAD /json HTTP/1.0\r\n\r\n",
        ])
        .prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_input_panics_or_is_answered_without_bound(
        input in nearly_http(),
        size in 1usize..200,
        agreed in prop::sample::select(vec!["http/1.1", "h2"]),
    ) {
        let facts = Facts { alpn: Some(agreed.into()), ..facts() };
        let mut page = open_page(overview(), Some(&facts));
        for piece in input.chunks(size) {
            let mut out = Vec::new();
            let verdict = page.data(piece, &mut out);
            prop_assert!(out.len() < OUT_LIMIT + 64 * 1024);
            if verdict == Verdict::Finish {
                prop_assert!(!out.is_empty(), "closed without a word");
                return Ok(());
            }
        }
        let mut out = Vec::new();
        prop_assert_eq!(page.end(&mut out), Verdict::Finish);
    }

    #[test]
    fn how_a_request_is_cut_changes_nothing_of_its_answers(input in nearly_http(), size in 1usize..50) {
        let overview = overview();
        let answers = |size: usize| {
            let mut page = open_page(overview.clone(), Some(&facts()));
            let mut out = Vec::new();
            let open = input
                .chunks(size)
                .all(|piece| page.data(piece, &mut out) == Verdict::Continue);
            if open {
                page.end(&mut out);
            }
            let text = String::from_utf8(out).expect("answers are text");
            let short = text.len() < OUT_LIMIT;
            // Only the moment differs.
            let lines = text
                .lines()
                .filter(|line| !line.starts_with("Date: ") && !line.contains("uptime_seconds") && !line.contains("Up "))
                .map(str::to_owned)
                .collect::<Vec<_>>();
            short.then_some(lines)
        };
        let whole = answers(usize::MAX);
        prop_assume!(whole.is_some());
        prop_assert_eq!(answers(size), whole);
    }
}
