//! Queries and their answers: the documented bytes, and as large as they may be.

use crate::clients::{CLIENTS, Client, Clients};
use crate::front::{Scene, WAYS};
use crate::support::pattern;
use crate::wire::{self, ONE_AND_ONE, TWO, ask, begin, hear};
use serde_json::json;
use std::io::Write;
use std::thread;

/// 64 MB of longs.
const MANY: i64 = 8 << 20;

#[test]
fn a_query_and_its_answer_are_the_documented_bytes() {
    let scene = Scene::new();
    assert_eq!(wire::query(&wire::text("1+1")), ONE_AND_ONE);
    for way in WAYS {
        let mut stream = scene.open(way);
        begin(&mut *stream);
        stream.write_all(&ONE_AND_ONE).unwrap();
        assert_eq!(hear(&mut *stream).unwrap(), TWO, "{way:?}");
        assert_eq!(ask(&mut *stream, &wire::text("'oops")), b"\x80oops\0");
    }
}

#[test]
fn what_asks_for_no_answer_gets_none_and_queries_in_one_piece_are_answered_in_order() {
    let scene = Scene::new();
    for way in WAYS {
        let mut stream = scene.open(way);
        begin(&mut *stream);
        let mut piece = Vec::new();
        for number in 0..1000 {
            let mut silent = wire::query(&wire::text("nobody answers"));
            silent[1] = 0;
            piece.extend(silent);
            piece.extend(wire::query(&wire::longs(&[number, -number])));
        }
        stream.write_all(&piece).unwrap();
        for number in 0..1000 {
            let answer = hear(&mut *stream).unwrap();
            assert_eq!(answer[1], 2, "a response");
            assert_eq!(answer[8..], wire::longs(&[number, -number]), "{way:?}");
        }
    }
}

#[test]
fn clients_understand_answers_and_errors() {
    let scene = Scene::new();
    let Some(mut clients) = Clients::start() else {
        return;
    };
    for way in WAYS {
        for client in CLIENTS {
            let session = clients
                .connect(client, way, &scene.pki, scene.address(), "pass")
                .unwrap();
            for (query, answer) in [
                ("1+1", json!(2)),
                ("til 5", json!([0, 1, 2, 3, 4])),
                ("'oops", json!("'oops")),
                ("what is said back", json!("what is said back")),
            ] {
                let answered = clients.ask(&session, query);
                assert_eq!(answered, answer, "{client:?} {way:?} {query}");
            }
            if client == Client::QPython {
                assert_eq!(clients.count(&session, 1000), json!(1000), "{way:?}");
            }
        }
    }
}

#[test]
fn answers_and_queries_of_64_megabytes_come_whole() {
    let scene = Scene::new();
    thread::scope(|scope| {
        for way in WAYS {
            let mut stream = scene.open(way);
            scope.spawn(move || {
                begin(&mut *stream);
                let answer = ask(&mut *stream, &wire::text(&format!("til {MANY}")));
                let expected = wire::longs(&(0..MANY).collect::<Vec<_>>());
                assert!(answer == expected, "{way:?}: another answer");
                let query = wire::bytes(&pattern::bytes(64 << 20));
                assert!(ask(&mut *stream, &query) == query, "{way:?}: other bytes");
            });
        }
    });
}
