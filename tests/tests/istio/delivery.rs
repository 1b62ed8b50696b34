//! How the filter comes to the gateway.

use axum::Router;
use axum::routing::get;
use drillgate::lab::{Request, Upstream};
use drillgate_tests::control_plane::Controller;
use drillgate_tests::istio::{Mesh, ModuleCache, Stage, drill_request};
use drillgate_tests::{module_path, sha256};
use serde_json::{Value, json};

use crate::ledger::ROUTED;
use crate::{eventually, gated, started};

/// It begins as a module does, and goes on as none.
pub const BROKEN: &[u8] = b"\0asm\x01\0\0\0 and so on";

/// A server of `module`, and the module's description in a gate.
fn served(module: Vec<u8>) -> (Upstream, ModuleCache, Value) {
    let sha256 = sha256(&module);
    let router = Router::new().route("/filter.wasm", get(async move || module.clone()));
    let server = Upstream::with_router("modules", router).unwrap();
    let url = format!("http://{}/filter.wasm", server.address());
    let cache = ModuleCache::of(&url);
    (server, cache, json!({"url": url, "sha256": sha256}))
}

/// Waits until the gate says that the gateway has no filter.
pub async fn without_filter(stage: &Stage) {
    stage
        .gate_told("EdgeProgrammed", "False", "the filter is not loaded")
        .await;
}

/// Makes a drill and waits until its routes stand; its UUID. The edge never has it.
pub async fn drill_without_edge(stage: &Stage) -> String {
    stage.scene.apply(stage.scene.drill("orders")).await;
    let drill = stage
        .scene
        .drill_until("orders", |drill| {
            let status = drill.status.as_ref();
            status.is_some_and(|status| {
                let mut conditions = status.conditions.iter();
                conditions.any(|held| held.type_ == "RoutesProgrammed" && held.status == "True")
            })
        })
        .await;
    drill.status.unwrap().drill_id.unwrap()
}

/// Waits until drill requests come to the sandbox: what the agent fetched late may undo what came
/// before, for a moment. Until then they are refused.
pub async fn comes_to_sandbox(stage: &Stage, id: &str, what: &str) {
    let before = stage.until(&drill_request(id), ROUTED).await;
    let is_refused = |outcome: &String| ["403", "403 unknown-drill"].contains(&outcome.as_str());
    assert!(before.iter().all(is_refused), "{what}: {before:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_kinds_of_object_bring_the_module_from_a_file_and_by_http() {
    let (_server, _cache, by_http) = served(std::fs::read(module_path()).unwrap());
    for kind in ["WasmPlugin", "TrafficExtension"] {
        let stage = started().await;
        let mut gate = stage.gate();
        let from_file = gate["spec"]["module"].clone();
        gate["spec"]["extension"] = json!(kind);
        for module in [from_file, by_http.clone()] {
            gate["spec"]["module"] = module.clone();
            stage.install(gate.clone()).await;
            assert_eq!(stage.scene.plugin().await["kind"], kind);
            let id = stage.drill().await;
            comes_to_sandbox(&stage, &id, &format!("{kind} {module}")).await;
            stage.scene.delete(&stage.scene.drill("orders")).await;
            stage.scene.gone(&stage.scene.drill("orders")).await;
        }
        stage.assert_production_untouched().await;
    }
}

/// The chart's controller serves the filter, also while it stands by: here beside the one that leads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_fetches_the_filter_from_the_controller() {
    let stage = started().await;
    let kubeconfig = Mesh::shared().await.plane.kubeconfig();
    let module = format!("--module={}", module_path().display());
    let mut controller = Controller::start_with(&kubeconfig, &[&module, "--lease-seconds=20"]);
    let told = controller.logged("serves the filter").await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let url = format!("http://{}/filter.wasm", controller.address());
    let _cache = ModuleCache::of(&url);
    let mut gate = stage.gate();
    gate["spec"]["module"] = json!({"url": url, "sha256": told["sha256"]});
    stage.install(gate).await;
    let id = stage.drill().await;
    comes_to_sandbox(&stage, &id, &url).await;
    stage.assert_production_untouched().await;
}

/// Under FAIL_OPEN the agent puts an allow-all filter in the place of a module that it cannot fetch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_cannot_be_had_leaves_production_served_and_drills_refused() {
    let (_server, _cache, mut forged) = served(std::fs::read(module_path()).unwrap());
    forged["sha256"] = json!("0".repeat(64));
    let nowhere = json!({"url": "http://127.0.0.1:1/filter.wasm"});
    for module in [forged, nowhere] {
        let stage = started().await;
        let mut gate = stage.gate();
        gate["spec"]["module"] = module.clone();
        stage.scene.apply(gate).await;
        without_filter(&stage).await;
        let id = drill_without_edge(&stage).await;
        stage.until(&drill_request(&id), "403").await;
        stage.protected();
        assert_eq!(stage.outcome(&drill_request(&id)).await, "403", "{module}");
        stage.assert_production_untouched().await;
        assert_eq!(stage.sandbox.total(), 0);
    }
}

/// The agent stands in for a module that it cannot fetch, and for nothing else. What Envoy itself
/// cannot load it refuses, FAIL_OPEN or not, and with it every request for which it lacks a filter:
/// the one way in which drill tooling takes production down. Hence a gate names a module that was
/// tried, by its checksum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_envoy_cannot_load_takes_the_whole_gateway_down() {
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), BROKEN).unwrap();
    let (server, _cache, _) = served(BROKEN.to_vec());
    for url in [
        "file:///nowhere/filter.wasm".to_owned(),
        format!("file://{}", broken.path().display()),
        format!("http://{}/filter.wasm", server.address()),
    ] {
        let stage = started().await;
        let mut gate = stage.gate();
        gate["spec"]["module"] = json!({"url": url});
        let plain = Request::get("orders.example.com", "/");
        assert_eq!(stage.outcome(&plain).await, "200 production", "{url}");
        stage.scene.apply(gate).await;
        // It may be so before the first of these is sent.
        let before = stage.until(&plain, "500").await;
        let is_served = before.iter().all(|outcome| outcome == "200 production");
        assert!(is_served, "{url}: {before:?}");
        stage.install(stage.gate()).await;
        assert_eq!(stage.outcome(&plain).await, "200 production", "{url}");
    }
}

/// On a gateway that runs, the module that it has stays; the next one that starts has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_keeps_its_module_when_envoy_cannot_load_the_next_one_until_it_starts_anew() {
    let mut stage = gated().await;
    let id = stage.drill().await;
    let mut gate = stage.gate();
    gate["spec"]["module"] = json!({"url": "file:///nowhere/filter.wasm"});
    stage.scene.apply(gate).await;
    eventually("Envoy has refused it", async || {
        stage
            .gateway
            .log()
            .contains("Invalid path: /nowhere/filter.wasm")
    })
    .await;
    assert_eq!(
        stage.outcome(&drill_request(&id)).await,
        "200 routed sandbox"
    );
    stage.assert_production_untouched().await;

    stage.start_gateway_anew(&Mesh::shared().await.istiod);
    let plain = Request::get("orders.example.com", "/");
    stage.until(&plain, "500").await;
}

/// No one looks at the checksum of a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checksum_of_a_module_file_is_not_looked_at() {
    let stage = started().await;
    let mut gate = stage.gate();
    gate["spec"]["module"]["sha256"] = json!("0".repeat(64));
    stage.install(gate).await;
    let id = stage.drill().await;
    assert_eq!(
        stage.outcome(&drill_request(&id)).await,
        "200 routed sandbox"
    );
    stage.assert_production_untouched().await;
}
