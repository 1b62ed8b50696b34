//! What the suites on a real API server take for granted: it is one, and the harness does with it
//! what it says.

#[path = "control_plane/life.rs"]
mod life;
#[path = "control_plane/proxy.rs"]
mod proxy;

use std::time::{Duration, Instant};

use drillgate_tests::control_plane::{ControlPlane, Request, tally};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{
    ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    ValidationDirective,
};
use kube::core::Status;
use kube::{Api, Client, Error, ResourceExt};
use serde_json::{Value, json};
use tokio::time::sleep;

/// For what happens soon, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name }, "data": { "key": "value" } }))
        .unwrap()
}

/// Creates a ConfigMap.
async fn create(client: &Client, namespace: &str, name: &str) -> Result<ConfigMap, Error> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &config_map(name)).await
}

/// The refusal of the API server.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    match result {
        Err(Error::Api(status)) => *status,
        other => panic!("not refused: {other:?}"),
    }
}

/// Applies `object` to one of Istio's kinds, as `manager`, and returns what stands then.
async fn apply(
    client: &Client,
    namespace: &str,
    (group, version, kind): (&str, &str, &str),
    manager: &str,
    spec: Value,
) -> Result<Value, Error> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let object = json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": { "name": "gate" },
        "spec": spec,
    });
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind);
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply(manager)
    };
    let applied = api
        .patch("gate", &parameters, &Patch::Apply(object))
        .await?;
    Ok(applied.data["spec"].clone())
}

const WASM_PLUGIN: (&str, &str, &str) = ("extensions.istio.io", "v1alpha1", "WasmPlugin");
const VIRTUAL_SERVICE: (&str, &str, &str) = ("networking.istio.io", "v1", "VirtualService");

#[tokio::test]
async fn user_may_do_what_a_binding_allows_and_no_more() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("rbac").await;
    let other = plane.namespace("rbac").await;
    let user = format!("system:serviceaccount:{namespace}:drillgate");
    let drillgate = plane.client_as(&user).await;
    let denied = refusal(create(&drillgate, &namespace, "one").await);
    assert_eq!(denied.code, 403);
    assert!(denied.message.contains(&user), "{}", denied.message);

    let role: Role = serde_json::from_value(json!({
        "metadata": { "name": "writer" },
        "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"] }],
    }))
    .unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "writer" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer" },
        "subjects": [{ "kind": "ServiceAccount", "name": "drillgate", "namespace": namespace }],
    }))
    .unwrap();
    let admin = plane.client().await;
    let post = PostParams::default();
    let roles = Api::<Role>::namespaced(admin.clone(), &namespace);
    roles.create(&post, &role).await.unwrap();
    let bindings = Api::<RoleBinding>::namespaced(admin, &namespace);
    bindings.create(&post, &binding).await.unwrap();

    // The API server learns of it by a watch of its own.
    let deadline = Instant::now() + LIMIT;
    while let Err(error) = create(&drillgate, &namespace, "one").await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
    let maps = Api::<ConfigMap>::namespaced(drillgate.clone(), &namespace);
    let listed = refusal(maps.list(&ListParams::default()).await);
    assert_eq!(listed.code, 403, "the role has no such verb");
    let elsewhere = refusal(create(&drillgate, &other, "one").await);
    assert_eq!(elsewhere.code, 403, "the role is for one namespace");
}

#[tokio::test]
async fn kubectl_sees_what_a_client_made() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("kubectl").await;
    create(&plane.client().await, &namespace, "seen")
        .await
        .unwrap();
    let get = ["get", "configmap", "seen", "--output=jsonpath={.data.key}"];
    let value = plane
        .kubectl(["--namespace", &namespace].into_iter().chain(get))
        .await;
    assert_eq!(value, "value");
}

#[tokio::test]
#[should_panic(expected = "configmaps \"missing\" not found")]
async fn kubectl_that_fails_says_why() {
    let plane = ControlPlane::shared().await;
    plane.kubectl(["get", "configmap", "missing"]).await;
}

#[tokio::test]
async fn typing_error_in_an_object_of_istio_is_refused() {
    let plane = ControlPlane::shared().await;
    plane.install_istio_crds().await;
    let namespace = plane.namespace("strict").await;
    let client = plane.client().await;
    let service = |rule: Value| json!({ "hosts": ["shop.example.com"], "http": [rule] });
    let right = service(json!({ "directResponse": { "status": 503 } }));
    let wrong = service(json!({ "directAnswer": { "status": 503 } }));
    let path = format!("/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices");
    let create = |spec: &Value| {
        let object = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": { "name": "created" },
            "spec": spec,
        });
        http::Request::post(format!("{path}?fieldValidation=Strict"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&object).unwrap())
            .unwrap()
    };
    let created = refusal(client.request::<Value>(create(&wrong)).await);
    assert_eq!(created.code, 400);
    let expected = "unknown field \"spec.http[0].directAnswer\"";
    assert!(created.message.contains(expected), "{}", created.message);
    client.request::<Value>(create(&right)).await.unwrap();

    // Server-side apply needs the schema to merge by, and says so, with a status of its own.
    let applied = refusal(apply(&client, &namespace, VIRTUAL_SERVICE, "a", wrong).await);
    assert_eq!(applied.code, 500);
    let expected = ".spec.http[0].directAnswer: field not declared in schema";
    assert!(applied.message.contains(expected), "{}", applied.message);
    let applied = apply(&client, &namespace, VIRTUAL_SERVICE, "a", right.clone()).await;
    assert_eq!(applied.unwrap(), right);
}

#[tokio::test]
async fn conflict_names_the_other_field_manager() {
    let plane = ControlPlane::shared().await;
    plane.install_istio_crds().await;
    let namespace = plane.namespace("conflict").await;
    let client = plane.client().await;
    let phase = |phase: &str| json!({ "phase": phase, "url": "file:///filter.wasm" });
    let first = apply(
        &client,
        &namespace,
        WASM_PLUGIN,
        "pipeline-1",
        phase("AUTHN"),
    )
    .await;
    assert_eq!(first.unwrap()["phase"], "AUTHN");
    let second = apply(
        &client,
        &namespace,
        WASM_PLUGIN,
        "pipeline-2",
        phase("STATS"),
    )
    .await;
    let conflict = refusal(second);
    assert_eq!((conflict.code, conflict.reason.as_str()), (409, "Conflict"));
    for expected in ["conflict with \"pipeline-1\"", ".spec.phase"] {
        assert!(conflict.message.contains(expected), "{}", conflict.message);
    }
}

#[tokio::test]
async fn each_drill_owns_its_entry_of_the_plugin_configuration() {
    let plane = ControlPlane::shared().await;
    plane.install_istio_crds().await;
    let namespace = plane.namespace("merge").await;
    let client = plane.client().await;
    let apply = |manager, spec| apply(&client, &namespace, WASM_PLUGIN, manager, spec);
    let entry = |drill: &str| {
        let drills = json!({ drill: [{ "environment": drill, "notAfter": 1 }] });
        json!({ "pluginConfig": { "drills": drills } })
    };
    let gate = json!({ "url": "file:///filter.wasm", "pluginConfig": { "version": 1 } });
    apply("gate", gate).await.unwrap();
    apply("drill-a", entry("a")).await.unwrap();
    let both = apply("drill-b", entry("b")).await.unwrap();
    let drills = json!({
        "a": [{ "environment": "a", "notAfter": 1 }],
        "b": [{ "environment": "b", "notAfter": 1 }],
    });
    assert_eq!(
        both["pluginConfig"],
        json!({ "version": 1, "drills": drills })
    );

    let one = apply("drill-a", json!({})).await.unwrap();
    let drills = json!({ "b": [{ "environment": "b", "notAfter": 1 }] });
    assert_eq!(
        one["pluginConfig"],
        json!({ "version": 1, "drills": drills })
    );
    assert_eq!(one["url"], "file:///filter.wasm");
}

/// What `user` asked so far.
async fn requests_of(plane: &ControlPlane, user: &str) -> Vec<Request> {
    let mut requests = plane.requests().await;
    requests.retain(|request| request.user == user);
    requests
}

#[tokio::test]
async fn each_request_is_counted_once_with_its_answer() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("audit").await;
    let user = format!("auditor-of-{namespace}");
    let binding = format!("--user={user}");
    let admin = [
        "create",
        "clusterrolebinding",
        &user,
        "--clusterrole=cluster-admin",
    ];
    plane.kubectl(admin.into_iter().chain([&*binding])).await;
    let client = plane.client_as(&user).await;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let deadline = Instant::now() + LIMIT;
    while maps.get_opt("counted").await.is_err() {
        assert!(Instant::now() < deadline, "the binding has no effect");
    }
    let before = requests_of(plane, &user).await.len();

    create(&client, &namespace, "counted").await.unwrap();
    refusal(create(&client, &namespace, "counted").await);
    maps.get("counted").await.unwrap();
    maps.get("counted").await.unwrap();
    let requests = &requests_of(plane, &user).await[before..];

    let agent = requests[0].user_agent.as_str();
    let counts = tally(requests);
    let expected = [
        (("create", "configmaps", agent), 2),
        (("get", "configmaps", agent), 2),
    ];
    assert_eq!(counts, expected.into());
    let codes: Vec<_> = requests.iter().map(|request| request.code).collect();
    assert_eq!(codes, [201, 409, 200, 200]);
    let writes = requests.iter().filter(|request| request.is_write());
    assert_eq!(writes.count(), 2);
    let request = &requests[3];
    let target = [
        &request.group,
        &request.namespace,
        &request.name,
        &request.subresource,
    ];
    assert_eq!(target, ["", &*namespace, "counted", ""]);
    assert_eq!(
        request.uri,
        format!("/api/v1/namespaces/{namespace}/configmaps/counted")
    );
}

#[tokio::test]
async fn kubectl_is_known_by_its_user_agent() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("agent").await;
    plane
        .kubectl([
            "--namespace",
            &namespace,
            "create",
            "configmap",
            "by-kubectl",
        ])
        .await;
    let requests = plane.requests().await;
    let created = requests.iter().find(|request| {
        request.verb == "create" && request.namespace == namespace && request.is_write()
    });
    let agent = &created.expect("a record").user_agent;
    assert!(agent.starts_with("kubectl/"), "{agent}");
}

#[tokio::test]
async fn namespaces_do_not_meet() {
    let plane = ControlPlane::shared().await;
    let first = plane.namespace("same").await;
    let second = plane.namespace("same").await;
    assert_ne!(first, second);
    let client = plane.client().await;
    create(&client, &first, "one").await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(client, &second);
    let listed = maps.list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = listed.iter().map(ResourceExt::name_any).collect();
    assert!(!names.contains(&"one".to_owned()), "{names:?}");
}
