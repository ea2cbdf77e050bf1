//! Manticore Search's ports from outside: the built daemon before nginx, which is the HTTP server behind it, a server that
//! begins as searchd does on its binary API, and MariaDB.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

// MariaDB, its client and its protocol, as other tests have them.
#[allow(dead_code)]
#[path = "../mysql/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../mysql/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../mysql/wire.rs"]
mod wire;

mod behind;
mod curl;
mod front;

mod config;
mod degraded;
mod ports;
mod refusal;
mod silence;
