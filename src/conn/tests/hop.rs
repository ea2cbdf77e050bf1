//! TLS with the backend as well: how it comes about, and that nothing of what holds between the two ends is lost.

use super::*;
use crate::conn::{Onward, Request};
use crate::settings::{Builder, ProxyProtocol};

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

/// A worker's side towards a backend with the identity of these tests; `options` are what is different.
pub(super) fn onward(backend: &str, request: Request, options: &[(&str, &str)]) -> Arc<Onward> {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, identity()).expect("writable");
    let mut builder = Builder::new(Settings::default());
    builder.set("backend", backend, Origin::Program);
    let authority = authority.to_str().expect("UTF-8");
    builder.set("backend.cafile", authority, Origin::Program);
    builder.begin_layer();
    for (name, value) in options {
        builder.set(name, value, Origin::Program);
    }
    let (settings, _) = builder.unchecked().expect("good settings");
    let (prepared, _) = Prepared::load(&settings).expect("good files");
    let to = settings.backend.as_ref().expect("a backend");
    Arc::new(Onward {
        dialer: prepared.dialer(to).expect("a context").expect("TLS"),
        request,
    })
}

/// TLS from the first byte on.
fn at_once() -> Arc<Onward> {
    static ONWARD: OnceLock<Arc<Onward>> = OnceLock::new();
    let make = || onward("tls://localhost:5432", Request::None, &[]);
    Arc::clone(ONWARD.get_or_init(make))
}

/// TLS after PostgreSQL's request.
fn asking() -> Arc<Onward> {
    static ONWARD: OnceLock<Arc<Onward>> = OnceLock::new();
    let make = || onward("postgres+tls://localhost", Request::PostgreSql, &[]);
    Arc::clone(ONWARD.get_or_init(make))
}

/// A connection whose backend speaks TLS.
struct Chain {
    world: World,
    /// What a backend is to hear before TLS, and what it has heard of that.
    before: (Vec<u8>, Vec<u8>),
    /// What it says then.
    answer: &'static [u8],
    /// The backend, once it shakes hands.
    server: Option<Client>,
    /// With which context.
    context: Arc<Context>,
}

impl Chain {
    /// With a client that speaks TLS up to `version`, or none.
    fn new(shape: Shape, version: Option<SslVersion>, onward: &Arc<Onward>) -> Chain {
        Chain::introduced(shape, version, onward, ProxyProtocol::Off)
    }

    /// With a backend that is told of its client.
    fn introduced(
        shape: Shape,
        version: Option<SslVersion>,
        onward: &Arc<Onward>,
        proxy_protocol: ProxyProtocol,
    ) -> Chain {
        let security = match version {
            Some(_) => Security::Tls(context()),
            None => Security::Plain,
        };
        let endpoint = "http+ssl://test:1".into();
        let timeouts = Settings::default().timeouts;
        let way = Way {
            spoken: None,
            answers: Answers::Backend,
            name: "localhost:5432".into(),
            onward: Some(Arc::clone(onward)),
        };
        let terms = Terms {
            proxy_protocol,
            ways: vec![way],
            ..Terms::new(endpoint, security, Answers::Backend, &timeouts)
        };
        let (request, answer) = match onward.request {
            Request::None => (&b""[..], &b""[..]),
            _ => (SSL_REQUEST, &b"S"[..]),
        };
        let told: &[u8] = match proxy_protocol {
            ProxyProtocol::Off => b"",
            _ => b"PROXY UNKNOWN\r\n",
        };
        Chain {
            world: World::on(terms, shape, version),
            before: ([told, request].concat(), Vec::new()),
            answer,
            server: None,
            context: context(),
        }
    }

    fn turn(&mut self) {
        self.world.turn();
        match &mut self.server {
            None => self.meet(),
            Some(server) => server.turn(),
        }
    }

    /// The backend's part before TLS.
    fn meet(&mut self) {
        let Some(pipe) = &mut self.world.backend else {
            return;
        };
        let (expected, heard) = &mut self.before;
        if heard.len() < expected.len() {
            let mut buf = [0; 64];
            let room = expected.len() - heard.len();
            let count = pipe.read(&mut buf[..room]).unwrap_or(0);
            heard.extend(&buf[..count]);
        }
        if heard != expected || !self.answer.is_empty() && pipe.write(self.answer).is_err() {
            return;
        }
        let pipe = self.world.backend.take().expect("just seen");
        let mut stream = Stream::new(Box::new(pipe));
        stream.lend(|| Buffer::new(CAPACITY));
        self.server = Some(Client::Tls {
            channel: Channel::accept(&self.context, stream).expect("memory"),
            connected: false,
        });
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Chain) -> bool) {
        for _ in 0..2_000_000 {
            if done(self) {
                return;
            }
            self.turn();
        }
        panic!("{what} did not happen with {:?}", self.world.shape);
    }

    fn client(&mut self) -> &mut Client {
        self.world.client.as_mut().expect("there")
    }

    fn client_says(&mut self, bytes: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the client's bytes", |chain| {
            sent += chain.client().write(&bytes[sent..]);
            if let Some(server) = &mut chain.server {
                server.read(&mut got);
            }
            got.len() >= bytes.len()
        });
        assert_eq!(got, bytes);
    }

    fn server_says(&mut self, bytes: &[u8]) {
        let (mut sent, mut got) = (0, Vec::new());
        self.until("the backend's bytes", |chain| {
            if let Some(server) = &mut chain.server {
                sent += server.write(&bytes[sent..]);
            }
            chain.client().read(&mut got);
            got.len() >= bytes.len()
        });
        assert_eq!(got, bytes);
    }

    /// How the client's stream ends: whether cleanly.
    fn clients_end(&mut self) -> bool {
        let mut end = None;
        self.until("an end at the client", |chain| {
            end = chain.client().read(&mut Vec::new());
            end.is_some()
        });
        end == Some(true) && !self.world.client_was_reset()
    }

    /// How the backend's stream ends: whether cleanly.
    fn servers_end(&mut self) -> bool {
        let mut end = None;
        self.until("an end at the backend", |chain| {
            let server = chain.server.as_mut().expect("there");
            end = server.read(&mut Vec::new());
            end.is_some()
        });
        end == Some(true)
    }

    fn server_closes(&mut self) {
        self.server.as_mut().expect("there").close();
    }

    fn closed(&mut self) {
        self.until("the close", |chain| chain.world.closed);
    }

    fn servers_channel(&mut self) -> &mut Channel {
        match &mut self.server {
            Some(Client::Tls { channel, .. }) => channel,
            _ => panic!("no TLS"),
        }
    }

    fn failures(&self) -> u64 {
        self.world.work.counters.backend_failures.value()
    }
}

/// Every shape of the streams, with a client in TLS and a clear one, and either way to TLS with the backend.
fn chains() -> impl Iterator<Item = Chain> {
    let ways = [at_once(), asking()].into_iter().flat_map(|onward| {
        let versions = [None, Some(SslVersion::TLS1_2), Some(SslVersion::TLS1_3)];
        versions.map(|version| (version, Arc::clone(&onward)))
    });
    ways.flat_map(|(version, onward)| SHAPES.map(|shape| Chain::new(shape, version, &onward)))
}

#[test]
fn bytes_arrive_whole_and_in_order_through_both_hops() {
    for mut chain in chains() {
        let shape = chain.world.shape;
        let (up, down) = (volume(shape, 50_000), volume(shape, 70_001));
        chain.client_says(&up);
        chain.server_says(&down);
        chain.client_says(b"x");
        assert_eq!(chain.failures(), 0);
        let counters = &chain.world.work.counters;
        assert_eq!(counters.bytes_in.value(), up.len() as u64 + 1);
        assert_eq!(counters.bytes_out.value(), down.len() as u64);
    }
}

#[test]
fn both_directions_may_be_full_at_once() {
    for shape in SHAPES {
        let mut chain = Chain::new(shape, Some(SslVersion::TLS1_3), &at_once());
        chain.client_says(b"hello");
        let bytes = volume(shape, 900_000);
        let (mut up, mut down) = ((0, Vec::new()), (0, Vec::new()));
        chain.until("both directions' bytes", |chain| {
            up.0 += chain.client().write(&bytes[up.0..]);
            chain.client().read(&mut down.1);
            let server = chain.server.as_mut().expect("there");
            down.0 += server.write(&bytes[down.0..]);
            server.read(&mut up.1);
            up.1.len() >= bytes.len() && down.1.len() >= bytes.len()
        });
        assert!(up.1 == bytes && down.1 == bytes);
    }
}

#[test]
fn a_client_that_ends_first_is_a_close_notify_to_the_backend_and_hears_the_answer() {
    for mut chain in chains() {
        chain.client_says(b"question");
        chain.client().close();
        assert!(chain.servers_end());
        let answer = volume(chain.world.shape, 40_000);
        chain.server_says(&answer);
        chain.server_closes();
        assert!(chain.clients_end());
        chain.closed();
    }
}

#[test]
fn a_backend_that_ends_first_still_hears_the_client() {
    for mut chain in chains() {
        chain.client_says(b"hello");
        chain.server_says(b"bye");
        chain.server_closes();
        assert!(chain.clients_end());
        let rest = volume(chain.world.shape, 30_000);
        chain.client_says(&rest);
        chain.client().close();
        assert!(chain.servers_end());
        chain.closed();
    }
}

#[test]
fn a_client_that_is_cut_off_is_a_reset_for_the_backend_and_no_close_notify() {
    for shape in SHAPES {
        let mut chain = Chain::new(shape, Some(SslVersion::TLS1_3), &at_once());
        chain.client_says(b"half of a ques");
        drop(chain.world.client.take());
        chain.until("the close", |chain| chain.world.closed);
        assert!(!chain.servers_end());
    }
}

#[test]
fn a_backend_that_ends_without_a_close_notify_is_a_cut_for_the_client() {
    for mut chain in chains() {
        chain.server_says(b"half of an answ");
        drop(chain.server.take());
        let clean = chain.clients_end();
        assert!(!clean, "{:?}", chain.world.shape);
    }
}

#[test]
fn a_backend_that_is_reset_is_a_cut_for_the_client() {
    for mut chain in chains() {
        chain.server_says(b"half of an answ");
        chain.servers_channel().stream().reset_on_close();
        drop(chain.server.take());
        assert!(!chain.clients_end());
    }
}

/// A server that was asked for TLS, and says this; what it is told then.
fn answered(shape: Shape, onward: &Arc<Onward>, answer: &[u8]) -> Chain {
    let mut chain = Chain::new(shape, Some(SslVersion::TLS1_3), onward);
    let mut asked = Vec::new();
    chain.world.until("the request", |world| {
        world.backend_reads(&mut asked);
        asked.len() >= SSL_REQUEST.len()
    });
    assert_eq!(asked, SSL_REQUEST);
    let mut sent = 0;
    chain.world.until("the answer", |world| {
        let backend = world.backend.as_mut().expect("there");
        match backend.write(&answer[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return true, // it has heard enough
        }
        sent == answer.len()
    });
    chain
}

#[test]
fn a_server_that_says_anything_but_yes_is_told_nothing_more() {
    let bare = onward(
        "postgres+tls://localhost",
        Request::PostgreSqlOrClear,
        &[("backend.sslmode", "prefer")],
    );
    for shape in SHAPES {
        let no: &[u8] = b"N";
        let others: [&[u8]; 4] = [b"E\0\0\0\x08FATAL\0", b"H", b"\0", b"s"];
        let all = others.map(|answer| (answer, &bare)).into_iter();
        for (answer, onward) in all.chain([(no, &asking())]) {
            let mut chain = answered(shape, onward, answer);
            assert!(!chain.world_ends(), "{answer:?}");
            assert_eq!(chain.failures(), 1, "{answer:?}");
            let mut told = Vec::new();
            let mut backend = chain.world.backend.take().expect("there");
            while let Ok(1..) = backend
                .read(&mut [0; 64])
                .inspect(|count| told.push(*count))
            {}
            assert_eq!(told.iter().sum::<usize>(), 0, "{answer:?}");
        }
    }
}

impl Chain {
    /// How the client's stream ends where the backend never shakes hands.
    fn world_ends(&mut self) -> bool {
        let mut end = None;
        self.world.until("an end at the client", |world| {
            end = world.client.as_mut().expect("there").read(&mut Vec::new());
            end.is_some()
        });
        end == Some(true) && !self.world.client_was_reset()
    }
}

impl World {
    /// Whether an end that the client has read is none in good order.
    pub(super) fn client_was_reset(&self) -> bool {
        matches!(&self.client, Some(Client::Clear(pipe)) if pipe.was_reset())
    }
}

#[test]
fn bytes_behind_the_answer_are_never_taken_for_bytes_in_tls() {
    let stuffed = b"S\x45\0\0\0\x08evil";
    for shape in SHAPES {
        let mut chain = answered(shape, &asking(), stuffed);
        assert!(!chain.world_ends());
        assert_eq!(chain.failures(), 1);
    }
    let both = onward("postgres+tls://localhost", Request::PostgreSqlOrClear, &[]);
    let mut chain = answered(SHAPES[2], &both, b"NE");
    assert!(!chain.world_ends());
    assert_eq!(chain.failures(), 1);
}

#[test]
fn a_server_without_tls_gets_the_bytes_as_they_are_where_that_will_do() {
    let onward = onward(
        "postgres+tls://localhost",
        Request::PostgreSqlOrClear,
        &[("backend.sslmode", "prefer")],
    );
    for shape in SHAPES {
        let mut chain = answered(shape, &onward, b"N");
        chain.world.client_says(&volume(shape, 20_000));
        chain.world.backend_says(&volume(shape, 20_000));
        assert_eq!(chain.failures(), 0);
        assert!(matches!(chain.world.conn.plain, Plain::Backend(_)));
        drop(chain.world.backend.take());
        assert!(chain.world_ends(), "an end is an end again");
    }
}

#[test]
fn a_silent_server_fails_at_the_deadline_that_began_with_connecting() {
    for onward in [asking(), at_once()] {
        let mut chain = Chain::new(SHAPES[2], None, &onward);
        let mut told = Vec::new();
        chain.world.until("the first words", |world| {
            world.backend_reads(&mut told);
            !told.is_empty()
        });
        let deadline = chain.world.now + Duration::from_secs(10);
        chain.world.now += Duration::from_secs(5);
        chain.world.turn();
        assert_eq!(chain.world.conn.deadline(), Some(deadline));
        let next = chain.world.conn.expire(deadline, &mut chain.world.work);
        assert_eq!(next, Next::Close);
        assert_eq!(chain.failures(), 1);
        chain.world.close();
        assert!(!chain.world_ends());
    }
}

#[test]
fn a_server_that_is_somebody_else_gets_nothing_of_the_clients() {
    let elsewhere = [("backend.server-name", "db.example")];
    let onward = onward("tls://localhost:5432", Request::None, &elsewhere);
    for shape in SHAPES {
        let mut chain = Chain::new(shape, Some(SslVersion::TLS1_3), &onward);
        let (mut sent, mut refused) = (0, false);
        let mut end = None;
        for _ in 0..2_000_000 {
            chain.world.turn();
            match &mut chain.server {
                None => chain.meet(),
                Some(Client::Tls { channel, .. }) if !refused => {
                    channel.stream().announce(READY);
                    // In TLS 1.3 the server is done before it hears what the client thinks of its certificate.
                    refused = channel.handshake().is_err();
                    refused |= channel.read(&mut [0; 64]).is_err();
                    let _ = channel.stream().flush();
                }
                Some(_) => {}
            }
            sent += chain.client().write(&b"secret"[sent..]);
            end = chain.client().read(&mut Vec::new());
            if end.is_some() {
                break;
            }
        }
        assert_eq!(end, Some(false));
        assert!(sent > 0);
        assert_eq!(chain.failures(), 1);
        let counters = &chain.world.work.counters;
        assert_eq!(counters.bytes_in.value(), 0);
    }
}

#[test]
fn the_version_of_the_client_is_mirrored() {
    let mirroring = [("backend.mirror-version", "true")];
    let mirror = onward("tls://localhost:5432", Request::None, &mirroring);
    let all = [SslVersion::TLS1_2, SslVersion::TLS1_3];
    for (version, name) in all.into_iter().zip(["TLSv1.2", "TLSv1.3"]) {
        for onward in [&mirror, &at_once()] {
            // A session of the other version is not in the way.
            for _ in 0..2 {
                let mut chain = Chain::new(SHAPES[2], Some(version), onward);
                chain.client_says(b"hello");
                chain.server_says(b"hello");
                let mirrors = Arc::ptr_eq(onward, &mirror);
                let spoken = chain.servers_channel().facts().protocol;
                assert_eq!(spoken, if mirrors { name } else { "TLSv1.3" });
            }
        }
    }
    let mut chain = Chain::new(SHAPES[2], None, &mirror);
    chain.client_says(b"hello");
    assert_eq!(chain.servers_channel().facts().protocol, "TLSv1.3");
}

#[test]
fn a_version_that_is_not_to_be_spoken_with_the_backend_is_not_mirrored() {
    let options = [
        ("backend.mirror-version", "true"),
        ("backend.min-protocol", "TLSv1.3"),
    ];
    let onward = onward("tls://localhost:5432", Request::None, &options);
    let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_2), &onward);
    assert!(!chain.world_ends());
    assert_eq!(chain.failures(), 1);
}

/// How a connection ends.
#[derive(Clone, Copy)]
enum End {
    InOrder,
    ClientCut,
    ServerCut,
}

/// Talks, ends in one way or another, and says whether the backend had a session to resume.
fn resumes(chain: &mut Chain, end: End) -> bool {
    chain.client_says(b"hello");
    chain.server_says(b"hello");
    let resumed = chain.servers_channel().is_resumed();
    match end {
        End::InOrder => {
            chain.client().close();
            chain.server_closes();
        }
        End::ClientCut => drop(chain.world.client.take()),
        End::ServerCut => {
            drop(chain.server.take());
            assert!(!chain.clients_end());
            drop(chain.world.client.take());
        }
    }
    chain.closed();
    resumed
}

#[test]
fn connections_to_the_backend_resume_sessions_of_earlier_ones() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let options = [("backend.max-protocol", version)];
        let onward = onward("tls://localhost:5432", Request::None, &options);
        let mut count = 0;
        for _ in 0..4 {
            let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
            count += u32::from(resumes(&mut chain, End::InOrder));
        }
        assert_eq!(count, 3, "{version}");
    }
    let off = [("backend.session-reuse", "off")];
    let onward = onward("tls://localhost:5432", Request::None, &off);
    for _ in 0..2 {
        let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
        assert!(!resumes(&mut chain, End::InOrder));
    }
}

#[test]
fn a_session_of_tls_13_is_used_once() {
    let onward = onward("tls://localhost:5432", Request::None, &[]);
    let new = || Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
    resumes(&mut new(), End::InOrder); // two tickets come of it
    let mut open = [new(), new(), new()];
    let resumed = open.each_mut().map(|chain| {
        chain.client_says(b"hello");
        chain.servers_channel().is_resumed()
    });
    assert_eq!(resumed, [true, true, false]);
}

#[test]
fn a_session_before_tls_13_is_used_until_the_server_cuts_a_connection_of_it() {
    let older = [("backend.max-protocol", "TLSv1.2")];
    let onward = onward("tls://localhost:5432", Request::None, &older);
    for (end, resumed) in [
        (End::ServerCut, false),
        (End::InOrder, false),
        (End::InOrder, true),
        (End::ServerCut, true),
        (End::InOrder, false),
    ] {
        let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
        assert_eq!(resumes(&mut chain, end), resumed);
    }
}

/// As curl does that speaks HTTP/2.
#[test]
fn a_client_that_cuts_its_connection_costs_no_session() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let options = [("backend.max-protocol", version)];
        let onward = onward("tls://localhost:5432", Request::None, &options);
        for resumed in [false, true, true, true, true] {
            let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
            assert_eq!(resumes(&mut chain, End::ClientCut), resumed, "{version}");
        }
    }
}

#[test]
fn an_idle_connection_holds_no_buffer_on_either_side() {
    let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &at_once());
    chain.client_says(&pattern(100_000));
    chain.server_says(&pattern(100_000));
    chain.turn();
    let Plain::Hop(hop) = &mut chain.world.conn.plain else {
        panic!("no TLS");
    };
    assert_eq!(hop.room(), 0, "the gathering buffer is back in the pool");
    assert!(!hop.stream().is_waiting());
}

#[test]
fn what_the_budget_leaves_unsent_goes_up_without_another_announcement() {
    let wide = Shape {
        chunk: 8 << 20,
        window: 8 << 20,
        stutter: false,
    };
    let question = pattern(1 << 20);
    let mut chain = Chain::new(wide, None, &at_once());
    chain.client_says(b"hello");
    assert_eq!(chain.client().write(&question), question.len());
    chain.world.conn.announce_wire(READY);
    let world = &mut chain.world;
    while matches!(world.conn.step(world.now, &mut world.work), Next::Again) {}
    let server = chain.server.as_mut().expect("there");
    let mut got = Vec::new();
    while got.len() < question.len() {
        let before = got.len();
        server.turn();
        server.read(&mut got);
        assert!(got.len() > before, "{before} bytes came");
    }
    assert_eq!(got, question);
}

#[test]
fn a_server_that_stops_ends_both_sides_in_good_order() {
    let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &at_once());
    chain.client_says(b"hello");
    chain.server_says(b"hello");
    chain.world.conn.end(chain.world.now);
    assert!(chain.clients_end());
    assert!(chain.servers_end());
}

#[test]
fn libssl_gives_both_sides_buffers_back_after_a_silence() {
    let mut chain = Chain::new(SHAPES[2], None, &at_once());
    chain.client_says(b"hello");
    let now = chain.world.now;
    chain.world.conn.keep_buffers(now);
    assert_eq!(chain.world.conn.in_use, Some(now + IN_USE));
    assert!(chain.world.conn.tend(now + IN_USE, &mut chain.world.work));
    assert_eq!(chain.world.conn.in_use, None);
}

#[test]
fn a_backend_is_told_of_its_client_before_tls() {
    for onward in [at_once(), asking()] {
        for shape in SHAPES {
            let version = Some(SslVersion::TLS1_3);
            let mut chain = Chain::introduced(shape, version, &onward, ProxyProtocol::V1);
            chain.client_says(b"hello");
            chain.server_says(b"hello");
            assert_eq!(chain.failures(), 0);
        }
    }
}

#[test]
fn direct_tls_needs_the_protocols_name() {
    let direct = [("backend.sslnegotiation", "direct")];
    let onward = onward("postgres+tls://localhost", Request::None, &direct);
    // The context of these tests agrees on http/1.1 alone.
    let mut chain = Chain::new(SHAPES[2], Some(SslVersion::TLS1_3), &onward);
    chain.until("the failure", |chain| chain.failures() == 1);
    assert!(!chain.clients_end());
}
