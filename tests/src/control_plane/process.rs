//! A process that does not outlive the test process, however that ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs a program until its own standard input ends, then kills it, and removes a folder if it was
/// given one. If it was given a signal, the program may end by itself first, within seconds. The other end of that pipe is ours: it ends when we close it, and when we are killed.
///
/// (Linux could do it with a parent death signal, but that comes when the *thread* that started the
/// child ends, and each test has a thread of its own.)
///
/// The program gets a session of its own, so that its own children (an agent's Envoy) go with it.
const KEEPER: &str = r#"
trap '' HUP
log=$1 folder=$2 signal=$3
shift 3
setsid "$@" >>"$log" 2>&1 &
child=$!
echo "$child"
exec >&-
read -r _
if test -n "$signal"; then
  kill -s "$signal" "$child"
  sleep 5 && kill -KILL "-$child" &
  late=$!
  wait "$child"
  kill "$late"
fi
kill -KILL "-$child" || kill -KILL "$child"
wait "$child"
test -z "$folder" || rm -rf "$folder"
"#;

/// How much of the log an error shows, in lines.
const LOG_TAIL: usize = 20;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    keeper: Child,
    id: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `binary`; what it prints is added to `log`. When it ends, `folder` is removed.
    pub(crate) fn start(
        binary: &Path,
        arguments: &[String],
        log: &Path,
        folder: Option<&Path>,
    ) -> Self {
        Self::start_to_end_by("", binary, arguments, log, folder)
    }

    /// The same for a program that has something to put in order: it is sent this signal first, by
    /// its name without `SIG`.
    pub(crate) fn start_to_end_by(
        signal: &str,
        binary: &Path,
        arguments: &[String],
        log: &Path,
        folder: Option<&Path>,
    ) -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(log)
            .arg(folder.unwrap_or(Path::new("")))
            .arg(signal)
            .arg(binary)
            .args(arguments)
            // What a terminal sends to the tests (Ctrl-C) must not reach the keeper.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a shell");
        let mut id = String::new();
        BufReader::new(keeper.stdout.take().expect("its output"))
            .read_line(&mut id)
            .expect("read a process id");
        Self {
            keeper,
            id: id.trim().parse().expect("a process id"),
            log: log.to_owned(),
        }
    }

    /// Whether it has ended by itself: its keeper holds its id until it is told to go.
    pub(crate) fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        // The state follows the name, which stands in brackets and may hold anything.
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
        state.is_none_or(|state| state.starts_with('Z'))
    }

    /// Sends it a signal, by the signal's name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", name])
            .arg(self.id.to_string())
            .status()
            .expect("start a shell");
        assert!(status.success(), "cannot send {name} to {}", self.id);
    }

    /// Its memory that is in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        Self::resident_bytes_of(self.id)
    }

    /// The same of its one child.
    pub(crate) fn child_resident_bytes(&self) -> u64 {
        Self::resident_bytes_of(self.child_id())
    }

    /// The process id of its one child.
    pub(crate) fn child_id(&self) -> u32 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id)).expect("a process");
        // Which of its threads has started the child is the program's affair.
        let children = tasks.flatten().map(|task| {
            let children = fs::read_to_string(task.path().join("children"));
            children.unwrap_or_default()
        });
        let children = children.collect::<Vec<_>>().concat();
        let child = children.split_whitespace().next().expect("a child");
        child.parse().expect("a process id")
    }

    fn resident_bytes_of(id: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.expect("a size").trim().trim_end_matches(" kB");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// The end of what it printed.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}
