//! Code of others that libcrypto runs: engines and providers that openssl.cnf, or the program, has brought in. How much of
//! a stack they take is known to nobody, and behind those of handshakes in pieces there is no guard.

#[cfg(any(openssl3, openssl_engines))]
use openssl_sys as ffi;
#[cfg(openssl3)]
use std::ffi::c_void;
#[cfg(any(openssl3, openssl_engines))]
use std::ffi::{CStr, c_char, c_int};

/// Whether there is any.
pub(super) fn have_come() -> bool {
    #[cfg(openssl_engines)]
    if has_engines() {
        return true;
    }
    #[cfg(openssl3)]
    if has_providers() {
        return true;
    }
    false
}

/// Engines besides those of libcrypto that only load others, or make random numbers.
#[cfg(openssl_engines)]
fn has_engines() -> bool {
    unsafe extern "C" {
        fn ENGINE_get_first() -> *mut ffi::ENGINE;
        fn ENGINE_get_next(engine: *mut ffi::ENGINE) -> *mut ffi::ENGINE;
        fn ENGINE_get_id(engine: *const ffi::ENGINE) -> *const c_char;
    }
    const OWN: &[&CStr] = &[c"dynamic", c"rdrand"];
    let mut found = false;
    // SAFETY: each engine of the list is live until it is given for the next one; its id is a string that lives as long, or
    // null. Null is the end of the list.
    unsafe {
        let mut engine = ENGINE_get_first();
        while !engine.is_null() {
            found |= !is_one_of(ENGINE_get_id(engine), OWN);
            engine = ENGINE_get_next(engine);
        }
    }
    found
}

/// Providers besides those of libcrypto (`OSSL_PROVIDER_do_all`). FIPS's is not among these: it tests itself where it likes.
#[cfg(openssl3)]
fn has_providers() -> bool {
    type Each = unsafe extern "C" fn(*mut ffi::OSSL_PROVIDER, *mut c_void) -> c_int;
    unsafe extern "C" {
        fn OSSL_PROVIDER_do_all(
            library: *mut ffi::OSSL_LIB_CTX,
            each: Each,
            argument: *mut c_void,
        ) -> c_int;
        fn OSSL_PROVIDER_get0_name(provider: *const ffi::OSSL_PROVIDER) -> *const c_char;
    }
    unsafe extern "C" fn look(provider: *mut ffi::OSSL_PROVIDER, found: *mut c_void) -> c_int {
        const OWN: &[&CStr] = &[c"default", c"base", c"legacy", c"null"];
        // SAFETY: a live provider, whose name lives as long; the argument is the flag below.
        unsafe { *found.cast::<bool>() |= !is_one_of(OSSL_PROVIDER_get0_name(provider), OWN) };
        1
    }
    let mut found = false;
    // SAFETY: null is the library context that contexts here are of; the flag outlives the call.
    let asked =
        unsafe { OSSL_PROVIDER_do_all(std::ptr::null_mut(), look, (&raw mut found).cast()) };
    found || asked != 1
}

/// # Safety
/// The name is null, or a string.
#[cfg(any(openssl3, openssl_engines))]
unsafe fn is_one_of(name: *const c_char, own: &[&CStr]) -> bool {
    // SAFETY: by the promise above.
    !name.is_null() && own.contains(&unsafe { CStr::from_ptr(name) })
}

/// Brings in an engine that does nothing.
#[cfg(all(test, openssl_engines))]
pub(in crate::tls) fn add_engine() {
    unsafe extern "C" {
        fn ENGINE_new() -> *mut ffi::ENGINE;
        fn ENGINE_set_id(engine: *mut ffi::ENGINE, id: *const c_char) -> c_int;
        fn ENGINE_set_name(engine: *mut ffi::ENGINE, name: *const c_char) -> c_int;
        fn ENGINE_add(engine: *mut ffi::ENGINE) -> c_int;
    }
    // SAFETY: an engine of our own, and strings that live for ever. The list has it for as long as the process runs.
    unsafe {
        let engine = ENGINE_new();
        assert!(!engine.is_null());
        ENGINE_set_id(engine, c"idle".as_ptr());
        ENGINE_set_name(engine, c"idle".as_ptr());
        assert_eq!(ENGINE_add(engine), 1);
    }
}

/// Brings in a provider that has nothing; then the default one no longer comes by itself.
#[cfg(all(test, openssl3))]
pub(in crate::tls) fn add_provider() {
    type Init = unsafe extern "C" fn(
        *const c_void,
        *const c_void,
        *mut *const c_void,
        *mut *mut c_void,
    ) -> c_int;
    unsafe extern "C" {
        fn OSSL_PROVIDER_add_builtin(
            library: *mut ffi::OSSL_LIB_CTX,
            name: *const c_char,
            init: Init,
        ) -> c_int;
        fn OSSL_PROVIDER_load(
            library: *mut ffi::OSSL_LIB_CTX,
            name: *const c_char,
        ) -> *mut ffi::OSSL_PROVIDER;
    }
    unsafe extern "C" fn init(
        _: *const c_void,
        _: *const c_void,
        functions: *mut *const c_void,
        context: *mut *mut c_void,
    ) -> c_int {
        /// `OSSL_DISPATCH`: no function but the end.
        static NONE: [usize; 2] = [0; 2];
        // SAFETY: libcrypto gives room for both.
        unsafe {
            *functions = NONE.as_ptr().cast();
            *context = NONE.as_ptr().cast_mut().cast();
        }
        1
    }
    // SAFETY: strings and functions that live for ever. The provider stays for as long as the process runs.
    unsafe {
        let (library, name) = (std::ptr::null_mut(), c"idle".as_ptr());
        assert_eq!(OSSL_PROVIDER_add_builtin(library, name, init), 1);
        for name in [name, c"default".as_ptr()] {
            assert!(!OSSL_PROVIDER_load(library, name).is_null());
        }
    }
}
