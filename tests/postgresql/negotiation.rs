//! Whether a connection is encrypted: the original's table of who asks for what and who may have it, with libpq.

use crate::front::{Front, Plan, Scene};
use crate::libpq::Libpq;

/// Each user has a rule of another kind.
const HBA: &str = "\
host      all testuser  127.0.0.1/32 trust
hostssl   all ssluser   127.0.0.1/32 trust
hostnossl all nossluser 127.0.0.1/32 trust
";

/// The columns of the table.
const MODES: [&str; 5] = [
    "sslmode=disable",
    "sslmode=allow",
    "sslmode=prefer",
    "sslmode=require",
    "sslmode=require sslnegotiation=direct",
];

/// What became of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Plain,
    Tls,
    Not,
}

use Came::{Not, Plain as Clear, Tls};

/// Tries every mode that the libpq here has, and compares.
#[track_caller]
fn assert_row(libpq: &mut Libpq, front: &Front, user: &str, expected: [Came; 5]) {
    let modes = if libpq.is(17) { 5 } else { 4 };
    let mut came = Vec::new();
    for mode in &MODES[..modes] {
        let conninfo = front.conninfo(&format!("user={user} {mode}"));
        let session = match libpq.connect(&conninfo) {
            Ok(session) => session,
            Err(_) => {
                came.push(Not);
                continue;
            }
        };
        assert_eq!(libpq.value(session, "SELECT current_user"), user);
        libpq.close(session);
        came.push(if session.tls { Tls } else { Clear });
    }
    assert_eq!(came, expected[..modes], "{user}: {:?}", &MODES[..modes]);
}

#[test]
fn with_tls_each_kind_of_rule_lets_in_whom_it_is_for_by_the_way_it_is_for() {
    let mut scene = Scene::with_hba(HBA);
    let Scene { libpq, front, .. } = &mut scene;
    assert_row(libpq, front, "testuser", [Clear, Clear, Tls, Tls, Tls]);
    assert_row(libpq, front, "ssluser", [Not, Tls, Tls, Tls, Tls]);
    assert_row(libpq, front, "nossluser", [Clear, Clear, Clear, Not, Not]);
    assert_row(libpq, front, "anotheruser", [Not; 5]);
}

#[test]
fn without_tls_whoever_insists_on_it_stays_outside() {
    let mut scene = Scene::with(|_, _| Plan::plain().hba(HBA));
    let Scene { libpq, front, .. } = &mut scene;
    assert_row(libpq, front, "testuser", [Clear, Clear, Clear, Not, Not]);
    assert_row(libpq, front, "ssluser", [Not; 5]);
    assert_row(libpq, front, "nossluser", [Clear, Clear, Clear, Not, Not]);
    front
        .daemon
        .said("hostssl record cannot match because SSL is disabled");
}

#[test]
fn whoever_is_refused_one_way_comes_back_the_other_way() {
    let mut scene = Scene::with_hba(HBA);
    let Scene { libpq, front, .. } = &mut scene;
    for (user, mode, tls, encryption) in [
        ("ssluser", "allow", true, "no encryption"),
        ("nossluser", "prefer", false, "SSL encryption"),
    ] {
        let mark = front.daemon.mark();
        let session = libpq
            .connect(&front.conninfo(&format!("user={user} sslmode={mode}")))
            .unwrap();
        assert_eq!(session.tls, tls);
        let refused = format!(
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"{user}\", database \"trustdb\", {encryption}"
        );
        front.daemon.said_after(mark, &refused);
    }
}

#[test]
fn a_client_that_insists_on_tls_is_told_that_there_is_none() {
    let mut scene = Scene::with(|_, _| Plan::plain());
    let Scene { libpq, front, .. } = &mut scene;
    let why = libpq
        .connect(&front.conninfo("sslmode=require"))
        .unwrap_err();
    assert!(
        why.contains("server does not support SSL, but SSL was required"),
        "{why}"
    );
    if libpq.is(17) {
        let why = libpq
            .connect(&front.conninfo("sslmode=require sslnegotiation=direct"))
            .unwrap_err();
        assert!(why.contains("SSL"), "{why}");
        front.daemon.said("direct SSL connection rejected");
    }
}

/// As psql words it, who it is and that there is no rule for it.
#[test]
fn psql_shows_which_rule_is_missing() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, .. } = &scene;
    for (user, mode, encryption) in [
        ("ssluser", "disable", "no encryption"),
        ("nossluser", "require", "SSL encryption"),
    ] {
        let said = crate::programs::psql(
            &front.conninfo(&format!("user={user} sslmode={mode}")),
            &["SELECT 1"],
        );
        let why = format!(
            "FATAL:  no pg_hba.conf entry for host \"127.0.0.1\", user \"{user}\", database \"trustdb\", {encryption}"
        );
        assert!(!said.succeeded && said.err.contains(&why), "{said:?}");
    }
}
