//! What the built daemon costs: CPU time of the server for each unit of work, and memory of an idle connection, beside
//! nginx, haproxy, hitch, stunnel and two bare C programs on the same libssl, in one interleaved run.
//!
//! Run it with `make bench` or `make bench-quick`. It measures whole processes over loopback; what is pure is measured
//! in `pure.rs`. What the numbers mean and how to get quiet ones: `README.md` beside this. Read next: `row.rs` for what
//! is measured, `setup.rs` for how each server is set up, then `compare.rs`, `opening.rs`, `threads.rs` and `scale.rs`.

mod chart;
mod compare;
mod kind;
mod opening;
mod options;
mod process;
mod row;
mod samples;
mod scale;
mod setup;
mod subject;
mod table;
mod threads;
mod tools;

use std::process::ExitCode;

use options::{Mode, Options};
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
    println!("{}\n", table::machine(&kinds));
    match options.mode {
        Mode::Compare => compare::run(&tools, options, &kinds),
        Mode::Opening => opening::run(&tools, options, &kinds),
        Mode::Threads(threads) => threads::run(&tools, options, &kinds, threads),
        Mode::Scale => scale::run(&tools, options, &kinds),
    }
}
