//! How results leave: status numbers, and the last error of each thread.
//!
//! The numbers are those of `enum tlsport_status`; a test compares the two.

use super::c_string;
use crate::error::{Kind, Problems};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int};

/// `TLSPORT_OK`
pub(super) const OK: c_int = 0;
/// `TLSPORT_WANT_READ`
pub(super) const WANT_READ: c_int = -1;
/// `TLSPORT_WANT_WRITE`
pub(super) const WANT_WRITE: c_int = -2;
/// `TLSPORT_ERROR_USAGE`
const ERROR_USAGE: c_int = -3;
/// `TLSPORT_ERROR_SETTINGS`
const ERROR_SETTINGS: c_int = -4;
/// `TLSPORT_ERROR_IO`
const ERROR_IO: c_int = -5;
/// `TLSPORT_ERROR_TLS`
const ERROR_TLS: c_int = -6;
/// `TLSPORT_ERROR_PEER`
const ERROR_PEER: c_int = -7;
/// `TLSPORT_ERROR_CLOSED`
const ERROR_CLOSED: c_int = -8;
/// `TLSPORT_ERROR_TIMEOUT`
const ERROR_TIMEOUT: c_int = -9;
/// `TLSPORT_ERROR_INTERNAL`
const ERROR_INTERNAL: c_int = -10;

/// Every status by the name of its constant, from `TLSPORT_OK` downwards.
const NAMES: [&CStr; 11] = [
    c"TLSPORT_OK",
    c"TLSPORT_WANT_READ",
    c"TLSPORT_WANT_WRITE",
    c"TLSPORT_ERROR_USAGE",
    c"TLSPORT_ERROR_SETTINGS",
    c"TLSPORT_ERROR_IO",
    c"TLSPORT_ERROR_TLS",
    c"TLSPORT_ERROR_PEER",
    c"TLSPORT_ERROR_CLOSED",
    c"TLSPORT_ERROR_TIMEOUT",
    c"TLSPORT_ERROR_INTERNAL",
];

/// The status of an error.
pub(super) fn of(kind: Kind) -> c_int {
    match kind {
        Kind::Usage => ERROR_USAGE,
        Kind::Settings => ERROR_SETTINGS,
        Kind::Io => ERROR_IO,
        Kind::Tls => ERROR_TLS,
        Kind::Peer => ERROR_PEER,
        Kind::Closed => ERROR_CLOSED,
        Kind::Timeout => ERROR_TIMEOUT,
        Kind::Internal => ERROR_INTERNAL,
    }
}

/// What a C function can answer.
pub(super) trait Answer: Sized {
    /// What is left as `tlsport_last_status` when this is answered.
    fn status(&self) -> c_int {
        OK
    }

    /// The answer that says that the function failed with this status.
    fn failed(status: c_int) -> Self;
}

/// A status, or a number that is none below zero.
impl Answer for c_int {
    fn status(&self) -> c_int {
        (*self).min(OK)
    }

    fn failed(status: c_int) -> c_int {
        status
    }
}

/// A count, or a status below zero.
impl Answer for isize {
    fn status(&self) -> c_int {
        c_int::try_from((*self).min(0)).unwrap_or(OK)
    }

    fn failed(status: c_int) -> isize {
        status as isize
    }
}

impl Answer for u64 {
    fn failed(_: c_int) -> u64 {
        0
    }
}

impl Answer for () {
    fn failed(_: c_int) {}
}

impl<T> Answer for *mut T {
    fn failed(_: c_int) -> *mut T {
        std::ptr::null_mut()
    }
}

impl<T> Answer for *const T {
    fn failed(_: c_int) -> *const T {
        std::ptr::null()
    }
}

thread_local! {
    static STATUS: Cell<c_int> = const { Cell::new(OK) };
    /// What to tell of the last failure, which counts while the status is an error's.
    static LAST: RefCell<Last> = RefCell::default();
}

#[derive(Default)]
struct Last {
    message: CString,
    openssl: CString,
}

/// Remembers how a call ended that did not fail. Nearly free: the texts of an earlier failure stay until they are
/// asked for, which they are not.
pub(super) fn succeeded(status: c_int) {
    // At the end of a thread its memory may be gone, and nobody will ask.
    let _ = STATUS.try_with(|last| last.set(status));
}

/// Remembers a failure, and gives its status: that of the first problem.
pub(super) fn failed(function: &str, problems: Problems) -> c_int {
    let Problems(problems) = problems;
    let status = problems
        .first()
        .map_or(Kind::Internal, |first| first.kind());
    let mut message = Vec::new();
    let mut openssl = Vec::new();
    for problem in problems {
        openssl.extend(problem.cause().map(str::to_owned));
        message.push(match problem.kind() {
            Kind::Usage => format!("{function}: {problem}"),
            _ => problem.to_string(),
        });
    }
    let status = of(status);
    let _ = STATUS.try_with(|last| last.set(status));
    let _ = LAST.try_with(|last| {
        last.replace(Last {
            message: c_string(&message.join("\n")),
            openssl: c_string(&openssl_lines(&openssl)),
        })
    });
    status
}

/// Of the causes, what came from OpenSSL's queue.
fn openssl_lines(causes: &[String]) -> String {
    let lines = causes.iter().flat_map(|cause| cause.lines());
    let lines: Vec<&str> = lines.filter(|line| line.starts_with("error:")).collect();
    lines.join("\n")
}

/// A text of the last failure; empty when the last call did not fail.
fn told(pick: fn(&Last) -> &CString) -> *const c_char {
    let failed = STATUS.try_with(|status| status.get() < WANT_WRITE);
    if failed != Ok(true) {
        return c"".as_ptr();
    }
    // The string is replaced by the thread's next failure, not before.
    let text = LAST.try_with(|last| pick(&last.borrow()).as_ptr());
    text.unwrap_or(c"".as_ptr())
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_last_status() -> c_int {
    STATUS.try_with(Cell::get).unwrap_or(OK)
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_last_error() -> *const c_char {
    told(|last| &last.message)
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_last_openssl_errors() -> *const c_char {
    told(|last| &last.openssl)
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn tlsport_status_name(status: c_int) -> *const c_char {
    let place = status
        .checked_neg()
        .and_then(|place| usize::try_from(place).ok());
    let name = place.and_then(|place| NAMES.get(place));
    name.unwrap_or(&c"unknown status").as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::{entry, usage};
    use crate::error::Error;

    fn said(text: *const c_char) -> String {
        // SAFETY: one of the texts above, which lives until this thread's next failure.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_failure_is_told_until_the_next_call() {
        let answer: c_int = entry("tlsport_try", || Err(usage("'name' is null").into()));
        assert_eq!(answer, -3);
        assert_eq!(tlsport_last_status(), -3);
        assert_eq!(said(tlsport_last_error()), "tlsport_try: 'name' is null");
        assert_eq!(entry("tlsport_try", || Ok(WANT_READ)), WANT_READ);
        assert_eq!(tlsport_last_status(), WANT_READ);
        assert_eq!(said(tlsport_last_error()), "");
    }

    #[test]
    fn everything_that_is_wrong_is_a_line_and_openssls_lines_are_apart() {
        let problems = || {
            let first = Error::settings("a").caused_by("error:1:one\nerror:2:two");
            Problems(vec![
                first,
                Error::settings("b").caused_by("not of openssl"),
            ])
        };
        let answer: *const c_int = entry("tlsport_try", || Err(problems()));
        assert!(answer.is_null());
        assert_eq!(said(tlsport_last_error()), "a\nb");
        assert_eq!(
            said(tlsport_last_openssl_errors()),
            "error:1:one\nerror:2:two"
        );
    }

    #[test]
    fn a_panic_ends_in_a_status() {
        let answer: isize = entry("tlsport_try", || panic!("on purpose"));
        assert_eq!(answer, -10);
        assert!(said(tlsport_last_error()).starts_with("tlsport_try: a promise"));
    }

    #[test]
    fn every_status_has_a_name_and_other_numbers_have_none() {
        assert_eq!(said(tlsport_status_name(-10)), "TLSPORT_ERROR_INTERNAL");
        for other in [1, -11, c_int::MIN, c_int::MAX] {
            assert_eq!(said(tlsport_status_name(other)), "unknown status");
        }
    }
}
