//! A daemon that has nothing to do gives memory back.

#![allow(clippy::unwrap_used)]
#![cfg(target_env = "gnu")] // other C libraries have no call for it

mod support;

use support::client::round_trip;
use support::process::{descriptors, own_memory, raise_descriptor_limit};
use support::{Launch, Peer, Pki, eventually};

#[test]
fn what_closed_connections_left_is_given_back_without_further_traffic() {
    given_back(Launch::tls, "heaps of the workers");
}

#[test]
fn so_is_it_where_the_systems_allocator_has_openssls_memory() {
    let launch = |pki: &Pki| Launch::tls(pki).env("TLSPORT_HEAPS", "off");
    given_back(launch, "the system's allocator");
}

#[test]
fn what_else_is_asked_for_is_warned_of() {
    let pki = Pki::new();
    let launch = Launch::tls(&pki).set("backend", "service://echo");
    let daemon = launch.env("TLSPORT_HEAPS", "no").start();
    daemon
        .said("environment variable TLSPORT_HEAPS: 'no' is neither 'on' nor 'off': taken for 'on'");
}

fn given_back(launch: impl FnOnce(&Pki) -> Launch, memory: &str) {
    const CROWD: usize = 600;
    raise_descriptor_limit(2 * CROWD as u64);
    let pki = Pki::new();
    let daemon = launch(&pki)
        .set("backend", "service://echo")
        .set("log-level", "debug")
        .start();
    daemon.said(&format!("OpenSSL's memory: {memory}"));
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

#[test]
fn libssls_buffers_are_given_back_by_connections_that_have_fallen_silent() {
    const CROWD: usize = 100;
    // One for records each way; from 3.2 on libssl keeps the one for reading alone.
    let buffers = if openssl::version::number() < 0x3020_0000 {
        33 * 1024
    } else {
        16 * 1024
    };
    let pki = Pki::new();
    let daemon = Launch::tls(&pki).set("backend", "service://echo").start();
    let client = Peer::new(&pki);
    let mut crowd: Vec<_> = (0..CROWD)
        .map(|_| client.connect(daemon.address()))
        .collect();
    for tls in &mut crowd {
        (0..20).for_each(|_| round_trip(tls, &[7; 16_000])); // they fill the buffers
    }
    let talking = own_memory(daemon.pid());
    eventually("most of the buffers", || {
        let given_back = talking.saturating_sub(own_memory(daemon.pid()));
        (given_back > CROWD as u64 * buffers * 2 / 3).then_some(())
    });
    crowd.iter_mut().for_each(|tls| round_trip(tls, b"again"));
}
