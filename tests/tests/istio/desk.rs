//! A person, or a pipeline, with a kubeconfig and a folder of files.

use std::path::PathBuf;
use std::time::Duration;

use drillgate_tests::control_plane::{ControlPlane, key};
use drillgate_tests::drillgate;
use serde_json::Value;
use tempfile::TempDir;
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
        let mut command = drillgate(arguments, self.folder.path(), &self.kubeconfig);
        let output = command.output();
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
