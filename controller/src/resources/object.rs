//! One object that is to be applied.

use kube::Resource;
use kube::core::{ApiResource, ObjectMeta};
use serde::Serialize;

use crate::api::ObjectRef;
use crate::gateway_api::HttpRoute;
use crate::istio::{
    AuthorizationPolicy, DestinationRule, Telemetry, TrafficExtension, VirtualService, WasmPlugin,
};

/// An object of any kind that drillgate makes. It serializes as the object itself, so that it can
/// be the body of a server-side apply.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Object {
    /// Limits towards a sandbox.
    DestinationRule(DestinationRule),
    /// The routes of a host, or the guard of the drill domain.
    VirtualService(VirtualService),
    /// The same at Gateways of the Gateway API.
    HttpRoute(HttpRoute),
    /// Who may pass the gateway, or into a protected namespace.
    AuthorizationPolicy(AuthorizationPolicy),
    /// The access log of drill requests.
    Telemetry(Telemetry),
    /// The filter.
    WasmPlugin(WasmPlugin),
    /// The filter, in its newer form.
    TrafficExtension(TrafficExtension),
}

/// One expression for each kind.
macro_rules! each {
    ($object:expr, $inner:ident => $value:expr) => {
        match $object {
            Object::DestinationRule($inner) => $value,
            Object::VirtualService($inner) => $value,
            Object::HttpRoute($inner) => $value,
            Object::AuthorizationPolicy($inner) => $value,
            Object::Telemetry($inner) => $value,
            Object::WasmPlugin($inner) => $value,
            Object::TrafficExtension($inner) => $value,
        }
    };
}

impl Object {
    /// Which API it belongs to.
    pub fn resource(&self) -> ApiResource {
        each!(self, object => resource_of(object))
    }

    /// Its metadata.
    pub fn meta(&self) -> &ObjectMeta {
        each!(self, object => &object.metadata)
    }

    /// Adds an annotation.
    pub fn annotate(&mut self, name: &str, value: &str) {
        let metadata = each!(self, object => &mut object.metadata);
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(name.to_owned(), value.to_owned());
    }

    /// What it is called, for a status.
    pub fn reference(&self) -> ObjectRef {
        let resource = self.resource();
        ObjectRef {
            api_version: resource.api_version,
            kind: resource.kind,
            namespace: self.meta().namespace.clone().unwrap_or_default(),
            name: self.meta().name.clone().unwrap_or_default(),
        }
    }
}

fn resource_of<K: Resource<DynamicType = ()>>(_: &K) -> ApiResource {
    ApiResource::erase::<K>(&())
}
