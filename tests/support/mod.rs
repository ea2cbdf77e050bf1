//! What the black-box tests share: the daemon as a guard, certificates, clients, backends, waiting with a deadline.
//!
//! Nothing here is a stand-in: the daemon is the built binary, peers are the openssl program, curl, libssl's own
//! client, and plain sockets. No fixed ports, no sleeping for luck. Each test program uses a part of it.
#![allow(dead_code, unused_imports)]
#![allow(clippy::unwrap_used)] // what cannot go on fails the test

pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod kept;
pub(crate) mod openssl_program;
pub(crate) mod pattern;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod tls_backend;
pub(crate) mod wait;

pub(crate) use backend::{Backend, Origin};
pub(crate) use client::{End, Peer, Tls};
pub(crate) use daemon::{Daemon, Launch};
pub(crate) use pki::Pki;
pub(crate) use wait::{PATIENCE, eventually};
