//! Addresses of unix sockets: files, or names in Linux's abstract namespace, which the settings write with an `@` in front.

use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether it is a name that stands in no directory (unix(7)): it is gone with its last socket, and free for everybody.
pub(crate) fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(b"@")
}

/// As the system calls take it.
///
/// # Errors
/// `InvalidInput` for what is too long.
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    match path.as_os_str().as_bytes().strip_prefix(b"@") {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => SockAddr::unix(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_behind_an_at_is_abstract_and_all_else_is_a_file() {
        let address = |path: &str| unix_address(Path::new(path)).expect("short enough");
        let name = address("@/tmp/kx.5000");
        assert_eq!(name.as_abstract_namespace(), Some(&b"/tmp/kx.5000"[..]));
        for file in ["/run/a.sock", "./@a", "a@b"] {
            assert_eq!(address(file).as_pathname(), Some(Path::new(file)));
            assert!(!is_abstract(Path::new(file)));
        }
        let long = format!("@{}", "a".repeat(108));
        assert!(unix_address(Path::new(&long)).is_err());
    }
}
