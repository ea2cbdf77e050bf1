//! Reading a file the settings name: all of it, once, up to a size no honest file has.

use crate::error::reason;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a file held, and who may read it.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    mode: u32,
    regular: bool,
}

impl Content {
    /// Whether everybody on the machine can read the file. Pipes and devices are not asked.
    pub(super) fn is_readable_by_others(&self) -> bool {
        self.regular && self.mode & 0o004 != 0
    }
}

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It is not there.
    Missing(String),
    /// Anything else.
    Refused(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Missing(why) | Unreadable::Refused(why) => f.write_str(why),
        }
    }
}

/// Reads a file of at most `largest` bytes.
pub(super) fn read(path: &Path, largest: u64) -> Result<Content, Unreadable> {
    let explain = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unreadable::Missing(reason(&error)),
        _ => Unreadable::Refused(reason(&error)),
    };
    let file = File::open(path).map_err(explain)?;
    let metadata = file.metadata().map_err(explain)?;
    let mut bytes = Vec::new();
    file.take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(explain)?;
    if bytes.len() as u64 > largest {
        return Err(Unreadable::Refused(format!(
            "it is larger than {largest} bytes"
        )));
    }
    Ok(Content {
        bytes,
        mode: metadata.permissions().mode(),
        regular: metadata.is_file(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused() {
        let error = read(Path::new("/dev/zero"), 1000).err().unwrap();
        assert_eq!(error.to_string(), "it is larger than 1000 bytes");
    }

    #[test]
    fn a_missing_file_is_told_from_one_that_refuses() {
        let missing = read(Path::new("/nonexistent/x"), 10).err().unwrap();
        assert!(matches!(missing, Unreadable::Missing(_)));
        let folder = read(Path::new("/"), 10).err().unwrap();
        assert_eq!(folder.to_string(), "is a directory");
    }
}
