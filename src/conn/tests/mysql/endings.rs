//! How a connection of MySQL's protocol ends, before its client is in and after.

use super::*;

/// Ends without a close-notify.
fn cut(end: &mut Client) {
    let Client::Tls { channel, .. } = end else {
        panic!("no TLS");
    };
    channel.stream().shut_write().expect("open");
}

#[test]
fn a_server_that_turns_the_client_away_is_heard_whole() {
    let full = error(0, 1040, "Too many connections");
    let denied = |number| error(number, 1045, "#28000Access denied for user 'alice'@'%'");
    for shape in SHAPES {
        let setup = Setup {
            tls: true,
            ..Setup::default()
        };
        let mut play = Play::new(shape, setup);
        play.down(&full, b"");
        drop(play.world.backend.take());
        assert_eq!(play.end(), (full.clone(), true));

        let mut play = Play::new(shape, setup);
        play.down(&greeting(false), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        play.up(&response(2, true), &response(1, false));
        play.down(&denied(2), b"");
        drop(play.world.backend.take());
        assert_eq!(play.end(), (denied(3), true));
    }
}

#[test]
fn without_a_server_the_client_is_told_so_and_not_where_it_is() {
    let setup = Setup {
        tls: true,
        ..Setup::default()
    };
    for shape in SHAPES {
        let mut play = Play::new(shape, setup);
        let next = play.world.conn.step(play.world.now, &mut play.world.work);
        assert_eq!(next, Next::Connect);
        let why = "connect to backend '192.0.2.1:3306': connection refused";
        let (now, work) = (play.world.now, &mut play.world.work);
        play.world.conn.backend_failed(why, now, work);
        assert_eq!(play.end(), (error(0, 1429, UNREACHABLE), true));
        assert_eq!(play.failures(), 1);

        let mut play = Play::new(shape, setup);
        play.down(&greeting(true)[..20], b"");
        play.world
            .backend
            .as_mut()
            .expect("there")
            .shut_write()
            .expect("open");
        assert_eq!(play.end(), (error(0, 1429, UNREACHABLE), true));
        play.servers_end();
        assert_eq!(play.failures(), 1);
    }
}

#[test]
fn a_server_without_the_tls_that_it_should_have_is_not_the_clients_to_hear_of() {
    let setup = Setup {
        tls: true,
        onward: Some(Request::MySql),
        ..Setup::default()
    };
    for shape in SHAPES {
        let mut play = Play::new(shape, setup);
        play.down(&greeting(false), b"");
        assert_eq!(play.end(), (error(0, 1429, UNREACHABLE), true));
        assert_eq!(play.failures(), 1);

        // It says that it has TLS, and then speaks something else.
        let mut play = Play::new(shape, setup);
        play.down(&greeting(true), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        play.asks_server(&response(2, true));
        play.down(b"plain", b"");
        let text = format!("#HY000{UNREACHABLE}");
        assert_eq!(play.end(), (error(3, 1429, &text), true));
        assert_eq!(play.failures(), 1);
    }
}

#[test]
fn a_client_that_goes_takes_its_backend_along() {
    for shape in SHAPES {
        for said in [&b""[..], b"\x20\0"] {
            let mut play = Play::new(shape, Setup::default());
            play.down(&greeting(true), &greeting(false));
            play.up(said, b"");
            play.client().close();
            assert_eq!(play.end(), (Vec::new(), true));
            play.servers_end();
            play.until("the close", |play| play.world.closed);
        }
    }
}

#[test]
fn an_end_without_a_close_notify_is_an_end_as_peers_of_mysql_have_no_other() {
    let setup = Setup {
        tls: true,
        onward: Some(Request::MySql),
        ..Setup::default()
    };
    for shape in SHAPES {
        for client_first in [true, false] {
            let mut play = Play::new(shape, setup);
            play.down(&greeting(true), &greeting(true));
            play.up(&request(1), b"");
            play.client_starts_tls();
            play.asks_server(&response(2, true));
            play.server_starts_tls();
            play.up(b"", &response(2, true));
            play.down(&ok(3), &ok(3));
            play.up(b"\x01\0\0\0\x01", b"\x01\0\0\0\x01");
            if client_first {
                cut(play.client());
                play.until("a clean end at the server", |play| {
                    play.read(&mut Vec::new()) == Some(true)
                });
                cut(play.server.as_mut().expect("there"));
            } else {
                cut(play.server.as_mut().expect("there"));
            }
            let (said, clean) = play.end();
            assert!(said.is_empty() && (clean || client_first));
            if !client_first {
                cut(play.client());
            }
            play.until("the close", |play| play.world.closed);
        }
    }
}

#[test]
fn a_server_that_cuts_its_stream_has_ended_for_a_client_without_tls_too() {
    for shape in SHAPES {
        let setup = Setup {
            onward: Some(Request::MySql),
            ..Setup::default()
        };
        let mut play = Play::new(shape, setup);
        play.down(&greeting(true), &greeting(false));
        play.asks_server(&response(1, false));
        play.server_starts_tls();
        play.up(b"", &response(2, true));
        play.down(&ok(3), &ok(2));
        cut(play.server.as_mut().expect("there"));
        assert_eq!(play.end(), (Vec::new(), true));
        assert!(!play.world.client_was_reset());
    }
}

#[test]
fn a_client_that_cuts_its_stream_before_it_is_in_is_gone() {
    for shape in SHAPES {
        let setup = Setup {
            tls: true,
            ..Setup::default()
        };
        let mut play = Play::new(shape, setup);
        play.down(&greeting(false), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        play.up(&response(2, true), &response(1, false));
        cut(play.client());
        play.servers_end();
        play.end();
        play.until("the close", |play| play.world.closed);
        assert_eq!(play.failures(), 0);
    }
}

#[test]
fn a_client_that_says_nothing_has_the_time_of_a_handshake() {
    let mut play = Play::new(
        SHAPES[2],
        Setup {
            tls: true,
            ..Setup::default()
        },
    );
    play.down(&greeting(false), &greeting(true));
    let deadline = play.world.conn.deadline().expect("one");
    assert!(play.world.conn.is_handshaking());
    play.world.now += Duration::from_secs(1);
    play.up(&request(1), b"");
    play.client_starts_tls();
    play.until("the handshake", |play| {
        play.world.conn.state == State::Mediating && play.world.conn.wire.channel().is_some()
    });
    play.world.now += Duration::from_secs(1);
    play.world.turn();
    play.world.conn.tend(play.world.now, &mut play.world.work); // tickets
    assert_eq!(play.world.conn.deadline(), Some(deadline));
    play.world.conn.expire(deadline, &mut play.world.work);
    play.until("the close", |play| play.world.closed);
    play.servers_end();
}

#[test]
fn a_client_that_goes_before_the_greeting_is_not_waited_for() {
    let mut play = Play::new(SHAPES[2], Setup::default());
    play.until("a backend", |play| {
        play.world.conn.state == State::Mediating
    });
    while play.world.conn.step(play.world.now, &mut play.world.work) != Next::Wait {}
    drop(play.world.client.take());
    play.world.conn.announce_wire(Readiness {
        hung_up: true,
        ..READY
    });
    for _ in 0..4 {
        if play.world.conn.step(play.world.now, &mut play.world.work) == Next::Close {
            return;
        }
    }
    panic!("it waits for the server");
}

#[test]
fn a_server_that_says_nothing_is_given_up_and_the_client_told() {
    let mut play = Play::new(SHAPES[2], Setup::default());
    play.until("a connection", |play| play.world.backend.is_some());
    play.world.turn();
    let deadline = play.world.conn.deadline().expect("one");
    play.world.conn.expire(deadline, &mut play.world.work);
    assert_eq!(play.end(), (error(0, 1429, UNREACHABLE), true));
    assert_eq!(play.failures(), 1);
}

#[test]
fn the_time_for_a_password_begins_anew_with_each_packet() {
    let mut play = Play::in_tls(SHAPES[2]);
    for number in [2, 4] {
        play.world.now += Duration::from_secs(1);
        play.down(
            &packet(number, b"\x04Password:"),
            &packet(number + 1, b"\x04Password:"),
        );
        let limit = play.world.conn.terms().handshake.expect("a limit");
        assert_eq!(play.world.conn.deadline(), Some(play.world.now + limit));
        play.up(&packet(number + 2, b"x"), &packet(number + 1, b"x"));
    }
}
