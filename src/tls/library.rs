//! Starting libssl once, with the system's openssl.cnf, and saying which library and which file that is.
//!
//! libssl itself ignores a broken openssl.cnf and goes on without the policy in it; here it is an error. Not here:
//! what the file's sections do to a context (libssl applies `system_default` itself, `context` a named section).

use super::role::Role;
use super::sys::CommandError;
use super::{queue, sys};
use crate::error::{Error, Kind, reason};
use once_cell::sync::OnceCell;
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod};
use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

static STARTED: OnceCell<()> = OnceCell::new();

/// Starts libssl, once a process: later calls cost nothing. Reads the openssl.cnf in use, strictly, unless the
/// process had libssl read it before.
///
/// # Errors
/// openssl.cnf, or the file that `OPENSSL_CONF` names, cannot be read or is wrong.
pub fn start() -> Result<(), Error> {
    STARTED.get_or_try_init(initialise).copied()
}

/// The libssl in use, in its own words (`OpenSSL_version`).
pub fn library_version() -> String {
    openssl::version::version().to_owned()
}

/// The directory of the files of the libssl in use, as `openssl version -d` tells it.
pub fn openssl_dir() -> Option<PathBuf> {
    let told = openssl::version::dir(); // OPENSSLDIR: "/usr/lib/ssl"
    let (_, path) = told.split_once('"')?;
    let path = path.strip_suffix('"').filter(|path| !path.is_empty())?;
    Some(PathBuf::from(path))
}

/// The openssl.cnf in use: the one `OPENSSL_CONF` names, unless the process is privileged, or else the library's
/// own. `None` when `OPENSSL_CONF` is empty, which turns it off.
pub fn config_file() -> Option<PathBuf> {
    let path = sys::default_config_file();
    (!path.is_empty()).then(|| PathBuf::from(OsString::from_vec(path)))
}

fn initialise() -> Result<(), Error> {
    check_config_file()?;
    queue::clear();
    if !sys::init_strictly() {
        return Err(config_error(&queue::drain()));
    }
    openssl::init();
    check_system_section()
}

/// A file that was asked for by `OPENSSL_CONF` must be there: libssl takes a missing one for an empty one.
fn check_config_file() -> Result<(), Error> {
    let Some(path) = config_file() else {
        return Ok(());
    };
    match std::fs::File::open(&path) {
        Ok(_) => Ok(()),
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                && std::env::var_os("OPENSSL_CONF").is_none() =>
        {
            Ok(())
        }
        Err(error) => Err(Error::settings(format!(
            "cannot read OpenSSL configuration '{}': {}",
            path.display(),
            reason(&error)
        ))),
    }
}

/// `SSL_CTX_new` applies the section `system_default` and ignores what fails in it, so it is tried here once more,
/// by a name that reports.
fn check_system_section() -> Result<(), Error> {
    let mut context = SslContext::builder(SslMethod::tls()).map_err(|stack| {
        Error::new(Kind::Tls, "cannot create SSL context").caused_by(stack.to_string())
    })?;
    match apply_section(&mut context, Role::Server, c"system_default") {
        Ok(()) | Err(SectionError::Missing) => Ok(()),
        Err(SectionError::Refused(why)) => Err(Error::settings(format!(
            "cannot use OpenSSL configuration '{}': in 'system_default': {why}",
            config_file().unwrap_or_default().display()
        ))),
    }
}

/// Why a section of openssl.cnf was not applied.
pub(super) enum SectionError {
    /// There is no such name in its `ssl_conf`.
    Missing,
    /// libssl refused one of its commands.
    Refused(String),
}

/// Applies a section of openssl.cnf to a context.
pub(super) fn apply_section(
    context: &mut SslContextBuilder,
    role: Role,
    name: &CStr,
) -> Result<(), SectionError> {
    queue::clear();
    if sys::apply_section(context, name) {
        return Ok(());
    }
    let queue = queue::drain();
    if queue.has(sys::ERR_LIB_SSL, sys::SSL_R_INVALID_CONFIGURATION_NAME) {
        return Err(SectionError::Missing);
    }
    Err(SectionError::Refused(
        refused_command(context, role, name).unwrap_or_else(|| queue.reason()),
    ))
}

/// Which command it was, as libssl does not say: they are run one by one until one fails again.
fn refused_command(context: &mut SslContextBuilder, role: Role, section: &CStr) -> Option<String> {
    let file = CString::new(config_file()?.into_os_string().into_vec()).ok()?;
    sys::section_commands(&file, section)
        .into_iter()
        .find_map(|(name, value)| {
            let why = match sys::run_command(context, role, &name, Some(&value)) {
                Ok(()) => return None,
                Err(CommandError::Unknown) => "there is no such command".into(),
                Err(CommandError::NeedsValue) => "it needs a value".into(),
                Err(CommandError::Refused(queue)) => queue.reason(),
            };
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            Some(format!("'{name} = {value}': {why}"))
        })
}

/// The last entry says which part of the file it was, the first what is wrong there.
fn config_error(queue: &queue::Queue) -> Error {
    let file = config_file().unwrap_or_default();
    let (first, last) = (queue.reason(), queue.last_reason());
    let why = if first == last {
        first
    } else {
        format!("{last}: {first}")
    };
    Error::settings(format!(
        "cannot use OpenSSL configuration '{}': {why}",
        file.display()
    ))
    .caused_by(queue.to_string())
}
