//! The CAs of the system: which file and directories libssl looks at by default, and what tells one state of them from another.

use openssl::version;
use std::env;
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Something that changes when the CAs do: sizes and times of the files they are in. libssl reads these by itself, at a
/// handshake at the latest.
pub(super) fn state() -> String {
    state_of(
        &place("SSL_CERT_FILE", "cert.pem"),
        &place("SSL_CERT_DIR", "certs"),
    )
}

/// Directories are in a list as that of the variable, with a `:` between them.
fn state_of(file: &Path, directories: &Path) -> String {
    let mut state = String::new();
    add(&mut state, file);
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in env::split_paths(directories) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()));
    }
    files.sort();
    files.iter().for_each(|file| add(&mut state, file));
    state
}

/// `X509_get_default_cert_file` and its like, with the variables that come before them.
fn place(variable: &str, name: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| directory().join(name), PathBuf::from)
}

/// libssl's own directory, as in `OPENSSLDIR: "/usr/lib/ssl"`.
fn directory() -> PathBuf {
    let quoted = version::dir().split('"').nth(1);
    PathBuf::from(quoted.unwrap_or_default())
}

/// Adds the state of one file.
pub(super) fn add(state: &mut String, path: &Path) {
    let told = fs::metadata(path).map(|found: Metadata| {
        let changed = found.modified().ok();
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (found.len(), changed)
    });
    let _ = writeln!(state, "{} {:?}", path.display(), told.ok()); // a string takes all that is written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_directory_and_its_state_stays_while_nothing_changes() {
        assert!(directory().is_absolute(), "{}", directory().display());
        assert_eq!(state(), state());
        assert!(!state().is_empty());
    }

    #[test]
    fn every_directory_of_a_list_counts() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let both = env::join_paths([one.path(), other.path()]).unwrap();
        let state = || state_of(Path::new("none"), Path::new(&both));
        let before = state();
        fs::write(other.path().join("0a1b2c3d.0"), "a CA").unwrap();
        let after = state();
        assert_ne!(before, after);
        fs::write(one.path().join("0a1b2c3d.0"), "another").unwrap();
        assert_ne!(after, state());
    }
}
