//! Failed handshakes as a console of kdb+ shows them: OpenSSL's queue as it prints it, here behind the peer's address.

use crate::io::Peer;
use crate::tls::HandshakeError;

/// All lines, with what is known besides behind the last of them; where OpenSSL says nothing, one in our own words.
pub(super) fn lines(peer: Peer, failure: &HandshakeError, aside: &str) -> String {
    let Some(detail) = &failure.detail else {
        return format!("{peer}: handshake: {}{aside}", failure.reason);
    };
    let dump = detail.dump.lines().map(|line| format!("{peer}: {line}"));
    let mut text = dump.collect::<Vec<_>>().join("\n");
    // OpenSSL's entry does not tell why a certificate was refused.
    if let Some(rejected) = &detail.rejected {
        text += &rejected.why;
    }
    text + aside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Detail, Rejected};
    use std::time::Duration;

    fn detailed(dump: &str, rejected: Option<Rejected>) -> HandshakeError {
        let mut failure = HandshakeError::gone("bad extension");
        failure.detail = Some(Box::new(Detail {
            dump: dump.into(),
            reason: "bad extension".into(),
            code: None,
            versions: None,
            rejected,
        }));
        failure
    }

    #[test]
    fn every_entry_is_a_line_behind_the_peer() {
        let two = detailed("0A:error:1:a:b:c:d.c:1:\n0A:error:2:a:b:c:d.c:2:", None);
        assert_eq!(
            lines(Peer::Local, &two, " (offered TLSv1)"),
            format!(
                "{0}: 0A:error:1:a:b:c:d.c:1:\n{0}: 0A:error:2:a:b:c:d.c:2: (offered TLSv1)",
                Peer::Local
            )
        );
    }

    #[test]
    fn why_a_certificate_was_refused_is_told_behind_the_entry() {
        let rejected = Rejected {
            depth: 0,
            code: 10,
            why: "certificate has expired".into(),
            subject: String::new(),
            serial: String::new(),
            issuer: String::new(),
            chain: Vec::new(),
        };
        let failure = detailed("0A:error:1:a:b:c:d.c:1:", Some(rejected));
        let told = lines(Peer::Local, &failure, "");
        assert!(told.ends_with(":d.c:1:certificate has expired"), "{told}");
    }

    #[test]
    fn what_openssl_says_nothing_of_is_told_in_our_words() {
        let late = HandshakeError::timeout(Duration::from_secs(1));
        let told = lines(Peer::Local, &late, "");
        let words = "handshake: timed out after 1s, waiting to read";
        assert_eq!(told, format!("{}: {words}", Peer::Local));
    }
}
