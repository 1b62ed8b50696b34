//! The command line: one file a command.
//!
//! A command reads its arguments, its key and the clock at its edge and hands them to plain
//! functions, which are what the tests call.

mod controller;
mod crds;
mod demo;
mod key_source;
mod keys;
mod output;
mod proxy;
mod sign;
mod time;
mod verify;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Disaster-recovery drills through the real edge.
///
/// A request of a drill carries the signed header X-Drill-Context. The gateway verifies it and
/// steers the request to the drill's sandbox, never to production. These commands play a drill
/// on this machine, make the keys, sign the header's value, verify it as the gateway does, sign for
/// clients that cannot, and print what a cluster needs.
#[derive(Parser)]
#[command(name = "drillgate", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  drillgate demo --help
  drillgate keys new --kid ci-2026 --out ci.jwk
  drillgate sign --key ci.jwk --drill 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --env orders-dr
  drillgate proxy --help
  drillgate help sign

Exit codes:
  0  done
  1  verify: the value was refused; demo: the drill does not hold; proxy: an answer was not the edge's
  2  usage, or a key or input that cannot be read";

#[derive(Subcommand)]
enum Command {
    Controller(controller::ControllerArgs),
    Demo(demo::DemoArgs),
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    Proxy(proxy::ProxyArgs),
    Crds(crds::CrdsArgs),
}

/// What a command ends with; an error is printed and ends with [`UNUSABLE`].
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// The exit code of a value that is refused.
const REFUSED: u8 = 1;

/// The exit code that clap has for usage errors, here also for what cannot be read.
const UNUSABLE: u8 = 2;

/// The exit code of a controller that is no longer the leader.
const LOST: u8 = 3;

/// Runs a command and gives the process's exit code: 0 when it did what it was asked, 1 when
/// a value is refused, 2 for usage and for keys or input that cannot be read.
pub fn run(cli: Cli) -> ExitCode {
    let now = time::now();
    let outcome = match cli.command {
        Command::Controller(args) => controller::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Sign(args) => sign::run(&args, now),
        Command::Verify(args) => verify::run(&args, now),
        Command::Keys(command) => keys::run(&command),
        Command::Proxy(args) => proxy::run(&args),
        Command::Crds(args) => crds::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        output::error(error.as_ref());
        ExitCode::from(UNUSABLE)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_of_the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
