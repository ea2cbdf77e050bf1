//! What kdb+ speaks, through the built daemon: between the clients and servers that there are of it without a licence.
//!
//! The server is the acceptor of the crate kdbplus (`tests/peers/kdbplus`); clients are the crate's, qPython and kola
//! (`clients.py`), bytes, and the library.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod front;
mod kdbplus;
mod wire;

mod certificates;
mod crowd;
mod hello;
mod library;
mod messages;
mod silence;
mod sockets;
mod tunnel;
mod websockets;
