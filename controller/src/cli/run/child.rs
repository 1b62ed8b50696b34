//! The command inside a drill.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::time::sleep;

use super::super::output;
use super::signals::Signals;
use crate::checks::users_program;
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;

/// How long a command that was told to end may take.
const GRACE: Duration = Duration::from_secs(10);

/// How often the clock is looked at: a machine may have slept, or its clock may be set.
const LOOK: Duration = Duration::from_millis(200);

/// How a command has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
    /// By us, when the drill's time was over.
    TimeOver,
}

/// Runs a command until it ends, the drill's time is over, or we are told to end.
pub(super) async fn run_command(
    command: &[OsString],
    environment: &[(&'static str, OsString)],
    plan: &Plan,
    signals: &mut Signals,
) -> Result<Ended, Box<dyn Error>> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("no command".into());
    };
    // At a terminal the command stays in our group: it may read, and Ctrl-C reaches it, too.
    let own_group = !io::stdin().is_terminal();
    let mut prepared = users_program(program, environment);
    prepared.args(arguments).kill_on_drop(true);
    if own_group {
        prepared.process_group(0);
    }
    let child = match prepared.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Ended::Code(not_started(program, &error))),
    };
    Running { child, own_group }.wait(plan, signals).await
}

/// The exit code of a shell for a command that cannot be started.
fn not_started(program: &OsString, error: &io::Error) -> u8 {
    output::error(&io::Error::new(
        error.kind(),
        format!("{} cannot be run: {error}", program.display()),
    ));
    match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    }
}

struct Running {
    child: Child,
    own_group: bool,
}

impl Running {
    async fn wait(mut self, plan: &Plan, signals: &mut Signals) -> Result<Ended, Box<dyn Error>> {
        tokio::select! {
            status = self.child.wait() => Ok(ended(status?)),
            signal = signals.next() => {
                // A terminal has sent Ctrl-C to the whole group already.
                if self.own_group || signal != Signal::INT {
                    self.send(signal);
                }
                Ok(ended(self.end(signals).await?))
            }
            () = time_over(plan) => {
                self.send(Signal::TERM);
                self.end(signals).await?;
                Ok(Ended::TimeOver)
            }
        }
    }

    /// Waits for the end of a command that was told to end, and kills it after a while, or when
    /// we are told once more.
    async fn end(&mut self, signals: &mut Signals) -> io::Result<ExitStatus> {
        tokio::select! {
            status = self.child.wait() => return status,
            () = sleep(GRACE) => {}
            _ = signals.next() => {}
        }
        self.send(Signal::KILL);
        self.child.wait().await
    }

    fn send(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            return;
        };
        let sent = match self.own_group {
            true => kill_process_group(id, signal),
            false => kill_process(id, signal),
        };
        // It has ended in between.
        let _ = sent;
    }
}

/// Returns when the drill's time is over.
pub(super) async fn time_over(plan: &Plan) {
    while now().0 < plan.expires_at.0 {
        sleep(LOOK).await;
    }
}

fn ended(status: ExitStatus) -> Ended {
    let of = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(of(code)),
        (None, signal) => Ended::Signal(of(signal.unwrap_or(0))),
    }
}
