//! C structs that begin with their size: how many members the caller knows, who may be older or newer than we are.
//!
//! Past `smallest` every member is as wide as a pointer, so that a shorter struct is cut between two of them.

use super::{place, usage};
use crate::error::Error;
use std::mem::MaybeUninit;
use std::ptr;

/// Writes `make(size)`, as much of it as the caller knows.
///
/// # Safety
/// `pointer` is null, or begins with a `size`, and so many bytes are there that nobody else uses during the call.
/// `T` is `repr(C)` and has no padding past `smallest`.
pub(super) unsafe fn fill<T>(
    pointer: *mut T,
    smallest: usize,
    name: &str,
    make: impl FnOnce(usize) -> T,
) -> Result<(), Error> {
    // SAFETY: promised by the caller.
    let size = unsafe { size(pointer, smallest, name) }?;
    let whole = make(size);
    // SAFETY: `size` bytes are there by the caller's promise, and no more than that are written; the source is as long
    // as a T, and a T is not shorter than what is copied.
    unsafe {
        ptr::copy_nonoverlapping(
            ptr::from_ref(&whole).cast(),
            bytes(pointer),
            known::<T>(size),
        )
    };
    Ok(())
}

/// What the caller's struct says; members that the caller does not know are zero.
///
/// # Safety
/// `pointer` is null, or begins with a `size`, and so many bytes are there that nobody changes during the call: others
/// may read them too. Zero is a value of every member, and `T` as [`fill`] wants it.
pub(super) unsafe fn read<T>(pointer: *const T, smallest: usize, name: &str) -> Result<T, Error> {
    // SAFETY: promised by the caller.
    let size = unsafe { size(pointer.cast_mut(), smallest, name) }?;
    let mut whole = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are there by the caller's promise, and no more are read than fit; what is not read is zero,
    // which is a value as well.
    unsafe {
        ptr::copy_nonoverlapping(
            pointer.cast::<u8>(),
            bytes(whole.as_mut_ptr()),
            known::<T>(size),
        );
        Ok(whole.assume_init())
    }
}

/// # Safety
/// As [`read`].
unsafe fn size<T>(pointer: *mut T, smallest: usize, name: &str) -> Result<usize, Error> {
    // SAFETY: promised by the caller, not null, and aligned.
    let size = unsafe { place(pointer.cast::<usize>(), name)?.read() };
    if size < smallest {
        return Err(usage(format!(
            "'{name}.size' is {size} and not sizeof(tlsport_{name})"
        )));
    }
    Ok(size)
}

fn bytes<T>(pointer: *mut T) -> *mut u8 {
    pointer.cast()
}

/// How many bytes both sides know, in whole members.
fn known<T>(size: usize) -> usize {
    let known = size.min(size_of::<T>());
    known - known % size_of::<*const ()>()
}
