//! The client from outside: `tlsport::client` against libssl's own servers, the openssl program, our daemon, nginx and
//! Python's websockets.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

// nginx, as other tests have it, which use more of it.
#[allow(dead_code)]
#[path = "../krakend/web.rs"]
mod nginx;

mod servers;

mod driving;
mod kdb;
mod threads;
mod timeouts;
mod verification;
mod web;
mod websocket;

use support::Pki;
use tlsport::client::Client;
use tlsport::settings::Settings;

/// Settings with these options.
fn settings(options: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in options {
        settings.set(name, value).unwrap();
    }
    settings
}

/// A client that trusts the CA of the tests.
fn client(pki: &Pki, destination: &str) -> Client {
    client_with(pki, destination, &[])
}

/// The same with more options.
fn client_with(pki: &Pki, destination: &str, options: &[(&str, &str)]) -> Client {
    let ca = pki.ca();
    let options = [&[("ssl.cafile", ca.as_str())], options].concat();
    Client::new(&settings(&options), destination).unwrap()
}
