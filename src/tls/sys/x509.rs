//! Calls on names, revocation lists and stores.

use super::succeeded;
use crate::tls::queue::{self, Queue};
use foreign_types::ForeignTypeRef;
use openssl::stack::StackRef;
use openssl::x509::store::X509StoreBuilderRef;
use openssl::x509::{X509, X509CrlRef, X509NameRef, X509StoreContextRef};
use openssl_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::ptr;

unsafe extern "C" {
    fn X509_NAME_print_ex(
        out: *mut ffi::BIO,
        name: *const ffi::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
    fn X509_STORE_CTX_get0_untrusted(
        context: *const ffi::X509_STORE_CTX,
    ) -> *mut ffi::stack_st_X509;
    fn X509_NAME_oneline(
        name: *const ffi::X509_NAME,
        buffer: *mut c_char,
        size: c_int,
    ) -> *mut c_char;
    fn X509_STORE_add_crl(store: *mut ffi::X509_STORE, crl: *mut ffi::X509_CRL) -> c_int;
}

/// The certificates that came with the one that is verified (`X509_STORE_CTX_get0_untrusted`): all that the peer has
/// sent.
pub(in crate::tls) fn untrusted(context: &X509StoreContextRef) -> Option<&StackRef<X509>> {
    // SAFETY: a live context, which lends the stack for as long as it lives; null is checked.
    unsafe {
        let stack = X509_STORE_CTX_get0_untrusted(context.as_ptr());
        (!stack.is_null()).then(|| StackRef::from_ptr(stack))
    }
}

/// A distinguished name as RFC 2253 writes it, other than that letters outside ASCII stay letters
/// (`X509_NAME_print_ex` with `XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB`).
pub(in crate::tls) fn distinguished_name(name: &X509NameRef) -> String {
    String::from_utf8_lossy(&printed(name, RFC2253 & !0x4)).into_owned()
}

/// The same with every letter outside ASCII escaped, byte by byte (`XN_FLAG_RFC2253`): PostgreSQL's form.
pub(in crate::tls) fn rfc2253_name(name: &X509NameRef) -> Vec<u8> {
    printed(name, RFC2253)
}

/// A name with a slash before each part, first part first, as PostgreSQL shows it; letters in UTF-8.
pub(in crate::tls) fn slashed_name(name: &X509NameRef) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in name.entries() {
        let field = entry.object().nid().short_name();
        text.push(b'/');
        match field {
            Ok(field) => text.extend_from_slice(field.as_bytes()),
            Err(_) => text.extend_from_slice(entry.object().to_string().as_bytes()),
        }
        text.push(b'=');
        match entry.data().to_string() {
            Ok(value) => text.extend_from_slice(value.as_bytes()),
            Err(_) => text.extend_from_slice(entry.data().as_slice()),
        }
    }
    text
}

/// `X509_NAME_oneline`: `/C=…/CN=…`, where what is not printable ASCII is escaped as `\xHH`. Empty for a name that is
/// too long for it.
pub(in crate::tls) fn one_line_name(name: &X509NameRef) -> String {
    // SAFETY: a live name; without a buffer the call makes a string that is ours to free, copied before that, or null.
    let line = unsafe {
        let line = X509_NAME_oneline(name.as_ptr(), ptr::null_mut(), 0);
        let copy = super::text(line).into_owned();
        ffi::OPENSSL_free(line.cast());
        copy
    };
    if line.is_empty() {
        queue::clear();
    }
    line
}

/// `XN_FLAG_RFC2253`
const RFC2253: c_ulong = 0x0111_0317;

fn printed(name: &X509NameRef, flags: c_ulong) -> Vec<u8> {
    let Some(bio) = MemBio::new() else {
        return Vec::new();
    };
    // SAFETY: a live BIO and a live name; the call writes into the BIO alone.
    unsafe { X509_NAME_print_ex(bio.0, name.as_ptr(), 0, flags) };
    bio.contents().to_vec()
}

/// A BIO in memory to be written to.
struct MemBio(*mut ffi::BIO);

impl MemBio {
    fn new() -> Option<MemBio> {
        // SAFETY: BIO_new returns null or a BIO that is ours.
        let bio = unsafe { ffi::BIO_new(ffi::BIO_s_mem()) };
        (!bio.is_null()).then_some(MemBio(bio))
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

/// `X509_LOOKUP_add_dir` with `X509_LOOKUP_hash_dir`: a directory, or several with a `:` between them.
pub(in crate::tls) fn add_directory(
    store: &mut X509StoreBuilderRef,
    directory: &CStr,
) -> Result<(), Queue> {
    // SAFETY: a live store, to which the lookup belongs; the method is static, and the name is copied.
    let added = unsafe {
        let lookup = ffi::X509_STORE_add_lookup(store.as_ptr(), ffi::X509_LOOKUP_hash_dir());
        !lookup.is_null()
            && ffi::X509_LOOKUP_add_dir(lookup, directory.as_ptr(), ffi::X509_FILETYPE_PEM) == 1
    };
    succeeded(added)
}

/// `X509_STORE_add_crl`.
pub(in crate::tls) fn add_crl(
    store: &mut X509StoreBuilderRef,
    crl: &X509CrlRef,
) -> Result<(), Queue> {
    // SAFETY: both are live; the store takes a reference of its own.
    succeeded(unsafe { X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) } == 1)
}
