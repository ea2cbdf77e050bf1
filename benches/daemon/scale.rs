//! Many connections, and several kinds of work at once: handshakes beside thousands of idle connections, and small
//! messages beside handshakes that arrive at half the rate at which the server could take them.

use std::process::Stdio;
use std::time::Duration;

use super::kind::Kind;
use super::options::Options;
use super::row::Reading;
use super::samples::Series;
use super::setup::{Service, file_limit, words};
use super::subject::{Share, Subject};
use super::table::{align, explain_mark, figure, mark, ratio};
use super::tools::{Layout, Tools, progress};

/// Idle connections: through a proxy, and where one connection needs one descriptor.
const THROUGH: u32 = 9_000;
const INSIDE: u32 = 20_000;
/// Descriptors that the server and the load need for themselves.
const SPARE: u32 = 200;
/// Small messages, for a time so short that some rounds meet no disturbance: so many a second on a few connections, or
/// one after the other on as many as in the row of that name, which is all that the server can do.
const MESSAGES: [(&str, &str, Share); 2] = [
    (
        "4000 a second",
        "echo --rate 4000 --conns 4 --ms 100",
        Share::First,
    ),
    // They take all of the core that they can have: before others, they would leave them nothing.
    ("32 connections", "echo --conns 32 --ms 100", Share::All),
];
/// Begins before the messages and ends after them.
const HANDSHAKES_MS: &str = "400";
const HEAD_START: Duration = Duration::from_millis(120);

/// Measure, and print the tables.
pub(crate) fn run(tools: &Tools, options: &Options, kinds: &[Kind]) -> Result<(), String> {
    if options.wants("beside idle connections") {
        let lines: Vec<_> = kinds
            .iter()
            .map(|kind| beside_idle(tools, options, kind))
            .collect::<Result<_, _>>()?;
        progress("");
        let head = [
            "CPU of a full handshake, TLS 1.3",
            "alone, µs",
            "idle connections",
            "beside them, µs",
            "beside : alone",
        ];
        let table = align(head.map(str::to_owned).to_vec(), lines);
        println!("{}", explain_mark(table));
    }
    if options.wants("beside handshakes") {
        let kinds = kinds.iter().filter(|kind| !matches!(kind, Kind::With(_)));
        let lines: Vec<_> = kinds
            .flat_map(|kind| MESSAGES.map(|messages| (kind, messages)))
            .map(|(kind, messages)| beside_handshakes(tools, options, kind, messages))
            .collect::<Result<_, _>>()?;
        progress("");
        let head = [
            "64-byte round trip, p99",
            "messages",
            "quiet, µs",
            "server busy, ms/s",
            "handshakes, 1/s",
            "beside them, µs",
            "server busy, ms/s",
            "beside : quiet",
        ];
        println!("{}", align(head.map(str::to_owned).to_vec(), lines));
    }
    Ok(())
}

/// Full handshakes on a server that has nothing else, and on one that keeps a crowd.
fn beside_idle(tools: &Tools, options: &Options, kind: &Kind) -> Result<Vec<String>, String> {
    let possible = (file_limit() - SPARE) / if kind.is_proxy() { 2 } else { 1 };
    let wanted = if kind.is_proxy() { THROUGH } else { INSIDE };
    let count = wanted.min(possible);
    progress(&format!("{}: {count} connections", kind.name()));
    let [alone, beside] =
        [0, 1].map(|_| Subject::start(tools, kind, Service::P256, &Layout::apart()));
    let (alone, beside) = (alone?, beside?);
    let crowd = beside.crowd(count)?;
    let arguments = words(&["full", "--ms", &options.ms.to_string()]);
    let mut series = [Series::default(), Series::default()];
    let mut busy = [Series::default(), Series::default()];
    for round in 0..options.rounds() {
        let mut pair = [(&alone, 0), (&beside, 1)];
        pair.rotate_left(round % 2);
        for (subject, at) in pair {
            let reading = subject.load(&arguments)?;
            series[at].add(
                round,
                reading.number("cpu_ns") / reading.number("operations") / 1e3,
            );
            busy[at].add(round, reading.busy());
        }
    }
    crowd.finish()?;
    let [alone, beside] = [0, 1].map(|at| mark(figure(series[at].median()), busy[at].median()));
    Ok(vec![
        kind.title(),
        alone,
        count.to_string(),
        beside,
        ratio(&series[1].to(&series[0])),
    ])
}

/// Connections with small messages: alone, and while others open connections at half the rate that the server could do.
fn beside_handshakes(
    tools: &Tools,
    options: &Options,
    kind: &Kind,
    (name, messages, share): (&str, &str, Share),
) -> Result<Vec<String>, String> {
    progress(&format!("{}: small messages, {name}", kind.name()));
    let messages: Vec<_> = messages.split(' ').map(str::to_owned).collect();
    let subject = Subject::start(tools, kind, Service::P256, &Layout::apart())?;
    let mut most = Series::default();
    for round in 0..5 {
        most.add(
            round,
            subject.load(&words(&["full", "--ms", "200"]))?.rate(),
        );
    }
    let rate = (most.median() / 2.0) as u32;
    if let Share::First = share {
        subject.put_backend_first()?;
    }
    let say = || {
        subject
            .start_load(&messages, Stdio::null(), share)?
            .finish()
    };
    // So few at once that those that were late are no burst of their own.
    let handshakes = ["full", "--ms", HANDSHAKES_MS, "--conns", "16", "--rate"];
    let handshakes = [words(&handshakes), vec![rate.to_string()]].concat();
    let [mut quiet, mut beside] = [Side::default(), Side::default()];
    let mut arrived = Series::default();
    for round in 0..2 * options.rounds() {
        quiet.add(round, &say()?);
        // The messages are not to wait for the load's own work.
        let others = subject.start_load(&handshakes, Stdio::null(), Share::Rest)?;
        std::thread::sleep(HEAD_START);
        beside.add(round, &say()?);
        arrived.add(round, others.finish()?.rate());
    }
    Ok(vec![
        kind.title(),
        name.to_owned(),
        quiet.cell(),
        quiet.busy(),
        figure(arrived.median()),
        beside.cell(),
        beside.busy(),
        format!("**{:.2}**", beside.undisturbed() / quiet.undisturbed()),
    ])
}

/// The small messages of one situation.
#[derive(Default)]
struct Side {
    /// What all but the slowest hundredth took at most, µs.
    p99: Series,
    /// What the server worked, as a part of a core.
    busy: Series,
}

impl Side {
    fn add(&mut self, round: usize, reading: &Reading) {
        self.p99.add(round, reading.number("p99_ns") / 1e3);
        self.busy.add(round, reading.busy());
    }

    /// Of the quarter of the rounds that met least: what disturbs a machine for a moment decides a p99.
    fn undisturbed(&self) -> f64 {
        self.p99.quantile(0.25)
    }

    fn cell(&self) -> String {
        let [quarter, middle] = [self.undisturbed(), self.p99.median()].map(figure);
        format!("{quarter} ({middle})")
    }

    fn busy(&self) -> String {
        figure(1e3 * self.busy.median())
    }
}
