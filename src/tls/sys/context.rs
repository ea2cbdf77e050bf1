//! Calls on an `SSL_CTX`.

use super::succeeded;
use crate::tls::queue::{self, Queue};
use crate::tls::role::Role;
use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::{SslContextBuilder, SslContextRef, SslMode};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::ptr;

/// `SSL_OP_NO_TICKET`
pub(in crate::tls) const OP_NO_TICKET: u64 = 0x4000;
/// `SSL_OP_CIPHER_SERVER_PREFERENCE`
pub(in crate::tls) const OP_CIPHER_SERVER_PREFERENCE: u64 = 0x40_0000;

/// `SSL_CTRL_CLEAR_MODE`
const CTRL_CLEAR_MODE: c_int = 78;
/// `SSL_CTRL_BUILD_CERT_CHAIN`
const CTRL_BUILD_CERT_CHAIN: c_int = 105;
/// `SSL_BUILD_CHAIN_FLAG_NO_ROOT | SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR | SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR`
const BUILD_CHAIN_AS_FAR_AS_IT_GOES: c_long = 0x2 | 0x8 | 0x10;

/// `SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SHOW_ERRORS | SSL_CONF_FLAG_CERTIFICATE`
const CONF_FLAGS: c_uint = 0x2 | 0x10 | 0x20;
/// `SSL_CONF_FLAG_CLIENT`
const CONF_CLIENT: c_uint = 0x4;
/// `SSL_CONF_FLAG_SERVER`
const CONF_SERVER: c_uint = 0x8;

type PassphraseCallback = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

enum SslConfContext {}

unsafe extern "C" {
    fn SSL_CTX_use_cert_and_key(
        context: *mut ffi::SSL_CTX,
        leaf: *mut ffi::X509,
        key: *mut ffi::EVP_PKEY,
        chain: *mut ffi::stack_st_X509,
        replace: c_int,
    ) -> c_int;
    fn SSL_CTX_config(context: *mut ffi::SSL_CTX, name: *const c_char) -> c_int;
    fn SSL_CTX_set_timeout(context: *mut ffi::SSL_CTX, seconds: c_long) -> c_long;
    fn SSL_CTX_set_default_passwd_cb(
        context: *mut ffi::SSL_CTX,
        callback: Option<PassphraseCallback>,
    );
    fn SSL_CTX_get_default_passwd_cb(context: *mut ffi::SSL_CTX) -> Option<PassphraseCallback>;
    fn SSL_CTX_get_default_passwd_cb_userdata(context: *mut ffi::SSL_CTX) -> *mut c_void;
    fn SSL_CONF_CTX_new() -> *mut SslConfContext;
    fn SSL_CONF_CTX_free(conf: *mut SslConfContext);
    fn SSL_CONF_CTX_set_flags(conf: *mut SslConfContext, flags: c_uint) -> c_uint;
    fn SSL_CONF_CTX_set_ssl_ctx(conf: *mut SslConfContext, context: *mut ffi::SSL_CTX);
    fn SSL_CONF_cmd(conf: *mut SslConfContext, name: *const c_char, value: *const c_char) -> c_int;
    fn SSL_CONF_CTX_finish(conf: *mut SslConfContext) -> c_int;
}

/// `SSL_CTX_set_options`, all 64 bits where libssl has them.
pub(in crate::tls) fn set_options(context: &mut SslContextBuilder, bits: u64) {
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { ffi::SSL_CTX_set_options(context.as_ptr(), bits as _) };
}

/// `SSL_CTX_clear_options`.
pub(in crate::tls) fn clear_options(context: &mut SslContextBuilder, bits: u64) {
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { ffi::SSL_CTX_clear_options(context.as_ptr(), bits as _) };
}

/// `SSL_CTX_get_options`, of a context in the making.
pub(in crate::tls) fn builder_options(context: &SslContextBuilder) -> u64 {
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { ffi::SSL_CTX_get_options(context.as_ptr()) }
}

/// `SSL_CTX_get_options`.
pub(in crate::tls) fn context_options(context: &SslContextRef) -> u64 {
    // SAFETY: a live SSL_CTX.
    unsafe { ffi::SSL_CTX_get_options(context.as_ptr()) as u64 }
}

/// `SSL_CTX_use_cert_and_key`: a chain and its key, beside those of other key types.
pub(in crate::tls) fn use_identity(
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
        SSL_CTX_use_cert_and_key(
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
pub(in crate::tls) fn clear_mode(context: &mut SslContextBuilder, mode: SslMode) {
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

/// `SSL_CTX_config`: applies a section of openssl.cnf. `false` leaves the reasons in the error queue.
pub(in crate::tls) fn apply_section(context: &mut SslContextBuilder, name: &CStr) -> bool {
    // SAFETY: the builder owns a live SSL_CTX, the name is NUL-terminated and not kept.
    unsafe { SSL_CTX_config(context.as_ptr(), name.as_ptr()) == 1 }
}

/// `SSL_CTX_build_cert_chain`: fills in what the chain of the last identity lacks, from the CAs, as libssl would do
/// anew for each handshake. What cannot be found stays away.
pub(in crate::tls) fn complete_chain(context: &mut SslContextBuilder) {
    // SAFETY: the builder owns a live SSL_CTX; the control takes flags.
    unsafe {
        ffi::SSL_CTX_ctrl(
            context.as_ptr(),
            CTRL_BUILD_CERT_CHAIN,
            BUILD_CHAIN_AS_FAR_AS_IT_GOES,
            ptr::null_mut(),
        )
    };
    queue::clear();
}

/// `SSL_CTX_set_timeout`: how long a session may be resumed, in seconds.
pub(in crate::tls) fn set_session_timeout(context: &mut SslContextBuilder, seconds: u64) {
    let seconds = c_long::try_from(seconds).unwrap_or(c_long::MAX);
    // SAFETY: the builder owns a live SSL_CTX.
    unsafe { SSL_CTX_set_timeout(context.as_ptr(), seconds) };
}

/// `SSL_CTX_set_default_passwd_cb`, so that nobody is ever asked for a passphrase on the terminal.
pub(in crate::tls) fn refuse_passphrases(context: &mut SslContextBuilder) {
    unsafe extern "C" fn refuse(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
        -1
    }
    // SAFETY: the builder owns a live SSL_CTX; the callback touches nothing.
    unsafe { SSL_CTX_set_default_passwd_cb(context.as_ptr(), Some(refuse)) };
}

/// Lets `body` work on a context that asks nobody for a passphrase on the terminal meanwhile. A callback, or a
/// passphrase, of its owner's is used.
pub(in crate::tls) fn without_prompt<R>(
    context: &mut SslContextBuilder,
    body: impl FnOnce(&mut SslContextBuilder) -> R,
) -> R {
    let raw = context.as_ptr();
    // SAFETY: the builder owns a live SSL_CTX, which the calls only read.
    let prompts = unsafe {
        SSL_CTX_get_default_passwd_cb(raw).is_none()
            && SSL_CTX_get_default_passwd_cb_userdata(raw).is_null()
    };
    if prompts {
        refuse_passphrases(context);
    }
    let result = body(context);
    if prompts {
        // SAFETY: as above; none was set before.
        unsafe { SSL_CTX_set_default_passwd_cb(raw, None) };
    }
    result
}

/// What `SSL_CONF_cmd` made of a command.
#[derive(Debug)]
pub(in crate::tls) enum CommandError {
    /// It knows no such command for that side.
    Unknown,
    /// The command needs a value.
    NeedsValue,
    /// The value is wrong.
    Refused(Queue),
}

/// `SSL_CONF_cmd`, as a line of openssl.cnf.
pub(in crate::tls) fn run_command(
    context: &mut SslContextBuilder,
    role: Role,
    name: &CStr,
    value: Option<&CStr>,
) -> Result<(), CommandError> {
    queue::clear();
    let side = match role {
        Role::Server => CONF_SERVER,
        Role::Client => CONF_CLIENT,
    };
    // SAFETY: the SSL_CONF_CTX is made, used and freed here; the SSL_CTX lives longer; the strings are not kept.
    unsafe {
        let conf = SSL_CONF_CTX_new();
        if conf.is_null() {
            return Err(CommandError::Refused(queue::drain()));
        }
        SSL_CONF_CTX_set_flags(conf, CONF_FLAGS | side);
        SSL_CONF_CTX_set_ssl_ctx(conf, context.as_ptr());
        let value = value.map_or(ptr::null(), CStr::as_ptr);
        let done = SSL_CONF_cmd(conf, name.as_ptr(), value);
        let finished = done <= 0 || SSL_CONF_CTX_finish(conf) == 1;
        SSL_CONF_CTX_free(conf);
        match done {
            -2 => Err(CommandError::Unknown),
            -3 => Err(CommandError::NeedsValue),
            1.. if finished => Ok(()),
            _ => Err(CommandError::Refused(queue::drain())),
        }
    }
}

/// `SSL_CTX_get_min_proto_version` and `SSL_CTX_get_max_proto_version`; `None` is open.
pub(in crate::tls) fn version_bounds(context: &SslContextRef) -> (Option<c_int>, Option<c_int>) {
    // SAFETY: a live SSL_CTX, which the controls only read.
    let (min, max) = unsafe {
        (
            ffi::SSL_CTX_get_min_proto_version(context.as_ptr()),
            ffi::SSL_CTX_get_max_proto_version(context.as_ptr()),
        )
    };
    let set = |version: c_int| (version > 0).then_some(version);
    (set(min), set(max))
}

/// `SSL_CTX_set_srp_client_pwd_callback`, where this libssl was built with SRP, with a callback that is never asked.
pub(in crate::tls) fn pretend_srp(context: &mut SslContextBuilder) {
    #[cfg(openssl_srp)]
    {
        type Password = unsafe extern "C" fn(*mut ffi::SSL, *mut c_void) -> *mut c_char;
        unsafe extern "C" {
            fn SSL_CTX_set_srp_client_pwd_callback(
                context: *mut ffi::SSL_CTX,
                callback: Option<Password>,
            ) -> c_int;
        }
        unsafe extern "C" fn none(_: *mut ffi::SSL, _: *mut c_void) -> *mut c_char {
            ptr::null_mut()
        }
        // SAFETY: the builder owns a live SSL_CTX; the callback touches nothing.
        unsafe { SSL_CTX_set_srp_client_pwd_callback(context.as_ptr(), Some(none)) };
    }
    #[cfg(not(openssl_srp))]
    let _ = context;
}
