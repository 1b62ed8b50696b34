//! What is known of the cluster: one watch and one store for each kind, and what their events set
//! off.
//!
//! Only metadata that is needed is kept. Our own objects are told apart by label, so that a
//! thousand drills do not slow down the look for production's VirtualServices.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef as StoreRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::kinds::Kinds;
use super::made::Made;
use super::ours::Ours;
use super::recent::Recent;
use super::streams::{decoded, each, stored};
use super::triggers::{self, Triggers};
use super::writer;
use crate::api::{Drill, DrillGate, DrillSchedule, ObjectRef};
use crate::gateway_api;
use crate::istio::{Gateway, VirtualService};
use crate::resources::gateway_api::{GatewayApi, Route, is_bound_to, is_for};
use crate::resources::metadata::DRILL_ID;

/// The stores. They answer from memory, and lag behind the API server by a watch event.
pub struct Cluster {
    /// Every gate.
    pub gates: Store<DrillGate>,
    /// Every drill.
    pub drills: Store<Drill>,
    /// Every schedule.
    pub schedules: Store<DrillSchedule>,
    /// Every Gateway of Istio.
    pub gateways: Store<Gateway>,
    /// The VirtualServices that are not a drill's.
    pub virtual_services: Store<VirtualService>,
    /// Every Gateway of the Gateway API, and its routes that are not a drill's, where the cluster has
    /// it.
    gateway_api: Option<GatewayApiStores>,
    /// The namespaces, by their metadata.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// What we have made.
    pub ours: Ours,
    /// The kinds that the cluster serves.
    pub kinds: Kinds,
    /// What has been written and is not in `ours` yet.
    pub recent: Arc<Recent>,
}

/// What is watched of the Gateway API.
struct GatewayApiStores {
    gateways: Store<gateway_api::Gateway>,
    routes: Store<gateway_api::HttpRoute>,
    grpc_routes: Option<Store<gateway_api::GrpcRoute>>,
}

/// The stores, and the streams that have to be driven for them to fill.
pub struct Watches {
    /// The stores.
    pub cluster: Arc<Cluster>,
    /// Drills as they come and change.
    pub drills: BoxStream<'static, Result<Drill, watcher::Error>>,
    /// Gates as they come and change.
    pub gates: BoxStream<'static, Result<DrillGate, watcher::Error>>,
    /// Schedules as they come and change.
    pub schedules: BoxStream<'static, Result<DrillSchedule, watcher::Error>>,
    /// Drills that are to be looked at since something else has changed.
    pub drill_triggers: UnboundedReceiver<StoreRef<Drill>>,
    /// Gates likewise.
    pub gate_triggers: UnboundedReceiver<StoreRef<DrillGate>>,
    /// Schedules likewise.
    pub schedule_triggers: UnboundedReceiver<StoreRef<DrillSchedule>>,
    /// Sets all of them off.
    pub triggers: Triggers,
    /// Drives all other watches; it ends only with the process.
    pub others: BoxStream<'static, ()>,
}

/// Watches everything that the controller has to know.
pub fn watch(client: &Client, kinds: Kinds) -> Watches {
    let (drill_sender, drill_triggers) = unbounded();
    let (gate_sender, gate_triggers) = unbounded();
    let (schedule_sender, schedule_triggers) = unbounded();
    let mut others: Vec<BoxStream<'static, ()>> = Vec::new();

    let (drills, drill_events) = decoded::<Drill>(client);
    let (gates, gate_events) = decoded::<DrillGate>(client);
    let (schedules, schedule_events) = decoded::<DrillSchedule>(client);
    let senders = (drill_sender, gate_sender, schedule_sender);
    let triggers = Triggers::new(drills.clone(), gates.clone(), senders);

    let recent: Arc<Recent> = Arc::default();
    let (ours, of_ours) = Ours::watch(client, kinds.ours(), &recent, &triggers);
    others.extend(of_ours);

    let production = watcher::Config::default().labels(&format!("!{DRILL_ID}"));
    let gateway_api = kinds.gateway_api.then(|| GatewayApiStores {
        gateways: surrounding(client, watcher::Config::default(), &triggers, &mut others),
        routes: surrounding(client, production.clone(), &triggers, &mut others),
        grpc_routes: kinds.grpc_route.then(|| {
            let everything = watcher::Config::default();
            surrounding(client, everything, &triggers, &mut others)
        }),
    });
    let api = Api::<VirtualService>::all(client.clone());
    let (virtual_services, events) = stored(kube::runtime::watcher(api, production).boxed());
    let of_routes = triggers.clone();
    others.push(each(events, move |_| of_routes.surroundings()));

    let api = Api::<Gateway>::all(client.clone());
    let everything = watcher::Config::default;
    let (gateways, events) = stored(kube::runtime::watcher(api, everything()).boxed());
    let of_gateways = triggers.clone();
    others.push(each(events, move |_| of_gateways.surroundings()));

    let api = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let (namespaces, events) = stored(kube::runtime::watcher(api, everything()).boxed());
    let of_namespaces = triggers.clone();
    others.push(each(events, move |_| of_namespaces.surroundings()));

    let cluster = Arc::new(Cluster {
        gates,
        drills,
        schedules,
        gateways,
        virtual_services,
        gateway_api,
        namespaces,
        ours,
        kinds,
        recent,
    });
    let of_gates = triggers.clone();
    let gates = gate_events
        .inspect_ok(move |gate| of_gates.gate(gate))
        .boxed();
    let of_drills = triggers.clone();
    let (recent, held) = (cluster.recent.clone(), cluster.drills.clone());
    let drills = drill_events
        .inspect_ok(move |drill| {
            let now = held.get(&StoreRef::from_obj(drill));
            let version = now.and_then(|now| now.resource_version());
            recent.saw(&writer::reference(drill), version.as_deref());
            of_drills.drill(drill);
        })
        .boxed();
    Watches {
        cluster,
        drills,
        gates,
        schedules: schedule_events,
        drill_triggers,
        gate_triggers,
        schedule_triggers,
        triggers,
        others: futures::stream::select_all(others).boxed(),
    }
}

impl Cluster {
    /// Waits until every store has been filled once.
    pub async fn synced(&self) {
        // A store's writer lives as long as the process.
        let _ = self.gates.wait_until_ready().await;
        let _ = self.drills.wait_until_ready().await;
        let _ = self.schedules.wait_until_ready().await;
        let _ = self.gateways.wait_until_ready().await;
        let _ = self.virtual_services.wait_until_ready().await;
        if let Some(stores) = &self.gateway_api {
            let _ = stores.gateways.wait_until_ready().await;
            let _ = stores.routes.wait_until_ready().await;
            if let Some(routes) = &stores.grpc_routes {
                let _ = routes.wait_until_ready().await;
            }
        }
        let _ = self.namespaces.wait_until_ready().await;
        self.ours.synced().await;
    }

    /// Whether the store does not show yet what `manager` has written to `object` last.
    pub fn lags(&self, object: &ObjectRef, manager: &str) -> bool {
        self.recent.awaits(object, manager)
    }

    /// `manager` has written to `object`, which is now at this version. The watch may have been
    /// quicker than the answer: then it is seen already.
    pub fn wrote(&self, object: &ObjectRef, manager: &str, version: Option<String>) {
        self.recent.wrote(object, manager, version);
        if let Some(seen) = self
            .ours
            .get(object)
            .and_then(|seen| seen.resource_version())
        {
            self.recent.saw(object, Some(&seen));
        }
    }

    /// The names of all namespaces.
    pub fn namespace_names(&self) -> BTreeSet<String> {
        let namespaces = self.namespaces.state();
        namespaces
            .iter()
            .map(|namespace| namespace.name_any())
            .collect()
    }

    /// Every Gateway of Istio.
    pub fn istio_gateways(&self) -> Vec<Gateway> {
        self.gateways
            .state()
            .iter()
            .map(|gateway| (**gateway).clone())
            .collect()
    }

    /// The VirtualServices that may be about one of these hosts, and are not a drill's. A cluster
    /// has many; the few that matter are copied.
    pub fn routes_of(&self, hosts: &[&str]) -> Vec<VirtualService> {
        let may_cover = |service: &VirtualService| {
            service.spec.hosts.iter().any(|pattern| {
                let pattern = pattern.to_ascii_lowercase();
                let suffix = pattern.trim_start_matches('*');
                hosts.iter().any(|host| host.ends_with(suffix))
            })
        };
        let services = self.virtual_services.state_filter(may_cover);
        services.iter().map(|service| (**service).clone()).collect()
    }

    /// What matters of the Gateway API for routes of `gate` in `namespace` about `hosts`; nothing for
    /// a gate of Istio's own Gateways.
    pub fn gateway_api(
        &self,
        gate: Option<&DrillGate>,
        namespace: &str,
        hosts: &[&str],
    ) -> GatewayApi {
        let gate = gate.filter(|gate| gate.spec.target_refs.is_some());
        let (Some(gate), Some(stores)) = (gate, &self.gateway_api) else {
            return GatewayApi::default();
        };
        let gateways = stores.gateways.state();
        let grpc_routes = stores.grpc_routes.as_ref();
        let namespace = self.namespaces.get(&StoreRef::new(namespace));
        GatewayApi {
            served: true,
            gateways: gateways.iter().map(|one| (**one).clone()).collect(),
            routes: about(&stores.routes, gate, hosts),
            grpc_routes: grpc_routes.map_or_else(Vec::new, |all| about(all, gate, hosts)),
            labels: namespace.map_or_else(Default::default, |found| found.labels().clone()),
        }
    }

    /// The gate that a drill names.
    pub fn gate_of(&self, drill: &Drill) -> Option<Arc<DrillGate>> {
        self.gates.get(&triggers::gate_of(drill))
    }
}

/// The routes at the Gateways of `gate` that may be about one of these hosts.
fn about<R>(routes: &Store<R>, gate: &DrillGate, hosts: &[&str]) -> Vec<R>
where
    R: Route + Clone + 'static,
{
    let counts =
        |route: &R| is_bound_to(route, gate) && hosts.iter().any(|host| is_for(route, host));
    let routes = routes.state_filter(counts);
    routes.iter().map(|route| (**route).clone()).collect()
}

/// A store of a kind whose objects are not ours, and whose changes may be news for gates and drills.
fn surrounding<K>(
    client: &Client,
    which: watcher::Config,
    triggers: &Triggers,
    others: &mut Vec<BoxStream<'static, ()>>,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let api = Api::<K>::all(client.clone());
    let (store, events) = stored(kube::runtime::watcher(api, which).boxed());
    let triggers = triggers.clone();
    others.push(each(events, move |_| triggers.surroundings()));
    store
}

/// What an object of ours is called.
pub fn reference(object: &Made) -> ObjectRef {
    ObjectRef {
        api_version: object.types.api_version.clone(),
        kind: object.types.kind.clone(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

/// Where a store's reference to an object comes from.
pub type Sender<K> = UnboundedSender<StoreRef<K>>;
