//! Objects as people are shown them: secrets hidden, and told apart by their hash.

use serde_json::Value;

use crate::digest::digest;
use crate::resources::metadata::ROUTE_SEED;

/// Hides the secrets in an object: symmetric keys in the filter's configuration, and the seed of
/// the route keys. Two that differ are shown differently.
pub(super) fn hide_secrets(object: &mut Value) {
    let seed = format!("/metadata/annotations/{}", ROUTE_SEED.replace('/', "~1"));
    if let Some(seed) = object.pointer_mut(&seed) {
        hide(seed);
    }
    for place in ["/spec/pluginConfig/keys", "/spec/wasm/pluginConfig/keys"] {
        let keys = object.pointer_mut(place).and_then(Value::as_object_mut);
        for key in keys.into_iter().flat_map(|keys| keys.values_mut()) {
            key.get_mut("secret").map(hide);
        }
    }
}

fn hide(secret: &mut Value) {
    *secret = Value::String(format!("(secret {})", digest(&secret.to_string(), 4)));
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::hide_secrets;
    use crate::resources::plugin::PluginKind;
    use crate::resources::samples;

    fn shown(kind: PluginKind) -> Vec<Value> {
        let gate = serde_saphyr::from_str(samples::GATE_FULL).unwrap();
        let objects = samples::gate_objects(&gate, kind);
        let bodies = objects.iter().map(|object| {
            let mut body = serde_json::to_value(object).unwrap();
            hide_secrets(&mut body);
            body
        });
        bodies.collect()
    }

    #[test]
    fn no_secret_of_a_gate_is_shown() {
        for kind in [PluginKind::WasmPlugin, PluginKind::TrafficExtension] {
            let text = serde_json::to_string(&shown(kind)).unwrap();
            let secret = samples::keys()
                .iter()
                .find_map(|key| key.expose_config().pointer("/ci-2026/secret").cloned())
                .unwrap();
            assert!(!text.contains(secret.as_str().unwrap()));
            assert!(!text.contains(&samples::seed().expose()));
            assert_eq!(text.matches("(secret ").count(), 2, "{text}");
        }
    }
}
