//! The samples of a run, and the table made of them: medians, and ratios paired by round.

use std::fmt::Write as _;
use std::process::Command;

use super::row::Row;
use super::subject::Kind;

struct Sample {
    row: &'static str,
    subject: &'static str,
    round: usize,
    value: f64,
    busy: f64,
}

/// Everything that was measured.
pub(crate) struct Samples {
    kinds: Vec<Kind>,
    list: Vec<Sample>,
}

impl Samples {
    pub(crate) fn new(kinds: Vec<Kind>) -> Self {
        Samples {
            kinds,
            list: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &Row, kind: &Kind, round: usize, value: f64, busy: f64) {
        self.list.push(Sample {
            row: row.name,
            subject: kind.name(),
            round,
            value,
            busy,
        });
    }

    fn of(&self, row: &Row, kind: &Kind) -> Vec<&Sample> {
        self.list
            .iter()
            .filter(|sample| sample.row == row.name && sample.subject == kind.name())
            .collect()
    }

    /// The ratios of the first subject to another, one a round: what disturbs a round disturbs both.
    fn ratios(&self, row: &Row, other: &Kind) -> Vec<f64> {
        let (ours, theirs) = (self.of(row, &self.kinds[0]), self.of(row, other));
        let pairs = ours.iter().filter_map(|our| {
            let their = theirs.iter().find(|their| their.round == our.round)?;
            Some(our.value / their.value)
        });
        pairs.collect()
    }

    /// Medians with the smallest in brackets; then the first subject against each other one, with the quartiles.
    pub(crate) fn table(&self, rows: &[&Row]) -> String {
        let Some(first) = self.kinds.first() else {
            return String::new();
        };
        let mut head = vec!["server CPU or memory for".to_owned()];
        head.extend(self.kinds.iter().map(|kind| kind.name().to_owned()));
        head.extend(
            self.kinds[1..]
                .iter()
                .map(|kind| format!("{} : {}", first.name(), kind.name())),
        );
        head.push("busy".into());
        let mut lines = vec![head];
        for row in rows {
            lines.push(self.line(row, first));
        }
        align(&lines)
    }

    fn line(&self, row: &Row, first: &Kind) -> Vec<String> {
        let mut line = vec![format!("{}, {}", row.name, row.unit)];
        for kind in &self.kinds {
            let values: Vec<f64> = self
                .of(row, kind)
                .iter()
                .map(|sample| sample.value)
                .collect();
            line.push(format!(
                "{} ({})",
                figure(quantile(&values, 0.5)),
                figure(quantile(&values, 0.0))
            ));
        }
        for kind in &self.kinds[1..] {
            let ratios = self.ratios(row, kind);
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|at| quantile(&ratios, at));
            line.push(format!("**{middle:.2}** ({low:.2}–{high:.2})"));
        }
        let busy: Vec<f64> = self
            .of(row, first)
            .iter()
            .map(|sample| sample.busy)
            .collect();
        line.push(format!("{:.0} %", 100.0 * quantile(&busy, 0.5)));
        line
    }

    /// One line a sample.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from("row,subject,round,value,busy\n");
        for Sample {
            row,
            subject,
            round,
            value,
            busy,
        } in &self.list
        {
            let _ = writeln!(text, "\"{row}\",{subject},{round},{value},{busy}");
        }
        text
    }
}

/// The value below which the part `at` of the values lies.
fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * (place - low as f64),
        _ => f64::NAN,
    }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = if value >= 100.0 {
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
fn align(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for (i, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", width(column)))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if i == 0 {
            let rule: Vec<String> = (0..line.len())
                .map(|column| "-".repeat(width(column)))
                .collect();
            let _ = writeln!(text, "| {} |", rule.join(" | "));
        }
    }
    text
}

/// Where this was measured, in one line.
pub(crate) fn machine(kinds: &[Kind]) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, cpu)| cpu);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut text = format!(
        "{cpu}, Linux {}, {}; load before: {}",
        kernel.trim(),
        openssl::version::version(),
        load.split(' ').next().unwrap_or_default()
    );
    if kinds.contains(&Kind::Nginx) {
        // nginx prints its version to the error stream.
        let output = Command::new("nginx")
            .arg("-v")
            .output()
            .map(|output| output.stderr)
            .unwrap_or_default();
        let version = String::from_utf8_lossy(&output);
        let _ = write!(
            text,
            "; {}",
            version.trim().trim_start_matches("nginx version: ")
        );
    }
    text
}
