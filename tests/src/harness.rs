//! Production, a sandbox and a gateway.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use drillgate::lab::{
    Cluster, Drill, Edge, Filter, Gateway, Launch, Module, Request, Response, Stats, Upstream,
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::grpc::health_router;

/// The name of the sandbox and of its cluster; production's is `production`.
pub const SANDBOX: &str = "sandbox";

/// How long a request may be on its way on a busy machine.
const ARRIVAL: Duration = Duration::from_secs(60);

/// Production, a sandbox and a gateway in front of both.
#[derive(Debug)]
pub struct Harness {
    /// Serves every host without a drill.
    pub production: Upstream,
    /// Serves drills whose cluster is [`SANDBOX`].
    pub sandbox: Upstream,
    /// The gateway.
    pub gateway: Gateway,
}

impl Harness {
    /// Starts all three. The edge has the guard, the sandbox's cluster, no drill, and an
    /// allow-all in the place of the filter; `prepare` changes it before Envoy starts.
    ///
    /// # Panics
    /// If something does not start, or Envoy refuses part of the edge.
    pub async fn start(prepare: impl FnOnce(&mut Edge)) -> Self {
        Self::start_with(&envoy(), Router::new(), prepare).await
    }

    /// As [`Harness::start`], with an Envoy started by `launch` and upstreams that serve `router`
    /// beside what they always do.
    ///
    /// # Panics
    /// As [`Harness::start`].
    pub async fn start_with(
        launch: &Launch,
        router: Router,
        prepare: impl FnOnce(&mut Edge),
    ) -> Self {
        let (production, sandbox, edge) = upstreams(router, prepare).await;
        let gateway = Gateway::start(launch, edge)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            production,
            sandbox,
            gateway,
        }
    }

    /// As [`Harness::start`], but Envoy may refuse parts of the edge, such as the module.
    ///
    /// # Panics
    /// If something does not start.
    pub async fn start_unchecked(prepare: impl FnOnce(&mut Edge)) -> Self {
        let (production, sandbox, edge) = upstreams(Router::new(), prepare).await;
        let started = Gateway::start_unchecked(&envoy(), edge).await;
        let gateway = started.unwrap_or_else(|error| panic!("{error}"));
        Self {
            production,
            sandbox,
            gateway,
        }
    }

    /// Where the gateway listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Sends `request` to the gateway.
    ///
    /// # Panics
    /// If no whole answer came.
    pub async fn send(&self, request: &Request) -> Response {
        request
            .send(self.address())
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Changes the edge, and waits until Envoy has taken the change.
    ///
    /// # Panics
    /// If Envoy refuses the change.
    pub async fn change(&mut self, change: impl FnOnce(&mut Edge)) {
        self.gateway
            .change(change)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Replaces all drills.
    ///
    /// # Panics
    /// If Envoy refuses the change.
    pub async fn set_drills(&mut self, drills: impl Into<Vec<Drill>>) {
        let drills = drills.into();
        self.change(|edge| edge.drills = drills).await;
    }

    /// Replaces the configuration of the module.
    ///
    /// # Panics
    /// If there is no module, or Envoy refuses the change.
    pub async fn configure(&mut self, configuration: Value) {
        self.change(|edge| match &mut edge.filter {
            Filter::Module(Module {
                configuration: current,
                ..
            }) => *current = configuration,
            _ => panic!("there is no module to configure"),
        })
        .await;
    }

    /// Everything that Envoy counts about its listeners: equal before and after a change that
    /// touched none.
    ///
    /// # Panics
    /// If Envoy does not answer, or has another number of listeners than the one it began with.
    pub async fn listeners(&self) -> Stats {
        let admin = self.gateway.envoy().admin();
        let stats = admin.stats("^listener_manager\\.").await.unwrap();
        assert_eq!(stats["listener_manager.listener_added"], 1);
        stats
    }

    /// Asserts that production never saw a drill request and still serves `authority`.
    ///
    /// # Panics
    /// If not.
    pub async fn assert_production_untouched(&self, authority: &str) {
        assert_eq!(
            self.production.drill_requests(),
            0,
            "production saw a drill request"
        );
        let response = self.send(&Request::get(authority, "/still-there")).await;
        assert_eq!(
            response.status, 200,
            "production no longer serves {authority}"
        );
        let seen = response.seen().expect("an answer of an upstream");
        assert_eq!(
            seen.who, "production",
            "{authority} without context is served elsewhere"
        );
    }
}

/// Envoy as the suites start it: the binary that `DRILLGATE_ENVOY` names, with the defaults.
///
/// # Panics
/// If there is no such binary.
pub fn envoy() -> Launch {
    Launch::find(None).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until so many requests have come to `upstream`.
///
/// # Panics
/// If they do not come.
pub async fn arrived(upstream: &Upstream, requests: u64) {
    let arrival = async {
        while upstream.total() < requests {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(ARRIVAL, arrival).await.expect("a request");
}

async fn upstreams(router: Router, prepare: impl FnOnce(&mut Edge)) -> (Upstream, Upstream, Edge) {
    let production = upstream("production", router.clone()).await;
    let sandbox = upstream(SANDBOX, router).await;
    let mut edge = Edge::new(production.address());
    edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address()])];
    prepare(&mut edge);
    (production, sandbox, edge)
}

async fn upstream(name: &str, router: Router) -> Upstream {
    let router = router.merge(health_router(name).await);
    Upstream::with_router(name, router).expect("start an upstream")
}
