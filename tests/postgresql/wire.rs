//! PostgreSQL's protocol by hand, as far as the beginning of a connection goes.

use std::collections::BTreeMap;
use std::io::{Read, Write};

pub(crate) const SSL_REQUEST: u32 = 80_877_103;
pub(crate) const GSS_REQUEST: u32 = 80_877_104;
pub(crate) const CANCEL_REQUEST: u32 = 80_877_102;
pub(crate) const VERSION_3: u32 = 3 << 16;

/// A packet without a kind: length, code, and the rest.
pub(crate) fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    sized(rest.len() as u32 + 8, code, rest)
}

/// One that says another length.
pub(crate) fn sized(length: u32, code: u32, rest: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), &code.to_be_bytes(), rest].concat()
}

pub(crate) fn ssl_request() -> Vec<u8> {
    packet(SSL_REQUEST, b"")
}

pub(crate) fn gss_request() -> Vec<u8> {
    packet(GSS_REQUEST, b"")
}

/// The start-up packet of a user.
pub(crate) fn startup(user: &str, database: &str) -> Vec<u8> {
    named(&[("user", user), ("database", database)])
}

/// One with these parameters.
pub(crate) fn named(parameters: &[(&str, &str)]) -> Vec<u8> {
    let parameters = parameters
        .iter()
        .map(|(name, value)| format!("{name}\0{value}\0"));
    packet(
        VERSION_3,
        (parameters.collect::<String>() + "\0").as_bytes(),
    )
}

pub(crate) fn cancel_request(pid: u32, key: u32) -> Vec<u8> {
    packet(
        CANCEL_REQUEST,
        &[pid.to_be_bytes(), key.to_be_bytes()].concat(),
    )
}

/// A simple query.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    let length = (sql.len() as u32 + 5).to_be_bytes();
    [b"Q", &length[..], sql.as_bytes(), b"\0"].concat()
}

/// A message of the server's: its kind and what it holds.
pub(crate) type Message = (char, Vec<u8>);

/// What a server says, up to where it waits for a query: or an error, or the end.
pub(crate) fn hear(stream: &mut impl Read) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = message(stream) {
        let kind = message.0;
        messages.push(message);
        if kind == 'Z' {
            break;
        }
    }
    messages
}

fn message(stream: &mut impl Read) -> Option<Message> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[1..].try_into().unwrap());
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).ok()?;
    Some((char::from(head[0]), body))
}

/// The kinds of some messages, as in `RSKZ`.
pub(crate) fn kinds(messages: &[Message]) -> String {
    messages.iter().map(|(kind, _)| *kind).collect()
}

/// The fields of an ErrorResponse, which is all there is.
#[track_caller]
pub(crate) fn error(said: &[u8]) -> BTreeMap<char, String> {
    let mut rest = said;
    let Some(('E', body)) = message(&mut rest) else {
        panic!("no error: '{}'", said.escape_ascii());
    };
    assert!(
        rest.is_empty(),
        "behind the error: '{}'",
        rest.escape_ascii()
    );
    assert!(body.ends_with(b"\0\0"), "'{}'", body.escape_ascii());
    let fields = body
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let field = |field: &[u8]| {
        (
            char::from(field[0]),
            String::from_utf8(field[1..].to_vec()).unwrap(),
        )
    };
    fields.map(field).collect()
}

/// Fails unless this is that error, and fatal.
#[track_caller]
pub(crate) fn assert_fatal(said: &[u8], code: &str, text: &str) {
    let fields = error(said);
    assert_eq!((&*fields[&'S'], &*fields[&'V']), ("FATAL", "FATAL"));
    assert_eq!((&*fields[&'C'], &*fields[&'M']), (code, text));
}

/// Says everything byte for byte.
pub(crate) fn say_slowly(stream: &mut impl Write, bytes: &[u8]) {
    for byte in bytes {
        stream.write_all(&[*byte]).unwrap();
        stream.flush().unwrap();
    }
}

/// As many bytes as that.
#[track_caller]
pub(crate) fn take(stream: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Everything up to the end, which has to be one and no reset.
#[track_caller]
pub(crate) fn take_all(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Says everything at once.
pub(crate) fn say(stream: &mut impl Write, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.flush().unwrap();
}

/// A stream whose writes leave byte for byte.
#[derive(Debug)]
pub(crate) struct Slow<S>(pub(crate) S);

impl<S: Read> Read for Slow<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Slow<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
