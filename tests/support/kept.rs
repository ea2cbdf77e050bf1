//! What takes long to make, kept beside the build's other temporary files for the next tests.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder for what is made in one way. What was made in another way, or by another user, is in another folder, and
/// goes.
pub(crate) fn folder(name: &str, way: &str) -> PathBuf {
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
pub(crate) fn us() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}
