//! kdb+'s port in the mode of its `-E`: plain, TLS, or either, told apart by the first byte. A server of kdb+ says
//! nothing first, and its plain clients begin with a letter, a colon or the byte of their capability.

use super::{Decision, FirstByte, Guest, Preface};
use crate::settings::ServerMode;

/// What kdb+ says of a TLS client where there is no TLS.
const NOT_ENABLED: &str = "TLS not enabled";

/// The same the other way round, of which kdb+ leaves OpenSSL to say something.
const NOT_TLS: &str = "not TLS, and no plain client is let in (-E 2)";

/// One connection's first byte.
#[derive(Debug)]
pub(crate) struct Kdb {
    mode: ServerMode,
    remark: Option<&'static str>,
}

impl Kdb {
    pub(crate) fn new(mode: ServerMode) -> Kdb {
        Kdb { mode, remark: None }
    }

    fn refuse(&mut self, why: &'static str) -> Decision {
        self.remark = Some(why);
        Decision::end(b"")
    }
}

impl Preface for Kdb {
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision {
        match (FirstByte.look(bytes, guest), self.mode) {
            (Decision::Tls, ServerMode::Plain) => self.refuse(NOT_ENABLED),
            (Decision::Pass, ServerMode::Tls) if guest.shown.is_none() => self.refuse(NOT_TLS),
            (decision, _) => decision,
        }
    }

    fn ended(&mut self, _: &[u8]) {} // there was not a byte

    fn longest(&self) -> usize {
        FirstByte.longest()
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shown;
    use super::*;

    fn looked_at(mode: ServerMode, bytes: &[u8]) -> (Decision, Option<String>) {
        let mut port = Kdb::new(mode);
        assert_eq!(port.look(b"", &Guest::default()), Decision::More);
        let decision = port.look(bytes, &Guest::default());
        (decision, port.remark())
    }

    #[test]
    fn the_first_byte_and_the_mode_decide() {
        let refused = |why: &str| (Decision::end(b""), Some(why.to_owned()));
        for (mode, tls, plain) in [
            (
                ServerMode::Plain,
                refused("TLS not enabled"),
                (Decision::Pass, None),
            ),
            (
                ServerMode::PlainAndTls,
                (Decision::Tls, None),
                (Decision::Pass, None),
            ),
            (ServerMode::Tls, (Decision::Tls, None), refused(NOT_TLS)),
        ] {
            assert_eq!(looked_at(mode, &[22, 3, 1]), tls, "{mode:?}");
            for first in [&b"user:pass\x03\0"[..], b":\x03\0", b"\x03\0", b"GET /"] {
                assert_eq!(looked_at(mode, first), plain, "{mode:?}, {first:?}");
            }
        }
    }

    #[test]
    fn behind_the_handshake_there_is_nothing_to_decide() {
        let guest = Guest {
            shown: Some(Shown::default()),
            ..Guest::default()
        };
        let mut port = Kdb::new(ServerMode::Tls);
        assert_eq!(port.look(b":\x03\0", &guest), Decision::Pass);
        assert_eq!(port.look(&[22], &guest), Decision::Pass);
    }
}
