//! The C surface: one file a handle, in the order of `include/tlsport.h`, which is its manual.
//!
//! Every function runs its body through [`entry`], so that no panic crosses, and every failure is a status and a text
//! for the calling thread. What C hands over is a pointer or a number until one of the functions here, or `handle`,
//! has looked at it: null, text that is not text and lengths that cannot be are refused there and nowhere else.
//! A constant or struct that mirrors one of the header has its C name as its documentation, and nothing else, so that
//! `tests/header.rs` can compare the two. Nothing in the crate uses this room. Read next: `handle` (who owns what),
//! `status` (how errors get out).

#![allow(unsafe_code)]
#![allow(unreachable_pub, reason = "C reaches what Rust does not")]
// A C function's promises stand in the header; here every pointer is checked, or lent for the call by the caller.
#![allow(clippy::missing_safety_doc, reason = "include/tlsport.h says it")]
#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "handles are looked up, not followed"
)]

mod answer;
mod channel;
mod client;
mod conn;
mod context;
mod facts;
mod handle;
mod library;
mod log;
mod served;
mod server;
mod settings;
mod signals;
mod sized;
mod stage;
mod status;
mod tools;

use crate::error::{Error, Kind, Problems};
use ::log::error;
use status::Answer;
use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::NonNull;
use std::thread::LocalKey;

/// What every C function does: runs `body`, keeps the reason of a failure for `tlsport_last_error`, and lets no panic
/// cross. `function` is the C name, which stands in front of a complaint about how it was used.
fn entry<R: Answer>(function: &'static str, body: impl FnOnce() -> Result<R, Problems>) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(answer)) => {
            status::succeeded(answer.status());
            answer
        }
        Ok(Err(problems)) => R::failed(status::failed(function, problems)),
        Err(_) => {
            let text = "a promise inside tlsport was broken: please report it";
            let error = Error::new(Kind::Internal, format!("{function}: {text}"));
            R::failed(status::failed(function, error.into()))
        }
    }
}

/// The same of a function that cannot fail, such as those that free: it leaves the last status and text alone, and
/// gives `otherwise` where there was nothing to do it with.
fn quietly<R>(otherwise: R, body: impl FnOnce() -> Result<R, Problems>) -> R {
    let done = catch_unwind(AssertUnwindSafe(body));
    done.ok().and_then(Result::ok).unwrap_or(otherwise)
}

/// What a C function does that gives a handle back. It has nobody to tell that it was the wrong one but the log.
fn freeing(function: &'static str, body: impl FnOnce() -> Result<(), Problems>) {
    quietly((), || {
        body().inspect_err(|problems| error!("{function}: {problems}"))
    });
}

/// Calls back into C. An exception that leaves the callback ends the process: no Rust function can stop it.
fn outward<R>(callback: &'static str, call: impl FnOnce() -> R) -> R {
    struct Left(&'static str);
    impl Drop for Left {
        fn drop(&mut self) {
            eprintln!("tlsport: callback '{}' was left by an exception", self.0);
            std::process::abort();
        }
    }
    let left = Left(callback);
    let answer = call();
    std::mem::forget(left);
    answer
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}

/// Text that C lends for the call.
///
/// # Safety
/// `pointer` is null, or a NUL-terminated string that nobody changes while the result is used.
unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Error> {
    // SAFETY: promised by the caller.
    let text = unsafe { optional_text(pointer, what) }?;
    text.ok_or_else(|| usage(format!("'{what}' is null")))
}

/// The same where null means something.
///
/// # Safety
/// As [`text`].
unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller, and not null.
    let text = unsafe { CStr::from_ptr(pointer) }.to_str();
    let text = text.map_err(|_| usage(format!("'{what}' is not UTF-8")))?;
    Ok(Some(text))
}

/// A path that C lends for the call: bytes as they are.
///
/// # Safety
/// As [`text`].
unsafe fn path<'a>(pointer: *const c_char, what: &str) -> Result<&'a Path, Error> {
    if pointer.is_null() {
        return Err(usage(format!("'{what}' is null")));
    }
    // SAFETY: promised by the caller, and not null.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// Bytes that C lends for the call. Null is no bytes, if there are to be none.
///
/// # Safety
/// `pointer` is null, or `length` bytes are there that nobody changes while the result is used.
unsafe fn bytes<'a>(pointer: *const c_void, length: usize, what: &str) -> Result<&'a [u8], Error> {
    match checked(pointer.cast_mut(), length, what)? {
        None => Ok(&[]),
        // SAFETY: promised by the caller, not null, and no longer than a slice can be.
        Some(start) => Ok(unsafe { std::slice::from_raw_parts(start, length) }),
    }
}

/// Room that C lends for the call.
///
/// # Safety
/// `pointer` is null, or `length` bytes are there that nobody else uses while the result is used.
unsafe fn room<'a>(pointer: *mut c_void, length: usize, what: &str) -> Result<&'a mut [u8], Error> {
    match checked(pointer, length, what)? {
        None => Ok(&mut []),
        // SAFETY: as in `bytes`.
        Some(start) => Ok(unsafe { std::slice::from_raw_parts_mut(start, length) }),
    }
}

fn checked(pointer: *mut c_void, length: usize, what: &str) -> Result<Option<*mut u8>, Error> {
    if length > isize::MAX.unsigned_abs() {
        return Err(usage(format!("'{what}' cannot be {length} bytes long")));
    }
    match (pointer.is_null(), length) {
        (_, 0) => Ok(None),
        (true, _) => Err(usage(format!("'{what}' is null"))),
        (false, _) => Ok(Some(pointer.cast())),
    }
}

/// Where C wants a result.
///
/// # Safety
/// `pointer` is null, or points to a `T` that nobody else uses while the result is used.
unsafe fn out<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, Error> {
    // SAFETY: promised by the caller, not null, and aligned.
    Ok(unsafe { place(pointer, what)?.as_mut() })
}

/// What can be pointed to.
fn place<T>(pointer: *mut T, what: &str) -> Result<NonNull<T>, Error> {
    if !pointer.is_aligned() {
        return Err(usage(format!("'{what}' is not aligned")));
    }
    NonNull::new(pointer).ok_or_else(|| usage(format!("'{what}' is null")))
}

/// Text on its way to C: a string without the zero bytes that C could not see past.
fn c_string(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

/// Lends the thread a text until it asks again.
fn lend(slot: &'static LocalKey<RefCell<CString>>, text: &str) -> *const c_char {
    let text = c_string(text);
    let start = text.as_ptr(); // which does not move with its string
    match slot.try_with(|slot| slot.replace(text)) {
        Ok(_) => start,
        Err(_) => c"".as_ptr(), // the thread is ending
    }
}
