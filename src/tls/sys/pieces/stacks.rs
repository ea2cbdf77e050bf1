//! How deep the stacks are used that handshakes in pieces run on.

use crate::tls::memory::set_functions;
use libc::{c_char, c_int, c_void};
use std::sync::Mutex;

/// Bytes of a stack (`STACKSIZE` of OpenSSL).
pub(in crate::tls) const LENGTH: usize = 32 * 1024;

const UNTOUCHED: u8 = 0xa5;

/// Where the stacks begin that libcrypto has taken.
static STACKS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Watches them from now on; only in a process in which nothing of libcrypto's was used yet.
pub(in crate::tls) fn watch() -> bool {
    // SAFETY: the three are the system allocator's.
    unsafe { set_functions(allocate, reallocate, free) }
}

unsafe extern "C" fn allocate(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    // SAFETY: any size may be asked for; so many bytes are there.
    unsafe {
        let memory = libc::malloc(size);
        if size == LENGTH && !memory.is_null() {
            memory.cast::<u8>().write_bytes(UNTOUCHED, size);
            STACKS.lock().unwrap().push(memory.expose_provenance());
        }
        memory
    }
}

unsafe extern "C" fn reallocate(
    memory: *mut c_void,
    size: usize,
    _: *const c_char,
    _: c_int,
) -> *mut c_void {
    // SAFETY: libcrypto gives what malloc gave.
    unsafe { libc::realloc(memory, size) }
}

unsafe extern "C" fn free(memory: *mut c_void, _: *const c_char, _: c_int) {
    // SAFETY: as above. Stacks are given back when their thread ends, after the test.
    unsafe { libc::free(memory) };
}

/// Whether there is any.
pub(in crate::tls) fn were_taken() -> bool {
    !STACKS.lock().unwrap().is_empty()
}

/// How much of the fullest stack was used.
pub(in crate::tls) fn deepest() -> usize {
    let untouched = |start: &usize| {
        let bytes: *const u8 = std::ptr::with_exposed_provenance(*start);
        // SAFETY: so many bytes are there, on a stack that nothing runs on now.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, LENGTH) };
        bytes.iter().take_while(|byte| **byte == UNTOUCHED).count()
    };
    let stacks = STACKS.lock().unwrap();
    LENGTH - stacks.iter().map(untouched).min().expect("a stack")
}
