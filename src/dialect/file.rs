//! What the files of several systems have in common: their bytes are read as text, and they name other files.

use std::path::{Path, PathBuf};

/// Bytes as text, without a byte order mark; what is none has a U+FFFD in its place. Not a line of a key is to get into
/// a message.
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii_start().starts_with(b"-----BEGIN "))
    {
        return Err("this is a PEM file and not a configuration".into());
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The path of a file that another one names.
pub(super) fn beside(from: &Path, name: &str) -> PathBuf {
    from.parent().unwrap_or(Path::new("")).join(name)
}
