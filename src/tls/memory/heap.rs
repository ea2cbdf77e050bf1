//! A heap: the slabs of one thread, its owner. Others may only return blocks to it.
#![allow(unsafe_code)]

use super::region::{self, RUN};
use super::slab::{self, Block, SLAB, Slab};
use super::{class, secret};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The slabs of one thread.
pub(super) struct Heap {
    /// The owner's alone.
    own: UnsafeCell<Own>,
    /// The number of the block that another thread returned last, which is marked with that of the one before; zero for none.
    returned: AtomicU32,
}

struct Own {
    /// Of each class the slabs with room; blocks are taken from the first.
    roomy: [*mut Slab; class::COUNT],
    /// Slabs without a block in use, whose memory is still theirs.
    empty: Vec<NonNull<u8>>,
    /// Those whose memory the system has.
    blank: Vec<NonNull<u8>>,
}

// SAFETY: what is not the owner's alone is atomic; whoever calls the functions for the owner promises to be it.
unsafe impl Sync for Heap {}

impl Heap {
    /// A heap without a block. It is never freed: blocks of it may be in use when its thread has ended.
    pub(super) fn new() -> &'static Heap {
        Box::leak(Box::new(Heap {
            own: UnsafeCell::new(Own {
                roomy: [ptr::null_mut(); class::COUNT],
                empty: Vec::new(),
                blank: Vec::new(),
            }),
            returned: AtomicU32::new(0),
        }))
    }

    /// A block of this class; none where the system has no memory for it.
    ///
    /// # Safety
    /// The calling thread is the owner.
    #[inline]
    pub(super) unsafe fn take(&self, class: usize) -> Option<NonNull<Block>> {
        // SAFETY: by the promise above no other borrow of it is alive, as none outlives a call.
        let own = unsafe { &mut *self.own.get() };
        if let Some(slab) = NonNull::new(own.roomy[class]) {
            // SAFETY: slabs in the list have begun and are ours.
            if let Some(block) = unsafe { Slab::take(slab) } {
                return Some(block);
            }
        }
        // SAFETY: as above.
        unsafe { self.take_elsewhere(class) }
    }

    /// # Safety
    /// As for [`Heap::take`].
    #[cold]
    unsafe fn take_elsewhere(&self, class: usize) -> Option<NonNull<Block>> {
        // SAFETY: by the promise above; slabs in the list have begun and are ours.
        unsafe {
            self.collect();
            let own = &mut *self.own.get();
            while let Some(slab) = NonNull::new(own.roomy[class]) {
                if let Some(block) = Slab::take(slab) {
                    return Some(block);
                }
                own.unlist(slab);
            }
            let start = own.start()?;
            let slab = Slab::begin(start, class, self, secret());
            own.list(slab);
            Slab::take(slab)
        }
    }

    /// Puts a block back that is no longer used.
    ///
    /// # Safety
    /// The calling thread is the owner, the block was taken of this heap, and nobody uses it.
    #[inline]
    pub(super) unsafe fn put(&self, block: NonNull<Block>) {
        let slab = Slab::of(block);
        // SAFETY: by the promise above.
        unsafe {
            Slab::put(slab, block);
            let header = slab.as_ptr();
            if !(*header).listed {
                (*self.own.get()).list(slab);
            } else if (*header).used == 0 {
                (*self.own.get()).put_aside(slab);
            }
        }
    }

    /// Returns a block to a heap of another thread.
    ///
    /// # Safety
    /// The block was taken of this heap, and nobody uses it.
    pub(super) unsafe fn give(&self, block: NonNull<Block>) {
        let number = region::number(block);
        let mut first = self.returned.load(Relaxed);
        loop {
            // SAFETY: by the promise above the block is ours until it is in the list.
            unsafe { Slab::mark(block, first) };
            let swapped = self
                .returned
                .compare_exchange_weak(first, number, Release, Relaxed);
            match swapped {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Takes in what others returned.
    ///
    /// # Safety
    /// As for [`Heap::take`].
    unsafe fn collect(&self) {
        let mut next = self.returned.swap(0, Acquire);
        while next != 0 {
            let Some(block) = region::numbered(next) else {
                slab::damaged();
            };
            // SAFETY: blocks in the list are of this heap, are marked, and are nobody's.
            unsafe {
                next = Slab::unmark(block);
                self.put(block);
            }
        }
    }

    /// Gives the memory of slabs without a block in use back to the system.
    ///
    /// # Safety
    /// As for [`Heap::take`].
    pub(super) unsafe fn trim(&self) {
        // SAFETY: by the promise above; slabs in the lists have begun and are ours.
        unsafe {
            self.collect();
            let own = &mut *self.own.get();
            for class in 0..class::COUNT {
                let first = NonNull::new(own.roomy[class]);
                if let Some(slab) = first.filter(|slab| (*slab.as_ptr()).used == 0) {
                    own.unlist(slab);
                    own.empty.push(slab.cast());
                }
            }
            for start in own.empty.drain(..) {
                region::give_back(start);
                own.blank.push(start);
            }
        }
    }
}

impl Own {
    /// Where a slab can begin.
    fn start(&mut self) -> Option<NonNull<u8>> {
        if let Some(start) = self.empty.pop().or_else(|| self.blank.pop()) {
            return Some(start);
        }
        let run = region::take_run()?;
        // SAFETY: the slabs of a run lie one behind the other.
        let later = (1..RUN)
            .rev()
            .map(|number| unsafe { run.add(number * SLAB) });
        self.blank.extend(later);
        Some(run)
    }

    /// Puts a slab first in the list of its class.
    ///
    /// # Safety
    /// It has begun, is this heap's, and is in no list.
    unsafe fn list(&mut self, slab: NonNull<Slab>) {
        let header = slab.as_ptr();
        // SAFETY: by the promise above, and slabs in the list are ours.
        unsafe {
            let class = (*header).class as usize;
            let second = self.roomy[class];
            (*header).next = second;
            (*header).previous = ptr::null_mut();
            (*header).listed = true;
            self.roomy[class] = header;
            if let Some(second) = NonNull::new(second) {
                (*second.as_ptr()).previous = header;
                if (*second.as_ptr()).used == 0 {
                    self.put_aside(second);
                }
            }
        }
    }

    /// Takes a slab out of the list of its class.
    ///
    /// # Safety
    /// It is in it.
    unsafe fn unlist(&mut self, slab: NonNull<Slab>) {
        let header = slab.as_ptr();
        // SAFETY: by the promise above, and slabs in the list are ours.
        unsafe {
            let (next, previous) = ((*header).next, (*header).previous);
            if !next.is_null() {
                (*next).previous = previous;
            }
            if previous.is_null() {
                self.roomy[(*header).class as usize] = next;
            } else {
                (*previous).next = next;
            }
            (*header).listed = false;
        }
    }

    /// A slab has no block in use any more: it may be of another class next, unless its own takes from it.
    ///
    /// # Safety
    /// It is in the list of its class.
    #[cold]
    unsafe fn put_aside(&mut self, slab: NonNull<Slab>) {
        // SAFETY: by the promise above.
        unsafe {
            if self.roomy[(*slab.as_ptr()).class as usize] != slab.as_ptr() {
                self.unlist(slab);
                self.empty.push(slab.cast());
            }
        }
    }
}
