//! One thread of each server on its own core: the table of all rows, and the one of tlsport's other settings.

use std::path::Path;

use super::chart;
use super::kind::Kind;
use super::options::Options;
use super::row::{ROWS, Reading, Row, Work};
use super::samples::Samples;
use super::setup::Service;
use super::subject::Subject;
use super::table;
use super::tools::{Layout, Tools, progress};

/// Measure, and print what it comes to.
pub(crate) fn run(tools: &Tools, options: &Options, kinds: &[Kind]) -> Result<(), String> {
    let rows: Vec<&'static Row> = ROWS.iter().filter(|row| options.wants(row.name)).collect();
    let (idle, busy): (Vec<&'static Row>, Vec<&'static Row>) =
        rows.iter().partition(|row| row.work == Work::Hold);
    let mut samples = work(tools, options, &busy, kinds)?;
    if !idle.is_empty() {
        hold(tools, options, &idle, kinds, &mut samples)?;
    }
    progress("");

    println!("{}", table::main_table(&samples, &rows, kinds));
    println!("{}", table::settings_table(&samples, &rows, kinds));
    keep(tools, &samples)?;
    if let Some(path) = &options.chart {
        write(path, &chart::draw(&samples, &rows, kinds))?;
        println!("chart: {}", path.display());
    }
    Ok(())
}

/// All rounds of these rows.
pub(crate) fn work(
    tools: &Tools,
    options: &Options,
    rows: &[&'static Row],
    kinds: &[Kind],
) -> Result<Samples, String> {
    let mut samples = Samples::default();
    let subjects = start_all(tools, kinds, rows)?;
    for round in 0..options.rounds() {
        progress(&format!("round {} of {}", round + 1, options.rounds()));
        for row in rows.iter().filter(|row| round % row.every == 0) {
            measure_row(options, row, &subjects, round, &mut samples)?;
        }
    }
    Ok(samples)
}

/// Put every sample in a file, and say so.
pub(crate) fn keep(tools: &Tools, samples: &Samples) -> Result<(), String> {
    let path = tools.path("samples.csv");
    write(&path, &samples.csv())?;
    println!("every sample: {}", path.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|err| format!("write '{}': {err}", path.display()))
}

/// One of each kind for each service that the rows ask of it.
fn start_all(tools: &Tools, kinds: &[Kind], rows: &[&Row]) -> Result<Vec<Subject>, String> {
    let mut subjects = Vec::new();
    for service in Service::ALL {
        let rows: Vec<&&Row> = rows.iter().filter(|row| row.service == service).collect();
        for kind in kinds {
            if rows.iter().any(|row| kind.is_in(row)) {
                subjects.push(Subject::start(tools, kind, service, &Layout::apart())?);
            }
        }
    }
    Ok(subjects)
}

/// One burst on each subject, in an order that moves on by one each round.
fn measure_row(
    options: &Options,
    row: &'static Row,
    subjects: &[Subject],
    round: usize,
    samples: &mut Samples,
) -> Result<(), String> {
    let subjects: Vec<&Subject> = subjects
        .iter()
        .filter(|subject| subject.service == row.service && subject.kind.is_in(row))
        .filter(|subject| round % subject.kind.every() == 0)
        .collect();
    let [mut agreed_plain, mut agreed] = [None, None];
    for i in 0..subjects.len() {
        let subject = subjects[(i + round) % subjects.len()];
        let reading = subject.load(&row.arguments(options, subject))?;
        let agreed = match subject.kind.is_plain() {
            true => &mut agreed_plain,
            false => &mut agreed,
        };
        agree(agreed, &reading, row, subject)?;
        samples.add(
            row,
            &subject.kind,
            round,
            row.value(&reading),
            reading.busy(),
        );
    }
    Ok(())
}

/// Memory is read on fresh processes: a heap that has seen a storm would hide what a connection costs.
fn hold(
    tools: &Tools,
    options: &Options,
    rows: &[&Row],
    kinds: &[Kind],
    samples: &mut Samples,
) -> Result<(), String> {
    let mut agreed: Option<String> = None;
    for round in 0..options.hold_rounds {
        for kind in kinds.iter().filter(|kind| kind.is_in(rows[0])) {
            let count = options.hold_connections;
            progress(&format!("{count} connections on {}", kind.name()));
            let subject = Subject::start(tools, kind, rows[0].service, &Layout::apart())?;
            let reading = subject.load(&rows[0].arguments(options, &subject))?;
            agree(&mut agreed, &reading, rows[0], &subject)?;
            for row in rows {
                samples.add(row, kind, round, row.value(&reading), reading.busy());
            }
        }
    }
    Ok(())
}

/// All subjects of a row must have negotiated the same: otherwise their costs are not comparable.
pub(crate) fn agree(
    agreed: &mut Option<String>,
    reading: &Reading,
    row: &Row,
    subject: &Subject,
) -> Result<(), String> {
    let now = reading.negotiated();
    match agreed {
        Some(before) if *before != now => Err(format!(
            "{}: {} negotiated '{now}', the others '{before}'",
            row.name,
            subject.kind.name()
        )),
        _ => {
            *agreed = Some(now);
            Ok(())
        }
    }
}
