//! Which kinds the cluster serves.

use std::time::Duration;

use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Resource, discovery};
use tokio::time::sleep;

use crate::api::{Drill, DrillGate, DrillSchedule};
use crate::gateway_api;
use crate::istio::{
    AuthorizationPolicy, DestinationRule, Gateway, Telemetry, TrafficExtension, VirtualService,
    WasmPlugin,
};

/// How often a missing kind is looked for.
const AGAIN: Duration = Duration::from_secs(2);

/// The kinds that not every cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// WasmPlugin.
    pub wasm_plugin: bool,
    /// TrafficExtension, the successor of WasmPlugin.
    pub traffic_extension: bool,
    /// Telemetry.
    pub telemetry: bool,
    /// Gateway and HTTPRoute of the Gateway API.
    pub gateway_api: bool,
    /// GRPCRoute of the Gateway API, which production may have and no drill makes.
    pub grpc_route: bool,
}

impl Kinds {
    /// Looks until all that is needed is there; `waiting` is told what is missing.
    pub async fn wait(client: &Client, waiting: impl Fn(&str)) -> Kinds {
        loop {
            match Kinds::look(client).await {
                Ok(kinds) => return kinds,
                Err(missing) => waiting(&missing),
            }
            sleep(AGAIN).await;
        }
    }

    async fn look(client: &Client) -> Result<Kinds, String> {
        let is_served = async |resource: &ApiResource| {
            let served = is_served(client, resource).await;
            served.map_err(|error| format!("the API server: {error}"))
        };
        let needed = [
            erased::<DrillGate>(),
            erased::<Drill>(),
            erased::<DrillSchedule>(),
            erased::<Gateway>(),
            erased::<VirtualService>(),
            erased::<DestinationRule>(),
            erased::<AuthorizationPolicy>(),
        ];
        for resource in needed {
            if !is_served(&resource).await? {
                return Err(format!("CRD {}.{}", resource.plural, resource.group));
            }
        }
        let kinds = Kinds {
            wasm_plugin: is_served(&erased::<WasmPlugin>()).await?,
            traffic_extension: is_served(&erased::<TrafficExtension>()).await?,
            telemetry: is_served(&erased::<Telemetry>()).await?,
            gateway_api: is_served(&erased::<gateway_api::Gateway>()).await?
                && is_served(&erased::<gateway_api::HttpRoute>()).await?,
            grpc_route: is_served(&erased::<gateway_api::GrpcRoute>()).await?,
        };
        if !kinds.wasm_plugin && !kinds.traffic_extension {
            let resource = erased::<WasmPlugin>();
            return Err(format!("CRD {}.{}", resource.plural, resource.group));
        }
        Ok(kinds)
    }

    /// The kinds that we make objects of.
    pub fn ours(self) -> Vec<ApiResource> {
        let always = [
            erased::<VirtualService>(),
            erased::<DestinationRule>(),
            erased::<AuthorizationPolicy>(),
        ];
        let sometimes = [
            (self.wasm_plugin, erased::<WasmPlugin>()),
            (self.traffic_extension, erased::<TrafficExtension>()),
            (self.telemetry, erased::<Telemetry>()),
            (self.gateway_api, erased::<gateway_api::HttpRoute>()),
        ];
        let sometimes = sometimes.into_iter().filter(|(served, _)| *served);
        always
            .into_iter()
            .chain(sometimes.map(|(_, kind)| kind))
            .collect()
    }
}

fn erased<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

/// Every kind that we ever make objects of.
pub fn our_kinds() -> Vec<ApiResource> {
    let all = Kinds {
        wasm_plugin: true,
        traffic_extension: true,
        telemetry: true,
        gateway_api: true,
        grpc_route: true,
    };
    all.ours()
}

/// The kinds that a drill has objects of.
pub fn drill_kinds() -> Vec<ApiResource> {
    vec![
        erased::<VirtualService>(),
        erased::<gateway_api::HttpRoute>(),
        erased::<DestinationRule>(),
    ]
}

/// The kinds that a gate's filter may be.
pub fn filter_kinds() -> Vec<ApiResource> {
    vec![erased::<WasmPlugin>(), erased::<TrafficExtension>()]
}

/// Whether the cluster has TrafficExtension.
///
/// # Errors
/// If it does not say.
pub async fn serves_traffic_extension(client: &Client) -> Result<bool, kube::Error> {
    is_served(client, &erased::<TrafficExtension>()).await
}

/// Whether the cluster has this kind.
///
/// # Errors
/// If it does not say.
pub async fn is_served(client: &Client, resource: &ApiResource) -> Result<bool, kube::Error> {
    let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
    match discovery::pinned_kind(client, &kind).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Discovery(_)) => Ok(false),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
