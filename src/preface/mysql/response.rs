//! What a client answers to the greeting: its capabilities, and in all but a request for TLS who it is.
//!
//! The capabilities are four bytes, and two where the client speaks a protocol from before 4.1; what of them is of
//! interest here is in the second byte of both.

use super::greeting::SSL;

/// `CLIENT_PROTOCOL_41`, in the second byte of the capabilities.
const PROTOCOL_41: u8 = 0x02;

/// What the two begin with, and all of a request for TLS: capabilities, the largest packet, and since 4.1 the character
/// set and what is reserved.
const BEGIN_41: usize = 32;
const BEGIN_320: usize = 5;

/// An answer to the greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    payload: Vec<u8>,
    begin: usize,
}

impl Response {
    /// One with this payload; nothing where it is too short for one.
    pub(super) fn read(payload: Vec<u8>) -> Option<Response> {
        let begin = match payload.get(1)? & PROTOCOL_41 {
            0 => BEGIN_320,
            _ => BEGIN_41,
        };
        (payload.len() >= begin).then_some(Response { payload, begin })
    }

    /// Whether the client speaks the protocol of 4.1, in which errors have an SQLSTATE.
    pub(super) fn is_of_4_1(&self) -> bool {
        self.begin == BEGIN_41
    }

    /// Whether the client speaks TLS from here on, or does so already.
    pub(super) fn has_tls(&self) -> bool {
        self.payload[1] & SSL != 0
    }

    /// The request for TLS that comes before it.
    pub(super) fn ssl_request(&self) -> Vec<u8> {
        let mut request = self.payload[..self.begin].to_vec();
        request[1] |= SSL;
        request
    }

    /// Its payload for a server that it reaches with TLS, or without.
    pub(super) fn into_payload(mut self, tls: bool) -> Vec<u8> {
        match tls {
            true => self.payload[1] |= SSL,
            false => self.payload[1] &= !SSL,
        }
        self.payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_tls_is_what_a_response_begins_with() {
        let payload = [&b"\x85\xa2\x3a\0"[..], &[7; 28], b"alice\0"].concat();
        let response = Response::read(payload.clone()).expect("long enough");
        assert!(response.is_of_4_1() && !response.has_tls());
        let request = response.ssl_request();
        assert_eq!(request, [&b"\x85\xaa\x3a\0"[..], &[7; 28]].concat());
        assert!(Response::read(request).expect("one as well").has_tls());
        assert_eq!(response.clone().into_payload(false), payload);
        assert_eq!(response.into_payload(true)[1], 0xaa);

        let old = Response::read(b"\x05\x08\xff\xff\xffalice\0".to_vec()).expect("long enough");
        assert!(!old.is_of_4_1() && old.has_tls());
        assert_eq!(old.ssl_request(), b"\x05\x08\xff\xff\xff");
        assert_eq!(old.into_payload(false), b"\x05\0\xff\xff\xffalice\0");
    }

    #[test]
    fn what_is_too_short_is_no_response() {
        for payload in [&b""[..], b"\x05", b"\x05\0\xff\xff", &[0xff; 31]] {
            assert_eq!(Response::read(payload.to_vec()), None);
        }
    }
}
