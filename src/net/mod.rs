//! The event loop: sockets, listeners, timers. One worker a thread, sharing nothing on the hot path.
//!
//! What a connection does with its bytes is `conn`'s; what a server is made of, `server`'s.

mod backend;
mod ceiling;
mod command;
mod congestion;
mod doors;
mod listener;
mod socket;
mod timer;
mod token;
mod worker;

pub(crate) use backend::{Backend, Backends};
pub(crate) use ceiling::Ceilings;
pub(crate) use command::{Command, Handle, Swap};
pub(crate) use congestion::check as check_congestion;
pub(crate) use doors::Door;
pub(crate) use listener::{Listener, Place, bind, has_ipv6};
pub(crate) use worker::{Quiet, WORKERS, Worker};
