//! What is known of a connection once its handshake is done.

use super::{bare_facts, sys};
use openssl::nid::Nid;
use openssl::ssl::{NameType, SslRef};
use openssl::x509::{X509, X509VerifyResult};
use std::fmt;

/// What was negotiated, and who the peer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `TLSv1.3` and so on (`SSL_get_version`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (`SSL_CIPHER_get_name`).
    pub cipher: String,
    /// The name in the RFCs (`SSL_CIPHER_standard_name`).
    pub cipher_standard: String,
    /// Strength in bits.
    pub bits: u32,
    /// The key exchange group, where libssl tells it (`SSL_get_negotiated_group`).
    pub group: Option<String>,
    /// The server name the client asked for, escaped.
    pub server_name: Option<String>,
    /// The protocol agreed on by ALPN, escaped.
    pub alpn: Option<String>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The certificate the peer showed, verified or not.
    pub peer: Option<Certificate>,
    /// Ours (`SSL_get_certificate`); none where a session was resumed, as it was not shown then.
    pub own: Option<Certificate>,
}

impl fmt::Display for Facts {
    /// One line for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.cipher)?;
        if let Some(group) = &self.group {
            write!(f, " {group}")?;
        }
        if self.resumed {
            f.write_str(" resumed")?;
        }
        if let Some(name) = &self.server_name {
            write!(f, " for '{}'", name.escape_debug())?;
        }
        if let Some(peer) = &self.peer {
            write!(f, " from '{}'", peer.subject.escape_debug())?;
            if peer.verify_error != 0 {
                write!(f, " (not verified: {})", peer.verified)?;
            }
        }
        Ok(())
    }
}

/// A certificate in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// RFC 2253 subject.
    pub subject: String,
    /// RFC 2253 issuer.
    pub issuer: String,
    /// Hexadecimal serial number.
    pub serial: String,
    /// As OpenSSL prints times.
    pub not_before: String,
    /// As OpenSSL prints times.
    pub not_after: String,
    /// The result of verification in OpenSSL's words; `ok` when it passed. Empty for one of ours, which nobody verifies.
    pub verified: String,
    /// The same as a number (`X509_V_*`), where 0 is `ok`.
    pub verify_error: i32,
    /// The subject as `/C=…/CN=…` (`X509_NAME_oneline`).
    pub subject_one_line: String,
    /// The issuer likewise.
    pub issuer_one_line: String,
    /// The certificate itself.
    pub pem: Pem,
}

impl Certificate {
    /// Kind and size of its key, such as `RSA2048`.
    pub fn key(&self) -> Option<String> {
        let certificate = self.pem.0.as_ref()?;
        bare_facts::described(&*certificate.public_key().ok()?)
    }
}

/// Whom a certificate is for, in bytes that can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The first common name, as it stands there.
    pub(crate) common_name: Option<Vec<u8>>,
    /// All of the subject, exactly as RFC 2253 has it.
    pub(crate) distinguished_name: Vec<u8>,
}

/// Whom the peer's certificate is for; none if it was not verified.
pub(super) fn subject(ssl: &SslRef) -> Option<Subject> {
    let certificate = ssl.peer_certificate()?;
    if ssl.verify_result() != X509VerifyResult::OK {
        return None;
    }
    let name = certificate.subject_name();
    let common_name = name.entries_by_nid(Nid::COMMONNAME).next();
    Some(Subject {
        common_name: common_name.map(|entry| entry.data().as_slice().to_vec()),
        distinguished_name: sys::rfc2253_name(name),
    })
}

/// A certificate that becomes PEM when it is printed; nothing where there is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pem(Option<X509>);

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(certificate) = &self.0 else {
            return Ok(());
        };
        let text = certificate.to_pem().map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Pem(..)" } else { "Pem()" })
    }
}

/// What libssl knows of a connection whose handshake is done.
pub(crate) fn facts(ssl: &SslRef) -> Facts {
    let cipher = ssl.current_cipher();
    Facts {
        protocol: ssl.version_str(),
        cipher: cipher.map_or_else(String::new, |cipher| cipher.name().to_owned()),
        cipher_standard: cipher
            .and_then(|cipher| cipher.standard_name())
            .unwrap_or_default()
            .to_owned(),
        bits: cipher.map_or(0, |cipher| cipher.bits().secret.unsigned_abs()),
        group: sys::negotiated_group(ssl),
        server_name: escaped(ssl.servername_raw(NameType::HOST_NAME)),
        alpn: escaped(ssl.selected_alpn_protocol()),
        resumed: ssl.session_reused(),
        peer: ssl
            .peer_certificate()
            .map(|certificate| judged(certificate, ssl.verify_result())),
        own: own(ssl).map(describe),
    }
}

fn own(ssl: &SslRef) -> Option<X509> {
    let certificate = ssl.certificate().filter(|_| !ssl.session_reused());
    certificate.map(ToOwned::to_owned)
}

/// What a peer sent ends up in logs and pages: what is not printable there is escaped.
fn escaped(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| bytes.escape_ascii().to_string())
}

/// What a server has sent of its chain, each certificate with what came of verifying all of it.
pub(super) fn chain(ssl: &SslRef) -> Vec<Certificate> {
    let sent = ssl.peer_cert_chain().into_iter().flatten();
    let verified = ssl.verify_result();
    sent.map(|certificate| judged(certificate.to_owned(), verified))
        .collect()
}

pub(super) fn judged(certificate: X509, verified: X509VerifyResult) -> Certificate {
    Certificate {
        verified: verified.error_string().to_owned(),
        verify_error: verified.as_raw(),
        ..describe(certificate)
    }
}

fn describe(certificate: X509) -> Certificate {
    Certificate {
        subject: sys::distinguished_name(certificate.subject_name()),
        issuer: sys::distinguished_name(certificate.issuer_name()),
        serial: serial(&certificate),
        not_before: certificate.not_before().to_string(),
        not_after: certificate.not_after().to_string(),
        verified: String::new(),
        verify_error: 0,
        subject_one_line: sys::one_line_name(certificate.subject_name()),
        issuer_one_line: sys::one_line_name(certificate.issuer_name()),
        pem: Pem(Some(certificate)),
    }
}

/// The serial number in hexadecimal, as `openssl x509 -serial` prints it.
fn serial(certificate: &X509) -> String {
    certificate
        .serial_number()
        .to_bn()
        .and_then(|number| Ok(number.to_hex_str()?.to_string()))
        .unwrap_or_default()
}
