//! What TLS costs beside no TLS: to open a connection, and to use it once it is open.

use super::compare;
use super::kind::Kind;
use super::options::Options;
use super::row::{Figure, Row, USUAL, Work};
use super::setup::Service;
use super::table;
use super::tools::{Tools, progress};

/// One client alone, which does all that clients do, and waits for the echo of its first 64 bytes.
const OPEN: Row = Row {
    figure: Figure::Latency,
    connections: 1,
    verify: true,
    ..USUAL
};

const ROWS: &[Row] = &[
    Row {
        name: "time to open, full TLS 1.3, P-256",
        ..OPEN
    },
    Row {
        name: "time to open, full TLS 1.3, RSA-2048",
        service: Service::Rsa,
        ..OPEN
    },
    Row {
        name: "time to open, full TLS 1.2, P-256",
        tls: "1.2",
        ..OPEN
    },
    Row {
        name: "time to open, resumed TLS 1.3",
        work: Work::Resumed,
        ..OPEN
    },
    Row {
        name: "time to open, resumed TLS 1.2",
        work: Work::Resumed,
        tls: "1.2",
        ..OPEN
    },
    Row {
        name: "CPU to open and close, full TLS 1.3, P-256",
        ..USUAL
    },
    Row {
        name: "CPU to open and close, full TLS 1.3, RSA-2048",
        service: Service::Rsa,
        ..USUAL
    },
    Row {
        name: "CPU to open and close, full TLS 1.2, P-256",
        tls: "1.2",
        ..USUAL
    },
    Row {
        name: "CPU to open and close, resumed TLS 1.3",
        work: Work::Resumed,
        ..USUAL
    },
    Row {
        name: "CPU to open and close, resumed TLS 1.2",
        work: Work::Resumed,
        tls: "1.2",
        ..USUAL
    },
    Row {
        name: "time of a 64-byte round trip, one connection",
        figure: Figure::Latency,
        work: Work::Echo,
        connections: 1,
        ..USUAL
    },
    Row {
        name: "CPU of a 64-byte round trip, 32 connections",
        work: Work::Echo,
        connections: 32,
        ..USUAL
    },
    Row {
        name: "CPU of 1 GB down",
        unit: "s",
        figure: Figure::Bytes,
        work: Work::Down,
        service: Service::Bulk,
        connections: 4,
        ..USUAL
    },
    Row {
        name: "CPU of 1 GB up",
        unit: "s",
        figure: Figure::Bytes,
        work: Work::Up,
        service: Service::Bulk,
        connections: 4,
        ..USUAL
    },
];

/// Measure, and print the table.
pub(crate) fn run(tools: &Tools, options: &Options, kinds: &[Kind]) -> Result<(), String> {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row.name)).collect();
    let samples = compare::work(tools, options, &rows, kinds)?;
    progress("");
    println!("{}", table::opening_table(&samples, &rows, kinds));
    compare::keep(tools, &samples)
}
