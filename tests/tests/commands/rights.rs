//! What a pipeline may do with the roles that the chart has for it, and what it may not.

use drillgate_tests::control_plane::ControlPlane;
use serde_json::{Value, json};

use crate::{Desk, eventually};

fn binding(kind: &str, role: &str, user: &str, namespace: Option<&str>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": format!("{role}-{user}"), "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    })
}

/// A desk of a user who has the roles of a pipeline and nothing else.
pub async fn pipeline() -> Desk {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    let user = format!("ci-of-{}", desk.scene.sandbox);
    for namespace in [&desk.scene.sandbox, &desk.scene.gateway] {
        let role = binding("RoleBinding", "drillgate-pipeline", &user, Some(namespace));
        desk.scene.apply(role).await;
    }
    let view = binding("ClusterRoleBinding", "drillgate-pipeline-view", &user, None);
    let file = desk.folder.path().join("binding.yaml");
    desk.write("binding.yaml", &view);
    plane
        .kubectl(["apply", "-f", file.to_str().expect("a path")])
        .await;
    desk.kubeconfig = plane.kubeconfig_as(&user);
    // The API server learns of roles by a watch of its own.
    let start = [
        "start",
        "-f",
        "drill.yaml",
        "--gate",
        "gate.yaml",
        "--key",
        "ci.jwk",
    ];
    eventually("the roles count", async || {
        desk.run(&start).await.code == Some(0)
    })
    .await;
    desk.run(&["stop", &format!("{}/orders", desk.scene.sandbox)])
        .await
        .assert(0);
    desk
}

impl Desk {
    /// Lets the pipeline's user do this with ConfigMaps of the sandbox's namespace.
    pub async fn allow(&self, verbs: &[&str]) {
        let namespace = &self.scene.sandbox;
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "evidence", "namespace": namespace},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}],
        });
        self.scene.apply(role).await;
        let user = format!("ci-of-{namespace}");
        let mut bound = binding("RoleBinding", "evidence", &user, Some(namespace));
        bound["roleRef"]["kind"] = json!("Role");
        self.scene.apply(bound).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_with_its_two_roles_can_do_all_that_a_drill_needs() {
    let desk = pipeline().await;
    let name = format!("{}/orders", desk.scene.sandbox);
    let run = [
        "run",
        "-f",
        "drill.yaml",
        "--gate",
        "gate.yaml",
        "--key",
        "ci.jwk",
        "--",
        "true",
    ];
    desk.run(&run).await.assert(0).says("nothing is left");
    assert_eq!(desk.residue().await, Vec::<String>::new());
    desk.run(&["start", "-f", "drill.yaml", "--gate", "gate.yaml"])
        .await
        .assert(0);
    assert_eq!(desk.drills().await.len(), 1);
    desk.run(&["status", &name, "--key", "ci.jwk"])
        .await
        .assert(0);
    desk.run(&["diff", "-f", "drill.yaml", "--gate", "gate.yaml"])
        .await
        .assert(0);
    desk.run(&["gc"]).await.assert(0);
    desk.run(&["stop", &name])
        .await
        .assert(0)
        .says("removed VirtualService");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_reads_no_key_and_installs_no_gate() {
    let desk = pipeline().await;
    // Without a key of its own it would have to read the gate's.
    let run = [
        "run",
        "-f",
        "drill.yaml",
        "--gate",
        "gate.yaml",
        "--",
        "touch",
        "ran",
    ];
    desk.run(&run)
        .await
        .assert(125)
        .says("cannot read Secret drill-keys")
        .says("--key");
    let install = [
        "gate",
        "install",
        "-f",
        "gate.yaml",
        "--key",
        "ci.jwk",
        "--yes",
    ];
    desk.run(&install).await.assert(4).says("forbidden");
    let mut elsewhere = desk.scene.drill("orders");
    elsewhere["metadata"]["namespace"] = json!(desk.scene.production);
    elsewhere["spec"]["routes"][0]["sandbox"]["host"] =
        json!(format!("orders.{}", desk.scene.sandbox));
    desk.write("elsewhere.yaml", &elsewhere);
    let start = [
        "start",
        "-f",
        "elsewhere.yaml",
        "--gate",
        "gate.yaml",
        "--key",
        "ci.jwk",
    ];
    desk.run(&start).await.assert(4).says("forbidden");
    assert!(!desk.folder.path().join("ran").exists());
}
