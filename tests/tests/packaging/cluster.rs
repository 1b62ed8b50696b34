//! The chart in a cluster: what a real API server says of its objects, and what Helm leaves.

use std::fs;
use std::process::Command;
use std::time::Duration;

use drillgate_tests::control_plane::ControlPlane;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::chart::{EVERYTHING, FOREIGN};
use super::tools::{called, helm, in_repository, objects, printed, template};

/// How long the API server may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Hands objects to kubectl, which asks for every unknown field to be refused; they become nothing.
async fn accepted(plane: &ControlPlane, objects: &[Value]) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("objects.json");
    fs::write(
        &path,
        serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string(),
    )
    .unwrap();
    let path = path.display().to_string();
    let said = plane
        .kubectl([
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--filename",
            &path,
        ])
        .await;
    assert_eq!(said.lines().count(), objects.len(), "{said}");
}

#[tokio::test]
async fn the_api_server_knows_every_field_of_every_object() {
    let plane = ControlPlane::start().await;
    for namespace in ["drillgate-system", "istio-system", "edge"] {
        plane.kubectl(["create", "namespace", namespace]).await;
    }
    for values in [&[][..], &EVERYTHING] {
        let rendered = objects(&template(values));
        let (foreign, ours): (Vec<Value>, Vec<Value>) = rendered
            .into_iter()
            .partition(|object| FOREIGN.contains(&object["kind"].as_str().unwrap()));
        assert_eq!(
            foreign.len(),
            if values.is_empty() { 0 } else { FOREIGN.len() }
        );
        accepted(&plane, &ours).await;
    }
}

#[tokio::test]
async fn the_examples_are_accepted() {
    let plane = ControlPlane::start().await;
    for namespace in ["istio-system", "orders-dr"] {
        plane.kubectl(["create", "namespace", namespace]).await;
    }
    // The namespace of the release is in it, too.
    let install = in_repository("manifests").display().to_string();
    plane
        .kubectl([
            "apply",
            "--server-side",
            "--validate=strict",
            "--kustomize",
            &install,
        ])
        .await;
    plane
        .kubectl(["wait", "--for=condition=Established", "crd", "--all"])
        .await;
    let examples = in_repository("examples/kubernetes").display().to_string();
    let gitops = objects(&plane.kubectl(["kustomize", &examples]).await);
    assert!(
        gitops
            .iter()
            .any(|object| called(object) == "DrillGate/edge")
    );
    accepted(&plane, &gitops).await;
    for file in [
        "kubernetes/gate.yaml",
        "kubernetes/drill.yaml",
        "kubernetes/pipeline.yaml",
        "ci/cronjob.yaml",
    ] {
        let path = in_repository("examples").join(file).display().to_string();
        plane
            .kubectl([
                "apply",
                "--server-side",
                "--dry-run=server",
                "--validate=strict",
                "--filename",
                &path,
            ])
            .await;
    }
}

/// Every object that carries the label of the release, as `kind.group/name`.
async fn of_release(plane: &ControlPlane) -> Vec<String> {
    let kinds = "namespace,serviceaccount,role,rolebinding,clusterrole,clusterrolebinding,deployment,service,\
                 poddisruptionbudget,networkpolicy,validatingadmissionpolicy,validatingadmissionpolicybinding,\
                 customresourcedefinition,secret";
    let line = [
        "get",
        kinds,
        "--all-namespaces",
        "--output=name",
        "--selector=app.kubernetes.io/managed-by=Helm",
    ];
    plane
        .kubectl(line)
        .await
        .lines()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn helm_installs_upgrades_and_leaves_nothing_but_the_definitions() {
    let plane = ControlPlane::start().await;
    plane.kubectl(["create", "namespace", "istio-system"]).await;
    let kubeconfig = plane.kubeconfig();
    let run = |arguments: &[&str]| {
        let line = [arguments, &["--namespace", "drillgate-system"]].concat();
        printed(&helm(Some(&kubeconfig), &line))
    };

    // The chart as it was when a definition had a column less.
    let folder = TempDir::new().unwrap();
    let older = folder.path().join("chart");
    let chart = in_repository("manifests/chart");
    let copied = Command::new("cp")
        .arg("-rL")
        .args([&chart, &older])
        .output();
    printed(&copied.unwrap());
    let definition = older.join("files/crds/drills.yaml");
    let column = "    - description: When it ends\n      jsonPath: .status.expiresAt\n      name: Expires\n      type: string\n";
    let yaml = fs::read_to_string(&definition).unwrap();
    assert!(yaml.contains(column), "{yaml}");
    fs::write(&definition, yaml.replace(column, "")).unwrap();

    let older = older.display().to_string();
    // Someone has brought the definitions already.
    let definitions = in_repository("manifests/chart/files/crds")
        .display()
        .to_string();
    plane
        .kubectl(["apply", "--server-side", "--filename", &definitions])
        .await;
    let install = ["install", "drillgate", &older, "--create-namespace"];
    let taken_over = ["--take-ownership", "--force-conflicts"];
    let said = run(&[&install[..], &taken_over].concat());
    assert!(said.contains("istio-system: drill-keys"), "{said}");
    assert_eq!(
        of_release(&plane).await.len(),
        objects(&template(&[])).len()
    );

    let columns = "--output=jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}";
    let columns = ["get", "crd/drills.drillgate.dev", columns];
    assert!(!plane.kubectl(columns).await.contains("Expires"));
    let values = [
        "--set=replicas=3",
        "--set=gateNamespaces[0].name=istio-system,gateNamespaces[0].secrets={a,b}",
    ];
    run(&[&["upgrade", "drillgate", "manifests/chart"][..], &values].concat());
    assert!(plane.kubectl(columns).await.contains("Expires"));
    let replicas = [
        "get",
        "deployment/drillgate",
        "--namespace=drillgate-system",
        "--output=jsonpath={.spec.replicas}",
    ];
    assert_eq!(plane.kubectl(replicas).await, "3");
    let names = [
        "get",
        "role/drillgate-keys",
        "--namespace=istio-system",
        "--output=jsonpath={.rules[0].resourceNames}",
    ];
    assert_eq!(plane.kubectl(names).await, r#"["a","b"]"#);

    run(&["uninstall", "drillgate"]);
    let left = of_release(&plane).await;
    let definitions = ["drillgates", "drills", "drillschedules"]
        .map(|name| format!("customresourcedefinition.apiextensions.k8s.io/{name}.drillgate.dev"));
    assert_eq!(left, definitions);

    // They are taken over by a new release, and gone with it where the values say so.
    run(&[
        "install",
        "drillgate",
        "manifests/chart",
        "--set",
        "crds.keep=false",
    ]);
    run(&["uninstall", "drillgate"]);
    // Each definition is gone once the API server has looked for objects of it.
    let gone = timeout(LIMIT, async {
        while !of_release(&plane).await.is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(gone.await.is_ok(), "{:?}", of_release(&plane).await);
}
