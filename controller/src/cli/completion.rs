//! `drillgate completion`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Outcome, output};

const EXAMPLES: &str = "\
Examples:
  source <(drillgate completion bash)
  drillgate completion zsh >\"${fpath[1]}/_drillgate\"
  drillgate completion fish >~/.config/fish/completions/drillgate.fish

Exit codes:
  0  printed
  2  usage";

/// Print what a shell needs to complete the commands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drillgate", &mut script);
    output::emit(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
