//! Callbacks of a C program in the place of a service: what the seam of `conn` calls, on its way out, and what they
//! answer, on its way in.

use super::conn::{Conn, Theirs};
use super::handle::{self, Handle};
use super::{outward, sized, status, usage};
use crate::conn::{Message, Opened, Service, Verdict};
use crate::error::{Error, Kind};
use log::error;
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;

/// `TLSPORT_CONTINUE`
const CONTINUE: c_int = 0;
/// `TLSPORT_FINISH`
const FINISH: c_int = 1;

type Event = unsafe extern "C-unwind" fn(*mut c_void, *mut Handle<Conn>) -> c_int;
type Data =
    unsafe extern "C-unwind" fn(*mut c_void, *mut Handle<Conn>, *const c_void, usize) -> c_int;
type Close = unsafe extern "C-unwind" fn(*mut c_void, *mut Handle<Conn>, c_int);
/// What `tlsport_server_call` calls.
pub(super) type CallIn =
    unsafe extern "C-unwind" fn(*mut c_void, *mut Handle<Conn>, *mut c_void) -> c_int;

/// `tlsport_callbacks`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawCallbacks {
    size: usize,
    open: Option<Event>,
    data: Option<Data>,
    end: Option<Event>,
    writable: Option<Event>,
    close: Option<Close>,
}

/// One callback at least.
const SMALLEST: usize = offset_of!(RawCallbacks, data);

const _: () = assert!(size_of::<RawCallbacks>() == 6 * size_of::<usize>());

/// What answers the connections of a server.
#[derive(Clone, Copy)]
pub(super) struct Callbacks {
    raw: RawCallbacks,
    user: Theirs,
}

impl Callbacks {
    /// What a caller's struct says; `None` for null.
    ///
    /// # Safety
    /// `raw` is null, or begins with a `size`, and so many bytes are there.
    pub(super) unsafe fn read(
        raw: *const RawCallbacks,
        user: *mut c_void,
    ) -> Result<Option<Callbacks>, Error> {
        if raw.is_null() {
            return Ok(None);
        }
        // SAFETY: promised by the caller; no callback is a value of each.
        let raw = unsafe { sized::read(raw, SMALLEST, "callbacks") }?;
        let user = Theirs(user);
        Ok(Some(Callbacks { raw, user }))
    }

    /// What answers one connection.
    pub(super) fn service(self) -> Box<dyn Service> {
        Box::new(Served {
            callbacks: self,
            open: None,
            misused: false,
        })
    }
}

/// One connection and its callbacks.
struct Served {
    callbacks: Callbacks,
    open: Option<Open>,
    /// A callback answered with what is no verdict.
    misused: bool,
}

/// A connection and the handle its callbacks get.
struct Open {
    conn: Conn,
    handle: *mut Handle<Conn>,
}

// SAFETY: the handle is only ever used by address, from any thread: see `handle`.
unsafe impl Send for Open {}

impl Served {
    /// Runs a callback; `call` gets the program's pointer and the connection.
    fn run(
        &mut self,
        name: &'static str,
        out: &mut Vec<u8>,
        call: impl FnOnce(*mut c_void, *mut Handle<Conn>) -> c_int,
    ) -> Verdict {
        let Some(open) = &self.open else {
            return Verdict::Continue;
        };
        let user = self.callbacks.user.0;
        open.conn.enter(out);
        let answer = outward(name, || call(user, open.handle));
        let finished = open.conn.leave(out);
        match answer {
            CONTINUE if !finished => Verdict::Continue,
            CONTINUE | FINISH => Verdict::Finish,
            _ => {
                error!(
                    "callback '{name}' answered {answer}, which is no verdict: the connection is cut"
                );
                self.misused = true;
                Verdict::Cut
            }
        }
    }

    fn event(&mut self, name: &'static str, event: Option<Event>, out: &mut Vec<u8>) -> Verdict {
        let Some(event) = event else {
            return Verdict::Continue;
        };
        // SAFETY: it is of this type, as the header says, and gets the pointer that came with it.
        self.run(name, out, |user, conn| unsafe { event(user, conn) })
    }
}

impl Service for Served {
    fn open(&mut self, opened: &Opened<'_>, out: &mut Vec<u8>) -> Verdict {
        let conn = Conn::new(opened);
        let handle = handle::give(conn.clone());
        self.open = Some(Open { conn, handle });
        self.event("open", self.callbacks.raw.open, out)
    }

    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        let Some(data) = self.callbacks.raw.data else {
            return Verdict::Continue;
        };
        // SAFETY: as in `event`; the bytes are there until it returns.
        self.run("data", out, |user, conn| unsafe {
            data(user, conn, input.as_ptr().cast(), input.len())
        })
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Verdict {
        match self.callbacks.raw.end {
            None => Verdict::Finish,
            end => self.event("end", end, out),
        }
    }

    fn writable(&mut self, out: &mut Vec<u8>) -> Verdict {
        self.event("writable", self.callbacks.raw.writable, out)
    }

    fn message(&mut self, message: Message, out: &mut Vec<u8>) -> Verdict {
        match message.downcast::<Call>() {
            Ok(mut call) => {
                // Taken only where it is made: otherwise the call is made without a connection, when it is dropped.
                self.run("call", out, |user, conn| match call.callback.take() {
                    // SAFETY: as in `event`; `arg` came with the callback.
                    Some(callback) => unsafe { callback(user, conn, call.arg.0) },
                    None => CONTINUE,
                })
            }
            Err(_) => Verdict::Continue, // nobody else sends any
        }
    }

    fn is_paused(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.conn.is_paused())
    }

    fn closed(&mut self, end: Result<(), &Error>) {
        let Some(Open { conn, handle }) = self.open.take() else {
            return;
        };
        conn.leave_for_ever();
        if let Some(close) = self.callbacks.raw.close {
            let status = match end {
                _ if self.misused => status::of(Kind::Usage),
                Ok(()) => status::OK,
                Err(error) => status::of(error.kind()),
            };
            let user = self.callbacks.user.0;
            // SAFETY: as in `event`.
            outward("close", || unsafe { close(user, handle, status) });
        }
        // SAFETY: made in `open`, and given back here alone. Nobody needs to hear of it a second time.
        let _ = unsafe { handle::retire(handle) };
    }
}

/// A call on its way to a connection's thread. It is made once: with the connection, or when it is dropped.
pub(super) struct Call {
    /// Until it is made.
    callback: Option<CallIn>,
    user: Theirs,
    arg: Theirs,
}

impl Call {
    pub(super) fn new(
        callback: Option<CallIn>,
        user: Theirs,
        arg: *mut c_void,
    ) -> Result<Call, Error> {
        if callback.is_none() {
            return Err(usage("'call' is null"));
        }
        let arg = Theirs(arg);
        Ok(Call {
            callback,
            user,
            arg,
        })
    }

    /// It is not to be made at all.
    pub(super) fn forget(mut self) {
        self.callback = None;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(callback) = self.callback.take() {
            // SAFETY: it is of this type, as the header says, and gets the pointers that came with it.
            outward("call", || unsafe {
                callback(self.user.0, ptr::null_mut(), self.arg.0)
            });
        }
    }
}
