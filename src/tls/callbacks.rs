//! Where libssl calls us: the ClientHello, ALPN, ticket keys, and the session cache.
//!
//! Each is a trampoline: it finds the [`State`] its context was given, asks a safe function elsewhere in this room,
//! and answers libssl. A panic ends in libssl's word for failure, never in libssl's stack. The openssl crate has
//! callbacks for some of these, which take a lock of the whole process on every call.

#![allow(unsafe_code)]

use super::alpn;
use super::kept::Kept;
use super::names::{Chosen, Names, host_name};
use super::passing::{self, Passes};
use super::resume::Shared;
use super::sys;
use super::tickets::TicketKeys;
use foreign_types::{ForeignType, ForeignTypeRef};
use once_cell::sync::OnceCell;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslRef, SslSession, SslSessionRef, SslVersion,
};
use openssl::x509::X509StoreContextRef;
use openssl_sys as ffi;
use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What the callbacks of a context work with. Each is there if it has something to do.
#[derive(Default)]
pub(super) struct State {
    /// Protocol names accepted by ALPN, best first.
    pub(super) alpn: Vec<String>,
    /// Whether a client that offers others alone is refused.
    pub(super) refuses_other_protocols: bool,
    /// Whether it is remembered which certificate of a chain was not accepted.
    pub(super) watches_verification: bool,
    /// Which failures of verification do not end the handshake.
    pub(super) passes: Passes,
    /// Contexts of server names; only a connection's first context has any.
    pub(super) names: Option<Names>,
    /// Whether the server name that a client asks for is kept: libssl does not tell it where a session of TLS 1.2 or older
    /// is resumed.
    pub(super) keeps_server_name: bool,
    /// What tickets are sealed with, where that is not libssl's own business.
    pub(super) tickets: Option<TicketKeys>,
    /// Whether tickets of clients whose certificate has expired since are not used.
    pub(super) refuses_expired: bool,
    /// The session cache and how many sessions it may hold, where it is on.
    pub(super) cache: Option<(Arc<Shared>, usize)>,
    /// Where a client keeps its sessions, if it does.
    pub(super) kept: Option<Arc<Kept>>,
    /// The groups of the policy, for who asks why a handshake failed; empty if they are the library's own.
    pub(super) groups: String,
    /// What keys there are, in words, for the same.
    pub(super) keys: Vec<String>,
}

static INDEX: OnceCell<Index<SslContext, State>> = OnceCell::new();

/// Where a server name is kept.
static SERVER_NAME_OF: OnceCell<Index<Ssl, Box<[u8]>>> = OnceCell::new();

/// Hands a context its state and has libssl call with it.
pub(super) fn install(context: &mut SslContextBuilder, state: State) -> Result<(), ErrorStack> {
    let index = *INDEX.get_or_try_init(SslContext::new_ex_index)?;
    if state.keeps_server_name {
        SERVER_NAME_OF.get_or_try_init(Ssl::new_ex_index)?;
    }
    let raw = context.as_ptr();
    // SAFETY: the builder owns a live SSL_CTX, and the functions have the types libssl documents. They find the
    // state by the index set below, which lives as long as the context, and libssl calls none before that.
    unsafe {
        if !state.alpn.is_empty() {
            ffi::SSL_CTX_set_alpn_select_cb__fixed_rust(
                raw,
                Some(select_alpn),
                std::ptr::null_mut(),
            );
        }
        if state.names.is_some() || state.keeps_server_name {
            ffi::SSL_CTX_set_client_hello_cb(raw, Some(client_hello), std::ptr::null_mut());
        }
        if state.cache.is_some() {
            ffi::SSL_CTX_sess_set_new_cb(raw, Some(new_session));
            ffi::SSL_CTX_sess_set_get_cb(raw, Some(get_session));
            ffi::SSL_CTX_sess_set_remove_cb(raw, Some(remove_session));
        }
        if state.kept.is_some() {
            ffi::SSL_CTX_sess_set_new_cb(raw, Some(given_session));
        }
        if state.tickets.is_some() {
            sys::set_ticket_key_callback(raw, Some(ticket_key));
        }
        if state.watches_verification || state.passes != Passes::Nothing {
            let mode = ffi::SSL_CTX_get_verify_mode(raw);
            ffi::SSL_CTX_set_verify(raw, mode, Some(verified));
        }
        if state.refuses_expired {
            sys::set_opened_ticket_callback(raw, Some(opened_ticket));
        }
    }
    context.set_ex_data(index, state);
    Ok(())
}

/// The state that a context was given before.
pub(super) fn state(context: &SslContextBuilder) -> Option<&State> {
    sys::view(context).ex_data(*INDEX.get()?)
}

/// The state of the context that a connection is in.
pub(super) fn state_of(ssl: &SslRef) -> Option<&State> {
    ssl.ssl_context().ex_data(*INDEX.get()?)
}

/// The server name that a client has asked for, where its context keeps it.
pub(super) fn server_name(ssl: &SslRef) -> Option<&[u8]> {
    ssl.ex_data(*SERVER_NAME_OF.get()?).map(|name| &name[..])
}

/// Runs a callback's body with the connection and the state of the context it is in; `otherwise` when there is no
/// such state, or on a panic.
///
/// # Safety
/// `ssl` is a live SSL that nobody else uses during the call.
unsafe fn with<R>(
    ssl: *mut ffi::SSL,
    otherwise: R,
    body: impl FnOnce(&mut SslRef, &State) -> R,
) -> R {
    // SAFETY: promised by the caller.
    let ssl = unsafe { SslRef::from_ptr_mut(ssl) };
    // A reference of our own: the body may move the connection to another context.
    let context = ssl.ssl_context().to_owned();
    let Some(state) = INDEX.get().and_then(|index| context.ex_data(*index)) else {
        return otherwise;
    };
    catch_unwind(AssertUnwindSafe(|| body(ssl, state))).unwrap_or(otherwise)
}

/// A slice of what libssl lends; null is empty.
///
/// # Safety
/// `start` is null, or `length` bytes are there and stay unchanged while the slice is used.
unsafe fn lent<'a>(start: *const c_uchar, length: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller, and not null.
    unsafe { std::slice::from_raw_parts(start, length) }
}

unsafe extern "C" fn select_alpn(
    ssl: *mut ffi::SSL,
    out: *mut *const c_uchar,
    out_length: *mut c_uchar,
    offered: *const c_uchar,
    offered_length: c_uint,
    _: *mut c_void,
) -> c_int {
    // SAFETY: libssl calls with the connection at work and lends the client's list for the call.
    unsafe {
        let offered = lent(offered, offered_length as usize);
        with(ssl, ffi::SSL_TLSEXT_ERR_NOACK, |_, state| {
            let Some(chosen) = alpn::choose(&state.alpn, offered) else {
                return match state.refuses_other_protocols {
                    true => ffi::SSL_TLSEXT_ERR_ALERT_FATAL,
                    false => ffi::SSL_TLSEXT_ERR_NOACK,
                };
            };
            // A name of that list is at most 255 bytes: its length stands in one.
            let Ok(length) = c_uchar::try_from(chosen.len()) else {
                return ffi::SSL_TLSEXT_ERR_NOACK;
            };
            *out = chosen.as_ptr();
            *out_length = length;
            ffi::SSL_TLSEXT_ERR_OK
        })
    }
}

unsafe extern "C" fn client_hello(ssl: *mut ffi::SSL, alert: *mut c_int, _: *mut c_void) -> c_int {
    // SAFETY: libssl calls with the connection at work; the extension lives in the ClientHello until it returns.
    unsafe {
        with(ssl, ffi::SSL_CLIENT_HELLO_ERROR, |connection, state| {
            let mut start = std::ptr::null();
            let mut length = 0;
            let there = ffi::SSL_client_hello_get0_ext(ssl, SERVER_NAME, &mut start, &mut length);
            let extension = (there == 1).then(|| lent(start, length));
            let name = extension.filter(|_| state.keeps_server_name);
            if let (Some(index), Some(name)) = (SERVER_NAME_OF.get(), name.and_then(host_name)) {
                connection.set_ex_data(*index, name.into());
            }
            let Some(names) = &state.names else {
                return ffi::SSL_CLIENT_HELLO_SUCCESS;
            };
            match names.choose(connection, extension) {
                Ok(Chosen::GoOn) => ffi::SSL_CLIENT_HELLO_SUCCESS,
                Ok(Chosen::Unlisted) => {
                    *alert = UNRECOGNIZED_NAME;
                    ffi::SSL_CLIENT_HELLO_ERROR
                }
                Ok(Chosen::Nameless) => {
                    *alert = HANDSHAKE_FAILURE;
                    ffi::SSL_CLIENT_HELLO_ERROR
                }
                Err(stack) => {
                    stack.put();
                    ffi::SSL_CLIENT_HELLO_ERROR
                }
            }
        })
    }
}

/// A certificate of the peer's chain was judged: the verdict stays what it is, unless the policy passes over it.
extern "C" fn verified(good: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    if good != 0 || context.is_null() {
        return good;
    }
    // SAFETY: libssl lends the context for the call, and with it the connection at work, which is null where this is
    // about no connection.
    let (context, ssl) = unsafe {
        let index = ffi::SSL_get_ex_data_X509_STORE_CTX_idx();
        let ssl: *mut ffi::SSL = ffi::X509_STORE_CTX_get_ex_data(context, index).cast();
        if ssl.is_null() {
            return good;
        }
        (
            X509StoreContextRef::from_ptr_mut(context),
            SslRef::from_ptr_mut(ssl),
        )
    };
    let judged = catch_unwind(AssertUnwindSafe(|| passing::judge(ssl, context)));
    judged.unwrap_or(false).into()
}

/// `TLSEXT_TYPE_server_name`
const SERVER_NAME: c_uint = 0;
/// `SSL_AD_HANDSHAKE_FAILURE`
const HANDSHAKE_FAILURE: c_int = 40;
/// `SSL_AD_UNRECOGNIZED_NAME`
const UNRECOGNIZED_NAME: c_int = 112;

/// Answers of the ticket key callback.
const TICKET_FAILED: c_int = -1;
const TICKET_NO_KEY: c_int = 0;
const TICKET_GOOD: c_int = 1;
const TICKET_GOOD_AND_RENEW: c_int = 2;

unsafe extern "C" fn ticket_key(
    ssl: *mut ffi::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut ffi::EVP_CIPHER_CTX,
    mac: *mut sys::TicketMac,
    sealing: c_int,
) -> c_int {
    // SAFETY: libssl calls with the connection at work and lends 16 bytes of name, EVP_MAX_IV_LENGTH (16) bytes of
    // initialisation vector, and two contexts to be set up.
    unsafe {
        with(ssl, TICKET_FAILED, |ssl, state| {
            if sealing == 1 {
                let sealing = state.tickets.as_ref().and_then(TicketKeys::sealing);
                let Some(key) = sealing else {
                    return TICKET_FAILED;
                };
                let iv = std::slice::from_raw_parts_mut(iv, sys::TICKET_IV);
                if openssl::rand::rand_bytes(iv).is_err() {
                    return TICKET_FAILED;
                }
                std::ptr::copy_nonoverlapping(key.name().as_ptr(), name, key.name().len());
                let ready = sys::start_ticket(cipher, mac, &key, iv, true);
                return if ready { TICKET_GOOD } else { TICKET_FAILED };
            }
            let name = lent(name, sys::TICKET_NAME);
            let known = state.tickets.as_ref();
            let Some((key, seals)) = known.and_then(|keys| keys.opening(name)) else {
                return TICKET_NO_KEY;
            };
            if !sys::start_ticket(cipher, mac, &key, lent(iv, sys::TICKET_IV), false) {
                return TICKET_FAILED;
            }
            // TLS 1.3 clients use a ticket once: without a new one their next connection could not resume.
            if seals && ssl.version2() != Some(SslVersion::TLS1_3) {
                TICKET_GOOD
            } else {
                TICKET_GOOD_AND_RENEW
            }
        })
    }
}

/// A ticket was opened, or could not be. One whose client's certificate has expired since is not used.
unsafe extern "C" fn opened_ticket(
    _: *mut ffi::SSL,
    session: *mut ffi::SSL_SESSION,
    _: *const c_uchar,
    _: usize,
    status: c_int,
    _: *mut c_void,
) -> c_int {
    match status {
        sys::TICKET_SUCCESS | sys::TICKET_SUCCESS_RENEW if !session.is_null() => {
            // SAFETY: not null, and libssl lends the session for the call.
            let session = unsafe { SslSessionRef::from_ptr(session) };
            if sys::has_expired_peer(session) {
                sys::TICKET_RETURN_IGNORE_RENEW
            } else if status == sys::TICKET_SUCCESS {
                sys::TICKET_RETURN_USE
            } else {
                sys::TICKET_RETURN_USE_RENEW
            }
        }
        // libssl goes on as it would have without us: a full handshake, and a new ticket after it.
        _ => sys::TICKET_RETURN_IGNORE_RENEW,
    }
}

/// Whether a session will be asked for by its id: TLS 1.3 does so only without sealed tickets.
fn is_looked_up(ssl: &SslRef, session: &SslSessionRef) -> bool {
    session.protocol_version() != SslVersion::TLS1_3 || sys::options(ssl) & sys::OP_NO_TICKET != 0
}

unsafe extern "C" fn new_session(ssl: *mut ffi::SSL, session: *mut ffi::SSL_SESSION) -> c_int {
    // SAFETY: libssl calls with the connection at work and a live session, whose reference it keeps on 0.
    unsafe {
        let session = SslSessionRef::from_ptr(session);
        with(ssl, (), |ssl, state| {
            let (Some((shared, capacity)), true) = (&state.cache, is_looked_up(ssl, session))
            else {
                return;
            };
            if let Ok(encoded) = session.to_der() {
                let expires = session.time() + session.timeout();
                shared
                    .sessions
                    .insert(session.id(), encoded, expires, *capacity);
            }
        });
    }
    0
}

/// A server has given our client a session.
unsafe extern "C" fn given_session(ssl: *mut ffi::SSL, session: *mut ffi::SSL_SESSION) -> c_int {
    // SAFETY: libssl calls with the connection at work and a live session, whose reference it keeps on 0: what is kept
    // is one of our own.
    unsafe {
        let session = SslSessionRef::from_ptr(session);
        with(ssl, (), |_, state| {
            if let Some(kept) = &state.kept {
                kept.put(session.to_owned());
            }
        });
    }
    0
}

unsafe extern "C" fn get_session(
    ssl: *mut ffi::SSL,
    id: *const c_uchar,
    length: c_int,
    copy: *mut c_int,
) -> *mut ffi::SSL_SESSION {
    // SAFETY: libssl calls with the connection at work and lends the id; `copy` is its own variable, and 0 there
    // says that the reference we return is for libssl to keep.
    unsafe {
        *copy = 0;
        let id = lent(id, usize::try_from(length).unwrap_or(0));
        with(ssl, std::ptr::null_mut(), |_, state| {
            let Some((shared, _)) = &state.cache else {
                return std::ptr::null_mut();
            };
            let found = shared.sessions.find(id, sys::now());
            let session = found.and_then(|encoded| SslSession::from_der(&encoded).ok());
            match session {
                Some(session) if sys::has_expired_peer(&session) => {
                    shared.sessions.remove(id);
                    std::ptr::null_mut()
                }
                Some(session) => {
                    let raw = session.as_ptr();
                    std::mem::forget(session);
                    raw
                }
                None => std::ptr::null_mut(),
            }
        })
    }
}

unsafe extern "C" fn remove_session(context: *mut ffi::SSL_CTX, session: *mut ffi::SSL_SESSION) {
    // SAFETY: libssl calls with a live context and a live session, for the call.
    unsafe {
        let context = openssl::ssl::SslContextRef::from_ptr(context);
        let session = SslSessionRef::from_ptr(session);
        let state = INDEX.get().and_then(|index| context.ex_data(*index));
        if let Some((shared, _)) = state.and_then(|state| state.cache.as_ref()) {
            let _ = catch_unwind(AssertUnwindSafe(|| shared.sessions.remove(session.id())));
        }
    }
}
