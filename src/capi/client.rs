//! The client handle: one server, to which any number of threads may open channels at once.
//!
//! A call takes its own hold of the client first, so that nobody who frees the handle waits for a server.

use super::answer::AnswerObject;
use super::channel::ChannelObject;
use super::handle::{self, Handle, Object};
use super::settings::{SettingsObject, with_settings};
use super::signals::without_signals;
use super::stage::Stage;
use super::{bytes, entry, freeing, optional_text, path, sized, text};
use crate::client::{Client, Destination, LONGEST_ANSWER, Link, Opening};
use crate::error::Error;
use std::ffi::{c_char, c_long, c_void};
use std::mem::size_of;

/// What `tlsport_client` stands for.
pub(super) struct ClientObject(Client);

impl Object for ClientObject {
    const NUMBER: u32 = 6;
    const NAME: &'static str = "client";
}

/// `tlsport_client_terms`
#[repr(C)]
pub struct RawTerms {
    size: usize,
    credentials: *const c_char,
    server_name: *const c_char,
    socket_directory: *const c_char,
    capability: c_long,
}

/// All that there was in the beginning.
const SMALLEST: usize = size_of::<RawTerms>();

const _: () = assert!(
    size_of::<RawTerms>() == 5 * size_of::<*const c_char>(),
    "a member of another size has come: `sized` has to know"
);

/// What the terms add to a destination.
///
/// # Safety
/// `terms` is null, or begins with a `size`, and so many bytes are there; its texts are null or strings.
unsafe fn on_terms(
    mut destination: Destination,
    terms: *const RawTerms,
) -> Result<Destination, Error> {
    if terms.is_null() {
        return Ok(destination);
    }
    // SAFETY: promised by the caller; null is a value of each text.
    let terms = unsafe {
        let terms = sized::read(terms, SMALLEST, "client_terms")?;
        if let Some(credentials) = optional_text(terms.credentials, "credentials")? {
            destination = destination.with_credentials(credentials)?;
        }
        if let Some(name) = optional_text(terms.server_name, "server_name")? {
            destination = destination.with_server_name(name);
        }
        if !terms.socket_directory.is_null() {
            let directory = path(terms.socket_directory, "socket_directory")?;
            destination = destination.with_socket_directory(directory);
        }
        terms
    };
    match terms.capability {
        0 => Ok(destination),
        -1 => destination.with_capability(0),
        // What is no byte is none of them either.
        number => destination.with_capability(u8::try_from(number).unwrap_or(u8::MAX)),
    }
}

/// A hold of a client.
///
/// # Safety
/// `client` is null or a handle, freed or not.
unsafe fn held(client: *const Handle<ClientObject>) -> Result<Client, Error> {
    // SAFETY: promised by the caller.
    unsafe { handle::shared(client, |object: &ClientObject| object.0.clone()) }
}

/// Begins to open a connection; what looks its name up is a thread of ours.
fn begin(client: &Client) -> Result<Opening, Error> {
    without_signals(|| client.begin())
}

/// Opens a connection with a socket that blocks.
fn open(client: &Client) -> Result<Link, Error> {
    let link = begin(client)?.finish()?;
    link.set_nonblocking(false)?;
    Ok(link)
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_client_new(
    settings: *mut Handle<SettingsObject>,
    destination: *const c_char,
    terms: *const RawTerms,
) -> *mut Handle<ClientObject> {
    // SAFETY: the header asks for a handle, a string, and a struct of the size that it says, or null.
    entry("tlsport_client_new", || unsafe {
        let destination: Destination = text(destination, "destination")?.parse()?;
        let destination = on_terms(destination, terms)?;
        with_settings(settings, |object| {
            let client = Client::to(&object.settings, destination)?;
            Ok(handle::give(ClientObject(client)))
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_client_open(
    client: *mut Handle<ClientObject>,
) -> *mut Handle<ChannelObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_client_open", || unsafe {
        Ok(ChannelObject::give(Stage::open(open(&held(client)?)?)))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_client_begin(
    client: *mut Handle<ClientObject>,
) -> *mut Handle<ChannelObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_client_begin", || unsafe {
        let opening = begin(&held(client)?)?;
        Ok(ChannelObject::give(Stage::begin(opening)?))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_client_request(
    client: *mut Handle<ClientObject>,
    request: *const c_void,
    len: usize,
    body_limit: usize,
) -> *mut Handle<AnswerObject> {
    // SAFETY: the header asks for a handle or null, and for bytes lent for the call.
    entry("tlsport_client_request", || unsafe {
        let request = bytes(request, len, "request")?;
        let client = held(client)?;
        client.look_at_request(request)?;
        let most = match body_limit {
            0 => LONGEST_ANSWER,
            limit => limit as u64,
        };
        let answer = client.request_on(open(&client)?, request, most)?;
        Ok(AnswerObject::give(answer))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_client_free(client: *mut Handle<ClientObject>) {
    // SAFETY: the header asks for a handle or null.
    freeing("tlsport_client_free", || unsafe {
        handle::retire(client)?;
        Ok(())
    });
}
