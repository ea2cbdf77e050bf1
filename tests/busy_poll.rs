//! Workers that look for more work before they sleep.

#![allow(clippy::unwrap_used)]

mod support;

use std::thread;
use std::time::{Duration, Instant};
use support::client::{read_all, round_trip};
use support::process::ticks;
use support::{Daemon, End, Launch, Peer, Pki, eventually};

fn awake_for(time: &str, pki: &Pki) -> Launch {
    Launch::tls(pki)
        .set("backend", "service://echo")
        .set("busy-poll", time)
        .threads(1)
}

/// Processor time that the daemon uses from now on until it uses none for a while.
fn used_until_asleep(daemon: &Daemon) -> Duration {
    let first = ticks(daemon.pid());
    let last = eventually("a daemon that sleeps", || {
        let before = ticks(daemon.pid());
        thread::sleep(Duration::from_millis(200));
        (ticks(daemon.pid()) == before).then_some(before)
    });
    Duration::from_millis((last - first) * 10)
}

#[test]
fn a_worker_stays_awake_after_an_event_and_then_sleeps() {
    let pki = Pki::new();
    let daemon = awake_for("1s", &pki).start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    round_trip(&mut tls, b"wake up");
    let used = used_until_asleep(&daemon);
    // Less than a second where others want the processor too.
    let awake = Duration::from_millis(300)..Duration::from_millis(1200);
    assert!(awake.contains(&used), "{used:?}");
    round_trip(&mut tls, b"again");
}

#[test]
fn deadlines_and_commands_hold_while_a_worker_is_awake() {
    let pki = Pki::new();
    let mut daemon = awake_for("1s", &pki).set("timeout.idle", "100ms").start();
    let mut tls = Peer::new(&pki).connect(daemon.address());
    round_trip(&mut tls, b"wake up");
    let since = Instant::now();
    assert_eq!(read_all(&mut tls), (Vec::new(), End::Clean));
    let idle = since.elapsed();
    assert!(idle < Duration::from_millis(900), "closed after {idle:?}");
    drop(tls);
    daemon.signal("TERM");
    assert!(daemon.wait().success());
}
