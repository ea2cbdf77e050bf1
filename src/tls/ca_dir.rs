//! A directory of CAs that libssl looks into by itself, under hashed names (`X509_LOOKUP_hash_dir`).
//!
//! libssl opens a file of it when a chain needs that CA, and keeps what it has found for as long as the store lives: a CA
//! that is added counts at once, one that is taken away until the next reload. The state in which the directory was at
//! the start or the reload is part of the scope of sessions, so that none outlives that.

use super::hashed;
use super::queue::Queue;
use super::sys;
use super::system_ca;
use crate::error::{Error, reason};
use openssl::x509::store::X509StoreBuilderRef;
use std::ffi::CString;
use std::fmt::Display;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory that is there.
pub(super) struct CaDirectory {
    path: CString,
    /// Something that changes when what is in it does.
    pub(super) state: String,
    /// Whether anything in it has the name of a CA.
    pub(super) has_any: bool,
}

impl CaDirectory {
    /// Looks at the names in it.
    pub(super) fn read(path: &Path) -> Result<CaDirectory, Error> {
        let refuse = |why: &dyn Display| {
            let text = format!(
                "cannot look for CAs in directory '{}': {why}",
                path.display()
            );
            Error::settings(text)
        };
        let refuse_io = |error: std::io::Error| refuse(&reason(&error));
        let bytes = path.as_os_str().as_bytes();
        if bytes.contains(&b':') {
            return Err(refuse(&"OpenSSL takes a ':' for the end of its name"));
        }
        let name = CString::new(bytes).map_err(|_| refuse(&"its name holds a zero byte"))?;
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(path).map_err(refuse_io)? {
            files.push(entry.map_err(refuse_io)?.path());
        }
        files.sort();
        let mut state = String::new();
        files
            .iter()
            .for_each(|file| system_ca::add(&mut state, file));
        let names = files.iter().filter_map(|file| file.file_name());
        let mut names = names.map(|name| hashed::is_of_certificate(name.as_bytes()));
        Ok(CaDirectory {
            path: name,
            state,
            has_any: names.any(|hashed| hashed),
        })
    }

    /// Has a store look into it.
    pub(super) fn put_in(&self, store: &mut X509StoreBuilderRef) -> Result<(), Queue> {
        sys::add_directory(store, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path: &Path) -> String {
        CaDirectory::read(path).unwrap().state
    }

    #[test]
    fn what_is_added_changed_and_taken_away_changes_the_state() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("0a1b2c3d.0");
        let empty = state(directory.path());
        fs::write(&file, "a CA").unwrap();
        let one = state(directory.path());
        assert_ne!(empty, one);
        assert_eq!(one, state(directory.path()));
        fs::write(&file, "another CA").unwrap();
        assert_ne!(one, state(directory.path()));
        fs::remove_file(&file).unwrap();
        assert_eq!(empty, state(directory.path()));
    }

    #[test]
    fn only_names_that_libssl_looks_for_count_as_cas() {
        let directory = tempfile::tempdir().unwrap();
        let has_any = || CaDirectory::read(directory.path()).unwrap().has_any;
        fs::write(directory.path().join("ca.pem"), "").unwrap();
        assert!(!has_any());
        fs::write(directory.path().join("ffffffff.12"), "").unwrap();
        assert!(has_any());
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = |path: &Path| CaDirectory::read(path).map(drop).unwrap_err().to_string();
        assert_eq!(
            refused(Path::new("/nowhere")),
            "cannot look for CAs in directory '/nowhere': no such file or directory"
        );
        let why = refused(file.path());
        assert!(why.ends_with("': not a directory"), "{why}");
        let why = refused(Path::new("/a:/b"));
        assert!(
            why.ends_with("takes a ':' for the end of its name"),
            "{why}"
        );
    }
}
