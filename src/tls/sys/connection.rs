//! Calls on an `SSL` and its session.

#[cfg(openssl3)]
use super::text;
use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ssl::{SslCipher, SslCipherRef, SslMode, SslRef, SslSessionRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::X509Ref;
use openssl_sys as ffi;
#[cfg(openssl3)]
use std::ffi::c_char;
use std::ffi::{c_int, c_long, c_uchar};
use std::ptr;

/// `SSL_CTRL_GET_NEGOTIATED_GROUP`
#[cfg(openssl3)]
const CTRL_GET_NEGOTIATED_GROUP: c_int = 134;
/// `TLSEXT_nid_unknown`: with it, what is given is not a group's NID but its number on the wire.
#[cfg(openssl3)]
const NID_UNKNOWN: c_int = 0x0100_0000;
/// `SSL_CTRL_GET_MIN_PROTO_VERSION`
const CTRL_GET_MIN: c_int = 130;
/// `SSL_CTRL_GET_MAX_PROTO_VERSION`
const CTRL_GET_MAX: c_int = 131;
/// `SSL_CTRL_MODE`
const CTRL_MODE: c_int = 33;
/// `SSL_CTRL_CLEAR_MODE`
const CTRL_CLEAR_MODE: c_int = 78;
/// `SSL_WRITING`
const WRITING: c_int = 2;

/// `SSL_OP_*` as this libssl passes them.
#[cfg(openssl3)]
type Options = u64;
#[cfg(not(openssl3))]
type Options = std::ffi::c_ulong;

unsafe extern "C" {
    #[cfg(openssl3)]
    fn SSL_group_to_name(ssl: *mut ffi::SSL, id: c_int) -> *const c_char;
    fn SSL_has_pending(ssl: *const ffi::SSL) -> c_int;
    fn SSL_want(ssl: *const ffi::SSL) -> c_int;
    fn SSL_get_options(ssl: *const ffi::SSL) -> Options;
    fn SSL_set_options(ssl: *mut ffi::SSL, bits: Options) -> Options;
    fn SSL_clear_options(ssl: *mut ffi::SSL, bits: Options) -> Options;
    fn SSL_get_ciphers(ssl: *const ffi::SSL) -> *mut ffi::stack_st_SSL_CIPHER;
    fn SSL_get1_supported_ciphers(ssl: *mut ffi::SSL) -> *mut ffi::stack_st_SSL_CIPHER;
    fn SSL_CIPHER_get_id(cipher: *const ffi::SSL_CIPHER) -> u32;
    fn SSL_SESSION_get0_peer(session: *mut ffi::SSL_SESSION) -> *mut ffi::X509;
}

/// `SSL_has_pending`: whether libssl holds bytes of the peer, decrypted or not.
pub(in crate::tls) fn has_pending(ssl: &SslRef) -> bool {
    // SAFETY: a live SSL; the call only looks at it.
    unsafe { SSL_has_pending(ssl.as_ptr()) == 1 }
}

/// Whether libssl holds bytes of the peer, or something of its own that it could not write yet (`SSL_want`).
pub(in crate::tls) fn is_busy(ssl: &SslRef) -> bool {
    // SAFETY: a live SSL; the call only looks at it.
    has_pending(ssl) || unsafe { SSL_want(ssl.as_ptr()) == WRITING }
}

/// `SSL_set_mode`, or `SSL_clear_mode`.
pub(super) fn set_mode(ssl: &mut SslRef, bits: c_long, on: bool) {
    let control = if on { CTRL_MODE } else { CTRL_CLEAR_MODE };
    // SAFETY: a live SSL; the controls take no pointer.
    unsafe {
        ffi::SSL_ctrl(ssl.as_ptr(), control, bits, ptr::null_mut());
        if !on {
            // Since OpenSSL 3.2 what reads records hears of modes only when one is set: of no other one, here.
            ffi::SSL_ctrl(ssl.as_ptr(), CTRL_MODE, 0, ptr::null_mut());
        }
    }
}

/// Whether libssl keeps its buffers between records (`SSL_MODE_RELEASE_BUFFERS` is off), or gives them back; those it
/// has go at once (`SSL_free_buffers`), unless something waits in them. Since OpenSSL 3.2 the buffer of what is written
/// follows the mode that was on when its keys came.
pub(in crate::tls) fn keep_buffers(ssl: &mut SslRef, keep: bool) {
    unsafe extern "C" {
        fn SSL_free_buffers(ssl: *mut ffi::SSL) -> c_int;
    }
    set_mode(ssl, SslMode::RELEASE_BUFFERS.bits(), !keep);
    if !keep {
        // SAFETY: a live SSL; buffers that are in use are left alone.
        unsafe { SSL_free_buffers(ssl.as_ptr()) };
    }
}

/// Whether libssl makes tickets when it is asked to, and not only in the handshake: since OpenSSL 3.0.
pub(in crate::tls) const GIVES_TICKETS_LATER: bool = cfg!(openssl3);

/// `SSL_new_session_ticket`, where there is one.
pub(in crate::tls) fn new_session_ticket(ssl: &mut SslRef) {
    #[cfg(openssl3)]
    {
        unsafe extern "C" {
            fn SSL_new_session_ticket(ssl: *mut ffi::SSL) -> c_int;
        }
        // SAFETY: a live SSL. What it is not in a state for is refused.
        unsafe { SSL_new_session_ticket(ssl.as_ptr()) };
    }
    #[cfg(not(openssl3))]
    let _ = ssl;
}

/// `SSL_get_negotiated_group` by name; `None` where libssl cannot tell.
pub(in crate::tls) fn negotiated_group(ssl: &SslRef) -> Option<String> {
    #[cfg(openssl3)]
    {
        // SAFETY: a live SSL; the control takes no argument and answers a group's id, or 0.
        let id =
            unsafe { ffi::SSL_ctrl(ssl.as_ptr(), CTRL_GET_NEGOTIATED_GROUP, 0, ptr::null_mut()) };
        if id <= 0 {
            return None;
        }
        // SAFETY: a live SSL; the result is null or a static string.
        let name = unsafe { SSL_group_to_name(ssl.as_ptr(), id as c_int) };
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

/// `SSL_get_min_proto_version` and `SSL_get_max_proto_version`: numbers as they are sent, 0 for an open end.
pub(in crate::tls) fn version_range(ssl: &SslRef) -> (c_int, c_int) {
    // SAFETY: a live SSL; these controls only read, and take no pointer.
    let asked = |control| unsafe { ffi::SSL_ctrl(ssl.as_ptr(), control, 0, ptr::null_mut()) };
    (asked(CTRL_GET_MIN) as c_int, asked(CTRL_GET_MAX) as c_int)
}

/// `SSL_get_options`.
pub(in crate::tls) fn options(ssl: &SslRef) -> u64 {
    // SAFETY: a live SSL.
    unsafe { SSL_get_options(ssl.as_ptr()) as u64 }
}

/// `SSL_set_options` after `SSL_clear_options` of all.
pub(in crate::tls) fn replace_options(ssl: &mut SslRef, bits: u64) {
    // SAFETY: a live SSL.
    unsafe {
        SSL_clear_options(ssl.as_ptr(), Options::MAX);
        SSL_set_options(ssl.as_ptr(), bits as Options);
    }
}

/// The name of a group by its number on the wire, where libssl knows it (`SSL_group_to_name`).
pub(in crate::tls) fn group_name(ssl: &SslRef, group: u16) -> Option<String> {
    #[cfg(openssl3)]
    {
        // SAFETY: a live SSL; the result is null or a static string.
        let name = unsafe { SSL_group_to_name(ssl.as_ptr(), NID_UNKNOWN | c_int::from(group)) };
        // SAFETY: not null, and static.
        (!name.is_null()).then(|| unsafe { text(name) }.into_owned())
    }
    #[cfg(not(openssl3))]
    {
        let _ = (ssl, group);
        None
    }
}

/// OpenSSL's name of a suite by its number on the wire, where libssl knows it (`SSL_CIPHER_find`).
pub(in crate::tls) fn suite_name(ssl: &SslRef, suite: u16) -> Option<String> {
    unsafe extern "C" {
        fn SSL_CIPHER_find(ssl: *mut ffi::SSL, number: *const c_uchar) -> *const ffi::SSL_CIPHER;
    }
    let number = suite.to_be_bytes();
    // SAFETY: a live SSL, of which only the method is looked at; two bytes are read. The result is null or static.
    let cipher = unsafe {
        let cipher = SSL_CIPHER_find(ssl.as_ptr(), number.as_ptr());
        (!cipher.is_null()).then(|| SslCipherRef::from_ptr(cipher.cast_mut()))
    };
    cipher.map(|cipher| cipher.name().to_owned())
}

/// Shows the suites that are enabled to `each`, in order (`SSL_get_ciphers`).
pub(in crate::tls) fn for_each_enabled_cipher(ssl: &SslRef, each: impl FnMut(&SslCipherRef)) {
    // SAFETY: a live SSL; null (none), or a stack that belongs to it, which is not changed meanwhile.
    let stack = unsafe {
        let stack = SSL_get_ciphers(ssl.as_ptr());
        (!stack.is_null()).then(|| StackRef::<SslCipher>::from_ptr(stack))
    };
    if let Some(stack) = stack {
        stack.iter().for_each(each);
    }
}

/// The suites of a connection, in order: all that are enabled, or those that can be used
/// (`SSL_get1_supported_ciphers`). Each is shown to `each`.
pub(in crate::tls) fn for_each_cipher(
    ssl: &mut SslRef,
    supported: bool,
    mut each: impl FnMut(&SslCipherRef),
) {
    if supported {
        // SAFETY: a live SSL; null (none), or a stack that is ours. Ciphers are static.
        let stack = unsafe {
            let stack = SSL_get1_supported_ciphers(ssl.as_ptr());
            (!stack.is_null()).then(|| Stack::<SslCipher>::from_ptr(stack))
        };
        if let Some(stack) = stack {
            stack.iter().for_each(&mut each);
        }
    } else {
        for_each_enabled_cipher(ssl, each);
    }
}

/// `SSL_CIPHER_get_id`: the number in the protocol, under 0x03000000.
pub(in crate::tls) fn cipher_id(cipher: &SslCipherRef) -> u32 {
    // SAFETY: ciphers are static.
    unsafe { SSL_CIPHER_get_id(cipher.as_ptr()) }
}

/// Whether the client's certificate in a session is past its time (`SSL_SESSION_get0_peer`). A time that cannot
/// be read counts as past.
pub(in crate::tls) fn has_expired_peer(session: &SslSessionRef) -> bool {
    // SAFETY: a live session; null (no certificate), or a certificate that lives as long as the session.
    let peer = unsafe {
        let peer = SSL_SESSION_get0_peer(session.as_ptr());
        if peer.is_null() {
            return false;
        }
        X509Ref::from_ptr(peer)
    };
    let now = openssl::asn1::Asn1Time::days_from_now(0);
    !now.is_ok_and(|now| peer.not_after() > now.as_ref())
}

/// `SSL_SESSION_is_resumable`: whether it may be used, as far as libssl has seen how its connections ended.
pub(in crate::tls) fn is_resumable(session: &SslSessionRef) -> bool {
    unsafe extern "C" {
        fn SSL_SESSION_is_resumable(session: *const ffi::SSL_SESSION) -> c_int;
    }
    // SAFETY: a live session; the call only looks at it.
    unsafe { SSL_SESSION_is_resumable(session.as_ptr()) == 1 }
}

/// `SSL_set_session`: what a client offers to resume. libssl refuses a session of another method.
pub(in crate::tls) fn set_session(
    ssl: &mut SslRef,
    session: &SslSessionRef,
) -> Result<(), ErrorStack> {
    // SAFETY: both are live, and libssl takes a reference of its own. What the openssl crate asks of its callers, that
    // the session is of the same SSL_CTX, keeps the callbacks of that apart; those of this crate find theirs by the
    // connection.
    unsafe { ssl.set_session(session) }
}

/// `SSL_get0_peer_CA_list`: the names of the CAs that the peer announced.
#[cfg(test)]
pub(in crate::tls) fn announced_names(ssl: &SslRef) -> Vec<String> {
    unsafe extern "C" {
        fn SSL_get0_peer_CA_list(ssl: *const ffi::SSL) -> *mut ffi::stack_st_X509_NAME;
    }
    // SAFETY: a live SSL; null (none), or a stack that belongs to it.
    let names = unsafe {
        let stack = SSL_get0_peer_CA_list(ssl.as_ptr());
        (!stack.is_null()).then(|| StackRef::<openssl::x509::X509Name>::from_ptr(stack))
    };
    let names = names.into_iter().flat_map(StackRef::iter);
    names.map(super::distinguished_name).collect()
}
