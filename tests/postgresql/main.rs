//! PostgreSQL's endpoints from outside: the built daemon between PostgreSQL's own clients and a real PostgreSQL.
//!
//! What is expected is what the original does: its wire protocol, its table of negotiations
//! (`src/interfaces/libpq/t/005_negotiate_encryption.pl`) and its tests of TLS (`src/test/ssl`), as far as a front
//! decides it.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod cluster;
mod front;
mod libpq;
mod programs;
mod wire;

mod canceling;
mod channel_binding;
mod client_certificates;
mod direct;
mod hosts;
mod negotiation;
mod reload;
mod server_identity;
mod start;
mod startup_packets;
mod traffic;
