//! `Gateway`: read, never written.

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Servers of gateway pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "networking.istio.io",
    version = "v1",
    kind = "Gateway",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "Servers of gateway pods, as Istio knows them."
)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySpec {
    /// The labels of the pods that serve.
    pub selector: BTreeMap<String, String>,
    /// The servers.
    pub servers: Vec<Server>,
}

/// A port, and the hosts that are served there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Server {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The port.
    pub port: ServerPort,
    /// The hosts: `example.com`, `*.example.com`, `*`, each also with `namespace/` in front.
    pub hosts: Vec<String>,
    /// TLS, if the server has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

/// The port of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerPort {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// HTTP, HTTPS, GRPC, HTTP2, TLS, TCP and others.
    pub protocol: String,
}

/// The TLS of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerTls {
    /// SIMPLE, MUTUAL, PASSTHROUGH and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether every request is sent to HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_redirect: Option<bool>,
}
