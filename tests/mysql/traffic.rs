//! What goes through once a session has begun: statements, files, whole databases, crowds.
//!
//! `TLSPORT_TEST_TIMES=10` makes a database ten times as large, 200 MB, and crowds ten times as busy.

use crate::client::{answer, tool_at};
use crate::connectors::{Client, Connectors};
use crate::front::{Scene, greeted, greeted_in_tls};
use crate::support::program::works;
use crate::support::{Peer, pattern};
use crate::wire::{self, hear_ok, response, response_in_tls, value};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

const WAYS: [&str; 2] = ["--ssl", "--skip-ssl"];

/// How large everything is to be, beside what is enough in everyday life.
fn times() -> u64 {
    std::env::var("TLSPORT_TEST_TIMES").map_or(1, |text| text.parse().unwrap())
}

#[test]
fn prepared_statements_are_executed() {
    let scene = Scene::new();
    for way in WAYS {
        let orders = "PREPARE statement FROM 'SELECT ? + ?'; SET @a = 20, @b = 22; EXECUTE statement USING @a, @b";
        assert_eq!(answer(scene.mariadb().arg(way), orders), "42", "{way}");
    }
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    for client in [Client::Connector, Client::PureConnector] {
        for options in [client.plain(), client.encrypted()] {
            let session = connectors
                .connect(client, scene.address(), "native", &options)
                .unwrap();
            let long = "long ".repeat(100_000);
            let values = json!([["a", 1], ["it's", -2], [long, 3]]);
            let rows = connectors.prepared(&session, "SELECT CONCAT(?, ?)", &values);
            let expected = ["a1", "it's-2", &format!("{long}3")].map(|text| vec![text.to_owned()]);
            assert!(rows == expected, "{client:?} {options}");
        }
    }
}

#[test]
fn a_file_of_the_clients_is_loaded_byte_for_byte() {
    let scene = Scene::new();
    let bytes: Vec<u8> = pattern::bytes(5_000_003)
        .into_iter()
        .filter(|byte| !b"\t\n".contains(byte))
        .collect();
    let file = scene.pki.write("file", &bytes);
    for way in WAYS {
        let mut client = scene.mariadb();
        client.args([way, "--local-infile=1", "test"]);
        let orders = format!(
            "CREATE OR REPLACE TABLE loaded (whole LONGBLOB); \
             LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded CHARACTER SET binary \
             FIELDS ESCAPED BY '' LINES TERMINATED BY '\\n' (whole); \
             SELECT SHA2(whole, 256) FROM loaded"
        );
        let expected: String = openssl::sha::sha256(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(answer(&mut client, &orders), expected, "{way}");
    }
}

#[test]
fn packets_of_more_than_16_megabytes_come_and_go() {
    let scene = Scene::new();
    for way in WAYS {
        let mut client = scene.mariadb();
        client.args([way, "--max-allowed-packet=64M"]);
        let length = 17 * 1024 * 1024;
        let select = format!("SELECT REPEAT('x', {length})");
        scene
            .server
            .answer("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024; SELECT 1");
        let out = answer(&mut client, &select);
        assert!(
            out.len() == length && out.bytes().all(|byte| byte == b'x'),
            "{way}"
        );
    }
}

#[test]
fn a_database_is_dumped_and_loaded_through_the_front() {
    let scene = Scene::new();
    let rows = 20_000_000 * times() / 108;
    scene.server.answer(&format!(
        "CREATE TABLE test.filling (n INT PRIMARY KEY, text CHAR(96)); \
         INSERT INTO test.filling SELECT seq, CONCAT(MD5(seq), MD5(-seq), MD5(2 * seq)) FROM test.seq_1_to_{rows}; \
         CREATE DATABASE restored; GRANT ALL ON restored.* TO native; SELECT 1"
    ));
    for (out, back) in [
        ("--ssl", "--ssl"),
        ("--skip-ssl", "--ssl"),
        ("--ssl", "--skip-ssl"),
    ] {
        let mut dump = tool_at("mariadb-dump", scene.address(), "native");
        let mut dump = dump
            .args([out, "--skip-lock-tables", "--single-transaction", "test"])
            .spawn()
            .unwrap();
        let mut load = scene.mariadb();
        load.args([back, "restored"])
            .stdin(dump.stdout.take().unwrap());
        works(&mut load);
        let dumped = dump.wait_with_output().unwrap();
        assert!(dumped.status.success(), "{dumped:?}");
        let sums = scene
            .server
            .answer("CHECKSUM TABLE test.filling, restored.filling");
        let sums: Vec<&str> = sums.split_whitespace().collect();
        assert_eq!(sums[1], sums[3], "{sums:?}");
        let count = scene.server.answer("SELECT COUNT(*) FROM restored.filling");
        assert_eq!(count, rows.to_string());
        scene.server.answer("DROP TABLE restored.filling; SELECT 1");
    }
}

/// Clients of ours, as MariaDB's take longer to read the system's CAs than for all the rest.
#[test]
fn two_hundred_clients_that_connect_for_every_query_lose_none() {
    const CLIENTS: u64 = 200;
    let scene = Scene::new();
    let times = 5 * times();
    let peer = Peer::new(&scene.pki);
    let enter = |encrypts: bool| {
        if encrypts {
            let (mut tls, greeting) = greeted_in_tls(&peer, scene.address());
            wire::say(&mut tls, 2, &response_in_tls(&greeting));
            hear_ok(&mut tls, 3);
            value(&mut tls, "SELECT CONNECTION_ID()")
        } else {
            let (mut stream, greeting) = greeted(scene.address());
            wire::say(&mut stream, 1, &response(&greeting));
            hear_ok(&mut stream, 2);
            value(&mut stream, "SELECT CONNECTION_ID()")
        }
    };
    let numbers = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (enter, numbers) = (&enter, &numbers);
            scope.spawn(move || {
                for time in 0..times {
                    let number = enter((client + time) % 2 == 0);
                    numbers.lock().unwrap().insert(number);
                }
            });
        }
    });
    let served = numbers.into_inner().unwrap().len() as u64;
    assert_eq!(
        served,
        CLIENTS * times,
        "connections with a number of their own"
    );
    assert_nobody_was_lost(&scene);
}

#[test]
fn a_crowd_of_mariadbs_clients_loses_none() {
    let scene = Scene::new();
    for (way, queries) in [("--ssl", 100), ("--skip-ssl", 1000)] {
        let mut crowd = tool_at("mariadb-slap", scene.address(), "native");
        crowd.args([
            way,
            "--concurrency=50",
            "--detach=1",
            "--create-schema=test",
        ]);
        crowd.args(["--no-drop", "--query=SELECT CONNECTION_ID()", "--silent"]);
        crowd.arg(format!("--number-of-queries={}", queries * times()));
        works(&mut crowd);
    }
    assert_nobody_was_lost(&scene);
}

/// Neither the front nor the server knows of a client that failed.
#[track_caller]
fn assert_nobody_was_lost(scene: &Scene) {
    let log = scene.front.log();
    let (_, since) = log.split_once("using endpoint").unwrap();
    assert!(
        !since.contains(" WARN ") && !since.contains(" ERROR "),
        "{log}"
    );
    let lost = "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Aborted_connects'";
    assert_eq!(scene.server.answer(lost), "0");
}
