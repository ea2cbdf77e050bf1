//! The tables of a run, in Markdown.

use std::fmt::Write as _;

use super::kind::Kind;
use super::row::Row;
use super::samples::{Samples, Series};

/// Below this part of its core, a server's cost of a handshake has much of its going to sleep and waking up in it.
const BUSY_ENOUGH: f64 = 0.9;
const MARK: &str = "†";

/// Medians with the smallest in brackets; then the first subject against the best peers and against what is no peer.
pub(crate) fn main_table(samples: &Samples, rows: &[&Row], kinds: &[Kind]) -> String {
    let columns: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| !matches!(kind, Kind::With(_)))
        .collect();
    let Some((first, others)) = columns.split_first() else {
        return String::new();
    };
    let against: Vec<&Kind> = others.iter().filter(|kind| !kind.is_peer()).collect();
    let choices = Choice::among(others);
    let mut head = vec!["server CPU, time or memory for".to_owned()];
    head.extend(columns.iter().map(|kind| kind.name().to_owned()));
    head.extend(
        choices
            .iter()
            .map(|choice| format!("{} : {}", first.name(), choice.title)),
    );
    head.extend(
        against
            .iter()
            .map(|kind| format!("{} : {}", first.name(), kind.name())),
    );
    head.push("busy".into());
    let lines = rows.iter().map(|row| {
        let mut line = vec![format!("{}, {}", row.name, row.unit)];
        line.extend(columns.iter().map(|kind| marked_cell(samples, row, kind)));
        line.extend(
            choices
                .iter()
                .map(|choice| choice.cell(samples, row, first)),
        );
        line.extend(
            against
                .iter()
                .map(|kind| ratio(&samples.ratios(row, first, kind))),
        );
        line.push(format!("{:.0} %", 100.0 * samples.busy(row, first)));
        line
    });
    explain_mark(align(head, lines.collect()))
}

/// The table, and what the mark in it means.
pub(crate) fn explain_mark(table: String) -> String {
    match table.contains(MARK) {
        true => format!(
            "{table}\n{MARK} busy for less than 90 % of the time: that includes its sleeping and waking up\n"
        ),
        false => table,
    }
}

/// Two ways without TLS beside two with it, and what TLS through the daemon costs beside both of the first.
pub(crate) fn opening_table(samples: &Samples, rows: &[&Row], kinds: &[Kind]) -> String {
    let ways = [
        (Kind::PlainYardstick, "plain, straight"),
        (Kind::PlainTlsport, "plain through tlsport"),
        (Kind::Tlsport, "TLS through tlsport"),
        (Kind::Yardstick, "TLS in process"),
    ];
    let ways: Vec<_> = ways
        .iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .collect();
    let mut head = vec![String::new()];
    head.extend(ways.iter().map(|(_, title)| title.to_string()));
    head.push("TLS : plain, both through tlsport".into());
    head.push("TLS through tlsport : plain, straight".into());
    let lines = rows.iter().map(|row| {
        let mut line = vec![format!("{}, {}", row.name, row.unit)];
        line.extend(ways.iter().map(|(kind, _)| marked_cell(samples, row, kind)));
        for other in [Kind::PlainTlsport, Kind::PlainYardstick] {
            line.push(ratio(&samples.ratios(row, &Kind::Tlsport, &other)));
        }
        line
    });
    explain_mark(align(head, lines.collect()))
}

/// What other settings bring, a line for each row in which they matter; nothing when none was measured.
pub(crate) fn settings_table(samples: &Samples, rows: &[&Row], kinds: &[Kind]) -> String {
    let mut lines = Vec::new();
    let choices = Choice::among(kinds);
    for kind in kinds {
        let Kind::With(setting) = kind else { continue };
        for row in rows.iter().filter(|row| kind.is_in(row)) {
            let mut line = vec![
                setting.title.to_owned(),
                format!("{}, {}", row.name, row.unit),
                marked_cell(samples, row, kind),
                ratio(&samples.ratios(row, kind, &Kind::Tlsport)),
            ];
            line.extend(choices.iter().map(|choice| choice.cell(samples, row, kind)));
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut head = ["tlsport with", "", "", ": tlsport"]
        .map(str::to_owned)
        .to_vec();
    head.extend(choices.iter().map(|choice| format!(": {}", choice.title)));
    align(head, lines)
}

/// Peers of which the cheapest in a row is the one to compare with.
struct Choice {
    title: &'static str,
    peers: Vec<Kind>,
}

impl Choice {
    /// Of the usual setups, and of all of them where there are tuned ones.
    fn among(kinds: &[Kind]) -> Vec<Choice> {
        let choice = |title, belongs: fn(&Kind) -> bool| Choice {
            title,
            peers: kinds.iter().copied().filter(belongs).collect(),
        };
        let usual = choice("best peer", Kind::is_usual_peer);
        let all = choice("best peer, tuned", Kind::is_peer);
        let mut choices = Vec::new();
        if all.peers.len() > usual.peers.len() {
            choices.push(all);
        }
        if !usual.peers.is_empty() {
            choices.insert(0, usual);
        }
        choices
    }

    /// The ratio to the cheapest of them, and its name.
    fn cell(&self, samples: &Samples, row: &Row, first: &Kind) -> String {
        let others = self.peers.iter().copied().filter(|kind| kind != first);
        let Some(best) = samples.best(row, others) else {
            return "–".into();
        };
        let ratios = samples.ratios(row, first, &best);
        if !ratios.median().is_finite() {
            return "–".into(); // a part of nothing
        }
        format!("{} {}", ratio(&ratios), best.name())
    }
}

/// The median and the smallest, with a mark where the server of a handshake row was not busy enough.
fn marked_cell(samples: &Samples, row: &Row, kind: &Kind) -> String {
    let text = cell(&samples.series(row, kind));
    match row.wants_it_busy() {
        true => mark(text, samples.busy(row, kind)),
        false => text,
    }
}

/// With a mark where the server was not busy enough.
pub(crate) fn mark(text: String, busy: f64) -> String {
    match busy < BUSY_ENOUGH {
        true => format!("{text} {MARK}"),
        false => text,
    }
}

/// The median, and the smallest in brackets.
pub(crate) fn cell(series: &Series) -> String {
    let [middle, smallest] = [0.5, 0.0].map(|at| figure(series.quantile(at)));
    format!("{middle} ({smallest})")
}

/// The median, and the middle half in brackets.
pub(crate) fn ratio(ratios: &Series) -> String {
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|at| ratios.quantile(at));
    if !middle.is_finite() {
        return "–".into();
    }
    format!("**{middle:.2}** ({low:.2}–{high:.2})")
}

/// Three digits that count.
pub(crate) fn figure(value: f64) -> String {
    let digits = if value >= 100.0 || value == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.digits$}")
}

/// A Markdown table whose columns line up.
pub(crate) fn align(head: Vec<String>, lines: Vec<Vec<String>>) -> String {
    let all: Vec<&Vec<String>> = std::iter::once(&head).chain(&lines).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = all.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0).max(3)
        })
        .collect();
    let mut text = String::new();
    for (i, line) in all.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if i == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rule.join(" | "));
        }
    }
    text
}

/// Where this was measured, and beside what, in one line.
pub(crate) fn machine(kinds: &[Kind]) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, cpu)| cpu);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut words = vec![
        cpu.to_owned(),
        format!("Linux {}", kernel.trim()),
        openssl::version::version().to_owned(),
    ];
    words.extend(kinds.iter().filter_map(Kind::version));
    words.dedup(); // of two setups of one program
    format!(
        "{}; load before: {}",
        words.join(", "),
        load.split(' ').next().unwrap_or_default()
    )
}
