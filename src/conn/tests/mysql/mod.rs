//! MySQL's protocol: the server speaks first, and a mediator stands between the two until the client is in.

use super::*;
use crate::conn::{Onward, Request};
use crate::preface::mysql::testing::{error, greeting, ok, packet, request, response};
use crate::settings::ProxyProtocol;

mod endings;

const UNREACHABLE: &str = "Unable to connect to foreign data source: no MySQL server answers here";

/// What an endpoint and its backend are like.
#[derive(Clone, Copy, Default)]
struct Setup {
    /// Whether clients are offered TLS.
    tls: bool,
    /// Whether they have to take it.
    secure: bool,
    /// How the backend is asked for it.
    onward: Option<Request>,
    introduced: bool,
}

/// A world with a backend that may speak TLS, too.
struct Play {
    world: World,
    /// The backend, once it shakes hands.
    server: Option<Client>,
}

fn onward(request: Request) -> Arc<Onward> {
    static ONWARD: OnceLock<Vec<Arc<Onward>>> = OnceLock::new();
    let all = ONWARD.get_or_init(|| {
        [
            (Request::MySql, "mysql+tls://localhost", "verify-full"),
            (Request::MySqlOrClear, "mysql+tls://localhost", "prefer"),
            (Request::None, "tls://localhost:3306", "verify-full"),
        ]
        .map(|(request, backend, mode)| {
            super::hop::onward(backend, request, &[("backend.sslmode", mode)])
        })
        .to_vec()
    });
    let found = all.iter().find(|onward| onward.request == request);
    Arc::clone(found.expect("one of these"))
}

impl Play {
    /// With a client from elsewhere.
    fn new(shape: Shape, setup: Setup) -> Play {
        let mut play = Play::local(shape, setup);
        play.world.conn.peer = Peer::Ip(([192, 0, 2, 7], 50_000).into());
        play
    }

    /// With a client that has gone over to TLS and has answered the greeting.
    fn in_tls(shape: Shape) -> Play {
        let tls = true;
        let mut play = Play::new(
            shape,
            Setup {
                tls,
                ..Setup::default()
            },
        );
        play.down(&greeting(false), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        play.up(&response(2, true), &response(1, false));
        play
    }

    /// With a client on a unix socket.
    fn local(shape: Shape, setup: Setup) -> Play {
        let security = Security::MySql {
            context: setup.tls.then(context),
            secure: setup.secure,
        };
        let timeouts = Settings::default().timeouts;
        let mut terms = Terms::new(String::new(), security, Answers::Backend, &timeouts);
        terms.ways[0].onward = setup.onward.map(onward);
        if setup.introduced {
            terms.proxy_protocol = ProxyProtocol::V1;
        }
        Play {
            world: World::on(terms, shape, None),
            server: None,
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Play) -> bool) {
        for _ in 0..2_000_000 {
            if done(self) {
                return;
            }
            self.world.turn();
            if let Some(server) = &mut self.server {
                server.turn();
            }
        }
        panic!("{what} did not happen with {:?}", self.world.shape);
    }

    fn client(&mut self) -> &mut Client {
        self.world.client.as_mut().expect("there")
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        match (&mut self.server, &mut self.world.backend) {
            (Some(server), _) => server.write(bytes),
            (None, Some(pipe)) => pipe.write(bytes).unwrap_or(0),
            (None, None) => 0,
        }
    }

    fn read(&mut self, got: &mut Vec<u8>) -> Option<bool> {
        if let Some(server) = &mut self.server {
            return server.read(got);
        }
        match self.world.backend_reads(got) {
            Some(Ok(0)) => Some(true),
            _ => None,
        }
    }

    /// The server says this, and the client hears that and nothing more.
    fn down(&mut self, said: &[u8], heard: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the server's bytes", |play| {
            sent += play.write(&said[sent..]);
            play.client().read(&mut got);
            sent == said.len() && got.len() >= heard.len()
        });
        assert_eq!(got, heard);
    }

    /// The client says this, and the server hears that and nothing more.
    fn up(&mut self, said: &[u8], heard: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the client's bytes", |play| {
            sent += play.client().write(&said[sent..]);
            play.read(&mut got);
            sent == said.len() && got.len() >= heard.len()
        });
        assert_eq!(got, heard);
    }

    /// The client says this, and the server hears a request for TLS, behind which it reads nothing yet.
    fn asks_server(&mut self, said: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("a request for TLS", |play| {
            sent += play.client().write(&said[sent..]);
            let mut buf = [0; 36];
            if let Some(pipe) = &mut play.world.backend {
                let count = pipe.read(&mut buf[got.len()..]).unwrap_or(0);
                let from = got.len();
                got.extend_from_slice(&buf[from..from + count]);
            }
            got.len() == buf.len()
        });
        assert_eq!(got, request(1));
    }

    fn client_starts_tls(&mut self) {
        self.world.client_starts_tls();
    }

    fn server_starts_tls(&mut self) {
        let pipe = self.world.backend.take().expect("there");
        let mut stream = Stream::new(Box::new(pipe));
        stream.lend(|| Buffer::new(CAPACITY));
        self.server = Some(Client::Tls {
            channel: Channel::accept(&context(), stream).expect("memory"),
            connected: false,
        });
    }

    /// The rest of what the client hears, and whether it ends cleanly.
    fn end(&mut self) -> (Vec<u8>, bool) {
        self.world.client_hears_all()
    }

    fn servers_end(&mut self) {
        let mut got = Vec::new();
        self.until("the end at the backend", |play| {
            play.read(&mut got).is_some()
        });
        assert_eq!(got, b"");
    }

    fn relays(&mut self) {
        let (up, down) = (
            volume(self.world.shape, 30_000),
            volume(self.world.shape, 40_001),
        );
        self.up(&up, &up);
        self.down(&down, &down);
        assert_eq!(self.world.conn.state, State::Open);
        self.client().close();
        self.servers_end();
    }

    fn failures(&self) -> u64 {
        self.world.work.counters.backend_failures.value()
    }
}

#[test]
fn a_client_in_tls_gets_in_with_a_server_without() {
    for shape in SHAPES {
        let mut play = Play::in_tls(shape);
        let switch = b"\xfemysql_native_password\0scramble\0";
        play.down(&packet(2, switch), &packet(3, switch));
        play.up(&packet(4, b"hash"), &packet(3, b"hash"));
        play.down(&ok(4), &ok(5));
        play.relays();
    }
}

#[test]
fn whoever_speaks_tls_and_whoever_does_not_every_two_get_together() {
    for shape in SHAPES {
        for (client, server) in [(false, false), (false, true), (true, true), (true, false)] {
            for asked in [Request::MySql, Request::MySqlOrClear] {
                let onward = (server || asked == Request::MySqlOrClear).then_some(asked);
                let mut play = Play::new(
                    shape,
                    Setup {
                        tls: true,
                        onward,
                        ..Setup::default()
                    },
                );
                play.down(&greeting(server), &greeting(true));
                let (mut mine, mut theirs) = (1, 1);
                if client {
                    play.up(&request(1), b"");
                    play.client_starts_tls();
                    mine += 1;
                }
                if server {
                    play.asks_server(&response(mine, client));
                    play.server_starts_tls();
                    theirs += 1;
                    play.up(b"", &response(theirs, true));
                } else {
                    play.up(&response(mine, client), &response(theirs, false));
                }
                play.down(
                    &packet(theirs + 1, b"\x01\x03"),
                    &packet(mine + 1, b"\x01\x03"),
                );
                play.down(&ok(theirs + 2), &ok(mine + 2));
                play.relays();
                assert_eq!(play.failures(), 0);
            }
        }
    }
}

#[test]
fn a_server_inside_tls_from_the_first_byte_is_mediated_with_as_well() {
    for shape in SHAPES {
        let mut play = Play::new(
            shape,
            Setup {
                tls: true,
                onward: Some(Request::None),
                ..Setup::default()
            },
        );
        play.until("a connection", |play| play.world.backend.is_some());
        play.server_starts_tls();
        play.down(&greeting(false), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        play.up(&response(2, true), &response(1, false));
        play.down(&ok(2), &ok(3));
        play.relays();
    }
}

#[test]
fn commands_that_come_before_the_ok_are_heard_behind_it() {
    let command = packet(0, b"\x03SELECT 1");
    for shape in SHAPES {
        let mut play = Play::new(
            shape,
            Setup {
                tls: true,
                ..Setup::default()
            },
        );
        play.down(&greeting(false), &greeting(true));
        play.up(&request(1), b"");
        play.client_starts_tls();
        let said = [response(2, true), command.clone()].concat();
        play.up(&said, &response(1, false));
        play.down(
            &[ok(2), b"more".to_vec()].concat(),
            &[ok(3), b"more".to_vec()].concat(),
        );
        play.up(b"", &command);
        play.relays();

        // Only the server speaks TLS: the command waits for its OK.
        let mut play = Play::new(
            shape,
            Setup {
                onward: Some(Request::MySql),
                ..Setup::default()
            },
        );
        play.down(&greeting(true), &greeting(false));
        play.asks_server(&[response(1, false), command.clone()].concat());
        play.server_starts_tls();
        play.up(b"", &response(2, true));
        play.down(&ok(3), &ok(2));
        play.up(b"", &command);
        play.relays();
    }
}

#[test]
fn a_client_that_talks_without_end_before_the_ok_gives_others_their_turn() {
    let mut play = Play::in_tls(SHAPES[2]);
    while play.world.conn.step(play.world.now, &mut play.world.work) != Next::Wait {}
    let Client::Tls { channel, .. } = play.client() else {
        panic!("it speaks TLS");
    };
    let packets = packet(4, b"").repeat(4000);
    for _ in 0..32 {
        assert!(matches!(channel.write(&packets), Ok(Outcome::Done(_))));
        assert!(channel.stream().flush().expect("room"));
    }
    play.world.conn.announce_wire(READY);
    let next = play.world.conn.step(play.world.now, &mut play.world.work);
    assert_eq!(next, Next::Again, "all of it in one step");
    assert_eq!(play.world.conn.state, State::Mediating);
}

#[test]
fn who_has_to_speak_tls_is_told_so_and_the_server_hears_nothing_of_it() {
    let setup = Setup {
        tls: true,
        secure: true,
        ..Setup::default()
    };
    let insecure = "#HY000Connections using insecure transport are prohibited while \
                    --require_secure_transport=ON.";
    for shape in SHAPES {
        let mut play = Play::new(shape, setup);
        play.down(&greeting(false), &greeting(true));
        play.up(&response(1, false), b"");
        assert_eq!(play.end(), (error(2, 3159, insecure), true));
        play.servers_end();

        let mut play = Play::local(shape, setup);
        play.down(&greeting(false), &greeting(true));
        play.up(&response(1, false), &response(1, false));
        play.down(&ok(2), &ok(2));
        play.relays();
    }
}

#[test]
fn what_comes_in_the_clear_behind_a_request_for_tls_is_no_handshake_and_never_a_packet() {
    for shape in SHAPES {
        let mut play = Play::new(
            shape,
            Setup {
                tls: true,
                ..Setup::default()
            },
        );
        play.down(&greeting(false), &greeting(true));
        play.up(&[request(1), response(2, false)].concat(), b"");
        let (said, clean) = play.end();
        assert!(said.is_empty() || said[0] == 0x15, "an alert");
        assert!(clean);
        play.servers_end();
        let failures = &play.world.work.counters.failures;
        assert_eq!(failures.iter().map(Counter::value).sum::<u64>(), 1);
    }
}

#[test]
fn an_introduction_does_not_wait_for_a_client_that_waits_for_the_server() {
    for shape in SHAPES {
        for onward in [None, Some(Request::MySql)] {
            let mut play = Play::new(
                shape,
                Setup {
                    tls: true,
                    introduced: true,
                    onward,
                    ..Setup::default()
                },
            );
            play.up(b"", b"PROXY UNKNOWN\r\n");
            play.down(&greeting(true), &greeting(true));
        }
    }
}
