//! An answer, and how it is written.
//!
//! Every answer carries the same security headers: nothing here is to be kept, framed, guessed at or referred to.

use std::time::SystemTime;

use super::date;
use super::page::STYLE_SHA256;

/// What is said to one request. The body is left out when the request was a HEAD; its length is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: Status,
    pub(super) content_type: &'static str,
    /// Headers of this answer alone.
    pub(super) extra: &'static [(&'static str, &'static str)],
    pub(super) body: String,
}

/// The status codes in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    LengthRequired,
    ContentTooLarge,
    HeadTooLarge,
    VersionNotSupported,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::LengthRequired => "411 Length Required",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// What the client may do with the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Ask again; an HTTP/1.0 client has to be told so.
    KeepAlive { told: bool },
    /// Nothing: it is closed.
    Close,
}

const TEXT: &str = "text/plain; charset=utf-8";

const SECURITY: &str = "X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Cache-Control: no-store\r\n";

/// The page's own style, named by its hash, and its icon are all that a browser may load.
fn content_policy() -> String {
    format!(
        "Content-Security-Policy: default-src 'none'; style-src 'sha256-{STYLE_SHA256}'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    )
}

impl Response {
    /// A 200.
    pub(super) fn ok(content_type: &'static str, body: String) -> Response {
        Response {
            status: Status::Ok,
            content_type,
            extra: &[],
            body,
        }
    }

    /// One line of text that says what was wrong. Nothing of the request is repeated in it.
    pub(super) fn refusal(status: Status, why: &str) -> Response {
        Response {
            status,
            content_type: TEXT,
            extra: &[],
            body: format!("{why}\n"),
        }
    }

    /// The same with headers of its own.
    #[must_use]
    pub(super) fn with(mut self, extra: &'static [(&'static str, &'static str)]) -> Response {
        self.extra = extra;
        self
    }

    /// One line of text that says all is well.
    pub(super) fn text(line: &str) -> Response {
        Response::ok(TEXT, format!("{line}\n"))
    }

    /// Appends the answer to `out`.
    pub(super) fn write(&self, head_only: bool, after: After, now: SystemTime, out: &mut Vec<u8>) {
        let mut head = format!(
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
            self.status.line(),
            date::http(now),
            self.content_type,
            self.body.len()
        );
        for (name, value) in self.extra {
            head.extend([name, ": ", value, "\r\n"]);
        }
        match after {
            After::KeepAlive { told: true } => head.push_str("Connection: keep-alive\r\n"),
            After::KeepAlive { told: false } => {}
            After::Close => head.push_str("Connection: close\r\n"),
        }
        head.push_str(&content_policy());
        head.push_str(SECURITY);
        head.push_str("\r\n");
        out.extend_from_slice(head.as_bytes());
        if !head_only {
            out.extend_from_slice(self.body.as_bytes());
        }
    }
}
