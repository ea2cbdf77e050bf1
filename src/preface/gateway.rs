//! KrakenD's port: TLS from the first byte. Whoever speaks HTTP in the clear is told so, as Go's server does it.

use super::first_byte::HANDSHAKE;
use super::{Decision, Guest, Preface};
use crate::settings::Spoken;

/// How many bytes are looked at: the header of a record.
const LOOKED_AT: usize = 5;

/// What requests begin with, as far as Go's server knows them.
const REQUESTS: &[&[u8; LOOKED_AT]] = &[b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];

/// What they get.
const REFUSAL: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// The first byte of a ClientHello of SSL 2.
const SSL2: u8 = 0x80;

/// A fatal alert: `protocol_version` (RFC 8446, 6).
const UNSUPPORTED: &[u8] = &[21, 3, 1, 0, 2, 2, 70];

/// One connection's first bytes, and what it speaks inside TLS.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    spoken: Option<Spoken>,
    remark: Option<&'static str>,
}

impl Gateway {
    fn refuse(&mut self, say: &[u8], why: &'static str) -> Decision {
        self.remark = Some(why);
        Decision::end(say)
    }
}

impl Preface for Gateway {
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision {
        if let Some(shown) = &guest.shown {
            self.spoken = Some(Spoken::inside_tls(shown.alpn.as_deref()));
            return Decision::Pass;
        }
        let seen = &bytes[..bytes.len().min(LOOKED_AT)];
        match seen.first() {
            None => Decision::More,
            Some(&HANDSHAKE) => Decision::Tls,
            Some(&SSL2) => self.refuse(UNSUPPORTED, "tls: unsupported SSLv2 handshake received"),
            Some(_) if REQUESTS.iter().any(|request| seen == *request) => {
                self.refuse(REFUSAL, "client sent an HTTP request to an HTTPS server")
            }
            Some(_) if REQUESTS.iter().any(|request| request.starts_with(seen)) => Decision::More,
            Some(_) => self.refuse(b"", "tls: first record does not look like a TLS handshake"),
        }
    }

    fn ended(&mut self, _: &[u8]) {
        self.remark = Some("EOF");
    }

    fn longest(&self) -> usize {
        64
    }

    fn spoken(&self) -> Option<Spoken> {
        self.spoken
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Shown, Then};
    use super::*;

    fn looked_at(bytes: &[u8]) -> (Decision, Option<String>) {
        let mut port = Gateway::default();
        let mut decision = Decision::More;
        for count in 0..=bytes.len() {
            decision = port.look(&bytes[..count], &Guest::default());
            if decision != Decision::More {
                break;
            }
        }
        (decision, port.remark())
    }

    #[test]
    fn a_handshake_is_tls_and_a_request_is_told_that_it_should_be() {
        assert_eq!(looked_at(&[22, 3, 1]).0, Decision::Tls);
        let http = "client sent an HTTP request to an HTTPS server";
        let garbage = "tls: first record does not look like a TLS handshake";
        let ssl2 = "tls: unsupported SSLv2 handshake received";
        for (bytes, said, remark) in [
            (&b"GET / HTTP/1.1"[..], REFUSAL, http),
            (b"OPTIONS *", REFUSAL, http),
            (b"DELETE /", b"", garbage),
            (b"\x80\x2e\x01", UNSUPPORTED, ssl2),
            (b"\0", b"", garbage),
        ] {
            let (decision, remarked) = looked_at(bytes);
            let expected = Answer {
                taken: 0,
                say: said.to_vec(),
                then: Then::End,
            };
            assert_eq!(decision, Decision::Answer(expected), "{bytes:?}");
            assert_eq!(remarked.as_deref(), Some(remark));
        }
        assert_eq!(looked_at(b"PUT ").0, Decision::More);
    }

    #[test]
    fn alpn_tells_what_is_spoken_inside() {
        for (alpn, spoken) in [
            (Some(&b"h2"[..]), Spoken::H2),
            (Some(b"http/1.1"), Spoken::Http),
            (None, Spoken::Http),
        ] {
            let mut port = Gateway::default();
            let shown = Shown {
                alpn: alpn.map(<[u8]>::to_vec),
                ..Shown::default()
            };
            let guest = Guest {
                shown: Some(shown),
                ..Guest::default()
            };
            assert_eq!(port.look(b"", &guest), Decision::Pass);
            assert_eq!(port.spoken(), Some(spoken));
        }
    }
}
