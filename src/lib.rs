//! tlsport: the TLS endpoint of a system people already run, for any server, on the OpenSSL of the distribution.

pub mod conn;
pub mod dialect;
pub mod error;
pub mod io;
mod net;
pub mod preface;
pub mod server;
pub mod service;
pub mod settings;
pub mod tls;
