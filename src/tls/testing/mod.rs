//! For tests of this room: certificates made on the spot, and a client and a server joined in memory.

mod certificates;

pub(super) use certificates::*;

use super::failure::HandshakeError;
use super::queue::Queue;
use super::{Context, Facts, Prepared, Shared, facts, passing, whom};
use crate::settings::{Origin, Setting, Settings};
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslSession, SslSessionCacheMode, SslStream,
    SslVerifyMode, SslVersion,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Does `body` in a process of its own, which nothing else was done in: `None` there, and here what came of it. `test` is the
/// calling test, with its path in the crate.
pub(super) fn alone(test: &str, body: impl FnOnce()) -> Option<Output> {
    const CHILD: &str = "TLSPORT_TEST_ALONE";
    if std::env::var_os(CHILD).is_some() {
        body();
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output();
    Some(output.unwrap())
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

    /// The directory that its files are in.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
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

/// For connections of other rooms' tests.
#[cfg(feature = "capi")]
pub(crate) fn a_servers_context() -> Context {
    Policy::new().set("ssl.protocol", "9").server().0
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
    /// What the server has to warn of.
    pub(super) expired: Option<String>,
    /// Whether the server knows for sure whom the client's certificate is for.
    pub(super) identified: bool,
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
            super::sys::set_session(&mut ssl, session).expect("a session of the same method");
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
                    server: HandshakeError::classify(&queue, server.ssl(), None),
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
            identified: facts::subject(server.ssl()).is_some(),
            expired: passing::expired(server.ssl()).map(|expired| expired.to_string()),
        })
    }
}

/// A client's context and a server's: what the client's side comes to, or what its libssl said.
pub(super) fn greet(client: &Context, host: &str, server: &Server) -> Result<Facts, String> {
    reach(client, whom::Server::Verified(host), server).map(|(facts, _)| facts)
}

/// The same with whomever, and what the client has to warn of.
pub(super) fn reach(
    client: &Context,
    whom: whom::Server<'_>,
    server: &Server,
) -> Result<(Facts, Option<String>), String> {
    let (near, far) = Pipe::pair();
    let mut ssl = client.new_ssl().unwrap();
    whom.expect(&mut ssl).unwrap();
    let mut client = SslStream::new(ssl, near).unwrap();
    let mut server = SslStream::new(server.0.new_ssl().unwrap(), far).unwrap();
    for _ in 0..50 {
        let done = step(client.connect())
            .map_err(|queue| HandshakeError::classify(&queue, client.ssl(), None).reason)?;
        let accepted = step(server.accept());
        if accepted.is_err() {
            return Err(last_words(&mut client));
        }
        if done && accepted.is_ok_and(|done| done) {
            let expired = passing::expired(client.ssl()).map(|expired| expired.to_string());
            return Ok((facts::facts(client.ssl()), expired));
        }
    }
    Err("the handshake went nowhere".into())
}

/// What a server says of bytes that are no handshake.
pub(super) fn receive(server: &Server, bytes: &[u8]) -> HandshakeError {
    let (mut near, far) = Pipe::pair();
    near.write_all(bytes).unwrap();
    let mut server = SslStream::new(server.0.new_ssl().unwrap(), far).unwrap();
    let queue = step(server.accept()).expect_err("that is no handshake");
    HandshakeError::classify(&queue, server.ssl(), None)
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
