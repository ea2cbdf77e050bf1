//! The hello and its answer, byte for byte, and what comes where there is no welcome.

use crate::clients::{CLIENTS, Clients};
use crate::front::{Scene, WAYS, both, connect};
use crate::kdbplus::{self, USER, answers};
use crate::support::{Backend, PATIENCE, Pki};
use crate::wire::{self, HELLO, ONE_AND_ONE, TWO};
use serde_json::json;
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver};

/// What clients of every age say, and what a server answers that is capable of 3.
const HELLOS: [(&[u8], u8); 6] = [
    (b"user:pass\0", 0),
    (b"user:pass\x01\0", 1),
    (b"user:pass\x03\0", 3),
    (b"user:pass\x06\0", 3),
    (b":\x03\0", 3),
    (b"\x03\0", 3),
];

/// A server that welcomes everybody, and tells what it heard up to the 0.
fn welcoming() -> (Backend, Receiver<Vec<u8>>) {
    let (tell, told) = mpsc::channel();
    let backend = Backend::new(move |mut stream| {
        let (mut hello, mut byte) = (Vec::new(), [1]);
        while byte != [0] {
            stream.read_exact(&mut byte).unwrap();
            hello.push(byte[0]);
        }
        let capability = match hello[..] {
            [.., capability @ 1..=6, 0] => capability.min(3),
            _ => 0,
        };
        stream.write_all(&[capability]).unwrap();
        tell.send(hello).unwrap();
        let _ = stream.read(&mut byte); // until the client has gone
    });
    (backend, told)
}

#[test]
fn a_hello_of_any_capability_reaches_the_server_and_its_answer_the_client() {
    let (backend, told) = welcoming();
    let pki = Pki::new();
    let front = both(&pki).set("backend", &backend.url).start();
    for way in WAYS {
        for (hello, capability) in HELLOS {
            let mut stream = connect(way, &pki, front.address());
            stream.write_all(hello).unwrap();
            let mut answer = [0xff];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [capability], "{way:?} {hello:?}");
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), hello, "{way:?}");
        }
    }
}

#[test]
fn what_comes_one_byte_at_a_time_is_the_same() {
    let scene = Scene::new();
    for way in WAYS {
        let mut stream = scene.open(way);
        for (said, answer) in [(HELLO, &[wire::WELCOME][..]), (&ONE_AND_ONE, &TWO)] {
            for byte in said {
                stream.write_all(&[*byte]).unwrap();
            }
            let mut heard = vec![0; answer.len()];
            stream.read_exact(&mut heard).unwrap();
            assert_eq!(heard, answer, "{way:?}");
        }
    }
}

#[test]
fn a_wrong_password_is_the_end_without_a_word_and_the_next_client_comes_in() {
    let scene = Scene::new();
    for way in WAYS {
        for hello in [&b"user:wrong\x03\0"[..], b"nobody:pass\x03\0"] {
            let mut stream = scene.open(way);
            stream.write_all(hello).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.is_empty(), "{way:?}: {answer:?}");
        }
        wire::begin(&mut *scene.open(way));
    }
}

#[test]
fn clients_come_in_with_their_password_and_not_with_another() {
    let scene = Scene::new();
    let mut clients = Clients::start();
    for way in WAYS {
        let kdbplus = |user| kdbplus::client("ask", way, scene.address(), user, &scene.pki.ca());
        assert_eq!(answers(kdbplus(USER).arg("1+1")), ["2"], "{way:?}");
        let said = kdbplus::ask(kdbplus("user:wrong").arg("1+1"));
        assert!(said.err.contains("authentication failure"), "{said:?}");

        let Some(clients) = &mut clients else {
            continue;
        };
        for client in CLIENTS {
            let mut connect =
                |password| clients.connect(client, way, &scene.pki, scene.address(), password);
            let why = connect("wrong").err().unwrap();
            assert!(why.contains("denied") || why.contains("Wrong"), "{why}");
            let session = connect("pass").unwrap();
            assert_eq!(clients.ask(&session, "1+1"), json!(2), "{client:?} {way:?}");
        }
    }
}
