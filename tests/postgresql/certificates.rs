//! The certificates of PostgreSQL's own TLS tests (`src/test/ssl`), made once for all tests, under the names they have
//! there: a root, a CA for servers and one for clients below it, and what these have issued.

use crate::support::kept;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Name, X509NameBuilder};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Servers: file, common name, names besides. Those that look like an address are of that kind, unless `dns:` stands
/// before them.
const SERVERS: [(&str, Option<&str>, &[&str]); 12] = [
    ("server-cn-only", Some(COMMON_NAME), &[]),
    (
        "server-single-alt-name",
        None,
        &["single.alt-name.pg-ssltest.test"],
    ),
    (
        "server-multiple-alt-names",
        None,
        &[
            "dns1.alt-name.pg-ssltest.test",
            "dns2.alt-name.pg-ssltest.test",
            "*.wildcard.pg-ssltest.test",
        ],
    ),
    (
        "server-cn-and-alt-names",
        Some(COMMON_NAME),
        &[
            "dns1.alt-name.pg-ssltest.test",
            "dns2.alt-name.pg-ssltest.test",
        ],
    ),
    ("server-no-names", None, &[]),
    ("server-revoked", Some(COMMON_NAME), &[]),
    ("server-ip-cn-only", Some("192.0.2.1"), &[]),
    ("server-ip-in-dnsname", None, &["dns:192.0.2.1"]),
    ("server-ip-alt-names", None, &["192.0.2.1", "2001:DB8::1"]),
    (
        "server-cn-and-ip-alt-names",
        Some(COMMON_NAME),
        &["192.0.2.1", "2001:DB8::1"],
    ),
    (
        "server-ip-cn-and-alt-names",
        Some("192.0.2.1"),
        &["192.0.2.2", "2001:db8::1"],
    ),
    (
        "server-ip-cn-and-dns-alt-names",
        Some("192.0.2.1"),
        &[
            "dns1.alt-name.pg-ssltest.test",
            "dns2.alt-name.pg-ssltest.test",
        ],
    ),
];

/// The name of most servers.
pub(crate) const COMMON_NAME: &str = "common-name.pg-ssltest.test";

/// As long as a common name may be.
pub(crate) const LONG_NAME: &str =
    "ssl-123456789012345678901234567890123456789012345678901234567890";

/// What opens `server-password.key`.
pub(crate) const SERVER_PASSPHRASE: &str = "secret1";

/// What opens the encrypted keys of the client.
pub(crate) const CLIENT_PASSPHRASE: &str = "dUmmyP^#+";

/// The number of the first certificate: more digits than fit in 32 bits.
const FIRST_SERIAL: u64 = 2_315_702_411_956_921_344;

/// All of them, and room for one test.
pub(crate) struct Certificates {
    all: PathBuf,
    own: TempDir,
}

/// Makes them, in a directory.
struct Maker<'a> {
    directory: &'a Path,
    serial: Cell<u64>,
}

/// A CA.
struct Authority {
    certificate: X509,
    key: PKey<Private>,
    /// The numbers it has revoked.
    revoked: Vec<BigNum>,
}

/// What a certificate is for.
enum Purpose<'a> {
    Authority,
    Server(&'a [&'a str]),
    Client,
}

impl Certificates {
    pub(crate) fn new() -> Certificates {
        let kept = kept::folder("certificates", include_str!("certificates.rs"));
        let all = kept.join("all");
        if !all.exists() {
            let making = tempfile::tempdir_in(&kept).unwrap();
            Maker::make(making.path());
            let _ = fs::rename(making.path(), &all); // another test may have been first
        }
        Certificates {
            all,
            own: tempfile::tempdir().unwrap(),
        }
    }

    /// A file of the test's own, or of all tests, or one that is not there.
    pub(crate) fn path(&self, file: &str) -> String {
        let own = self.own.path().join(file);
        let path = if own.exists() {
            own
        } else {
            self.all.join(file)
        };
        path.to_str().unwrap().to_owned()
    }

    /// The folder of what is everybody's.
    pub(crate) fn folder(&self) -> String {
        self.all.to_str().unwrap().to_owned()
    }

    /// Where a file of the test's own is or may be.
    pub(crate) fn own_path(&self, file: &str) -> String {
        let path = self.own.path().join(file);
        path.to_str().unwrap().to_owned()
    }

    /// Copies a file, to be changed by this test.
    pub(crate) fn own(&self, file: &str) -> String {
        fs::copy(self.all.join(file), self.own_path(file)).unwrap();
        self.own_path(file)
    }

    /// Writes a file of the test's own.
    pub(crate) fn write(&self, file: &str, contents: impl AsRef<[u8]>) -> String {
        fs::write(self.own_path(file), contents).unwrap();
        self.own_path(file)
    }

    /// The same, for nobody else to read.
    pub(crate) fn write_secret(&self, file: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.write(file, contents);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The number of one of the certificates, in decimal.
    pub(crate) fn serial(&self, file: &str) -> String {
        let certificate = X509::from_pem(&fs::read(self.path(file)).unwrap()).unwrap();
        let number = certificate.serial_number().to_bn().unwrap();
        number.to_dec_str().unwrap().to_string()
    }
}

impl Maker<'_> {
    fn make(directory: &Path) {
        let maker = Maker {
            directory,
            serial: Cell::new(FIRST_SERIAL),
        };
        let suite = "PostgreSQL SSL regression test";
        let root = maker.authority("root_ca", &format!("Test root CA for {suite} suite"), None);
        let below = |stem, whose| {
            let name = format!("Test CA for {suite} {whose} certs");
            maker.authority(stem, &name, Some(&root))
        };
        let (mut server, mut client) = (below("server_ca", "server"), below("client_ca", "client"));
        maker.issue_servers(&mut server);
        maker.issue_clients(&mut client);
        maker.sign_with_pss();
        maker.write_bundles();
        maker.write_revocation_lists(&[("root", &root), ("server", &server), ("client", &client)]);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(file), contents).unwrap();
    }

    fn authority(&self, stem: &str, name: &str, above: Option<&Authority>) -> Authority {
        let key = new_key();
        let subject = subject(&[(Nid::COMMONNAME, name)]);
        let certificate = self.issue(above, &subject, &key, &Purpose::Authority);
        self.write(&format!("{stem}.crt"), certificate.to_pem().unwrap());
        Authority {
            certificate,
            key,
            revoked: Vec::new(),
        }
    }

    fn issue_servers(&self, authority: &mut Authority) {
        for (stem, name, others) in SERVERS {
            let name = match name {
                Some(name) => subject(&[(Nid::COMMONNAME, name)]),
                None => subject(&[(Nid::ORGANIZATIONALUNITNAME, "PostgreSQL test suite")]),
            };
            let key = new_key();
            let certificate = self.issue(Some(authority), &name, &key, &Purpose::Server(others));
            self.pair(stem, &certificate, &key);
            if stem == "server-revoked" {
                authority.revoke(&certificate);
            }
            if stem == "server-cn-only" {
                let passphrase = SERVER_PASSPHRASE.as_bytes();
                let locked =
                    key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), passphrase);
                self.secret("server-password.key", &locked.unwrap());
            }
        }
    }

    /// A certificate that has signed itself with RSA-PSS, whose keys only the program can make.
    fn sign_with_pss(&self) {
        let file = |ending| self.path(&format!("server-rsapss.{ending}"));
        // An OpenSSL that was built from source need not have a configuration.
        self.write("req.cnf", "[req]\ndistinguished_name = dn\n[dn]\n");
        let made = Command::new("openssl")
            .arg("req")
            .arg("-config")
            .arg(self.path("req.cnf"))
            .args([
                "-x509",
                "-newkey",
                "rsa-pss",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-nodes",
            ])
            .args([
                "-days",
                "3650",
                "-subj",
                &format!("/CN={COMMON_NAME}"),
                "-keyout",
            ])
            .arg(file("key"))
            .arg("-out")
            .arg(file("crt"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        self.set_mode("server-rsapss.key", 0o600);
    }

    fn issue_clients(&self, authority: &mut Authority) {
        use Nid as N;
        let one = [(N::COMMONNAME, "ssltestuser")];
        let dn = [
            (N::ORGANIZATIONNAME, "PGDG"),
            (N::ORGANIZATIONALUNITNAME, "Engineering"),
            (N::ORGANIZATIONALUNITNAME, "Testing"),
            (N::COMMONNAME, "ssltestuser-dn"),
        ];
        let greek = [(N::COMMONNAME, "Οδυσσέας")];
        let long = [
            (N::ORGANIZATIONNAME, "PGDG"),
            (N::ORGANIZATIONALUNITNAME, "Some Organizational Unit"),
            (N::COMMONNAME, LONG_NAME),
        ];
        let nameless = [(N::ORGANIZATIONALUNITNAME, "Testing")];
        let null_in_name = [(N::COMMONNAME, "ssltestuser\0.evil")];
        let escaped = [
            (N::ORGANIZATIONNAME, "Acme, \"Inc\""),
            (N::COMMONNAME, "Οδυσσέας"),
        ];
        for (stem, name) in [
            ("client-nameless", &nameless[..]),
            ("client-null-in-name", &null_in_name),
            ("client-escaped", &escaped),
            ("client", &one),
            ("client-dn", &dn),
            ("client-revoked", &one),
            ("client-revoked-utf8", &greek),
            ("client-long", &long),
        ] {
            let key = new_key();
            let certificate = self.issue(Some(authority), &subject(name), &key, &Purpose::Client);
            self.pair(stem, &certificate, &key);
            if stem.starts_with("client-revoked") {
                authority.revoke(&certificate);
            }
            if stem == "client" {
                self.keys_of_the_client(&key);
            }
        }
    }

    /// The client's key in every form.
    fn keys_of_the_client(&self, key: &PKey<Private>) {
        let (cipher, passphrase) = (Cipher::aes_128_cbc(), CLIENT_PASSPHRASE.as_bytes());
        let pem = key.private_key_to_pem_pkcs8_passphrase(cipher, passphrase);
        self.secret("client-der.key", &key.private_key_to_der().unwrap());
        self.secret("client-encrypted-pem.key", &pem.unwrap());
        self.write(
            "client_wrongperms.key",
            key.private_key_to_pem_pkcs8().unwrap(),
        );
        self.set_mode("client_wrongperms.key", 0o644);
    }

    /// A certificate, signed by whoever is above it, or by itself.
    fn issue(
        &self,
        above: Option<&Authority>,
        name: &X509Name,
        key: &PKey<Private>,
        purpose: &Purpose,
    ) -> X509 {
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let number = BigNum::from_dec_str(&self.serial.get().to_string()).unwrap();
        self.serial.set(self.serial.get() + 1);
        builder
            .set_serial_number(&Asn1Integer::from_bn(&number).unwrap())
            .unwrap();
        builder.set_subject_name(name).unwrap();
        let issuer = above.map_or(&**name, |above| above.certificate.subject_name());
        builder.set_issuer_name(issuer).unwrap();
        builder.set_pubkey(key).unwrap();
        let time = |text| Asn1Time::from_str_x509(text).unwrap();
        builder.set_not_before(&time("20200101000000Z")).unwrap();
        builder.set_not_after(&time("20491231235959Z")).unwrap();
        let context = builder.x509v3_context(above.map(|above| &*above.certificate), None);
        let mut extensions = vec![SubjectKeyIdentifier::new().build(&context).unwrap()];
        if above.is_some() {
            extensions.push(
                AuthorityKeyIdentifier::new()
                    .keyid(true)
                    .build(&context)
                    .unwrap(),
            );
        }
        match purpose {
            Purpose::Authority => {
                extensions.push(BasicConstraints::new().critical().ca().build().unwrap());
                let mut usage = KeyUsage::new();
                extensions.push(usage.critical().key_cert_sign().crl_sign().build().unwrap());
            }
            Purpose::Server(names) if !names.is_empty() => {
                extensions.push(alternative(names).build(&context).unwrap());
            }
            Purpose::Server(_) | Purpose::Client => {}
        }
        for extension in extensions {
            builder.append_extension(extension).unwrap();
        }
        let signer = above.map_or(key, |above| &above.key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    /// A certificate and its key, in two files.
    fn pair(&self, stem: &str, certificate: &X509, key: &PKey<Private>) {
        self.write(&format!("{stem}.crt"), certificate.to_pem().unwrap());
        self.secret(
            &format!("{stem}.key"),
            &key.private_key_to_pem_pkcs8().unwrap(),
        );
    }

    fn secret(&self, file: &str, contents: &[u8]) {
        self.write(file, contents);
        self.set_mode(file, 0o600);
    }

    fn set_mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn write_bundles(&self) {
        for (bundle, parts) in [
            ("both-cas-1.crt", &["root_ca", "client_ca", "server_ca"][..]),
            ("both-cas-2.crt", &["root_ca", "server_ca", "client_ca"]),
            ("root+server_ca.crt", &["root_ca", "server_ca"]),
            ("root+client_ca.crt", &["root_ca", "client_ca"]),
            ("client+client_ca.crt", &["client", "client_ca"]),
            ("client-long+client_ca.crt", &["client-long", "client_ca"]),
            (
                "server-cn-only+server_ca.crt",
                &["server-cn-only", "server_ca"],
            ),
        ] {
            let part = |part: &&str| fs::read(self.path(&format!("{part}.crt"))).unwrap();
            self.write(bundle, parts.iter().map(part).collect::<Vec<_>>().concat());
        }
    }

    fn write_revocation_lists(&self, authorities: &[(&str, &Authority)]) {
        for (stem, authority) in authorities {
            let list = authority.revocation_list(self.directory);
            self.write(&format!("{stem}.crl"), list);
        }
        for (bundle, parts) in [
            ("root+server", &["root", "server"][..]),
            ("root+client", &["root", "client"]),
            ("server", &["server"]),
            ("client", &["client"]),
        ] {
            let lists = parts
                .iter()
                .map(|part| fs::read(self.path(&format!("{part}.crl"))).unwrap());
            let folder = self.path(&format!("{bundle}-crldir"));
            fs::create_dir(&folder).unwrap();
            for (part, list) in parts.iter().zip(lists.clone()) {
                let (_, authority) = authorities.iter().find(|(stem, _)| stem == part).unwrap();
                let hash = authority.certificate.subject_name_hash();
                fs::write(folder.join(format!("{hash:08x}.r0")), list).unwrap();
            }
            self.write(&format!("{bundle}.crl"), lists.collect::<Vec<_>>().concat());
        }
    }
}

impl Authority {
    fn revoke(&mut self, certificate: &X509) {
        self.revoked
            .push(certificate.serial_number().to_bn().unwrap());
    }

    /// The list of what it has revoked. Only the program can make one.
    fn revocation_list(&self, directory: &Path) -> Vec<u8> {
        let revoked = self.revoked.iter().map(|number| {
            let number = number.to_hex_str().unwrap();
            format!("R\t491231235959Z\t240101000000Z\t{number}\tunknown\t/CN=revoked\n")
        });
        let file = |name: &str, contents: Vec<u8>| {
            let path = directory.join(name).display().to_string();
            fs::write(&path, contents).unwrap();
            path
        };
        let index = file("index.txt", revoked.collect::<String>().into_bytes());
        let config =
            format!("[ca]\ndefault_ca = ca\n[ca]\ndatabase = {index}\ndefault_md = sha256\n");
        let config = file("ca.cnf", config.into_bytes());
        let certificate = file("ca.crt", self.certificate.to_pem().unwrap());
        let key = file("ca.key", self.key.private_key_to_pem_pkcs8().unwrap());
        let made = Command::new("openssl")
            .args([
                "ca",
                "-config",
                &config,
                "-cert",
                &certificate,
                "-keyfile",
                &key,
            ])
            .args(["-gencrl", "-crldays", "3650"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    }
}

/// A subject, from the widest part to the narrowest.
fn subject(parts: &[(Nid, &str)]) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    for (kind, value) in parts {
        builder.append_entry_by_nid(*kind, value).unwrap();
    }
    builder.build()
}

fn alternative(names: &[&str]) -> SubjectAlternativeName {
    let mut alternative = SubjectAlternativeName::new();
    for name in names {
        match name.strip_prefix("dns:") {
            Some(name) => alternative.dns(name),
            None if name.parse::<std::net::IpAddr>().is_ok() => alternative.ip(name),
            None => alternative.dns(name),
        };
    }
    alternative
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}
