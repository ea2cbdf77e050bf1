//! The answer to a request of HTTP/1, read from bytes as they come.

use super::Link;
use crate::error::{Error, Kind};
use std::fmt;

/// An answer.
pub struct Answer {
    /// Its status, such as 200.
    pub status: u16,
    /// Status line and fields as they came, with the empty line behind them.
    pub head: Vec<u8>,
    /// What follows, without the marks of chunks.
    pub body: Vec<u8>,
    /// The connection, where that goes on to speak something else (status 101). Its calls wait.
    pub link: Option<Link>,
}

impl Answer {
    /// The first field of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        field(&self.head, name)
    }
}

impl fmt::Debug for Answer {
    /// Sizes only: an answer may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.body.len();
        write!(f, "Answer({} with {length} bytes)", self.status)
    }
}

/// Most bytes of a head, with those that go before it (status 1xx).
const LONGEST_HEAD: usize = 64 * 1024;
/// Most fields of a head, or behind a body in chunks.
const FIELDS: usize = 256;
/// Most bytes of the line in front of a chunk.
const LONGEST_LINE: usize = 4096;

/// Reads one answer.
pub(super) struct Reader {
    /// The request was one for the head alone.
    bodiless: bool,
    most: u64,
    state: State,
    /// What is not read yet, from `at` on.
    buffer: Vec<u8>,
    at: usize,
    status: u16,
    /// How long the heads before that of the answer were.
    before: usize,
    head: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes are missing.
    Length(u64),
    /// The line in front of a chunk.
    Size,
    /// A chunk, of which so many bytes are missing.
    Chunk(u64),
    /// The end of the line behind a chunk.
    BehindChunk,
    /// Fields behind the last chunk.
    Trailer,
    /// The body ends with the connection.
    UntilEnd,
    Done,
}

impl Reader {
    /// For the answer to `request`, with a body of at most so many bytes.
    pub(super) fn new(request: &[u8], most: u64) -> Reader {
        Reader {
            bodiless: request.starts_with(b"HEAD "),
            most,
            state: State::Head,
            buffer: Vec::new(),
            at: 0,
            status: 0,
            before: 0,
            head: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Takes what has come; whether the answer is whole.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        self.buffer.extend_from_slice(bytes);
        while self.state != State::Done && self.step()? {}
        self.buffer.drain(..self.at);
        self.at = 0;
        Ok(self.state == State::Done)
    }

    /// The server has ended in good order.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.state {
            State::UntilEnd | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            State::Head if self.buffer.is_empty() => Err(Error::new(
                Kind::Closed,
                "the server ended without an answer",
            )),
            _ => Err(Error::new(Kind::Closed, "the answer was cut")),
        }
    }

    /// The whole answer, and what came behind it.
    pub(super) fn finish(self) -> (Answer, Vec<u8>) {
        let answer = Answer {
            status: self.status,
            head: self.head,
            body: self.body,
            link: None,
        };
        (answer, self.buffer)
    }

    /// Whether something moved.
    fn step(&mut self) -> Result<bool, Error> {
        match self.state {
            State::Head => self.read_head(),
            State::Length(left) => {
                let left = self.take(left)?;
                self.state = match left {
                    0 => State::Done,
                    _ => State::Length(left),
                };
                Ok(left == 0)
            }
            State::Size => self.read_size(),
            State::Chunk(left) => {
                let left = self.take(left)?;
                self.state = match left {
                    0 => State::BehindChunk,
                    _ => State::Chunk(left),
                };
                Ok(left == 0)
            }
            State::BehindChunk => match &self.buffer[self.at..] {
                [b'\r', b'\n', ..] => {
                    self.at += 2;
                    self.state = State::Size;
                    Ok(true)
                }
                [] | [b'\r'] => Ok(false),
                _ => Err(odd("a chunk is longer than it says")),
            },
            State::Trailer => self.read_trailer(),
            State::UntilEnd => {
                self.take(u64::MAX)?;
                Ok(false)
            }
            State::Done => Ok(false),
        }
    }

    fn read_head(&mut self) -> Result<bool, Error> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Response::new(&mut fields);
        let waiting = &self.buffer[self.at..];
        let longest = LONGEST_HEAD - self.before;
        let length = match parsed.parse(waiting) {
            Ok(httparse::Status::Complete(length)) if length <= longest => length,
            Ok(httparse::Status::Partial) if waiting.len() <= longest => return Ok(false),
            Ok(_) => return Err(odd("its head is too long")),
            Err(why) => return Err(odd(&why.to_string())),
        };
        let status = parsed.code.unwrap_or_default();
        if (100..200).contains(&status) && status != 101 {
            self.at += length;
            self.before += length;
            return Ok(true);
        }
        let bodiless = self.bodiless || matches!(status, 101 | 204 | 304);
        self.state = match bodiless {
            true => State::Done,
            false => framing(parsed.headers)?,
        };
        if let State::Length(length) = self.state {
            self.fits(length)?;
        }
        self.status = status;
        self.head = waiting[..length].to_vec();
        self.at += length;
        Ok(true)
    }

    fn read_size(&mut self) -> Result<bool, Error> {
        match httparse::parse_chunk_size(&self.buffer[self.at..]) {
            Ok(httparse::Status::Complete((length, size))) if length <= LONGEST_LINE => {
                self.at += length;
                self.state = match size {
                    0 => State::Trailer,
                    _ => State::Chunk(size),
                };
                self.fits(size)?;
                Ok(true)
            }
            Ok(httparse::Status::Partial) if self.buffer.len() - self.at <= LONGEST_LINE => {
                Ok(false)
            }
            _ => Err(odd("the size of a chunk cannot be read")),
        }
    }

    fn read_trailer(&mut self) -> Result<bool, Error> {
        let waiting = &self.buffer[self.at..];
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        match httparse::parse_headers(waiting, &mut fields) {
            Ok(httparse::Status::Complete((length, _))) if length <= LONGEST_HEAD => {
                self.at += length;
                self.state = State::Done;
                Ok(true)
            }
            Ok(httparse::Status::Partial) if waiting.len() <= LONGEST_HEAD => Ok(false),
            _ => Err(odd("the fields behind it cannot be read")),
        }
    }

    /// Moves up to so many bytes into the body; how many are missing.
    fn take(&mut self, wanted: u64) -> Result<u64, Error> {
        let waiting = &self.buffer[self.at..];
        let count = waiting
            .len()
            .min(usize::try_from(wanted).unwrap_or(usize::MAX));
        self.fits(count as u64)?;
        self.body
            .extend_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(wanted - count as u64)
    }

    /// Refuses what would be too long in all.
    fn fits(&self, more: u64) -> Result<(), Error> {
        let all = (self.body.len() as u64).checked_add(more);
        match all.filter(|all| *all <= self.most) {
            Some(_) => Ok(()),
            None => {
                let most = self.most;
                let text = format!("the answer is longer than {most} bytes");
                Err(Error::new(Kind::Peer, text))
            }
        }
    }
}

/// Where the body ends.
fn framing(fields: &[httparse::Header<'_>]) -> Result<State, Error> {
    let named = |name: &'static str| {
        let mut values = fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name));
        (values.next().map(|field| field.value), values)
    };
    let (encoding, mut others) = named("transfer-encoding");
    if let Some(encoding) = encoding {
        let chunked = encoding.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return match chunked && others.next().is_none() {
            true => Ok(State::Size),
            false => Err(odd(&format!(
                "its encoding '{}' is not known",
                encoding.escape_ascii()
            ))),
        };
    }
    let (length, mut others) = named("content-length");
    let Some(length) = length.map(<[u8]>::trim_ascii) else {
        return Ok(State::UntilEnd);
    };
    let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(length)
        .ok()
        .and_then(|text| text.parse().ok());
    let same = others.all(|field| field.value.trim_ascii() == length);
    match number.filter(|_| digits && same) {
        Some(0) => Ok(State::Done),
        Some(number) => Ok(State::Length(number)),
        None => Err(odd("its length cannot be read")),
    }
}

/// The first field of a head with that name.
pub(super) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (found, value) = line.split_at(colon);
        let found = found.eq_ignore_ascii_case(name.as_bytes());
        found.then(|| value[1..].trim_ascii())
    })
}

fn odd(why: &str) -> Error {
    Error::new(Kind::Peer, format!("the answer cannot be read: {why}"))
}

#[cfg(test)]
mod tests;
