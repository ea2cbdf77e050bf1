//! Calls on an `SSL_CTX` that somebody else made: what it is, what was set before, and how to leave the rest alone.

use crate::tls::queue::{self, Queue};
use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::ssl::{
    Ssl, SslCipher, SslCipherRef, SslContext, SslContextBuilder, SslContextRef, SslMethod, SslRef,
    SslVerifyMode, SslVersion,
};
use openssl::stack::StackRef;
use openssl_sys as ffi;
use std::ffi::c_int;
use std::ptr;

/// `SSL_CTRL_SESS_CONNECT`, `_CONNECT_GOOD`, `_ACCEPT`, `_ACCEPT_GOOD`
const COUNTERS: [c_int; 4] = [21, 22, 24, 25];

type VerifyCallback = extern "C" fn(c_int, *mut ffi::X509_STORE_CTX) -> c_int;

unsafe extern "C" {
    fn SSL_CTX_get_verify_callback(context: *const ffi::SSL_CTX) -> Option<VerifyCallback>;
    fn SSL_CTX_get_ssl_method(context: *const ffi::SSL_CTX) -> *const ffi::SSL_METHOD;
    fn SSL_CTX_get_ciphers(context: *const ffi::SSL_CTX) -> *mut ffi::stack_st_SSL_CIPHER;
    fn SSL_CIPHER_get_auth_nid(cipher: *const ffi::SSL_CIPHER) -> c_int;
    fn SSL_is_dtls(ssl: *const ffi::SSL) -> c_int;
    fn SSL_in_before(ssl: *const ffi::SSL) -> c_int;
}

/// An `SSL_CTX` of somebody else's as a builder, which holds a reference of its own (`SSL_CTX_up_ref`). `None` for
/// null.
///
/// # Safety
/// `context` is null, or live and used by nobody else while the builder is.
#[cfg(feature = "capi")]
pub(crate) unsafe fn somebody_elses(context: *mut ffi::SSL_CTX) -> Option<SslContextBuilder> {
    if context.is_null() {
        return None;
    }
    // SAFETY: live, promised by the caller; the reference that is added is the builder's.
    unsafe {
        ffi::SSL_CTX_up_ref(context);
        Some(SslContextBuilder::from_ptr(context))
    }
}

/// A context in the making as one that is finished, to look at.
pub(in crate::tls) fn view(context: &SslContextBuilder) -> &SslContextRef {
    // SAFETY: the builder owns a live SSL_CTX, for as long as it is borrowed.
    unsafe { SslContextRef::from_ptr(context.as_ptr()) }
}

/// `SSL_CTX_set_verify`, with the callback that is there.
pub(in crate::tls) fn set_verify(context: &mut SslContextBuilder, mode: SslVerifyMode) {
    let raw = context.as_ptr();
    // SAFETY: the builder owns a live SSL_CTX; the callback is the one it has.
    unsafe { ffi::SSL_CTX_set_verify(raw, mode.bits(), SSL_CTX_get_verify_callback(raw)) };
}

/// `SSL_set_verify` as a context has it; without a callback there, the one that the `SSL` has stays.
pub(in crate::tls) fn adopt_verify(ssl: &mut SslRef, context: &SslContextRef) {
    let mode = context.verify_mode().bits();
    // SAFETY: both are live; a callback of the context is one for any SSL.
    unsafe {
        let callback = SSL_CTX_get_verify_callback(context.as_ptr());
        ffi::SSL_set_verify(ssl.as_ptr(), mode, callback);
    }
}

/// Whether a handshake has begun with this context, or been handed over to it. What tells is what libssl counts.
pub(in crate::tls) fn has_had_connections(context: &SslContextBuilder) -> bool {
    let raw = context.as_ptr();
    // SAFETY: the builder owns a live SSL_CTX; these controls only read.
    let counted = |control| unsafe { ffi::SSL_CTX_ctrl(raw, control, 0, ptr::null_mut()) > 0 };
    COUNTERS.into_iter().any(counted)
}

/// What the method of a context can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tls) struct Ability {
    pub(in crate::tls) datagrams: bool,
    pub(in crate::tls) accepts: bool,
    pub(in crate::tls) connects: bool,
    /// The one version it speaks, as on the wire; `None` for a method that negotiates.
    pub(in crate::tls) only: Option<c_int>,
}

/// `SSL_CTX_get_ssl_method`
pub(in crate::tls) fn method(context: &SslContextBuilder) -> SslMethod {
    // SAFETY: the builder owns a live SSL_CTX; methods are static.
    unsafe { SslMethod::from_ptr(SSL_CTX_get_ssl_method(context.as_ptr())) }
}

/// Finds out what a method can do, on a context of its own: libssl does not tell.
pub(in crate::tls) fn ability(method: SslMethod) -> Result<Ability, Queue> {
    let mut context = SslContext::builder(method)?;
    context.set_max_proto_version(None)?;
    // Bounds are ignored by methods of one version.
    let bounded = context.set_min_proto_version(Some(SslVersion::TLS1_2));
    let negotiates = bounded.is_ok() && context.min_proto_version() == Some(SslVersion::TLS1_2);
    let ssl = Ssl::new(&context.build())?;
    let raw = ssl.as_ptr();
    // SAFETY: a live SSL of our own, which is only looked at: in its beginning it is a server's if the method can
    // accept.
    let (datagrams, accepts, version) = unsafe {
        (
            SSL_is_dtls(raw) == 1,
            ffi::SSL_is_server(raw) == 1,
            ffi::SSL_version(raw),
        )
    };
    let connects = can_connect(&ssl);
    queue::clear();
    Ok(Ability {
        datagrams,
        accepts,
        connects,
        only: (!negotiates).then_some(version),
    })
}

/// Whether a client's handshake would begin.
fn can_connect(ssl: &SslRef) -> bool {
    let raw = ssl.as_ptr();
    // SAFETY: a live SSL of our own. The BIOs are its own from here on; null (no memory) is accepted, and ends in
    // an error of the handshake, which is not looked at.
    unsafe {
        ffi::SSL_set_bio(
            raw,
            ffi::BIO_new(ffi::BIO_s_mem()),
            ffi::BIO_new(ffi::BIO_s_mem()),
        );
        ffi::SSL_set_connect_state(raw);
        ffi::SSL_do_handshake(raw);
        SSL_in_before(raw) == 0
    }
}

/// The suites of a context in order (`SSL_CTX_get_ciphers`), joined by colons: those of TLS 1.3, and the older ones.
pub(in crate::tls) fn cipher_names(context: &SslContextBuilder) -> (String, String) {
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for cipher in ciphers(context) {
        match cipher.version() {
            "TLSv1.3" => new.push(cipher.name()),
            _ => old.push(cipher.name()),
        }
    }
    (new.join(":"), old.join(":"))
}

/// The older suites without those by which the server shows no certificate (`SSL_CIPHER_get_auth_nid`), if there are
/// any of these.
pub(in crate::tls) fn without_anonymous_ciphers(context: &SslContextBuilder) -> Option<String> {
    /// `NID_auth_null`
    const NOBODY: c_int = 1053;
    // SAFETY: ciphers are static.
    let anonymous =
        |cipher: &&SslCipherRef| unsafe { SSL_CIPHER_get_auth_nid(cipher.as_ptr()) == NOBODY };
    ciphers(context).find(anonymous)?;
    let old = ciphers(context).filter(|cipher| cipher.version() != "TLSv1.3");
    let named: Vec<&str> = old
        .filter(|cipher| !anonymous(cipher))
        .map(SslCipherRef::name)
        .collect();
    Some(named.join(":"))
}

fn ciphers(context: &SslContextBuilder) -> impl Iterator<Item = &SslCipherRef> {
    // SAFETY: the builder owns a live SSL_CTX; null (none), or a stack that belongs to it and is not changed while
    // it is borrowed.
    let stack = unsafe {
        let stack = SSL_CTX_get_ciphers(context.as_ptr());
        (!stack.is_null()).then(|| StackRef::<SslCipher>::from_ptr(stack))
    };
    stack.into_iter().flat_map(StackRef::iter)
}

/// Whether chains are verified against a store of its own (`SSL_CTX_get0_verify_cert_store`), in place of the one that
/// `SSL_CTX_set_cert_store` sets. libssl 1.1.1 does not tell.
pub(in crate::tls) fn has_verify_store(context: &SslContextBuilder) -> bool {
    #[cfg(openssl3)]
    {
        /// `SSL_CTRL_GET_VERIFY_CERT_STORE`
        const CTRL_GET_VERIFY_STORE: c_int = 137;
        let mut store: *mut ffi::X509_STORE = ptr::null_mut();
        // SAFETY: the builder owns a live SSL_CTX; the control writes a pointer, which is not followed.
        unsafe {
            ffi::SSL_CTX_ctrl(
                context.as_ptr(),
                CTRL_GET_VERIFY_STORE,
                0,
                ptr::from_mut(&mut store).cast(),
            )
        };
        !store.is_null()
    }
    #[cfg(not(openssl3))]
    {
        let _ = context;
        false
    }
}

/// `TLSv1_2_method`, which is deprecated and not used.
#[cfg(all(test, not(openssl4)))]
pub(in crate::tls) fn tls1_2_alone() -> SslMethod {
    unsafe extern "C" {
        fn TLSv1_2_method() -> *const ffi::SSL_METHOD;
    }
    // SAFETY: methods are static.
    unsafe { SslMethod::from_ptr(TLSv1_2_method()) }
}

/// A second builder on the same context, as a program has that goes on using it.
#[cfg(test)]
pub(in crate::tls) fn another_builder(context: &SslContextRef) -> SslContextBuilder {
    let raw = context.as_ptr();
    // SAFETY: a live SSL_CTX; the reference that is added is the builder's. Tests use one at a time.
    unsafe {
        ffi::SSL_CTX_up_ref(raw);
        SslContextBuilder::from_ptr(raw)
    }
}
