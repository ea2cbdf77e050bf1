//! The one range of addresses that all slabs lie in, so that a look at an address tells whether a block is of a slab.
//!
//! Reserved whole, without access: that takes addresses and no memory. Access is asked for a run of slabs at a time.
#![allow(unsafe_code)]

use super::slab::{Block, SLAB};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How far the range goes: for a million connections.
const LENGTH: usize = if usize::BITS >= 64 { 1 << 34 } else { 1 << 28 };

/// What addresses of blocks are multiples of.
const UNIT: usize = 16;

/// How many slabs are made accessible at once.
pub(super) const RUN: usize = 16;

/// Where the range begins; none as long as this is zero.
static BASE: AtomicUsize = AtomicUsize::new(0);

/// How much of it was handed out.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Reserves the range, if there is none yet; whether there is one.
pub(super) fn reserve() -> bool {
    if BASE.load(Relaxed) != 0 {
        return true;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, without access, where the system likes.
    let start = unsafe {
        let length = LENGTH + SLAB;
        libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0)
    };
    if start == libc::MAP_FAILED {
        return false;
    }
    // Keys are in it. Whoever refuses this has no core files of single mappings.
    #[cfg(target_os = "linux")]
    // SAFETY: the mapping was just made.
    unsafe {
        libc::madvise(start, LENGTH + SLAB, libc::MADV_DONTDUMP);
    }
    let base = start.expose_provenance().next_multiple_of(SLAB);
    // Two that come here at once reserve twice, and one of the two is used: addresses are all that is lost.
    let _ = BASE.compare_exchange(0, base, Relaxed, Relaxed);
    true
}

/// Whether this is an address in the range.
#[inline]
pub(super) fn contains<T>(pointer: *const T) -> bool {
    pointer.addr().wrapping_sub(BASE.load(Relaxed)) < LENGTH
}

/// The number of a block: how many units of sixteen bytes it lies behind the start of the range, which is never none.
pub(super) fn number(block: NonNull<Block>) -> u32 {
    ((block.as_ptr().expose_provenance() - BASE.load(Relaxed)) / UNIT) as u32
}

/// The block with a number, if the range goes that far.
pub(super) fn numbered(number: u32) -> Option<NonNull<Block>> {
    let offset = number as usize;
    if offset >= LENGTH / UNIT {
        return None;
    }
    NonNull::new(ptr::with_exposed_provenance_mut(
        BASE.load(Relaxed) + offset * UNIT,
    ))
}

/// The start of a run of slabs that nobody has, zeroed; none when the range or the memory is used up.
pub(super) fn take_run() -> Option<NonNull<u8>> {
    const LENGTH_OF_RUN: usize = RUN * SLAB;
    let base = BASE.load(Relaxed);
    let next = |taken: usize| (taken < LENGTH).then_some(taken + LENGTH_OF_RUN);
    let offset = TAKEN.fetch_update(Relaxed, Relaxed, next).ok()?;
    let start = ptr::with_exposed_provenance_mut::<u8>(base + offset);
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let accessible = base != 0
        // SAFETY: the run lies in our range, and nobody else was given it.
        && unsafe { libc::mprotect(start.cast(), LENGTH_OF_RUN, access) } == 0;
    if !accessible {
        // It is there for the next one who asks, unless somebody has asked meanwhile.
        let end = offset + LENGTH_OF_RUN;
        let _ = TAKEN.compare_exchange(end, offset, Relaxed, Relaxed);
        return None;
    }
    NonNull::new(start)
}

/// Gives the memory of a slab back to the system. It stays accessible, and is zeroed when it is used again.
///
/// # Safety
/// `start` is where a slab of this range begins that has no block in use.
pub(super) unsafe fn give_back(start: NonNull<u8>) {
    // SAFETY: by the promise above. A refusal leaves the memory where it is, which harms nothing.
    unsafe { libc::madvise(start.as_ptr().cast(), SLAB, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::alone;
    use std::thread;

    #[test]
    fn who_asks_when_all_is_handed_out_changes_nothing() {
        let body = || {
            assert!(reserve());
            TAKEN.store(LENGTH, Relaxed);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..300_000).for_each(|_| assert!(take_run().is_none())));
                }
            });
            assert_eq!(TAKEN.load(Relaxed), LENGTH);
        };
        let test = "tls::memory::region::tests::who_asks_when_all_is_handed_out_changes_nothing";
        if let Some(output) = alone(test, body) {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
