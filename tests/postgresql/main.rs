//! PostgreSQL's endpoints from outside: the built daemon between PostgreSQL's own clients and a real PostgreSQL.
//!
//! What is expected is what the original does: its wire protocol, its table of negotiations
//! (`src/interfaces/libpq/t/005_negotiate_encryption.pl`) and its tests of TLS (`src/test/ssl`), as far as a front
//! decides it.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

/// A folder beside the build's other temporary files, for what takes long to make; of another kind, it is another folder.
fn kept(name: &str, kind: &str) -> PathBuf {
    let hash = &openssl::sha::sha256(kind.as_bytes())[..8];
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{hash}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

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
