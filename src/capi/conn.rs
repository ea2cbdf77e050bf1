//! A connection of a server, as its callbacks see it: what they may ask of it while they run, and nothing else.
//!
//! A callback runs without any lock of ours. What it writes lands in a vector that is lent to the connection before
//! the callback and taken back after it, so these functions are a few lines each. Read next: `served`, who calls.

use super::facts::{self, Lent, RawFacts};
use super::handle::{self, Handle, Object};
use super::{bytes, c_string, entry, status, usage};
use crate::conn::Opened;
use crate::error::{Error, Kind};
use crate::tls::Facts;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// What callbacks may leave waiting to be sent.
const MOST: usize = 1024 * 1024;

/// A pointer of the program's, handed back as it came.
#[derive(Clone, Copy)]
pub(super) struct Theirs(pub(super) *mut c_void);

// SAFETY: it is never followed here; the header says which threads its owner gets it on.
unsafe impl Send for Theirs {}
// SAFETY: as above.
unsafe impl Sync for Theirs {}

/// What `tlsport_conn` stands for. Its server's side holds it as well.
#[derive(Clone)]
pub(super) struct Conn(Arc<Shared>);

struct Shared {
    /// The worker's, for as long as the connection lives.
    thread: ThreadId,
    id: u64,
    peer: CString,
    endpoint: CString,
    /// Taken by that thread alone, never for the length of a callback.
    now: Mutex<Now>,
}

struct Now {
    stage: Stage,
    /// What waits to be sent, while a callback runs.
    out: Vec<u8>,
    paused: bool,
    finished: bool,
    user: Theirs,
    facts: Option<Facts>,
    /// The texts of `facts`, once somebody asked.
    lent: Option<Lent>,
    /// What `tlsport_conn_kdb_facts` has lent last.
    kdb: CString,
}

/// Where a connection stands between its program and us.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// No callback runs.
    Quiet,
    /// One does.
    Called,
    /// `close` does.
    Closing,
}

impl Object for Conn {
    const NUMBER: u32 = 5;
    const NAME: &'static str = "connection";
}

impl Conn {
    /// The connection that was just opened on this thread.
    pub(super) fn new(opened: &Opened<'_>) -> Conn {
        Conn(Arc::new(Shared {
            thread: thread::current().id(),
            id: opened.id,
            peer: c_string(opened.peer),
            endpoint: c_string(opened.endpoint),
            now: Mutex::new(Now {
                stage: Stage::Quiet,
                out: Vec::new(),
                paused: false,
                finished: false,
                user: Theirs(ptr::null_mut()),
                facts: opened.facts.cloned(),
                lent: None,
                kdb: CString::default(),
            }),
        }))
    }

    /// A callback is about to run: what it writes goes to `out`, behind what waits there.
    pub(super) fn enter(&self, out: &mut Vec<u8>) {
        let mut now = self.now();
        now.stage = Stage::Called;
        now.out = std::mem::take(out);
    }

    /// It has returned; whether it asked for the end.
    pub(super) fn leave(&self, out: &mut Vec<u8>) -> bool {
        let mut now = self.now();
        now.stage = Stage::Quiet;
        *out = std::mem::take(&mut now.out);
        now.finished
    }

    /// `close` is about to run.
    pub(super) fn leave_for_ever(&self) {
        self.now().stage = Stage::Closing;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.now().paused
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets `body` use a connection, if a callback of that connection called.
///
/// # Safety
/// `conn` is null or a handle, freed or not.
unsafe fn within<R>(
    conn: *const Handle<Conn>,
    body: impl FnOnce(&Shared, &mut Now) -> Result<R, Error>,
) -> Result<R, Error> {
    let body = |conn: &Conn| {
        if conn.0.thread != thread::current().id() {
            return Err(usage(
                "the connection is another thread's: see tlsport_server_call",
            ));
        }
        let mut now = conn.now();
        if now.stage == Stage::Quiet {
            return Err(usage(
                "no callback of this connection is running: see tlsport_server_call",
            ));
        }
        body(&conn.0, &mut now)
    };
    // SAFETY: promised by the caller.
    unsafe { handle::shared(conn, body) }?
}

/// What the functions do that change something of a connection.
///
/// # Safety
/// As [`within`].
unsafe fn change(
    function: &'static str,
    conn: *const Handle<Conn>,
    change: impl FnOnce(&mut Now),
) -> c_int {
    entry(function, || {
        let done = |_: &Shared, now: &mut Now| {
            change(now);
            Ok(status::OK)
        };
        // SAFETY: promised by the caller.
        Ok(unsafe { within(conn, done) }?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_write(
    conn: *mut Handle<Conn>,
    data: *const c_void,
    len: usize,
) -> isize {
    // SAFETY: the header asks for a handle or null, and for so many bytes.
    entry("tlsport_conn_write", || unsafe {
        let data = bytes(data, len, "bytes")?;
        let taken = within(conn, |_, now| {
            if now.finished || now.stage == Stage::Closing {
                return Err(Error::new(
                    Kind::Closed,
                    "cannot write: the connection is over",
                ));
            }
            let room = MOST.saturating_sub(now.out.len());
            if room == 0 && !data.is_empty() {
                return Ok(status::WANT_WRITE as isize);
            }
            let taken = data.len().min(room);
            now.out.extend_from_slice(&data[..taken]);
            Ok(isize::try_from(taken).unwrap_or(isize::MAX))
        });
        Ok(taken?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_pause(conn: *mut Handle<Conn>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    unsafe { change("tlsport_conn_pause", conn, |now| now.paused = true) }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_resume(conn: *mut Handle<Conn>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    unsafe { change("tlsport_conn_resume", conn, |now| now.paused = false) }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_close(conn: *mut Handle<Conn>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    unsafe { change("tlsport_conn_close", conn, |now| now.finished = true) }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_set_user(
    conn: *mut Handle<Conn>,
    pointer: *mut c_void,
) -> c_int {
    let user = Theirs(pointer);
    // SAFETY: the header asks for a handle or null.
    unsafe { change("tlsport_conn_set_user", conn, |now| now.user = user) }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_user(conn: *mut Handle<Conn>) -> *mut c_void {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_conn_user", || unsafe {
        Ok(within(conn, |_, now| Ok(now.user.0))?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_id(conn: *mut Handle<Conn>) -> u64 {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_conn_id", || unsafe {
        Ok(within(conn, |shared, _| Ok(shared.id))?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_peer(conn: *mut Handle<Conn>) -> *const c_char {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_conn_peer", || unsafe {
        Ok(within(conn, |shared, _| Ok(shared.peer.as_ptr()))?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_endpoint(conn: *mut Handle<Conn>) -> *const c_char {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_conn_endpoint", || unsafe {
        Ok(within(conn, |shared, _| Ok(shared.endpoint.as_ptr()))?)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_facts(
    conn: *mut Handle<Conn>,
    facts: *mut RawFacts,
) -> c_int {
    // SAFETY: the header asks for a handle or null, and for a struct of the size that it says.
    entry("tlsport_conn_facts", || unsafe {
        within(conn, |_, now| {
            let known = now.facts.as_ref();
            let lent = now
                .lent
                .get_or_insert_with(|| known.map(Lent::of).unwrap_or_default());
            lent.fill(facts)
        })?;
        Ok(status::OK)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_conn_kdb_facts(
    conn: *mut Handle<Conn>,
    form: c_int,
) -> *const c_char {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_conn_kdb_facts", || unsafe {
        Ok(within(conn, |_, now| {
            now.kdb = facts::kdb(now.facts.as_ref(), form)?;
            Ok(now.kdb.as_ptr())
        })?)
    })
}
