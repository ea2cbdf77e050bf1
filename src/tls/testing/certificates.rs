//! Certificates, keys and revocation lists, made on the spot.

use crate::tls::sys;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Crl, X509CrlBuilder, X509Name, X509NameBuilder};
use std::sync::atomic::{AtomicU32, Ordering};

/// What kind of key a certificate is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tls) enum Key {
    Rsa(u32),
    RsaPss,
    Ec(Nid),
    Ed25519,
    Ed448,
}

pub(in crate::tls) const EC: Key = Key::Ec(Nid::X9_62_PRIME256V1);

impl Key {
    fn generate(self) -> PKey<Private> {
        match self {
            Key::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
            Key::RsaPss => {
                let mut maker = openssl::pkey_ctx::PkeyCtx::new_id(Id::RSA_PSS).unwrap();
                // 2048 bits by itself; 1.1.1 does not let the openssl crate say so.
                maker.keygen_init().unwrap();
                maker.keygen().unwrap()
            }
            Key::Ec(curve) => {
                let group = EcGroup::from_curve_name(curve).unwrap();
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
            }
            Key::Ed25519 => PKey::generate_ed25519().unwrap(),
            Key::Ed448 => PKey::generate_ed448().unwrap(),
        }
    }
}

/// A certificate and its key.
#[derive(Clone)]
pub(in crate::tls) struct Pair {
    pub(in crate::tls) certificate: X509,
    pub(in crate::tls) key: PKey<Private>,
}

impl Pair {
    /// As one file, certificate first.
    pub(in crate::tls) fn pem(&self) -> Vec<u8> {
        let mut text = self.certificate.to_pem().unwrap();
        text.extend(self.key_pem());
        text
    }

    pub(in crate::tls) fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

/// A CA.
pub(in crate::tls) struct Authority(pub(in crate::tls) Pair);

impl Authority {
    pub(in crate::tls) fn new(name: &str) -> Authority {
        Authority::until(name, 3650)
    }

    /// With so many days left.
    pub(in crate::tls) fn until(name: &str, days: i64) -> Authority {
        let key = EC.generate();
        let subject = named(name);
        let certificate = certificate(
            &subject,
            &key,
            &subject,
            &key,
            (-10 * DAY, days * DAY),
            &[],
            true,
        );
        Authority(Pair { certificate, key })
    }

    pub(in crate::tls) fn pem(&self) -> Vec<u8> {
        self.0.certificate.to_pem().unwrap()
    }

    /// A certificate for a host or a client, good now.
    pub(in crate::tls) fn issue(&self, name: &str, kind: Key) -> Pair {
        self.issue_for(name, kind, (-DAY, 365 * DAY))
    }

    /// From so many seconds to so many seconds from now.
    pub(in crate::tls) fn issue_for(&self, name: &str, kind: Key, seconds: (i64, i64)) -> Pair {
        let key = kind.generate();
        let issuer = self.0.certificate.subject_name();
        let certificate = certificate(
            &named(name),
            &key,
            issuer,
            &self.0.key,
            seconds,
            &[name],
            false,
        );
        Pair { certificate, key }
    }

    /// A CA below this one.
    pub(in crate::tls) fn intermediate(&self, name: &str) -> Authority {
        let key = EC.generate();
        let issuer = self.0.certificate.subject_name();
        let certificate = certificate(
            &named(name),
            &key,
            issuer,
            &self.0.key,
            (-10 * DAY, 3650 * DAY),
            &[],
            true,
        );
        Authority(Pair { certificate, key })
    }

    /// A revocation list that is to be replaced in so many days.
    pub(in crate::tls) fn crl(&self, revoked: &[&Pair], days: i64) -> X509Crl {
        let mut builder = X509CrlBuilder::new().unwrap();
        let issuer = &self.0.certificate;
        builder.set_issuer_name(issuer.subject_name()).unwrap();
        builder.set_last_update(&after(-20 * DAY)).unwrap();
        builder.set_next_update(&after(days * DAY)).unwrap();
        for pair in revoked {
            let mut entry = openssl::x509::X509RevokedBuilder::new().unwrap();
            entry
                .set_serial_number(pair.certificate.serial_number())
                .unwrap();
            entry.set_revocation_date(&after(-DAY)).unwrap();
            builder.add_revoked(entry.build()).unwrap();
        }
        let context = X509::builder().unwrap();
        let context = context.x509v3_context(Some(&self.0.certificate), None);
        let keyid = AuthorityKeyIdentifier::new().keyid(true).build(&context);
        builder.append_extension(keyid.unwrap()).unwrap();
        let number = CrlNumber::new(BigNum::from_u32(1).unwrap()).unwrap();
        builder.append_extension(number.build().unwrap()).unwrap();
        builder.sign(&self.0.key, MessageDigest::sha256()).unwrap();
        builder.build().unwrap()
    }
}

pub(in crate::tls) fn self_signed(name: &str, kind: Key) -> Pair {
    let key = kind.generate();
    let subject = named(name);
    let certificate = certificate(
        &subject,
        &key,
        &subject,
        &key,
        (-DAY, 365 * DAY),
        &[name],
        false,
    );
    Pair { certificate, key }
}

/// In seconds.
pub(in crate::tls) const DAY: i64 = 24 * 3600;

fn after(seconds: i64) -> Asn1Time {
    Asn1Time::from_unix(sys::now() + seconds).unwrap()
}

fn named(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_text("CN", name).unwrap();
    builder.build()
}

fn certificate(
    subject: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    issuer: &openssl::x509::X509NameRef,
    issuer_key: &PKey<Private>,
    (from, until): (i64, i64),
    names: &[&str],
    authority: bool,
) -> X509 {
    static SERIAL: AtomicU32 = AtomicU32::new(1);
    let serial = BigNum::from_u32(SERIAL.fetch_add(1, Ordering::Relaxed)).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
        .unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&after(from)).unwrap();
    builder.set_not_after(&after(until)).unwrap();
    if authority {
        builder
            .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
        let usage = KeyUsage::new()
            .critical()
            .key_cert_sign()
            .crl_sign()
            .build()
            .unwrap();
        builder.append_extension(usage).unwrap();
        let context = builder.x509v3_context(None, None);
        let keyid = SubjectKeyIdentifier::new().build(&context).unwrap();
        builder.append_extension(keyid).unwrap();
    }
    if !names.is_empty() {
        let mut alternative = SubjectAlternativeName::new();
        names.iter().for_each(|name| {
            alternative.dns(name);
        });
        let context = builder.x509v3_context(None, None);
        let extension = alternative.build(&context).unwrap();
        builder.append_extension(extension).unwrap();
    }
    let digest = match issuer_key.id() {
        Id::ED25519 | Id::ED448 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    };
    builder.sign(issuer_key, digest).unwrap();
    builder.build()
}
