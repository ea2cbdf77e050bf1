//! Several threads of each server beside one, on the same cores and under the same load.
//!
//! The load has a process for each thread, with one thread of the server as with several: what changes between the two
//! is the server alone. Where there are not two cores for each thread, the load runs on the server's cores and takes
//! its share of them: then the CPU time of a unit says how well the server scales, and the throughput says nothing.

use super::compare::agree;
use super::kind::Kind;
use super::options::Options;
use super::row::{Figure, ROWS, Row};
use super::samples::Samples;
use super::setup::words;
use super::subject::Subject;
use super::table;
use super::tools::{Layout, Tools, progress};

/// The samples of one number of threads.
struct Side {
    threads: u32,
    cpu: Samples,
    /// Operations a second.
    rate: Samples,
}

/// Measure, and print the table.
pub(crate) fn run(
    tools: &Tools,
    options: &Options,
    kinds: &[Kind],
    most: u32,
) -> Result<(), String> {
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|row| matches!(row.figure, Figure::Cpu | Figure::Bytes) && options.wants(row.name))
        .collect();
    let mut sides = [1, most].map(|threads| Side {
        threads,
        cpu: Samples::default(),
        rate: Samples::default(),
    });
    let load = words(&["--processes", &most.to_string()]);
    for row in &rows {
        // Row by row, so that no more servers than these share the cores.
        for kind in kinds {
            let [one, several] = &sides;
            let pair = [one.threads, several.threads].map(|threads| {
                let layout = Layout::several(threads, most);
                Subject::start(tools, kind, row.service, &layout)
            });
            let mut agreed = None;
            let subjects: Vec<Subject> = pair.into_iter().collect::<Result<_, _>>()?;
            for round in 0..options.rounds() {
                progress(&format!(
                    "{}: {}, round {}",
                    row.name,
                    kind.name(),
                    round + 1
                ));
                for i in 0..sides.len() {
                    let at = (i + round) % sides.len();
                    let arguments = [row.arguments(options, &subjects[at]), load.clone()].concat();
                    let reading = subjects[at].load(&arguments)?;
                    agree(&mut agreed, &reading, row, &subjects[at])?;
                    let busy = reading.busy();
                    sides[at]
                        .cpu
                        .add(row, kind, round, row.value(&reading), busy);
                    sides[at].rate.add(row, kind, round, reading.rate(), busy);
                }
            }
        }
    }
    progress("");
    println!("{}", sheet(&sides, &rows, kinds));
    println!("{}", explanation(most));
    Ok(())
}

/// What stands in the table.
fn explanation(threads: u32) -> String {
    let what = format!(
        "Each cell: with {threads} threads, divided by the same with one. CPU: of a unit of work."
    );
    match Layout::has_room(threads) {
        true => format!("{what} Throughput: units of work a second."),
        false => format!("{what} The load runs on the server's cores: no throughput is told."),
    }
}

fn sheet(sides: &[Side; 2], rows: &[&Row], kinds: &[Kind]) -> String {
    let [one, several] = sides;
    let has_room = Layout::has_room(several.threads);
    let mut head = vec![format!("{} threads : one", several.threads)];
    for kind in kinds {
        head.push(format!("{}: CPU", kind.name()));
        if has_room {
            head.push("throughput".into());
        }
    }
    let lines = rows.iter().map(|row| {
        let mut line = vec![row.name.to_owned()];
        for kind in kinds {
            let ratios = |of: fn(&Side) -> &Samples| {
                of(several).series(row, kind).to(&of(one).series(row, kind))
            };
            let cell = table::ratio(&ratios(|side| &side.cpu));
            // Where the load has the same cores, no server has them for itself.
            line.push(match has_room && row.wants_it_busy() {
                true => table::mark(cell, busy(sides, row, kind)),
                false => cell,
            });
            if has_room {
                line.push(format!("{:.2}", ratios(|side| &side.rate).median()));
            }
        }
        line
    });
    table::explain_mark(table::align(head, lines.collect()))
}

/// The part of its cores that a server used, on the side where that was less.
fn busy(sides: &[Side; 2], row: &Row, kind: &Kind) -> f64 {
    let parts = sides
        .each_ref()
        .map(|side| side.cpu.busy(row, kind) / f64::from(side.threads));
    parts[0].min(parts[1])
}
