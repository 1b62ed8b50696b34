//! The programs that came with the servers, run as whom a server accepts.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::control_plane::tools::database_tool;

/// Whom a server runs as when the tests are root's: PostgreSQL refuses root.
const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=nobody",
    "--regid=nogroup",
    "--clear-groups",
];

/// The words that start a program of `make databases`, by its path there, as an ordinary user and
/// with its own shared libraries.
pub(super) fn line(program: &str) -> Vec<String> {
    let program = database_tool(program);
    let mut line: Vec<String> = Vec::new();
    if is_root() {
        line.extend(NOBODY.map(str::to_owned));
    }
    let libraries = root().join("usr/lib/x86_64-linux-gnu");
    line.extend(["env".to_owned(), "TZ=UTC".to_owned()]);
    line.push(format!("LD_LIBRARY_PATH={}", libraries.display()));
    line.push(program.display().to_string());
    line
}

/// The folder of `make databases`.
pub(super) fn root() -> PathBuf {
    let program = database_tool("usr/sbin/mariadbd");
    let folder = program.ancestors().nth(3).expect("three folders up");
    folder.to_owned()
}

pub(super) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("run id");
    id.stdout == b"0\n"
}

/// Runs a program of `make databases` with `input`, and gives what it prints.
///
/// # Panics
/// If it ends badly, with what it said.
pub(super) fn command(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let line = line(program);
    let mut child = Command::new(&line[0])
        .args(&line[1..])
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start a program of the databases");
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that needs no input may have ended.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("its end");
    writer.join().expect("the input");
    assert!(
        output.status.success(),
        "{program} {arguments:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
