//! How many workers run, for those who wait until none does.

use super::lock;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many workers there are.
#[derive(Default)]
pub(super) struct Count {
    now: Mutex<usize>,
    fewer: Condvar,
}

impl Count {
    pub(super) fn is_none(&self) -> bool {
        *lock(&self.now) == 0
    }

    /// Waits until there are none, or this time has come; whether there are none.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut now = lock(&self.now);
        while *now > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            now = match left {
                None => self.fewer.wait(now).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.fewer.wait_timeout(now, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

/// Says that a worker ends.
pub(super) struct End {
    told: Sender<()>,
    running: Arc<Count>,
}

impl End {
    /// A worker is about to run.
    pub(super) fn new(told: Sender<()>, running: &Arc<Count>) -> End {
        *lock(&running.now) += 1;
        End {
            told,
            running: Arc::clone(running),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        *lock(&self.running.now) -= 1;
        self.running.fewer.notify_all();
        let _ = self.told.send(()); // nobody may want to know
    }
}
