//! Waiting for things to happen, never for time to pass.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that ought to happen at once, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until there is an answer; fails after [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain waited for: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
