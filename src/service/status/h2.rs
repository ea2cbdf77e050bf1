//! Sends a client that was promised HTTP/2 back to HTTP/1.1.
//!
//! An endpoint may offer `h2` by ALPN (ArangoDB's own default does) for the sake of another backend. The page speaks
//! HTTP/1.1 alone, and HTTP/2 has words for that: a stream reset with HTTP_1_1_REQUIRED (RFC 9113, 7), on which
//! browsers and curl ask again by themselves. Frames are recognised here, never understood.

use crate::conn::Verdict;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame a client may send before it is told otherwise (RFC 9113, 4.2).
const FRAME_LIMIT: usize = 16_384;
const FRAME_HEAD: usize = 9;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

const PROTOCOL_ERROR: u32 = 1;
const HTTP_1_1_REQUIRED: u32 = 13;

/// One connection that was agreed to be HTTP/2.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// Bytes of the preface seen.
    preface: usize,
    /// The head of the frame that is coming in, and how much of it is there.
    head: [u8; FRAME_HEAD],
    filled: usize,
    /// Bytes of payload still to be skipped.
    skip: usize,
}

impl Farewell {
    /// Takes all of `input`.
    pub(super) fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        for &byte in input {
            let verdict = if self.preface < PREFACE.len() {
                self.expect(byte, out)
            } else if self.skip > 0 {
                self.skip -= 1;
                Verdict::Continue
            } else {
                self.frame(byte, out)
            };
            if verdict == Verdict::Finish {
                return verdict;
            }
        }
        Verdict::Continue
    }

    fn expect(&mut self, byte: u8, out: &mut Vec<u8>) -> Verdict {
        if PREFACE[self.preface] != byte {
            return give_up(out);
        }
        self.preface += 1;
        if self.preface == PREFACE.len() {
            frame(SETTINGS, 0, 0, &[], out);
        }
        Verdict::Continue
    }

    fn frame(&mut self, byte: u8, out: &mut Vec<u8>) -> Verdict {
        self.head[self.filled] = byte;
        self.filled += 1;
        if self.filled < FRAME_HEAD {
            return Verdict::Continue;
        }
        self.filled = 0;
        let [a, b, c, kind, flags, s, t, u, v] = self.head;
        self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes([s & 0x7f, t, u, v]);
        if self.skip > FRAME_LIMIT {
            return give_up(out);
        }
        match kind {
            HEADERS => {
                let code = HTTP_1_1_REQUIRED.to_be_bytes();
                frame(RST_STREAM, 0, stream, &code, out);
                // The client closes: curl takes an end that comes with the reset for an empty answer.
                Verdict::Continue
            }
            SETTINGS if flags & ACK == 0 => {
                frame(SETTINGS, ACK, 0, &[], out);
                Verdict::Continue
            }
            _ => Verdict::Continue,
        }
    }
}

/// Ends a connection whose frames cannot be told apart: no stream was worked on, and why.
fn give_up(out: &mut Vec<u8>) -> Verdict {
    let payload = [0u32.to_be_bytes(), PROTOCOL_ERROR.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload, out);
    Verdict::Finish
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() < 256, "only short frames are sent");
    out.extend([0, 0, payload.len() as u8, kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Preface, empty SETTINGS, WINDOW_UPDATE, then HEADERS on stream 1 with three bytes of fields.
    const REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \0\0\0\x04\0\0\0\0\0\
        \0\0\x04\x08\0\0\0\0\0\0\x01\0\0\
        \0\0\x03\x01\x05\0\0\0\x01abc";

    /// SETTINGS, SETTINGS ACK, and RST_STREAM 1 with HTTP_1_1_REQUIRED.
    const ANSWER: &[u8] = b"\0\0\0\x04\0\0\0\0\0\
        \0\0\0\x04\x01\0\0\0\0\
        \0\0\x04\x03\0\0\0\0\x01\0\0\0\x0d";

    #[test]
    fn a_request_over_http_2_is_sent_back_to_http_1_however_it_is_cut() {
        for size in [1, 2, 7, 25, REQUEST.len()] {
            let mut farewell = Farewell::default();
            let mut out = Vec::new();
            for piece in REQUEST.chunks(size) {
                assert_eq!(farewell.data(piece, &mut out), Verdict::Continue);
            }
            assert_eq!(out, ANSWER, "pieces of {size}");
        }
    }

    #[test]
    fn what_is_not_http_2_after_all_is_told_so() {
        let mut out = Vec::new();
        let verdict = Farewell::default().data(b"GET / HTTP/1.1\r\n", &mut out);
        assert_eq!(verdict, Verdict::Finish);
        assert_eq!(out, b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01");
    }

    #[test]
    fn an_overlong_frame_ends_the_connection() {
        let mut out = Vec::new();
        let mut input = PREFACE.to_vec();
        input.extend(b"\xff\xff\xff\x00\0\0\0\0\x01");
        assert_eq!(Farewell::default().data(&input, &mut out), Verdict::Finish);
    }
}
