//! The memory that libcrypto and libssl take in workers.
//!
//! A full handshake takes and frees 765 blocks, and an idle connection keeps some forty. Where a program has asked for it,
//! as the daemon does, each worker has a heap of its own for them: without locks, without a header a block, and without
//! holes that only a smaller block fits in. What other threads take, and what is large, is the system allocator's.
//!
//! ```text
//!  Heap (one a worker) ─▶ Slab (64 KiB of blocks of one class) ─▶ Region (one a process)
//! ```
//!
//! libcrypto wipes what was secret before it frees it, as with any allocator. A block that is freed again before it is
//! taken again, or whose first bytes are written to when it is free, ends the process (`slab`).
#![allow(unsafe_code)]

mod class;
mod heap;
mod region;
mod slab;
#[cfg(test)]
mod tests;

use heap::Heap;
use libc::{c_char, c_int, c_void};
use slab::{Block, Slab};
use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

thread_local! {
    static HEAP: Cell<Option<&'static Heap>> = const { Cell::new(None) };
}

/// What the links of free blocks are mixed with; zero where there are no heaps.
static SECRET: AtomicU64 = AtomicU64::new(0);

/// Heaps whose threads have ended.
static IDLE: Mutex<Vec<&'static Heap>> = Mutex::new(Vec::new());

pub(super) type Allocate = unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void;
pub(super) type Reallocate =
    unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void;
pub(super) type Free = unsafe extern "C" fn(*mut c_void, *const c_char, c_int);

/// `CRYPTO_set_mem_functions`: whether libcrypto takes its memory by these from now on. It refuses where it has taken some
/// by others.
///
/// # Safety
/// They are `malloc`, `realloc` and `free` of one allocator, for all threads.
pub(super) unsafe fn set_functions(allocate: Allocate, reallocate: Reallocate, free: Free) -> bool {
    unsafe extern "C" {
        fn CRYPTO_set_mem_functions(
            allocate: Option<Allocate>,
            reallocate: Option<Reallocate>,
            free: Option<Free>,
        ) -> c_int;
    }
    // SAFETY: by the promise above.
    unsafe { CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(free)) == 1 }
}

/// Has libcrypto take its memory in the workers of servers from heaps of this crate, for the whole process and its life
/// (`CRYPTO_set_mem_functions`): full handshakes cost a thirtieth less, and what connections leave is given back. For
/// programs, at their start: libcrypto refuses it once it has taken memory. Whether it is so now; where not, all memory
/// is the system allocator's, which costs time and nothing else.
pub fn install() -> bool {
    // Whoever comes second finds what the first one did.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    if !has_heaps() && reserve() {
        // SAFETY: the three are such.
        let taken = unsafe { set_functions(allocate, reallocate, free) };
        if !taken {
            SECRET.store(0, Relaxed);
        }
    }
    has_heaps()
}

/// Whether workers have heaps.
pub fn has_heaps() -> bool {
    secret() != 0
}

/// Gets ready for heaps.
fn reserve() -> bool {
    // Not nothing, which would say that there are no heaps.
    let random = RandomState::new().build_hasher().finish() | 1 << 63;
    let reserved = region::reserve();
    if reserved {
        SECRET.store(random, Relaxed);
    }
    reserved
}

fn secret() -> u64 {
    SECRET.load(Relaxed)
}

/// The calling thread, and no other, has a heap for as long as this lives.
#[must_use]
pub(crate) struct Owner(PhantomData<*const ()>);

/// Gives the calling thread a heap, if the process has any. Once at a time.
pub(crate) fn own() -> Owner {
    if has_heaps() {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        HEAP.set(Some(idle.unwrap_or_else(Heap::new)));
    }
    Owner(PhantomData)
}

impl Drop for Owner {
    /// Blocks of the heap may still be in use: the next owner takes them in when they are returned.
    fn drop(&mut self) {
        trim();
        if let Some(heap) = HEAP.take() {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(heap);
        }
    }
}

/// Gives memory of the calling thread's heap that is not in use back to the system.
pub(crate) fn trim() {
    if let Some(heap) = HEAP.get() {
        // SAFETY: it is the calling thread's.
        unsafe { heap.trim() };
    }
}

/// `malloc`
unsafe extern "C" fn allocate(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    if let (Some(heap), Some(class)) = (HEAP.get(), class::of(size)) {
        // SAFETY: it is the calling thread's.
        if let Some(block) = unsafe { heap.take(class) } {
            return block.as_ptr().cast();
        }
    }
    match size {
        0 => ptr::null_mut(), // as libcrypto's own
        // SAFETY: any size may be asked for.
        _ => unsafe { libc::malloc(size) },
    }
}

/// `free`
unsafe extern "C" fn free(pointer: *mut c_void, _: *const c_char, _: c_int) {
    let Some(block) = of_slab(pointer) else {
        // SAFETY: libcrypto gives back what it had of us, here what malloc gave, or null.
        return unsafe { libc::free(pointer) };
    };
    // SAFETY: the block is of a slab that has begun, whose owner never changes while a block is taken; libcrypto does
    // not use it any more. Heaps live for ever.
    unsafe {
        let owner = &*(*Slab::of(block).as_ptr()).owner;
        match HEAP.get() {
            Some(heap) if ptr::eq(heap, owner) => heap.put(block),
            _ => owner.give(block),
        }
    }
}

/// `realloc`
unsafe extern "C" fn reallocate(
    pointer: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    // SAFETY: libcrypto gives what it had of us. What is copied fits in both blocks.
    unsafe {
        let Some(block) = of_slab(pointer) else {
            return match (pointer.is_null(), size) {
                (true, _) => allocate(size, file, line),
                (false, 0) => {
                    libc::free(pointer);
                    ptr::null_mut()
                }
                (false, _) => libc::realloc(pointer, size),
            };
        };
        let had = Slab::size(Slab::of(block));
        if size == 0 {
            free(pointer, file, line);
            return ptr::null_mut();
        }
        if class::of(size).is_some_and(|class| class::size(class) == had) {
            return pointer;
        }
        let moved = allocate(size, file, line);
        if !moved.is_null() {
            ptr::copy_nonoverlapping(pointer.cast::<u8>(), moved.cast(), had.min(size));
            free(pointer, file, line);
        }
        moved
    }
}

/// A block of a slab, where this is one.
#[inline]
fn of_slab(pointer: *mut c_void) -> Option<NonNull<Block>> {
    let block = NonNull::new(pointer.cast::<Block>())?;
    region::contains(block.as_ptr()).then_some(block)
}
