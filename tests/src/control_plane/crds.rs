//! Custom resource definitions.

use std::fs;

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use serde_json::Value;

use super::tools::tool;
use super::{ControlPlane, MANAGER};

impl ControlPlane {
    /// Installs the custom resource definitions in the documents of `yaml`, and waits until their
    /// resources can be used. Doing it again changes nothing, so parallel tests may each do it.
    ///
    /// # Panics
    /// If the API server refuses one.
    pub async fn install_crds(&self, yaml: &str) {
        let documents = serde_saphyr::from_multiple::<Value>(yaml).expect("YAML");
        let client = self.client().await;
        let api = Api::<CustomResourceDefinition>::all(client);
        join_all(
            documents
                .iter()
                .filter(|document| !document.is_null())
                .map(|definition| install(&api, definition)),
        )
        .await;
    }

    /// Installs all custom resource definitions of Istio.
    ///
    /// # Panics
    /// If they are not there, or the API server refuses one.
    pub async fn install_istio_crds(&self) {
        let yaml = fs::read_to_string(tool("istio-crds.yaml")).expect("read the definitions");
        self.install_crds(&yaml).await;
    }

    /// Installs the custom resource definitions of the Gateway API's standard channel.
    ///
    /// # Panics
    /// If they are not there, or the API server refuses one.
    pub async fn install_gateway_api_crds(&self) {
        let yaml = fs::read_to_string(tool("gateway-api-crds.yaml")).expect("read the definitions");
        self.install_crds(&yaml).await;
    }
}

async fn install(api: &Api<CustomResourceDefinition>, definition: &Value) {
    let name = definition["metadata"]["name"].as_str().expect("a name");
    // As it was written: a typed definition would drop what its type does not know.
    let patch = Patch::Apply(definition);
    let parameters = PatchParams::apply(MANAGER).force();
    if let Err(error) = api.patch(name, &parameters, &patch).await {
        panic!("{name}: {error}");
    }
    if let Err(error) = await_condition(api.clone(), name, is_crd_established()).await {
        panic!("{name}: {error}");
    }
}
