//! The settings handle: what was loaded and set so far, and its use on an `SSL_CTX` of the caller's.
//!
//! What holds between settings is looked at where they are used, not while they are put together. Read next:
//! `context`, the other use.

use super::handle::{self, Handle, Object};
use super::{c_string, entry, freeing, optional_text, path, status, text, usage};
use crate::dialect::{self, System};
use crate::error::{Error, Problems};
use crate::settings::{self, Builder, Note, Settings};
use crate::show;
use crate::tls::{self, Prepared, Report};
use openssl_sys::SSL_CTX;
use std::ffi::{CString, c_char, c_int};

/// This process, for dialects.
pub(super) fn system() -> System {
    System {
        openssl_dir: tls::openssl_dir(),
    }
}

/// What `tlsport_settings` stands for.
pub(super) struct SettingsObject {
    pub(super) settings: Settings,
    /// What was lent last.
    lent: CString,
}

impl Object for SettingsObject {
    const NUMBER: u32 = 1;
    const NAME: &'static str = "settings handle";
}

impl SettingsObject {
    fn new(settings: Settings) -> *mut Handle<SettingsObject> {
        handle::give(SettingsObject {
            settings,
            lent: CString::default(),
        })
    }

    fn lend(&mut self, text: &str) -> *const c_char {
        self.lent = c_string(text);
        self.lent.as_ptr()
    }
}

/// Lets `body` use settings; they are nobody else's meanwhile.
///
/// # Safety
/// `settings` is null or a handle, freed or not.
pub(super) unsafe fn with_settings<R>(
    settings: *const Handle<SettingsObject>,
    body: impl FnOnce(&mut SettingsObject) -> Result<R, Problems>,
) -> Result<R, Problems> {
    // SAFETY: promised by the caller.
    unsafe { handle::alone(settings, body) }?
}

/// A policy made ready for use, after the checks between its settings. Remarks go to the log, everything that is
/// wrong to the caller, together.
pub(super) fn prepared(
    settings: &Settings,
    check: impl FnOnce(&Settings) -> (Vec<Error>, Vec<Note>),
    load: impl FnOnce(&Settings) -> Result<(Prepared, Vec<Note>), Problems>,
) -> Result<Prepared, Problems> {
    let (prepared, notes) = ready(settings, check, load)?;
    notes.iter().for_each(Note::log);
    Ok(prepared)
}

fn ready(
    settings: &Settings,
    check: impl FnOnce(&Settings) -> (Vec<Error>, Vec<Note>),
    load: impl FnOnce(&Settings) -> Result<(Prepared, Vec<Note>), Problems>,
) -> Result<(Prepared, Vec<Note>), Problems> {
    let (mut problems, mut notes) = check(settings);
    match load(settings) {
        Ok((prepared, more)) => {
            notes.extend(more);
            Problems::or(problems, (prepared, notes))
        }
        Err(Problems(more)) => {
            problems.extend(more);
            Err(Problems(problems))
        }
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_settings_new() -> *mut Handle<SettingsObject> {
    entry("tlsport_settings_new", || {
        Ok(SettingsObject::new(Settings::default()))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_copy(
    settings: *const Handle<SettingsObject>,
) -> *mut Handle<SettingsObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_settings_copy", || unsafe {
        with_settings(settings, |object| {
            Ok(SettingsObject::new(object.settings.clone()))
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_free(settings: *mut Handle<SettingsObject>) {
    // SAFETY: the header asks for a handle or null.
    freeing("tlsport_settings_free", || unsafe {
        handle::take(settings)?;
        Ok(())
    });
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_load(
    settings: *mut Handle<SettingsObject>,
    dialect: *const c_char,
    file: *const c_char,
) -> c_int {
    // SAFETY: the header asks for a handle and strings, or null.
    entry("tlsport_settings_load", || unsafe {
        let dialect = optional_text(dialect, "dialect")?;
        with_settings(settings, |object| {
            let mut builder = Builder::new(object.settings.clone());
            match dialect {
                Some(name) if file.is_null() && dialect::is_without_file(name) => {
                    dialect::read_environment(name, &system(), &mut builder);
                }
                _ => dialect::read(dialect, &system(), path(file, "path")?, &mut builder),
            }
            let (settings, notes) = builder.unchecked()?;
            notes.iter().for_each(Note::log);
            object.settings = settings;
            Ok(status::OK)
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_set(
    settings: *mut Handle<SettingsObject>,
    name: *const c_char,
    value: *const c_char,
) -> c_int {
    // SAFETY: the header asks for a handle and strings, or null.
    entry("tlsport_settings_set", || unsafe {
        let (name, value) = (text(name, "name")?, text(value, "value")?);
        with_settings(settings, |object| {
            object.settings.set(name, value)?;
            Ok(status::OK)
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_add(
    settings: *mut Handle<SettingsObject>,
    name: *const c_char,
    value: *const c_char,
) -> c_int {
    // SAFETY: the header asks for a handle and strings, or null.
    entry("tlsport_settings_add", || unsafe {
        let (name, value) = (text(name, "name")?, text(value, "value")?);
        with_settings(settings, |object| {
            object.settings.add(name, value)?;
            Ok(status::OK)
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_get(
    settings: *mut Handle<SettingsObject>,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the header asks for a handle and a string, or null.
    entry("tlsport_settings_get", || unsafe {
        let name = text(name, "name")?;
        with_settings(settings, |object| {
            let values = object.settings.get(name)?;
            Ok(object.lend(&values.join("\n")))
        })
    })
}

/// Prints settings, what libssl makes of them, and remarks.
type Print = fn(&Settings, Option<&Report>, &[Note]) -> String;

/// `TLSPORT_REPORT_TEXT`
const REPORT_TEXT: c_int = 0;
/// `TLSPORT_REPORT_JSON`
const REPORT_JSON: c_int = 1;

fn printer(format: c_int) -> Result<Print, Error> {
    match format {
        REPORT_TEXT => Ok(show::text),
        REPORT_JSON => Ok(show::json),
        _ => Err(usage(format!("the format {format} is not one of 0 and 1"))),
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_report(
    settings: *mut Handle<SettingsObject>,
    format: c_int,
) -> *const c_char {
    const NAME: &str = "tlsport_settings_report";
    let mut wrong = None;
    // SAFETY: the header asks for a handle or null.
    let lent = entry(NAME, || unsafe {
        let print = printer(format)?;
        with_settings(settings, |object| {
            let of = &object.settings;
            let shown = match ready(of, settings::check_policy, Prepared::load) {
                Ok((prepared, notes)) => print(of, Some(&prepared.report()), &notes),
                Err(problems) => {
                    wrong = Some(problems);
                    print(of, None, &[])
                }
            };
            Ok(object.lend(&shown))
        })
    });
    // There is something to show all the same.
    if let Some(problems) = wrong {
        status::failed(NAME, problems);
    }
    lent
}

/// Puts a policy onto the caller's `SSL_CTX`.
///
/// # Safety
/// `settings` is null or a handle; `ssl_ctx` is null or live, and used by nobody else during the call.
unsafe fn apply(
    settings: *mut Handle<SettingsObject>,
    ssl_ctx: *mut SSL_CTX,
    prepare: impl FnOnce(&Settings) -> Result<Prepared, Problems>,
) -> Result<c_int, Problems> {
    // SAFETY: promised by the caller.
    unsafe {
        let context = tls::somebody_elses(ssl_ctx);
        let mut context = context.ok_or_else(|| usage("'ssl_ctx' is null"))?;
        with_settings(settings, |object| {
            prepare(&object.settings)?.apply(&mut context)?;
            Ok(status::OK)
        })
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_apply(
    settings: *mut Handle<SettingsObject>,
    ssl_ctx: *mut SSL_CTX,
) -> c_int {
    // SAFETY: the header asks for a handle or null, and for an SSL_CTX that is not in use, or null.
    entry("tlsport_settings_apply", || unsafe {
        apply(settings, ssl_ctx, for_server)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_settings_apply_client(
    settings: *mut Handle<SettingsObject>,
    ssl_ctx: *mut SSL_CTX,
) -> c_int {
    // SAFETY: as above.
    entry("tlsport_settings_apply_client", || unsafe {
        apply(settings, ssl_ctx, for_client)
    })
}

/// The policy of a server, for contexts without endpoints.
pub(super) fn for_server(settings: &Settings) -> Result<Prepared, Problems> {
    prepared(settings, settings::check_policy, Prepared::load)
}

/// The policy of a client.
pub(super) fn for_client(settings: &Settings) -> Result<Prepared, Problems> {
    prepared(settings, settings::check_client, Prepared::load_client)
}
