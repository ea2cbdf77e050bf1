//! A handshake in pieces: libssl runs it on a stack of its own (`SSL_MODE_ASYNC`), which is left where the state machine
//! goes from one message to the next (`ASYNC_pause_job`).

#[cfg(test)]
pub(in crate::tls) mod stacks;
pub(in crate::tls) mod strangers;

use super::connection::set_mode;
use foreign_types::ForeignTypeRef;
use openssl::ssl::{SslRef, SslVersion};
use openssl_sys as ffi;
use std::cell::Cell;
use std::ffi::{c_int, c_long};
use std::time::{Duration, Instant};

/// How long a piece lasts at least: it ends with the message in which this is over.
const LENGTH: Duration = Duration::from_micros(10);

/// `SSL_MODE_ASYNC`
const MODE_ASYNC: c_long = 0x100;
/// `SSL_CB_LOOP`
const CB_LOOP: c_int = 1;
/// `TLS_ST_BEFORE`
const BEFORE: c_int = 0;
/// `SSL_ERROR_WANT_ASYNC`
pub(in crate::tls) const WANT_ASYNC: c_int = 9;

type Info = unsafe extern "C" fn(*const ffi::SSL, c_int, c_int);

unsafe extern "C" {
    fn ASYNC_is_capable() -> c_int;
    fn ASYNC_pause_job() -> c_int;
    fn SSL_CTX_get_info_callback(context: *mut ffi::SSL_CTX) -> Option<Info>;
    fn SSL_set_info_callback(ssl: *mut ffi::SSL, info: Option<Info>);
    fn SSL_get_state(ssl: *const ffi::SSL) -> c_int;
}

thread_local! {
    /// When the piece that is being made on this thread may end; none where it may not.
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Has the next call for the handshake make pieces, until [`end`]. Refused (`false`) where the system has no such stacks,
/// and where a ClientHello was answered, unless the client was asked for another one: no flight is as long as that answer, and
/// in a later one there may be a client's certificate to look at, for which these stacks (32 KiB) were not measured. Refused
/// as well where libcrypto runs code of others (`strangers`), and where somebody looks at the connections of this context
/// (`SSL_CTX_set_info_callback`), as it takes that place.
pub(in crate::tls) fn begin(ssl: &mut SslRef) -> bool {
    // SAFETY: a live SSL, which has a context; these only look.
    let may = unsafe {
        (SSL_get_state(ssl.as_ptr()) == BEFORE || is_asked_again(ssl))
            && SSL_CTX_get_info_callback(ffi::SSL_get_SSL_CTX(ssl.as_ptr())).is_none()
            && ASYNC_is_capable() == 1
            && !strangers::have_come()
    };
    if may {
        switch(ssl, Some(between_messages));
    }
    may
}

/// Whether nothing but a HelloRetryRequest has answered the ClientHello: TLS 1.3 is spoken, and there was no Finished, with
/// which its flight ends.
fn is_asked_again(ssl: &SslRef) -> bool {
    let mut nothing = [0_u8; 0];
    let finished = nothing.as_mut_ptr().cast();
    // SAFETY: a live SSL, of which this tells a length and copies nothing.
    ssl.version2() == Some(SslVersion::TLS1_3)
        && unsafe { ffi::SSL_get_finished(ssl.as_ptr(), finished, 0) } == 0
}

/// Has later calls run through, on the thread's own stack. Only when the last one did not end in [`WANT_ASYNC`].
pub(in crate::tls) fn end(ssl: &mut SslRef) {
    switch(ssl, None);
}

fn switch(ssl: &mut SslRef, between: Option<Info>) {
    set_mode(ssl, MODE_ASYNC, between.is_some());
    // SAFETY: a live SSL, and a callback that lives for ever.
    unsafe { SSL_set_info_callback(ssl.as_ptr(), between) };
}

/// Makes one piece, by `call`.
pub(in crate::tls) fn make<R>(call: impl FnOnce() -> R) -> R {
    /// Also where the call panics: what is left is made in one go then.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            END.set(None);
        }
    }
    let _over = Over;
    END.set(Some(Instant::now() + LENGTH));
    call()
}

/// Makes a pause, as code does that works beside the processor.
#[cfg(test)]
pub(in crate::tls) fn pause() {
    // SAFETY: nothing of ours is borrowed mutably. Without a job it does nothing.
    unsafe { ASYNC_pause_job() };
}

unsafe extern "C" fn between_messages(_: *const ffi::SSL, place: c_int, _: c_int) {
    let over = || END.get().is_some_and(|end| Instant::now() >= end);
    if place & CB_LOOP != 0 && over() {
        // SAFETY: nothing of ours is borrowed in these frames. Without a job it does nothing.
        unsafe { ASYNC_pause_job() };
    }
}
