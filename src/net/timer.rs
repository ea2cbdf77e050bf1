//! Deadlines by connection: a wheel of slots, so that setting, moving and clearing one costs the same however many
//! there are.
//!
//! A deadline that moves later is not touched: the old slot comes round, the loop asks the connection, and puts it
//! where it belongs then. Traffic therefore costs the timer nothing.

use std::time::{Duration, Instant};

/// Width of a slot: how late a deadline may be noticed.
const TICK: Duration = Duration::from_millis(10);

/// Slots on the wheel. A deadline further away than all of them waits in the last one and is put back.
const SLOTS: usize = 4096;

const WORDS: usize = SLOTS / 64;

const NONE: u32 = u32::MAX;

/// Deadlines of connections, which are known by their number.
#[derive(Debug)]
pub(super) struct Timer {
    start: Instant,
    /// Tick of the next slot to be looked at.
    next: u64,
    /// First connection of each slot.
    heads: Vec<u32>,
    /// One bit a slot that is not empty.
    filled: [u64; WORDS],
    /// One bit a word of `filled` that is not zero.
    words: u64,
    links: Vec<Link>,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    tick: u64,
    before: u32,
    after: u32,
    set: bool,
}

impl Timer {
    pub(super) fn new(now: Instant) -> Timer {
        Timer {
            start: now,
            next: 0,
            heads: vec![NONE; SLOTS],
            filled: [0; WORDS],
            words: 0,
            links: Vec::new(),
            count: 0,
        }
    }

    /// Sees to it that the connection is looked at by `deadline`: at once cheap when it is anyway.
    pub(super) fn set(&mut self, number: u32, deadline: Instant) {
        let tick = self.tick(deadline);
        let index = number as usize;
        if index >= self.links.len() {
            self.links.resize(
                index + 1,
                Link {
                    tick: 0,
                    before: NONE,
                    after: NONE,
                    set: false,
                },
            );
        }
        if self.links[index].set {
            if self.links[index].tick <= tick {
                return;
            }
            self.clear(number);
        }
        self.insert(number, tick);
    }

    /// Forgets the connection.
    pub(super) fn clear(&mut self, number: u32) {
        let Some(link) = self.links.get_mut(number as usize).filter(|link| link.set) else {
            return;
        };
        link.set = false;
        let Link {
            tick,
            before,
            after,
            ..
        } = *link;
        self.count -= 1;
        if after != NONE {
            self.links[after as usize].before = before;
        }
        if before != NONE {
            self.links[before as usize].after = after;
        } else {
            let slot = slot(tick);
            self.heads[slot] = after;
            if after == NONE {
                let word = &mut self.filled[slot / 64];
                *word &= !(1 << (slot % 64));
                if *word == 0 {
                    self.words &= !(1 << (slot / 64));
                }
            }
        }
    }

    /// Takes out a connection whose slot has come round. Call until there is none.
    pub(super) fn expired(&mut self, now: Instant) -> Option<u32> {
        let today = self.elapsed(now);
        if self.count == 0 {
            self.next = today;
            return None;
        }
        if let Some(tick) = self.next_filled().filter(|tick| *tick <= today) {
            self.next = tick;
            let number = self.heads[slot(tick)];
            debug_assert_ne!(number, NONE);
            self.clear(number);
            return Some(number);
        }
        self.next = today;
        None
    }

    /// How long to sleep until the next slot that is not empty.
    pub(super) fn sleep(&self, now: Instant) -> Option<Duration> {
        let tick = self.next_filled()?;
        let due = self.start + Duration::from_millis(tick * TICK.as_millis() as u64);
        Some(due.saturating_duration_since(now))
    }

    fn insert(&mut self, number: u32, tick: u64) {
        let slot = slot(tick);
        let after = self.heads[slot];
        self.links[number as usize] = Link {
            tick,
            before: NONE,
            after,
            set: true,
        };
        if after != NONE {
            self.links[after as usize].before = number;
        }
        self.heads[slot] = number;
        self.filled[slot / 64] |= 1 << (slot % 64);
        self.words |= 1 << (slot / 64);
        self.count += 1;
    }

    /// The first tick, not before `next`, whose slot is not empty.
    fn next_filled(&self) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let first = slot(self.next);
        let here = first / 64;
        let mut bits = self.filled[here] & (u64::MAX << (first % 64));
        let mut word = here;
        if bits == 0 {
            // The words behind it, then those of the next round, its own beginning last.
            let behind = self.words & (u64::MAX << here << 1);
            let words = if behind == 0 { self.words } else { behind };
            word = words.trailing_zeros() as usize;
            bits = self.filled[word];
        }
        let found = word * 64 + bits.trailing_zeros() as usize;
        let ahead = (found + SLOTS - first) % SLOTS;
        Some(self.next + ahead as u64)
    }

    /// The tick after `deadline`, so that nothing is noticed early; within the wheel.
    fn tick(&self, deadline: Instant) -> u64 {
        let exact = self.elapsed(deadline) + 1;
        exact.clamp(self.next, self.next + SLOTS as u64 - 1)
    }

    fn elapsed(&self, at: Instant) -> u64 {
        let time = at.saturating_duration_since(self.start);
        let tick = u64::from(TICK.subsec_millis());
        time.as_secs().saturating_mul(1000 / tick) + u64::from(time.subsec_millis()) / tick
    }
}

fn slot(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn all(timer: &mut Timer, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| timer.expired(now)).collect()
    }

    #[test]
    fn deadlines_come_in_their_order_and_never_early() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        timer.set(1, start + ms(500));
        timer.set(2, start + ms(100));
        timer.set(3, start + ms(300));
        assert!(all(&mut timer, start + ms(99)).is_empty());
        assert_eq!(all(&mut timer, start + ms(115)), [2]);
        assert_eq!(all(&mut timer, start + ms(600)), [3, 1]);
        assert_eq!(timer.sleep(start + ms(600)), None);
    }

    #[test]
    fn a_cleared_deadline_does_not_come() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        for number in 0..10 {
            timer.set(number, start + ms(50));
        }
        for number in (0..10).filter(|number| number % 3 == 0) {
            timer.clear(number);
        }
        let mut came = all(&mut timer, start + ms(100));
        came.sort_unstable();
        assert_eq!(came, [1, 2, 4, 5, 7, 8]);
    }

    #[test]
    fn an_earlier_deadline_moves_and_a_later_one_waits_for_its_slot() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        timer.set(1, start + ms(400));
        timer.set(1, start + ms(100));
        assert_eq!(all(&mut timer, start + ms(150)), [1]);
        timer.set(1, start + ms(400));
        timer.set(1, start + ms(900));
        assert_eq!(
            all(&mut timer, start + ms(450)),
            [1],
            "looked at, to be put back"
        );
    }

    #[test]
    fn a_deadline_beyond_the_wheel_is_looked_at_before_it() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        let far = start + Duration::from_secs(3600);
        timer.set(7, far);
        let sleep = timer.sleep(start).expect("something is set");
        assert!(
            sleep > Duration::from_secs(30) && sleep < Duration::from_secs(60),
            "{sleep:?}"
        );
        assert_eq!(all(&mut timer, start + Duration::from_secs(60)), [7]);
    }

    #[test]
    fn after_years_there_is_still_something_to_sleep_for() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        let now = start + Duration::from_secs(5 * 365 * 24 * 3600);
        assert!(all(&mut timer, now).is_empty());
        timer.set(1, now + ms(500));
        let sleep = timer.sleep(now).expect("something is set");
        assert!(sleep >= ms(490) && sleep <= ms(520), "{sleep:?}");
    }

    #[test]
    fn every_slot_is_found_from_every_other() {
        let start = Instant::now();
        for (first, second) in [
            (0, 0),
            (0, 4093),
            (63, 64),
            (100, 4193),
            (4095, 4096),
            (4159, 8190),
        ] {
            let mut timer = Timer::new(start);
            let now = start + ms(first * 10);
            assert!(all(&mut timer, now).is_empty());
            timer.set(1, start + ms(second * 10));
            timer.set(2, now + ms(40_940));
            let sleep = timer.sleep(now).expect("two are set");
            assert_eq!(sleep, ms((second - first) * 10 + 10), "{first}, {second}");
            timer.clear(1);
            let sleep = timer.sleep(now).expect("one is set");
            assert!(sleep >= ms(40_940), "{first}, {second}: {sleep:?}");
            timer.clear(2);
            assert_eq!(timer.sleep(now), None);
        }
    }

    #[test]
    fn the_wheel_turns_past_its_end() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        for round in 0..300_u64 {
            let now = start + ms(round * 1_000);
            timer.set(1, now + ms(990));
            assert!(all(&mut timer, now + ms(980)).is_empty(), "round {round}");
            assert_eq!(all(&mut timer, now + ms(1_010)), [1], "round {round}");
        }
    }
}
