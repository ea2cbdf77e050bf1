//! Ticket callbacks: their types, which differ between libssl 1.1.1 and 3, and what they set up.

use crate::tls::tickets::TicketKey;
use foreign_types::ForeignTypeRef;
use openssl_sys as ffi;
use std::ffi::{c_int, c_uchar, c_void};
use std::ptr;

/// Bytes of a key's name in a ticket.
pub(in crate::tls) const TICKET_NAME: usize = 16;
/// Bytes of the initialisation vector of AES-256-CBC.
pub(in crate::tls) const TICKET_IV: usize = 16;

/// `SSL_TICKET_SUCCESS`
pub(in crate::tls) const TICKET_SUCCESS: c_int = 5;
/// `SSL_TICKET_SUCCESS_RENEW`
pub(in crate::tls) const TICKET_SUCCESS_RENEW: c_int = 6;
/// `SSL_TICKET_RETURN_IGNORE_RENEW`
pub(in crate::tls) const TICKET_RETURN_IGNORE_RENEW: c_int = 2;
/// `SSL_TICKET_RETURN_USE`
pub(in crate::tls) const TICKET_RETURN_USE: c_int = 3;
/// `SSL_TICKET_RETURN_USE_RENEW`
pub(in crate::tls) const TICKET_RETURN_USE_RENEW: c_int = 4;

/// What libssl authenticates a ticket with.
#[cfg(openssl3)]
pub(in crate::tls) type TicketMac = ffi::EVP_MAC_CTX;
/// What libssl authenticates a ticket with.
#[cfg(not(openssl3))]
pub(in crate::tls) type TicketMac = ffi::HMAC_CTX;

/// Chooses the key of a ticket and sets up both contexts.
pub(in crate::tls) type KeyCallback = unsafe extern "C" fn(
    *mut ffi::SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut ffi::EVP_CIPHER_CTX,
    *mut TicketMac,
    c_int,
) -> c_int;

/// Says what becomes of a ticket after it was opened.
pub(in crate::tls) type OpenedCallback = unsafe extern "C" fn(
    *mut ffi::SSL,
    *mut ffi::SSL_SESSION,
    *const c_uchar,
    usize,
    c_int,
    *mut c_void,
) -> c_int;

unsafe extern "C" {
    #[cfg(openssl3)]
    fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
        context: *mut ffi::SSL_CTX,
        callback: Option<KeyCallback>,
    ) -> c_int;
    #[cfg(not(openssl3))]
    fn SSL_CTX_callback_ctrl(
        context: *mut ffi::SSL_CTX,
        command: c_int,
        callback: Option<unsafe extern "C" fn()>,
    ) -> std::ffi::c_long;
    fn SSL_CTX_set_session_ticket_cb(
        context: *mut ffi::SSL_CTX,
        sealing: Option<unsafe extern "C" fn(*mut ffi::SSL, *mut c_void) -> c_int>,
        opened: Option<OpenedCallback>,
        argument: *mut c_void,
    ) -> c_int;
    #[cfg(openssl3)]
    fn OSSL_PARAM_construct_utf8_string(
        key: *const std::ffi::c_char,
        text: *mut std::ffi::c_char,
        length: usize,
    ) -> ffi::OSSL_PARAM;
}

/// `SSL_CTX_set_tlsext_ticket_key_evp_cb` (1.1.1: `SSL_CTX_set_tlsext_ticket_key_cb`); none leaves tickets to libssl.
///
/// # Safety
/// `context` is live, and the callback may be called with any connection made from it.
pub(in crate::tls) unsafe fn set_ticket_key_callback(
    context: *mut ffi::SSL_CTX,
    key: Option<KeyCallback>,
) {
    // SAFETY: promised by the caller.
    unsafe {
        #[cfg(openssl3)]
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, key);
        #[cfg(not(openssl3))]
        {
            /// `SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB`
            const CTRL_SET_TICKET_KEY: c_int = 72;
            // SAFETY: libssl casts it back to the type it has.
            let key =
                key.map(|key| std::mem::transmute::<KeyCallback, unsafe extern "C" fn()>(key));
            SSL_CTX_callback_ctrl(context, CTRL_SET_TICKET_KEY, key);
        }
    }
}

/// `SSL_CTX_set_session_ticket_cb`, for tickets that were opened.
///
/// # Safety
/// As [`set_ticket_key_callback`].
pub(in crate::tls) unsafe fn set_opened_ticket_callback(
    context: *mut ffi::SSL_CTX,
    opened: Option<OpenedCallback>,
) {
    // SAFETY: promised by the caller.
    unsafe { SSL_CTX_set_session_ticket_cb(context, None, opened, ptr::null_mut()) };
}

/// Sets up AES-256-CBC and HMAC-SHA256, as libssl does with keys of its own.
///
/// # Safety
/// Both contexts are live and ours for the call.
pub(in crate::tls) unsafe fn start_ticket(
    cipher: *mut ffi::EVP_CIPHER_CTX,
    mac: *mut TicketMac,
    key: &TicketKey,
    iv: &[u8],
    sealing: bool,
) -> bool {
    debug_assert_eq!(iv.len(), TICKET_IV);
    let Some(aes) = aes_256_cbc() else {
        return false;
    };
    // SAFETY: the contexts are live (promised by the caller); the key has the 32 bytes and the vector the 16 bytes
    // that the cipher takes.
    let ready = unsafe {
        ffi::EVP_CipherInit_ex(
            cipher,
            aes,
            ptr::null_mut(),
            key.cipher().as_ptr(),
            iv.as_ptr(),
            c_int::from(sealing),
        ) == 1
    };
    // SAFETY: as above.
    ready && unsafe { start_mac(mac, key.mac()) }
}

/// Fetched once: a cipher by its old name is looked up under a lock each time.
#[cfg(openssl3)]
fn aes_256_cbc() -> Option<*const ffi::EVP_CIPHER> {
    use once_cell::sync::OnceCell;
    use openssl::cipher::Cipher;
    static AES: OnceCell<Cipher> = OnceCell::new();
    let cipher = AES.get_or_try_init(|| Cipher::fetch(None, "AES-256-CBC", None));
    cipher.ok().map(|cipher| cipher.as_ptr().cast_const())
}

#[cfg(not(openssl3))]
fn aes_256_cbc() -> Option<*const ffi::EVP_CIPHER> {
    Some(openssl::cipher::Cipher::aes_256_cbc().as_ptr().cast_const())
}

/// # Safety
/// `mac` is live and ours for the call.
#[cfg(openssl3)]
unsafe fn start_mac(mac: *mut TicketMac, secret: &[u8]) -> bool {
    // SAFETY: promised by the caller. The parameters and the name they point to outlive the call, which only
    // reads them.
    unsafe {
        let name = c"SHA256".as_ptr().cast_mut();
        let parameters = [
            OSSL_PARAM_construct_utf8_string(c"digest".as_ptr(), name, 0),
            ffi::OSSL_PARAM_construct_end(),
        ];
        ffi::EVP_MAC_init(mac, secret.as_ptr(), secret.len(), parameters.as_ptr()) == 1
    }
}

/// # Safety
/// `mac` is live and ours for the call.
#[cfg(not(openssl3))]
unsafe fn start_mac(mac: *mut TicketMac, secret: &[u8]) -> bool {
    let length = c_int::try_from(secret.len()).unwrap_or(0);
    // SAFETY: promised by the caller; the secret is read alone.
    unsafe {
        ffi::HMAC_Init_ex(
            mac,
            secret.as_ptr().cast(),
            length,
            ffi::EVP_sha256(),
            ptr::null_mut(),
        ) == 1
    }
}
