//! What the built daemon costs: CPU time of the server for each unit of work, and memory of an idle connection, beside
//! nginx and two bare C programs on the same libssl, in one interleaved run.
//!
//! Run it with `make bench` or `make bench-quick`. It measures whole processes over loopback; what is pure is measured
//! in `pure.rs`. What the numbers mean and how to get quiet ones: `README.md` beside this. Read next: `row.rs` for what
//! is measured, `subject.rs` for how each server is set up.

mod options;
mod row;
mod subject;
mod table;
mod tools;

use std::process::ExitCode;

use options::Options;
use row::{ROWS, Reading, Row, Work};
use subject::{Kind, Subject};
use table::Samples;
use tools::Tools;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => return fail(&why),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("bench: {why}");
    ExitCode::FAILURE
}

fn run(options: &Options) -> Result<(), String> {
    let tools = Tools::build()?;
    let kinds = options.kinds();
    let rows: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row)).collect();
    let mut samples = Samples::new(kinds.clone());
    println!("{}", table::machine(&kinds));

    let busy: Vec<&Row> = rows
        .iter()
        .copied()
        .filter(|row| row.work != Work::Hold)
        .collect();
    if !busy.is_empty() {
        let subjects = start_all(&tools, &kinds)?;
        for round in 0..options.rounds {
            eprint!("\rround {} of {} ", round + 1, options.rounds);
            for row in &busy {
                measure_row(&tools, options, row, &subjects, round, &mut samples)?;
            }
        }
        eprintln!();
    }
    for row in rows.iter().copied().filter(|row| row.work == Work::Hold) {
        hold(&tools, options, row, &kinds, &mut samples)?;
    }
    println!("{}", samples.table(&rows));
    let path = tools.folder().join("samples.csv");
    std::fs::write(&path, samples.csv())
        .map_err(|err| format!("write '{}': {err}", path.display()))?;
    println!("every sample: {}", path.display());
    Ok(())
}

fn start_all(tools: &Tools, kinds: &[Kind]) -> Result<Vec<Subject>, String> {
    kinds
        .iter()
        .map(|kind| Subject::start(tools, kind))
        .collect()
}

/// One burst on each subject, in an order that moves on by one each round.
fn measure_row(
    tools: &Tools,
    options: &Options,
    row: &'static Row,
    subjects: &[Subject],
    round: usize,
    samples: &mut Samples,
) -> Result<(), String> {
    let mut agreed: Option<String> = None;
    for i in 0..subjects.len() {
        let subject = &subjects[(i + round) % subjects.len()];
        let reading = subject.load(tools, &row.arguments(options))?;
        agree(&mut agreed, &reading, row, subject)?;
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
    row: &'static Row,
    kinds: &[Kind],
    samples: &mut Samples,
) -> Result<(), String> {
    let mut agreed: Option<String> = None;
    for round in 0..options.hold_rounds {
        for kind in kinds {
            eprint!(
                "\r{} connections on {}        ",
                options.hold_connections,
                kind.name()
            );
            let subject = Subject::start(tools, kind)?;
            let reading = subject.load(tools, &row.arguments(options))?;
            agree(&mut agreed, &reading, row, &subject)?;
            samples.add(row, kind, round, row.value(&reading), reading.busy());
        }
    }
    eprintln!();
    Ok(())
}

/// All subjects of a row must have negotiated the same: otherwise their costs are not comparable.
fn agree(
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
