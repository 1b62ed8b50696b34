//! Someone who may begin drills in the sandbox's namespace, and nothing else.

use drillgate::api::Drill;
use drillgate_tests::control_plane::Scene;
use drillgate_tests::istio::{Mesh, drill_request};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::{Value, json};

use crate::ledger::ROUTED;
use crate::{eventually, gated};

const USER: &str = "orders-team";

/// The role of `install.yaml` that `docs/install.md` gives to those who begin drills.
fn binding(scene: &Scene) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "drills", "namespace": scene.sandbox},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "drillgate-drills-edit",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    })
}

fn assert_forbidden<T>(answer: Result<T, kube::Error>, what: &str) {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: allowed"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_begin_drills_begins_one_and_reads_no_key_and_touches_no_gate_and_no_production() {
    let stage = gated().await;
    stage.scene.apply(binding(&stage.scene)).await;
    let client = Mesh::shared().await.plane.client_as(USER).await;
    let mut user = stage.scene.clone();
    user.client = client.clone();
    let drill = stage.scene.drill("orders");
    eventually("the user begins a drill", async || {
        user.try_apply(drill.clone()).await.is_ok()
    })
    .await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;

    let scene = &stage.scene;
    for namespace in [&scene.gateway, &scene.sandbox, &scene.production] {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        assert_forbidden(secrets.get("drill-keys").await, "a key");
        assert_forbidden(secrets.list(&ListParams::default()).await, "keys");
    }
    assert_forbidden(user.try_apply(stage.gate()).await, "the gate");
    let route = stage.drills_route().await;
    let mut plugin = scene.plugin().await;
    plugin["spec"] = json!({"phase": "STATS"});
    for (object, what) in [
        (plugin, "the filter"),
        (route, "the drill's route"),
        (crate::failures::policy(&stage), "the policy"),
        (stage.production_entry(), "production's service"),
        (stage.sandbox_entry(), "the sandbox's service"),
        (
            in_namespace(&drill, &scene.production),
            "a drill in production",
        ),
        (
            in_namespace(&drill, &scene.gateway),
            "a drill beside the gate",
        ),
    ] {
        assert_forbidden(user.try_apply(object).await, what);
    }
    for kind in ["ServiceEntry", "VirtualService"] {
        let kind = GroupVersionKind::gvk("networking.istio.io", "v1", kind);
        let resource = ApiResource::from_gvk(&kind);
        let api =
            Api::<DynamicObject>::namespaced_with(client.clone(), &scene.production, &resource);
        assert_forbidden(
            api.list(&ListParams::default()).await,
            "what is production's",
        );
    }
    // A drill of one's own that leads there is refused by the controller.
    let mut into_production = scene.drill("into-production");
    into_production["spec"]["routes"][0]["sandbox"]["host"] = json!(stage.production_host());
    user.try_apply(into_production.clone()).await.unwrap();
    let refused = |drill: &Drill| {
        let mut conditions = drill.status.iter().flat_map(|status| &status.conditions);
        conditions.any(|held| held.type_ == "Accepted" && held.reason == "SandboxProtected")
    };
    scene.drill_until("into-production", refused).await;
    user.delete(&into_production).await;
    // As ever after all of that, and ended by whom it belongs to.
    assert_eq!(stage.outcome(&drill_request(&id)).await, ROUTED);
    user.delete(&drill).await;
    scene.gone(&drill).await;
    stage.assert_production_untouched().await;
}

fn in_namespace(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(namespace);
    object
}
