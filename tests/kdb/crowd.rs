//! Many clients at once on one port, with TLS and without, each of which checks its answers.
//!
//! `TLSPORT_TEST_TIMES=10` makes them ask ten times as often.

use crate::front::{Scene, Stream, WAYS, Way};
use crate::kdbplus::{self, USER};
use crate::support::process::raise_descriptor_limit;
use crate::wire::{self, ask, begin};
use std::thread;

/// Connections of each kind of client in each way.
const CROWD: u64 = 100;

/// What each asks.
fn queries() -> u64 {
    20 * std::env::var("TLSPORT_TEST_TIMES").map_or(1, |text| text.parse::<u64>().unwrap())
}

/// Asks again and again in many connections, in turn.
fn ask_in_turn(mut crowd: Vec<(Way, Box<dyn Stream>)>) -> u64 {
    let mut answered = 0;
    for query in 0..queries() {
        for (number, (way, stream)) in crowd.iter_mut().enumerate() {
            let longs = [number as i64, query as i64, -7];
            let body = wire::longs(&longs);
            assert_eq!(ask(&mut **stream, &body), body, "{way:?} {number}");
            answered += 1;
        }
    }
    answered
}

#[test]
fn plain_and_encrypted_clients_on_one_port_all_get_their_own_answers() {
    raise_descriptor_limit(20 * CROWD); // of which the acceptor has four a connection
    let scene = Scene::new();
    let own: Vec<_> = (0..2 * CROWD)
        .map(|number| {
            let way = WAYS[number as usize % 2];
            let mut stream = scene.open(way);
            begin(&mut *stream);
            (way, stream)
        })
        .collect();
    let theirs = |way| {
        let mut client = kdbplus::client("crowd", way, scene.address(), USER, &scene.pki.ca());
        client.args([CROWD.to_string(), queries().to_string()]);
        kdbplus::ask(&mut client)
    };
    thread::scope(|scope| {
        let programs = WAYS.map(|way| scope.spawn(move || theirs(way)));
        assert_eq!(ask_in_turn(own), 2 * CROWD * queries());
        for program in programs {
            let said = program.join().unwrap();
            let answered = format!("answered: {}", CROWD * queries());
            assert!(said.out.contains(&answered), "{said:?}");
        }
    });
    // Though those of the crate say no close-notify.
    for complaint in ["handshake:", "error:", "backend", "close-notify"] {
        let log = scene.front.log();
        assert!(!log.contains(complaint), "{complaint}: {log}");
    }
}
