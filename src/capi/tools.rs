//! What settings may say: dialects and options by number, cipher strings, option masks.

use super::{c_string, entry, lend, optional_text, out, status, text};
use crate::dialect;
use crate::error::Problems;
use crate::settings::{OptionsEra, Settings, TABLE};
use crate::tls::ciphers::{self, Query};
use crate::tls::options;
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::sync::OnceLock;

/// The name with this number; null past the last one.
fn name(names: &[CString], number: usize) -> *const c_char {
    names
        .get(number)
        .map_or(std::ptr::null(), |name| name.as_ptr())
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_dialect_name(number: usize) -> *const c_char {
    static NAMES: OnceLock<Vec<CString>> = OnceLock::new();
    let names = NAMES.get_or_init(|| dialect::names().into_iter().map(c_string).collect());
    name(names, number)
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_option_name(number: usize) -> *const c_char {
    static NAMES: OnceLock<Vec<CString>> = OnceLock::new();
    let all = || TABLE.iter().map(|record| c_string(record.name)).collect();
    name(NAMES.get_or_init(all), number)
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_ciphers(
    cipher_list: *const c_char,
    ciphersuites: *const c_char,
) -> *const c_char {
    thread_local!(static LENT: RefCell<CString> = RefCell::default());
    // SAFETY: the header asks for strings or null.
    entry("tlsport_ciphers", || unsafe {
        let cipher_list = optional_text(cipher_list, "cipher_list")?;
        let ciphersuites = optional_text(ciphersuites, "ciphersuites")?;
        let suites = ciphers::expand(&Query {
            cipher_list: cipher_list.map(str::to_owned),
            ciphersuites: ciphersuites.map(str::to_owned),
            ..Query::default()
        })?;
        let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        Ok(lend(&LENT, &names.join(":")))
    })
}

/// The bits of a mask, read as the setting of that name is.
fn parse(mask: &str) -> Result<u64, Problems> {
    let mut settings = Settings::default();
    settings.set("ssl.options", mask)?;
    let written = &settings.policy.options;
    Ok(options::resolve(written, OptionsEra::Current)?.bits)
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_options_parse(mask: *const c_char, bits: *mut u64) -> c_int {
    // SAFETY: the header asks for a string and a place of yours, or null.
    entry("tlsport_options_parse", || unsafe {
        let (mask, bits) = (text(mask, "mask")?, out(bits, "bits")?);
        *bits = parse(mask)?;
        Ok(status::OK)
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_options_names(bits: u64) -> *const c_char {
    thread_local!(static LENT: RefCell<CString> = RefCell::default());
    entry("tlsport_options_names", || {
        Ok(lend(&LENT, &options::names(bits).join("|")))
    })
}
