//! The few calls of libssl and libcrypto that the openssl crate lacks, each wrapped once.
//!
//! Every wrapper is safe to call or says in its Safety section what it needs. What the openssl crate offers is
//! used through it, elsewhere in this room. Files: `errors` (the queue), `config` (openssl.cnf), `context`
//! (`SSL_CTX`), `connection` (`SSL` and its session), `pieces` (of a handshake), `tickets`, `x509`. Read next:
//! `callbacks`, where libssl calls us.

#![allow(unsafe_code)]

pub(super) mod callers;
mod config;
mod connection;
mod context;
mod errors;
pub(super) mod pieces;
mod tickets;
mod x509;

pub(super) use callers::*;
pub(super) use config::*;
pub(super) use connection::*;
pub(super) use context::*;
pub(super) use errors::*;
pub(super) use tickets::*;
pub(super) use x509::*;

use super::queue::{self, Queue};
use openssl_sys as ffi;
use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_ulong};

/// `OPENSSL_INIT_LOAD_CONFIG`: read openssl.cnf.
const INIT_LOAD_CONFIG: u64 = 0x40;
/// `CONF_MFLAGS_IGNORE_MISSING_FILE`
const CONF_IGNORE_MISSING_FILE: c_ulong = 0x10;
/// `CONF_MFLAGS_DEFAULT_SECTION`
const CONF_DEFAULT_SECTION: c_ulong = 0x20;

unsafe extern "C" {
    fn OPENSSL_INIT_new() -> *mut ffi::OPENSSL_INIT_SETTINGS;
    fn OPENSSL_INIT_free(settings: *mut ffi::OPENSSL_INIT_SETTINGS);
    fn OPENSSL_INIT_set_config_file_flags(
        settings: *mut ffi::OPENSSL_INIT_SETTINGS,
        flags: c_ulong,
    );
    fn CONF_get1_default_config_file() -> *mut c_char;
    fn OPENSSL_cleanse(start: *mut std::ffi::c_void, length: usize);
}

/// `OPENSSL_init_ssl`, with openssl.cnf read strictly: libssl's own start ignores what is wrong in it. `false`
/// leaves the reasons in the error queue. A file that was read before this call is not read again.
pub(super) fn init_strictly() -> bool {
    let options =
        ffi::OPENSSL_INIT_LOAD_SSL_STRINGS | ffi::OPENSSL_INIT_NO_ATEXIT | INIT_LOAD_CONFIG;
    // SAFETY: the settings are made, used and freed here alone; null (no memory) is accepted by all three calls
    // that receive it: the setter is skipped, the other two document it.
    unsafe {
        let settings = OPENSSL_INIT_new();
        if !settings.is_null() {
            OPENSSL_INIT_set_config_file_flags(
                settings,
                CONF_IGNORE_MISSING_FILE | CONF_DEFAULT_SECTION,
            );
        }
        let started = ffi::OPENSSL_init_ssl(options, settings);
        OPENSSL_INIT_free(settings);
        started == 1
    }
}

/// `CONF_get1_default_config_file`: the openssl.cnf in use, `OPENSSL_CONF` included unless the process is privileged.
pub(super) fn default_config_file() -> Vec<u8> {
    // SAFETY: the call returns null or a NUL-terminated string that is ours to free, copied before that.
    unsafe {
        let path = CONF_get1_default_config_file();
        if path.is_null() {
            return Vec::new();
        }
        let copy = CStr::from_ptr(path).to_bytes().to_vec();
        ffi::OPENSSL_free(path.cast());
        copy
    }
}

/// `OpenSSL_version_num`: the libssl in use, 0xMNNFFPP0 up to 1.1.1 and 0xMNN00PP0 from 3.0 on.
pub(super) fn version_number() -> u64 {
    // SAFETY: needs nothing.
    unsafe { ffi::OpenSSL_version_num() }
}

/// `OPENSSL_cleanse`: wipes a secret.
pub(super) fn cleanse(secret: &mut [u8]) {
    // SAFETY: the slice is ours to write, whole.
    unsafe { OPENSSL_cleanse(secret.as_mut_ptr().cast(), secret.len()) }
}

/// Seconds of the system's clock, as libssl counts them.
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// What the error queue holds, when a call failed.
fn succeeded(done: bool) -> Result<(), Queue> {
    if done { Ok(()) } else { Err(queue::drain()) }
}

/// A string libcrypto gave us, with whatever is not UTF-8 replaced.
///
/// # Safety
/// `pointer` is null or NUL-terminated and stays so while the result is used.
unsafe fn text<'a>(pointer: *const c_char) -> Cow<'a, str> {
    if pointer.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy()
}
