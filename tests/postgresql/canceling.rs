//! Ending a query that runs, by another connection: in the clear and inside TLS.

use crate::cluster::Cluster;
use crate::front::{Front, Scene};
use crate::libpq::{Cancel, Libpq, Session};
use crate::programs::{Said, answer, psql_command};
use crate::support::process::signal;
use crate::support::{Tls, eventually};
use crate::wire::{self, CANCEL_REQUEST};
use std::io::{Read, Write};

const SLEEP: &str = "SELECT pg_sleep(60)";
const CANCELED: &str = "canceling statement due to user request";

/// Whoever wants to query has to have TLS.
const HBA: &str = "hostssl all all 127.0.0.1/32 trust\n";

/// Waits until as many queries of that kind run.
fn until_running(cluster: &Cluster, count: usize) {
    let running = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE query = '{SLEEP}' AND state = 'active'"
    );
    eventually("a query that runs", || {
        (answer(&cluster.conninfo("postgres"), &[&running]) == count.to_string()).then_some(())
    });
}

#[track_caller]
fn assert_canceled(libpq: &mut Libpq, cluster: &Cluster, session: Session, how: Cancel) {
    libpq.begin(session, SLEEP);
    until_running(cluster, 1);
    libpq.cancel(session, how).unwrap();
    let why = libpq.end(session).unwrap_err();
    assert!(why.contains(CANCELED), "{how:?}: {why}");
    assert_eq!(libpq.value(session, "SELECT 1"), "1", "it is still there");
}

#[test]
fn libpq_cancels_in_the_clear_and_encrypted_whatever_the_session_is() {
    let mut scene = Scene::with_hba("host all all 127.0.0.1/32 trust\n");
    let Scene {
        libpq,
        front,
        cluster,
        ..
    } = &mut scene;
    let ways = if libpq.is(17) {
        &[Cancel::Plain, Cancel::Encrypted][..]
    } else {
        &[Cancel::Plain]
    };
    for mode in ["disable", "require"] {
        let session = libpq
            .connect(&front.conninfo(&format!("sslmode={mode}")))
            .unwrap();
        for how in ways {
            assert_canceled(libpq, cluster, session, *how);
        }
    }
    if libpq.is(17) {
        let session = libpq
            .connect(&front.conninfo("sslmode=require sslnegotiation=direct"))
            .unwrap();
        assert_canceled(libpq, cluster, session, Cancel::Encrypted);
    }
}

#[test]
fn a_plain_cancel_is_taken_where_rules_demand_tls() {
    let mut scene = Scene::with_hba(HBA);
    let Scene {
        libpq,
        front,
        cluster,
        ..
    } = &mut scene;
    let session = libpq.connect(&front.conninfo("sslmode=require")).unwrap();
    assert_canceled(libpq, cluster, session, Cancel::Plain);
}

#[test]
fn control_c_in_psql_ends_the_query() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, cluster, .. } = &scene;
    let child = psql_command(&front.conninfo("sslmode=require"))
        .args(["-c", SLEEP])
        .spawn()
        .unwrap();
    until_running(cluster, 1);
    signal(child.id(), "INT");
    let said = Said::from(child.wait_with_output().unwrap());
    assert!(!said.succeeded && said.err.contains(CANCELED), "{said:?}");
}

/// A session by hand, and its number and key.
fn session(front: &Front) -> (Tls, u32, u32) {
    let mut tls = front.open_tls();
    wire::say(&mut tls, &wire::startup("testuser", "trustdb"));
    let said = wire::hear(&mut tls);
    let (_, data) = said.iter().find(|(kind, _)| *kind == 'K').unwrap();
    let number = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
    (tls, number(0), number(4))
}

/// The server ends the connection without a word, and so does the front.
#[test]
fn a_cancel_is_answered_by_nothing_but_the_end() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, cluster, .. } = &scene;
    let (mut tls, pid, key) = session(front);
    for inside in [false, true] {
        wire::say(&mut tls, &wire::query(SLEEP));
        until_running(cluster, 1);
        let request = wire::cancel_request(pid, key);
        let (said, clean) = match inside {
            false => tell(&mut front.open(), &request),
            true => tell(&mut front.open_tls(), &request),
        };
        assert!(said.is_empty() && clean, "'{}'", said.escape_ascii());
        let said = wire::hear(&mut tls);
        let error = said.iter().find(|(kind, _)| *kind == 'E').unwrap();
        assert!(
            String::from_utf8_lossy(&error.1).contains(CANCELED),
            "{error:?}"
        );
    }
}

/// Says something, and hears everything, which has to end well.
fn tell(stream: &mut (impl Read + Write), bytes: &[u8]) -> (Vec<u8>, bool) {
    wire::say(stream, bytes);
    let mut said = Vec::new();
    let clean = stream.read_to_end(&mut said).is_ok();
    (said, clean)
}

#[test]
fn a_cancel_with_the_wrong_key_ends_nothing() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, .. } = &scene;
    let (mut tls, pid, key) = session(front);
    wire::say(&mut tls, &wire::query("SELECT pg_sleep(0.5)"));
    assert_eq!(
        tell(&mut front.open(), &wire::cancel_request(pid, key ^ 1)),
        (Vec::new(), true)
    );
    assert_eq!(wire::kinds(&wire::hear(&mut tls)), "TDCZ");
}

#[test]
fn a_cancel_of_another_length_never_reaches_the_server() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, cluster, .. } = &scene;
    for rest in [&b""[..], b"\0\0\0\0", &[0; 300]] {
        let mark = front.daemon.mark();
        let request = wire::packet(CANCEL_REQUEST, rest);
        assert_eq!(tell(&mut front.open(), &request), (Vec::new(), true));
        front
            .daemon
            .said_after(mark, "invalid length of startup packet");
        let mark = front.daemon.mark();
        assert_eq!(tell(&mut front.open_tls(), &request), (Vec::new(), true));
        front
            .daemon
            .said_after(mark, "invalid length of startup packet");
    }
    assert!(
        !cluster.log().contains("invalid length"),
        "the server has seen it"
    );
}
