//! What is measured: one row a kind of work, and how a reading of the load generator becomes the row's number.

use std::collections::HashMap;

use super::options::Options;

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

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) work: Work,
    pub(crate) tls: &'static str,
    pub(crate) connections: u32,
}

/// The table, top to bottom. A handshake row counts the whole connection: accept, handshake, backend connect, one
/// 64-byte echo, clean close.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "full handshake, TLS 1.3",
        unit: "µs",
        work: Work::Full,
        tls: "1.3",
        connections: 16,
    },
    Row {
        name: "full handshake, TLS 1.2",
        unit: "µs",
        work: Work::Full,
        tls: "1.2",
        connections: 16,
    },
    Row {
        name: "resumed, TLS 1.3",
        unit: "µs",
        work: Work::Resumed,
        tls: "1.3",
        connections: 16,
    },
    Row {
        name: "resumed, TLS 1.2",
        unit: "µs",
        work: Work::Resumed,
        tls: "1.2",
        connections: 16,
    },
    Row {
        name: "64-byte round trip, 32 connections",
        unit: "µs",
        work: Work::Echo,
        tls: "1.3",
        connections: 32,
    },
    Row {
        name: "1 GB down",
        unit: "s",
        work: Work::Down,
        tls: "1.3",
        connections: 4,
    },
    Row {
        name: "1 GB up",
        unit: "s",
        work: Work::Up,
        tls: "1.3",
        connections: 4,
    },
    Row {
        name: "memory of an idle connection",
        unit: "KiB",
        work: Work::Hold,
        tls: "1.3",
        connections: 0,
    },
];

impl Row {
    /// The load generator's arguments, without the port and the processes.
    pub(crate) fn arguments(&self, options: &Options) -> Vec<String> {
        let connections = if self.work == Work::Hold {
            options.hold_connections
        } else {
            self.connections
        };
        let ms = options.ms.to_string();
        let list = [
            self.work.name(),
            "--tls",
            self.tls,
            "--ms",
            &ms,
            "--conns",
            &connections.to_string(),
        ];
        list.map(str::to_owned).to_vec()
    }

    /// The row's number, in its unit.
    pub(crate) fn value(&self, reading: &Reading) -> f64 {
        match self.work {
            Work::Hold => reading.number("pss_kib") / reading.number("operations"),
            // ns for each byte is s for each GB.
            Work::Down | Work::Up => reading.number("cpu_ns") / reading.number("bytes"),
            _ => reading.number("cpu_ns") / reading.number("operations") / 1e3,
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

    fn number(&self, name: &str) -> f64 {
        self.0
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(f64::NAN)
    }

    /// The part of a core that the server was busy: far below 1 the figure includes going to sleep and waking up.
    pub(crate) fn busy(&self) -> f64 {
        self.number("cpu_ns") / self.number("wall_ns")
    }

    /// Protocol, cipher and group.
    pub(crate) fn negotiated(&self) -> String {
        ["protocol", "cipher", "group"]
            .map(|name| self.0[name].as_str())
            .join(" ")
    }
}
