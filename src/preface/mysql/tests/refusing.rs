//! Who does not come in, and what is said of it.

use super::*;
use crate::preface::mysql::refusal::ERR;

const INSECURE_TEXT: &str = "#HY000Connections using insecure transport are prohibited while \
                             --require_secure_transport=ON.";

fn refused(text: &str) -> Remark {
    Remark::Refused(text.into())
}

#[test]
fn tls_that_was_not_offered_is_a_bad_handshake() {
    for request in [request(1), response(1, true)] {
        let mut play = Play::new(rules(false), Cut::Each(1));
        play.server_says(&greeting(true));
        play.client_hears(&greeting(false));
        play.client_says(&request);
        play.server_hears(b"");
        play.ends_with(
            &error(2, 1043, "#08S01Bad handshake"),
            refused("bad handshake: TLS, which was not offered"),
        );
    }
}

#[test]
fn who_has_to_speak_tls_is_told_so_in_mysqls_words() {
    for cut in cuts() {
        let mut play = Play::new(
            Rules {
                requires_tls: true,
                ..rules(true)
            },
            cut,
        );
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        play.client_says(&response(1, false));
        play.server_hears(b"");
        play.ends_with(
            &error(2, 3159, INSECURE_TEXT),
            refused("refused without TLS, which 'mysql.require-secure-transport' asks for"),
        );
    }
    let mut play = Play::new(
        Rules {
            requires_tls: true,
            ..rules(true)
        },
        Cut::Each(1),
    );
    respond(&mut play, true);
    play.server_hears(&response(1, false));
}

#[test]
fn a_server_that_turns_its_client_away_is_heard_and_that_is_the_end() {
    let blocked = error(0, 1129, "Host '192.0.2.7' is blocked");
    let late = error(1, 1159, "Got timeout reading communication packets");
    let late_inside = error(2, 1159, "Got timeout reading communication packets");
    let log = |text| refused(&format!("turned away by the backend: {text}"));
    let timeout = "error 1159 'Got timeout reading communication packets'";
    for cut in cuts() {
        let mut play = Play::new(rules(true), cut);
        play.server_says(&blocked);
        let text = "error 1129 'Host \\'192.0.2.7\\' is blocked'";
        play.ends_with(&blocked, log(text));

        let mut play = Play::new(rules(true), cut);
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        play.server_says(&late);
        play.ends_with(&late, log(timeout));

        let mut play = Play::new(rules(true), cut);
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        play.client_says(&request(1));
        play.secure();
        play.server_says(&late);
        play.ends_with(&late_inside, log(timeout));
    }
}

#[test]
fn clients_that_do_not_keep_to_the_protocol_are_told_so() {
    let long = u32::try_from(LONGEST + 1).expect("short").to_le_bytes();
    let too_long = [&long[..3], b"\x01"].concat();
    let http = b"GET / HTTP/1.1\r\n";
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    let order = "Got packets out of order";
    let size = "Got a packet bigger than 'max_allowed_packet' bytes";
    let handshake = "Bad handshake";
    for (said, number, code, text, log) in [
        (
            &http[..],
            0x21,
            1156,
            order,
            "packet 32 came in the place of packet 1",
        ),
        (
            hello,
            3,
            1156,
            order,
            "packet 2 came in the place of packet 1",
        ),
        (
            &too_long,
            2,
            1153,
            size,
            "a packet of 131073 bytes is too large",
        ),
        (
            b"\0\0\0\x01",
            2,
            1043,
            handshake,
            "bad handshake: a packet of 0 bytes",
        ),
        (
            b"\x02\0\0\x01\0\x02",
            2,
            1043,
            handshake,
            "bad handshake: a packet of 2 bytes",
        ),
    ] {
        let mut play = Play::new(rules(true), Cut::Each(1));
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        play.client_says(said);
        play.server_hears(b"");
        play.ends_with(&error(number, code, text), refused(log));
    }
}

#[test]
fn a_server_that_does_not_keep_to_the_protocol_is_not_the_clients_to_hear_of() {
    let told = |number, state| error(number, 1429, &format!("{state}{UNREACHABLE_TEXT}"));
    let mut play = Play::new(rules(true), Cut::Each(1));
    play.server_says(&packet(0, b"\x09old"));
    let why = "version 9 of MySQL's protocol is not supported, only 10 is";
    play.ends_with(&told(0, ""), server(why));

    let mut play = Play::new(rules(true), Cut::Each(1));
    play.server_says(b"\x01\0\x02\0");
    play.ends_with(
        &told(0, ""),
        server("a packet of 131073 bytes is too large"),
    );

    let mut play = Play::new(rules(true), Cut::Each(1));
    play.server_says(b"\x4a\0\0");
    play.mediator.server_ended();
    play.settle();
    play.ends_with(
        &told(0, ""),
        server("it closed the connection before its greeting"),
    );

    // What it says before TLS with it is none of what it says in TLS.
    let mut play = Play::new(onward(true, ServerTls::Require), Cut::Each(1));
    play.server_says(&[greeting(true), ok(2)].concat());
    play.client_hears(&greeting(true));
    play.client_says(&request(1));
    play.secure();
    play.client_says(&response(2, true));
    play.server_hears(b"");
    play.ends_with(
        &told(3, "#HY000"),
        server("received unencrypted data before TLS"),
    );

    let mut play = Play::new(onward(true, ServerTls::Require), Cut::Each(1));
    respond(&mut play, true);
    play.mediator.server_failed();
    play.settle();
    play.client_hears(&told(3, "#HY000"));
    assert_eq!(play.mediator.next(), Next::End);
    assert_eq!(Mediator::unreachable(), told(0, ""));
}

#[test]
fn an_end_of_either_is_the_end_of_it() {
    for (said, remark) in [
        (&b""[..], None),
        (b"\x20", Some(refused("incomplete packet"))),
    ] {
        let mut play = Play::new(rules(true), Cut::Each(1));
        play.server_says(&greeting(false));
        play.client_says(said);
        play.mediator.client_ended();
        assert_eq!(play.mediator.remark(), remark);
        assert_eq!(play.mediator.next(), Next::End);
    }
    let mut play = Play::new(rules(true), Cut::Each(1));
    respond(&mut play, true);
    play.mediator.server_ended();
    play.settle();
    play.ends_with(
        b"",
        refused("closed by the backend before the client was in"),
    );
}

#[test]
fn where_both_say_too_much_the_client_hears_of_one() {
    let long = |number| [1, 0, 2, number];
    for (tls, stage) in [
        (false, "first"),
        (true, "response"),
        (true, "authentication"),
    ] {
        let mut play = Play::new(rules(true), Cut::Each(usize::MAX));
        let mut number = 1;
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        if tls {
            play.client_says(&request(1));
            play.secure();
            number += 1;
        }
        if stage == "authentication" {
            play.client_says(&response(2, true));
            number += 1;
        }
        // Both are there before either is looked at.
        play.mediator.client.hear(&long(number));
        play.server_says(&[&long(number)[..], &[ERR]].concat());
        assert_eq!(play.mediator.next(), Next::End);
        assert_eq!(
            play.log,
            [server("a packet of 131073 bytes is too large")],
            "{stage}"
        );
        let told = std::mem::take(&mut play.to_client);
        let texts = told.windows(7).filter(|window| window == b"Unable ");
        assert_eq!((texts.count(), told.contains(&b'G')), (1, false), "{stage}");
    }
}
