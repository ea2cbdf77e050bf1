//! TLS and plain on one port, told apart by the first byte.

use super::{Decision, Guest, Preface};

/// The content type of a TLS handshake record (RFC 8446, 5.1), with which every ClientHello begins.
pub(super) const HANDSHAKE: u8 = 22;

/// Takes a handshake record for TLS, and everything else for plain bytes.
#[derive(Debug, Default)]
pub(crate) struct FirstByte;

impl Preface for FirstByte {
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision {
        match bytes.first() {
            _ if guest.shown.is_some() => Decision::Pass,
            None => Decision::More,
            Some(&HANDSHAKE) => Decision::Tls,
            Some(_) => Decision::Pass,
        }
    }

    fn ended(&mut self, _: &[u8]) {} // there was not a byte

    fn longest(&self) -> usize {
        64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shown;
    use super::*;

    #[test]
    fn a_handshake_record_is_tls_and_all_else_is_plain() {
        let guest = Guest::default();
        assert_eq!(FirstByte.look(b"", &guest), Decision::More);
        assert_eq!(FirstByte.look(&[22, 3, 1, 2, 0], &guest), Decision::Tls);
        for first in (0..=255).filter(|byte| *byte != 22) {
            let decision = FirstByte.look(&[first], &guest);
            assert_eq!(decision, Decision::Pass, "first byte {first}");
        }
    }

    #[test]
    fn behind_the_handshake_there_is_nothing_to_decide() {
        let guest = Guest {
            shown: Some(Shown::default()),
            ..Guest::default()
        };
        assert_eq!(FirstByte.look(b"", &guest), Decision::Pass);
        assert_eq!(FirstByte.look(&[22], &guest), Decision::Pass);
    }
}
