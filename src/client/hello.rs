//! How kdb+'s IPC begins: the client says who it is and what it is capable of, the server answers with one byte.
//!
//! Who names no user sends an empty one, as the C library's `khp` does: what the system calls the caller is nobody's
//! business before somebody says so.

use super::Destination;
use crate::driven::{Driven, Step};
use crate::error::{Error, Kind};

/// A hello on its way.
pub(super) struct Hello {
    bytes: Vec<u8>,
    sent: usize,
    capability: u8,
}

impl Hello {
    /// `USER:PASSWORD`, the capability if there is one, and a zero byte.
    pub(super) fn new(destination: &Destination) -> Hello {
        let mut bytes = destination.credentials().as_bytes().to_vec();
        let capability = destination.capability();
        bytes.extend((capability > 0).then_some(capability));
        bytes.push(0);
        Hello {
            bytes,
            sent: 0,
            capability,
        }
    }

    /// Goes on until the server has answered: with the capability that both sides have.
    pub(super) fn step(&mut self, driven: &mut Driven) -> Result<Step<u8>, Error> {
        while self.sent < self.bytes.len() {
            match driven.write(&self.bytes[self.sent..])? {
                Step::Done(count) => self.sent += count,
                Step::Want(want) => return Ok(Step::Want(want)),
            }
        }
        let mut answer = [0];
        match driven.read(&mut answer) {
            // Whatever a server says, ours is all that we are capable of.
            Ok(Step::Done(1)) => Ok(Step::Done(answer[0].min(self.capability))),
            Ok(Step::Want(want)) => Ok(Step::Want(want)),
            Ok(Step::Done(_)) => Err(refused()),
            // A server that does not know the client has no reason to end in good order.
            Err(error) if matches!(error.kind(), Kind::Closed | Kind::Io) => {
                Err(refused().caused_by(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

fn refused() -> Error {
    let text = "the server closed the connection in place of an answer: it does not accept this user and password, or \
                knows no capabilities";
    Error::new(Kind::Peer, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_user_and_password_and_the_capability_and_a_zero() {
        let bytes = |text: &str, capability| {
            let destination: Destination = text.parse().expect("a destination");
            let destination = destination.with_capability(capability).expect("known");
            Hello::new(&destination).bytes
        };
        assert_eq!(bytes("tcps://h:1:me:a:b", 3), b"me:a:b\x03\0");
        assert_eq!(bytes("tcps://h:1:me", 6), b"me\x06\0");
        assert_eq!(bytes("tcps://h:1", 3), b"\x03\0");
        assert_eq!(bytes("tcps://h:1:me:it", 0), b"me:it\0", "the oldest");
    }
}
