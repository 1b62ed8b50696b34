//! What is read of the cluster, once, for one command.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PartialObjectMeta};
use kube::core::ObjectMeta;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Error;
use crate::api::{Drill, DrillGate};
use crate::gateway_api;
use crate::istio::{Gateway, VirtualService};
use crate::reconcile::AMBIENT;
use crate::reconcile::made::Made;
use crate::resources::gateway_api::GatewayApi;
use crate::resources::keys;
use crate::resources::metadata::{DRILL_ID, DRILLGATE, MANAGED_BY, namespace_of};

/// What has to be known around a gate or a drill.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The names of all namespaces.
    pub namespaces: BTreeSet<String>,
    /// Their labels.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Those whose pods are in the ambient mesh.
    pub ambient: BTreeSet<String>,
    /// Every Gateway of Istio.
    pub gateways: Vec<Gateway>,
    /// The VirtualServices that are not a drill's.
    pub virtual_services: Vec<VirtualService>,
    /// The Gateway API, with the labels of no namespace.
    pub gateway_api: GatewayApi,
    /// Objects that cannot be read, as `Kind namespace/name: why`. Nothing is known of them.
    pub unreadable: Vec<String>,
}

impl Surroundings {
    /// Reads them.
    ///
    /// # Errors
    /// If the cluster does not let us, or has no Istio.
    pub async fn read(client: &Client) -> Result<Surroundings, Error> {
        let mut around = Surroundings::default();
        let namespaces = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
        let namespaces = namespaces.list_metadata(&ListParams::default()).await;
        for namespace in namespaces.map_err(|error| unread("Namespaces", error))? {
            let (label, value) = AMBIENT;
            if namespace
                .labels()
                .get(label)
                .is_some_and(|held| held == value)
            {
                around.ambient.insert(namespace.name_any());
            }
            let labels = namespace.labels().clone();
            around.labels.insert(namespace.name_any(), labels);
            around.namespaces.insert(namespace.name_any());
        }
        let everything = ListParams::default();
        let production = ListParams::default().labels(&format!("!{DRILL_ID}"));
        let unreadable = &mut around.unreadable;
        around.gateways = all(client, "Gateways of Istio", &everything, unreadable).await?;
        around.virtual_services = all(client, "VirtualServices", &production, unreadable).await?;
        let api = &mut around.gateway_api;
        api.served = is_served::<gateway_api::HttpRoute>(client).await?;
        if api.served {
            let what = "Gateways of the Gateway API";
            api.gateways = all(client, what, &everything, unreadable).await?;
            api.routes = all(client, "HTTPRoutes", &production, unreadable).await?;
            if is_served::<gateway_api::GrpcRoute>(client).await? {
                api.grpc_routes = all(client, "GRPCRoutes", &everything, unreadable).await?;
            }
        }
        Ok(around)
    }

    /// The Gateway API as it matters for routes in `namespace`.
    pub fn gateway_api_for(&self, namespace: &str) -> GatewayApi {
        GatewayApi {
            labels: self.labels.get(namespace).cloned().unwrap_or_default(),
            ..self.gateway_api.clone()
        }
    }
}

/// Whether the cluster has a kind.
async fn is_served<K: Resource<DynamicType = ()>>(client: &Client) -> Result<bool, Error> {
    let served = crate::reconcile::is_served(client, &ApiResource::erase::<K>(&())).await;
    served.map_err(|error| unread("the API server's kinds", error))
}

/// All objects of a kind; one that cannot be read is left out and named.
async fn all<K>(
    client: &Client,
    what: &str,
    which: &ListParams,
    unreadable: &mut Vec<String>,
) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
{
    let resource = ApiResource::erase::<K>(&());
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let listed = api.list(which).await.map_err(|error| unread(what, error))?;
    let mut read = Vec::new();
    for object in listed {
        let name = format!(
            "{} {}/{}",
            resource.kind,
            namespace_of(&object),
            object.name_any()
        );
        match object.try_parse() {
            Ok(object) => read.push(object),
            Err(error) => unreadable.push(format!("{name}: {error}")),
        }
    }
    Ok(read)
}

/// What drillgate made, of those of these kinds that the cluster serves.
///
/// # Errors
/// If the cluster does not let us.
pub async fn ours(client: &Client, kinds: Vec<ApiResource>) -> Result<Vec<Made>, Error> {
    let mut ours = Vec::new();
    let labelled = ListParams::default().labels(&format!("{MANAGED_BY}={DRILLGATE}"));
    for resource in kinds {
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        match api.list(&labelled).await {
            Ok(listed) => ours.extend(listed.items.into_iter().map(|mut object| {
                // A list tells it once, for all.
                object.types = Some(kube::core::TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                Made::from(object)
            })),
            // Not every Istio has every kind.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(unread(&resource.plural, error)),
        }
    }
    Ok(ours)
}

/// The Drills of the cluster; none where the kind is not installed.
///
/// # Errors
/// If the cluster does not let us.
pub async fn drills(client: &Client) -> Result<Vec<Drill>, Error> {
    match Api::<Drill>::all(client.clone())
        .list(&ListParams::default())
        .await
    {
        Ok(drills) => Ok(drills.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(unread("Drills", error)),
    }
}

/// A DrillGate; nothing where there is none, or the kind is not installed.
///
/// # Errors
/// If the cluster does not let us.
pub async fn gate(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<DrillGate>, Error> {
    let api = Api::<DrillGate>::namespaced(client.clone(), namespace);
    match api.get(name).await {
        Ok(gate) => Ok(Some(gate)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(unread("DrillGates", error)),
    }
}

/// The Secrets that `gate` names, those that exist.
///
/// # Errors
/// If the cluster does not let us.
pub async fn secrets(client: &Client, gate: &DrillGate) -> Result<keys::Secrets, Error> {
    let api = Api::<Secret>::namespaced(client.clone(), &namespace_of(gate));
    let mut secrets = BTreeMap::new();
    for key in &gate.spec.keys {
        let name = &key.secret_ref.name;
        let found = api.get_opt(name).await;
        let found = found.map_err(|error| unread(&format!("Secret {name}"), error))?;
        if let Some(secret) = found {
            let data = secret.data.unwrap_or_default().into_iter();
            secrets.insert(
                name.clone(),
                data.map(|(entry, value)| (entry, value.0)).collect(),
            );
        }
    }
    Ok(secrets)
}

/// An error about what could not be read.
pub(super) fn unread(what: &str, error: kube::Error) -> Error {
    Error::Read {
        what: what.to_owned(),
        source: Box::new(error),
    }
}

/// An object as it would be written by hand: without what only the API server has to say.
pub fn bare(object: &Made) -> Value {
    let metadata = ObjectMeta {
        managed_fields: None,
        uid: None,
        resource_version: None,
        generation: None,
        creation_timestamp: None,
        ..object.metadata.clone()
    };
    json!({
        "apiVersion": object.types.api_version,
        "kind": object.types.kind,
        "metadata": metadata,
        "spec": object.spec(),
    })
}
