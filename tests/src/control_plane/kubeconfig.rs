//! Kubeconfig files: the only way in which anything here finds an API server.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::credentials::Pair;

/// Writes a kubeconfig (JSON is YAML) for the API server at `server`. For HTTPS, it gets the
/// certificate of the server's authority, and the user's credentials.
pub(super) fn write(path: &Path, server: &str, https: Option<(&str, &Pair)>) {
    let mut cluster = json!({ "server": server });
    let mut user = json!({});
    if let Some((authority, credentials)) = https {
        cluster["certificate-authority-data"] = encode(authority);
        user["client-certificate-data"] = encode(&credentials.certificate);
        user["client-key-data"] = encode(&credentials.key);
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "current-context": "test",
    });
    fs::write(path, config.to_string()).expect("write a kubeconfig");
}

/// A client by the kubeconfig at `path`. With `retry` it tries again what an API server turned down
/// for the moment, as kube's clients do by default.
pub(super) async fn client(path: &Path, retry: bool) -> Client {
    let kubeconfig = Kubeconfig::read_from(path).expect("read a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("a whole kubeconfig");
    // kube takes it from the environment, for addresses of this machine too.
    config.proxy_url = None;
    config.default_retry = retry;
    Client::try_from(config).expect("a client")
}

fn encode(pem: &str) -> Value {
    STANDARD.encode(pem).into()
}
