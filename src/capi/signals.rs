//! Signals of the process are for the threads of the program: those that are started for it take none.

use std::mem::MaybeUninit;
use std::ptr;

/// Keeps signals from the threads that `start` starts.
pub(super) fn without_signals<R>(start: impl FnOnce() -> R) -> R {
    struct Restored(libc::sigset_t);
    impl Drop for Restored {
        fn drop(&mut self) {
            // SAFETY: the set was filled in by the same function.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
        }
    }
    let mut before = MaybeUninit::zeroed();
    // SAFETY: both sets are ours; zero is one, should the call fail, which with this number it cannot.
    let _restored = unsafe {
        let mut most = MaybeUninit::zeroed();
        libc::sigfillset(most.as_mut_ptr());
        // What a thread does wrong is told to that thread.
        for own in [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGTRAP,
        ] {
            libc::sigdelset(most.as_mut_ptr(), own);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, most.as_ptr(), before.as_mut_ptr());
        Restored(before.assume_init())
    };
    start()
}
