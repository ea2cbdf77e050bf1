//! Clients on libssl: one that trusts the test's CA, and how its connections end.

use super::Pki;
use super::wait::PATIENCE;
use openssl::ssl::{
    ErrorCode, HandshakeError, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod,
    SslStream, SslVerifyMode,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A client's connection.
pub(crate) type Tls = SslStream<TcpStream>;

/// A client, as one program is that connects several times.
pub(crate) struct Peer {
    pub(crate) context: SslContext,
    pub(crate) name: String,
}

/// How the other side ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a close-notify.
    Clean,
    /// The stream ended without one.
    Cut,
    /// The stream was reset.
    Reset,
    /// With an alert, or with something that was no TLS; libssl's words.
    Failed(String),
    /// Not at all, in time.
    Silent,
}

impl Peer {
    /// It trusts `ca.pem` and wants localhost.
    pub(crate) fn new(pki: &Pki) -> Peer {
        Peer::with(pki, |_| {})
    }

    /// As [`Peer::new`], with more to be set.
    pub(crate) fn with(pki: &Pki, more: impl FnOnce(&mut SslContextBuilder)) -> Peer {
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_ca_file(pki.ca()).unwrap();
        builder.set_verify(SslVerifyMode::PEER);
        more(&mut builder);
        Peer {
            context: builder.build(),
            name: "localhost".into(),
        }
    }

    /// It shows the certificate of a keyfile.
    pub(crate) fn showing(pki: &Pki, keyfile: &str) -> Peer {
        Peer::with(pki, |builder| show(builder, keyfile))
    }

    /// It asks for another server name.
    pub(crate) fn asking(mut self, name: &str) -> Peer {
        self.name = name.to_owned();
        self
    }

    /// A handle with the server's name set and checked.
    pub(crate) fn ssl(&self) -> Ssl {
        let mut ssl = Ssl::new(&self.context).unwrap();
        ssl.set_hostname(&self.name).unwrap();
        ssl.param_mut().set_host(&self.name).unwrap();
        ssl
    }

    /// Connects; failing is libssl's own words.
    pub(crate) fn try_connect(&self, address: SocketAddr) -> Result<Tls, String> {
        let stream = open(address).map_err(|error| error.to_string())?;
        handshake(self.ssl(), stream)
    }

    /// Connects where that has to work.
    #[track_caller]
    pub(crate) fn connect(&self, address: SocketAddr) -> Tls {
        self.try_connect(address)
            .unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Shows the certificate of a keyfile.
pub(crate) fn show(builder: &mut SslContextBuilder, keyfile: &str) {
    builder.set_certificate_chain_file(keyfile).unwrap();
    builder
        .set_private_key_file(keyfile, SslFiletype::PEM)
        .unwrap();
}

/// A TCP connection that loses patience.
pub(crate) fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Shakes hands over any stream.
pub(crate) fn handshake<S: Read + Write>(ssl: Ssl, stream: S) -> Result<SslStream<S>, String> {
    ssl.connect(stream).map_err(|error| match error {
        HandshakeError::SetupFailure(stack) => stack.to_string(),
        HandshakeError::Failure(half) | HandshakeError::WouldBlock(half) => {
            half.error().to_string()
        }
    })
}

/// Reads until the other side has ended, giving away what comes.
pub(crate) fn drain<S: Read + Write>(tls: &mut SslStream<S>, mut take: impl FnMut(&[u8])) -> End {
    let mut buffer = vec![0; 300_007];
    loop {
        match tls.ssl_read(&mut buffer) {
            Ok(count) => take(&buffer[..count]),
            Err(error) => return end(&error),
        }
    }
}

/// Reads everything.
pub(crate) fn read_all<S: Read + Write>(tls: &mut SslStream<S>) -> (Vec<u8>, End) {
    let mut all = Vec::new();
    let end = drain(tls, |bytes| all.extend_from_slice(bytes));
    (all, end)
}

/// Says something, and hears as much.
#[track_caller]
pub(crate) fn round_trip<S: Read + Write>(stream: &mut S, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes, "other bytes came back");
}

/// What a failed read means.
pub(crate) fn end(error: &openssl::ssl::Error) -> End {
    use std::io::ErrorKind::{ConnectionReset, WouldBlock};
    if error.code() == ErrorCode::ZERO_RETURN {
        return End::Clean;
    }
    match error.io_error().map(std::io::Error::kind) {
        Some(ConnectionReset) => return End::Reset,
        Some(WouldBlock) => return End::Silent,
        _ => {}
    }
    let text = error.to_string();
    // OpenSSL 3 calls it an error of the library, 1.1.1 an error of the system without a number.
    let cut = error.code() == ErrorCode::SYSCALL && error.io_error().is_none();
    if cut || text.contains("unexpected eof") {
        End::Cut
    } else {
        End::Failed(text)
    }
}
