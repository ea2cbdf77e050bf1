//! What goes through once a session has begun: copies, notifications, large objects, whole databases, crowds.
//!
//! `TLSPORT_TEST_TIMES=10` makes all of it ten times as large, as many and as long: a database of 500 MB, minutes.

use crate::certificates::Certificates;
use crate::cluster::Cluster;
use crate::front::{Plan, Scene};
use crate::programs::{answer, hash, program, psql_command, script, works};
use crate::support::pattern;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// Two ways to encrypt, and none.
const MODES: [&str; 2] = ["disable", "require"];

/// How large everything is to be, beside what is enough in everyday life.
fn times() -> u64 {
    std::env::var("TLSPORT_TEST_TIMES").map_or(1, |text| text.parse().unwrap())
}

/// A place to write in, which is emptied by whoever comes and whoever goes.
struct Room(Scene);

impl Room {
    fn new() -> Room {
        let room = Room(Scene::new());
        room.empty();
        room
    }

    fn empty(&self) {
        script(
            &self.cluster.conninfo("trustdb"),
            "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\nSELECT lo_unlink(oid) FROM pg_largeobject_metadata;\n\
             VACUUM FULL pg_largeobject;\nDROP DATABASE IF EXISTS restored;\n",
        );
    }
}

impl std::ops::Deref for Room {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.empty();
        }
    }
}

#[test]
fn copies_in_and_out_are_the_same_bytes() {
    const LINES: usize = 200_000;
    let scene = Room::new();
    let text: String = (0..LINES)
        .map(|line| format!("{line}\t{}\n", "x".repeat(line % 97)))
        .collect();
    for mode in MODES {
        let conninfo = scene.front.conninfo(&format!("sslmode={mode}"));
        answer(&conninfo, &["CREATE TABLE copied (line int, filling text)"]);
        let mut copying = psql_command(&conninfo);
        let mut copying = copying
            .args(["-c", "COPY copied FROM STDIN"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        copying
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let copied = copying.wait_with_output().unwrap();
        assert!(copied.status.success(), "{mode}: {copied:?}");
        let mut copying = psql_command(&conninfo);
        let out =
            works(copying.args(["-c", "COPY (SELECT * FROM copied ORDER BY line) TO STDOUT"]));
        assert!(out == text, "{mode}: other bytes came back");
        scene.empty();
    }
}

/// The front has no opinion on how long a session may be silent.
#[test]
fn notifications_arrive_at_once_and_after_a_silence() {
    let mut scene = Scene::new();
    let Scene {
        libpq,
        front,
        cluster,
        ..
    } = &mut scene;
    for mode in MODES {
        let conninfo = front.conninfo(&format!("sslmode={mode}"));
        let listener = libpq.connect(&conninfo).unwrap();
        libpq.query(listener, "LISTEN news").unwrap();
        let silence = Duration::from_secs(2 * times());
        for (text, silence) in [("first", Duration::ZERO), ("second", silence)] {
            thread::sleep(silence); // which is what is tried
            answer(
                &cluster.conninfo("trustdb"),
                &[&format!("NOTIFY news, '{text}'")],
            );
            assert_eq!(
                libpq.notification(listener).unwrap(),
                [["news", text]],
                "{mode}"
            );
        }
        assert_eq!(libpq.value(listener, "SELECT 1"), "1");
    }
}

#[test]
fn large_objects_go_in_and_out() {
    let scene = Room::new();
    let (path, back) = (
        scene
            .certificates
            .write("object", pattern::bytes(20_000_003)),
        scene.certificates.own_path("back"),
    );
    for conninfo in [scene.front.conninfo("sslmode=disable"), scene.verified()] {
        script(
            &conninfo,
            &format!(
                "\\lo_import {path}\nSELECT oid AS object FROM pg_largeobject_metadata \\gset\n\\lo_export :object {back}\n"
            ),
        );
        assert_eq!(hash(path.as_ref()), hash(back.as_ref()));
        scene.empty();
    }
}

#[test]
fn a_database_is_dumped_and_restored_through_the_front() {
    let scene = Room::new();
    let rows = 50_000_000 * times() / 108;
    answer(
        &scene.cluster.conninfo("trustdb"),
        &[
            &format!(
                "CREATE TABLE filling AS SELECT n, md5(n::text) || md5((-n)::text) || md5((2 * n)::text) AS text \
                 FROM generate_series(1, {rows}) n"
            ),
            "CREATE DATABASE restored",
        ],
    );
    let dump = scene.certificates.own_path("dump");
    let custom = ["--format=custom", "--compress=0", "--file", &dump];
    works(
        program("pg_dump")
            .args(custom)
            .arg("--dbname")
            .arg(scene.verified()),
    );
    assert!(fs::metadata(&dump).unwrap().len() > rows * 100);
    let restored = scene.verified() + " dbname=restored";
    works(program("pg_restore").args([
        "--jobs=2",
        "--exit-on-error",
        "--dbname",
        &restored,
        &dump,
    ]));
    let sum = "SELECT count(*), sum(hashtextextended(text, n)) FROM filling";
    let expected = answer(&scene.cluster.conninfo("trustdb"), &[sum]);
    assert!(expected.starts_with(&format!("{rows}|")), "{expected}");
    assert_eq!(
        answer(&scene.cluster.conninfo("restored"), &[sum]),
        expected
    );
}

#[test]
fn a_server_on_a_unix_socket_serves_as_well() {
    let (certificates, cluster) = (Certificates::new(), Cluster::start());
    let plan = Plan::new(&certificates, "server-cn-only").flag("backend", &cluster.local_url());
    let front = plan.start();
    for mode in MODES {
        let conninfo = front.conninfo(&format!("sslmode={mode}"));
        assert_eq!(
            answer(&conninfo, &["SELECT inet_client_addr() IS NULL"]),
            "t"
        );
    }
}

/// A base backup takes the replication protocol, which has rules of its own.
#[test]
fn a_base_backup_is_taken_through_the_front() {
    let scene = Scene::with_hba("hostssl replication all all trust\n");
    let folder = scene.certificates.own_path("backup");
    works(
        program("pg_basebackup")
            .args([
                "--pgdata",
                &folder,
                "--checkpoint=fast",
                "--no-sync",
                "--wal-method=stream",
            ])
            .arg("--dbname")
            .arg(scene.verified()),
    );
    works(program("pg_verifybackup").arg(&folder));
}

/// Fills the tables of pgbench.
fn with_tables() -> Room {
    let scene = Room::new();
    let conninfo = scene.cluster.conninfo("trustdb");
    works(
        program("pgbench")
            .args(["--initialize", "--quiet"])
            .arg(conninfo),
    );
    scene
}

/// Sends two hundred clients with so many transactions each, of which none may fail.
#[track_caller]
fn crowd(conninfo: &str, transactions: u64, arguments: &[&str]) {
    let each = (transactions * times()).to_string();
    let said = works(
        program("pgbench")
            .args([
                "--no-vacuum",
                "--jobs=2",
                "--client=200",
                "--transactions",
                &each,
            ])
            .args(arguments)
            .arg(conninfo),
    );
    let all = 200 * transactions * times();
    let done = format!(
        "number of transactions actually processed: {all}/{all}\nnumber of failed transactions: 0 "
    );
    assert!(said.contains(&done), "{conninfo}: {said}");
}

#[test]
fn two_hundred_clients_that_connect_for_every_transaction_lose_none() {
    let scene = with_tables();
    for mode in [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ] {
        let conninfo = format!("{} sslmode={mode}", scene.verified());
        crowd(&conninfo, 2, &["--connect", "--select-only"]);
    }
    assert_eq!(
        scene.front.count(" WARN ") + scene.front.count(" ERROR "),
        0
    );
}

#[test]
fn two_hundred_clients_that_stay_lose_no_transaction() {
    let scene = with_tables();
    for protocol in ["--protocol=simple", "--protocol=prepared"] {
        for conninfo in [scene.front.conninfo("sslmode=disable"), scene.verified()] {
            crowd(&conninfo, 20, &["--builtin=simple-update", protocol]);
        }
    }
}
