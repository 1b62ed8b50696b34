//! What stands in for istiod: hands on to a real Envoy what stands in the cluster.

use std::time::Duration;

use drillgate::lab::{Drill, Filter, Module};
use serde_json::Value;
use tokio::time::sleep;

use super::Scene;
use crate::{Harness, SANDBOX};

/// Hands the filter's configuration and the drills' routes on to Envoy, over and over.
///
/// # Panics
/// If they are not as drillgate makes them, or Envoy refuses them.
pub async fn hand_on(scene: &Scene, harness: &mut Harness) {
    let mut before = Value::Null;
    loop {
        let configuration = scene.plugin_configuration().await;
        if configuration != before {
            let drills = drills(scene, &configuration).await;
            let current = configuration.clone();
            harness
                .change(|edge| {
                    edge.drills = drills;
                    if let Filter::Module(Module { configuration, .. }) = &mut edge.filter {
                        *configuration = current;
                    }
                })
                .await;
            before = configuration;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The drills whose routes stand, with the route keys that are in the routes' own hosts.
async fn drills(scene: &Scene, configuration: &Value) -> Vec<Drill> {
    let domain = configuration["domain"].as_str().expect("a domain");
    let mut drills = Vec::new();
    for route in scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await
    {
        let host = route.data["spec"]["hosts"][0].as_str().expect("a host");
        let original = route.data["spec"]["http"][0]["rewrite"]["authority"].as_str();
        if let Some(original) = original {
            let key = host
                .strip_prefix(original)
                .and_then(|rest| rest.strip_suffix(domain));
            drills.push(Drill::new(
                key.expect("a key").trim_matches('.'),
                original,
                SANDBOX,
            ));
        }
    }
    drills
}
