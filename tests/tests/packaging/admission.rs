//! What the chart's policies refuse, and that they let the controller work.

use std::fs;
use std::time::Duration;

use drillgate::api::Phase;
use drillgate_tests::control_plane::{CONTROLLER, ControlPlane, Controller, GATE, Scene};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::people::as_user;
use super::tools::template;

/// How long the API server may take to learn of a policy, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A user who may write everything of Istio's, as those who run a mesh may.
const MESH: &str = "mesh";

/// Applies the chart's policies, with further values.
async fn enforce(plane: &ControlPlane, values: &[&str]) {
    let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let yaml = template(&[&["--show-only", "templates/admission.yaml"][..], &values].concat());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("policies.yaml");
    fs::write(&path, yaml).unwrap();
    let path = path.display().to_string();
    plane
        .kubectl(["apply", "--server-side", "--filename", &path])
        .await;
}

/// The API server's refusal of an object, once it knows the policies. Nothing is stored meanwhile.
async fn refused(scene: &Scene, object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap();
    let (group, version) = text("/apiVersion").split_once('/').unwrap();
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let api = Api::<DynamicObject>::namespaced_with(
        scene.client.clone(),
        text("/metadata/namespace"),
        &ApiResource::from_gvk(&kind),
    );
    let params = PatchParams::apply("kubectl").force().dry_run();
    let patch = Patch::Apply(object);
    let refusal = timeout(LIMIT, async {
        loop {
            let tried = api.patch(text("/metadata/name"), &params, &patch);
            match tried.await {
                Err(error) => return error.to_string(),
                Ok(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    refusal
        .await
        .unwrap_or_else(|_| panic!("it is accepted: {object}"))
}

/// Lets [`MESH`] write Istio's objects everywhere, and drills and gates as well.
async fn mesh_rights(plane: &ControlPlane) {
    let rules = [
        "--resource=virtualservices.networking.istio.io,destinationrules.networking.istio.io,\
         authorizationpolicies.security.istio.io,wasmplugins.extensions.istio.io,\
         trafficextensions.extensions.istio.io,drills.drillgate.dev,drillgates.drillgate.dev",
        "--verb=get,list,create,update,patch,delete",
    ];
    plane
        .kubectl(["create", "clusterrole", MESH].into_iter().chain(rules))
        .await;
    plane
        .kubectl([
            "create",
            "clusterrolebinding",
            MESH,
            "--clusterrole=mesh",
            "--user=mesh",
        ])
        .await;
}

fn guard(scene: &Scene) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": format!("drillgate-{GATE}-guard"), "namespace": scene.gateway},
        "spec": {"action": "ALLOW", "rules": [{}]},
    })
}

#[tokio::test]
async fn nobody_changes_by_hand_what_is_at_the_gateway_and_the_controller_does() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    mesh_rights(&plane).await;
    enforce(&plane, &[]).await;
    let mesh = as_user(&plane, &scene, MESH).await;

    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;
    scene.apply(scene.gate()).await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| drill.phase() == Some(Phase::Active))
        .await;

    // The guard opened, a route bent, an object that only looks like ours, the label taken off.
    let route = scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await;
    let route = serde_json::to_value(
        route
            .iter()
            .find(|route| route.metadata.namespace.as_ref() == Some(&scene.sandbox))
            .unwrap(),
    );
    let mut route = route.unwrap();
    let metadata = json!({"name": route["metadata"]["name"], "namespace": scene.sandbox});
    route["metadata"] = metadata;
    route["apiVersion"] = json!("networking.istio.io/v1");
    route["kind"] = json!("VirtualService");
    let mut unlabelled = route.clone();
    unlabelled["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "me"});
    let mut alike = guard(&scene);
    alike["metadata"] = json!({"name": "alike", "namespace": scene.gateway,
        "labels": {"app.kubernetes.io/managed-by": "drillgate"}});
    for object in [guard(&scene), route.clone(), unlabelled, alike] {
        let why = refused(&mesh, &object).await;
        assert!(
            why.contains("this object is drillgate's: change the Drill or the DrillGate"),
            "{why}"
        );
        assert!(
            why.contains("or let mesh steer drillgates.drillgate.dev in"),
            "{why}"
        );
    }
    let api =
        Api::<drillgate::istio::VirtualService>::namespaced(mesh.client.clone(), &scene.sandbox);
    let why = api
        .delete(
            route["metadata"]["name"].as_str().unwrap(),
            &DeleteParams::default(),
        )
        .await;
    assert!(
        why.unwrap_err()
            .to_string()
            .contains("this object is drillgate's")
    );

    // What is not drillgate's is no concern of it.
    let mut other = guard(&scene);
    other["metadata"]["name"] = json!("other");
    mesh.apply(other).await;

    // Who may steer may write them: a pipeline.
    plane
        .kubectl([
            "create",
            "rolebinding",
            "mesh",
            "--clusterrole=drillgate-pipeline",
            "--user=mesh",
            "--namespace",
            &scene.sandbox,
        ])
        .await;
    timeout(LIMIT, async {
        while mesh.try_apply(route.clone()).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("who may steer is refused");

    // Drills go through the gate, and it stays; without them it goes.
    scene
        .gate_until(|gate| gate.status.as_ref().and_then(|status| status.active_drills) == Some(1))
        .await;
    let gates = Api::<drillgate::api::DrillGate>::namespaced(scene.client.clone(), &scene.gateway);
    let why = gates
        .delete(GATE, &DeleteParams::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("drills that go through this gate: 1.")
            && why.contains("delete the drills first"),
        "{why}"
    );
    scene.delete(&scene.drill("orders")).await;
    scene.gone(&scene.drill("orders")).await;
    scene
        .gate_until(|gate| gate.status.as_ref().and_then(|status| status.active_drills) == Some(0))
        .await;
    scene.delete(&scene.gate()).await;
    scene.gone(&scene.gate()).await;
    assert_eq!(scene.ours().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_drill_against_the_rules_of_the_cluster_is_refused_with_what_mends_it() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let protected = format!("admission.protectedNamespaces={{{}}}", scene.production);
    enforce(&plane, &["admission.maxTtl=2h", &protected]).await;
    let with = |pointer: &str, value: Value| {
        let mut drill = scene.drill("orders");
        *drill.pointer_mut(pointer).unwrap() = value;
        drill
    };
    let sandbox = "/spec/routes/0/sandbox/host";
    for (drill, why) in [
        (
            with("/spec/ttl", json!("2h1s")),
            "spec.ttl: at most 2h in this cluster: shorten it",
        ),
        (
            with(sandbox, json!("orders.elsewhere")),
            "a sandbox must be a Service of the drill's own namespace",
        ),
        (
            with(sandbox, json!("orders.elsewhere.svc.cluster.local")),
            "make the Drill where the sandbox is",
        ),
        (
            with(sandbox, json!("orders.example.com")),
            "make the Drill where the sandbox is",
        ),
    ] {
        let refusal = refused(&scene, &drill).await;
        assert!(refusal.contains(why), "{refusal}");
    }
    for host in [
        "orders".to_owned(),
        format!("orders.{}", scene.sandbox),
        format!("orders.{}.svc", scene.sandbox),
    ] {
        scene.apply(with(sandbox, json!(host))).await;
    }

    // A rule that comes later does not keep a drill from its end: only an edit has to obey it.
    enforce(
        &plane,
        &[
            "admission.maxTtl=30m",
            "admission.sandboxInOwnNamespace=false",
            &protected,
        ],
    )
    .await;
    refused(&scene, &with("/spec/ttl", json!("31m"))).await;
    let mut labelled = scene.drill("orders");
    labelled["spec"]["routes"][0]["sandbox"]["host"] =
        json!(format!("orders.{}.svc", scene.sandbox));
    labelled["metadata"]["labels"] = json!({"a": "b"});
    scene.apply(labelled).await;

    let short = |host: &str| {
        let mut drill = with(sandbox, json!(host));
        drill["spec"]["ttl"] = json!("30m");
        drill
    };
    scene.apply(short("orders.elsewhere")).await;
    for host in [
        format!("orders.{}", scene.production),
        format!("orders.{}.svc.cluster.local", scene.production),
    ] {
        let refusal = refused(&scene, &short(&host)).await;
        assert!(
            refusal.contains(&format!("no sandbox may be in {}", scene.production)),
            "{refusal}"
        );
    }
    let mut inside = short("orders");
    inside["metadata"]["namespace"] = json!(scene.production);
    assert!(
        refused(&scene, &inside)
            .await
            .contains("no sandbox may be in")
    );
}
