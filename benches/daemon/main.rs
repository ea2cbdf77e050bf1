//! What the built daemon costs: CPU time of the server for each unit of work, and memory of an idle connection, beside
//! nginx, haproxy, hitch, stunnel and two bare C programs on the same libssl, in one interleaved run.
//!
//! Run it with `make bench` or `make bench-quick`. It measures whole processes over loopback; what is pure is measured
//! in `pure.rs`. What the numbers mean and how to get quiet ones: `README.md` beside this. Read next: `row.rs` for what
//! is measured, `setup.rs` for how each server is set up.

mod options;
mod process;
mod row;
mod samples;
mod setup;
mod subject;
mod table;
mod tools;

use std::process::ExitCode;

use options::Options;
use row::{ROWS, Reading, Row, Work};
use samples::Samples;
use subject::{Key, Kind, Subject};
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
    let mut samples = Samples::default();
    println!("{}", table::machine(&kinds));

    let (idle, busy): (Vec<&Row>, Vec<&Row>) =
        rows.iter().copied().partition(|row| row.work == Work::Hold);
    let subjects = start_all(&tools, &kinds, &busy)?;
    for round in 0..options.rounds {
        eprint!("\rround {} of {} ", round + 1, options.rounds);
        for row in busy.iter().filter(|row| round % row.every == 0) {
            measure_row(&tools, options, row, &subjects, round, &mut samples)?;
        }
    }
    drop(subjects);
    if !idle.is_empty() {
        hold(&tools, options, &idle, &kinds, &mut samples)?;
    }
    eprintln!();

    println!("{}", table::main_table(&samples, &rows, &kinds));
    println!("{}", table::settings_table(&samples, &rows, &kinds));
    let path = tools.path("samples.csv");
    std::fs::write(&path, samples.csv())
        .map_err(|err| format!("write '{}': {err}", path.display()))?;
    println!("every sample: {}", path.display());
    Ok(())
}

/// One of each kind with each certificate that the rows ask of it.
fn start_all(tools: &Tools, kinds: &[Kind], rows: &[&Row]) -> Result<Vec<Subject>, String> {
    let mut subjects = Vec::new();
    for key in Key::ALL {
        let wanted = |kind: &&Kind| rows.iter().any(|row| row.key == key && kind.is_in(row));
        for kind in kinds.iter().filter(wanted) {
            subjects.push(Subject::start(tools, kind, key)?);
        }
    }
    Ok(subjects)
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
    let subjects: Vec<&Subject> = subjects
        .iter()
        .filter(|subject| subject.key == row.key && subject.kind.is_in(row))
        .collect();
    let mut agreed: Option<String> = None;
    for i in 0..subjects.len() {
        let subject = subjects[(i + round) % subjects.len()];
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
    rows: &[&Row],
    kinds: &[Kind],
    samples: &mut Samples,
) -> Result<(), String> {
    let mut agreed: Option<String> = None;
    for round in 0..options.hold_rounds {
        for kind in kinds.iter().filter(|kind| kind.is_in(rows[0])) {
            eprint!(
                "\r{} connections on {}        ",
                options.hold_connections,
                kind.name()
            );
            let subject = Subject::start(tools, kind, rows[0].key)?;
            let reading = subject.load(tools, &rows[0].arguments(options))?;
            agree(&mut agreed, &reading, rows[0], &subject)?;
            for row in rows {
                samples.add(row, kind, round, row.value(&reading), reading.busy());
            }
        }
    }
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
