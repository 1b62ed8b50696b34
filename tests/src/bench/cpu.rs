//! How much CPU time a process has used, by the scheduler's own account.

use std::fs;
use std::io;
use std::path::Path;

/// Nanoseconds on a CPU, all threads together (`/proc/<pid>/task/*/schedstat`, first field).
pub(super) fn nanoseconds(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        sum += of_task(&task?.path())?;
    }
    Ok(sum)
}

fn of_task(task: &Path) -> io::Result<u64> {
    let line = fs::read_to_string(task.join("schedstat"))?;
    let first = line.split_whitespace().next().and_then(|n| n.parse().ok());
    first.ok_or_else(|| io::Error::other(format!("no schedstat in {}", task.display())))
}
