//! What the controller may do: what `manifests/install.yaml` gives its service account, and no more.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::audit::{AUDIT_LOG, parse_log};
use super::{ControlPlane, MANAGER, Request};

/// The namespace of the controller.
pub const NAMESPACE: &str = "drillgate-system";

/// The controller's service account, as a user.
pub const CONTROLLER: &str = "system:serviceaccount:drillgate-system:drillgate";

/// How long the API server may take to learn of a new role.
const LAG_LIMIT: Duration = Duration::from_secs(60);

impl ControlPlane {
    /// Gives [`CONTROLLER`] its rights in the cluster and in its own namespace, and makes the roles
    /// for people. Doing it again changes nothing.
    ///
    /// # Panics
    /// If the API server refuses something.
    pub async fn grant_controller(&self) {
        for object in installed() {
            let is_right = object["apiVersion"] == "rbac.authorization.k8s.io/v1";
            let is_here = object["metadata"]["namespace"] != "istio-system";
            if object["kind"] == "Namespace" || is_right && is_here {
                self.install(&object).await;
            }
        }
        self.wait_for_rights(
            NAMESPACE,
            &["ClusterRole/drillgate-controller", "Role/drillgate-lease"],
        )
        .await;
    }

    /// Lets [`CONTROLLER`] read these Secrets of a gate's namespace.
    ///
    /// # Panics
    /// If the API server refuses it.
    pub async fn grant_keys(&self, namespace: &str, secrets: &[&str]) {
        for mut object in installed() {
            if object["metadata"]["name"] == "drillgate-keys" {
                object["metadata"]["namespace"] = json!(namespace);
                if object["kind"] == "Role" {
                    object["rules"][0]["resourceNames"] = json!(secrets);
                }
                self.install(&object).await;
            }
        }
        for secret in secrets {
            self.wait_until_allowed(namespace, ("", "secrets", secret), "watch")
                .await;
        }
    }

    /// From now on requests of [`CONTROLLER`] may be refused: this is what the test is about.
    pub fn expect_refusals(&self) {
        self.refusals_expected.store(true, Ordering::Relaxed);
    }

    /// Applies an object of any kind.
    async fn install(&self, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&object["apiVersion"]);
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let kind = GroupVersionKind::gvk(group, version, &text(&object["kind"]));
        let resource = ApiResource::from_gvk(&kind);
        let client = self.client().await;
        let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let name = text(&object["metadata"]["name"]);
        let params = PatchParams::apply(MANAGER).force();
        if let Err(error) = api.patch(&name, &params, &Patch::Apply(object)).await {
            panic!("{} {name}: {error}", kind.kind);
        }
    }

    /// The API server learns of roles by a watch of its own: waits until it has, right by right.
    async fn wait_for_rights(&self, namespace: &str, roles: &[&str]) {
        for right in rights(roles) {
            let name = right.names.first().map_or("", String::as_str);
            let resource = (right.group.as_str(), right.resource.as_str(), name);
            self.wait_until_allowed(namespace, resource, &right.verb)
                .await;
        }
    }

    async fn wait_until_allowed(
        &self,
        namespace: &str,
        (group, resource, name): (&str, &str, &str),
        verb: &str,
    ) {
        let (resource_name, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(CONTROLLER.to_owned()),
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(namespace.to_owned()),
                    group: Some(group.to_owned()),
                    resource: Some(resource_name.to_owned()),
                    subresource: Some(subresource.to_owned()),
                    name: Some(name.to_owned()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let api = Api::<SubjectAccessReview>::all(self.client().await);
        let deadline = Instant::now() + LAG_LIMIT;
        loop {
            let answer = api.create(&PostParams::default(), &review).await;
            let answer = answer.unwrap_or_else(|error| panic!("{error}"));
            if answer.status.is_some_and(|status| status.allowed) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{CONTROLLER} may not {verb} {resource} {name}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for ControlPlane {
    /// A controller that was refused something lacks a right, or asks for what it should not: no
    /// test passes then.
    fn drop(&mut self) {
        if std::thread::panicking() || self.refusals_expected.load(Ordering::Relaxed) {
            return;
        }
        let log = fs::read_to_string(self.folder().join(AUDIT_LOG)).unwrap_or_default();
        let is_refusal = |request: &Request| request.user == CONTROLLER && !request.allowed;
        let refused: Vec<Request> = parse_log(&log).filter(is_refusal).collect();
        assert!(
            refused.is_empty(),
            "the controller was refused: {refused:#?}"
        );
    }
}

/// One thing that a role allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The resource's group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource after a `/`.
    pub resource: String,
    /// The verb.
    pub verb: String,
    /// The objects that it is limited to, by name; all if empty.
    pub names: Vec<String>,
}

/// What the roles of [`CONTROLLER`] in `manifests/install.yaml` that `roles` names (`Kind/name`)
/// allow.
///
/// # Panics
/// If the file cannot be read.
pub fn rights(roles: &[&str]) -> Vec<Right> {
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let mut rights = Vec::new();
    for role in installed() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = format!(
            "{}/{}",
            text(&role["kind"]),
            text(&role["metadata"]["name"])
        );
        if !roles.contains(&name.as_str()) {
            continue;
        }
        for rule in role["rules"].as_array().expect("rules") {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        rights.push(Right {
                            group: group.clone(),
                            resource: resource.clone(),
                            verb,
                            names: texts(&rule["resourceNames"]),
                        });
                    }
                }
            }
        }
    }
    assert!(!rights.is_empty(), "no role is called {roles:?}");
    rights
}

/// The objects of `manifests/install.yaml`.
fn installed() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/install.yaml");
    let yaml = fs::read_to_string(path).expect("read install.yaml");
    let documents = serde_saphyr::from_multiple::<Value>(&yaml).expect("YAML");
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}
