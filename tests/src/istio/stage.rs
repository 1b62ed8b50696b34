//! A gateway with production and a sandbox behind it, in namespaces of their own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use drillgate::api::{Drill, DrillGate, Phase};
use drillgate::lab::{Request, Response, Upstream};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout};

use super::bridge::TlsBridge;
use super::gateway::{IngressGateway, Settings};
use super::identity::token;
use super::istiod::Istiod;
use super::mesh::Mesh;
use crate::control_plane::{Scene, free_ports};
use crate::module::module_path;
use crate::traffic::outcome;

/// How long a change may take to come to the gateway on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// How long the end of a stage may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// A gateway of its own in a mesh, and what is behind it.
pub struct Stage {
    /// The objects and their namespaces.
    pub scene: Scene,
    /// The gateway. It serves [`Stage::address`].
    pub gateway: IngressGateway,
    /// Serves `orders.example.com`, by a VirtualService that was there first.
    pub production: Upstream,
    /// The service `orders` of the sandbox's namespace.
    pub sandbox: Upstream,
    listener: SocketAddr,
    pub(super) tls: Option<TlsBridge>,
    label: String,
    identity: (String, Settings),
    unprotected: AtomicU64,
}

impl Stage {
    /// Sets a stage without a gate in `mesh`. Production serves `router` beside what it always does.
    ///
    /// # Panics
    /// If something is refused or not ready in time.
    pub async fn set(mesh: &Mesh, router: Router) -> Self {
        Self::set_with(mesh, router, Router::new()).await
    }

    /// As [`Stage::set`], where the sandbox serves a router, too.
    ///
    /// # Panics
    /// As [`Stage::set`].
    pub async fn set_with(mesh: &Mesh, production: Router, sandbox: Router) -> Self {
        Self::set_special(mesh, [production, sandbox], Settings::default()).await
    }

    /// As [`Stage::set_with`], where something is special about the gateway.
    ///
    /// # Panics
    /// As [`Stage::set`].
    pub async fn set_special(mesh: &Mesh, routers: [Router; 2], special: Settings) -> Self {
        let stage = Self::bare(mesh, routers, special).await;
        stage.serve_by(stage.istio_gateway(json!(["*"]))).await;
        stage
    }

    /// Applies a Gateway, and routes of production's to it.
    pub(super) async fn serve_by(&self, gateway: Value) {
        self.scene.apply(gateway).await;
        let route = json!([{"route": [self.to_production()]}]);
        let routes = self.production_routes("orders", json!(["orders.example.com"]), route);
        self.scene.apply(routes).await;
        self.serves().await;
    }

    /// One whose gateway serves nothing yet; its name is its namespace's. Production and the sandbox
    /// serve these routers, too.
    pub(super) async fn bare(
        mesh: &Mesh,
        [production, sandbox]: [Router; 2],
        special: Settings,
    ) -> Self {
        let scene = Scene::set_without_crds(&mesh.plane).await;
        let label = scene.gateway.clone();
        let token = token(&scene).await;
        let production = Upstream::with_router("production", production).expect("an upstream");
        let stage = Self {
            gateway: IngressGateway::start(&mesh.istiod, &label, &token, special),
            identity: (token, special),
            sandbox: Upstream::with_router("sandbox", sandbox).expect("an upstream"),
            production,
            listener: free_address(),
            tls: None,
            label,
            unprotected: AtomicU64::new(0),
            scene,
        };
        stage.scene.apply(stage.production_entry()).await;
        stage.scene.apply(stage.sandbox_entry()).await;
        stage
    }

    /// Kills the gateway, and starts another one in its place.
    ///
    /// # Panics
    /// If it is not there.
    pub fn start_gateway_anew(&mut self, istiod: &Istiod) {
        let (token, special) = &self.identity;
        self.gateway = IngressGateway::start(istiod, &self.label, token, *special);
    }

    /// The same, where the other one's clock is so many seconds ahead, and it is ready. While nobody
    /// listens somebody else may take the port for a connection, and istiod does not tell a gateway
    /// again what it has refused: then yet another one is started.
    ///
    /// # Panics
    /// If none becomes ready.
    pub async fn start_gateway_with_clock(&mut self, istiod: &Istiod, ahead: i64) {
        self.identity.1.clock_ahead = ahead;
        for _ in 0..2 {
            self.start_gateway_anew(istiod);
            if self.gateway.is_ready_within(LIMIT / 3).await {
                return;
            }
        }
        self.start_gateway_anew(istiod);
        self.gateway.ready().await;
    }

    /// Waits until the gateway is ready and sends users to production.
    pub(super) async fn serves(&self) {
        self.gateway.ready().await;
        self.until(&Request::get("orders.example.com", "/"), "200 production")
            .await;
    }

    /// Where clients go: the gateway's listener, or a way there that speaks TLS for them.
    pub fn address(&self) -> SocketAddr {
        let tls = self.tls.as_ref();
        tls.map_or(self.listener, |tls| tls.address)
    }

    /// The gateway's listener.
    pub fn listener(&self) -> SocketAddr {
        self.listener
    }

    /// Whether it is the Gateway API's Gateway that it serves.
    pub fn is_by_gateway_api(&self) -> bool {
        self.identity.1.gateway.is_some()
    }

    /// The Gateway, with these hosts at its one server.
    pub fn istio_gateway(&self, hosts: Value) -> Value {
        let mut gateway = self.scene.istio_gateway(hosts);
        gateway["spec"]["selector"]["istio"] = json!(self.label);
        let server = &mut gateway["spec"]["servers"][0];
        server["port"]["number"] = json!(self.listener.port());
        server["bind"] = json!("127.0.0.1");
        gateway
    }

    /// The gate, with the module from a file.
    pub fn gate(&self) -> Value {
        let mut gate = self.scene.gate();
        gate["spec"]["selector"]["matchLabels"]["istio"] = json!(self.label);
        let url = format!("file://{}", module_path().display());
        gate["spec"]["module"]["url"] = json!(url);
        gate["spec"]["probe"] =
            json!({"address": self.listener.to_string(), "host": "orders.example.com"});
        if self.is_by_tls() {
            gate["spec"]["probe"]["tls"] = json!(true);
        }
        gate
    }

    /// Production's service, by the name that only this stage uses.
    pub fn production_host(&self) -> String {
        format!("orders.{}.svc.cluster.local", self.scene.production)
    }

    /// The sandbox's.
    pub fn sandbox_host(&self) -> String {
        format!("orders.{}.svc.cluster.local", self.scene.sandbox)
    }

    /// Production's ServiceEntry.
    pub fn production_entry(&self) -> Value {
        let host = self.production_host();
        entry(&self.scene.production, &host, &[self.production.address()])
    }

    /// The sandbox's.
    pub fn sandbox_entry(&self) -> Value {
        self.sandbox_entry_to(&[self.sandbox.address()])
    }

    /// The sandbox's, with other endpoints.
    pub fn sandbox_entry_to(&self, endpoints: &[SocketAddr]) -> Value {
        entry(&self.scene.sandbox, &self.sandbox_host(), endpoints)
    }

    /// A destination of a route: production.
    pub fn to_production(&self) -> Value {
        json!({"destination": {"host": self.production_host(), "port": {"number": 80}}})
    }

    /// A VirtualService of production's.
    pub fn production_routes(&self, name: &str, hosts: Value, http: Value) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": name, "namespace": self.scene.production},
            "spec": {
                "hosts": hosts,
                "gateways": [format!("{}/public", self.scene.gateway)],
                "http": http,
            },
        })
    }

    /// Applies `gate`, and waits until the controller says that it is ready.
    ///
    /// # Panics
    /// If it does not become so, or a probe of the controller's has reached production meanwhile.
    pub async fn install(&self, gate: Value) {
        let before = self.production.drill_requests();
        self.scene.apply(gate).await;
        self.gate_ready().await;
        let after = self.production.drill_requests();
        assert_eq!(after, before, "production saw a probe");
    }

    /// Says that the gateway has the gate's policy by now. Until then the header means nothing to
    /// it, and what a test has sent to find that out is answered by production.
    pub fn protected(&self) {
        let seen = self.production.drill_requests();
        self.unprotected.store(seen, Ordering::SeqCst);
    }

    /// Waits until the gate is ready, as it stands now.
    ///
    /// # Panics
    /// If it does not become so.
    pub async fn gate_ready(&self) {
        self.gate_told("Ready", "True", "").await;
    }

    /// Waits until a condition of the gate, as it stands now, has this status and a message with
    /// `text` in it.
    ///
    /// # Panics
    /// If it does not become so.
    pub async fn gate_told(&self, condition: &str, status: &str, text: &str) {
        self.scene
            .gate_until(|gate| {
                let told = gate.status.clone().unwrap_or_default();
                let mut conditions = told.conditions.iter();
                told.observed_generation == gate.metadata.generation
                    && conditions.any(|held| {
                        held.type_ == condition
                            && held.status == status
                            && held.message.contains(text)
                    })
            })
            .await;
    }

    /// Applies the drill `orders`, and waits until it is active. Its UUID.
    ///
    /// # Panics
    /// If it does not become so.
    pub async fn drill(&self) -> String {
        self.drill_as(self.scene.drill("orders")).await
    }

    /// As [`Stage::drill`], for a drill as it is given.
    ///
    /// # Panics
    /// As [`Stage::drill`].
    pub async fn drill_as(&self, drill: Value) -> String {
        let name = drill["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        self.scene.apply(drill).await;
        let active = |drill: &Drill| drill.phase() == Some(Phase::Active);
        let drill = self.scene.drill_until(&name, active).await;
        let status = drill.status.expect("a status");
        status.drill_id.expect("a UUID")
    }

    /// Sends `request` to the gateway.
    ///
    /// # Panics
    /// If no whole answer came.
    pub async fn send(&self, request: &Request) -> Response {
        let answer = request.send(self.address()).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What becomes of `request`: [`outcome()`].
    ///
    /// # Panics
    /// If no whole answer came.
    pub async fn outcome(&self, request: &Request) -> String {
        outcome(&self.send(request).await)
    }

    /// Sends `request` until its outcome is `wanted`, and returns every other one that came before.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn until(&self, request: &Request, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + LIMIT;
        let mut before: Vec<String> = Vec::new();
        loop {
            let outcome = match request.send(self.address()).await {
                Ok(response) => outcome(&response),
                Err(error) => error.to_string(),
            };
            if outcome == wanted {
                return before;
            }
            if before.last() != Some(&outcome) {
                before.push(outcome);
            }
            assert!(
                Instant::now() < deadline,
                "not {wanted} but {before:?}:\n{}",
                self.gateway.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asserts that production saw no request with the header since the gateway is
    /// [protected](Stage::protected), and serves.
    ///
    /// # Panics
    /// If not.
    pub async fn assert_production_untouched(&self) {
        assert_eq!(
            self.production.drill_requests(),
            self.unprotected.load(Ordering::SeqCst),
            "production saw a drill request"
        );
        let plain = Request::get("orders.example.com", "/still-there");
        assert_eq!(self.outcome(&plain).await, "200 production");
    }
}

impl Drop for Stage {
    /// Takes the gate and the drills along. A controller that other tests share would ask the gateway
    /// that is gone for ever, and have less and less time for those that are not.
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let client = &self.scene.client;
        let drills = Api::<Drill>::namespaced(client.clone(), &self.scene.sandbox);
        let gates = Api::<DrillGate>::namespaced(client.clone(), &self.scene.gateway);
        let (params, all) = (DeleteParams::default(), ListParams::default());
        let gone = async {
            // Where the API server was stopped there is nobody to tell.
            let _drills = drills.delete_collection(&params, &all).await;
            let _gates = gates.delete_collection(&params, &all).await;
        };
        let _late = block_in_place(|| runtime.block_on(async { timeout(FAREWELL, gone).await }));
    }
}

/// A service of addresses on loopback, called by one name.
fn entry(namespace: &str, host: &str, endpoints: &[SocketAddr]) -> Value {
    let endpoints = endpoints.iter();
    let endpoints = endpoints
        .map(|at| json!({"address": at.ip().to_string(), "ports": {"http": at.port()}}))
        .collect::<Vec<_>>();
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "orders", "namespace": namespace},
        "spec": {
            "hosts": [host],
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "resolution": "STATIC",
            "endpoints": endpoints,
        },
    })
}

/// An address on which no one listens.
fn free_address() -> SocketAddr {
    let [port] = free_ports();
    ([127, 0, 0, 1], port).into()
}
