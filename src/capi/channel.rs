//! Channels: one TLS connection over a socket of the caller's, in the caller's loop.
//!
//! Read next: `crate::driven`, which does what is asked here.

use super::context::{ContextObject, with_context};
use super::facts::{self, Lent, RawFacts};
use super::handle::{self, Handle, Object};
use super::status::{OK, WANT_READ, WANT_WRITE};
use super::{bytes, entry, freeing, optional_text, place, quietly, room, text, usage};
use crate::driven::{Descriptor, Driven, Step, Want, Wants};
use crate::error::{Error, Problems};
use crate::io::Stream;
use crate::tls::{self, Server};
use foreign_types::ForeignTypeRef;
use openssl_sys::SSL;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::BorrowedFd;

/// What `tlsport_channel` stands for.
pub(super) struct ChannelObject {
    driven: Driven,
    lent: Lent,
    /// What `tlsport_channel_kdb_facts` has lent last.
    kdb: CString,
}

impl Object for ChannelObject {
    const NUMBER: u32 = 3;
    const NAME: &'static str = "channel";
}

/// `TLSPORT_WANTS_READ`
const WANTS_READ: c_int = 1;
/// `TLSPORT_WANTS_WRITE`
const WANTS_WRITE: c_int = 2;

/// Lets `body` use a channel, alone.
///
/// # Safety
/// As [`handle::alone`].
unsafe fn with_channel<R>(
    channel: *mut Handle<ChannelObject>,
    body: impl FnOnce(&mut Driven) -> Result<R, Error>,
) -> Result<R, Problems> {
    // SAFETY: promised by the caller.
    Ok(unsafe { handle::alone(channel, |object| body(&mut object.driven)) }??)
}

fn want(want: Want) -> c_int {
    match want {
        Want::Read => WANT_READ,
        Want::Write => WANT_WRITE,
    }
}

/// A status, where there is nothing to count.
fn status(step: Step<()>) -> c_int {
    match step {
        Step::Done(()) => OK,
        Step::Want(wanted) => want(wanted),
    }
}

/// A count, which is no larger than what C lent.
fn count(step: Step<usize>) -> isize {
    match step {
        Step::Done(count) => count as isize,
        Step::Want(wanted) => want(wanted) as isize,
    }
}

/// A stream socket of the caller's.
///
/// # Safety
/// `fd` stays open, if it is, for as long as the descriptor is used.
unsafe fn stream_socket(fd: c_int) -> Result<Descriptor, Error> {
    let looked_at = match fd {
        ..0 => Err(io::Error::from_raw_os_error(libc::EBADF)),
        // SAFETY: promised by the caller; one that is closed is an error of the calls on it.
        _ => Descriptor::Lent(unsafe { BorrowedFd::borrow_raw(fd) }).stream_socket(),
    };
    let tried = format!("cannot make a channel: on file descriptor {fd}");
    looked_at.map_err(|error| Error::io(tried, &error))
}

/// Makes a channel of a context.
///
/// # Safety
/// As [`handle::shared`] and [`stream_socket`].
unsafe fn make(
    context: *const Handle<ContextObject>,
    fd: c_int,
    begins: bool,
    make: impl FnOnce(&tls::Context, Stream) -> Result<tls::Channel, Error>,
) -> Result<*mut Handle<ChannelObject>, Problems> {
    // SAFETY: promised by the caller.
    unsafe {
        with_context(context, |context| {
            let descriptor = stream_socket(fd)?;
            let tls = make(context, Stream::new(Box::new(descriptor.clone())))?;
            Ok(handle::give(ChannelObject {
                driven: Driven::new(tls, descriptor, begins),
                lent: Lent::default(),
                kdb: CString::default(),
            }))
        })
    }
}

/// The client's side.
///
/// # Safety
/// As [`handle::shared`] and [`stream_socket`].
unsafe fn connect(
    context: *const Handle<ContextObject>,
    fd: c_int,
    server: Server<'_>,
) -> Result<*mut Handle<ChannelObject>, Problems> {
    // SAFETY: promised by the caller.
    unsafe {
        make(context, fd, true, |context, stream| {
            tls::Channel::connect(context, stream, server)
        })
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_accept(
    context: *mut Handle<ContextObject>,
    fd: c_int,
) -> *mut Handle<ChannelObject> {
    entry("tlsport_channel_accept", || {
        // SAFETY: a handle of the caller's.
        unsafe { make(context, fd, false, tls::Channel::accept) }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_connect(
    context: *mut Handle<ContextObject>,
    fd: c_int,
    server_name: *const c_char,
) -> *mut Handle<ChannelObject> {
    entry("tlsport_channel_connect", || {
        // SAFETY: lent by the caller for the call.
        let name = unsafe { text(server_name, "server_name") }?;
        // SAFETY: a handle of the caller's.
        unsafe { connect(context, fd, Server::Verified(name)) }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_connect_insecure(
    context: *mut Handle<ContextObject>,
    fd: c_int,
    server_name: *const c_char,
) -> *mut Handle<ChannelObject> {
    entry("tlsport_channel_connect_insecure", || {
        // SAFETY: lent by the caller for the call.
        let name = unsafe { optional_text(server_name, "server_name") }?;
        // SAFETY: a handle of the caller's.
        unsafe { connect(context, fd, Server::Unverified(name)) }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_handshake(channel: *mut Handle<ChannelObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_channel_handshake", || unsafe {
        with_channel(channel, |driven| Ok(status(driven.handshake()?)))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_read(
    channel: *mut Handle<ChannelObject>,
    buf: *mut c_void,
    len: usize,
) -> isize {
    // SAFETY: the header asks for a handle or null, and for room lent for the call.
    entry("tlsport_channel_read", || unsafe {
        with_channel(channel, |driven| {
            let buf = room(buf, len, "buf")?;
            if buf.is_empty() {
                return Err(usage("'len' is 0"));
            }
            Ok(count(driven.read(buf)?))
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_write(
    channel: *mut Handle<ChannelObject>,
    buf: *const c_void,
    len: usize,
) -> isize {
    // SAFETY: the header asks for a handle or null, and for bytes lent for the call.
    entry("tlsport_channel_write", || unsafe {
        with_channel(channel, |driven| {
            let bytes = bytes(buf, len, "buf")?;
            Ok(count(driven.write(bytes)?))
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_flush(channel: *mut Handle<ChannelObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_channel_flush", || unsafe {
        with_channel(channel, |driven| Ok(status(driven.flush()?)))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_close(channel: *mut Handle<ChannelObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_channel_close", || unsafe {
        with_channel(channel, |driven| Ok(status(driven.close()?)))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_wants(channel: *mut Handle<ChannelObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    quietly(0, || unsafe {
        with_channel(channel, |driven| {
            let Wants { read, write } = driven.wants();
            let bit = |wanted: bool, bit: c_int| if wanted { bit } else { 0 };
            Ok(bit(read, WANTS_READ) | bit(write, WANTS_WRITE))
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_has_pending(channel: *mut Handle<ChannelObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    quietly(0, || unsafe {
        with_channel(channel, |driven| Ok(driven.has_pending().into()))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_facts(
    channel: *mut Handle<ChannelObject>,
    facts: *mut RawFacts,
) -> c_int {
    let body = |object: &mut ChannelObject| {
        place(facts, "facts")?;
        object.lent = Lent::of(&object.driven.facts()?);
        // SAFETY: the header asks for null, or a struct of the size that it begins with.
        unsafe { object.lent.fill(facts) }
    };
    entry("tlsport_channel_facts", || {
        // SAFETY: the header asks for a handle or null.
        unsafe { handle::alone(channel, body) }??;
        Ok(OK)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_kdb_facts(
    channel: *mut Handle<ChannelObject>,
    form: c_int,
) -> *const c_char {
    let body = |object: &mut ChannelObject| {
        object.kdb = facts::kdb(Some(&object.driven.facts()?), form)?;
        Ok::<_, Error>(object.kdb.as_ptr())
    };
    entry("tlsport_channel_kdb_facts", || {
        // SAFETY: the header asks for a handle or null.
        Ok(unsafe { handle::alone(channel, body) }??)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_ssl(channel: *mut Handle<ChannelObject>) -> *mut SSL {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_channel_ssl", || unsafe {
        with_channel(channel, |driven| Ok(driven.ssl().as_ptr()))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_channel_free(channel: *mut Handle<ChannelObject>) {
    // SAFETY: the header asks for a handle or null.
    freeing("tlsport_channel_free", || unsafe {
        handle::take(channel)?;
        Ok(())
    });
}
