//! A slab: blocks of one class, and what is known of them at its start.
//!
//! A free block holds the offset of the next one, as a link (`link`): what overwrites any of it, or a block that is freed
//! twice, is noticed instead of leading elsewhere.
#![allow(unsafe_code)]

use super::class;
use super::heap::Heap;
use std::ptr::{self, NonNull};

/// Bytes of a slab, and what its address is a multiple of.
pub(super) const SLAB: usize = 64 * 1024;

/// Bytes before the first block.
const HEADER: usize = 64;

/// What a slab begins with.
#[repr(C, align(64))]
pub(super) struct Slab {
    /// Whose thread may take blocks of it, and put them back.
    pub(super) owner: *const Heap,
    secret: u64,
    /// The next and the one before among those of its class that have room; see `listed`.
    pub(super) next: *mut Slab,
    pub(super) previous: *mut Slab,
    /// Where the first block is that was put back; zero for none.
    free: u32,
    /// Where the first block is that was never taken.
    fresh: u32,
    /// Bytes of a block.
    size: u32,
    /// Blocks that are taken.
    pub(super) used: u32,
    pub(super) class: u32,
    /// Whether it is in the list of its class.
    pub(super) listed: bool,
}

const _: () = assert!(size_of::<Slab>() == HEADER);

/// A block: what it holds while it is free, as a link. Another such has room behind it; see `Heap::give`.
pub(super) type Block = u64;

/// A number as it is held in free memory: once in each half, so that a change of one shows, and mixed with a secret.
#[inline]
fn link(number: u32, secret: u64) -> u64 {
    let number = u64::from(number);
    (number << 32 | number) ^ secret
}

/// The number of a link, if it is one.
#[inline]
fn linked(link: u64, secret: u64) -> Option<u32> {
    let [upper, lower] = [(link ^ secret) >> 32, (link ^ secret) & u64::from(u32::MAX)];
    (upper == lower).then_some(lower as u32)
}

/// The offset of a link between blocks of a slab, if it is one.
#[inline]
fn linked_within(link: u64, secret: u64) -> Option<u32> {
    linked(link, secret).filter(|at| *at < SLAB as u32)
}

impl Slab {
    /// Begins a slab at `start`.
    ///
    /// # Safety
    /// [`SLAB`] bytes from there on are accessible, aligned to [`SLAB`], and nobody else's.
    pub(super) unsafe fn begin(
        start: NonNull<u8>,
        class: usize,
        owner: *const Heap,
        secret: u64,
    ) -> NonNull<Slab> {
        let slab = start.cast::<Slab>();
        let header = Slab {
            owner,
            secret,
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            free: 0,
            fresh: HEADER as u32,
            size: class::size(class) as u32,
            used: 0,
            class: class as u32,
            listed: false,
        };
        // SAFETY: by the promise above.
        unsafe { slab.write(header) };
        slab
    }

    /// The slab of a block.
    pub(super) fn of(block: NonNull<Block>) -> NonNull<Slab> {
        let start = block.as_ptr().map_addr(|address| address & !(SLAB - 1));
        // SAFETY: slabs do not lie at the address zero.
        unsafe { NonNull::new_unchecked(start.cast()) }
    }

    /// Bytes of its blocks.
    ///
    /// # Safety
    /// It has begun.
    pub(super) unsafe fn size(this: NonNull<Slab>) -> usize {
        // SAFETY: by the promise above; the size stays as it is as long as blocks are taken.
        unsafe { (*this.as_ptr()).size as usize }
    }

    /// Takes a block, if there is one.
    ///
    /// # Safety
    /// It has begun, and the calling thread is its owner's.
    #[inline]
    pub(super) unsafe fn take(this: NonNull<Slab>) -> Option<NonNull<Block>> {
        let slab = this.as_ptr();
        // SAFETY: by the promise above nobody else writes to the header; offsets are checked to lie in the slab.
        unsafe {
            let at = (*slab).free;
            if at != 0 {
                let block = Slab::block(this, at);
                let Some(next) = linked_within(*block.as_ptr(), (*slab).secret) else {
                    damaged();
                };
                block.write(0); // whoever reads what it has not written learns nothing of the secret
                (*slab).free = next;
                (*slab).used += 1;
                return Some(block);
            }
            let (at, size) = ((*slab).fresh, (*slab).size);
            if at + size > SLAB as u32 {
                return None;
            }
            (*slab).fresh = at + size;
            (*slab).used += 1;
            Some(Slab::block(this, at))
        }
    }

    /// Puts a block back.
    ///
    /// # Safety
    /// It is of this slab, was taken, and nobody uses it; the calling thread is the owner's.
    #[inline]
    pub(super) unsafe fn put(this: NonNull<Slab>, block: NonNull<Block>) {
        let slab = this.as_ptr();
        // SAFETY: by the promise above.
        unsafe {
            if linked_within(*block.as_ptr(), (*slab).secret).is_some() {
                Slab::refuse_twice(this, block);
            }
            block.write(link((*slab).free, (*slab).secret));
            (*slab).free = (block.addr().get() & (SLAB - 1)) as u32;
            (*slab).used -= 1;
        }
    }

    /// A block that looks as if it were free: whether it is is certain only of one in the list.
    #[cold]
    unsafe fn refuse_twice(this: NonNull<Slab>, block: NonNull<Block>) {
        // SAFETY: as in `put`; a link that leads out of the slab ends the process.
        unsafe {
            let mut at = (*this.as_ptr()).free;
            while at != 0 {
                let free = Slab::block(this, at);
                if free == block {
                    damaged();
                }
                let Some(next) = linked_within(*free.as_ptr(), (*this.as_ptr()).secret) else {
                    damaged();
                };
                at = next;
            }
        }
    }

    /// Has a block hold another number in its second word. The first stays: by it [`Slab::put`] knows a block that is free.
    ///
    /// # Safety
    /// The block is of a slab that has begun, is not in its list, and nobody else uses it.
    pub(super) unsafe fn mark(block: NonNull<Block>, number: u32) {
        // SAFETY: by the promise above; the smallest blocks have two words.
        unsafe {
            let secret = (*Slab::of(block).as_ptr()).secret;
            block.add(1).write(link(number, secret));
        }
    }

    /// The number that a block was marked with, which it holds no longer.
    ///
    /// # Safety
    /// As for [`Slab::mark`].
    pub(super) unsafe fn unmark(block: NonNull<Block>) -> u32 {
        // SAFETY: as in `mark`.
        unsafe {
            let secret = (*Slab::of(block).as_ptr()).secret;
            let Some(number) = linked(block.add(1).replace(0), secret) else {
                damaged();
            };
            number
        }
    }

    /// # Safety
    /// `at` lies in the slab.
    #[inline]
    unsafe fn block(this: NonNull<Slab>, at: u32) -> NonNull<Block> {
        // SAFETY: by the promise above; slabs and offsets are multiples of sixteen.
        #[allow(clippy::cast_ptr_alignment)]
        unsafe {
            this.cast::<u8>().add(at as usize).cast()
        }
    }
}

/// Ends the process: memory is not what it should be, and going on is what an attacker would like.
#[cold]
pub(super) fn damaged() -> ! {
    const TEXT: &[u8] =
        b"tlsport: memory of OpenSSL's was written to after it was freed, or freed twice\n";
    // SAFETY: the bytes are there. Nothing that takes memory may be used here.
    unsafe { libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len()) };
    std::process::abort();
}
