//! The library itself: its version, the libssl it uses, and its start.

use super::{c_string, entry, status};
use crate::tls;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no zero byte"),
    };

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_version() -> *const c_char {
    VERSION.as_ptr()
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_openssl_version() -> *const c_char {
    static LIBSSL: OnceLock<CString> = OnceLock::new();
    LIBSSL
        .get_or_init(|| c_string(&tls::library_version()))
        .as_ptr()
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_start() -> c_int {
    entry("tlsport_start", || {
        tls::start()?;
        Ok(status::OK)
    })
}
