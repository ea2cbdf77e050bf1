//! What is measured: one row a kind of work, and how a reading of the load generator becomes the row's number.

use std::collections::HashMap;

use super::options::Options;
use super::setup::{Service, words};
use super::subject::Subject;

/// The load generator's name for the work.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Work {
    Full,
    Resumed,
    Echo,
    Down,
    Up,
    Hold,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Work::Full => "full",
            Work::Resumed => "resumed",
            Work::Echo => "echo",
            Work::Down => "down",
            Work::Up => "up",
            Work::Hold => "hold",
        }
    }
}

/// What of a reading the row tells.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// CPU time of the server for each operation.
    Cpu,
    /// CPU time of the server for each byte.
    Bytes,
    /// Time that the client waits for an operation, half of them longer and half shorter.
    Latency,
    /// Memory of the server for each connection.
    Memory,
    /// CPU time of the server for each second in which nothing happens.
    Idle,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) figure: Figure,
    pub(crate) work: Work,
    pub(crate) tls: &'static str,
    pub(crate) service: Service,
    pub(crate) connections: u32,
    /// The client verifies chain and signature, as clients do.
    pub(crate) verify: bool,
    /// Measured in each n-th round: what scatters less needs fewer.
    pub(crate) every: usize,
}

/// What most rows have in common.
pub(crate) const USUAL: Row = Row {
    name: "",
    unit: "µs",
    figure: Figure::Cpu,
    work: Work::Full,
    tls: "1.3",
    service: Service::P256,
    connections: 16,
    verify: false,
    every: 1,
};

/// The table, top to bottom. A handshake row counts the whole connection: accept, handshake, backend connect, one
/// 64-byte echo, clean close.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "full handshake, TLS 1.3, P-256",
        ..USUAL
    },
    Row {
        name: "full handshake, TLS 1.3, RSA-2048",
        service: Service::Rsa,
        ..USUAL
    },
    Row {
        name: "full handshake, TLS 1.2, P-256",
        tls: "1.2",
        ..USUAL
    },
    Row {
        name: "resumed, TLS 1.3",
        work: Work::Resumed,
        ..USUAL
    },
    Row {
        name: "resumed, TLS 1.2",
        work: Work::Resumed,
        tls: "1.2",
        ..USUAL
    },
    Row {
        name: "64-byte round trip, 32 connections",
        work: Work::Echo,
        connections: 32,
        ..USUAL
    },
    Row {
        name: "1 GB down",
        unit: "s",
        figure: Figure::Bytes,
        work: Work::Down,
        service: Service::Bulk,
        connections: 4,
        every: 2,
        ..USUAL
    },
    Row {
        name: "1 GB up",
        unit: "s",
        figure: Figure::Bytes,
        work: Work::Up,
        service: Service::Bulk,
        connections: 4,
        every: 2,
        ..USUAL
    },
    Row {
        name: "median latency, one connection, 64 bytes",
        figure: Figure::Latency,
        work: Work::Echo,
        connections: 1,
        every: 2,
        ..USUAL
    },
    Row {
        name: "memory of an idle connection",
        unit: "KiB",
        figure: Figure::Memory,
        work: Work::Hold,
        service: Service::Bulk,
        ..USUAL
    },
    Row {
        name: "CPU while all are idle",
        unit: "ms/s",
        figure: Figure::Idle,
        work: Work::Hold,
        service: Service::Bulk,
        ..USUAL
    },
];

impl Row {
    /// The load generator's arguments, without those that every load on the subject has.
    pub(crate) fn arguments(&self, options: &Options, subject: &Subject) -> Vec<String> {
        let (connections, ms) = match self.work {
            Work::Hold => (options.hold_connections, options.hold_ms),
            _ => (self.connections, options.ms),
        };
        let mut list = words(&[
            self.work.name(),
            "--tls",
            self.tls,
            "--ms",
            &ms.to_string(),
            "--conns",
            &connections.to_string(),
        ]);
        if self.verify {
            list.extend(words(&["--verify", &subject.authority]));
        }
        list
    }

    /// Whether the figure is meant for a server that has more to do than it can.
    pub(crate) fn wants_it_busy(&self) -> bool {
        self.figure == Figure::Cpu && matches!(self.work, Work::Full | Work::Resumed)
    }

    /// The row's number, in its unit.
    pub(crate) fn value(&self, reading: &Reading) -> f64 {
        match self.figure {
            Figure::Cpu => reading.number("cpu_ns") / reading.number("operations") / 1e3,
            // ns for each byte is s for each GB.
            Figure::Bytes => reading.number("cpu_ns") / reading.number("bytes"),
            Figure::Latency => reading.number("p50_ns") / 1e3,
            Figure::Memory => reading.number("pss_kib") / reading.number("operations"),
            Figure::Idle => reading.busy() * 1e3,
        }
    }
}

/// The `name value` pairs that the load generator prints.
pub(crate) struct Reading(HashMap<String, String>);

impl Reading {
    /// Read its one line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pairs: HashMap<String, String> = words
            .chunks_exact(2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect();
        for name in [
            "operations",
            "wall_ns",
            "cpu_ns",
            "protocol",
            "cipher",
            "group",
        ] {
            if !pairs.contains_key(name) {
                return Err(format!("load printed '{line}': no '{name}'"));
            }
        }
        Ok(Reading(pairs))
    }

    /// The number of that name, or NaN.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.0
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(f64::NAN)
    }

    /// The part of a core that the server was busy: far below 1 the figure includes going to sleep and waking up.
    pub(crate) fn busy(&self) -> f64 {
        self.number("cpu_ns") / self.number("wall_ns")
    }

    /// Operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.number("operations") / self.number("wall_ns") * 1e9
    }

    /// Protocol, cipher and group.
    pub(crate) fn negotiated(&self) -> String {
        ["protocol", "cipher", "group"]
            .map(|name| self.0[name].as_str())
            .join(" ")
    }
}
