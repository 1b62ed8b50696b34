//! A person, or a pipeline, with a kubeconfig and a folder of files.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use drillgate_tests::control_plane::{BINARY_VARIABLE, ControlPlane, key};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a command may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Desk {
    kubeconfig: PathBuf,
    folder: TempDir,
}

/// What a command that has succeeded printed.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) stdout: String,
    stderr: String,
}

impl Done {
    pub(crate) fn says(&self, text: &str) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "it does not say {text:?}: {self:#?}");
    }
}

impl Desk {
    pub(crate) fn at(plane: &ControlPlane) -> Self {
        let desk = Self {
            kubeconfig: plane.kubeconfig(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        desk.write("ci.jwk", &key("ci", 7));
        desk
    }

    /// Writes a file of the folder. JSON is YAML, too.
    pub(crate) fn write(&self, name: &str, content: &Value) {
        std::fs::write(self.folder.path().join(name), content.to_string()).expect("write a file");
    }

    /// Runs `drillgate` with these arguments, which has to succeed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        let binary = std::env::var_os(BINARY_VARIABLE).expect("the binary's path");
        let output = Command::new(binary)
            .args(arguments)
            .current_dir(self.folder.path())
            // Nothing of the developer's: neither a proxy, nor a key, nor another cluster.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(LIMIT, output)
            .await
            .expect("it ends")
            .expect("it starts");
        let done = Done {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(output.status.success(), "{}: {done:#?}", output.status);
        done
    }
}
