//! A person, or a pipeline, with a kubeconfig and a folder of files.

use std::path::PathBuf;
use std::time::Duration;

use drillgate_tests::control_plane::{ControlPlane, key};
use drillgate_tests::drillgate;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

/// How long a command may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Desk {
    kubeconfig: PathBuf,
    folder: TempDir,
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) stdout: String,
    stderr: String,
}

impl Done {
    pub(crate) fn says(&self, text: &str) {
        assert!(self.told(text), "it does not say {text:?}: {self:#?}");
    }

    /// Whether it has said this.
    pub(crate) fn told(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
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

    /// Where a file of the folder is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The report that a run has left in the folder `evidence`, which makes place for the next.
    pub(crate) fn report(&self) -> Value {
        let folder = self.path("evidence");
        let text = std::fs::read(folder.join("report.json")).expect("a report");
        std::fs::remove_dir_all(folder).expect("it is ours");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Runs `drillgate` with these arguments, which has to succeed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        self.run_to(0, arguments).await
    }

    /// Runs `drillgate` with these arguments, which has to end with this code.
    pub(crate) async fn run_to(&self, code: i32, arguments: &[&str]) -> Done {
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
        assert_eq!(output.status.code(), Some(code), "{done:#?}");
        done
    }
}
