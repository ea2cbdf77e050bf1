//! The error queue of this thread.

use super::text;
use openssl_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::ptr;

/// `ERR_LIB_SSL`: the number of libssl in the error queue.
pub(in crate::tls) const ERR_LIB_SSL: c_int = 20;
/// `SSL_R_INVALID_CONFIGURATION_NAME`: openssl.cnf has no such section.
pub(in crate::tls) const SSL_R_INVALID_CONFIGURATION_NAME: c_int = 113;

unsafe extern "C" {
    fn ERR_error_string_n(code: c_ulong, buf: *mut c_char, len: usize);
}

/// An entry of the error queue as libcrypto hands it out.
pub(in crate::tls) struct RawEntry {
    /// Library and reason, packed.
    pub(in crate::tls) code: c_ulong,
    /// Where it was put there: OpenSSL's function (which before OpenSSL 3 is told by the code), file and line.
    pub(in crate::tls) function: String,
    pub(in crate::tls) file: String,
    pub(in crate::tls) line: u32,
    /// The text added to the entry, empty when there is none.
    pub(in crate::tls) data: String,
}

/// Takes the oldest entry of this thread's error queue (`ERR_get_error_all`).
pub(in crate::tls) fn take_error() -> Option<RawEntry> {
    let mut data: *const c_char = ptr::null();
    let mut file: *const c_char = ptr::null();
    #[cfg_attr(not(openssl3), allow(unused_mut))]
    let mut function: *const c_char = ptr::null();
    let (mut line, mut flags): (c_int, c_int) = (0, 0);
    // SAFETY: the outputs are ours.
    #[cfg(openssl3)]
    let code = unsafe {
        ffi::ERR_get_error_all(&mut file, &mut line, &mut function, &mut data, &mut flags)
    };
    // SAFETY: as above.
    #[cfg(not(openssl3))]
    let code = unsafe { ffi::ERR_get_error_line_data(&mut file, &mut line, &mut data, &mut flags) };
    if code == 0 {
        return None;
    }
    // SAFETY: null, or strings that live until the slot is used again, and are copied now.
    let (file, function) = unsafe { (text(file).into_owned(), text(function).into_owned()) };
    let data = if flags & ffi::ERR_TXT_STRING != 0 {
        // SAFETY: the flag says that data is a string; it lives until the slot is used again, and is copied now.
        unsafe { text(data) }.into_owned()
    } else {
        String::new()
    };
    Some(RawEntry {
        code,
        function,
        file,
        line: u32::try_from(line).unwrap_or(0),
        data,
    })
}

/// This thread as `ERR_print_errors` writes it: a number and, since OpenSSL 3, the bytes of that number in memory.
pub(in crate::tls) fn thread_in_words() -> String {
    // SAFETY: it needs nothing, and cannot fail.
    let thread = unsafe { libc::pthread_self() };
    if cfg!(openssl3) {
        let bytes = thread.to_ne_bytes();
        return bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    }
    thread.to_string()
}

/// `ERR_error_string_n`: an entry in OpenSSL's one-line form, cut to at most `longest` bytes.
pub(in crate::tls) fn error_line(code: c_ulong, longest: usize) -> String {
    let mut buffer = vec![0u8; longest + 1];
    // SAFETY: the buffer is ours and as long as we say; the result is NUL-terminated within it.
    unsafe { ERR_error_string_n(code, buffer.as_mut_ptr().cast(), buffer.len()) };
    let end = buffer.iter().position(|&byte| byte == 0).unwrap_or(longest);
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}

/// The words of an entry's reason, when libcrypto knows them (`ERR_reason_error_string`).
pub(in crate::tls) fn error_reason(code: c_ulong) -> Option<&'static str> {
    // SAFETY: the result is null or a static NUL-terminated string.
    unsafe {
        let reason = ffi::ERR_reason_error_string(code);
        if reason.is_null() {
            return None;
        }
        CStr::from_ptr(reason).to_str().ok()
    }
}

/// Empties this thread's error queue (`ERR_clear_error`). That wipes each of its places, so it is looked first whether
/// anything is there.
pub(in crate::tls) fn clear_errors() {
    unsafe extern "C" {
        fn ERR_peek_error() -> c_ulong;
    }
    // SAFETY: both work on this thread's queue alone, and need nothing.
    unsafe {
        if ERR_peek_error() != 0 {
            ffi::ERR_clear_error();
        }
    }
}
