//! The list of dialects: one file a system, text in, settings and notes out.
//!
//! Nothing here opens a file or reads the environment: whatever a dialect needs of the outside comes through
//! [`Source`]. A new system is one more [`Dialect`] in [`DIALECTS`]; nothing else knows its name.

use crate::error::{Error, Kind};
use crate::settings::Builder;
use std::io;
use std::path::Path;

/// What a dialect needs of the outside.
pub trait Source {
    /// The bytes of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// What the system says of a file that is there and cannot be read.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// The value of an environment variable that is set and is text.
    fn env(&self, name: &str) -> Option<String>;
}

/// The files and the environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Source for System {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
