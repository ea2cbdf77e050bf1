//! One connection: its state, what it waits for, its deadline. No mio and no clock: time comes in.

mod counters;
mod service;

pub use crate::tls::Failure;
pub use counters::{Counters, Totals};
pub use service::{Opened, Service, Verdict};
