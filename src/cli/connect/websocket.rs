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
/// Most bytes of a message.
const LONGEST: u64 = 1 << 30;

/// Messages as lines.
#[derive(Default)]
pub(super) struct Messages {
    /// A line that has no end yet.
    line: Vec<u8>,
    /// Bytes that are no whole frame yet.
    waiting: Vec<u8>,
    /// A message that has no end yet.
    message: Option<Vec<u8>>,
    closing: bool,
}

/// A frame, and how many bytes it was.
struct Frame<'a> {
    last: bool,
    opcode: u8,
    payload: &'a [u8],
    length: usize,
}

impl Speech for Messages {
    fn say(&mut self, typed: Option<&[u8]>, said: &mut Vec<u8>) -> Result<(), Error> {
        self.line.extend_from_slice(typed.unwrap_or_default());
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            frame(TEXT, line.trim_ascii_end(), said)?;
        }
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
        let mut taken = 0;
        while let Some(frame) = read(&waiting[taken..])? {
            taken += frame.length;
            if self.take(&frame, printed, said)? {
                return Ok(true);
            }
        }
        waiting.drain(..taken);
        self.waiting = waiting; // not copied: a long frame comes in many pieces
        Ok(false)
    }

    const HALF_CLOSES: bool = false;
}

impl Messages {
    /// Takes a frame; whether it was the server's last.
    fn take(
        &mut self,
        part: &Frame<'_>,
        printed: &mut Vec<u8>,
        said: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        match (part.opcode, self.message.take()) {
            (TEXT | BINARY, None) => self.gather(Vec::new(), part, printed)?,
            (CONTINUATION, Some(message)) => self.gather(message, part, printed)?,
            (PING, message) => {
                self.message = message;
                if !self.closing {
                    frame(PONG, part.payload, said)?;
                }
            }
            (PONG, message) => self.message = message,
            (CLOSE, _) => {
                self.close(said)?;
                return Ok(true);
            }
            _ => return Err(odd("a frame is not of any message")),
        }
        Ok(false)
    }

    fn gather(
        &mut self,
        mut message: Vec<u8>,
        part: &Frame<'_>,
        printed: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if (message.len() + part.payload.len()) as u64 > LONGEST {
            return Err(odd("a message is too long"));
        }
        message.extend_from_slice(part.payload);
        if part.last {
            printed.append(&mut message);
            printed.push(b'\n');
        } else {
            self.message = Some(message);
        }
        Ok(())
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

/// The frame that bytes begin with, if it is whole.
fn read(bytes: &[u8]) -> Result<Option<Frame<'_>>, Error> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & MASKED != 0 || first & 0x70 != 0 {
        return Err(odd("a frame is masked, or has bits that nobody agreed on"));
    }
    let opcode = first & 0x0f;
    let (length, rest) = match (second, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (length, rest) => (u64::from(*length), rest),
    };
    if length > LONGEST || opcode >= CLOSE && (length > 125 || first & LAST == 0) {
        return Err(odd("a frame is too long"));
    }
    // No longer than LONGEST.
    let length = length as usize;
    Ok(rest.get(..length).map(|payload| Frame {
        last: first & LAST != 0,
        opcode,
        payload,
        length: bytes.len() - rest.len() + length,
    }))
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
