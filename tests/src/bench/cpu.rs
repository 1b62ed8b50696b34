//! How much CPU time a process has used, by the scheduler's own account, and where it runs.

use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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

/// Keeps these processes on one CPU and this one on the others, so that what is measured neither moves
/// nor loses its caches to the client. Where there is one CPU only, all is left as it is.
pub(super) fn set_apart(processes: &[u32]) -> io::Result<()> {
    let all = sched_getaffinity(None)?;
    let Some(first) = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)) else {
        return Ok(());
    };
    if all.count() < 2 {
        return Ok(());
    }
    let mut alone = CpuSet::new();
    alone.set(first);
    let mut others = all;
    others.unset(first);
    for process in processes {
        keep(&process.to_string(), &alone)?;
    }
    keep("self", &others)
}

fn keep(process: &str, cpus: &CpuSet) -> io::Result<()> {
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = task?.file_name().to_str().and_then(|id| id.parse().ok());
        let Some(thread) = thread.and_then(Pid::from_raw) else {
            continue;
        };
        match sched_setaffinity(Some(thread), cpus) {
            // It has ended meanwhile.
            Err(Errno::SRCH) => {}
            done => done?,
        }
    }
    Ok(())
}
