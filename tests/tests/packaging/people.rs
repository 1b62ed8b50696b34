//! What the roles for people and pipelines allow, and what they do not.

use std::time::Duration;

use drillgate_tests::control_plane::{ControlPlane, Scene, key};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Binds one of the chart's roles to a user in a namespace.
async fn bind(scene: &Scene, role: &str, user: &str, namespace: &str) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": format!("{role}-{user}"), "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    scene.apply(binding).await;
}

/// The scene, as a user sees it.
pub async fn as_user(plane: &ControlPlane, scene: &Scene, user: &str) -> Scene {
    Scene {
        client: plane.client_as(user).await,
        ..scene.clone()
    }
}

/// What the API server answers to an apply: 200, or the status of its refusal.
pub async fn applied(scene: &Scene, object: &Value) -> u16 {
    match scene.try_apply(object.clone()).await {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(error) => panic!("{error}"),
    }
}

/// What it answers to a list.
async fn listed(scene: &Scene, namespace: &str, (group, version, kind): (&str, &str, &str)) -> u16 {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api = Api::<DynamicObject>::namespaced_with(scene.client.clone(), namespace, &resource);
    match api.list(&ListParams::default()).await {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(error) => panic!("{error}"),
    }
}

const DRILLS: (&str, &str, &str) = ("drillgate.dev", "v1alpha1", "Drill");
const GATES: (&str, &str, &str) = ("drillgate.dev", "v1alpha1", "DrillGate");
const SECRETS: (&str, &str, &str) = ("", "v1", "Secret");
const PLUGINS: (&str, &str, &str) = ("extensions.istio.io", "v1alpha1", "WasmPlugin");

/// Waits until a right that has just been given counts.
async fn until_listed(scene: &Scene, namespace: &str, kind: (&str, &str, &str)) {
    until(async || listed(scene, namespace, kind).await == 200).await;
}

/// Waits until `holds` does, as it does once the API server has learnt of a role.
async fn until(holds: impl AsyncFn() -> bool) {
    let waited = timeout(Duration::from_secs(60), async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(
        waited.await.is_ok(),
        "the right that was given does not count"
    );
}

fn virtual_service(namespace: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "mine", "namespace": namespace},
        "spec": {"hosts": ["mine.example.com"], "http": [{"directResponse": {"status": 503}}]},
    })
}

#[tokio::test]
async fn who_runs_drills_reads_no_key_changes_no_gate_and_writes_no_route() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    scene.apply(scene.gate()).await;
    // In both namespaces, which is more than the role is meant for.
    for namespace in [&scene.sandbox, &scene.gateway] {
        bind(&scene, "drillgate-drills-edit", "sre", namespace).await;
    }
    let sre = as_user(&plane, &scene, "sre").await;
    for namespace in [&scene.sandbox, &scene.gateway] {
        until_listed(&sre, namespace, DRILLS).await;
    }

    assert_eq!(applied(&sre, &scene.drill("orders")).await, 200);
    assert_eq!(listed(&sre, &scene.gateway, GATES).await, 200);
    sre.delete(&scene.drill("orders")).await;

    let mut elsewhere = scene.drill("orders");
    elsewhere["metadata"]["namespace"] = json!(scene.production);
    let status = json!({"apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillGate",
        "metadata": {"name": "new", "namespace": scene.gateway}, "spec": scene.gate()["spec"]});
    for (what, object) in [
        ("a drill in another namespace", elsewhere),
        ("the gate", scene.gate()),
        ("a new gate", status),
        ("a key", scene.secret("drill-keys", &key("ci", 8))),
        (
            "a route of its own namespace",
            virtual_service(&scene.sandbox),
        ),
        ("a route of the gateway's", virtual_service(&scene.gateway)),
    ] {
        assert_eq!(applied(&sre, &object).await, 403, "{what}");
    }
    for kind in [SECRETS, PLUGINS] {
        assert_eq!(listed(&sre, &scene.gateway, kind).await, 403, "{kind:?}");
    }
}

#[tokio::test]
async fn who_sets_gates_up_reads_no_key_and_makes_no_drill() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    bind(&scene, "drillgate-gates-edit", "mesh", &scene.gateway).await;
    let mesh = as_user(&plane, &scene, "mesh").await;
    until_listed(&mesh, &scene.gateway, GATES).await;
    assert_eq!(applied(&mesh, &scene.gate()).await, 200);
    assert_eq!(listed(&mesh, &scene.gateway, SECRETS).await, 403);
    assert_eq!(listed(&mesh, &scene.gateway, PLUGINS).await, 403);
    assert_eq!(applied(&mesh, &scene.drill("orders")).await, 403);
}

#[tokio::test]
async fn who_views_changes_nothing() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    scene.apply(scene.gate()).await;
    bind(&scene, "drillgate-view", "guest", &scene.gateway).await;
    let guest = as_user(&plane, &scene, "guest").await;
    until_listed(&guest, &scene.gateway, GATES).await;
    assert_eq!(listed(&guest, &scene.gateway, DRILLS).await, 200);
    assert_eq!(applied(&guest, &scene.gate()).await, 403);
    assert_eq!(listed(&guest, &scene.gateway, SECRETS).await, 403);
}

#[tokio::test]
async fn a_pipeline_writes_routes_and_entries_and_nothing_else() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let plugin = json!({
        "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
        "metadata": {"name": "drillgate-edge", "namespace": scene.gateway},
        "spec": {"url": "oci://registry.example/drillgate/filter:1", "pluginConfig": {"drills": {}}},
    });
    scene.apply(plugin.clone()).await;
    for namespace in [&scene.sandbox, &scene.gateway] {
        bind(&scene, "drillgate-pipeline", "ci", namespace).await;
    }
    let ci = as_user(&plane, &scene, "ci").await;
    for namespace in [&scene.sandbox, &scene.gateway] {
        let route = virtual_service(namespace);
        until(async || applied(&ci, &route).await == 200).await;
    }
    let mut entry = plugin.clone();
    entry["spec"]["pluginConfig"] =
        json!({"drills": {"6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f": {"environment": "e"}}});
    let mut another = plugin;
    another["metadata"]["name"] = json!("another");
    assert_eq!(applied(&ci, &virtual_service(&scene.sandbox)).await, 200);
    assert_eq!(applied(&ci, &entry).await, 200);
    assert_eq!(applied(&ci, &another).await, 403);
    assert_eq!(applied(&ci, &scene.gate()).await, 403);
    assert_eq!(applied(&ci, &scene.istio_gateway(json!(["*"]))).await, 403);
    assert_eq!(listed(&ci, &scene.gateway, SECRETS).await, 403);
}
