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

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder beside the build's other temporary files, for what takes long to make. What was made in another way, or by
/// another user, is in another folder, and goes.
fn kept(name: &str, way: &str) -> PathBuf {
    let way = format!("{way}{}", us());
    let hash = &openssl::sha::sha256(way.as_bytes())[..8];
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let near = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = near.join(format!("{name}-{hash}"));
    if !folder.exists() {
        for entry in fs::read_dir(near).unwrap().flatten() {
            let is_other = entry
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{name}-"));
            if is_other && entry.path() != folder {
                let _ = fs::remove_dir_all(entry.path()); // another test may be at it
            }
        }
        fs::create_dir_all(&folder).unwrap();
    }
    folder
}

/// The number of the user whom this process belongs to.
fn us() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}
