//! The server handle: endpoints of a C program, served by threads of ours, answered by its callbacks.
//!
//! Its functions come from any thread, several at once, and from callbacks, which run on the server's own threads:
//! so nothing here is locked while a worker is waited for. Read next: `served` (callbacks), `conn`.

use super::conn::Theirs;
use super::handle::{self, Handle, Object};
use super::served::{Call, CallIn, Callbacks, RawCallbacks};
use super::settings::{SettingsObject, prepared, with_settings};
use super::signals::without_signals;
use super::{entry, freeing, lend, sized, status, usage};
use crate::dialect;
use crate::error::{Error, Kind, Problems};
use crate::server;
use crate::settings::{self, Backend, Builder, Note, Origin, Service, Setting, Settings};
use crate::tls::Prepared;
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::offset_of;
use std::ptr;
use std::time::{Duration, Instant};

/// What `tlsport_server` stands for.
pub(super) struct Server {
    server: server::Server,
    /// Whether callbacks answer.
    called: bool,
    user: Theirs,
}

impl Object for Server {
    const NUMBER: u32 = 4;
    const NAME: &'static str = "server";
}

/// `tlsport_totals`
#[repr(C)]
pub struct RawTotals {
    size: usize,
    accepted: u64,
    closed: u64,
    refused: u64,
    handshakes_full: u64,
    handshakes_resumed: u64,
    handshakes_failed: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// One number at least.
const SMALLEST: usize = offset_of!(RawTotals, closed);

impl Server {
    /// Refuses what would wait for the thread it is called on.
    fn refuse_own_thread(&self) -> Result<(), Error> {
        if self.server.is_own_thread() {
            return Err(usage(
                "it was called on a thread of the server, for which it would wait",
            ));
        }
        Ok(())
    }
}

/// The settings of a server and what libssl makes of them, read while nobody changes them.
///
/// # Safety
/// `settings` is null or a handle, freed or not.
unsafe fn ready(
    settings: *const Handle<SettingsObject>,
    called: bool,
) -> Result<(Settings, Prepared), Problems> {
    // SAFETY: promised by the caller.
    let mut settings = unsafe { with_settings(settings, |object| Ok(object.settings.clone())) }?;
    if called {
        answered_by_callbacks(&mut settings)?;
    }
    let mut builder = Builder::new(settings);
    dialect::complete(&super::settings::system(), &mut builder);
    let (settings, notes) = builder.unchecked()?;
    notes.iter().for_each(Note::log);
    let mut degraded = None;
    let load = |settings: &Settings| {
        let (settings, prepared, notes) = Prepared::load_or_degrade(settings, None)?;
        degraded = Some(settings);
        Ok((prepared, notes))
    };
    let prepared = prepared(&settings, settings::check, load)?;
    Ok((degraded.unwrap_or(settings), prepared))
}

/// Makes callbacks the ones who answer, if nobody else was chosen.
fn answered_by_callbacks(settings: &mut Settings) -> Result<(), Error> {
    let program = Backend::Service(Service::Program);
    let own = settings
        .endpoints
        .iter()
        .map(|endpoint| settings.of_endpoint(endpoint));
    let all: Vec<Settings> = std::iter::once(settings.clone()).chain(own).collect();
    let mut chosen = all.iter().flat_map(Settings::all_backends);
    if let Some((chosen, origin)) = chosen.find(|(chosen, _)| **chosen != program) {
        let text = format!(
            "backend '{chosen}' ({origin}): callbacks answer in its place, so there can be none"
        );
        return Err(Error::settings(text));
    }
    settings.backend = Setting::new(Some(program), Origin::Program);
    Ok(())
}

/// Milliseconds from C, where -1 is for ever.
fn limit(ms: c_int) -> Result<Option<Duration>, Error> {
    match u64::try_from(ms) {
        Ok(ms) => Ok(Some(Duration::from_millis(ms))),
        Err(_) if ms == -1 => Ok(None),
        Err(_) => Err(usage(format!("'limit_ms' is {ms}: neither a time nor -1"))),
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_new(
    settings: *mut Handle<SettingsObject>,
    callbacks: *const RawCallbacks,
    user: *mut c_void,
) -> *mut Handle<Server> {
    // SAFETY: the header asks for a handle or null, and for a struct of the size that it says, or null.
    entry("tlsport_server_new", || unsafe {
        let callbacks = Callbacks::read(callbacks, user)?;
        let (settings, prepared) = ready(settings, callbacks.is_some())?;
        let server = without_signals(|| match callbacks {
            None => server::Server::start(&settings, &prepared),
            Some(callbacks) => {
                server::Server::start_with(&settings, &prepared, move || callbacks.service())
            }
        })?;
        Ok(handle::give(Server {
            server,
            called: callbacks.is_some(),
            user: Theirs(user),
        }))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_endpoint(
    server: *mut Handle<Server>,
    number: usize,
) -> *const c_char {
    thread_local!(static LENT: RefCell<CString> = RefCell::default());
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_server_endpoint", || unsafe {
        let name = handle::shared(server, |object| object.server.endpoints().nth(number))?;
        Ok(name.map_or(ptr::null(), |name| lend(&LENT, &name)))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_reload(
    server: *mut Handle<Server>,
    settings: *mut Handle<SettingsObject>,
) -> c_int {
    // SAFETY: the header asks for handles or null.
    entry("tlsport_server_reload", || unsafe {
        handle::shared(server, |object| {
            object.refuse_own_thread()?;
            let (settings, prepared) = ready(settings, object.called)?;
            let notes = object.server.reload(&settings, &prepared)?;
            notes.iter().for_each(Note::log);
            Ok(status::OK)
        })?
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_drain(
    server: *mut Handle<Server>,
    limit_ms: c_int,
) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_server_drain", || unsafe {
        let limit = limit(limit_ms)?;
        handle::shared(server, |object| object.server.drain(limit))?;
        Ok(status::OK)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_wait(
    server: *mut Handle<Server>,
    limit_ms: c_int,
) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_server_wait", || unsafe {
        let limit = limit(limit_ms)?;
        let over = handle::shared(server, |object| {
            object.refuse_own_thread()?;
            let deadline = limit.map(|limit| Instant::now() + limit);
            Ok::<_, Error>(object.server.wait_until(deadline))
        })??;
        if over {
            return Ok(status::OK);
        }
        let text = format!("the server has not drained after {limit_ms} ms");
        Err(Error::new(Kind::Timeout, text).into())
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_totals(
    server: *mut Handle<Server>,
    totals: *mut RawTotals,
) -> c_int {
    // SAFETY: the header asks for a handle or null, and for a struct of the size that it says.
    entry("tlsport_server_totals", || unsafe {
        let now = handle::shared(server, |object| object.server.totals())?;
        sized::fill(totals, SMALLEST, "totals", |size| RawTotals {
            size,
            accepted: now.accepted,
            closed: now.closed,
            refused: now.refused,
            handshakes_full: now.handshakes_full,
            handshakes_resumed: now.handshakes_resumed,
            handshakes_failed: now.failures.iter().sum(),
            bytes_in: now.bytes_in,
            bytes_out: now.bytes_out,
        })?;
        Ok(status::OK)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_free(server: *mut Handle<Server>) {
    if server.is_null() {
        return;
    }
    // SAFETY: the header asks for a handle.
    freeing("tlsport_server_free", || unsafe {
        handle::shared(server, |object| {
            object.refuse_own_thread()?;
            object.server.drain(Some(Duration::ZERO));
            object.server.wait(); // callbacks may still use the handle, until the last has returned
            Ok::<_, Error>(())
        })??;
        handle::retire(server)?;
        Ok(())
    });
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_server_call(
    server: *mut Handle<Server>,
    conn_id: u64,
    call: Option<CallIn>,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_server_call", || unsafe {
        handle::shared(server, |object| {
            let call = Call::new(call, object.user, arg)?;
            match object.server.tell(conn_id, Box::new(call)) {
                Ok(()) => Ok(status::OK),
                Err(unsent) => {
                    if let Ok(call) = unsent.downcast::<Call>() {
                        call.forget();
                    }
                    let text = "cannot call: the server has drained";
                    Err(Error::new(Kind::Closed, text).into())
                }
            }
        })?
    })
}
