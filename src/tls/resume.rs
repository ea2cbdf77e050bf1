//! What outlives a context and is shared by all workers' contexts: the session cache and the random ticket keys.
//!
//! libssl's own cache is off: it belongs to one context, and a client that comes back may land on another worker.
//! Whether a session found here may be resumed is decided by libssl, which compares the scope (`scope`) it was made
//! in, and by `callbacks`.

use super::tickets::RandomKeys;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// Session cache and random ticket keys. One for a server: it outlives a reload.
#[derive(Debug, Default)]
pub struct Shared {
    pub(super) sessions: Sessions,
    pub(super) random_keys: RandomKeys,
}

impl Shared {
    /// An empty cache; ticket keys are made when the first is needed.
    pub fn new() -> Arc<Shared> {
        Arc::new(Shared::default())
    }

    /// How many sessions the cache holds, expired ones included.
    pub fn cached_sessions(&self) -> usize {
        self.sessions.len()
    }
}

/// Most bytes of a session that is kept: a large certificate and all the rest fit, the 100 KiB that libssl lets a
/// client show do not, so that the number of sessions bounds the memory.
const LARGEST: usize = 16 * 1024;

/// Enough that workers seldom wait for each other.
const SHARDS: usize = 16;

/// Encoded sessions by their id, each until its time is over or its place is needed.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
}

impl Sessions {
    /// Keeps a session until `expires` (in seconds of the system's clock), in a cache of `capacity` sessions; not one
    /// that a client made large by the certificate it showed.
    pub(super) fn insert(&self, id: &[u8], encoded: Vec<u8>, expires: i64, capacity: usize) {
        if encoded.len() > LARGEST {
            return;
        }
        let share = capacity.div_ceil(SHARDS);
        self.shard(id).insert(id, encoded, expires, share);
    }

    /// A session that has not expired.
    pub(super) fn find(&self, id: &[u8], now: i64) -> Option<Arc<[u8]>> {
        self.shard(id).find(id, now)
    }

    /// Forgets a session.
    pub(super) fn remove(&self, id: &[u8]) {
        self.shard(id).by_id.remove(id);
    }

    fn len(&self) -> usize {
        let held = |shard: &Mutex<Shard>| lock(shard).by_id.len();
        self.shards.iter().map(held).sum()
    }

    /// Ids are random, so that any byte spreads them.
    fn shard(&self, id: &[u8]) -> MutexGuard<'_, Shard> {
        let place = usize::from(id.first().copied().unwrap_or(0)) % SHARDS;
        lock(&self.shards[place])
    }
}

/// Nothing is left half done under the lock, so a panic elsewhere does not spoil it.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(|poison| poison.into_inner())
}

#[derive(Debug, Default)]
struct Shard {
    by_id: HashMap<Box<[u8]>, Kept>,
    /// Ids in the order of their last use, with the use's number; uses that were not the last are skipped.
    uses: VecDeque<(Box<[u8]>, u64)>,
    use_number: u64,
}

#[derive(Debug)]
struct Kept {
    encoded: Arc<[u8]>,
    expires: i64,
    last_use: u64,
}

impl Shard {
    fn insert(&mut self, id: &[u8], encoded: Vec<u8>, expires: i64, share: usize) {
        while self.by_id.len() >= share.max(1) && !self.by_id.contains_key(id) {
            if !self.evict() {
                break;
            }
        }
        let last_use = self.note_use(id);
        let kept = Kept {
            encoded: encoded.into(),
            expires,
            last_use,
        };
        self.by_id.insert(id.into(), kept);
    }

    fn find(&mut self, id: &[u8], now: i64) -> Option<Arc<[u8]>> {
        if self.by_id.get(id)?.expires <= now {
            self.by_id.remove(id);
            return None;
        }
        let last_use = self.note_use(id);
        let kept = self.by_id.get_mut(id)?;
        kept.last_use = last_use;
        Some(kept.encoded.clone())
    }

    fn note_use(&mut self, id: &[u8]) -> u64 {
        self.use_number += 1;
        self.uses.push_back((id.into(), self.use_number));
        if self.uses.len() > 2 * self.by_id.len() + SHARDS {
            let by_id = &self.by_id;
            let newest = self.use_number;
            self.uses.retain(|(id, number)| {
                *number == newest || by_id.get(id).is_some_and(|kept| kept.last_use == *number)
            });
        }
        self.use_number
    }

    /// Forgets the session that was not used for longest.
    fn evict(&mut self) -> bool {
        while let Some((id, number)) = self.uses.pop_front() {
            if self
                .by_id
                .get(&id)
                .is_some_and(|kept| kept.last_use == number)
            {
                self.by_id.remove(&id);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of one shard, so that the capacity of one shard is what counts.
    fn id(number: u8) -> [u8; 32] {
        let mut id = [0; 32];
        id[31] = number;
        id
    }

    #[test]
    fn the_session_unused_for_longest_makes_room() {
        let sessions = Sessions::default();
        let capacity = 2 * SHARDS;
        sessions.insert(&id(1), vec![1], 100, capacity);
        sessions.insert(&id(2), vec![2], 100, capacity);
        assert!(sessions.find(&id(1), 50).is_some());
        sessions.insert(&id(3), vec![3], 100, capacity);
        assert!(sessions.find(&id(2), 50).is_none());
        assert_eq!(sessions.find(&id(1), 50).as_deref(), Some(&[1][..]));
        assert_eq!(sessions.find(&id(3), 50).as_deref(), Some(&[3][..]));
    }

    #[test]
    fn an_expired_session_is_not_found_and_gives_up_its_place() {
        let sessions = Sessions::default();
        sessions.insert(&id(1), vec![1], 100, 100);
        assert!(sessions.find(&id(1), 99).is_some());
        assert!(sessions.find(&id(1), 100).is_none());
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn the_same_id_again_replaces_and_a_removed_one_is_gone() {
        let sessions = Sessions::default();
        sessions.insert(&id(1), vec![1], 100, 1);
        sessions.insert(&id(1), vec![2], 100, 1);
        assert_eq!(sessions.find(&id(1), 0).as_deref(), Some(&[2][..]));
        sessions.remove(&id(1));
        assert!(sessions.find(&id(1), 0).is_none());
    }

    #[test]
    fn a_session_of_unusual_size_is_not_kept() {
        let sessions = Sessions::default();
        sessions.insert(&id(1), vec![0; LARGEST], 100, 100);
        sessions.insert(&id(2), vec![0; LARGEST + 1], 100, 100);
        assert!(sessions.find(&id(1), 0).is_some());
        assert!(sessions.find(&id(2), 0).is_none());
    }

    #[test]
    fn the_cache_never_outgrows_its_capacity_nor_its_bookkeeping() {
        let sessions = Sessions::default();
        for round in 0..40_000u32 {
            let mut id = [0; 32];
            id[0] = round.to_le_bytes()[0];
            id[4..8].copy_from_slice(&round.to_le_bytes());
            sessions.insert(&id, vec![0], 100, 320);
            sessions.find(&id, 0);
        }
        assert_eq!(sessions.len(), 320);
        let uses: usize = sessions
            .shards
            .iter()
            .map(|shard| lock(shard).uses.len())
            .sum();
        assert!(uses <= 320 * 2 + SHARDS * SHARDS, "{uses}");
    }
}
