//! The messages of a WebSocket (RFC 6455, section 5): lines that are typed go as text, what comes is printed as lines.
//!
//! By hand, as it is little, and the crates for it bring a random number generator with a dozen crates of its own.

use super::pipe::Speech;
use openssl::rand::rand_bytes;
use tlsport::error::{Error, Kind};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Of the first byte: a message ends with this frame.
const LAST: u8 = 0x80;
/// Of the second byte: the frame is masked, as all of a client's are.
const MASKED: u8 = 0x80;
/// Status 1000: all was said.
const NORMAL: [u8; 2] = [0x03, 0xe8];
/// Most that waits to be sent before pings go unanswered: of a server that asks without listening.
const MOST_WAITING: usize = 64 * 1024;

/// Messages as lines.
#[derive(Default)]
pub(super) struct Messages {
    /// A line that has no end yet.
    line: Vec<u8>,
    /// The head of a frame that is not whole yet, or all of it where it is a control frame.
    waiting: Vec<u8>,
    /// The frame of a message that is being printed.
    part: Option<Part>,
    /// Whether a message has no end yet.
    unfinished: bool,
    closing: bool,
}

/// What is left of a frame.
#[derive(Clone, Copy)]
struct Part {
    left: u64,
    last: bool,
}

/// What stands in front of a payload.
struct Head {
    last: bool,
    opcode: u8,
    /// How long the payload is.
    length: u64,
}

impl Speech for Messages {
    fn say(&mut self, typed: Option<&[u8]>, said: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = typed.unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            frame(TEXT, self.line.trim_ascii_end(), said)?;
            self.line.clear();
        }
        self.line.extend_from_slice(rest);
        if typed.is_some() {
            return Ok(());
        }
        if !self.line.is_empty() {
            frame(TEXT, &std::mem::take(&mut self.line), said)?;
        }
        self.close(said)
    }

    fn hear(
        &mut self,
        came: &[u8],
        printed: &mut Vec<u8>,
        said: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(came);
        let mut rest = &waiting[..];
        loop {
            if let Some(part) = self.part.take() {
                rest = self.print(part, rest, printed);
                if self.part.is_some() {
                    return Ok(false); // all of it was printed
                }
            }
            let Some((head, payload)) = read(rest)? else {
                break;
            };
            if head.opcode < CLOSE {
                self.begin(&head)?;
                rest = payload;
                continue;
            }
            // No longer than 125.
            let Some((payload, behind)) = payload.split_at_checked(head.length as usize) else {
                break;
            };
            if self.obey(head.opcode, payload, said)? {
                return Ok(true);
            }
            rest = behind;
        }
        self.waiting = rest.to_vec(); // the beginning of a frame, or a short one
        Ok(false)
    }

    const HALF_CLOSES: bool = false;
}

impl Messages {
    /// Begins with a frame of a message.
    fn begin(&mut self, head: &Head) -> Result<(), Error> {
        match (head.opcode, self.unfinished) {
            (TEXT | BINARY, false) | (CONTINUATION, true) => {}
            _ => return Err(odd("a frame is not of any message")),
        }
        self.unfinished = !head.last;
        self.part = Some(Part {
            left: head.length,
            last: head.last,
        });
        Ok(())
    }

    /// Prints what there is of a frame; what comes behind it.
    fn print<'a>(&mut self, part: Part, bytes: &'a [u8], printed: &mut Vec<u8>) -> &'a [u8] {
        let left = usize::try_from(part.left).unwrap_or(usize::MAX);
        let (payload, rest) = bytes.split_at(left.min(bytes.len()));
        printed.extend_from_slice(payload);
        match part.left - payload.len() as u64 {
            0 if part.last => printed.push(b'\n'),
            0 => {}
            left => self.part = Some(Part { left, ..part }),
        }
        rest
    }

    /// Does what a control frame asks for; whether it was the server's last.
    fn obey(&mut self, opcode: u8, payload: &[u8], said: &mut Vec<u8>) -> Result<bool, Error> {
        match opcode {
            PING => {
                if !self.closing && said.len() < MOST_WAITING {
                    frame(PONG, payload, said)?;
                }
            }
            PONG => {}
            CLOSE => {
                self.close(said)?;
                return Ok(true);
            }
            _ => return Err(odd("a frame is of no kind that is known")),
        }
        Ok(false)
    }

    /// Says that nothing more comes, once.
    fn close(&mut self, said: &mut Vec<u8>) -> Result<(), Error> {
        match std::mem::replace(&mut self.closing, true) {
            true => Ok(()),
            false => frame(CLOSE, &NORMAL, said),
        }
    }
}

/// Appends a frame of ours, with a mask that nobody could foresee.
fn frame(opcode: u8, payload: &[u8], said: &mut Vec<u8>) -> Result<(), Error> {
    let mut mask = [0; 4];
    rand_bytes(&mut mask).map_err(|stack| {
        let text = format!("cannot mask a message: {stack}");
        Error::new(Kind::Tls, text)
    })?;
    said.push(LAST | opcode);
    match payload.len() {
        length @ 0..126 => said.push(MASKED | length as u8),
        length @ 126..=0xffff => {
            said.push(MASKED | 126);
            said.extend((length as u16).to_be_bytes());
        }
        length => {
            said.push(MASKED | 127);
            said.extend((length as u64).to_be_bytes());
        }
    }
    said.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    said.extend(masked.map(|(byte, mask)| byte ^ mask));
    Ok(())
}

/// The head that bytes begin with, if it is whole, and what stands behind it.
fn read(bytes: &[u8]) -> Result<Option<(Head, &[u8])>, Error> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & MASKED != 0 || first & 0x70 != 0 {
        return Err(odd("a frame is masked, or has bits that nobody agreed on"));
    }
    let (last, opcode) = (first & LAST != 0, first & 0x0f);
    let (length, rest) = match (second, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (length, rest) => (u64::from(*length), rest),
    };
    if length > i64::MAX as u64 || opcode >= CLOSE && (length > 125 || !last) {
        return Err(odd("a frame is longer than there can be"));
    }
    let head = Head {
        last,
        opcode,
        length,
    };
    Ok(Some((head, rest)))
}

fn odd(why: &str) -> Error {
    Error::new(Kind::Peer, format!("cannot read from the WebSocket: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of ours, without its mask.
    fn unmasked(said: &[u8]) -> (u8, Vec<u8>) {
        assert_eq!(said[1] & MASKED, MASKED);
        let start = match said[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let (mask, payload) = said[start..].split_at(4);
        let payload = payload.iter().zip(mask.iter().cycle());
        (said[0], payload.map(|(byte, mask)| byte ^ mask).collect())
    }

    /// What is printed and said of what comes, the same in pieces of any size.
    fn heard(came: &[u8]) -> Result<(Vec<u8>, Vec<u8>, bool), String> {
        let run = |piece| {
            let (mut messages, mut printed, mut said) = (Messages::default(), vec![], vec![]);
            for part in came.chunks(piece) {
                let over = messages.hear(part, &mut printed, &mut said);
                if over.map_err(|error| error.to_string())? {
                    return Ok((printed, unmasked(&said).1, true));
                }
            }
            Ok((printed, said, false))
        };
        let whole = run(came.len());
        for piece in [1, 7] {
            let parts = run(piece);
            assert_eq!(parts.is_ok(), whole.is_ok());
            if let (Ok(parts), Ok(whole)) = (parts, &whole) {
                assert_eq!((&parts.0, parts.2), (&whole.0, whole.2));
            }
        }
        whole
    }

    #[test]
    fn a_line_is_a_masked_message_of_text() {
        let (mut messages, mut said) = (Messages::default(), Vec::new());
        messages.say(Some(b"hel"), &mut said).unwrap();
        assert!(said.is_empty(), "no line yet");
        messages.say(Some(b"lo\r\n"), &mut said).unwrap();
        assert_eq!(unmasked(&said), (LAST | TEXT, b"hello".to_vec()));
        for length in [126, 0xffff, 0x1_0000] {
            said.clear();
            messages
                .say(Some(&[&vec![b'x'; length][..], b"\n"].concat()), &mut said)
                .unwrap();
            assert_eq!(unmasked(&said).1.len(), length);
        }
    }

    #[test]
    fn the_end_of_what_is_typed_closes_once() {
        let (mut messages, mut said) = (Messages::default(), Vec::new());
        messages.say(None, &mut said).unwrap();
        assert_eq!(unmasked(&said), (LAST | CLOSE, NORMAL.to_vec()));
        said.clear();
        let over = messages.hear(b"\x88\x02\x03\xe8", &mut vec![], &mut said);
        assert!(over.unwrap() && said.is_empty());
    }

    #[test]
    fn messages_are_lines_in_whatever_frames_they_come() {
        let (printed, said, over) =
            heard(b"\x01\x03hel\x89\x01!\x80\x02lo\x82\x02\0\x01\x88\x02\x03\xe8").unwrap();
        assert_eq!(printed, b"hello\n\0\x01\n");
        assert!(over);
        assert!(!said.is_empty(), "a pong and a close");
    }

    #[test]
    fn a_long_frame_is_printed_as_it_comes() {
        let (mut messages, mut printed) = (Messages::default(), Vec::new());
        let mut come = |came: &[u8]| {
            messages.hear(came, &mut printed, &mut vec![]).unwrap();
            assert!(messages.waiting.is_empty());
            std::mem::take(&mut printed)
        };
        assert_eq!(come(b"\x82\x7f\0\0\x01\0\0\0\0\x02he"), b"he");
        assert_eq!(come(b"llo"), b"llo");
    }

    #[test]
    fn pings_of_a_server_that_does_not_listen_do_not_gather() {
        let (mut messages, mut said) = (Messages::default(), Vec::new());
        let pings = b"\x89\x04ping".repeat(MOST_WAITING);
        messages.hear(&pings, &mut vec![], &mut said).unwrap();
        assert!(said.len() < MOST_WAITING + 16, "{}", said.len());
        said.clear();
        messages.hear(b"\x89\x01!", &mut vec![], &mut said).unwrap();
        assert_eq!(unmasked(&said), (LAST | PONG, b"!".to_vec()));
    }

    #[test]
    fn what_is_no_frame_of_a_server_is_refused() {
        for came in [
            &b"\x81\x83abcdabc"[..],
            b"\xc1\x01a",
            b"\x80\x01a",
            b"\x01\x01a\x01\x01a",
            b"\x09\x01a",
            b"\x83\x01a",
            b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            heard(came).unwrap_err();
        }
    }
}
