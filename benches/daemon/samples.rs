//! The samples of a run: medians, and ratios paired by round.

use std::fmt::Write as _;

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

    pub(crate) fn values(&self, row: &Row, kind: &Kind) -> Vec<f64> {
        self.of(row, kind).map(|sample| sample.value).collect()
    }

    /// The median of how busy it was, as a part of a core.
    pub(crate) fn busy(&self, row: &Row, kind: &Kind) -> f64 {
        let parts: Vec<f64> = self.of(row, kind).map(|sample| sample.busy).collect();
        quantile(&parts, 0.5)
    }

    /// The ratios of one subject to another, one a round: what disturbs a round disturbs both.
    pub(crate) fn ratios(&self, row: &Row, one: &Kind, other: &Kind) -> Vec<f64> {
        let pairs = self.of(row, one).filter_map(|ours| {
            let theirs = self
                .of(row, other)
                .find(|theirs| theirs.round == ours.round)?;
            Some(ours.value / theirs.value)
        });
        pairs.collect()
    }

    /// The peer with the lowest median.
    pub(crate) fn best_peer(&self, row: &Row, kinds: &[Kind]) -> Option<Kind> {
        let median = |kind: &Kind| quantile(&self.values(row, kind), 0.5);
        kinds
            .iter()
            .copied()
            .filter(|kind| kind.is_peer() && median(kind).is_finite())
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

/// The value below which the part `at` of the values lies.
pub(crate) fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * (place - low as f64),
        _ => f64::NAN,
    }
}
