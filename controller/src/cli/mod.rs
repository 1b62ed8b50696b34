//! The command line: one file a command.
//!
//! A command reads its arguments, its key and the clock at its edge and hands them to plain
//! functions, which are what the tests call.

mod audit;
mod cluster;
mod completion;
mod controller;
mod crds;
mod demo;
mod diff;
mod gate;
mod gc;
mod key_source;
mod keys;
mod list;
mod output;
mod proxy;
mod render;
mod report;
mod run;
mod schedule;
mod shown;
mod sign;
mod start;
mod status;
mod stop;
mod termination;
mod time;
mod verify;
mod view;
mod wait;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{oneshot, reconcile};

/// Disaster-recovery drills through the real edge.
///
/// A request of a drill carries the signed header X-Drill-Context. The gateway verifies it and
/// steers the request to the drill's sandbox, never to production. These commands play a drill
/// on this machine, make the keys, sign the header's value, verify it as the gateway does, make an
/// edge ready for drills, and bring drills up and take them away, with the controller or without.
#[derive(Parser)]
#[command(name = "drillgate", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  drillgate demo
  drillgate gate install -f gate.yaml
  drillgate run -f drill.yaml -- pytest tests/smoke
  drillgate keys new --kid ci-2026 --out ci.jwk
  drillgate sign --key ci.jwk --drill 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --env orders-dr
  drillgate proxy --help
  drillgate help sign

Exit codes:
  0  done
  1  the answer is no: verify, demo, diff, status, audit and others say in their help what that means
  2  usage, input that cannot be read, or what cannot be carried out here
  4  the cluster cannot be reached, or does not let us
  5  the edge did not run with it in time";

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Run(Box<run::RunArgs>),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Gc(gc::GcArgs),
    #[command(subcommand)]
    Gate(gate::GateCommand),
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    Render(render::RenderArgs),
    Diff(diff::DiffArgs),
    Controller(controller::ControllerArgs),
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    Proxy(proxy::ProxyArgs),
    Audit(audit::AuditArgs),
    #[command(subcommand)]
    Report(report::ReportCommand),
    Crds(crds::CrdsArgs),
    Completion(completion::CompletionArgs),
}

/// What a command ends with; an error is printed and ends with [`UNUSABLE`].
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// The exit code of a value that is refused.
const REFUSED: u8 = 1;

/// The exit code of a look that found what should not be so.
const FOUND: u8 = 1;

/// The exit code that clap has for usage errors, here also for what cannot be read.
const UNUSABLE: u8 = 2;

/// The exit code of a controller that is no longer the leader.
const LOST: u8 = 3;

/// The exit code of a cluster that cannot be reached, or does not let us.
const CLUSTER: u8 = 4;

/// The exit code of an edge that did not run with what was applied in time.
const NOT_IN_TIME: u8 = 5;

/// Runs a command and gives the process's exit code, as its help lists them.
pub fn run(cli: Cli) -> ExitCode {
    let now = time::now();
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Start(args) => start::run(&args),
        Command::Stop(args) => stop::run(&args),
        Command::List(args) => list::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Gc(args) => gc::run(&args),
        Command::Gate(command) => gate::run(&command),
        Command::Schedule(command) => schedule::run(&command),
        Command::Render(args) => render::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Controller(args) => controller::run(&args),
        Command::Sign(args) => sign::run(&args, now),
        Command::Verify(args) => verify::run(&args, now),
        Command::Keys(command) => keys::run(&command),
        Command::Proxy(args) => proxy::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Report(command) => report::run(&command),
        Command::Crds(args) => crds::run(&args),
        Command::Completion(args) => completion::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        output::error(error.as_ref());
        ExitCode::from(code_of(error.as_ref()))
    })
}

/// The exit code of an error.
fn code_of(error: &(dyn Error + 'static)) -> u8 {
    match error.downcast_ref::<oneshot::Error>() {
        Some(error) if !error.is_usage() => CLUSTER,
        None if error.is::<reconcile::Error>() => CLUSTER,
        _ => UNUSABLE,
    }
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
