//! Manticore Search's port for several protocols: its binary API, HTTP and HTTPS, told apart by their first bytes; and its
//! https port, where HTTP in the clear is told so.
//!
//! Whatever is neither the binary API nor HTTP is taken for TLS: libssl says what is wrong with it. Inside TLS there is
//! HTTP alone.

use super::{Answer, Decision, Guest, Preface, Then};
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
        Decision::Answer(Answer {
            taken: 0,
            say: Vec::new(),
            then: Then::End,
        })
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
        Decision::Answer(Answer {
            taken: 0,
            say: say.into_bytes(),
            then: Then::End,
        })
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
