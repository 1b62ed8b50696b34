//! Who a gateway is to istiod: a service account of its namespace, by a token, as in a cluster.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::control_plane::Scene;

/// What Istio's charts call the service account of a gateway, its role, and the binding of the two.
const NAME: &str = "gateway";

/// Whom its tokens are for.
const AUDIENCE: &str = "istio-ca";

/// Longer than any test.
const SECONDS: i64 = 24 * 3600;

/// Makes the service account of a scene's gateway, which may read the Secrets of its namespace as
/// Istio's charts have it, and gives a token.
pub(super) async fn token(scene: &Scene) -> String {
    let called = json!({"name": NAME, "namespace": scene.gateway});
    let rights = "rbac.authorization.k8s.io/v1";
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": called}),
        json!({
            "apiVersion": rights, "kind": "Role", "metadata": called,
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}],
        }),
        json!({
            "apiVersion": rights, "kind": "RoleBinding", "metadata": called,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": scene.gateway}],
        }),
    ] {
        scene.apply(object).await;
    }
    let api = Api::<ServiceAccount>::namespaced(scene.client.clone(), &scene.gateway);
    let spec = TokenRequestSpec {
        audiences: Some(vec![AUDIENCE.to_owned()]),
        expiration_seconds: Some(SECONDS),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest {
        spec: Some(spec),
        ..TokenRequest::default()
    };
    let params = PostParams::default();
    let answer = api.create_token_request(NAME, &params, &request).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    let made = answer.status.and_then(|status| status.token);
    made.expect("a token")
}
