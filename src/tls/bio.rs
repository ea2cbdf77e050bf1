//! The BIO between libssl and a socket, and the four I/O calls that go through it.
//!
//! Below libssl lies a [`Stream`]: reading takes what one system call brings, many records at once, and a short read
//! tells libssl to wait without another call; writing gathers the records of a whole step in one lent buffer, sent
//! by [`Stream::flush`]. This is the only place that clears libssl's error queue before an I/O call and asks
//! `SSL_get_error` after it.
#![allow(unsafe_code)]

use super::beginning::Mark;
use super::hello::Hello;
use super::sys::{self, pieces};
use crate::io::Stream;
use foreign_types::ForeignTypeRef;
use libc::{c_char, c_int, c_long, c_void};
use once_cell::sync::OnceCell;
use openssl::ssl::{Ssl, SslRef};
use openssl_sys as ffi;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};

/// What libssl said of one call, before anybody interprets it.
#[derive(Debug)]
pub(super) enum Raw {
    /// The call did its work; bytes for read and write.
    Done(usize),
    /// libssl wants to read first.
    WantRead,
    /// libssl wants to write first: the lent buffer is full.
    WantWrite,
    /// The peer sent a close-notify.
    Closed,
    /// The stream below ended or failed.
    Cut(Option<io::Error>),
    /// A piece of the handshake is made, and there are more.
    Paused,
    /// libssl refused; its error queue says why.
    Failed,
}

/// An `SSL` joined to its socket.
pub(super) struct Wired {
    ssl: Ssl,
    /// Between two pieces of the handshake.
    paused: bool,
    // The BIO reaches the same state through its data pointer, so it is not a Box, whose contents nobody else may
    // touch. Made by `Box::into_raw` in `new`, freed in `drop` after the SSL.
    state: NonNull<State>,
}

struct State {
    stream: Stream,
    /// Where the client's first bytes are, until its handshake is done.
    beginning: Mark,
    /// Why the stream failed, kept while libssl unwinds.
    error: Option<io::Error>,
    panic: Option<Box<dyn Any + Send>>,
}

impl Wired {
    pub(super) fn new(ssl: Ssl, stream: Stream) -> io::Result<Wired> {
        let state = State {
            stream,
            beginning: Mark::PAST,
            error: None,
            panic: None,
        };
        let state = NonNull::from(Box::leak(Box::new(state)));
        let wired = Wired {
            ssl,
            paused: false,
            state,
        };
        let method = Method::shared()?;
        // SAFETY: `method` is a live BIO_METHOD that is never freed; null is checked at once.
        let bio = unsafe { ffi::BIO_new(method.0.as_ptr()) };
        if bio.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // SAFETY: `bio` was just made and is ours; the state outlives it, because `drop` frees the SSL (and the BIO
        // with it) first. SSL_set_bio takes the one reference for both directions.
        unsafe {
            ffi::BIO_set_data(bio, state.as_ptr().cast());
            ffi::BIO_set_init(bio, 1);
            ffi::SSL_set_bio(wired.ssl.as_ptr(), bio, bio);
        }
        Ok(wired)
    }

    pub(super) fn ssl(&self) -> &SslRef {
        &self.ssl
    }

    pub(super) fn set_accept_state(&mut self) {
        self.state_mut().beginning = Mark::NONE;
        self.ssl.set_accept_state();
    }

    pub(super) fn set_connect_state(&mut self) {
        self.ssl.set_connect_state();
    }

    /// `SSL_key_update`: a record of its own, without bytes.
    #[cfg(test)]
    pub(super) fn update_keys(&mut self) -> Raw {
        unsafe extern "C" {
            fn SSL_key_update(ssl: *mut ffi::SSL, kind: c_int) -> c_int;
        }
        const NOT_REQUESTED: c_int = 0;
        // SAFETY: the SSL is live and its handshake done.
        self.call(|ssl| unsafe { SSL_key_update(ssl, NOT_REQUESTED) });
        self.handshake()
    }

    /// `SSL_set_num_tickets`. That libssl refuses it changes nothing.
    pub(super) fn set_num_tickets(&mut self, count: usize) {
        let _ = self.ssl.set_num_tickets(count);
    }

    /// `SSL_new_session_ticket`: made with the next bytes that are written, or by [`Wired::handshake`].
    pub(super) fn new_session_ticket(&mut self) {
        sys::new_session_ticket(&mut self.ssl);
    }

    /// Whether libssl's buffers stay between records.
    pub(super) fn keep_buffers(&mut self, keep: bool) {
        sys::keep_buffers(&mut self.ssl, keep);
    }

    /// `SSL_do_handshake`, with all the pieces that are left. Code that libcrypto calls may make pauses of its own on that
    /// stack, and is asked again until it is done.
    pub(super) fn handshake(&mut self) -> Raw {
        loop {
            match self.go_on_with_handshake() {
                Raw::Paused => {}
                raw => return raw,
            }
        }
    }

    fn go_on_with_handshake(&mut self) -> Raw {
        // SAFETY: the SSL is live and has its BIO.
        let raw = self.call_as_it_is(|ssl| unsafe { ffi::SSL_do_handshake(ssl) });
        if self.paused && !matches!(raw, Raw::Paused) {
            self.paused = false;
            pieces::end(&mut self.ssl);
        }
        if let Raw::Done(_) = raw {
            self.state_mut().beginning = Mark::PAST;
        }
        raw
    }

    /// `SSL_do_handshake`, of which a piece is made where that is possible: [`Raw::Paused`] if there are more. It is
    /// never left at that: any other call, and the end of this, makes them all.
    pub(super) fn handshake_piece(&mut self) -> Raw {
        self.paused = self.paused || pieces::begin(&mut self.ssl);
        pieces::make(|| self.go_on_with_handshake())
    }

    /// Makes the pieces of the handshake that are left. What comes of it, the next call says.
    fn finish_piece(&mut self) {
        if self.paused {
            self.handshake();
        }
    }

    /// What the client has offered, if that is still known.
    pub(super) fn hello(&self) -> Option<Hello> {
        self.state_ref().beginning.read(Hello::read)
    }

    /// `SSL_read`, unless there is nothing to read in libssl and below it: asked in vain, libssl takes a buffer for
    /// the records to come and gives it back, at a fifth of what a small round trip costs outside the kernel.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Raw {
        if self.state_ref().stream.is_drained() && !sys::is_busy(&self.ssl) {
            return Raw::WantRead;
        }
        let len = clamp(buf.len());
        // SAFETY: `buf` is writable for `len` bytes during the call.
        self.call(|ssl| unsafe { ffi::SSL_read(ssl, buf.as_mut_ptr().cast(), len) })
    }

    /// `SSL_peek` of one byte.
    pub(super) fn peek(&mut self) -> Raw {
        let mut byte = 0_u8;
        // SAFETY: one byte is writable during the call.
        self.call(|ssl| unsafe { ffi::SSL_peek(ssl, ptr::from_mut(&mut byte).cast(), 1) })
    }

    /// `SSL_write`. An empty `buf` is done at once: libssl leaves that case undefined.
    pub(super) fn write(&mut self, buf: &[u8]) -> Raw {
        if buf.is_empty() {
            return Raw::Done(0);
        }
        let len = clamp(buf.len());
        // SAFETY: `buf` is readable for `len` bytes during the call. After WantWrite the caller repeats it with the
        // same bytes, wherever they are by then: SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER is on.
        self.call(|ssl| unsafe { ffi::SSL_write(ssl, buf.as_ptr().cast(), len) })
    }

    /// `SSL_shutdown`: sends our close-notify; 0 (not answered yet) counts as done.
    pub(super) fn shutdown(&mut self) -> Raw {
        // SAFETY: the SSL is live.
        self.call(|ssl| match unsafe { ffi::SSL_shutdown(ssl) } {
            0 => 1,
            other => other,
        })
    }

    /// `SSL_set_shutdown`: as if our close-notify had been sent.
    pub(super) fn pretend_shutdown(&mut self) {
        // SAFETY: the SSL is live.
        unsafe { ffi::SSL_set_shutdown(self.ssl.as_ptr(), ffi::SSL_SENT_SHUTDOWN) };
    }

    /// The one wrapper around the I/O calls: clear, call, ask; result first, then `SSL_get_error`.
    fn call(&mut self, io: impl FnOnce(*mut ffi::SSL) -> c_int) -> Raw {
        self.finish_piece();
        self.call_as_it_is(io)
    }

    fn call_as_it_is(&mut self, io: impl FnOnce(*mut ffi::SSL) -> c_int) -> Raw {
        let ssl = self.ssl.as_ptr();
        self.state_mut().error = None; // of a call before, which libssl thought nothing of
        sys::clear_errors();
        let result = io(ssl);
        if result > 0 {
            return Raw::Done(result.unsigned_abs() as usize);
        }
        // SAFETY: the SSL is live and `result` came from its last I/O call on this thread.
        let code = unsafe { ffi::SSL_get_error(ssl, result) };
        let state = self.state_mut();
        if let Some(panic) = state.panic.take() {
            resume_unwind(panic);
        }
        match code {
            ffi::SSL_ERROR_WANT_READ => Raw::WantRead,
            ffi::SSL_ERROR_WANT_WRITE => Raw::WantWrite,
            pieces::WANT_ASYNC => Raw::Paused,
            ffi::SSL_ERROR_ZERO_RETURN => Raw::Closed,
            ffi::SSL_ERROR_SYSCALL => Raw::Cut(state.error.take()),
            // From OpenSSL 3 on, a stream that ends without a close-notify is an error of the library.
            ffi::SSL_ERROR_SSL if state.stream.has_ended() || state.error.is_some() => {
                Raw::Cut(state.error.take())
            }
            _ => Raw::Failed,
        }
    }

    /// The stream below, for what libssl has no part in.
    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.state_mut().stream
    }

    /// How many more bytes of records can gather.
    pub(super) fn room(&self) -> usize {
        self.state_ref().stream.room()
    }

    fn state_ref(&self) -> &State {
        // SAFETY: the state lives until `drop`; the BIO callbacks, the only others that reach it, run inside calls
        // that take `&mut self`.
        unsafe { self.state.as_ref() }
    }

    fn state_mut(&mut self) -> &mut State {
        // SAFETY: as in `state_ref`, and `&mut self` makes this the only borrow.
        unsafe { self.state.as_mut() }
    }
}

impl Drop for Wired {
    fn drop(&mut self) {
        self.finish_piece(); // libssl would leave the stack of a paused handshake behind, and what lies on it
        // SAFETY: taking the BIO away from the SSL frees it: its one reference was given to SSL_set_bio. After that
        // nothing but us knows the state, which came from a Box in `new`.
        unsafe {
            ffi::SSL_set_bio(self.ssl.as_ptr(), ptr::null_mut(), ptr::null_mut());
            drop(Box::from_raw(self.state.as_ptr()));
        }
    }
}

// SAFETY: an SSL may be used by any thread, one at a time (openssl-threads(7)); the state is owned by this value and
// its stream is Send.
unsafe impl Send for Wired {}

fn clamp(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// The one BIO_METHOD of this file, made at first use and never freed, as libcrypto's own are.
struct Method(NonNull<ffi::BIO_METHOD>);

// SAFETY: a BIO_METHOD is only read once it is made.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

impl Method {
    fn shared() -> io::Result<&'static Method> {
        static METHOD: OnceCell<Method> = OnceCell::new();
        METHOD.get_or_try_init(|| {
            // SAFETY: the name is a C string that lives for ever; null is checked before use, and the setters only
            // store function pointers of the type they ask for.
            unsafe {
                let method = ffi::BIO_meth_new(ffi::BIO_TYPE_NONE, c"tlsport".as_ptr());
                let method = NonNull::new(method).ok_or(io::ErrorKind::OutOfMemory)?;
                ffi::BIO_meth_set_read__fixed_rust(method.as_ptr(), Some(bio_read));
                ffi::BIO_meth_set_write__fixed_rust(method.as_ptr(), Some(bio_write));
                ffi::BIO_meth_set_ctrl__fixed_rust(method.as_ptr(), Some(bio_ctrl));
                Ok(Method(method))
            }
        })
    }
}

/// The state behind a BIO of ours.
///
/// # Safety
/// `bio` was made in [`Wired::new`], and no other borrow of its state is alive: libssl calls back only inside
/// [`Wired::call`] and [`Wired::drop`], neither of which holds one.
unsafe fn state_of<'a>(bio: *mut ffi::BIO) -> Option<&'a mut State> {
    // SAFETY: the data is null until `Wired::new` sets it to a live State, by the promise above.
    unsafe { ffi::BIO_get_data(bio).cast::<State>().as_mut() }
}

unsafe extern "C" fn bio_read(bio: *mut ffi::BIO, buf: *mut c_char, len: c_int) -> c_int {
    // SAFETY: libssl calls us with the BIO of `Wired::new` and `len` writable bytes.
    let (state, buf) = unsafe {
        ffi::BIO_clear_retry_flags(bio);
        let Some(state) = state_of(bio) else {
            return -1;
        };
        let Ok(len @ 1..) = usize::try_from(len) else {
            return 0;
        };
        (state, std::slice::from_raw_parts_mut(buf.cast::<u8>(), len))
    };
    match state.guarded(|state| state.read(buf)) {
        Some(count) => count,
        None => {
            // SAFETY: the BIO is live.
            unsafe { ffi::BIO_set_retry_read(bio) };
            -1
        }
    }
}

unsafe extern "C" fn bio_write(bio: *mut ffi::BIO, buf: *const c_char, len: c_int) -> c_int {
    // SAFETY: libssl calls us with the BIO of `Wired::new` and `len` readable bytes.
    let (state, buf) = unsafe {
        ffi::BIO_clear_retry_flags(bio);
        let Some(state) = state_of(bio) else {
            return -1;
        };
        let Ok(len @ 1..) = usize::try_from(len) else {
            return 0;
        };
        (state, std::slice::from_raw_parts(buf.cast::<u8>(), len))
    };
    match state.guarded(|state| state.stream.gather(buf)) {
        Some(count) => count,
        None => {
            // SAFETY: the BIO is live.
            unsafe { ffi::BIO_set_retry_write(bio) };
            -1
        }
    }
}

unsafe extern "C" fn bio_ctrl(
    bio: *mut ffi::BIO,
    command: c_int,
    _: c_long,
    _: *mut c_void,
) -> c_long {
    match command {
        // Records stay in the lent buffer until the end of the step: a flush in between would split them.
        ffi::BIO_CTRL_FLUSH => 1,
        ffi::BIO_CTRL_EOF => {
            // SAFETY: libssl calls us with the BIO of `Wired::new`.
            unsafe { state_of(bio) }.map_or(0, |state| state.stream.has_ended().into())
        }
        _ => 0,
    }
}

impl State {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buf)?;
        self.beginning.note(&buf[..count]);
        Ok(count)
    }

    /// Runs `io` so that no panic reaches C. `None` is would-block; a failure is kept for [`Wired::call`] and -1.
    fn guarded(&mut self, io: impl FnOnce(&mut State) -> io::Result<usize>) -> Option<c_int> {
        match catch_unwind(AssertUnwindSafe(|| io(self))) {
            Ok(Ok(count)) => Some(clamp(count)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(Err(error)) => {
                self.error = Some(error);
                Some(-1)
            }
            Err(panic) => {
                self.panic = Some(panic);
                Some(-1)
            }
        }
    }
}
