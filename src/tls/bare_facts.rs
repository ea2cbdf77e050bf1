//! What is known of a connection once its handshake is done, as it stands in libssl's memory: nothing is escaped, and
//! next to nothing copied. What people are to read is in `facts`.

use super::callbacks;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};
use openssl::ssl::{NameType, SslRef};
use openssl::x509::{X509Ref, X509VerifyResult};

/// One fact a function.
pub(crate) struct BareFacts<'a>(&'a SslRef);

/// A certificate that the peer has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// In this connection; else in the one that began the session.
    pub(crate) shown_now: bool,
    /// What came of verifying it (`SSL_get_verify_result`), where 0 is good.
    pub(crate) verified: u32,
    /// See [`common_name`].
    pub(crate) common_name: Option<String>,
}

impl<'a> BareFacts<'a> {
    pub(super) fn of(ssl: &'a SslRef) -> BareFacts<'a> {
        BareFacts(ssl)
    }

    /// `SSL_get_version`
    pub(crate) fn protocol(&self) -> &'static str {
        self.0.version_str()
    }

    /// `SSL_CIPHER_get_name`
    pub(crate) fn cipher(&self) -> &'static str {
        self.0.current_cipher().map_or("", |cipher| cipher.name())
    }

    /// The protocol agreed on by ALPN.
    pub(crate) fn alpn(&self) -> Option<&'a [u8]> {
        self.0.selected_alpn_protocol()
    }

    /// The server name that was asked for. Where a session of TLS 1.2 or older was resumed, only a context that keeps
    /// names knows it.
    pub(crate) fn server_name(&self) -> Option<&'a [u8]> {
        let kept = callbacks::server_name(self.0);
        kept.or_else(|| self.0.servername_raw(NameType::HOST_NAME))
    }

    /// How our certificate was signed, and kind and size of its key, such as `RSA-SHA256` and `RSA2048`. Nothing in a
    /// connection that has resumed a session, as it has shown none.
    pub(crate) fn own_algorithms(&self) -> (Option<&'static str>, Option<String>) {
        let shown = self.0.certificate().filter(|_| !self.0.session_reused());
        let Some(certificate) = shown else {
            return (None, None);
        };
        let key = certificate.public_key().ok();
        (signature(certificate), key.and_then(|key| described(&key)))
    }

    /// The peer's certificate.
    pub(crate) fn peer(&self) -> Option<Peer> {
        let certificate = self.0.peer_certificate()?;
        let result: X509VerifyResult = self.0.verify_result();
        Some(Peer {
            shown_now: !self.0.session_reused(),
            verified: result.as_raw().unsigned_abs(),
            common_name: common_name(&certificate),
        })
    }
}

/// The first common name of a certificate's subject, whole and in UTF-8; it may hold any character. `None` as well for
/// one that has no such form.
fn common_name(certificate: &X509Ref) -> Option<String> {
    let subject = certificate.subject_name();
    let name = subject.entries_by_nid(Nid::COMMONNAME).next()?;
    let name = name.data().to_string().ok()?;
    // What stands for bytes that are no letter would make one name of two.
    (!name.contains(char::REPLACEMENT_CHARACTER)).then_some(name)
}

fn signature(certificate: &X509Ref) -> Option<&'static str> {
    let algorithm = certificate.signature_algorithm().object().nid();
    known(algorithm)
}

/// As haproxy writes it where it knows the kind; OpenSSL's own name for others, whose size is part of their kind.
pub(super) fn described<T: HasPublic>(key: &PKeyRef<T>) -> Option<String> {
    match key.id() {
        Id::RSA => Some(format!("RSA{}", key.bits())),
        Id::EC => Some(format!("EC{}", key.bits())),
        other => known(Nid::from_raw(other.as_raw())).map(str::to_owned),
    }
}

/// OpenSSL's short name, where it has one.
fn known(algorithm: Nid) -> Option<&'static str> {
    let name = (algorithm != Nid::UNDEF).then(|| algorithm.short_name());
    name?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::{EC, Key, Pair, self_signed};
    use openssl::asn1::Asn1Type;
    use openssl::x509::{X509, X509NameBuilder};

    /// Under these names, of whatever type.
    fn named(names: &[(&str, Asn1Type)]) -> X509 {
        let mut name = X509NameBuilder::new().expect("memory");
        for (text, kind) in names {
            name.append_entry_by_text_with_type("CN", text, *kind)
                .expect("a name");
        }
        let mut builder = X509::builder().expect("memory");
        builder.set_subject_name(&name.build()).expect("a name");
        builder.build()
    }

    #[test]
    fn a_common_name_is_utf8_whatever_the_type_it_is_written_in() {
        let one = named(&[
            ("alice", Asn1Type::PRINTABLESTRING),
            ("bob", Asn1Type::UTF8STRING),
        ]);
        assert_eq!(common_name(&one).as_deref(), Some("alice"), "the first");
        let two_bytes_each = named(&[("\0a\0l\x01\x51", Asn1Type::BMPSTRING)]);
        assert_eq!(common_name(&two_bytes_each).as_deref(), Some("al\u{151}"));
        let letters = named(&[("b\u{fc}cher", Asn1Type::UTF8STRING)]);
        assert_eq!(common_name(&letters).as_deref(), Some("b\u{fc}cher"));
        assert_eq!(common_name(&named(&[])), None);
    }

    #[test]
    fn a_zero_byte_does_not_end_a_common_name() {
        let odd = named(&[("admin\0.example", Asn1Type::UTF8STRING)]);
        assert_eq!(common_name(&odd).as_deref(), Some("admin\0.example"));
    }

    #[test]
    fn keys_are_told_by_kind_and_size() {
        let told = |kind| {
            let Pair { certificate, key } = self_signed("localhost", kind);
            (described(&key), signature(&certificate))
        };
        let words = |key: &str, signature| (Some(key.to_owned()), Some(signature));
        assert_eq!(told(Key::Rsa(2048)), words("RSA2048", "RSA-SHA256"));
        assert_eq!(told(EC), words("EC256", "ecdsa-with-SHA256"));
        assert_eq!(told(Key::Ed25519), words("ED25519", "ED25519"));
    }
}
