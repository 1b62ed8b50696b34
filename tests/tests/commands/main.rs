//! The commands that work on a cluster, as processes, against a real API server: drills and gates
//! without the controller, and beside it.

mod checks;
mod edge;
mod evidence;
mod gates;
mod kept;
mod rights;
mod run;
mod schedule;
mod standing;
mod together;

use std::path::PathBuf;
use std::time::Duration;

use drillgate_tests::control_plane::{ControlPlane, Scene, hand_on, key};
use drillgate_tests::{Harness, drillgate};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long a command may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A person, or a pipeline, with a kubeconfig, a key and a folder of files.
struct Desk {
    scene: Scene,
    kubeconfig: PathBuf,
    folder: TempDir,
}

/// What a command has ended with.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Done {
    /// What it printed, as JSON.
    fn json(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        read.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn assert(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    fn says(&self, text: &str) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "it does not say {text:?}: {self:#?}");
        self
    }
}

impl Desk {
    /// At a cluster without our definitions and without a controller.
    async fn new() -> Desk {
        let plane = ControlPlane::shared().await;
        plane.install_istio_crds().await;
        Desk::at(plane, Scene::set_without_crds(plane).await)
    }

    fn at(plane: &ControlPlane, scene: Scene) -> Desk {
        let desk = Desk {
            kubeconfig: plane.kubeconfig(),
            folder: tempfile::tempdir().expect("a folder"),
            scene,
        };
        desk.write("gate.yaml", &desk.scene.gate());
        desk.write("drill.yaml", &desk.scene.drill("orders"));
        desk.write("ci.jwk", &key("ci", 7));
        desk
    }

    /// With a gate that `gate install` has installed.
    async fn gated() -> Desk {
        let desk = Desk::new().await;
        desk.install().await;
        desk
    }

    async fn install(&self) {
        self.run(&["gate", "install", "-f", "gate.yaml", "--yes"])
            .await
            .assert(0);
    }

    /// Has the gate asked at this gateway whether it runs with it.
    fn probe(&self, harness: &Harness) {
        let mut gate = self.scene.gate();
        let address = harness.address().to_string();
        gate["spec"]["probe"] = json!({"address": address, "host": "orders.example.com"});
        self.write("gate.yaml", &gate);
    }

    /// Installs the gate, and waits for the gateway no longer than `wait`.
    async fn install_within(&self, wait: &str) -> Done {
        let install = [
            "gate",
            "install",
            "-f",
            "gate.yaml",
            "--yes",
            "--wait",
            wait,
        ];
        self.run(&install).await
    }

    /// Runs the binary while the cluster's objects are handed on to this gateway.
    async fn run_at(&self, harness: &mut Harness, arguments: &[&str]) -> Done {
        tokio::select! {
            done = self.run(arguments) => done,
            () = hand_on(&self.scene, harness) => panic!("it goes on for ever"),
        }
    }

    /// Writes a file of the folder. JSON is YAML, too.
    fn write(&self, name: &str, content: &Value) {
        std::fs::write(self.folder.path().join(name), content.to_string()).expect("write a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        drillgate(arguments, self.folder.path(), &self.kubeconfig)
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("start the binary")
    }

    async fn run(&self, arguments: &[&str]) -> Done {
        finish(self.start(arguments)).await
    }

    /// `drillgate run -f drill.yaml -- sh -c <script>`.
    async fn drill(&self, script: &str) -> Done {
        self.run(&["run", "-f", "drill.yaml", "--", "sh", "-c", script])
            .await
    }

    /// The drills that stand at this desk's gate.
    async fn drills(&self) -> Vec<Value> {
        let listed = self.run(&["list", "--output", "json"]).await;
        let gate = format!("{}.edge", self.scene.gateway);
        let all = listed.assert(0).json();
        let all = all.as_array().expect("a list").iter();
        all.filter(|drill| drill["gate"] == gate.as_str())
            .cloned()
            .collect()
    }

    /// The objects of drills, and the UUIDs in the active list.
    async fn residue(&self) -> Vec<String> {
        let ours = self.scene.ours().await.into_iter();
        let of_drills = ours.filter(|name| !name.contains("drillgate-edge"));
        of_drills.chain(self.entries().await).collect()
    }

    /// The UUIDs in the active list.
    async fn entries(&self) -> Vec<String> {
        let configuration = self.scene.plugin_configuration().await;
        let drills = configuration["drills"].as_object().into_iter().flatten();
        drills.map(|(id, _)| id.clone()).collect()
    }
}

async fn finish(child: Child) -> Done {
    let output = timeout(LIMIT, child.wait_with_output())
        .await
        .expect("it ends")
        .expect("output");
    Done {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal, by its name without `SIG`.
async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().await;
    assert!(sent.expect("send a signal").success());
}

/// Waits until `holds` does.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = timeout(LIMIT, async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "it does not come true that {what}");
}
