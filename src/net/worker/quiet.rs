//! The moment when no worker of a server has anything to do.
//!
//! Workers that may still have something to do are counted, while there is a reason for the call; the last one to come
//! to rest makes it. So nobody is at work when, say, `malloc_trim` begins to lock the heaps of all threads; one that is
//! woken meanwhile may wait for it. Many connections have to come or go before the next call: a visitor now and then
//! leaves nothing that is worth one. Before it a worker trims its own heap (`tls::memory`), where it has one.

use crate::tls::memory;
use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

/// How long a worker must have had nothing to do.
const PAUSE: Duration = Duration::from_secs(1);

/// How many connections have to come or go, or give memory back, on a worker to be a reason for the call.
const MANY: u32 = 64;

/// What is to be called, and what the workers know of each other for it.
pub(crate) struct Quiet {
    call: Box<dyn Fn() + Send + Sync>,
    /// How many workers are counted as having something to do.
    restless: AtomicUsize,
    /// Whether there is a reason for the call: connections came or went.
    owed: AtomicBool,
}

impl Quiet {
    pub(crate) fn new(call: impl Fn() + Send + Sync + 'static) -> Quiet {
        Quiet {
            call: Box::new(call),
            restless: AtomicUsize::new(0),
            owed: AtomicBool::new(false),
        }
    }
}

/// One worker's part.
pub(super) struct Rest {
    quiet: Arc<Quiet>,
    /// How many connections came or went, or gave memory back, since that was last a reason.
    changes: u32,
    /// There were many since the worker last came to rest.
    owes: bool,
    /// When it comes to rest, unless there is something to do before; none where it is not counted.
    due: Option<Instant>,
}

impl Rest {
    pub(super) fn new(quiet: Arc<Quiet>) -> Rest {
        Rest {
            quiet,
            changes: 0,
            owes: false,
            due: None,
        }
    }

    /// When [`Rest::end_turn`] has to be called at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A connection came or went, or gave memory back.
    pub(super) fn note_change(&mut self) {
        self.changes += 1;
    }

    /// A turn of the worker is over, in which there was something to do or not. May make the call.
    pub(super) fn end_turn(&mut self, busy: bool, now: Instant) {
        let changed = self.changes >= MANY;
        if changed {
            self.changes = 0;
            self.owes = true;
        }
        if busy || changed {
            self.stir(now);
        } else if self.due.is_some_and(|due| due <= now) {
            self.settle();
        }
    }

    fn stir(&mut self, now: Instant) {
        if self.due.is_none() {
            if !self.owes && !self.quiet.owed.load(Relaxed) {
                return; // nobody waits for rest
            }
            self.quiet.restless.fetch_add(1, AcqRel);
            self.quiet.owed.store(true, Relaxed); // others are counted from their next turn on
        }
        self.due = Some(now + PAUSE);
    }

    fn settle(&mut self) {
        memory::trim();
        self.due = None;
        if take(&mut self.owes) {
            // Once more: a call that began just before this worker was counted has taken the reason with it.
            self.quiet.owed.store(true, Relaxed);
        }
        let last = self.quiet.restless.fetch_sub(1, AcqRel) == 1;
        if last && self.quiet.owed.swap(false, AcqRel) {
            (self.quiet.call)();
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if self.due.is_some() {
            self.quiet.restless.fetch_sub(1, AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Workers of one server, and how often the call was made.
    fn workers<const COUNT: usize>() -> ([Rest; COUNT], Arc<AtomicUsize>) {
        let calls = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&calls);
        let quiet = Arc::new(Quiet::new(move || {
            counted.fetch_add(1, Relaxed);
        }));
        (
            std::array::from_fn(|_| Rest::new(Arc::clone(&quiet))),
            calls,
        )
    }

    fn crowd(worker: &mut Rest) {
        (0..MANY).for_each(|_| worker.note_change());
    }

    #[test]
    fn a_visitor_now_and_then_is_no_reason() {
        let ([mut one], calls) = workers();
        let mut now = Instant::now();
        for _ in 1..MANY {
            one.note_change();
            one.end_turn(true, now);
            assert_eq!(one.due(), None);
            now += PAUSE * 2;
            one.end_turn(false, now);
        }
        assert_eq!(calls.load(Relaxed), 0);
        one.note_change();
        one.end_turn(true, now);
        one.end_turn(false, now + PAUSE);
        assert_eq!(calls.load(Relaxed), 1);
    }

    #[test]
    fn the_last_worker_to_come_to_rest_makes_the_call_once() {
        let ([mut one, mut other], calls) = workers();
        let start = Instant::now();
        crowd(&mut one);
        one.end_turn(true, start);
        other.end_turn(true, start + PAUSE / 2); // only messages
        one.end_turn(false, start + PAUSE);
        assert_eq!(calls.load(Relaxed), 0, "the other one is busy");
        assert_eq!(
            (one.due(), other.due()),
            (None, Some(start + PAUSE * 3 / 2))
        );
        other.end_turn(false, start + PAUSE * 3 / 2);
        assert_eq!(calls.load(Relaxed), 1);
        other.end_turn(false, start + PAUSE * 4);
        assert_eq!(calls.load(Relaxed), 1);
    }

    #[test]
    fn messages_alone_are_no_reason_and_wake_nobody() {
        let ([mut one, mut other], calls) = workers();
        let start = Instant::now();
        one.end_turn(true, start);
        assert_eq!(one.due(), None);
        crowd(&mut one);
        one.end_turn(true, start);
        one.end_turn(false, start + PAUSE);
        one.end_turn(true, start + PAUSE);
        other.end_turn(true, start + PAUSE);
        assert_eq!((one.due(), other.due()), (None, None));
        assert_eq!(calls.load(Relaxed), 1);
    }

    #[test]
    fn every_turn_with_something_to_do_puts_the_rest_off_and_a_change_calls_anew() {
        let ([mut one], calls) = workers();
        let mut now = Instant::now();
        for calls_before in 0..2 {
            crowd(&mut one);
            for _ in 0..3 {
                one.end_turn(true, now);
                now += PAUSE * 3 / 4;
                one.end_turn(false, now);
                assert_eq!(calls.load(Relaxed), calls_before);
            }
            // As where a deadline closed the connection, without an event.
            crowd(&mut one);
            one.end_turn(false, now);
            one.end_turn(false, now + PAUSE);
            assert_eq!(calls.load(Relaxed), calls_before + 1);
        }
    }

    #[test]
    fn a_worker_that_ends_is_not_waited_for() {
        let ([mut one, mut other], calls) = workers();
        let start = Instant::now();
        for worker in [&mut one, &mut other] {
            crowd(worker);
            worker.end_turn(true, start);
        }
        drop(other);
        assert_eq!(calls.load(Relaxed), 0);
        one.end_turn(false, start + PAUSE);
        assert_eq!(calls.load(Relaxed), 1);
    }
}
