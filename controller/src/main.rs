//! The binary `drillgate`: see [`drillgate::cli`].

use std::process::ExitCode;

use clap::Parser;
use drillgate::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
