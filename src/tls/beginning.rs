//! The first bytes of the connection that was begun last on this thread, for its log line should its handshake fail.
//!
//! Nearly all handshakes succeed, so nothing is kept for each of them: one place a thread takes the beginnings in turn.
//! One that has given way to the next is gone, and less is said of its failure.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A ClientHello is hardly ever longer.
const LONGEST: usize = 4096;

/// How many beginnings a thread counts before it would count those of the next.
const A_THREAD: u64 = 1 << 40;

/// Which beginning is a connection's: told apart from all others, on every thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark(u64);

struct Place {
    /// Whose bytes these are.
    mark: u64,
    bytes: Vec<u8>,
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new(Place::new());
}

impl Place {
    fn new() -> Place {
        static THREADS: AtomicU64 = AtomicU64::new(0);
        Place {
            mark: THREADS.fetch_add(A_THREAD, Relaxed),
            bytes: Vec::with_capacity(LONGEST),
        }
    }
}

impl Mark {
    /// Nothing has come yet.
    pub(super) const NONE: Mark = Mark(0);
    /// What comes is of no interest.
    pub(super) const PAST: Mark = Mark(u64::MAX);

    /// Keeps bytes that have come, if they are of the beginning.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        if *self == Mark::PAST {
            return;
        }
        PLACE.with_borrow_mut(|place| {
            if *self == Mark::NONE {
                place.mark += 1;
                place.bytes.clear();
                *self = Mark(place.mark);
            }
            if self.0 == place.mark {
                let room = LONGEST - place.bytes.len();
                place
                    .bytes
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        });
    }

    /// What has come, if it is still there: shown to `read`.
    pub(super) fn read<R>(self, read: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
        if self == Mark::NONE || self == Mark::PAST {
            return None;
        }
        PLACE.with_borrow(|place| match self.0 == place.mark {
            true => read(&place.bytes),
            false => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(mark: Mark) -> Option<Vec<u8>> {
        mark.read(|bytes| Some(bytes.to_vec()))
    }

    #[test]
    fn a_beginning_is_kept_until_the_next() {
        let (mut one, mut two) = (Mark::NONE, Mark::NONE);
        assert_eq!(kept(one), None);
        one.note(b"he");
        one.note(b"llo");
        assert_eq!(kept(one).unwrap(), b"hello");
        two.note(b"hi");
        one.note(b"!");
        assert_eq!((kept(one), kept(two).unwrap()), (None, b"hi".to_vec()));
    }

    #[test]
    fn no_more_is_kept_than_a_client_hello_may_need() {
        let mut mark = Mark::NONE;
        mark.note(&[1; 4000]);
        mark.note(&[2; 4000]);
        mark.note(&[3; 4000]);
        let kept = kept(mark).unwrap();
        assert_eq!((kept.len(), kept[4000], kept[4095]), (4096, 2, 2));
    }

    #[test]
    fn another_thread_has_its_own() {
        let mut here = Mark::NONE;
        here.note(b"here");
        let there = std::thread::spawn(|| {
            let mut there = Mark::NONE;
            there.note(b"there");
            there
        });
        let there = there.join().unwrap();
        assert_eq!((kept(here).unwrap(), kept(there)), (b"here".to_vec(), None));
    }
}
