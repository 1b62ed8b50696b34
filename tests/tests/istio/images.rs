//! The filter as an image that the gateway's agent fetches from a registry.

use std::path::Path;

use drillgate::lab::Request;
use drillgate_tests::istio::{Mesh, ModuleCache, Stage, drill_request};
use drillgate_tests::registry::Registry;
use drillgate_tests::{module_path, sha256};
use serde_json::{Value, json};

use crate::delivery::{BROKEN, comes_to_sandbox, drill_without_edge, without_filter};
use crate::ledger::{PRODUCTION, ROUTED};
use crate::{eventually, gated, started};

/// A registry with the filter's image, and the image's description in a gate.
fn served(module: &Path) -> (Registry, ModuleCache, Value) {
    let registry = Registry::start();
    let described = registry.push_filter(module);
    // The agent leaves the tag out of it.
    let cache = ModuleCache::of(&format!("oci://{}/filter", registry.repository()));
    (registry, cache, described)
}

fn with_module(stage: &Stage, module: &Value) -> Value {
    let mut gate = stage.gate();
    gate["spec"]["module"] = module.clone();
    gate
}

/// Production is served, and a drill that the edge does not have is refused by the policy.
async fn assert_refuses_drills(stage: &Stage, what: &str) {
    without_filter(stage).await;
    let id = drill_without_edge(stage).await;
    stage.until(&drill_request(&id), "403").await;
    stage.protected();
    assert_eq!(stage.outcome(&drill_request(&id)).await, "403", "{what}");
    stage.assert_production_untouched().await;
    assert_eq!(stage.sandbox.total(), 0, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_fetches_the_filters_image_by_its_tag_and_by_its_digest() {
    let (_registry, _cache, by_digest) = served(&module_path());
    let by_tag = json!({"url": by_digest["url"]});
    for (kind, module) in [
        ("WasmPlugin", &by_digest),
        ("TrafficExtension", &by_digest),
        ("TrafficExtension", &by_tag),
    ] {
        let stage = started().await;
        let mut gate = with_module(&stage, module);
        gate["spec"]["extension"] = json!(kind);
        stage.install(gate).await;
        assert_eq!(stage.scene.plugin().await["kind"], kind);
        let id = stage.drill().await;
        comes_to_sandbox(&stage, &id, &format!("{kind} {module}")).await;
        let log = stage.gateway.log();
        assert!(log.contains("fetching image drillgate/filter"), "{log}");
        stage.assert_production_untouched().await;
    }
}

/// The checksum of an image is that of its manifest, and not of the module in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_another_one_or_cannot_be_had_leaves_production_served_and_drills_refused()
{
    let (registry, _cache, mut other) = served(&module_path());
    other["sha256"] = json!("0".repeat(64));
    let mut of_the_file = other.clone();
    of_the_file["sha256"] = json!(sha256(&std::fs::read(module_path()).unwrap()));
    let no_tag = json!({"url": format!("oci://{}/filter:2", registry.repository())});
    let no_registry = json!({"url": "oci://127.0.0.1:1/drillgate/filter:1"});
    for module in [other, of_the_file, no_tag, no_registry] {
        let stage = started().await;
        stage.scene.apply(with_module(&stage, &module)).await;
        eventually("the agent stands in for what it cannot fetch", async || {
            stage.gateway.log().contains("applying allow RBAC filter")
        })
        .await;
        assert_refuses_drills(&stage, &module.to_string()).await;
    }
}

/// Who pushes under the same tag has changed nothing for a gate that names the digest, until a
/// gateway starts: that one has no filter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_is_pushed_anew_does_not_bring_another_module_under_a_gate_that_names_the_digest()
 {
    let (registry, _cache, module) = served(&module_path());
    let mut stage = started().await;
    stage.install(with_module(&stage, &module)).await;
    let id = stage.drill().await;
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), BROKEN).unwrap();
    assert_ne!(registry.push_filter(broken.path()), module);
    comes_to_sandbox(&stage, &id, "the tag pushed anew").await;
    stage.start_gateway_anew(&Mesh::shared().await.istiod);
    let plain = Request::get("orders.example.com", "/");
    stage.until(&plain, PRODUCTION).await;
    assert_eq!(stage.outcome(&drill_request(&id)).await, "403");
    stage.assert_production_untouched().await;
}

/// An agent checks that what it has fetched begins as a module does, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_of_what_envoy_cannot_load_takes_a_gateway_down_that_has_no_filter_so_far() {
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), BROKEN).unwrap();
    let (_registry, _cache, module) = served(broken.path());
    let plain = Request::get("orders.example.com", "/");
    let stage = started().await;
    stage.scene.apply(with_module(&stage, &module)).await;
    stage.until(&plain, "500").await;
    // One that has a filter keeps it.
    let stage = gated().await;
    let id = stage.drill().await;
    stage.scene.apply(with_module(&stage, &module)).await;
    eventually("Envoy has refused it", async || {
        stage.gateway.log().contains("Unable to create Wasm")
            || stage.gateway.log().contains("rejected")
    })
    .await;
    assert_eq!(stage.outcome(&plain).await, PRODUCTION);
    assert_eq!(stage.outcome(&drill_request(&id)).await, ROUTED);
    stage.assert_production_untouched().await;
}
