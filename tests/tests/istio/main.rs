//! The whole of drillgate on a real Istio: etcd, kube-apiserver, istiod, pilot-agent with Envoy, the
//! controller as a process, and clients.

mod accounts;
mod clock;
mod comparison;
mod delivery;
mod desk;
mod failures;
mod gateway_api;
mod grpc_routes;
mod guard;
mod https;
mod images;
mod ledger;
mod matrix;
mod production;
mod protocols;
mod restored;
mod rights;
mod rotation;
mod settings;
mod siem;
mod start;
mod workflow;

use std::time::Duration;

use axum::Router;
use drillgate::lab::Request;
use drillgate_tests::control_plane::Controller;
use drillgate_tests::istio::{Certificates, Mesh, Stage, drill_request};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// How long something may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A stage in the mesh that the tests share, with the controller that they share.
async fn started() -> Stage {
    serving(Router::new()).await
}

/// The same, where production serves `router` beside what it always does.
async fn serving(router: Router) -> Stage {
    serving_both(router, Router::new()).await
}

/// The same, where the sandbox serves a router, too.
async fn serving_both(production: Router, sandbox: Router) -> Stage {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    Stage::set_with(mesh, production, sandbox).await
}

/// Starts the controller of the mesh that the tests share, unless it runs.
async fn with_controller(mesh: &'static Mesh) {
    static CONTROLLER: OnceCell<Controller> = OnceCell::const_new();
    CONTROLLER
        .get_or_init(async || controller(mesh).await)
        .await;
}

/// The same, with a gate that is ready.
async fn gated() -> Stage {
    let stage = started().await;
    stage.install(stage.gate()).await;
    stage
}

/// A controller that leads.
async fn controller(mesh: &Mesh) -> Controller {
    // Some tests have gateways with certificates, and a probe that looks at them.
    let roots = Certificates::shared().roots();
    // With two meshes, Envoys and a load beside it, a quick election is lost without any fault.
    let election = ["--lease-seconds=20"];
    let mut controller = Controller::start_trusting(&mesh.plane.kubeconfig(), &roots, &election);
    controller.leads().await;
    controller
}

/// What requests got while their drill was taken away.
struct Ending(Vec<String>);

impl Ending {
    /// Deletes the stage's drill, and sends requests with a context for it until it is gone.
    async fn of(stage: &Stage, id: &str) -> Self {
        Self::of_request(stage, drill_request(id)).await
    }

    /// The same with other requests.
    async fn of_request(stage: &Stage, request: Request) -> Self {
        Self::of_sent(stage, async || stage.outcome(&request).await).await
    }

    /// The same, where `send` sends a request and tells its outcome.
    async fn of_sent(stage: &Stage, send: impl AsyncFn() -> String) -> Self {
        let drill = stage.scene.drill("orders");
        stage.scene.delete(&drill).await;
        let mut outcomes = Vec::new();
        let gone = timeout(LIMIT, async {
            while stage.scene.get(&drill).await.is_some() {
                outcomes.push(send().await);
            }
        });
        assert!(gone.await.is_ok(), "the drill stays");
        outcomes.push(send().await);
        Self(outcomes)
    }

    fn assert_only(&self, allowed: &[&str]) {
        for outcome in &self.0 {
            assert!(allowed.contains(&outcome.as_str()), "{outcome}");
        }
    }
}

/// Waits until `holds` does.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = timeout(LIMIT, async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "it does not come true that {what}");
}
