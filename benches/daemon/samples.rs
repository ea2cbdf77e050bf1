//! What was measured: samples, series of them, and ratios paired by round.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::kind::Kind;
use super::row::Row;

struct Sample {
    row: &'static str,
    subject: &'static str,
    round: usize,
    value: f64,
    busy: f64,
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Samples {
    list: Vec<Sample>,
}

impl Samples {
    pub(crate) fn add(&mut self, row: &Row, kind: &Kind, round: usize, value: f64, busy: f64) {
        self.list.push(Sample {
            row: row.name,
            subject: kind.name(),
            round,
            value,
            busy,
        });
    }

    fn of<'a>(&'a self, row: &Row, kind: &Kind) -> impl Iterator<Item = &'a Sample> {
        let (row, subject) = (row.name, kind.name());
        self.list
            .iter()
            .filter(move |sample| sample.row == row && sample.subject == subject)
    }

    /// The figures of one subject in one row.
    pub(crate) fn series(&self, row: &Row, kind: &Kind) -> Series {
        let pairs = self
            .of(row, kind)
            .map(|sample| (sample.round, sample.value));
        Series(pairs.collect())
    }

    /// The median of how busy it was, as a part of a core.
    pub(crate) fn busy(&self, row: &Row, kind: &Kind) -> f64 {
        let pairs = self.of(row, kind).map(|sample| (sample.round, sample.busy));
        Series(pairs.collect()).median()
    }

    /// One subject to another.
    pub(crate) fn ratios(&self, row: &Row, one: &Kind, other: &Kind) -> Series {
        self.series(row, one).to(&self.series(row, other))
    }

    /// The one of these peers with the lowest median.
    pub(crate) fn best(&self, row: &Row, peers: impl Iterator<Item = Kind>) -> Option<Kind> {
        let median = |kind: &Kind| self.series(row, kind).median();
        peers
            .filter(|kind| median(kind).is_finite())
            .min_by(|a, b| median(a).total_cmp(&median(b)))
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

/// One figure for each round in which it was measured.
#[derive(Default)]
pub(crate) struct Series(BTreeMap<usize, f64>);

impl Series {
    pub(crate) fn add(&mut self, round: usize, value: f64) {
        self.0.insert(round, value);
    }

    /// Divided by another, round by round: what disturbs a round disturbs both.
    pub(crate) fn to(&self, other: &Series) -> Series {
        let pairs = self
            .0
            .iter()
            .filter_map(|(round, value)| Some((*round, value / other.0.get(round)?)));
        Series(pairs.collect())
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which the part `at` of the values lies.
    pub(crate) fn quantile(&self, at: f64) -> f64 {
        let mut sorted: Vec<f64> = self.0.values().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let place = at * sorted.len().saturating_sub(1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        match (sorted.get(low), sorted.get(high)) {
            (Some(a), Some(b)) => a + (b - a) * (place - low as f64),
            _ => f64::NAN,
        }
    }
}
