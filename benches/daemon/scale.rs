//! Many connections, and several kinds of work at once: handshakes beside thousands of idle connections, and small
//! messages beside handshakes that arrive at half the rate at which the server could take them.

use std::process::Stdio;
use std::time::Duration;

use super::kind::Kind;
use super::options::Options;
use super::row::Reading;
use super::samples::Series;
use super::setup::{Service, file_limit, words};
use super::subject::Subject;
use super::table::{align, cell, figure, ratio};
use super::tools::{Layout, Tools, progress};

/// Idle connections: through a proxy, and where one connection needs one descriptor.
const THROUGH: u32 = 9_000;
const INSIDE: u32 = 20_000;
/// Descriptors that the server and the load need for themselves.
const SPARE: u32 = 200;
/// Small messages: so many a second, on a few connections, for a time so short that some rounds meet no disturbance.
const MESSAGES: [&str; 7] = ["echo", "--rate", "4000", "--conns", "4", "--ms", "100"];
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
            "full handshake, TLS 1.3, CPU",
            "alone, µs",
            "idle beside it",
            "beside : alone",
        ];
        println!("{}", align(head.map(str::to_owned).to_vec(), lines));
    }
    if options.wants("beside handshakes") {
        let lines: Vec<_> = kinds
            .iter()
            .filter(|kind| !matches!(kind, Kind::With(_)))
            .map(|kind| beside_handshakes(tools, options, kind))
            .collect::<Result<_, _>>()?;
        progress("");
        let head = [
            "64-byte round trip, p99",
            "quiet, µs",
            "handshakes beside it, 1/s",
            "beside them, µs",
            "beside : quiet",
            "of the smallest",
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
    for round in 0..options.rounds() {
        let mut pair = [(&alone, 0), (&beside, 1)];
        pair.rotate_left(round % 2);
        for (subject, at) in pair {
            let reading = subject.load(&arguments)?;
            series[at].add(
                round,
                reading.number("cpu_ns") / reading.number("operations") / 1e3,
            );
        }
    }
    crowd.finish()?;
    Ok(vec![
        kind.title(),
        figure(series[0].median()),
        count.to_string(),
        ratio(&series[1].to(&series[0])),
    ])
}

/// A few connections with small messages at a steady pace: alone, and while others open connections at half the rate
/// that the server could do.
fn beside_handshakes(tools: &Tools, options: &Options, kind: &Kind) -> Result<Vec<String>, String> {
    progress(&format!("{}: small messages", kind.name()));
    let subject = Subject::start(tools, kind, Service::P256, &Layout::apart())?;
    let mut most = Series::default();
    for round in 0..5 {
        most.add(
            round,
            subject.load(&words(&["full", "--ms", "200"]))?.rate(),
        );
    }
    let rate = (most.median() / 2.0) as u32;
    let handshakes = ["full", "--ms", HANDSHAKES_MS, "--conns", "64", "--rate"];
    let handshakes = [words(&handshakes), vec![rate.to_string()]].concat();
    let mut series = [Series::default(), Series::default()];
    let p99 = |reading: &Reading| reading.number("p99_ns") / 1e3;
    for round in 0..2 * options.rounds() {
        series[0].add(round, p99(&subject.load(&words(&MESSAGES))?));
        // The messages are not to wait for the load's own work.
        let others = subject.start_load(&handshakes, Stdio::null(), 19)?;
        std::thread::sleep(HEAD_START);
        series[1].add(round, p99(&subject.load(&words(&MESSAGES))?));
        others.finish()?;
    }
    let [quiet, beside] = &series;
    Ok(vec![
        kind.title(),
        cell(quiet),
        rate.to_string(),
        cell(beside),
        ratio(&beside.to(quiet)),
        format!("{:.2}", beside.quantile(0.0) / quiet.quantile(0.0)),
    ])
}
