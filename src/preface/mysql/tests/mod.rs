//! Two who are played, with a mediator between them, and who comes in.

use super::packet::LONGEST;
use super::testing::{
    GREETINGS, begin, error, greeting, greeting_of, ok, packet, request, response,
};
use super::*;

mod properties;
mod refusing;

/// How what is said is cut into pieces.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Every so many bytes.
    Each(usize),
    /// Once, behind so many bytes.
    Behind(usize),
}

impl Cut {
    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Cut::Each(size) => bytes.chunks(size).collect(),
            Cut::Behind(count) => {
                let (first, second) = bytes.split_at(count.min(bytes.len()));
                vec![first, second]
            }
        }
    }
}

/// Byte by byte, whole, and cut at every place there is.
fn cuts() -> impl Iterator<Item = Cut> {
    let each = [1, 2, 3, 5, usize::MAX].map(Cut::Each);
    each.into_iter().chain((1..100).map(Cut::Behind))
}

/// A mediator between two who are played.
struct Play {
    mediator: Mediator,
    cut: Cut,
    /// What came behind the request for TLS.
    hello: Vec<u8>,
    secured: (u32, u32),
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    log: Vec<Remark>,
}

impl Play {
    fn new(rules: Rules, cut: Cut) -> Play {
        Play {
            mediator: Mediator::new(rules),
            cut,
            hello: Vec::new(),
            secured: (0, 0),
            to_client: Vec::new(),
            to_server: Vec::new(),
            log: Vec::new(),
        }
    }

    fn settle(&mut self) {
        let (client, server) = self.mediator.told();
        self.to_client.append(client);
        self.to_server.append(server);
        self.log.extend(self.mediator.remark());
    }

    fn server_says(&mut self, bytes: &[u8]) {
        for piece in self.cut.pieces(bytes) {
            assert!(self.mediator.room_for_server() >= piece.len());
            self.mediator.hear_server(piece);
            self.settle();
        }
    }

    /// Says this as far as the mediator listens, and returns the rest.
    fn client_says<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut said = 0;
        for piece in self.cut.pieces(bytes) {
            let room = self.mediator.room_for_client().min(piece.len());
            self.mediator.hear_client(&piece[..room]);
            self.settle();
            said += room;
            if room < piece.len() {
                break;
            }
        }
        &bytes[said..]
    }

    /// Has handshakes done that are asked for.
    fn secure(&mut self) {
        match self.mediator.next() {
            Next::SecureClient => {
                self.hello = self.mediator.take_hello();
                self.secured.0 += 1;
                self.mediator.client_is_secure();
            }
            Next::SecureServer => {
                self.secured.1 += 1;
                self.mediator.server_is_secure();
            }
            other => panic!("{other:?} where TLS was expected"),
        }
        self.settle();
    }

    fn client_hears(&mut self, expected: &[u8]) {
        let heard = std::mem::take(&mut self.to_client);
        assert_eq!(Shown(&heard), Shown(expected), "{:?}", self.cut);
    }

    fn server_hears(&mut self, expected: &[u8]) {
        let heard = std::mem::take(&mut self.to_server);
        assert_eq!(Shown(&heard), Shown(expected), "{:?}", self.cut);
    }

    fn ends_with(&mut self, expected: &[u8], remark: Remark) {
        assert_eq!(self.mediator.next(), Next::End);
        self.client_hears(expected);
        assert_eq!(self.log, [remark]);
    }

    /// It is open, and nothing is left for the client, this for the server.
    fn opens_with(self, client: &[u8], server: &[u8]) {
        assert_eq!(self.mediator.next(), Next::Open);
        let (to_client, to_server) = self.mediator.into_rest();
        assert_eq!([self.to_client, to_client].concat(), client);
        assert_eq!([self.to_server, to_server].concat(), server);
        assert_eq!(self.log, []);
    }
}

/// Bytes that are legible where they differ.
#[derive(PartialEq)]
struct Shown<'a>(&'a [u8]);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

fn server(text: &str) -> Remark {
    Remark::Server(text.into())
}

/// Rules for a server without TLS.
fn rules(offers_tls: bool) -> Rules {
    Rules {
        offers_tls,
        requires_tls: false,
        server_tls: ServerTls::No,
    }
}

/// Rules for a server with TLS.
fn onward(offers_tls: bool, server_tls: ServerTls) -> Rules {
    Rules {
        server_tls,
        ..rules(offers_tls)
    }
}

const UNREACHABLE_TEXT: &str =
    "Unable to connect to foreign data source: no MySQL server answers here";

/// Up to the client's response, which has come but for TLS with the server.
fn respond(play: &mut Play, tls: bool) {
    play.server_says(&greeting(true));
    play.client_hears(&greeting(play.mediator.rules.offers_tls));
    if tls {
        play.client_says(&request(1));
        play.secure();
        play.client_says(&response(2, true));
    } else {
        play.client_says(&response(1, false));
    }
}

#[test]
fn the_greeting_says_whether_we_have_tls_and_is_otherwise_the_servers() {
    for cut in cuts() {
        for kind in 0..GREETINGS.len() {
            for (ours, theirs) in [(true, true), (true, false), (false, true), (false, false)] {
                let mut play = Play::new(rules(ours), cut);
                play.server_says(&greeting_of(kind, theirs));
                play.client_hears(&greeting_of(kind, ours));
                assert_eq!(play.mediator.next(), Next::Hear);
            }
        }
    }
}

#[test]
fn a_client_in_tls_and_a_server_without_are_counted_apart_up_to_the_ok() {
    for cut in cuts() {
        let mut play = Play::new(rules(true), cut);
        play.server_says(&greeting(false));
        play.client_hears(&greeting(true));
        assert_eq!(play.client_says(&request(1)), b"");
        play.secure();
        play.server_hears(b"");
        play.client_says(&response(2, true));
        play.server_hears(&response(1, false));
        // Another plugin, its full authentication with an empty packet in it, and a second factor.
        for (number, down, up) in [
            (
                2,
                &b"\xfecaching_sha2_password\0scramble\0"[..],
                &b"hash"[..],
            ),
            (4, b"\x01\x04", b"password\0"),
            (6, b"\x02dialog\0\x04Password:", b""),
            (8, b"", b"\0\xff"),
            (10, b"\x60\x84token", b"\x60\x84token"),
        ] {
            play.server_says(&packet(number, down));
            play.client_hears(&packet(number + 1, down));
            play.client_says(&packet(number + 2, up));
            play.server_hears(&packet(number + 1, up));
        }
        play.server_says(&ok(12));
        play.client_hears(&ok(13));
        assert_eq!(play.secured, (1, 0));
        play.opens_with(b"", b"");
    }
}

#[test]
fn a_client_without_tls_and_a_server_in_it_are_counted_apart_up_to_the_ok() {
    for cut in cuts() {
        for offers in [true, false] {
            let mut play = Play::new(onward(offers, ServerTls::Require), cut);
            respond(&mut play, false);
            play.server_hears(&request(1));
            assert_eq!(play.mediator.room_for_client(), 0);
            play.secure();
            play.server_hears(&response(2, true));
            play.server_says(&packet(3, b"\x01\x03"));
            play.server_says(&ok(4));
            play.client_hears(&[packet(2, b"\x01\x03"), ok(3)].concat());
            play.opens_with(b"", b"");
        }
    }
}

#[test]
fn where_both_or_neither_speak_tls_nobody_mediates_behind_the_response() {
    for cut in cuts() {
        let mut play = Play::new(rules(true), cut);
        respond(&mut play, false);
        play.opens_with(b"", &response(1, false));

        let mut play = Play::new(onward(true, ServerTls::Prefer), cut);
        respond(&mut play, true);
        play.server_hears(&request(1));
        play.secure();
        assert_eq!(play.secured, (1, 1));
        play.opens_with(b"", &response(2, true));
    }
}

#[test]
fn a_server_without_tls_will_do_where_it_is_only_preferred() {
    for cut in cuts() {
        let mut play = Play::new(onward(false, ServerTls::Prefer), cut);
        play.server_says(&greeting(false));
        play.client_hears(&greeting(false));
        play.client_says(&response(1, false));
        play.opens_with(b"", &response(1, false));

        let mut play = Play::new(onward(true, ServerTls::Require), cut);
        play.server_says(&greeting(false));
        let why = "the server has no TLS, which 'backend.sslmode' asks for";
        play.ends_with(&error(0, 1429, UNREACHABLE_TEXT), server(why));
    }
}

#[test]
fn what_comes_behind_a_request_for_tls_belongs_to_the_handshake() {
    for (request, rest) in [
        (request(1), &b"\x16\x03\x01hello"[..]),
        (request(1), &response(2, false)),
        (response(1, true), b"\x16"), // a whole response is such a request, too
        (packet(1, b"\x05\x08\0\0\0"), b"\x16\x03"), // as is that of before 4.1
        (packet(1, b"\x05\x08\0\0\0alice\0"), b""),
    ] {
        for cut in cuts() {
            let mut play = Play::new(rules(true), cut);
            play.server_says(&greeting(false));
            play.client_hears(&greeting(true));
            let said = [&request[..], rest].concat();
            let unread = play.client_says(&said);
            play.secure();
            assert_eq!([&play.hello, unread].concat(), rest);
            assert_eq!(play.mediator.next(), Next::Hear);
            play.client_hears(b"");
            play.server_hears(b"");
        }
    }
}

#[test]
fn a_refused_password_is_passed_on_whole_and_the_rest_is_the_servers() {
    let denied = |number| {
        error(
            number,
            1045,
            "#28000Access denied for user 'alice'@'localhost'",
        )
    };
    for cut in cuts() {
        let mut play = Play::new(rules(true), cut);
        respond(&mut play, true);
        play.server_hears(&response(1, false));
        play.server_says(&denied(2));
        play.opens_with(&denied(3), b"");
    }
}

#[test]
fn commands_that_do_not_wait_for_the_ok_go_as_they_are_behind_it() {
    let command = [packet(0, b"\x03SELECT 1"), vec![0xff; 50]].concat();
    for cut in cuts() {
        let mut play = Play::new(rules(true), cut);
        respond(&mut play, true);
        play.server_hears(&response(1, false));
        let unread = play.client_says(&command);
        play.server_hears(b"");
        assert_eq!(play.mediator.room_for_client(), 0);
        play.mediator
            .hear_server(&[ok(2), b"early".to_vec()].concat());
        let held = &command[..command.len() - unread.len()];
        play.opens_with(&[ok(3), b"early".to_vec()].concat(), held);

        let mut play = Play::new(rules(false), cut);
        play.server_says(&greeting(false));
        play.client_hears(&greeting(false));
        let said = [response(1, false), command.clone()].concat();
        let unread = play.client_says(&said);
        play.opens_with(b"", &said[..said.len() - unread.len()]);
    }
}

#[test]
fn a_packet_with_number_0_is_no_command_where_numbers_have_come_round() {
    let mut play = Play::new(rules(true), Cut::Each(usize::MAX));
    respond(&mut play, true);
    play.server_hears(&response(1, false));
    play.server_says(&packet(254, b"\x01question"));
    play.client_hears(&packet(255, b"\x01question"));
    play.client_says(&packet(0, b"answer"));
    play.server_hears(&packet(255, b"answer"));
    play.server_says(&ok(0));
    play.opens_with(&ok(1), b"");
}

#[test]
fn a_response_with_attributes_of_64_kib_fits() {
    let payload = [begin(true), vec![b'a'; 70_000]].concat();
    for cut in [Cut::Each(1000), Cut::Each(usize::MAX)] {
        let mut play = Play::new(rules(true), cut);
        play.server_says(&greeting(false));
        play.client_says(&request(1));
        play.secure();
        play.client_says(&packet(2, &payload));
        let payload = [begin(false), vec![b'a'; 70_000]].concat();
        play.server_hears(&packet(1, &payload));
    }
}

/// Nothing is moved for each packet: a client could have 32,768 of them moved that many times.
#[test]
fn what_is_done_with_goes_when_more_is_heard() {
    let mut side = Side::default();
    side.hear(&[packet(1, b"a"), packet(2, b"")].concat());
    let first = side.take_packet().expect("whole");
    assert_eq!((first.number, &first.payload[..]), (1, &b"a"[..]));
    assert_eq!((side.rest(), side.heard.len()), (&packet(2, b"")[..], 9));
    assert_eq!(side.room(), HEADER + LONGEST - 4);
    side.hear(b"x");
    assert_eq!((side.rest(), side.heard.len()), (&b"\0\0\0\x02x"[..], 5));
    assert_eq!(side.take_packet().expect("whole").number, 2);
    assert_eq!(side.take_rest(), b"x");
    assert_eq!((side.take_packet(), side.heard.len()), (None, 0));
}
