//! Reading a file the settings name: all of it, once, up to a size no honest file has.

use crate::error::{Error, reason};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// What a file held, and who may read it.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    access: Access,
}

/// Who may read a file.
#[derive(Clone, Copy)]
struct Access {
    mode: u32,
    owner: u32,
    regular: bool,
}

impl Content {
    /// Whether everybody on the machine can read the file. Pipes and devices are not asked.
    pub(super) fn is_readable_by_others(&self) -> bool {
        self.access.regular && self.access.mode & 0o004 != 0
    }

    /// PostgreSQL's rule for a file with a private key, in its words.
    pub(super) fn is_private(&self, path: &Path) -> Result<(), Error> {
        self.access
            .is_private(path, rustix::process::geteuid().as_raw())
    }
}

impl Access {
    /// The original never runs as root, whose files fall under the rule of an owner there; here they are root's, so that
    /// one and the same file will do for a front that is started as root and for the server behind.
    fn is_private(self, path: &Path, us: u32) -> Result<(), Error> {
        if !self.regular {
            return Err(not_regular(path));
        }
        let path = path.display();
        let forbidden = match self.owner {
            0 => 0o037,
            owner if owner == us => 0o077,
            _ => {
                let text = format!(
                    "private key file \"{path}\" must be owned by the database user or root"
                );
                return Err(Error::settings(text));
            }
        };
        if self.mode & forbidden != 0 {
            let rule = "File must have permissions u=rw (0600) or less if owned by the database user, or permissions \
                        u=rw,g=r (0640) or less if owned by root.";
            let text = format!("private key file \"{path}\" has group or world access: {rule}");
            return Err(Error::settings(text));
        }
        Ok(())
    }
}

fn not_regular(path: &Path) -> Error {
    let path = path.display();
    Error::settings(format!("private key file \"{path}\" is not a regular file"))
}

/// The first of PostgreSQL's rules for a file with a private key, before it is opened: a pipe would wait for whoever writes
/// to it. A file that is not there is for whoever opens it to find.
pub(super) fn is_regular(path: &Path) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(not_regular(path)),
        _ => Ok(()),
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
        access: Access {
            mode: metadata.permissions().mode(),
            owner: metadata.uid(),
            regular: metadata.is_file(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_ours_or_roots_and_nobody_elses() {
        let said = |owner: u32, mode: u32, regular: bool| {
            let access = Access {
                mode: 0o100_000 | mode,
                owner,
                regular,
            };
            let said = access.is_private(Path::new("server.key"), 1000);
            said.err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        for (owner, mode) in [
            (1000, 0o600),
            (1000, 0o400),
            (0, 0o600),
            (0, 0o640),
            (0, 0o440),
        ] {
            assert_eq!(said(owner, mode, true), "", "{owner} {mode:o}");
        }
        for (owner, mode) in [
            (1000, 0o640),
            (1000, 0o604),
            (0, 0o660),
            (0, 0o650),
            (0, 0o644),
        ] {
            let said = said(owner, mode, true);
            assert!(
                said.contains("\"server.key\" has group or world access"),
                "{owner} {mode:o}"
            );
        }
        assert_eq!(
            said(1001, 0o600, true),
            "private key file \"server.key\" must be owned by the database user or root"
        );
        assert_eq!(
            said(1000, 0o600, false),
            "private key file \"server.key\" is not a regular file"
        );
    }

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
