//! Answers whole and in pieces, cut and odd.

use super::*;
use proptest::prelude::*;

const MOST: u64 = 1000;

/// Reads an answer that comes in pieces of a size, then ends.
fn read_as(request: &str, text: &[u8], piece: usize) -> Result<(Answer, Vec<u8>), Error> {
    let mut reader = Reader::new(request.as_bytes(), MOST);
    for part in text.chunks(piece) {
        // What comes behind a whole answer is kept.
        reader.feed(part)?;
    }
    reader.end()?;
    Ok(reader.finish())
}

/// The body, the same in whatever pieces it comes, or why there is none.
fn body(text: &str) -> Result<String, String> {
    let read = |piece| {
        let read = read_as("GET / HTTP/1.1", text.as_bytes(), piece);
        read.map(|(answer, _)| String::from_utf8(answer.body).unwrap())
            .map_err(|error| error.to_string())
    };
    let whole = read(text.len().max(1));
    assert_eq!(read(1), whole);
    assert_eq!(read(7), whole);
    whole
}

#[test]
fn a_body_ends_where_its_length_says() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(body(text).unwrap(), "hello");
    let none = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(body(none).unwrap(), "");
}

#[test]
fn a_body_ends_with_its_last_chunk() {
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n";
    assert_eq!(body(text).unwrap(), "hello");
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nhello").unwrap(), "hello");
}

#[test]
fn what_came_behind_the_answer_is_kept() {
    let text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi";
    for piece in [1, 7, 1000] {
        let (answer, rest) = read_as("GET / HTTP/1.1", text, piece).unwrap();
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("upgrade"), Some(&b"websocket"[..]));
        assert_eq!(rest, b"\x81\x02hi");
    }
}

#[test]
fn remarks_in_front_of_an_answer_are_skipped() {
    let text = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(body(text).unwrap(), "hi");
}

#[test]
fn some_answers_have_no_body_whatever_their_length_says() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(read_as("HEAD / HTTP/1.1", head, 9).unwrap().0.body, b"");
    assert_eq!(
        body("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").unwrap(),
        ""
    );
}

#[test]
fn a_cut_answer_is_none() {
    for (text, why) in [
        ("", "the server ended without an answer"),
        ("HTTP/1.1 200", "the answer was cut"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "the answer was cut",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "the answer was cut",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "the answer was cut",
        ),
    ] {
        assert_eq!(body(text).unwrap_err(), why);
    }
}

#[test]
fn what_cannot_be_read_for_sure_is_refused() {
    for (text, why) in [
        ("SSH-2.0-OpenSSH\r\n", "invalid HTTP version"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "its length cannot be read",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
            "its length cannot be read",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
            "its encoding 'gzip' is not known",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello",
            "a chunk is longer than it says",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "the size of a chunk cannot be read",
        ),
    ] {
        let wanted = format!("the answer cannot be read: {why}");
        assert_eq!(body(text).unwrap_err(), wanted);
    }
}

#[test]
fn a_body_that_is_too_long_is_refused_as_early_as_can_be() {
    let long = "x".repeat(1001);
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n\r\n{long}"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
    ] {
        assert_eq!(
            body(&text).unwrap_err(),
            "the answer is longer than 1000 bytes"
        );
    }
    let head = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(LONGEST_HEAD));
    assert!(read_as("GET /", head.as_bytes(), 5000).is_err());
    let promises = "HTTP/1.1 100 Continue\r\n\r\n".repeat(LONGEST_HEAD / 25);
    read_as("GET /", promises.as_bytes(), 5000).unwrap_err();
    let whole = format!("{}HTTP/1.1 204 No\r\n\r\n", &promises[..50]);
    assert_eq!(read_as("GET /", whole.as_bytes(), 7).unwrap().0.status, 204);
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(
        head in 0..4_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        piece in 1..50_usize,
    ) {
        let heads = [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        ];
        let text = [heads[head].as_bytes(), &bytes].concat();
        crate::fuzzing::http_answer(piece, &text);
    }
}
