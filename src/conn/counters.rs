//! What a worker counts. Each worker writes its own; anyone may read and add them up.

use crate::tls::{Common, Failure};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// One worker's counters. Written by that worker alone, so an increment is a load and a store, no lock.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
            /// Failed handshakes by reason, in the order of [`Failure::ALL`].
            pub failures: [Counter; Failure::ALL.len()],
            /// Those for want of something in common, by what, in the order of [`Common::ALL`].
            pub mismatches: [Counter; Common::ALL.len()],
        }

        /// Counters of all workers, added up at one moment.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Totals {
            $($(#[$doc])* pub $name: u64,)*
            /// Failed handshakes by reason, in the order of [`Failure::ALL`].
            pub failures: [u64; Failure::ALL.len()],
            /// Those for want of something in common, by what, in the order of [`Common::ALL`].
            pub mismatches: [u64; Common::ALL.len()],
        }

        impl Totals {
            /// Adds one worker's counters.
            pub fn add(&mut self, counters: &Counters) {
                $(self.$name += counters.$name.value();)*
                let failures = self.failures.iter_mut().zip(&counters.failures);
                let mismatches = self.mismatches.iter_mut().zip(&counters.mismatches);
                for (sum, counter) in failures.chain(mismatches) {
                    *sum += counter.value();
                }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    accepted,
    /// Connections closed.
    closed,
    /// Full handshakes completed.
    handshakes_full,
    /// Resumed handshakes completed.
    handshakes_resumed,
    /// Connections refused by a limit.
    refused,
    /// Backend connections that failed.
    backend_failures,
    /// Plain bytes from clients.
    bytes_in,
    /// Plain bytes to clients.
    bytes_out,
}

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning worker may call it.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The number now.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
