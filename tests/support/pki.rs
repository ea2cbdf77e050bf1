//! Certificates, made for one test in a directory of its own: a CA, another CA, servers, clients good and bad.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A kind of key.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Ecdsa,
    Rsa,
    /// Too weak for security level 2.
    Rsa1024,
    Ed25519,
}

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

/// A directory with certificates.
pub(crate) struct Pki {
    directory: TempDir,
    pub authority: Authority,
    pub stranger: Authority,
}

/// When a certificate is valid.
#[derive(Clone, Copy)]
enum Validity {
    Now,
    Past,
}

impl Pki {
    /// `ca.pem`, `other-ca.pem`, and `server.pem` for localhost.
    pub(crate) fn new() -> Pki {
        let pki = Pki {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new("CA of the tests"),
            stranger: Authority::new("CA that nobody trusts"),
        };
        pki.write("ca.pem", pki.authority.certificate.to_pem().unwrap());
        pki.write("other-ca.pem", pki.stranger.certificate.to_pem().unwrap());
        pki.issue_server("server.pem", "localhost", Key::Ecdsa);
        pki
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file of the directory, there or not.
    pub(crate) fn path(&self, file: &str) -> String {
        self.directory
            .path()
            .join(file)
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn write(&self, file: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(file);
        fs::write(&path, contents).unwrap();
        path
    }

    pub(crate) fn ca(&self) -> String {
        self.path("ca.pem")
    }

    pub(crate) fn other_ca(&self) -> String {
        self.path("other-ca.pem")
    }

    pub(crate) fn server(&self) -> String {
        self.path("server.pem")
    }

    /// A keyfile for a server of that name.
    pub(crate) fn issue_server(&self, file: &str, name: &str, kind: Key) -> String {
        let key = new_key(kind);
        let certificate = self.authority.issue(name, &key, true, Validity::Now);
        self.keyfile(file, &certificate, &key)
    }

    /// A client's certificate and key, accepted by whoever trusts `ca.pem`.
    pub(crate) fn client(&self) -> String {
        self.issue_client("client.pem", &self.authority, Validity::Now)
    }

    /// Another one, in a file of its own.
    pub(crate) fn named_client(&self, file: &str) -> String {
        self.issue_client(file, &self.authority, Validity::Now)
    }

    /// A revocation list of the CA with the certificate of a keyfile.
    pub(crate) fn revoke(&self, keyfile: &str) -> String {
        self.revocation_list(Some(keyfile))
    }

    /// A revocation list of the CA with nobody on it.
    pub(crate) fn revoke_nobody(&self) -> String {
        self.revocation_list(None)
    }

    fn revocation_list(&self, keyfile: Option<&str>) -> String {
        let key = self.authority.key.private_key_to_pem_pkcs8().unwrap();
        let (key, index) = (self.write("ca.key", key), self.write("index.txt", ""));
        let config = self.write(
            "ca.cnf",
            format!("[ca]\ndefault_ca = ca\ndatabase = {index}\ndefault_md = sha256\n"),
        );
        let list = self.path("crl.pem");
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl")
                .args([
                    "ca",
                    "-config",
                    &config,
                    "-keyfile",
                    &key,
                    "-cert",
                    &self.ca(),
                ])
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        if let Some(keyfile) = keyfile {
            run(&["-revoke", keyfile]);
        }
        run(&["-gencrl", "-crldays", "365", "-out", &list]);
        list
    }

    pub(crate) fn expired_client(&self) -> String {
        self.issue_client("expired.pem", &self.authority, Validity::Past)
    }

    /// A client of the other CA.
    pub(crate) fn foreign_client(&self) -> String {
        self.issue_client("foreign.pem", &self.stranger, Validity::Now)
    }

    /// An expired certificate for a server.
    pub(crate) fn expired_server(&self) -> String {
        let key = new_key(Key::Ecdsa);
        let certificate = self
            .authority
            .issue("localhost", &key, true, Validity::Past);
        self.keyfile("expired-server.pem", &certificate, &key)
    }

    /// A server's certificate of the other CA.
    pub(crate) fn foreign_server(&self) -> String {
        let key = new_key(Key::Ecdsa);
        let certificate = self.stranger.issue("localhost", &key, true, Validity::Now);
        self.keyfile("foreign-server.pem", &certificate, &key)
    }

    /// A certificate for localhost that its own key has signed.
    pub(crate) fn self_signed_server(&self) -> String {
        let own = Authority::new("localhost");
        self.keyfile("self-signed.pem", &own.certificate, &own.key)
    }

    fn issue_client(&self, file: &str, authority: &Authority, validity: Validity) -> String {
        let key = new_key(Key::Ecdsa);
        let name = file.trim_end_matches(".pem");
        let certificate = authority.issue(name, &key, false, validity);
        self.keyfile(file, &certificate, &key)
    }

    /// Chain, then key.
    fn keyfile(&self, file: &str, certificate: &X509, key: &PKey<Private>) -> String {
        let mut text = certificate.to_pem().unwrap();
        text.extend(key.private_key_to_pem_pkcs8().unwrap());
        let path = self.write(file, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Authority {
    fn new(name: &str) -> Authority {
        let key = new_key(Key::Ecdsa);
        let mut builder = begin(name, &key, Validity::Now);
        builder.set_issuer_name(&named(name)).unwrap();
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(constraints).unwrap();
        let mut usage = KeyUsage::new();
        let usage = usage.critical().key_cert_sign().crl_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
        let id = SubjectKeyIdentifier::new();
        let id = id.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(id).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Authority {
            certificate: builder.build(),
            key,
        }
    }

    fn issue(&self, name: &str, key: &PKey<Private>, server: bool, validity: Validity) -> X509 {
        let mut builder = begin(name, key, validity);
        builder
            .set_issuer_name(self.certificate.subject_name())
            .unwrap();
        let constraints = BasicConstraints::new().critical().build().unwrap();
        builder.append_extension(constraints).unwrap();
        let mut usage = ExtendedKeyUsage::new();
        let usage = if server {
            usage.server_auth()
        } else {
            usage.client_auth()
        };
        builder.append_extension(usage.build().unwrap()).unwrap();
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let id = SubjectKeyIdentifier::new().build(&context).unwrap();
        let mut issuer = AuthorityKeyIdentifier::new();
        let issuer = issuer.keyid(true).build(&context).unwrap();
        let names = server.then(|| {
            let mut names = SubjectAlternativeName::new();
            names.dns(name).ip("127.0.0.1").ip("::1");
            names.build(&context).unwrap()
        });
        builder.append_extension(id).unwrap();
        builder.append_extension(issuer).unwrap();
        if let Some(names) = names {
            builder.append_extension(names).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        builder.build()
    }
}

fn begin(name: &str, key: &PKey<Private>, validity: Validity) -> X509Builder {
    static SERIAL: AtomicU32 = AtomicU32::new(1);
    let (from, to) = match validity {
        Validity::Now => ("20200101000000Z", "20491231235959Z"),
        Validity::Past => ("20200101000000Z", "20201231235959Z"),
    };
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(SERIAL.fetch_add(1, Ordering::Relaxed)).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
        .unwrap();
    builder.set_subject_name(&named(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    let time = |text| Asn1Time::from_str_x509(text).unwrap();
    builder.set_not_before(&time(from)).unwrap();
    builder.set_not_after(&time(to)).unwrap();
    builder
}

fn named(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

/// A key. RSA keys are slow to make, so a test process has one of each size.
fn new_key(kind: Key) -> PKey<Private> {
    static RSA: LazyLock<PKey<Private>> = LazyLock::new(|| rsa(2048));
    static RSA1024: LazyLock<PKey<Private>> = LazyLock::new(|| rsa(1024));
    match kind {
        Key::Ecdsa => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        }
        Key::Rsa => RSA.clone(),
        Key::Rsa1024 => RSA1024.clone(),
        Key::Ed25519 => PKey::generate_ed25519().unwrap(),
    }
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}
