//! The `tlsport` program: arguments in, exit status out. Everything it does is in [`cli`], one file a subcommand.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
