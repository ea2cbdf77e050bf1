//! Thin safe wrappers over libssl: what the rest of the crate may use of it.
//!
//! `unsafe` for libssl lives in this room alone, in `sys`, `callbacks`, `bio` and `memory`.

mod alpn;
mod announce;
mod bare_facts;
mod beginning;
mod bio;
mod by_certificate;
mod ca_dir;
mod callbacks;
mod channel;
pub mod ciphers;
mod context;
mod dh;
mod dialer;
pub(crate) mod facts;
mod failure;
mod files;
mod findings;
mod hashed;
mod hello;
mod identity;
mod kdb_facts;
mod kdb_words;
mod kept;
mod library;
pub mod memory;
mod mismatch;
mod names;
mod option_bits;
pub mod options;
mod passing;
mod passphrase;
mod pem;
mod prepared;
mod probe;
pub mod protocol;
pub(crate) mod queue;
mod ready;
mod rejected;
mod report;
mod resume;
mod role;
mod scope;
mod sys;
mod system_ca;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tickets;
mod trust;
mod validity;
mod whom;

pub use channel::{Channel, Outcome, RECORD};
pub use context::Context;
pub use dialer::Dialer;
pub use facts::{Certificate, Facts, Pem};
pub use failure::{Detail, Failure, HandshakeError};
pub use kdb_facts::{KdbFacts, KdbForm, KdbValue};
pub use library::{config_file, library_version, openssl_dir, start};
pub use mismatch::{Common, Mismatch};
pub use passing::Expired;
pub use passphrase::Occasion;
pub use prepared::Prepared;
pub use rejected::Rejected;
pub use report::{CipherLine, Identity, Report};
pub use resume::Shared;
pub use role::Role;
#[cfg(feature = "capi")]
pub(crate) use sys::callers::somebody_elses;
pub use whom::Server;

/// For fuzz targets: what a client offers is read, and only that.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_hello(records: &[u8]) {
    let _ = hello::Hello::read(records);
}
