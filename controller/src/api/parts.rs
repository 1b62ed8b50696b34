//! The parts of a `DrillGate`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A DNS label in lower case.
pub(super) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A DNS name in lower case, without a trailing dot.
pub(super) const DNS_NAME: &str =
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// A key that tokens may be signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateKey {
    /// The key's name, as tokens and the key file have it.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9._-]+$"))]
    pub kid: String,

    /// Where the key is.
    pub secret_ref: SecretKeyRef,
}

/// A key file in a Secret of the gate's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The entry of the Secret that holds the key file, a JWK as `drillgate keys new` makes it. An
    /// Ed25519 public key is enough, and is all that the gateway is given of an Ed25519 key. An
    /// HS256 key is a secret that the gateway must have: it stands in the filter's configuration.
    #[serde(default = "default_entry")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// The filter's wasm module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Where the gateway's agent gets it: oci://, https://, http:// or file://. A gateway that
    /// starts waits for it, so it should come from where the proxy's own image comes from. Use
    /// file:// only for a file that is part of that image: a gateway that starts without the file,
    /// or with a module that it cannot load, answers every request with 500.
    #[schemars(
        length(min = 1, max = 2048),
        regex(pattern = "^(oci|https?|file)://.+$")
    )]
    pub url: String,

    /// Its checksum: the SHA-256 of the module, or the digest of the OCI image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^[a-f0-9]{64}$"))]
    pub sha256: Option<String>,

    /// When it is fetched anew. Istio's own default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,

    /// The pull secret for its registry, in the gate's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub image_pull_secret: Option<String>,
}

/// When the module is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Once.
    IfNotPresent,
    /// Whenever the plugin changes.
    Always,
}

/// A namespace of production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedNamespace {
    /// The namespace's name. It may be neither the gate's own nor the mesh's root namespace.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,

    /// The ports on which its pods take HTTP, as the pods number them. They have to be named: of a
    /// policy that looks at headers Istio reads only the ports for TCP, and without any would deny
    /// every TCP connection in the namespace, its databases' included.
    #[schemars(
        with = "Vec<i32>",
        length(min = 1, max = 64),
        inner(range(min = 1, max = 65535))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ports: Vec<u16>,
}

/// What is recorded of each drill request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Audit {
    /// Whether the record goes to the proxy's log.
    pub log: bool,

    /// The level of that log line. Istio's gateways print warn and above.
    pub level: AuditLevel,

    /// Whether the record's fields are left as filter state, for access logs.
    pub filter_state: bool,

    /// A provider of the mesh's extensionProviders that logs drill requests, and only those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub access_log_provider: Option<String>,

    /// The providers that log every request of this gateway, drill or not: whatever it logs to now.
    /// With accessLogProvider they have to be named again, since Istio lets the providers named for
    /// a gateway take the place of those of its namespace and of the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(length(min = 1, max = 253)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub keep_access_log_providers: Vec<String>,
}

impl Default for Audit {
    fn default() -> Audit {
        Audit {
            log: true,
            level: AuditLevel::default(),
            filter_state: true,
            access_log_provider: None,
            keep_access_log_providers: Vec::new(),
        }
    }
}

/// A level of the proxy's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditLevel {
    /// For whoever debugs the proxy.
    Debug,
    /// Not printed by Istio's gateways unless asked for.
    Info,
    /// Printed by Istio's gateways.
    #[default]
    Warn,
    /// Printed by Istio's gateways.
    Error,
}

/// How the controller asks the gateway which configuration it runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Where the controller reaches the gateway, as host:port.
    #[schemars(length(min = 3, max = 259), regex(pattern = "^[^/:\\s]+:[0-9]{1,5}$"))]
    pub address: String,

    /// The host that the probe asks for: one that a server of the Gateways accepts. The filter
    /// answers by itself, no service is reached.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: String,

    /// Whether the gateway speaks TLS there, with host as the server name.
    #[serde(default)]
    pub tls: bool,
}

fn default_entry() -> String {
    "key.jwk".to_owned()
}

/// Whether a value needs no mention.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
