//! The objects that the controller makes, as Istio's own definitions see them.

use drillgate::resources::Object;
use drillgate::resources::samples::samples;
use drillgate_tests::control_plane::ControlPlane;
use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use serde_json::{Value, json};

/// Applies an object in `namespace` instead of its own, with every unknown field refused.
async fn apply(
    client: &kube::Client,
    namespace: &str,
    manager: &str,
    object: &Object,
) -> Result<(), kube::Error> {
    let mut body = serde_json::to_value(object).unwrap();
    body["metadata"]["namespace"] = json!(namespace);
    // An owner has to be in the same namespace, and is not what this is about.
    body["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("ownerReferences");
    patch(client, namespace, manager, object, &body).await
}

async fn patch(
    client: &kube::Client,
    namespace: &str,
    manager: &str,
    object: &Object,
    body: &Value,
) -> Result<(), kube::Error> {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &object.resource());
    let params = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply(manager)
    };
    let name = object.reference().name;
    api.patch(&name, &params, &Patch::Apply(body))
        .await
        .map(drop)
}

#[tokio::test]
async fn istio_takes_every_object_that_can_be_made_with_no_field_unknown() {
    let plane = ControlPlane::shared().await;
    plane.install_istio_crds().await;
    plane.install_gateway_api_crds().await;
    let client = plane.client().await;
    let namespace = plane.namespace("sample").await;
    let mut applied = 0;
    // The gates come first: the drills' entries stand in their filters.
    for sample in samples().unwrap() {
        for object in &sample.objects {
            let done = apply(&client, &namespace, "drillgate", object).await;
            done.unwrap_or_else(|error| {
                panic!("{}: {:?}: {error}", sample.name, object.reference())
            });
            applied += 1;
        }
        for (manager, entry) in &sample.entries {
            let done = apply(&client, &namespace, manager, entry).await;
            done.unwrap_or_else(|error| panic!("{}: {manager}: {error}", sample.name));
        }
    }
    assert!(applied > 20, "{applied} objects");
}

#[tokio::test]
async fn an_unknown_field_would_be_seen() {
    let plane = ControlPlane::shared().await;
    plane.install_istio_crds().await;
    let client = plane.client().await;
    let namespace = plane.namespace("sample").await;
    let samples = samples().unwrap();
    let object = &samples[0].objects[0];
    let mut body = serde_json::to_value(object).unwrap();
    body["metadata"] = json!({"name": object.reference().name, "namespace": namespace});
    body["spec"]["drils"] = json!(true);
    let refused = patch(&client, &namespace, "drillgate", object, &body)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("drils"), "{refused}");
}
