//! tlsport gives any server the TLS endpoint of a system people already run, with that system's own settings and
//! behaviour, on the OpenSSL that the distribution ships.
//!
//! ```text
//!  a dialect's text ─▶ dialect ─▶ Settings ─▶ tls::Prepared ─▶ tls::Context (SSL_CTX)
//!                                                                    │
//!     listener ─▶ event loop ─▶ preface ─▶ conn (state machine) ◀── tls::Channel (SSL)
//!                                           │
//!                       relay to a backend, or a service in this process
//! ```
//!
//! [`settings`] is plain data, [`tls`] is libssl, [`conn`] one connection without a socket, [`server`] all of it
//! running. A program that wants the loop and answers itself implements [`conn::Service`] (`examples/shout.rs`); one
//! with a loop of its own drives [`conn::Conn`] or [`tls::Channel`]. One that is a client has [`client::Client`].
//!
//! ```no_run
//! use tlsport::error::Problems;
//! use tlsport::server::Server;
//! use tlsport::settings::{Builder, Origin, Settings};
//! use tlsport::tls::Prepared;
//!
//! fn main() -> Result<(), Problems> {
//!     let mut builder = Builder::new(Settings::default());
//!     for (name, value) in [
//!         ("server.endpoint", "ssl://127.0.0.1:8530"),
//!         ("ssl.keyfile", "server.pem"),
//!         ("ssl.cipher-list", "HIGH:!aNULL@STRENGTH"),
//!         ("backend", "tcp://127.0.0.1:9000"),
//!     ] {
//!         builder.set(name, value, Origin::Program);
//!     }
//!     let (settings, _notes) = builder.finish()?;
//!     let (prepared, _notes) = Prepared::load(&settings)?;
//!     let server = Server::start(&settings, &prepared)?;
//!     server.wait();
//!     Ok(())
//! }
//! ```

#[cfg(feature = "capi")]
mod capi;
pub mod client;
pub mod conn;
pub mod dialect;
mod driven;
pub mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod io;
mod net;
mod preface;
pub mod server;
pub mod service;
pub mod settings;
pub mod show;
pub mod tls;
