//! Thin safe wrappers over libssl: what the rest of the crate may use of it.
//!
//! `unsafe` for libssl lives in this room alone, in `sys`, `callbacks` and `bio`.

mod facts;
mod report;

pub use facts::{Certificate, Facts};
pub use report::{CipherLine, Identity, Report};
