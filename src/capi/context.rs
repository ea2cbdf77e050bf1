//! The context handle: an `SSL_CTX` of ours, for a server or a client, that any number of threads may use at once.

use super::handle::{self, Handle, Object};
use super::settings::{SettingsObject, for_client, for_server, with_settings};
use super::{entry, freeing};
use crate::error::Problems;
use crate::settings::Settings;
use crate::tls::{Context, Shared};
use openssl_sys::SSL_CTX;

/// What `tlsport_context` stands for.
pub(super) struct ContextObject(pub(super) Context);

impl Object for ContextObject {
    const NUMBER: u32 = 2;
    const NAME: &'static str = "context";
}

/// Lets `body` use a context, beside others.
///
/// # Safety
/// `context` is null or a handle, freed or not.
pub(super) unsafe fn with_context<R>(
    context: *const Handle<ContextObject>,
    body: impl FnOnce(&Context) -> Result<R, Problems>,
) -> Result<R, Problems> {
    // SAFETY: promised by the caller.
    unsafe { handle::shared(context, |object: &ContextObject| body(&object.0)) }?
}

/// # Safety
/// `settings` is null or a handle, freed or not.
unsafe fn make(
    settings: *mut Handle<SettingsObject>,
    build: impl FnOnce(&Settings) -> Result<Context, Problems>,
) -> Result<*mut Handle<ContextObject>, Problems> {
    // SAFETY: promised by the caller.
    unsafe {
        with_settings(settings, |object| {
            let context = build(&object.settings)?;
            Ok(handle::give(ContextObject(context)))
        })
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_context_new(
    settings: *mut Handle<SettingsObject>,
) -> *mut Handle<ContextObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_context_new", || unsafe {
        make(settings, |settings| {
            Context::build(&for_server(settings)?, &Shared::new())
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_context_new_client(
    settings: *mut Handle<SettingsObject>,
) -> *mut Handle<ContextObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_context_new_client", || unsafe {
        make(settings, |settings| Context::client(&for_client(settings)?))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_context_ssl_ctx(
    context: *mut Handle<ContextObject>,
) -> *mut SSL_CTX {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_context_ssl_ctx", || unsafe {
        with_context(context, |context| Ok(context.as_ptr()))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_context_free(context: *mut Handle<ContextObject>) {
    // SAFETY: the header asks for a handle or null.
    freeing("tlsport_context_free", || unsafe {
        handle::retire(context)?;
        Ok(())
    });
}
