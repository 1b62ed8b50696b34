//! A program with all that it starts.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How much is kept of each output. The rest is read and forgotten, so that nobody waits for it.
const KEPT: usize = 1024 * 1024;

/// What a program has ended with.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs a program in a process group of its own. The whole group is killed when the program has
/// ended, and when the future is dropped.
pub(super) async fn run(mut command: Command) -> io::Result<Ended> {
    let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
    let group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let waits = async {
        let status = child.wait().await;
        // What it has left behind would hold its outputs open.
        drop(group);
        status
    };
    let (status, stdout, stderr) = tokio::join!(waits, kept(stdout), kept(stderr));
    Ok(Ended {
        status: status?,
        stdout,
        stderr,
    })
}

/// A process group, killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody is left in it, if all is well.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The beginning of what is read. An output that breaks is one that ends.
async fn kept(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut output) = output else {
        return kept;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        let room = KEPT.saturating_sub(kept.len());
        kept.extend(buffer.iter().take(read.min(room)));
    }
    kept
}
