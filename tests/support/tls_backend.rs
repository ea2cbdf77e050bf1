//! Servers that speak TLS for the daemon to reach: libssl's own, at once or after PostgreSQL's request, and the openssl
//! program.

use super::backend::{Backend, Origin};
use super::client::{End, Peer, read_all, show};
use super::wait::PATIENCE;
use super::{Daemon, Pki, eventually};
use openssl::ssl::{
    AlpnError, ErrorCode, NameType, Ssl, SslContext, SslContextBuilder, SslMethod, SslStream,
    SslVerifyMode,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A connection from the daemon.
pub(crate) type Tls = SslStream<TcpStream>;

/// PostgreSQL's SSLRequest.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What a server has seen of one connection's handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: &'static str,
    pub(crate) resumed: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<String>,
    /// The common name of the certificate that it was shown.
    pub(crate) client: Option<String>,
}

/// A server in TLS.
pub(crate) struct TlsBackend {
    backend: Backend,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// What a server in TLS is made of.
pub(crate) struct Identity(SslContextBuilder);

impl Identity {
    /// With the chain and key of a file.
    pub(crate) fn new(keyfile: &str) -> Identity {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        show(&mut builder, keyfile);
        builder.set_session_id_context(b"tests").unwrap();
        Identity(builder)
    }

    /// With more to be set.
    pub(crate) fn with(mut self, more: impl FnOnce(&mut SslContextBuilder)) -> Identity {
        more(&mut self.0);
        self
    }

    /// Only clients with a certificate of the tests' CA.
    pub(crate) fn asking(self, pki: &Pki) -> Identity {
        self.with(|builder| {
            builder.set_ca_file(pki.ca()).unwrap();
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        })
    }

    /// Agrees on one protocol by ALPN, where it is offered.
    pub(crate) fn speaking(self, protocol: &'static str) -> Identity {
        let length = u8::try_from(protocol.len()).unwrap();
        let name = [&[length], protocol.as_bytes()].concat();
        self.with(|builder| {
            builder.set_alpn_select_callback(move |_, offered| {
                let mut parts = offered.windows(name.len());
                let found = parts.find(|part| *part == name);
                found.map(|part| &part[1..]).ok_or(AlpnError::NOACK)
            });
        })
    }

    /// Treats each connection with `treat`, once hands were shaken.
    pub(crate) fn serve(self, treat: impl Fn(Tls) + Send + Sync + 'static) -> TlsBackend {
        self.serve_after(|_| true, treat)
    }

    /// The same after PostgreSQL's request.
    pub(crate) fn serve_postgresql(
        self,
        treat: impl Fn(Tls) + Send + Sync + 'static,
    ) -> TlsBackend {
        self.serve_after(
            |stream| {
                let mut request = [0; 8];
                let asked = stream.read_exact(&mut request);
                assert!(asked.is_ok() && request == SSL_REQUEST, "{request:?}");
                stream.write_all(b"S").is_ok()
            },
            treat,
        )
    }

    fn serve_after(
        self,
        before: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static,
        treat: impl Fn(Tls) + Send + Sync + 'static,
    ) -> TlsBackend {
        let context = self.0.build();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let sees = Arc::clone(&seen);
        let backend = Backend::new(move |mut stream| {
            if !before(&mut stream) {
                return;
            }
            let ssl = Ssl::new(&context).unwrap();
            let Ok(tls) = ssl.accept(stream) else {
                return; // the daemon says why
            };
            sees.lock().unwrap().push(Seen::of(&tls));
            treat(tls);
        });
        TlsBackend { backend, seen }
    }

    /// Says back what it hears.
    pub(crate) fn echo(self) -> TlsBackend {
        self.serve(echo)
    }
}

impl TlsBackend {
    /// As `--backend` takes it, by the host's name: `tls://localhost:PORT`.
    pub(crate) fn tls(&self) -> String {
        format!("tls://localhost:{}", self.port())
    }

    /// `postgres+tls://localhost:PORT`
    pub(crate) fn postgresql(&self) -> String {
        format!("postgres+tls://localhost:{}", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        let (_, port) = self.backend.url.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    /// The handshakes so far, as soon as there are so many.
    #[track_caller]
    pub(crate) fn seen(&self, count: usize) -> Vec<Seen> {
        eventually("a handshake at the backend", || {
            let seen = self.seen.lock().unwrap();
            (seen.len() >= count).then(|| seen.clone())
        })
    }

    /// How many handshakes there were.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Seen {
    fn of(tls: &Tls) -> Seen {
        let ssl = tls.ssl();
        let client = ssl.peer_certificate().map(|certificate| {
            let name = certificate.subject_name().entries().next().unwrap();
            name.data().to_string().unwrap()
        });
        let alpn = ssl.selected_alpn_protocol();
        Seen {
            version: ssl.version_str(),
            resumed: ssl.session_reused(),
            server_name: ssl.servername(NameType::HOST_NAME).map(str::to_owned),
            alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
            client,
        }
    }
}

impl Origin for Tls {
    /// A close-notify, and the end of the stream behind it.
    fn shut_write(&self) {
        self.get_ref().shut_write();
    }

    fn reset_on_close(&self) {
        self.get_ref().reset_on_close();
    }

    fn set_patience(&self, patience: Duration) {
        self.get_ref().set_patience(patience);
    }
}

/// Says back what it hears; then a close-notify.
pub(crate) fn echo(mut tls: Tls) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match tls.ssl_read(&mut buffer) {
            Ok(count) => {
                if tls.write_all(&buffer[..count]).is_err() {
                    return; // the daemon is gone
                }
            }
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => {
                let _ = tls.shutdown(); // the daemon may not wait for it
                return;
            }
            Err(_) => return,
        }
    }
}

/// `openssl s_server`, for one connection at a time.
pub(crate) struct Program {
    process: Child,
    stdin: ChildStdin,
    address: SocketAddr,
    said: Arc<Mutex<String>>,
    collector: Option<JoinHandle<()>>,
}

impl Program {
    /// With the chain and key of a file, and more arguments.
    pub(crate) fn new(keyfile: &str, arguments: &[&str]) -> Program {
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(["-cert", keyfile, "-key", keyfile])
            .args(arguments)
            .env("OPENSSL_CONF", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "s_server ended");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim().parse().unwrap();
            }
        };
        let said = Arc::<Mutex<String>>::default();
        let collected = Arc::clone(&said);
        let collector = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                collected.lock().unwrap().push_str(&text);
            }
        });
        Program {
            process,
            stdin,
            address,
            said,
            collector: Some(collector),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn said(&self, text: &str) {
        eventually(text, || {
            self.said.lock().unwrap().contains(text).then_some(())
        });
    }

    /// Types a line: a command of the program's, or words for the client.
    pub(crate) fn types(&mut self, line: &str) {
        self.stdin.write_all(line.as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
        if let Some(collector) = self.collector.take() {
            let _ = collector.join();
        }
        if thread::panicking() {
            eprintln!("s_server said:\n{}", self.said.lock().unwrap());
        }
    }
}

/// A server that hears PostgreSQL's request, answers with these bytes, and tells what it hears then.
pub(crate) fn answering(answer: &'static [u8]) -> (Backend, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let hears = Arc::clone(&heard);
    let backend = Backend::new(move |mut stream| {
        let mut request = [0; 8];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request, SSL_REQUEST);
        let _ = stream.write_all(answer);
        stream.set_patience(PATIENCE);
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            hears.lock().unwrap().extend_from_slice(&buffer[..count]);
            let _ = stream.write_all(&buffer[..count]);
        }
    });
    (backend, heard)
}

/// A client's connection gets nothing, and the log says why.
#[track_caller]
pub(crate) fn refused(daemon: &Daemon, pki: &Pki, why: &str) {
    let mark = daemon.mark();
    let mut tls = Peer::new(pki).connect(daemon.address());
    let _ = tls.write_all(b"hello"); // it may be over already
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Cut));
    daemon.said_after(mark, why);
}
