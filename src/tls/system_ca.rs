//! The CAs of the system: which file and directory libssl looks at by default, and what tells one state of them from another.

use openssl::version;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Something that changes when the CAs do: sizes and times of the files they are in. libssl reads these by itself, at a
/// handshake at the latest.
pub(super) fn state() -> String {
    let mut state = String::new();
    let file = place("SSL_CERT_FILE", "cert.pem");
    add(&mut state, &file);
    let mut names: Vec<OsString> = Vec::new();
    let directory = place("SSL_CERT_DIR", "certs");
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        names.push(entry.file_name());
    }
    names.sort();
    names
        .iter()
        .for_each(|name| add(&mut state, &directory.join(name)));
    state
}

/// `X509_get_default_cert_file` and its like, with the variables that come before them.
fn place(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| directory().join(name), PathBuf::from)
}

/// libssl's own directory, as in `OPENSSLDIR: "/usr/lib/ssl"`.
fn directory() -> PathBuf {
    let quoted = version::dir().split('"').nth(1);
    PathBuf::from(quoted.unwrap_or_default())
}

fn add(state: &mut String, path: &Path) {
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
}
