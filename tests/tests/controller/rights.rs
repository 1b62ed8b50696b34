//! What the controller may do is what it does. (That it does nothing else, every test of this suite
//! shows when its control plane ends.)

use std::collections::BTreeSet;

use drillgate::api::{Drill, Phase};
use drillgate_tests::control_plane::{
    CONTROLLER, ControlPlane, Controller, Request, Scene, rights,
};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::{eventually, gate_condition, gate_ready, is_in, schedule, started};

/// Deletes a drill behind the controller's back: without its finalizer, nobody removes its objects.
async fn lose(scene: &Scene, name: &str) {
    let api = Api::<Drill>::namespaced(scene.client.clone(), &scene.sandbox);
    let released = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let params = PatchParams::default();
    api.patch(name, &params, &released).await.unwrap();
    api.delete(name, &DeleteParams::default()).await.unwrap();
}

/// Has a drill's route made again.
async fn mend_route(scene: &Scene, (group, kind): (&str, &str)) {
    let routes = scene.of_kind(group, "v1", kind).await;
    let of_sandbox = |namespace: &Option<String>| namespace.as_ref() == Some(&scene.sandbox);
    let mut routes = routes.iter().map(|route| &route.metadata);
    let route = routes
        .find(|route| of_sandbox(&route.namespace))
        .expect("a route");
    let named = json!({
        "apiVersion": format!("{group}/v1"), "kind": kind,
        "metadata": {"name": route.name, "namespace": route.namespace},
    });
    scene.delete(&named).await;
    eventually("it is made again", async || {
        scene.get(&named).await.is_some()
    })
    .await;
}

const VIRTUAL_SERVICE: (&str, &str) = ("networking.istio.io", "VirtualService");
const HTTP_ROUTE: (&str, &str) = ("gateway.networking.k8s.io", "HTTPRoute");

fn with_extension(mut gate: Value, extension: &str) -> Value {
    gate["spec"]["extension"] = json!(extension);
    gate
}

/// Everything that happens to a gate and its drills, once.
async fn live(
    plane: &ControlPlane,
    scene: &Scene,
    (mut gate, routes): (Value, (&str, &str)),
    controller: Controller,
) {
    gate["spec"]["audit"] = json!({"accessLogProvider": "drills"});
    scene.apply(gate.clone()).await;
    gate_ready(scene).await;
    for name in ["orders", "lost"] {
        scene.apply(scene.drill(name)).await;
        scene
            .drill_until(name, |drill| is_in(drill, Phase::Active))
            .await;
    }
    // A second event of the same kind is a change of the first.
    mend_route(scene, routes).await;
    mend_route(scene, routes).await;
    schedule::runs(scene).await;
    drop(controller);
    lose(scene, "lost").await;
    let mut heir = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    heir.logged("collected: it has no living drill").await;
    scene.delete(&scene.drill("orders")).await;
    scene.gone(&scene.drill("orders")).await;
    scene.delete(&gate).await;
    scene.gone(&gate).await;
    eventually("nothing is left", async || scene.ours().await.is_empty()).await;
}

#[tokio::test]
async fn every_right_of_the_controller_is_used() {
    let (plane, scene, controller) = started().await;
    let gate = with_extension(scene.gate(), "TrafficExtension");
    live(&plane, &scene, (gate, VIRTUAL_SERVICE), controller).await;
    // The older of the two kinds of filters, at another gate.
    let scene = Scene::set_without_crds(&plane).await;
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;
    let gate = with_extension(scene.gate(), "WasmPlugin");
    live(&plane, &scene, (gate, VIRTUAL_SERVICE), controller).await;
    // A gate on the Gateway API, which the cluster has not had so far.
    plane.install_gateway_api_crds().await;
    let scene = Scene::set_without_crds(&plane).await;
    scene.apply(scene.kubernetes_gateway()).await;
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;
    live(
        &plane,
        &scene,
        (scene.referring_gate(), HTTP_ROUTE),
        controller,
    )
    .await;

    let roles = [
        "ClusterRole/drillgate-controller",
        "Role/drillgate-lease",
        "Role/drillgate-keys",
    ];
    let wanted: BTreeSet<_> = rights(&roles)
        .into_iter()
        // Not for the API server: for the admission policy.
        .filter(|right| right.verb != "steer")
        .map(|right| (right.group, right.resource, right.verb))
        .collect();
    let unused = async || -> Vec<_> {
        let requests = plane.requests().await;
        let of_controller = requests.iter().filter(|request| request.user == CONTROLLER);
        let used: BTreeSet<_> = of_controller.flat_map(taken).collect();
        wanted.difference(&used).cloned().collect()
    };
    // A watch is in the log once it has ended, as it does with its controller.
    eventually("the watches have ended", async || {
        unused().await.iter().all(|(_, _, verb)| verb != "watch")
    })
    .await;
    assert_eq!(unused().await, []);
}

/// The rights that a request took: an apply that makes an object takes two.
fn taken(request: &Request) -> Vec<(String, String, String)> {
    let resource = match request.subresource.as_str() {
        "" => request.resource.clone(),
        subresource => format!("{}/{subresource}", request.resource),
    };
    let makes = request.verb == "patch" && request.code == 201;
    let verbs = [Some(request.verb.as_str()), makes.then_some("create")];
    let verbs = verbs.into_iter().flatten();
    verbs
        .map(|verb| (request.group.clone(), resource.clone(), verb.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_secret_that_it_may_not_read_is_as_if_it_were_not_there() {
    let (plane, scene, _controller) = started().await;
    plane.expect_refusals();
    let mut gate = scene.gate();
    gate["spec"]["keys"][0]["secretRef"]["name"] = json!("other");
    let file = drillgate_tests::control_plane::key("ci", 7);
    scene.apply(scene.secret("other", &file)).await;
    scene.apply(gate).await;
    scene
        .gate_until(|gate| {
            gate_condition(gate, "KeysResolved").is_some_and(|held| held.1 == "SecretNotFound")
        })
        .await;
    plane
        .grant_keys(&scene.gateway, &["drill-keys", "other"])
        .await;
    gate_ready(&scene).await;
}
