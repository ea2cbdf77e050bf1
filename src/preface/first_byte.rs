//! TLS and plain on one port, told apart by the first byte.

use super::{Decision, Preface};

/// The content type of a TLS handshake record (RFC 8446, 5.1), with which every ClientHello begins.
const HANDSHAKE: u8 = 22;

/// Takes a handshake record for TLS, and everything else for plain bytes.
#[derive(Debug, Default)]
pub(crate) struct FirstByte;

impl Preface for FirstByte {
    fn look(&mut self, bytes: &[u8]) -> Decision {
        match bytes.first() {
            None => Decision::More,
            Some(&HANDSHAKE) => Decision::Tls,
            Some(_) => Decision::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_record_is_tls_and_all_else_is_plain() {
        assert_eq!(FirstByte.look(b""), Decision::More);
        assert_eq!(FirstByte.look(&[22, 3, 1, 2, 0]), Decision::Tls);
        for first in (0..=255).filter(|byte| *byte != 22) {
            assert_eq!(
                FirstByte.look(&[first]),
                Decision::Plain,
                "first byte {first}"
            );
        }
    }
}
