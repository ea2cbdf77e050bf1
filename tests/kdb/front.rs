//! The daemon before a server.

use crate::kdbplus::Server;
use crate::support::client::{handshake, open};
use crate::support::{Daemon, Launch, Peer, Pki};
use std::io::{Read, Write};
use std::net::SocketAddr;

/// How a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Tls,
}

pub(crate) const WAYS: [Way; 2] = [Way::Plain, Way::Tls];

/// A client's connection of either way.
pub(crate) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A server with a front before it, for TLS and without on one port.
pub(crate) struct Scene {
    pub(crate) front: Daemon,
    pub(crate) server: Server,
    pub(crate) pki: Pki,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let pki = Pki::new();
        let server = Server::plain();
        let front = both(&pki).set("backend", server.url()).start();
        Scene { front, server, pki }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// A connection in which nothing was said yet.
    #[track_caller]
    pub(crate) fn open(&self, way: Way) -> Box<dyn Stream> {
        connect(way, &self.pki, self.address())
    }
}

/// A front on a port of 127.0.0.1, for TLS and without.
pub(crate) fn both(pki: &Pki) -> Launch {
    both_with(&pki.server())
}

/// The same with the certificate and the key of a file.
pub(crate) fn both_with(keyfile: &str) -> Launch {
    listening(&["-E", "1", "-p", "127.0.0.1:0W"], 1, keyfile)
}

/// A front without TLS.
pub(crate) fn plain() -> Launch {
    listening(&["-p", "127.0.0.1:0W"], 1, "")
}

/// A front that is set up as a server of kdb+ is.
pub(crate) fn listening(arguments: &[&str], endpoints: usize, keyfile: &str) -> Launch {
    Launch::new()
        .set("dialect", "kdb")
        .env("KX_SSL_CERT_FILE", keyfile)
        .env("KX_SSL_KEY_FILE", keyfile)
        .typed(arguments, endpoints)
}

/// Connects, in TLS with whoever has the right certificate.
#[track_caller]
pub(crate) fn connect(way: Way, pki: &Pki, address: SocketAddr) -> Box<dyn Stream> {
    let stream = open(address).unwrap();
    match way {
        Way::Plain => Box::new(stream),
        Way::Tls => Box::new(handshake(Peer::new(pki).ssl(), stream).unwrap()),
    }
}
