//! The head of one HTTP/1.x request, from bytes to what the page needs to know of it.
//!
//! Anything that could be understood in two ways (two lengths, a length beside a transfer coding, no host or
//! two) is refused, with the connection: the bytes after it cannot be trusted to be a request.

use super::response::{Response, Status};

/// More header fields than this are refused.
const FIELDS: usize = 64;
/// A longer body is refused unread; a shorter one is read and dropped.
pub(super) const BODY_LIMIT: u64 = 64 * 1024;
const ALLOW: &[(&str, &str)] = &[("Allow", "GET, HEAD")];

/// A request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The path without its query.
    pub(super) path: String,
    /// The values of all Accept fields, joined.
    pub(super) accept: String,
}

/// What one head comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The request, or the answer it gets at once.
    pub(super) asked: Result<Request, Response>,
    /// Whether the answer's body is to be left out.
    pub(super) head_only: bool,
    /// Whether the client spoke HTTP/1.0.
    pub(super) old: bool,
    /// Whether another request may follow.
    pub(super) keep_alive: bool,
    /// Bytes of body that follow the head.
    pub(super) body: u64,
}

/// Reads a head, or says that it is not whole yet (`None`).
///
/// # Errors
/// The answer to what is not a request, or not one that leaves the connection in a known state.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Response> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => judge(&parsed).map(Some),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(unreadable(error, bytes)),
    }
}

fn judge(parsed: &httparse::Request<'_, '_>) -> Result<Head, Response> {
    let old = parsed.version == Some(0);
    let method = parsed.method.unwrap_or_default();
    check_host(parsed, old)?;
    let body = body_length(parsed)?;
    let expects = values(parsed, "expect").next().is_some() && body > 0;
    let keeps = if old {
        has_word(parsed, "keep-alive")
    } else {
        true
    };
    let asked = if matches!(method, "GET" | "HEAD") {
        Ok(Request {
            path: path(parsed.path.unwrap_or_default()).to_owned(),
            accept: values(parsed, "accept").collect::<Vec<_>>().join(","),
        })
    } else {
        let why = "cannot answer request: only GET and HEAD are understood here";
        Err(Response::refusal(Status::MethodNotAllowed, why).with(ALLOW))
    };
    Ok(Head {
        asked,
        head_only: method == "HEAD",
        old,
        // A client that waits to be told to go on may or may not send its body after another answer.
        keep_alive: keeps && !expects && !has_word(parsed, "close"),
        body,
    })
}

fn check_host(parsed: &httparse::Request<'_, '_>, old: bool) -> Result<(), Response> {
    let hosts = parsed
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("host"))
        .count();
    if hosts == 1 || (hosts == 0 && old) {
        return Ok(());
    }
    let why = "cannot read request: it needs exactly one Host field";
    Err(Response::refusal(Status::BadRequest, why))
}

fn body_length(parsed: &httparse::Request<'_, '_>) -> Result<u64, Response> {
    if named(parsed, "transfer-encoding").next().is_some() {
        let why = "cannot read request: a body has to come with its length";
        return Err(Response::refusal(Status::LengthRequired, why));
    }
    let mut lengths = named(parsed, "content-length");
    let Some(first) = lengths.next() else {
        return Ok(0);
    };
    // u64's own parser would take a sign.
    let digits = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(first)
        .ok()
        .and_then(|text| text.parse().ok());
    match length {
        Some(length) if digits && lengths.next().is_none() => match length {
            0..=BODY_LIMIT => Ok(length),
            _ => {
                let why =
                    "cannot answer request: no body is wanted, and this one is too long to skip";
                Err(Response::refusal(Status::ContentTooLarge, why))
            }
        },
        _ => {
            let why = "cannot read request: its Content-Length is not one number";
            Err(Response::refusal(Status::BadRequest, why))
        }
    }
}

fn named<'a>(
    parsed: &'a httparse::Request<'_, '_>,
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    parsed
        .headers
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

/// The values that are text; others cannot mean anything to this server.
fn values<'a>(
    parsed: &'a httparse::Request<'_, '_>,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    named(parsed, name).filter_map(|value| std::str::from_utf8(value).ok())
}

fn has_word(parsed: &httparse::Request<'_, '_>, word: &str) -> bool {
    values(parsed, "connection")
        .flat_map(|value| value.split(','))
        .any(|said| said.trim().eq_ignore_ascii_case(word))
}

/// The path of a target in origin form (`/json?x`) or absolute form (`https://host/json`).
fn path(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    target.split(['?', '#']).next().unwrap_or_default()
}

fn unreadable(error: httparse::Error, bytes: &[u8]) -> Response {
    match error {
        httparse::Error::TooManyHeaders => {
            let why = "cannot read request: it has more than 64 header fields";
            Response::refusal(Status::HeadTooLarge, why)
        }
        httparse::Error::Version if names_http(bytes) => {
            let why = "cannot answer request: only HTTP/1.0 and HTTP/1.1 are spoken here";
            Response::refusal(Status::VersionNotSupported, why)
        }
        _ => Response::refusal(Status::BadRequest, &format!("cannot read request: {error}")),
    }
}

/// Whether the third word of the request line is some version of HTTP.
fn names_http(bytes: &[u8]) -> bool {
    let mut words = bytes.split(|byte| matches!(byte, b' ' | b'\n'));
    words
        .nth(2)
        .is_some_and(|version| version.starts_with(b"HTTP/"))
}
