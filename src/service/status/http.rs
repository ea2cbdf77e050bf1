//! The server's side of HTTP/1.0 and 1.1: from bytes as they come to answers, one after another.
//!
//! It holds one head of a request at most ([`HEAD_LIMIT`]), and writes at most about [`OUT_LIMIT`] for one call:
//! whoever pipelines more than that in one go is told to come back. No clock, no socket: time comes in.

use std::time::SystemTime;

use crate::conn::Verdict;

use super::request::{self, Head, Request};
use super::response::{After, Response, Status};

/// The longest head of a request that is read.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;
/// What is written for one call before the connection is closed after the next answer.
pub(super) const OUT_LIMIT: usize = 256 * 1024;

/// Where one connection stands between requests.
#[derive(Debug, Default)]
pub(super) struct Http {
    state: State,
    /// The head so far; empty between requests.
    head: Vec<u8>,
    /// Whether the line that is coming in has nothing in it yet.
    blank: bool,
    /// The length at which an unfinished head is looked at, so that what is no request is refused before 16 KiB of
    /// it came. It doubles, so that single bytes cost no more than large pieces.
    look_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// In a head, or before one.
    #[default]
    Head,
    /// In a body that nobody wants, with this much of it to come.
    Body(u64),
    /// The last answer was given.
    Done,
}

impl Http {
    /// Takes all of `input` and appends what `answer` has to say to each request in it.
    pub(super) fn data(
        &mut self,
        mut input: &[u8],
        now: SystemTime,
        answer: &mut dyn FnMut(&Request) -> Response,
        out: &mut Vec<u8>,
    ) -> Verdict {
        let limit = out.len() + OUT_LIMIT;
        while !input.is_empty() {
            match self.state {
                State::Head => {
                    let (taken, whole) = self.gather(input);
                    input = &input[taken..];
                    self.consider(whole, now, limit, answer, out);
                }
                State::Body(left) => {
                    let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    input = &input[taken..];
                    self.state = after_body(left - taken as u64);
                }
                State::Done => break,
            }
        }
        match self.state {
            State::Done => Verdict::Finish,
            State::Head | State::Body(_) => Verdict::Continue,
        }
    }

    /// The client finished sending: half a request is answered as such.
    pub(super) fn end(&mut self, now: SystemTime, out: &mut Vec<u8>) -> Verdict {
        if matches!(self.state, State::Head) && !self.head.is_empty() {
            let why = "cannot read request: it ended in the middle";
            let cut = Response::refusal(Status::BadRequest, why);
            let refusal = request::read(&self.head).err().unwrap_or(cut);
            self.refuse(&refusal, now, out);
        }
        Verdict::Finish
    }

    /// Moves bytes to the head until its empty line or its limit. Says how many, and whether the head is whole.
    fn gather(&mut self, input: &[u8]) -> (usize, bool) {
        for (index, &byte) in input.iter().enumerate() {
            if self.head.is_empty() && matches!(byte, b'\r' | b'\n') {
                continue; // line ends before a request are no part of it
            }
            self.head.push(byte);
            match byte {
                b'\n' if self.blank => return (index + 1, true),
                b'\n' => self.blank = true,
                b'\r' => {}
                _ => self.blank = false,
            }
            if self.head.len() > HEAD_LIMIT {
                return (index + 1, false);
            }
        }
        (input.len(), false)
    }

    fn consider(
        &mut self,
        whole: bool,
        now: SystemTime,
        limit: usize,
        answer: &mut dyn FnMut(&Request) -> Response,
        out: &mut Vec<u8>,
    ) {
        if !whole && self.head.len() > HEAD_LIMIT {
            let why = "cannot read request: its head is longer than 16 KiB";
            return self.refuse(&Response::refusal(Status::HeadTooLarge, why), now, out);
        }
        if self.head.is_empty() || (!whole && self.head.len() < self.look_at) {
            return;
        }
        match request::read(&self.head) {
            Ok(Some(head)) => self.reply(&head, now, limit, answer, out),
            Ok(None) if whole => {
                let why = "cannot read request: its line ends are mixed up";
                self.refuse(&Response::refusal(Status::BadRequest, why), now, out);
            }
            Ok(None) => self.look_at = self.head.len() * 2,
            Err(refusal) => self.refuse(&refusal, now, out),
        }
    }

    fn reply(
        &mut self,
        head: &Head,
        now: SystemTime,
        limit: usize,
        answer: &mut dyn FnMut(&Request) -> Response,
        out: &mut Vec<u8>,
    ) {
        let response = match &head.asked {
            Ok(request) => answer(request),
            Err(refusal) => refusal.clone(),
        };
        let after = if head.keep_alive && out.len() < limit {
            After::KeepAlive { told: head.old }
        } else {
            After::Close
        };
        response.write(head.head_only, after, now, out);
        self.next(match after {
            After::KeepAlive { .. } => after_body(head.body),
            After::Close => State::Done,
        });
    }

    fn refuse(&mut self, refusal: &Response, now: SystemTime, out: &mut Vec<u8>) {
        refusal.write(false, After::Close, now, out);
        self.next(State::Done);
    }

    /// Between requests nothing is held: an idle connection costs no buffer.
    fn next(&mut self, state: State) {
        *self = Http {
            state,
            ..Http::default()
        };
    }
}

fn after_body(left: u64) -> State {
    match left {
        0 => State::Head,
        left => State::Body(left),
    }
}
