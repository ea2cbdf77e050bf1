//! How HTTP becomes a WebSocket (RFC 6455, section 4).

use super::answer::{Answer, field};
use crate::error::{Error, Kind};
use openssl::base64::encode_block;
use openssl::rand::rand_bytes;
use openssl::sha::sha1;

/// What a server shows that it knows, hashed behind the key.
const KNOWN: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request for a WebSocket.
pub(super) struct Upgrade {
    pub(super) request: Vec<u8>,
    key: Vec<u8>,
}

impl Upgrade {
    /// Adds what is missing to a request; its head has an end.
    pub(super) fn of(text: &[u8]) -> Result<Upgrade, Error> {
        let end = text.windows(4).position(|end| end == b"\r\n\r\n");
        let (head, rest) = text.split_at(end.map_or(text.len(), |end| end + 2));
        let key = match field(head, "Sec-WebSocket-Key") {
            Some(key) => key.to_vec(),
            None => new_key()?,
        };
        let mut request = head.to_vec();
        for (name, value) in [
            ("Upgrade", &b"websocket"[..]),
            ("Connection", b"Upgrade"),
            ("Sec-WebSocket-Version", b"13"),
            ("Sec-WebSocket-Key", &key),
        ] {
            if field(head, name).is_none() {
                request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        request.extend(rest);
        Ok(Upgrade { request, key })
    }

    /// Looks whether an answer that agrees to it does so as it has to; any other is the caller's to judge.
    pub(super) fn agreed(&self, answer: Answer) -> Result<Answer, Error> {
        let accept = encode_block(&sha1(&[&self.key, KNOWN].concat()));
        let is = |name, wanted: &str| {
            let value = answer.header(name);
            value.is_some_and(|value| value.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let accepted = answer.header("Sec-WebSocket-Accept") == Some(accept.as_bytes());
        match answer.status == 101 && !(is("Upgrade", "websocket") && accepted) {
            true => Err(Error::new(
                Kind::Peer,
                "the server has not agreed to a WebSocket: its answer to the key is wrong",
            )),
            false => Ok(answer),
        }
    }
}

fn new_key() -> Result<Vec<u8>, Error> {
    let mut key = [0; 16];
    rand_bytes(&mut key).map_err(|stack| {
        let text = format!("cannot make the key of a WebSocket: {stack}");
        Error::new(Kind::Tls, text)
    })?;
    Ok(encode_block(&key).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(upgrade: &Upgrade) -> Vec<String> {
        let text = String::from_utf8(upgrade.request.clone()).expect("text");
        assert!(text.ends_with("\r\n\r\n"));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_missing_of_a_request_is_added() {
        let upgrade = Upgrade::of(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("random bytes");
        let lines = lines(&upgrade);
        assert_eq!(
            lines[..5],
            [
                "GET / HTTP/1.1",
                "Host: a",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
            ]
        );
        let key = String::from_utf8(upgrade.key.clone()).expect("text");
        assert_eq!(lines[5], format!("Sec-WebSocket-Key: {key}"));
        assert_eq!(key.len(), 24, "16 bytes");
    }

    #[test]
    fn what_a_request_says_itself_stays() {
        let text = b"GET / HTTP/1.1\r\nupgrade: websocket\r\nCONNECTION: x, Upgrade\r\n\
                     sec-websocket-version:13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let upgrade = Upgrade::of(text).expect("nothing to do");
        assert_eq!(upgrade.request, text);
    }

    #[test]
    fn an_agreement_is_one_to_this_key() {
        // The key and the answer of RFC 6455, section 1.3.
        let text = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let upgrade = Upgrade::of(text).expect("nothing random");
        let judged = |status, accept: &str| {
            let head = format!(
                "HTTP/1.1 {status} X\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            let answer = Answer {
                status,
                head: head.into_bytes(),
                body: Vec::new(),
                link: None,
            };
            upgrade.agreed(answer).is_ok()
        };
        assert!(judged(101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!judged(101, "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(judged(404, ""), "for the caller to judge");
    }
}
