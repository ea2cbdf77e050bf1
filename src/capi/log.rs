//! The log on its way to C: one callback a process, called by whichever thread has something to say.

use super::{c_string, entry, outward, status, usage};
use crate::error::Error;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{OnceLock, PoisonError, RwLock};

/// `TLSPORT_LOG_OFF`
const OFF: c_int = 0;
/// `TLSPORT_LOG_ERROR`
const ERROR: c_int = 1;
/// `TLSPORT_LOG_WARN`
const WARN: c_int = 2;
/// `TLSPORT_LOG_INFO`
const INFO: c_int = 3;
/// `TLSPORT_LOG_DEBUG`
const DEBUG: c_int = 4;
/// `TLSPORT_LOG_TRACE`
const TRACE: c_int = 5;

type Callback = unsafe extern "C-unwind" fn(*mut c_void, c_int, *const c_char);

/// Where lines go. Read while the callback runs, so that replacing it waits until it has returned.
static SINK: RwLock<Option<Sink>> = RwLock::new(None);

#[derive(Clone, Copy)]
struct Sink {
    callback: Callback,
    user: *mut c_void,
}

// SAFETY: the pointer is handed back to its owner's callback and not followed; the header says that any thread calls.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

thread_local! {
    /// Whether this thread is inside the callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && metadata.target().starts_with("tlsport")
    }

    fn log(&self, record: &Record<'_>) {
        if INSIDE.get() {
            return;
        }
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Sink { callback, user }) = *sink else {
            return;
        };
        // The level is that callback's: it may have changed on the way here.
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = c_string(&record.args().to_string());
        INSIDE.set(true);
        // SAFETY: the callback is of this type, as the header says, and its owner takes `user` from any thread; the
        // line lives until it returns.
        outward("log", || unsafe {
            callback(user, number(record.level()), line.as_ptr())
        });
        INSIDE.set(false);
    }

    fn flush(&self) {}
}

fn number(level: Level) -> c_int {
    match level {
        Level::Error => ERROR,
        Level::Warn => WARN,
        Level::Info => INFO,
        Level::Debug => DEBUG,
        Level::Trace => TRACE,
    }
}

fn filter(level: c_int) -> Result<LevelFilter, Error> {
    Ok(match level {
        OFF => LevelFilter::Off,
        ERROR => LevelFilter::Error,
        WARN => LevelFilter::Warn,
        INFO => LevelFilter::Info,
        DEBUG => LevelFilter::Debug,
        TRACE => LevelFilter::Trace,
        _ => return Err(usage(format!("the level {level} is not one of 0 to 5"))),
    })
}

/// Becomes the process's logger, once.
fn install() -> Result<(), Error> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let ours = *INSTALLED.get_or_init(|| log::set_logger(&Logger).is_ok());
    ours.then_some(())
        .ok_or_else(|| usage("this program's log goes elsewhere already"))
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_log_set(
    callback: Option<Callback>,
    user: *mut c_void,
    level: c_int,
) -> c_int {
    entry("tlsport_log_set", || {
        let level = filter(level)?;
        if INSIDE.get() {
            return Err(usage("it was called by the log's own callback").into());
        }
        install()?;
        let sink = callback.map(|callback| Sink { callback, user });
        let level = sink.map_or(LevelFilter::Off, |_| level);
        let mut now = SINK.write().unwrap_or_else(PoisonError::into_inner);
        *now = sink;
        log::set_max_level(level); // while nobody logs, and nobody else sets
        Ok(status::OK)
    })
}
