//! Failed handshakes in KrakenD's words, which are those of Go's libraries: its users search their logs for them.

use crate::io::Peer;
use crate::tls::{Common, Failure, HandshakeError, Mismatch, Rejected};

/// The whole line: who it was, why, and what is known besides.
pub(super) fn line(peer: Peer, why: &str, aside: &str) -> String {
    format!("http: TLS handshake error from {peer}: {why}{aside}")
}

/// Why, as Go has it; in OpenSSL's words where Go knows no such thing.
pub(super) fn words(failure: &HandshakeError) -> String {
    let reason = &failure.reason;
    let detail = failure.detail.as_deref();
    let code = detail.and_then(|detail| detail.code);
    match (failure.kind, code) {
        (Failure::NothingInCommon, _) => match failure.mismatch.as_deref() {
            Some(mismatch) => nothing_in_common(mismatch),
            None => remote(PROTOCOL_VERSION),
        },
        (Failure::PeerCertificate, Some(NO_CERTIFICATE)) => {
            "tls: client didn't provide a certificate".into()
        }
        (Failure::PeerCertificate, _) => {
            let rejected = detail.and_then(|detail| detail.rejected.as_ref());
            let why = rejected.map_or_else(|| reason.clone(), verification);
            format!("tls: failed to verify certificate: x509: {why}")
        }
        (Failure::PeerAlert, Some(code)) => remote(code - FIRST_ALERT),
        (Failure::NotTls, _) => "tls: first record does not look like a TLS handshake".into(),
        (Failure::Gone, _) if !failure.is_broken() => "EOF".into(),
        (Failure::Gone, _) => format!("read: {}", reason.trim_start_matches("read: ")),
        (Failure::Timeout, _) => "read: i/o timeout".into(),
        (_, Some(INAPPROPRIATE_FALLBACK)) => {
            "tls: client using inappropriate protocol fallback".into()
        }
        (_, Some(BAD_RECORD_MAC)) => "local error: tls: bad record MAC".into(),
        (_, Some(UNEXPECTED_MESSAGE | UNEXPECTED_RECORD)) => {
            "local error: tls: unexpected message".into()
        }
        _ => format!("tls: {reason}"),
    }
}

/// Reasons of libssl (`SSL_R_*`).
const NO_CERTIFICATE: i32 = 199;
const UNEXPECTED_MESSAGE: i32 = 244;
const UNEXPECTED_RECORD: i32 = 245;
const BAD_RECORD_MAC: i32 = 281;
const INAPPROPRIATE_FALLBACK: i32 = 373;
/// The alert 0 of a peer.
const FIRST_ALERT: i32 = 1000;

/// The alert `protocol_version`.
const PROTOCOL_VERSION: i32 = 70;

fn nothing_in_common(mismatch: &Mismatch) -> String {
    match mismatch.of {
        Common::Version => {
            let versions = mismatch.versions.iter();
            let versions: Vec<String> = versions.map(|version| format!("{version:x}")).collect();
            let text = "tls: client offered only unsupported versions";
            match versions.is_empty() {
                true => text.into(),
                false => format!("{text}: [{}]", versions.join(" ")),
            }
        }
        Common::Cipher => "tls: no cipher suite supported by both client and server".into(),
        Common::Group => "tls: no ECDHE curve supported by both client and server".into(),
        Common::Signature => {
            "tls: peer doesn't support any of the certificate's signature algorithms".into()
        }
        Common::Protocol => {
            let protocols = mismatch.protocols.iter();
            let protocols: Vec<String> = protocols.map(|name| format!("\"{name}\"")).collect();
            let list = protocols.join(" ");
            format!("tls: client requested unsupported application protocols ([{list}])")
        }
    }
}

/// Why a certificate was refused, by `X509_V_ERR_*`.
fn verification(rejected: &Rejected) -> String {
    let text = match rejected.code {
        2 | 7 | 18..=21 | 27 => "certificate signed by unknown authority",
        9 | 10 => {
            let why = &rejected.why;
            return format!("certificate has expired or is not yet valid: {why}");
        }
        24 | 79 => "certificate is not authorized to sign other certificates",
        25 => "too many intermediates for path length constraint",
        26 => "certificate specifies an incompatible key usage",
        29 => "issuer name does not match subject from issuing certificate",
        34 => "unhandled critical extension",
        _ => &rejected.why,
    };
    text.into()
}

fn remote(alert: i32) -> String {
    match alert_text(alert) {
        Some(text) => format!("remote error: tls: {text}"),
        None => format!("remote error: tls: alert({alert})"),
    }
}

fn alert_text(alert: i32) -> Option<&'static str> {
    Some(match alert {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        21 => "decryption failed",
        22 => "record overflow",
        30 => "decompression failure",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "revoked certificate",
        45 => "expired certificate",
        46 => "unknown certificate",
        47 => "illegal parameter",
        48 => "unknown certificate authority",
        49 => "access denied",
        50 => "error decoding message",
        51 => "error decrypting message",
        60 => "export restriction",
        PROTOCOL_VERSION => "protocol version not supported",
        71 => "insufficient security level",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        100 => "no renegotiation",
        109 => "missing extension",
        110 => "unsupported extension",
        111 => "certificate unobtainable",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        114 => "bad certificate hash value",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Detail;
    use std::time::Duration;

    fn failed(kind: Failure, code: Option<i32>) -> HandshakeError {
        let mut failure = HandshakeError::gone("bad extension");
        failure.kind = kind;
        failure.detail = Some(Box::new(Detail {
            dump: String::new(),
            reason: "bad extension".into(),
            code,
            versions: None,
            rejected: None,
        }));
        failure
    }

    fn lacking(of: Common, versions: &[u16], protocols: &[&str]) -> String {
        let mut failure = failed(Failure::NothingInCommon, None);
        failure.mismatch = Some(Box::new(Mismatch {
            of,
            offered: String::new(),
            accepted: String::new(),
            versions: versions.to_vec(),
            protocols: protocols.iter().map(|name| (*name).to_owned()).collect(),
        }));
        words(&failure)
    }

    fn refused(code: i32) -> String {
        let mut failure = failed(Failure::PeerCertificate, Some(134));
        if let Some(detail) = &mut failure.detail {
            detail.rejected = Some(Rejected {
                depth: 0,
                code,
                why: "as OpenSSL says it".into(),
                subject: String::new(),
                serial: String::new(),
                issuer: String::new(),
                chain: Vec::new(),
            });
        }
        words(&failure)
    }

    #[test]
    fn what_is_lacking_is_told_as_go_tells_it() {
        for (told, text) in [
            (
                lacking(Common::Version, &[0x303, 0x302], &[]),
                "tls: client offered only unsupported versions: [303 302]",
            ),
            (
                lacking(Common::Version, &[], &[]),
                "tls: client offered only unsupported versions",
            ),
            (
                lacking(Common::Cipher, &[], &[]),
                "tls: no cipher suite supported by both client and server",
            ),
            (
                lacking(Common::Group, &[], &[]),
                "tls: no ECDHE curve supported by both client and server",
            ),
            (
                lacking(Common::Protocol, &[], &["h3", "a"]),
                "tls: client requested unsupported application protocols ([\"h3\" \"a\"])",
            ),
        ] {
            assert_eq!(told, text);
        }
    }

    #[test]
    fn certificates_and_alerts_are_told_as_go_tells_them() {
        let begin = "tls: failed to verify certificate: x509: ";
        for (code, why) in [
            (20, "certificate signed by unknown authority"),
            (18, "certificate signed by unknown authority"),
            (26, "certificate specifies an incompatible key usage"),
            (23, "as OpenSSL says it"),
        ] {
            assert_eq!(refused(code), format!("{begin}{why}"));
        }
        let expired = "certificate has expired or is not yet valid: as OpenSSL says it";
        assert_eq!(refused(10), format!("{begin}{expired}"));
        let missing = failed(Failure::PeerCertificate, Some(199));
        assert_eq!(words(&missing), "tls: client didn't provide a certificate");
        for (alert, text) in [
            (48, "unknown certificate authority"),
            (42, "bad certificate"),
            (116, "certificate required"),
            (200, "alert(200)"),
        ] {
            let told = words(&failed(Failure::PeerAlert, Some(1000 + alert)));
            assert_eq!(told, format!("remote error: tls: {text}"));
        }
    }

    #[test]
    fn what_comes_to_nothing_otherwise_is_told_as_go_tells_it_or_openssl() {
        let late = HandshakeError::timeout(Duration::from_secs(1));
        let bad_mac = failed(Failure::Other, Some(281));
        let read = "read: connection reset by peer";
        for (told, text) in [
            (
                words(&HandshakeError::gone("the client closed the connection")),
                "EOF",
            ),
            (
                words(&HandshakeError::broken("connection reset by peer")),
                read,
            ),
            (words(&HandshakeError::broken(read)), read),
            (words(&late), "read: i/o timeout"),
            (words(&bad_mac), "local error: tls: bad record MAC"),
            (
                words(&failed(Failure::Other, Some(110))),
                "tls: bad extension",
            ),
            (words(&failed(Failure::Other, None)), "tls: bad extension"),
        ] {
            assert_eq!(told, text);
        }
    }
}
