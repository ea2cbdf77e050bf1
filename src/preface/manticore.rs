//! Manticore Search's port for several protocols: its binary API, HTTP and HTTPS, told apart by their first bytes; and its
//! https port, where HTTP in the clear is told so.
//!
//! Whatever is neither the binary API nor HTTP is taken for TLS: libssl says what is wrong with it. Inside TLS there is
//! HTTP alone.

use super::{Decision, Guest, Preface};
use crate::settings::Spoken;

/// What has to be seen: a method's name may take as many bytes, and a version of the binary API always does.
const PROBED: usize = 4;

/// Methods as far as they are looked at.
const METHODS: &[&[u8]] = &[b"GET", b"POST", b"PUT", b"DELE", b"HEAD"];

/// Versions with which a client of the binary API begins: 1 in the order of the network, or as some clients have it, and 2.
const VERSIONS: &[[u8; PROBED]] = &[[0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 2]];

/// What a client in the clear gets on a port for HTTPS.
const REFUSAL: &str = "{\"error\":\"The plain HTTP request was sent to HTTPS port\"}";

/// One connection's first bytes.
pub(crate) struct Manticore {
    /// Whether there is TLS.
    tls: bool,
    /// Whether HTTP is refused in the clear.
    https: bool,
    spoken: Spoken,
    remark: Option<String>,
}

impl Manticore {
    pub(crate) fn new(tls: bool, https: bool) -> Manticore {
        Manticore {
            tls,
            https,
            spoken: Spoken::Http,
            remark: None,
        }
    }

    fn hang_up(&mut self, why: &str) -> Decision {
        self.remark = Some(why.to_owned());
        Decision::end(b"")
    }

    /// The answer to HTTP in the clear, which has no body where none was asked for.
    fn refuse(&mut self, probed: [u8; PROBED]) -> Decision {
        let body = if probed == *b"HEAD" { "" } else { REFUSAL };
        let length = REFUSAL.len();
        let say = format!(
            "HTTP/1.1 400 Bad Request\r\nServer: tlsport\r\nContent-Type: application/json; charset=UTF-8\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.remark = Some("plain HTTP on a port for HTTPS".into());
        Decision::end(say.as_bytes())
    }
}

impl Preface for Manticore {
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision {
        if guest.shown.is_some() {
            return Decision::Pass;
        }
        let Some(probed) = bytes.first_chunk::<PROBED>() else {
            return Decision::More;
        };
        if VERSIONS.contains(probed) {
            self.spoken = Spoken::Sphinx;
            return Decision::Pass;
        }
        let is_http = METHODS.iter().any(|method| probed.starts_with(method));
        match (is_http, self.https, self.tls) {
            (true, false, _) => Decision::Pass,
            (true, true, _) => self.refuse(*probed),
            (false, _, true) => Decision::Tls,
            (false, true, false) => self
                .hang_up("Client tries to connect with https to secure port, but we can't serve"),
            (false, false, false) => {
                self.hang_up("HTTPS, or an unknown protocol, and there is no TLS here")
            }
        }
    }

    fn ended(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.remark = Some("the client closed before it was known what it speaks".into());
        }
    }

    fn longest(&self) -> usize {
        64
    }

    fn spoken(&self) -> Option<Spoken> {
        Some(self.spoken)
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Shown, Then};
    use super::*;

    /// What a port makes of its first bytes in the clear, shown one by one.
    fn probed(tls: bool, https: bool, bytes: &[u8]) -> (Decision, Option<Spoken>, Option<String>) {
        let mut port = Manticore::new(tls, https);
        let guest = Guest::default();
        for count in 0..bytes.len().min(PROBED) {
            let decision = port.look(&bytes[..count], &guest);
            assert_eq!(decision, Decision::More, "{count} bytes of {bytes:?}");
        }
        let decision = port.look(bytes, &guest);
        let remark = port.remark();
        (decision, port.spoken(), remark)
    }

    fn said(decision: Decision) -> String {
        match decision {
            Decision::Answer(Answer {
                taken: 0,
                say,
                then: Then::End,
            }) => String::from_utf8(say).expect("text"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_port_for_several_protocols_tells_them_apart_by_four_bytes() {
        for (bytes, decision, spoken) in [
            (&b"\0\0\0\x01"[..], Decision::Pass, Spoken::Sphinx),
            (b"\x01\0\0\0\0\0", Decision::Pass, Spoken::Sphinx),
            (b"\0\0\0\x02", Decision::Pass, Spoken::Sphinx),
            (b"GET / HTTP/1.1", Decision::Pass, Spoken::Http),
            (b"GETX", Decision::Pass, Spoken::Http),
            (b"POST", Decision::Pass, Spoken::Http),
            (b"PUT ", Decision::Pass, Spoken::Http),
            (b"DELETE", Decision::Pass, Spoken::Http),
            (b"HEAD", Decision::Pass, Spoken::Http),
            (b"\x16\x03\x01\x02", Decision::Tls, Spoken::Http),
            (b"\0\0\0\x03", Decision::Tls, Spoken::Http),
            (b"get ", Decision::Tls, Spoken::Http),
            (b"OPTI", Decision::Tls, Spoken::Http),
        ] {
            let (seen, as_what, remark) = probed(true, false, bytes);
            assert_eq!((seen, as_what), (decision, Some(spoken)), "{bytes:?}");
            assert_eq!(remark, None);
        }
    }

    #[test]
    fn http_on_a_port_for_https_is_told_so_and_a_head_without_the_body() {
        let head = "HTTP/1.1 400 Bad Request\r\nServer: tlsport\r\n\
                    Content-Type: application/json; charset=UTF-8\r\nContent-Length: 57\r\n\r\n";
        for method in ["GET /", "POST", "PUT ", "DELE"] {
            for tls in [true, false] {
                let (decision, _, remark) = probed(tls, true, method.as_bytes());
                assert_eq!(said(decision), format!("{head}{REFUSAL}"));
                assert_eq!(remark.as_deref(), Some("plain HTTP on a port for HTTPS"));
            }
        }
        let (decision, ..) = probed(true, true, b"HEAD");
        assert_eq!(said(decision), head);
    }

    #[test]
    fn the_binary_api_is_served_on_a_port_for_https_too() {
        for tls in [true, false] {
            let (decision, spoken, _) = probed(tls, true, b"\0\0\0\x01");
            assert_eq!((decision, spoken), (Decision::Pass, Some(Spoken::Sphinx)));
        }
    }

    #[test]
    fn without_tls_whoever_wants_it_is_dropped_and_the_log_hears_of_it() {
        let hello = b"\x16\x03\x01\x02";
        let (decision, _, remark) = probed(false, true, hello);
        assert_eq!(said(decision), "");
        let why = "Client tries to connect with https to secure port, but we can't serve";
        assert_eq!(remark.as_deref(), Some(why));
        let (decision, _, remark) = probed(false, false, hello);
        assert_eq!(said(decision), "");
        assert!(remark.is_some());
        let (decision, ..) = probed(false, false, b"GET ");
        assert_eq!(decision, Decision::Pass);
    }

    #[test]
    fn behind_the_handshake_there_is_http() {
        let guest = Guest {
            shown: Some(Shown::default()),
            ..Guest::default()
        };
        let mut port = Manticore::new(true, true);
        assert_eq!(port.look(b"", &guest), Decision::Pass);
        assert_eq!(port.spoken(), Some(Spoken::Http));
    }

    #[test]
    fn a_client_that_ends_before_it_has_said_enough_is_remarked_on_if_it_said_anything() {
        let mut port = Manticore::new(true, false);
        port.ended(b"");
        assert_eq!(port.remark(), None);
        port.ended(b"GE");
        assert!(port.remark().is_some());
    }
}
