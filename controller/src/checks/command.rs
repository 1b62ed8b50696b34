//! A program as a check.

use std::process::Stdio;

use tokio::process::Command;

use super::engine::Context;
use super::outcome::Tried;
use crate::api::CommandCheck;

/// Runs the program once. It is killed when the future is dropped.
pub(super) async fn ask(check: &CommandCheck, context: &Context<'_>) -> Tried {
    let Some((program, arguments)) = check.argv.split_first() else {
        return Tried::failed("argv is empty: name a program");
    };
    let run = Command::new(program)
        .args(arguments)
        .envs(
            context
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = match run {
        Ok(output) => output,
        Err(error) => return Tried::failed(format!("{program} cannot be run: {error}")),
    };
    let tried = if output.status.success() {
        Tried::passed(format!("{program} ended well"))
    } else {
        Tried::failed(format!("{program} ended with {}", output.status))
    };
    let tried = tried.and_saw("output", &String::from_utf8_lossy(&output.stdout));
    if output.stderr.is_empty() {
        return tried;
    }
    tried.and_saw("errors", &String::from_utf8_lossy(&output.stderr))
}
