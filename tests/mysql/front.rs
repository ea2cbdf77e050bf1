//! The daemon before a server.

use crate::client::mariadb_at;
use crate::server::Server;
use crate::support::client::open;
use crate::support::{Daemon, Launch, Peer, Pki, Tls, client};
use crate::wire::{self, Greeting, SSL};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

/// A server with a front before it.
pub(crate) struct Scene {
    pub(crate) front: Daemon,
    pub(crate) server: Server,
    pub(crate) pki: Pki,
}

impl Scene {
    /// TLS for those who ask for it.
    pub(crate) fn new() -> Scene {
        Scene::with(|launch, _| launch)
    }

    /// More than that.
    pub(crate) fn with(more: impl FnOnce(Launch, &Pki) -> Launch) -> Scene {
        let (pki, server) = (Pki::new(), Server::start());
        let launch = more(encrypting(&pki), &pki).set("backend", server.url());
        Scene {
            front: launch.start(),
            server,
            pki,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// `mariadb` of the user with a native password.
    pub(crate) fn mariadb(&self) -> Command {
        mariadb_at(self.address(), "native")
    }

    /// The same, with TLS.
    pub(crate) fn encrypted(&self) -> Command {
        let mut command = self.mariadb();
        command.arg("--ssl");
        command
    }

    /// The same, as strict as it can be.
    pub(crate) fn verified(&self) -> Command {
        let mut command = self.mariadb();
        command.args([
            "--ssl-verify-server-cert",
            &format!("--ssl-ca={}", self.pki.ca()),
        ]);
        command
    }
}

/// A front on a port of 127.0.0.1, with TLS for those who ask for it, in every version.
pub(crate) fn encrypting(pki: &Pki) -> Launch {
    showing(&pki.server())
}

/// The same with a certificate of choice.
pub(crate) fn showing(keyfile: &str) -> Launch {
    Launch::new()
        .endpoint("mysql://127.0.0.1:0")
        .set("ssl.keyfile", keyfile)
        .set("ssl.protocol", "9")
}

/// One without.
pub(crate) fn plain() -> Launch {
    Launch::new().endpoint("mysql+tcp://127.0.0.1:0")
}

/// Connects and hears the greeting.
#[track_caller]
pub(crate) fn greeted(address: SocketAddr) -> (TcpStream, Greeting) {
    let mut stream = open(address).unwrap();
    let greeting = wire::greeting(&mut stream);
    (stream, greeting)
}

/// Connects, hears the greeting and goes over to TLS.
#[track_caller]
pub(crate) fn greeted_in_tls(peer: &Peer, address: SocketAddr) -> (Tls, Greeting) {
    let (mut stream, greeting) = greeted(address);
    assert_ne!(greeting.capabilities & SSL, 0, "TLS is offered");
    wire::say(&mut stream, 1, &wire::ssl_request());
    let tls = client::handshake(peer.ssl(), stream).unwrap();
    (tls, greeting)
}
