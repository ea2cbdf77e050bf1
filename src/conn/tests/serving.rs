//! What a service is called for, when, and how it hears of the end.

use super::*;
use crate::error::Kind;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Tells the test what it is called for, and does what `plan` says.
struct Told {
    tell: Sender<String>,
    plan: Plan,
    paused: bool,
}

/// What a service of these tests does.
#[derive(Clone, Copy, Default)]
struct Plan {
    /// Says so much more each time the client has taken what it said before, and finishes at the end of this many.
    stream: Option<(usize, u32)>,
    /// Pauses after the first bytes, until a message comes.
    pauses: bool,
    /// Answers the client's end with `Continue`.
    goes_on: bool,
    /// Answers bytes with this.
    verdict: Option<Verdict>,
}

impl Told {
    fn say(&self, text: impl Into<String>) {
        let _ = self.tell.send(text.into());
    }
}

impl Service for Told {
    fn open(&mut self, opened: &Opened<'_>, out: &mut Vec<u8>) -> Verdict {
        self.say(format!("open {}", opened.id));
        if let Some((size, _)) = self.plan.stream {
            out.extend(pattern(size));
        }
        Verdict::Continue
    }

    fn data(&mut self, input: &[u8], _: &mut Vec<u8>) -> Verdict {
        self.say(format!("data {}", input.len()));
        self.paused = self.plan.pauses;
        self.plan.verdict.unwrap_or(Verdict::Continue)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Verdict {
        self.say("end");
        out.extend(b"still here");
        if self.plan.goes_on {
            Verdict::Continue
        } else {
            Verdict::Finish
        }
    }

    fn writable(&mut self, out: &mut Vec<u8>) -> Verdict {
        assert!(out.is_empty(), "all of it went");
        self.say("writable");
        if let Some((size, times)) = &mut self.plan.stream {
            if *times == 0 {
                return Verdict::Finish;
            }
            *times -= 1;
            out.extend(pattern(*size));
        }
        Verdict::Continue
    }

    fn message(&mut self, message: Message, out: &mut Vec<u8>) -> Verdict {
        let verdict = message.downcast::<Verdict>().expect("sent by a test");
        self.say(format!("message beside {}", out.len()));
        self.paused = false;
        *verdict
    }

    fn is_paused(&self) -> bool {
        self.paused
    }

    fn closed(&mut self, end: Result<(), &Error>) {
        self.say(match end {
            Ok(()) => "closed".to_owned(),
            Err(error) => format!("closed {:?}", error.kind()),
        });
    }
}

fn world(shape: Shape, plan: Plan) -> (World, Receiver<String>) {
    let (tell, told) = channel();
    let make = move || -> Box<dyn Service> {
        Box::new(Told {
            tell: tell.clone(),
            plan,
            paused: false,
        })
    };
    let answers = Answers::Service(Arc::new(make));
    let world = World::new(shape, Security::Tls(context()), answers, true);
    (world, told)
}

/// Everything it was told by now, repetitions once.
fn story(told: &Receiver<String>) -> Vec<String> {
    let mut story: Vec<String> = told.try_iter().collect();
    story.dedup();
    story
}

impl World {
    fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("there")
    }

    fn until_open(&mut self) {
        self.until("the service's start", |world| {
            world.conn.state == State::Open
        });
    }

    /// Turns until everything that can happen by itself has.
    fn settle(&mut self) {
        (0..2_000).for_each(|_| self.turn());
    }
}

#[test]
fn a_long_answer_is_said_piece_by_piece_as_the_client_takes_it() {
    for shape in SHAPES {
        let size = volume(shape, 30_000).len();
        let plan = Plan {
            stream: Some((size, 4)),
            ..Plan::default()
        };
        let (mut world, told) = world(shape, plan);
        let mut got = Vec::new();
        world.until("a clean end", |world| {
            assert!(
                world.conn.held.len() <= size,
                "one piece is held at the most"
            );
            world.client().read(&mut got) == Some(true)
        });
        assert_eq!(got.len(), 5 * size);
        let calls: Vec<String> = told.try_iter().collect();
        let writable = calls.iter().filter(|call| *call == "writable").count();
        assert_eq!(writable, 5, "once for each piece: {calls:?}");
        assert_eq!(calls.last().map(String::as_str), Some("closed"));
    }
}

#[test]
fn an_answer_without_end_leaves_others_their_turn() {
    let shape = Shape {
        chunk: usize::MAX,
        window: usize::MAX,
        stutter: false,
    };
    let plan = Plan {
        stream: Some((1, u32::MAX)),
        ..Plan::default()
    };
    let (mut world, _told) = world(shape, plan);
    world.until_open();
    let before = world.work.counters.bytes_out.value();
    assert_eq!(world.conn.step(world.now, &mut world.work), Next::Again);
    let moved = world.work.counters.bytes_out.value() - before;
    assert!((1..100).contains(&moved), "{moved} pieces in one step");
}

#[test]
fn a_client_of_a_paused_service_is_not_read_until_it_goes_on() {
    for shape in SHAPES {
        let plan = Plan {
            pauses: true,
            ..Plan::default()
        };
        let (mut world, told) = world(shape, plan);
        world.until_open();
        let mut sent = 0;
        world.until("the first byte", |world| {
            sent += world.client().write(&b"a"[sent..]);
            sent == 1
        });
        world.settle();
        assert_eq!(story(&told), ["open 1", "data 1"]);
        sent = 0;
        world.until("more bytes", |world| {
            sent += world.client().write(&b"b"[sent..]);
            sent == 1
        });
        world.client().close();
        world.settle();
        assert!(story(&told).is_empty(), "neither bytes nor the end");
        let now = world.now;
        world
            .conn
            .tell(Box::new(Verdict::Continue), &mut world.work);
        if shape.stutter || shape.chunk < CAPACITY {
            world.settle();
        } else {
            // Nothing is announced again, and still it is read.
            while world.conn.step(now, &mut world.work) == Next::Again {}
        }
        let heard = story(&told);
        assert_eq!(heard[..2], ["message beside 0", "data 1"], "{heard:?}");
        world
            .conn
            .tell(Box::new(Verdict::Continue), &mut world.work);
        world.until("a clean end", |world| {
            world.client().read(&mut Vec::new()) == Some(true)
        });
        world.until("the close", |world| world.closed);
        assert_eq!(story(&told), ["message beside 0", "end", "closed"]);
    }
}

#[test]
fn after_the_clients_end_a_service_may_say_more() {
    for shape in SHAPES {
        let plan = Plan {
            goes_on: true,
            ..Plan::default()
        };
        let (mut world, told) = world(shape, plan);
        world.until_open();
        world.client().close();
        let mut got = Vec::new();
        world.until("the last words", |world| {
            assert_eq!(world.client().read(&mut got), None, "no end yet");
            got.len() == 10
        });
        world.settle();
        assert_eq!(story(&told), ["open 1", "end", "writable"]);
        assert!(!world.closed);
        world.conn.tell(Box::new(Verdict::Finish), &mut world.work);
        world.until("a clean end", |world| {
            world.client().read(&mut got) == Some(true)
        });
        world.until("the close", |world| world.closed);
        assert_eq!(story(&told), ["message beside 0", "closed"]);
    }
}

#[test]
fn a_message_finds_what_waits_and_one_that_comes_too_late_is_dropped() {
    let shape = Shape {
        window: 100,
        ..SHAPES[2]
    };
    let plan = Plan {
        stream: Some((CAPACITY * 2, 1)),
        ..Plan::default()
    };
    let (mut world, told) = world(shape, plan);
    let mut got = Vec::new();
    world.until("the beginning", |world| {
        world.client().read(&mut got);
        got.len() > 1000
    });
    world.conn.tell(Box::new(Verdict::Cut), &mut world.work);
    let story_so_far = story(&told);
    let beside = story_so_far[1].strip_prefix("message beside ");
    let beside: usize = beside.expect("told").parse().expect("a number");
    assert!((1..CAPACITY * 2).contains(&beside), "{beside}");
    world.conn.tell(Box::new("too late"), &mut world.work);
    let mut end = None;
    world.until("an end at the client", |world| {
        end = world.client().read(&mut Vec::new());
        end.is_some()
    });
    assert_eq!(end, Some(false), "a cut");
    assert_eq!(story(&told), ["closed Closed"]);
}

#[test]
fn a_service_hears_once_why_its_connection_is_over() {
    let verdict = |verdict| Plan {
        verdict: Some(verdict),
        ..Plan::default()
    };
    let end = |plan: Plan, act: &dyn Fn(&mut World)| {
        let (mut world, told) = world(SHAPES[2], plan);
        world.until_open();
        act(&mut world);
        world.settle();
        drop(world);
        let mut ends = story(&told);
        ends.retain(|call| call.starts_with("closed"));
        ends
    };
    let ask = |world: &mut World| assert_eq!(world.client().write(b"x"), 1);
    assert_eq!(end(verdict(Verdict::Finish), &ask), ["closed"]);
    assert_eq!(end(verdict(Verdict::Cut), &ask), ["closed Closed"]);
    let bow = |world: &mut World| world.client().close();
    assert_eq!(end(Plan::default(), &bow), ["closed"]);
    let vanish = |world: &mut World| drop(world.client.take());
    assert_eq!(end(Plan::default(), &vanish), ["closed Closed"]);
    let babble = |world: &mut World| {
        let Some(Client::Tls { channel, .. }) = &mut world.client else {
            panic!("a TLS client");
        };
        let stream = channel.stream();
        stream.send(&[0; 50]).expect("room");
    };
    assert_eq!(end(Plan::default(), &babble), ["closed Peer"]);
    let stop = |world: &mut World| world.conn.end(world.now);
    assert_eq!(end(Plan::default(), &stop), ["closed Timeout"]);
    let forget = |world: &mut World| world.close();
    assert_eq!(end(Plan::default(), &forget), ["closed Closed"]);
}

#[test]
fn a_client_that_is_gone_altogether_is_no_reason_to_wait_for_a_service_that_goes_on() {
    let plan = Plan {
        goes_on: true,
        ..Plan::default()
    };
    let (mut world, told) = world(SHAPES[2], plan);
    world.until_open();
    world.client().close();
    world.settle();
    world.conn.announce_wire(Readiness {
        hung_up: true,
        failed: true,
        ..READY
    });
    assert_eq!(world.conn.step(world.now, &mut world.work), Next::Close);
    let last = format!("closed {:?}", Kind::Io);
    assert_eq!(story(&told).last(), Some(&last));
}
