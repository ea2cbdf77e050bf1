//! A daemon that has nothing to do gives memory back.

#![allow(clippy::unwrap_used)]
#![cfg(target_env = "gnu")] // other C libraries have no call for it

mod support;

use support::client::round_trip;
use support::process::{descriptors, own_memory, raise_descriptor_limit};
use support::{Launch, Peer, Pki, eventually};

#[test]
fn what_closed_connections_left_is_given_back_without_further_traffic() {
    const CROWD: usize = 600;
    raise_descriptor_limit(2 * CROWD as u64);
    let pki = Pki::new();
    let daemon = Launch::tls(&pki).set("backend", "service://echo").start();
    let client = Peer::new(&pki);
    let start = descriptors(daemon.pid());
    let visit = |count: usize| {
        let mut crowd: Vec<_> = (0..count)
            .map(|_| client.connect(daemon.address()))
            .collect();
        crowd.iter_mut().for_each(|tls| round_trip(tls, b"hello"));
        own_memory(daemon.pid())
    };
    let gone = || (descriptors(daemon.pid()) == start).then_some(());
    visit(16); // what is allocated once, and stays
    eventually("the descriptors of the first", gone);
    let before = own_memory(daemon.pid());
    let full = visit(CROWD);
    eventually("the descriptors of the crowd", gone);
    eventually("most of the memory", || {
        (own_memory(daemon.pid()) < before + (full - before) / 8).then_some(())
    });
}
