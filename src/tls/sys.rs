//! The few calls of libssl and libcrypto that the openssl crate lacks, each wrapped once.
//!
//! Every wrapper is safe to call or says in its Safety section what it needs. What the openssl crate offers is
//! used through it, elsewhere in this room. Read next: `callbacks`, where libssl calls us.

#![allow(unsafe_code)]

use super::queue::{self, Queue};
use foreign_types::ForeignTypeRef;
use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::{SslContextBuilder, SslMode, SslRef};
use openssl::stack::Stack;
use openssl::x509::{X509, X509NameRef, X509Ref};
use openssl_sys as ffi;
use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_long, c_ulong};
use std::ptr;

/// `OPENSSL_INIT_LOAD_CONFIG`: read openssl.cnf.
const INIT_LOAD_CONFIG: u64 = 0x40;
/// `CONF_MFLAGS_IGNORE_MISSING_FILE`
const CONF_IGNORE_MISSING_FILE: c_ulong = 0x10;
/// `CONF_MFLAGS_DEFAULT_SECTION`
const CONF_DEFAULT_SECTION: c_ulong = 0x20;

/// `SSL_CTRL_GET_NEGOTIATED_GROUP`
#[cfg(openssl3)]
const CTRL_GET_NEGOTIATED_GROUP: c_int = 134;

/// `SSL_CTRL_CLEAR_MODE`
const CTRL_CLEAR_MODE: c_int = 78;
/// `ERR_LIB_SSL`: the library number of libssl in the error queue.
pub(super) const ERR_LIB_SSL: c_int = 20;
/// `SSL_R_INVALID_CONFIGURATION_NAME`: openssl.cnf has no such section.
pub(super) const SSL_R_INVALID_CONFIGURATION_NAME: c_int = 113;

mod raw {
    use super::*;

    unsafe extern "C" {
        pub(super) fn OPENSSL_INIT_new() -> *mut ffi::OPENSSL_INIT_SETTINGS;
        pub(super) fn OPENSSL_INIT_free(settings: *mut ffi::OPENSSL_INIT_SETTINGS);
        pub(super) fn OPENSSL_INIT_set_config_file_flags(
            settings: *mut ffi::OPENSSL_INIT_SETTINGS,
            flags: c_ulong,
        );
        pub(super) fn CONF_get1_default_config_file() -> *mut c_char;
        #[cfg(openssl3)]
        pub(super) fn SSL_group_to_name(ssl: *mut ffi::SSL, id: c_int) -> *const c_char;
        pub(super) fn X509_NAME_print_ex(
            out: *mut ffi::BIO,
            name: *const ffi::X509_NAME,
            indent: c_int,
            flags: c_ulong,
        ) -> c_int;
        pub(super) fn SSL_CTX_use_cert_and_key(
            context: *mut ffi::SSL_CTX,
            leaf: *mut ffi::X509,
            key: *mut ffi::EVP_PKEY,
            chain: *mut ffi::stack_st_X509,
            replace: c_int,
        ) -> c_int;
        pub(super) fn SSL_CTX_config(context: *mut ffi::SSL_CTX, name: *const c_char) -> c_int;
        pub(super) fn ERR_error_string_n(code: c_ulong, buf: *mut c_char, len: usize);
    }
}

/// `OPENSSL_init_ssl`, with openssl.cnf read strictly: libssl's own start ignores what is wrong in it. `false`
/// leaves the reasons in the error queue. A file that was read before this call is not read again.
pub(super) fn init_strictly() -> bool {
    let options =
        ffi::OPENSSL_INIT_LOAD_SSL_STRINGS | ffi::OPENSSL_INIT_NO_ATEXIT | INIT_LOAD_CONFIG;
    // SAFETY: the settings are made, used and freed here alone; null (no memory) is accepted by all three calls
    // that receive it: the setter is skipped, the other two document it.
    unsafe {
        let settings = raw::OPENSSL_INIT_new();
        if !settings.is_null() {
            raw::OPENSSL_INIT_set_config_file_flags(
                settings,
                CONF_IGNORE_MISSING_FILE | CONF_DEFAULT_SECTION,
            );
        }
        let started = ffi::OPENSSL_init_ssl(options, settings);
        raw::OPENSSL_INIT_free(settings);
        started == 1
    }
}

/// `CONF_get1_default_config_file`: the openssl.cnf in use, `OPENSSL_CONF` included unless the process is privileged.
pub(super) fn default_config_file() -> Vec<u8> {
    // SAFETY: the call returns null or a NUL-terminated string that is ours to free, copied before that.
    unsafe {
        let path = raw::CONF_get1_default_config_file();
        if path.is_null() {
            return Vec::new();
        }
        let copy = CStr::from_ptr(path).to_bytes().to_vec();
        ffi::OPENSSL_free(path.cast());
        copy
    }
}

/// An entry of the error queue as libcrypto hands it out.
pub(super) struct RawEntry {
    /// Library and reason, packed.
    pub(super) code: c_ulong,
    /// The text added to the entry, empty when there is none.
    pub(super) data: String,
}

/// Takes the oldest entry of this thread's error queue (`ERR_get_error_all`).
pub(super) fn take_error() -> Option<RawEntry> {
    let mut data: *const c_char = ptr::null();
    let mut flags: c_int = 0;
    // SAFETY: the outputs are ours, and null is documented for those that are not wanted.
    #[cfg(openssl3)]
    let code = unsafe {
        ffi::ERR_get_error_all(
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut data,
            &mut flags,
        )
    };
    // SAFETY: as above.
    #[cfg(not(openssl3))]
    let code = unsafe {
        ffi::ERR_get_error_line_data(ptr::null_mut(), ptr::null_mut(), &mut data, &mut flags)
    };
    if code == 0 {
        return None;
    }
    let data = if flags & ffi::ERR_TXT_STRING != 0 {
        // SAFETY: the flag says that data is a string; it lives until the slot is used again, and is copied now.
        unsafe { text(data) }.into_owned()
    } else {
        String::new()
    };
    Some(RawEntry { code, data })
}

/// `ERR_error_string_n`: an entry in OpenSSL's one-line form, cut to at most `longest` bytes.
pub(super) fn error_line(code: c_ulong, longest: usize) -> String {
    let mut buffer = vec![0u8; longest + 1];
    // SAFETY: the buffer is ours and as long as we say; the result is NUL-terminated within it.
    unsafe { raw::ERR_error_string_n(code, buffer.as_mut_ptr().cast(), buffer.len()) };
    let end = buffer.iter().position(|&byte| byte == 0).unwrap_or(longest);
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}

/// The words of an entry's reason, when libcrypto knows them (`ERR_reason_error_string`).
pub(super) fn error_reason(code: c_ulong) -> Option<&'static str> {
    // SAFETY: the result is null or a static NUL-terminated string.
    unsafe {
        let reason = ffi::ERR_reason_error_string(code);
        if reason.is_null() {
            return None;
        }
        CStr::from_ptr(reason).to_str().ok()
    }
}

/// Empties this thread's error queue (`ERR_clear_error`).
pub(super) fn clear_errors() {
    // SAFETY: works on this thread's queue alone, and needs nothing.
    unsafe { ffi::ERR_clear_error() }
}

/// `SSL_CTX_set_options`, all 64 bits where libssl has them.
pub(super) fn set_options(context: &mut SslContextBuilder, bits: u64) {
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { ffi::SSL_CTX_set_options(context.as_ptr(), bits as _) };
}

/// `SSL_CTX_clear_options`.
pub(super) fn clear_options(context: &mut SslContextBuilder, bits: u64) {
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { ffi::SSL_CTX_clear_options(context.as_ptr(), bits as _) };
}

/// `SSL_CTX_use_cert_and_key`: a chain and its key, beside those of other key types.
pub(super) fn use_identity(
    context: &mut SslContextBuilder,
    leaf: &X509Ref,
    key: &PKeyRef<Private>,
    chain: &[X509],
) -> Result<(), Queue> {
    let mut stack = Stack::new()?;
    for certificate in chain {
        stack.push(certificate.clone())?;
    }
    // SAFETY: all handles are live; libssl takes references of its own and keeps no pointer to the stack.
    let done = unsafe {
        raw::SSL_CTX_use_cert_and_key(
            context.as_ptr(),
            leaf.as_ptr(),
            key.as_ptr(),
            stack.as_ptr(),
            1,
        )
    };
    succeeded(done == 1)
}

/// `SSL_CTX_clear_mode`.
pub(super) fn clear_mode(context: &mut SslContextBuilder, mode: SslMode) {
    // SAFETY: the builder owns a live SSL_CTX; the control takes bits.
    unsafe {
        ffi::SSL_CTX_ctrl(
            context.as_ptr(),
            CTRL_CLEAR_MODE,
            mode.bits() as c_long,
            ptr::null_mut(),
        )
    };
}

/// What the error queue holds, when a call failed.
fn succeeded(done: bool) -> Result<(), Queue> {
    if done { Ok(()) } else { Err(queue::drain()) }
}

/// `SSL_CTX_config`: applies a section of openssl.cnf. `false` leaves the reasons in the error queue.
pub(super) fn apply_section(context: &mut SslContextBuilder, name: &CStr) -> bool {
    // SAFETY: the builder owns a live SSL_CTX, the name is NUL-terminated and not kept.
    unsafe { raw::SSL_CTX_config(context.as_ptr(), name.as_ptr()) == 1 }
}

/// `SSL_get_negotiated_group` by name; `None` where libssl cannot tell.
pub(super) fn negotiated_group(ssl: &SslRef) -> Option<String> {
    #[cfg(openssl3)]
    {
        // SAFETY: a live SSL; the control takes no argument and answers a group's id, or 0.
        let id =
            unsafe { ffi::SSL_ctrl(ssl.as_ptr(), CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut()) };
        if id <= 0 {
            return None;
        }
        // SAFETY: a live SSL; the result is null or a static string.
        let name = unsafe { raw::SSL_group_to_name(ssl.as_ptr(), id as c_int) };
        if name.is_null() {
            return None;
        }
        // SAFETY: not null, checked above, and static.
        Some(unsafe { text(name) }.into_owned())
    }
    #[cfg(not(openssl3))]
    {
        let _ = ssl;
        None
    }
}

/// A distinguished name as RFC 2253 writes it, other than that letters outside ASCII stay letters
/// (`X509_NAME_print_ex` with `XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB`).
pub(super) fn distinguished_name(name: &X509NameRef) -> String {
    const RFC2253_IN_UTF8: c_ulong = 0x0111_0317 & !0x4;
    let Ok(bio) = MemBio::new() else {
        return String::new();
    };
    // SAFETY: a live BIO and a live name; the call writes into the BIO alone.
    unsafe { raw::X509_NAME_print_ex(bio.0, name.as_ptr(), 0, RFC2253_IN_UTF8) };
    String::from_utf8_lossy(bio.contents()).into_owned()
}

/// A BIO in memory to be written to.
struct MemBio(*mut ffi::BIO);

impl MemBio {
    fn new() -> Result<MemBio, ()> {
        // SAFETY: BIO_new returns null or a BIO that is ours.
        let bio = unsafe { ffi::BIO_new(ffi::BIO_s_mem()) };
        if bio.is_null() {
            Err(())
        } else {
            Ok(MemBio(bio))
        }
    }

    fn contents(&self) -> &[u8] {
        let mut start: *mut c_char = ptr::null_mut();
        // SAFETY: a live memory BIO, whose buffer stays where it is while nothing is written, and writing takes
        // the BIO itself, which is borrowed by the result.
        unsafe {
            let length = ffi::BIO_get_mem_data(self.0, &mut start);
            if start.is_null() || length <= 0 {
                return &[];
            }
            std::slice::from_raw_parts(start.cast(), length as usize)
        }
    }
}

impl Drop for MemBio {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed here alone.
        unsafe { ffi::BIO_free_all(self.0) };
    }
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
