//! For tests of this room: certificates made on the spot, and a client and a server joined in memory.

use super::failure::HandshakeError;
use super::queue::Queue;
use super::{Context, Facts, Prepared, Shared, facts};
use crate::settings::{Origin, Setting, Settings};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslSession, SslSessionCacheMode, SslStream,
    SslVerifyMode, SslVersion,
};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Crl, X509CrlBuilder, X509Name, X509NameBuilder};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What kind of key a certificate is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Rsa(u32),
    RsaPss,
    Ec(Nid),
    Ed25519,
    Ed448,
}

pub(super) const EC: Key = Key::Ec(Nid::X9_62_PRIME256V1);

impl Key {
    fn generate(self) -> PKey<Private> {
        match self {
            Key::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
            Key::RsaPss => {
                let mut maker = openssl::pkey_ctx::PkeyCtx::new_id(Id::RSA_PSS).unwrap();
                maker.keygen_init().unwrap();
                maker.set_rsa_keygen_bits(2048).unwrap();
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
pub(super) struct Pair {
    pub(super) certificate: X509,
    pub(super) key: PKey<Private>,
}

impl Pair {
    /// As one file, certificate first.
    pub(super) fn pem(&self) -> Vec<u8> {
        let mut text = self.certificate.to_pem().unwrap();
        text.extend(self.key_pem());
        text
    }

    pub(super) fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

/// A CA.
pub(super) struct Authority(pub(super) Pair);

impl Authority {
    pub(super) fn new(name: &str) -> Authority {
        Authority::until(name, 3650)
    }

    /// With so many days left.
    pub(super) fn until(name: &str, days: i64) -> Authority {
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

    pub(super) fn pem(&self) -> Vec<u8> {
        self.0.certificate.to_pem().unwrap()
    }

    /// A certificate for a host or a client, good now.
    pub(super) fn issue(&self, name: &str, kind: Key) -> Pair {
        self.issue_for(name, kind, (-DAY, 365 * DAY))
    }

    /// From so many seconds to so many seconds from now.
    pub(super) fn issue_for(&self, name: &str, kind: Key, seconds: (i64, i64)) -> Pair {
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
    pub(super) fn intermediate(&self, name: &str) -> Authority {
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
    pub(super) fn crl(&self, revoked: &[&Pair], days: i64) -> X509Crl {
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

pub(super) fn self_signed(name: &str, kind: Key) -> Pair {
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
pub(super) const DAY: i64 = 24 * 3600;

fn after(seconds: i64) -> Asn1Time {
    Asn1Time::from_unix(super::sys::now() + seconds).unwrap()
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

/// A policy in the making, with a directory for its files.
pub(super) struct Policy {
    pub(super) settings: Settings,
    directory: tempfile::TempDir,
}

impl Policy {
    /// Without an identity.
    pub(super) fn empty() -> Policy {
        Policy {
            settings: Settings::default(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Serves a self-signed certificate for `localhost`.
    pub(super) fn new() -> Policy {
        let mut policy = Policy::empty();
        policy.identity("server.pem", &self_signed("localhost", EC).pem());
        policy
    }

    /// Writes a file, readable by its owner alone.
    pub(super) fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(super) fn identity(&mut self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.file(name, text);
        let setting = Setting::new(path.clone(), Origin::Program);
        self.settings.policy.key_files.push(setting);
        path
    }

    /// Sets an option as a user would.
    pub(super) fn set(&mut self, name: &str, value: &str) -> &mut Policy {
        let record = crate::settings::find(name).unwrap();
        (record.set)(&mut self.settings, value, &Origin::Program).unwrap();
        self
    }

    pub(super) fn load(&self) -> Prepared {
        self.noted().0
    }

    /// The notes, one a line.
    pub(super) fn notes(&self) -> String {
        self.noted().1
    }

    fn noted(&self) -> (Prepared, String) {
        let (prepared, notes) = Prepared::load(&self.settings).unwrap();
        let texts: Vec<String> = notes.into_iter().map(|note| note.text).collect();
        (prepared, texts.join("\n"))
    }

    /// What is wrong, one a line, with the directory of the files left out.
    pub(super) fn problems(&self) -> String {
        let Err(problems) = Prepared::load(&self.settings) else {
            return "nothing".into();
        };
        let directory = format!("{}/", self.directory.path().display());
        problems.to_string().replace(&directory, "")
    }

    pub(super) fn server(&self) -> Server {
        Server::new(&self.load(), &Shared::new())
    }
}

/// A worker's context.
pub(super) struct Server(pub(super) Context);

impl Server {
    pub(super) fn new(prepared: &Prepared, shared: &Arc<Shared>) -> Server {
        Server(Context::build(prepared, shared).unwrap())
    }
}

/// What a client offers.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) versions: (SslVersion, SslVersion),
    pub(super) ciphers: &'static str,
    pub(super) groups: Option<&'static str>,
    pub(super) identity: Option<Pair>,
    pub(super) server_name: Option<&'static str>,
    pub(super) alpn: &'static [u8],
    pub(super) session: Option<SslSession>,
    /// Whether the server's certificate is checked, against no CA at all.
    pub(super) verifies: bool,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            versions: (SslVersion::TLS1, SslVersion::TLS1_3),
            ciphers: "DEFAULT:@SECLEVEL=0",
            groups: None,
            identity: None,
            server_name: None,
            alpn: b"",
            session: None,
            verifies: false,
        }
    }
}

/// How a connection went.
pub(super) struct Met {
    pub(super) facts: Facts,
    /// What the client was given to come back with, newest last.
    pub(super) sessions: Vec<SslSession>,
    /// The certificates the client was shown, leaf first, by their CN.
    pub(super) shown: Vec<String>,
    /// The CAs the client was told of.
    pub(super) told: Vec<String>,
}

impl std::fmt::Debug for Met {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.facts.fmt(f)
    }
}

/// Why it did not.
#[derive(Debug)]
pub(super) struct Parted {
    pub(super) server: HandshakeError,
    /// What the client's libssl said: the alert it received, or its own reason.
    pub(super) client: String,
}

impl Client {
    pub(super) fn only(version: SslVersion) -> Client {
        Client {
            versions: (version, version),
            ..Client::default()
        }
    }

    /// The same client, coming back. The session is copied: libssl lets a client use one of TLS 1.3 once.
    pub(super) fn with_session(&self, met: &Met) -> Client {
        let session = met.sessions.last().expect("a session was given");
        Client {
            session: Some(SslSession::from_der(&session.to_der().unwrap()).unwrap()),
            ..self.clone()
        }
    }

    fn ssl(&self, sessions: &Arc<Mutex<Vec<SslSession>>>) -> Ssl {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        context.set_cipher_list(self.ciphers).unwrap();
        context
            .set_min_proto_version(Some(self.versions.0))
            .unwrap();
        context
            .set_max_proto_version(Some(self.versions.1))
            .unwrap();
        if let Some(groups) = self.groups {
            context.set_groups_list(groups).unwrap();
        }
        if let Some(pair) = &self.identity {
            context.set_certificate(&pair.certificate).unwrap();
            context.set_private_key(&pair.key).unwrap();
        }
        if self.verifies {
            context.set_verify(SslVerifyMode::PEER);
        }
        if !self.alpn.is_empty() {
            context.set_alpn_protos(self.alpn).unwrap();
        }
        context
            .set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        let kept = sessions.clone();
        context.set_new_session_callback(move |_, session| kept.lock().unwrap().push(session));
        let mut ssl = Ssl::new(&context.build()).unwrap();
        if let Some(name) = self.server_name {
            ssl.set_hostname(name).unwrap();
        }
        if let Some(session) = &self.session {
            super::sys::set_session(&mut ssl, session);
        }
        ssl
    }

    /// Connects, exchanges a few bytes, and closes.
    pub(super) fn meet(&self, server: &Server) -> Result<Met, Parted> {
        let sessions = Arc::default();
        let (near, far) = Pipe::pair();
        let mut client = SslStream::new(self.ssl(&sessions), near).unwrap();
        let mut server = SslStream::new(server.0.new_ssl().unwrap(), far).unwrap();
        let (mut client_done, mut server_done) = (false, false);
        let mut client_said = None;
        for _ in 0..50 {
            if !client_done && client_said.is_none() {
                client_done = step(client.connect()).unwrap_or_else(|queue| {
                    client_said = Some(queue);
                    false
                });
            }
            if !server_done {
                server_done = step(server.accept()).map_err(|queue| Parted {
                    server: HandshakeError::classify(&queue, server.ssl()),
                    client: match &client_said {
                        Some(said) => said.first(),
                        None => last_words(&mut client),
                    },
                })?;
            }
            if client_done && server_done {
                break;
            }
        }
        assert!(client_done && server_done, "the handshake went nowhere");
        server.write_all(b"hello").unwrap();
        let mut hello = [0; 5];
        client.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"hello");
        let facts = facts::facts(server.ssl());
        let shown = client.ssl().peer_cert_chain().map(|chain| {
            chain
                .iter()
                .map(|c| common_name(c.subject_name()))
                .collect()
        });
        let told = super::sys::announced_names(client.ssl());
        let mut sessions = std::mem::take(&mut *sessions.lock().unwrap());
        if facts.protocol != "TLSv1.3" {
            // A new ticket of a resumed session is not announced to the callback.
            sessions.extend(client.ssl().session().map(ToOwned::to_owned));
        }
        let _ = (server.shutdown(), client.shutdown());
        Ok(Met {
            facts,
            sessions,
            shown: shown.unwrap_or_default(),
            told,
        })
    }
}

/// What a server says of bytes that are no handshake.
pub(super) fn receive(server: &Server, bytes: &[u8]) -> HandshakeError {
    let (mut near, far) = Pipe::pair();
    near.write_all(bytes).unwrap();
    let mut server = SslStream::new(server.0.new_ssl().unwrap(), far).unwrap();
    let queue = step(server.accept()).expect_err("that is no handshake");
    HandshakeError::classify(&queue, server.ssl())
}

fn common_name(name: &openssl::x509::X509NameRef) -> String {
    let entry = name.entries().next().expect("a CN");
    entry.data().to_string().unwrap()
}

fn step(result: Result<(), openssl::ssl::Error>) -> Result<bool, Queue> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.code() == ErrorCode::WANT_READ => Ok(false),
        Err(error) => Err(error
            .ssl_error()
            .cloned()
            .map_or_else(Queue::default, Queue::from)),
    }
}

/// What a client says of its server's alert. In TLS 1.3 its handshake may be done by then.
fn last_words(client: &mut SslStream<Pipe>) -> String {
    let outcome = step(client.connect()).and_then(|_| step(client.ssl_read(&mut [0]).map(drop)));
    outcome.map_or_else(|queue| queue.first(), |_| String::new())
}

/// One end of two queues.
#[derive(Debug)]
pub(super) struct Pipe {
    incoming: Rc<RefCell<VecDeque<u8>>>,
    outgoing: Rc<RefCell<VecDeque<u8>>>,
}

impl Pipe {
    fn pair() -> (Pipe, Pipe) {
        let (a, b) = (Rc::default(), Rc::default());
        let near = Pipe {
            incoming: Rc::clone(&a),
            outgoing: Rc::clone(&b),
        };
        let far = Pipe {
            incoming: b,
            outgoing: a,
        };
        (near, far)
    }
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.incoming.borrow_mut().read(buf) {
            Ok(0) if !buf.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.outgoing.borrow_mut().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
