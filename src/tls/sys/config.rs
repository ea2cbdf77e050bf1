//! Reading openssl.cnf by hand, to say which line of a section libssl refused: it does not tell itself.

use openssl_sys as ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ptr;

/// `CONF_VALUE`
#[repr(C)]
struct ConfValue {
    section: *mut c_char,
    name: *mut c_char,
    value: *mut c_char,
}

unsafe extern "C" {
    fn NCONF_load(conf: *mut ffi::CONF, file: *const c_char, line: *mut c_long) -> c_int;
    fn NCONF_get_string(
        conf: *const ffi::CONF,
        section: *const c_char,
        name: *const c_char,
    ) -> *mut c_char;
    fn NCONF_get_section(conf: *const ffi::CONF, section: *const c_char) -> *mut c_void;
    fn OPENSSL_sk_num(stack: *const c_void) -> c_int;
    fn OPENSSL_sk_value(stack: *const c_void, index: c_int) -> *mut c_void;
}

/// The commands, with their values, that a file gives a name of its `ssl_conf`. Empty when there is no such name.
pub(in crate::tls) fn section_commands(file: &CStr, name: &CStr) -> Vec<(CString, CString)> {
    // SAFETY: the CONF is made, read and freed here. Strings and stacks belong to it and are copied before it goes;
    // null (not there) is checked, and accepted by NCONF_free.
    unsafe {
        let conf = ffi::NCONF_new(ptr::null_mut());
        if conf.is_null() {
            return Vec::new();
        }
        let mut commands = Vec::new();
        if NCONF_load(conf, file.as_ptr(), ptr::null_mut()) > 0 {
            let mut section = NCONF_get_string(conf, ptr::null(), c"openssl_conf".as_ptr());
            for step in [c"ssl_conf", name] {
                if !section.is_null() {
                    section = NCONF_get_string(conf, section, step.as_ptr());
                }
            }
            if !section.is_null() {
                commands = pairs(NCONF_get_section(conf, section));
            }
        }
        ffi::NCONF_free(conf);
        crate::tls::queue::clear();
        commands
    }
}

/// # Safety
/// `stack` is null or a live stack of `CONF_VALUE`.
unsafe fn pairs(stack: *const c_void) -> Vec<(CString, CString)> {
    if stack.is_null() {
        return Vec::new();
    }
    // SAFETY: promised by the caller; the index is below the count, and entries of a section have name and value.
    unsafe {
        (0..OPENSSL_sk_num(stack))
            .map(|index| OPENSSL_sk_value(stack, index).cast::<ConfValue>())
            .filter(|entry| !entry.is_null())
            .map(|entry| {
                let name = CStr::from_ptr((*entry).name);
                (plain(name), CStr::from_ptr((*entry).value).to_owned())
            })
            .collect()
    }
}

/// A command's name without what stands before a dot, which only makes names of a section different.
fn plain(name: &CStr) -> CString {
    let bytes = name.to_bytes();
    let after = bytes.iter().position(|&byte| byte == b'.');
    let plain = after.map_or(bytes, |dot| &bytes[dot + 1..]);
    CString::new(plain).unwrap_or_default()
}
