//! Keys and certificates: what `tlsport certs` and `tlsport demo` make.
//!
//! Every certificate is version 3 with a random serial number, the key identifiers, a critical basic constraint and
//! key usage, so that `openssl verify -x509_strict` is content. Nothing here opens a file. Read next: `certs`.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509Ref};
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};
use tlsport::error::{Error, Kind};

/// The kind of key a certificate is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA with 3072 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// Every kind, with its name on the command line.
    pub(crate) const ALL: [(&'static str, KeyKind); 3] = [
        ("ecdsa", KeyKind::Ecdsa),
        ("rsa", KeyKind::Rsa),
        ("ed25519", KeyKind::Ed25519),
    ];
}

/// A certificate, its key, and the certificates a peer needs between it and the root.
pub(crate) struct Identity {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
    /// Leaf's issuer first; without the root.
    pub(crate) intermediates: Vec<X509>,
}

/// Whom a certificate is for.
pub(crate) enum Subject<'a> {
    /// An authority that signs leaves, and with `below` also authorities.
    Authority { name: &'a str, below: u32 },
    /// A server with these names.
    Server(&'a [Host]),
    /// A client.
    Client(&'a str),
}

/// How long a certificate lasts. All of them begin a little in the past, for clocks that are behind.
const BACKDATED_SECONDS: i64 = 300;

/// The longest common name that X.509 allows.
const LONGEST_COMMON_NAME: usize = 64;

impl Identity {
    /// A root of its own.
    pub(crate) fn root(name: &str, kind: KeyKind, days: u32) -> Result<Identity, Error> {
        let subject = Subject::Authority { name, below: 1 };
        make(&subject, kind, days, None).map_err(|error| refused("the CA", &error))
    }

    /// A certificate signed by this one. It never outlives its issuer.
    pub(crate) fn issue(
        &self,
        subject: &Subject<'_>,
        kind: KeyKind,
        days: u32,
    ) -> Result<Identity, Error> {
        make(subject, kind, days, Some(self)).map_err(|error| refused(subject, &error))
    }

    /// The certificate alone in PEM.
    pub(crate) fn certificate_pem(&self) -> Result<Vec<u8>, Error> {
        to_pem(self.certificate.to_pem())
    }

    /// The certificate in PEM, followed by what stands between it and the root.
    pub(crate) fn chain_pem(&self) -> Result<Vec<u8>, Error> {
        let mut pem = self.certificate_pem()?;
        for certificate in &self.intermediates {
            pem.extend(to_pem(certificate.to_pem())?);
        }
        Ok(pem)
    }

    /// The key in PEM (PKCS #8), unencrypted.
    pub(crate) fn key_pem(&self) -> Result<Vec<u8>, Error> {
        to_pem(self.key.private_key_to_pem_pkcs8())
    }

    /// Chain and key in one, as `ssl.keyfile` wants them.
    pub(crate) fn keyfile_pem(&self) -> Result<Vec<u8>, Error> {
        let mut pem = self.chain_pem()?;
        pem.extend(self.key_pem()?);
        Ok(pem)
    }

    /// Whether key and certificate belong together.
    pub(crate) fn fits(&self) -> bool {
        let key = self.certificate.public_key();
        key.is_ok_and(|key| key.public_eq(&self.key))
    }

    /// Whether its time is over.
    pub(crate) fn has_expired(&self) -> bool {
        let now = Asn1Time::days_from_now(0);
        now.is_ok_and(|now| self.certificate.not_after() < now)
    }
}

fn to_pem(encoded: Result<Vec<u8>, ErrorStack>) -> Result<Vec<u8>, Error> {
    encoded.map_err(|error| refused("PEM", &error))
}

fn refused(what: impl fmt::Display, error: &ErrorStack) -> Error {
    let first = error.errors().first();
    let why = first
        .and_then(|error| error.reason())
        .unwrap_or("libcrypto gave no reason");
    Error::new(Kind::Tls, format!("cannot make {what}: {why}")).caused_by(error.to_string())
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Authority { name, .. } => write!(f, "the certificate of '{name}'"),
            Subject::Server(_) => f.write_str("the server's certificate"),
            Subject::Client(name) => write!(f, "the client certificate of '{name}'"),
        }
    }
}

fn make(
    subject: &Subject<'_>,
    kind: KeyKind,
    days: u32,
    issuer: Option<&Identity>,
) -> Result<Identity, ErrorStack> {
    let key = new_key(kind)?;
    let name = name(subject)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?; // counted from 0: version 3
    let serial = serial_number()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    let issuer_name = issuer.map_or(&*name, |issuer| issuer.certificate.subject_name());
    builder.set_issuer_name(issuer_name)?;
    builder.set_pubkey(&key)?;
    set_validity(&mut builder, days, issuer)?;
    let issuer_certificate = issuer.map(|issuer| &*issuer.certificate);
    add_extensions(&mut builder, subject, &key, issuer_certificate)?;
    let signing_key = issuer.map_or(&key, |issuer| &issuer.key);
    builder.sign(signing_key, digest(signing_key))?;
    let intermediates = issuer.map_or_else(Vec::new, below_root);
    Ok(Identity {
        certificate: builder.build(),
        key,
        intermediates,
    })
}

/// What a peer that trusts the root needs to reach `issuer`.
fn below_root(issuer: &Identity) -> Vec<X509> {
    if is_self_issued(&issuer.certificate) {
        return Vec::new();
    }
    let mut between = vec![issuer.certificate.clone()];
    between.extend(issuer.intermediates.iter().cloned());
    between
}

fn is_self_issued(certificate: &X509Ref) -> bool {
    let (issuer, subject) = (certificate.issuer_name(), certificate.subject_name());
    issuer.try_cmp(subject).is_ok_and(Ordering::is_eq)
}

fn new_key(kind: KeyKind) -> Result<PKey<Private>, ErrorStack> {
    match kind {
        KeyKind::Ecdsa => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)
        }
        KeyKind::Rsa => PKey::from_rsa(Rsa::generate(3072)?),
        KeyKind::Ed25519 => PKey::generate_ed25519(),
    }
}

/// The digest a key signs with: the Edwards curves bring their own.
fn digest(key: &PKey<Private>) -> MessageDigest {
    match key.id() {
        Id::ED25519 | Id::ED448 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    }
}

/// 127 random bits: never zero, never negative, never the same twice.
fn serial_number() -> Result<openssl::asn1::Asn1Integer, ErrorStack> {
    let mut number = BigNum::new()?;
    number.rand(127, MsbOption::ONE, false)?;
    number.to_asn1_integer()
}

fn name(subject: &Subject<'_>) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    // Without it the name of a server with long host names would be empty.
    builder.append_entry_by_nid(Nid::ORGANIZATIONNAME, "tlsport")?;
    let common = match subject {
        Subject::Authority { name, .. } | Subject::Client(name) => Some((*name).to_owned()),
        Subject::Server(hosts) => hosts.first().map(Host::to_string),
    };
    if let Some(common) = common.filter(|name| name.len() <= LONGEST_COMMON_NAME) {
        builder.append_entry_by_nid(Nid::COMMONNAME, &common)?;
    }
    Ok(builder.build())
}

fn set_validity(
    builder: &mut X509Builder,
    days: u32,
    issuer: Option<&Identity>,
) -> Result<(), ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs() as i64);
    let begin = Asn1Time::from_unix(now - BACKDATED_SECONDS)?;
    let end = Asn1Time::from_unix(now + i64::from(days) * 86_400)?;
    builder.set_not_before(&begin)?;
    match issuer.map(|issuer| issuer.certificate.not_after()) {
        Some(last) if is_before(last, &end) => builder.set_not_after(last),
        _ => builder.set_not_after(&end),
    }
}

fn is_before(one: &Asn1TimeRef, other: &Asn1TimeRef) -> bool {
    one.compare(other).is_ok_and(Ordering::is_lt)
}

fn add_extensions(
    builder: &mut X509Builder,
    subject: &Subject<'_>,
    key: &PKey<Private>,
    issuer: Option<&X509Ref>,
) -> Result<(), ErrorStack> {
    let mut constraints = BasicConstraints::new();
    constraints.critical();
    let mut usage = KeyUsage::new();
    usage.critical();
    match subject {
        Subject::Authority { below, .. } => {
            constraints.ca().pathlen(*below);
            usage.key_cert_sign().crl_sign();
        }
        Subject::Server(_) if key.id() == Id::RSA => {
            // RSA key exchange of TLS 1.2 and older encrypts to the key.
            usage.digital_signature().key_encipherment();
        }
        Subject::Server(_) | Subject::Client(_) => {
            usage.digital_signature();
        }
    }
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(usage.build()?)?;
    if let Some(purpose) = purpose(subject)? {
        builder.append_extension(purpose)?;
    }
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer, None))?;
    builder.append_extension(identifier)?;
    if issuer.is_some() {
        let mut identifier = AuthorityKeyIdentifier::new();
        let identifier = identifier.keyid(true);
        let identifier = identifier.build(&builder.x509v3_context(issuer, None))?;
        builder.append_extension(identifier)?;
    }
    if let Subject::Server(hosts) = subject {
        let names = alternative_names(hosts);
        let names = names.build(&builder.x509v3_context(issuer, None))?;
        builder.append_extension(names)?;
    }
    Ok(())
}

fn purpose(subject: &Subject<'_>) -> Result<Option<openssl::x509::X509Extension>, ErrorStack> {
    let mut purpose = ExtendedKeyUsage::new();
    match subject {
        Subject::Authority { .. } => return Ok(None),
        Subject::Server(_) => purpose.server_auth(),
        Subject::Client(_) => purpose.client_auth(),
    };
    purpose.build().map(Some)
}

fn alternative_names(hosts: &[Host]) -> SubjectAlternativeName {
    let mut names = SubjectAlternativeName::new();
    for host in hosts {
        match host {
            Host::Name(name) => names.dns(name),
            Host::Address(address) => names.ip(&address.to_string()),
        };
    }
    names
}

/// A name that a server's certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A DNS name in lower case, perhaps with `*` as its first label.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Host, String> {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = inner.unwrap_or(text).parse() {
            return Ok(Host::Address(address));
        }
        if !text.is_ascii() {
            return Err("not ASCII: write it in its xn-- form".into());
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        if name.len() > 253 || !labels.split('.').all(is_label) {
            return Err("not a host name, an IPv4 or an IPv6 address".into());
        }
        // A name whose last label is a number is an address written wrongly (RFC 3696).
        if labels
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err("not an IPv4 address".into());
        }
        Ok(Host::Name(name))
    }
}

/// A label of a host name; the underscore is not in the standard and in use all the same.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<Host, String> {
        text.parse()
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        assert_eq!(host("Example.COM."), Ok(Host::Name("example.com".into())));
        assert_eq!(
            host("*.example.com"),
            Ok(Host::Name("*.example.com".into()))
        );
        assert_eq!(host("127.0.0.1"), Ok(Host::Address([127, 0, 0, 1].into())));
        assert_eq!(host("::1"), host("[::1]"));
        assert_eq!(host("my_service"), Ok(Host::Name("my_service".into())));
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a b",
            "*",
            "a.*.b",
            "1.2.3",
            "1.2.3.4.5",
            "[::1",
            "müsli.de",
            "a/b",
        ] {
            assert!(host(text).is_err(), "{text:?} was taken");
        }
        assert!(host(&"a".repeat(64)).is_err());
        assert!(host(&["abc"; 64].join(".")).is_err());
    }

    #[test]
    fn a_leaf_does_not_outlive_its_issuer() {
        let root = Identity::root("a", KeyKind::Ecdsa, 10).unwrap();
        let leaf = root
            .issue(&Subject::Client("b"), KeyKind::Ecdsa, 20)
            .unwrap();
        assert!(leaf.certificate.not_after() == root.certificate.not_after());
    }

    #[test]
    fn the_chain_holds_the_intermediate_and_not_the_root() {
        let root = Identity::root("root", KeyKind::Ecdsa, 10).unwrap();
        let authority = Subject::Authority {
            name: "middle",
            below: 0,
        };
        let middle = root.issue(&authority, KeyKind::Ecdsa, 10).unwrap();
        let leaf = middle
            .issue(&Subject::Client("leaf"), KeyKind::Ed25519, 10)
            .unwrap();
        let chain = X509::stack_from_pem(&leaf.chain_pem().unwrap()).unwrap();
        assert_eq!(chain.len(), 2);
        assert!(chain[1].verify(&root.key).unwrap());
        assert!(chain[0].verify(&middle.key).unwrap());
    }

    #[test]
    fn a_name_too_long_for_a_common_name_is_left_to_the_alternative_names() {
        let long = format!("{}.example.com", "a".repeat(60));
        let root = Identity::root("root", KeyKind::Ecdsa, 10).unwrap();
        let leaf = root
            .issue(
                &Subject::Server(&[Host::Name(long.clone())]),
                KeyKind::Ecdsa,
                1,
            )
            .unwrap();
        let subject = leaf.certificate.subject_name();
        assert_eq!(subject.entries_by_nid(Nid::COMMONNAME).count(), 0);
        let names = leaf.certificate.subject_alt_names().unwrap();
        assert_eq!(names[0].dnsname(), Some(long.as_str()));
    }
}
