//! The command line as its users meet it: the binary, its files, streams and exit codes.
// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]

mod audit;
mod help;
mod keys;
mod proxy;
mod report;
mod sign;
mod verify;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// How a run of the binary ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn with_code(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn fails_with(self, message: &str) {
        let ended = self.with_code(2);
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A folder of key files, and the binary run in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        Bench { folder }
    }

    /// A bench with the key `k1` of this algorithm in `k1.jwk`.
    fn with_key(alg: &str) -> Bench {
        let bench = Bench::new();
        let new = [
            "keys", "new", "--kid", "k1", "--alg", alg, "--out", "k1.jwk",
        ];
        bench.run(&new).with_code(0);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The members of a key file that nobody else may see.
    fn secret(&self, name: &str) -> String {
        let jwk: serde_json::Value = serde_json::from_str(&self.read(name)).unwrap();
        let secret = jwk.get("k").or(jwk.get("d")).unwrap();
        secret.as_str().unwrap().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillgate"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("DRILLGATE_KEY")
            .env_remove("DRILLGATE_KEY_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_with(&[], "", args)
    }

    fn run_with(&self, variables: &[(&str, &str)], stdin: &str, args: &[&str]) -> Ended {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        // A run that has no use for its input may end before it is written.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The value that `k1.jwk` signs now for the drill, without the line's end.
    fn sign(&self, options: &[&str]) -> String {
        let sign = [
            "sign",
            "--key",
            "k1.jwk",
            "--drill",
            DRILL,
            "--env",
            "orders-dr",
        ];
        let ended = self.run(&[&sign, options].concat()).with_code(0);
        ended.stdout.trim_end().to_owned()
    }
}
