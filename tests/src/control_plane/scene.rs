//! What a controller finds in a cluster: a Gateway, production behind it, a gate and a sandbox, in
//! namespaces of their own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use drillgate::api::{Drill, DrillGate, DrillSchedule};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams};
use kube::api::{Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::ControlPlane;

/// The name of a scene's gate.
pub const GATE: &str = "edge";

/// How long something that the controller does may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// The field manager of those who use drillgate.
const USER: &str = "kubectl";

/// Namespaces with all that a drill needs.
#[derive(Clone)]
pub struct Scene {
    /// A client that may do everything.
    pub client: Client,
    /// The gateway's namespace.
    pub gateway: String,
    /// Production's.
    pub production: String,
    /// The sandbox's.
    pub sandbox: String,
}

impl Scene {
    /// Installs the definitions of Istio's kinds and of ours, gives the controller its rights, and
    /// sets a scene with a Gateway and a key, and without a gate.
    ///
    /// # Panics
    /// If the API server refuses something.
    pub async fn set(plane: &ControlPlane) -> Scene {
        Scene::install_crds(plane).await;
        Scene::set_without_crds(plane).await
    }

    /// Installs the definitions of Istio's kinds and of ours.
    ///
    /// # Panics
    /// If the API server refuses one.
    pub async fn install_crds(plane: &ControlPlane) {
        plane.install_istio_crds().await;
        plane.install_crds(&our_crds()).await;
    }

    /// As [`Scene::set`], where the definitions are there already.
    ///
    /// # Panics
    /// As [`Scene::set`].
    pub async fn set_without_crds(plane: &ControlPlane) -> Scene {
        let scene = Scene {
            client: plane.client().await,
            gateway: plane.namespace("gateway").await,
            production: plane.namespace("production").await,
            sandbox: plane.namespace("sandbox").await,
        };
        plane.grant_controller().await;
        plane.grant_keys(&scene.gateway, &["drill-keys"]).await;
        scene.apply(scene.istio_gateway(json!(["*"]))).await;
        scene.apply(scene.secret("drill-keys", &key("ci", 7))).await;
        scene
    }

    /// The Gateway, with these hosts at its one server.
    pub fn istio_gateway(&self, hosts: Value) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
            "metadata": {"name": "public", "namespace": self.gateway},
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}],
            },
        })
    }

    /// A Secret with a key file.
    pub fn secret(&self, name: &str, key: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": self.gateway},
            "stringData": {"key.jwk": key.to_string()},
        })
    }

    /// The gate.
    pub fn gate(&self) -> Value {
        json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillGate",
            "metadata": {"name": GATE, "namespace": self.gateway},
            "spec": {
                "selector": {"matchLabels": {"istio": "ingressgateway"}},
                "gateways": ["public"],
                "keys": [{"kid": "ci", "secretRef": {"name": "drill-keys"}}],
                "module": {"url": "oci://registry.example/drillgate/filter:1"},
                "protectedNamespaces": [{"name": self.production, "ports": [8080]}],
            },
        })
    }

    /// A Gateway of the Gateway API for every host and namespace.
    pub fn kubernetes_gateway(&self) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "public", "namespace": self.gateway},
            "spec": {
                "gatewayClassName": "istio",
                "listeners": [{
                    "name": "http", "port": 80, "protocol": "HTTP",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }],
            },
        })
    }

    /// The gate, which refers to it.
    pub fn referring_gate(&self) -> Value {
        referring(self.gate())
    }

    /// A drill of an hour for one host, which belongs to it alone.
    pub fn drill(&self, name: &str) -> Value {
        json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": name, "namespace": self.sandbox},
            "spec": {
                "gateRef": {"name": GATE, "namespace": self.gateway},
                "environment": "orders-dr",
                "ttl": "1h",
                "routes": [{
                    "host": format!("{name}.example.com"),
                    "sandbox": {"host": "orders", "port": 80},
                }],
            },
        })
    }

    /// A schedule whose drills are as [`Scene::drill`], for a host of its own.
    pub fn schedule(&self, name: &str, schedule: &str) -> Value {
        json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillSchedule",
            "metadata": {"name": name, "namespace": self.sandbox},
            "spec": {
                "schedule": schedule,
                "drillTemplate": {
                    "metadata": {"labels": {"team": "orders"}},
                    "spec": self.drill(name)["spec"],
                },
            },
        })
    }

    /// Applies an object as a user of kubectl does.
    ///
    /// # Panics
    /// If the API server refuses it.
    pub async fn apply(&self, object: Value) -> DynamicObject {
        self.try_apply(object)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Applies an object as `manager`, without force.
    ///
    /// # Panics
    /// If the API server refuses it.
    pub async fn apply_as(&self, object: &Value, manager: &str) -> DynamicObject {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let (api, params) = (self.api_of(object), PatchParams::apply(manager));
        let applied = api.patch(name, &params, &Patch::Apply(object)).await;
        applied.unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Scene::apply`], when the API server may refuse it.
    ///
    /// # Errors
    /// The API server's refusal.
    ///
    /// # Panics
    /// If the object has no name.
    pub async fn try_apply(&self, object: Value) -> Result<DynamicObject, kube::Error> {
        let api = self.api_of(&object);
        let name = object["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let params = PatchParams::apply(USER).force();
        api.patch(&name, &params, &Patch::Apply(object)).await
    }

    /// Deletes an object, which need not exist.
    ///
    /// # Panics
    /// If the API server refuses it.
    pub async fn delete(&self, object: &Value) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        match self
            .api_of(object)
            .delete(name, &DeleteParams::default())
            .await
        {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// An object as it is now.
    ///
    /// # Panics
    /// If the API server does not say.
    pub async fn get(&self, object: &Value) -> Option<DynamicObject> {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let found = self.api_of(object).get_opt(name).await;
        found.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until a drill is as `wanted`.
    ///
    /// # Panics
    /// If it does not become so; with what it is.
    pub async fn drill_until(&self, name: &str, wanted: impl Fn(&Drill) -> bool) -> Drill {
        let api = Api::<Drill>::namespaced(self.client.clone(), &self.sandbox);
        until(&api, name, wanted).await
    }

    /// Waits until the gate is as `wanted`.
    ///
    /// # Panics
    /// If it does not become so; with what it is.
    pub async fn gate_until(&self, wanted: impl Fn(&DrillGate) -> bool) -> DrillGate {
        let api = Api::<DrillGate>::namespaced(self.client.clone(), &self.gateway);
        until(&api, GATE, wanted).await
    }

    /// Waits until a schedule is as `wanted`.
    ///
    /// # Panics
    /// If it does not become so; with what it is.
    pub async fn schedule_until(
        &self,
        name: &str,
        wanted: impl Fn(&DrillSchedule) -> bool,
    ) -> DrillSchedule {
        let api = Api::<DrillSchedule>::namespaced(self.client.clone(), &self.sandbox);
        until(&api, name, wanted).await
    }

    /// Waits until an object is gone.
    ///
    /// # Panics
    /// If it stays.
    pub async fn gone(&self, object: &Value) {
        let gone = timeout(LIMIT, async {
            while self.get(object).await.is_some() {
                sleep(Duration::from_millis(50)).await;
            }
        });
        if gone.await.is_err() {
            panic!("it stays: {:#?}", self.get(object).await);
        }
    }

    /// All objects of drillgate's in the scene's namespaces, as `Kind name`.
    ///
    /// # Panics
    /// If the API server does not list them.
    pub async fn ours(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (group, version, kind) in KINDS {
            for object in self.of_kind(group, version, kind).await {
                found.push(format!("{kind} {}", object.name_any()));
            }
        }
        found.sort();
        found
    }

    /// The objects of one kind that are drillgate's, in the scene's namespaces.
    ///
    /// # Panics
    /// If the API server does not list them, although it knows the kind.
    pub async fn of_kind(&self, group: &str, version: &str, kind: &str) -> Vec<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=drillgate");
        let mut found = Vec::new();
        for namespace in [&self.gateway, &self.production, &self.sandbox] {
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), namespace, &resource);
            match api.list(&ours).await {
                Ok(listed) => found.extend(listed),
                // A kind that the cluster does not serve: the Gateway API's, in most suites.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => panic!("{error}"),
            }
        }
        found
    }

    /// The gate's filter, whichever kind holds it.
    ///
    /// # Panics
    /// If there is none.
    pub async fn plugin_configuration(&self) -> Value {
        let new = self
            .of_kind("extensions.istio.io", "v1alpha1", "TrafficExtension")
            .await;
        if let Some(plugin) = new.first() {
            return plugin.data["spec"]["wasm"]["pluginConfig"].clone();
        }
        let old = self
            .of_kind("extensions.istio.io", "v1alpha1", "WasmPlugin")
            .await;
        let plugin = old.first().expect("a filter");
        plugin.data["spec"]["pluginConfig"].clone()
    }

    /// The gate's filter by its name alone: the body of an apply that wants nothing.
    ///
    /// # Panics
    /// If there is none.
    pub async fn plugin(&self) -> Value {
        for kind in ["TrafficExtension", "WasmPlugin"] {
            if let Some(plugin) = self
                .of_kind("extensions.istio.io", "v1alpha1", kind)
                .await
                .first()
            {
                return json!({
                    "apiVersion": "extensions.istio.io/v1alpha1", "kind": kind,
                    "metadata": {"name": plugin.name_any(), "namespace": self.gateway},
                    "spec": {},
                });
            }
        }
        panic!("no filter");
    }

    /// The events about an object, as `Reason: note`.
    ///
    /// # Panics
    /// If the API server does not list them.
    pub async fn events(&self, namespace: &str, name: &str) -> Vec<String> {
        use k8s_openapi::api::events::v1::Event;
        let api = Api::<Event>::namespaced(self.client.clone(), namespace);
        let all = api
            .list(&ListParams::default())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let about = all.into_iter().filter(|event| {
            let regarding = event
                .regarding
                .as_ref()
                .and_then(|object| object.name.as_deref());
            regarding == Some(name)
        });
        about
            .map(|event| {
                let (reason, note) = (
                    event.reason.unwrap_or_default(),
                    event.note.unwrap_or_default(),
                );
                format!("{reason}: {note}")
            })
            .collect()
    }

    fn api_of(&self, object: &Value) -> Api<DynamicObject> {
        let api_version = object["apiVersion"].as_str().expect("an API version");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = object["kind"].as_str().expect("a kind");
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .expect("a namespace");
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }
}

/// The kinds that drillgate makes objects of.
const KINDS: [(&str, &str, &str); 7] = [
    ("networking.istio.io", "v1", "VirtualService"),
    ("networking.istio.io", "v1", "DestinationRule"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("security.istio.io", "v1", "AuthorizationPolicy"),
    ("telemetry.istio.io", "v1", "Telemetry"),
    ("extensions.istio.io", "v1alpha1", "WasmPlugin"),
    ("extensions.istio.io", "v1alpha1", "TrafficExtension"),
];

/// A gate that refers to the Gateway API's Gateway `public` in place of Istio's.
pub(crate) fn referring(mut gate: Value) -> Value {
    let spec = gate["spec"].as_object_mut().expect("a spec");
    spec.remove("selector");
    spec.remove("gateways");
    spec.insert("targetRefs".to_owned(), json!([{"name": "public"}]));
    gate
}

/// An HS256 key file.
pub fn key(kid: &str, byte: u8) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    json!({"kty": "oct", "alg": "HS256", "kid": kid, "k": URL_SAFE_NO_PAD.encode([byte; 32])})
}

/// The definitions of our kinds, as they are committed.
fn our_crds() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds");
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a definition");
    ["drillgates.yaml", "drills.yaml", "drillschedules.yaml"]
        .map(read)
        .join("\n---\n")
}

async fn until<K>(api: &Api<K>, name: &str, wanted: impl Fn(&K) -> bool) -> K
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut last = None;
    let found = timeout(LIMIT, async {
        loop {
            let object = api
                .get_opt(name)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            if let Some(object) = object {
                if wanted(&object) {
                    return object;
                }
                last = Some(object);
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    match found.await {
        Ok(object) => object,
        Err(_elapsed) => panic!("{name} is not as it should be: {last:#?}"),
    }
}
