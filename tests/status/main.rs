//! The status page from outside: the built daemon, looked at by curl and by a browser.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod chromium;
mod peers;

use openssl::x509::X509;
use std::fs;
use support::{Daemon, Launch, Pki};

/// A daemon that serves the page, over TLS and without.
struct Site {
    daemon: Daemon,
    pki: Pki,
    tls: u16,
    plain: u16,
}

impl Site {
    /// One of default settings.
    fn new() -> Site {
        Site::with(|launch, _| launch)
    }

    /// One that speaks all versions of TLS.
    fn modern() -> Site {
        Site::with(|launch, _| launch.set("ssl.protocol", "9"))
    }

    /// One with more to be set.
    fn with(more: impl FnOnce(Launch, &Pki) -> Launch) -> Site {
        let pki = Pki::new();
        let launch = Launch::tls(&pki)
            .endpoint("tcp://127.0.0.1:0")
            .set("backend", "service://status");
        let daemon = more(launch, &pki).start();
        let addresses = daemon.addresses(2);
        let (tls, plain) = (addresses[0].port(), addresses[1].port());
        Site {
            daemon,
            pki,
            tls,
            plain,
        }
    }

    /// A page over TLS, by the name in the certificate.
    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.tls)
    }

    /// A page without TLS.
    fn plain_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    /// SHA-256 of the server's public key, in base64.
    fn key_hash(&self) -> String {
        let certificate = X509::from_pem(&fs::read(self.pki.server()).unwrap()).unwrap();
        let key = certificate.public_key().unwrap();
        let hash = openssl::sha::sha256(&key.public_key_to_der().unwrap());
        openssl::base64::encode_block(&hash)
    }
}
