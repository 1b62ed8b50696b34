//! Gateways that start while something is missing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use drillgate::lab::{Behaviour, Request, Upstream};
use drillgate_tests::istio::{Istiod, Mesh, ModuleCache, Stage, drill_request};
use drillgate_tests::load::{Load, Visits};
use drillgate_tests::{module_path, sha256};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::ledger::{Ledger, PRODUCTION, ROUTED, UNREACHABLE, load_through_gaps, some};
use crate::{controller, eventually, serving_both, started};

/// What the policy answers in place of a filter that is missing.
const BY_POLICY: &str = "403";

/// So long what comes later than a fetch may take: the agent gives a server 30 s.
const MEANWHILE: Duration = Duration::from_secs(25);

/// A stage with a drill, a load from before its gateway is started anew until all is well again, and
/// what the upstreams saw of that.
struct Restart {
    stage: Stage,
    id: String,
    visits: Visits,
    load: Load,
    begun: Instant,
}

impl Restart {
    /// Installs `gate`, begins a drill, and sends some requests.
    async fn prepare(stage: Stage, visits: Visits, gate: Value) -> Self {
        stage.install(gate).await;
        let id = stage.drill().await;
        stage.until(&drill_request(&id), ROUTED).await;
        let own = stage.drills_host().await;
        let load = load_through_gaps(&stage, &id, &own);
        some(&load).await;
        Self {
            stage,
            id,
            visits,
            load,
            begun: Instant::now(),
        }
    }

    /// Kills the gateway, and starts another one in its place.
    fn begin(&mut self, istiod: &Istiod) {
        self.begun = Instant::now();
        self.stage.start_gateway_anew(istiod);
    }

    /// Waits until production is served, and says how long it waited; the load's stage from then on.
    async fn served(&self, what: &str) -> u64 {
        let plain = Request::get("orders.example.com", "/");
        self.stage.until(&plain, PRODUCTION).await;
        let waited = self.begun.elapsed().as_secs_f64();
        println!("{what}: production waited {waited:.1} s");
        self.load.next_stage()
    }

    /// Waits until the drill is as ever, and looks at all that was sent: valid requests got what is
    /// in `valid`, and from the stage `served` on none went unanswered.
    async fn assert_ledger(self, what: &str, served: u64, valid: &[&str], unfiltered: bool) {
        let drill = drill_request(&self.id);
        self.stage.until(&drill, ROUTED).await;
        some(&self.load).await;
        let ledger = Ledger {
            name: what,
            sent: self.load.end().await,
        };
        ledger.print();
        ledger.assert_exact(&self.visits, valid, unfiltered);
        ledger.assert_answered_in(served);
        assert_eq!(ledger.has(BY_POLICY), unfiltered, "{what}");
        self.stage.assert_production_untouched().await;
    }
}

/// A server of a module that can come to serve something else.
struct Server {
    upstream: Upstream,
    url: String,
    module: Arc<Mutex<Vec<u8>>>,
    _cache: ModuleCache,
}

impl Server {
    fn start() -> Self {
        let module = Arc::new(Mutex::new(std::fs::read(module_path()).unwrap()));
        let served = Arc::clone(&module);
        let answer = get(async move || served.lock().unwrap().clone());
        let router = Router::new().route("/filter.wasm", answer);
        let upstream = Upstream::with_router("modules", router).unwrap();
        let url = format!("http://{}/filter.wasm", upstream.address());
        Self {
            _cache: ModuleCache::of(&url),
            upstream,
            url,
            module,
        }
    }

    /// The stage's gate, with this module.
    fn gate(&self, stage: &Stage) -> Value {
        let mut gate = stage.gate();
        let sha256 = sha256(&self.module.lock().unwrap());
        gate["spec"]["module"] = json!({"url": self.url, "sha256": sha256});
        gate
    }

    /// Serves the module again.
    async fn mend(&self, module: Vec<u8>) {
        self.upstream.behave(Behaviour::Answer);
        // No fetch of before goes on.
        self.upstream.down().await.unwrap();
        self.upstream.revive().await.unwrap();
        *self.module.lock().unwrap() = module;
    }
}

async fn starts_without_its_module(what: &str, fails: impl AsyncFn(&Server)) {
    let server = Server::start();
    let visits = Visits::default();
    let stage = serving_both(visits.router(), visits.router()).await;
    let module = server.module.lock().unwrap().clone();
    let gate = server.gate(&stage);
    let mut restart = Restart::prepare(stage, visits, gate).await;

    fails(&server).await;
    restart.begin(&Mesh::shared().await.istiod);
    let served = restart.served(what).await;
    let (stage, drill) = (&restart.stage, drill_request(&restart.id));
    stage.until(&drill, BY_POLICY).await;
    some(&restart.load).await;
    server.mend(module).await;
    // The gateway does not look for the module again by itself: the controller makes it.
    stage.gate_ready().await;
    let valid = [BY_POLICY, ROUTED, UNREACHABLE];
    restart.assert_ledger(what, served, &valid, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_while_the_modules_server_refuses_serves_production_and_refuses_drills()
 {
    starts_without_its_module("the module's server refuses", async |server| {
        server.upstream.down().await.unwrap();
    })
    .await;
}

/// The agent gives the server 30 s, and production waits for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_while_the_modules_server_hangs_serves_production_when_the_agent_gives_up()
 {
    starts_without_its_module("the module's server hangs", async |server| {
        server.upstream.behave(Behaviour::Hang);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_while_the_modules_server_serves_other_bytes_refuses_drills() {
    starts_without_its_module("the module's server serves other bytes", async |server| {
        server.module.lock().unwrap().push(0);
    })
    .await;
}

/// The agent works on several answers of istiod's at once, and hands them on as they are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_takes_long_undoes_what_came_later_until_the_controller_has_it_sent_again() {
    for _ in 0..3 {
        let (server, stage) = (Server::start(), started().await);
        if is_undone(&server, &stage).await {
            return;
        }
    }
    panic!("the agent gives each fetch up before anything has come later");
}

/// Looks at one fetch that takes long; nothing to look at, if it has ended before what is to come
/// later has come.
async fn is_undone(server: &Server, stage: &Stage) -> bool {
    let mut gate = server.gate(stage);
    server.upstream.behave(Behaviour::Hang);
    stage.scene.apply(gate.clone()).await;
    eventually("it is asked for the module", async || {
        server.upstream.total() > 0
    })
    .await;
    server.upstream.behave(Behaviour::Answer);
    gate["spec"]["maxAgeSeconds"] = json!(600);
    let later = async {
        stage.install(gate.clone()).await;
        stage.drill().await
    };
    let Ok(id) = timeout(MEANWHILE, later).await else {
        return false;
    };
    // The earlier fetch ends: in vain, and there is no filter; or with the module after all, and there
    // is one that knows no drill yet.
    eventually("the earlier state is back", async || {
        let outcome = stage.outcome(&drill_request(&id)).await;
        assert!(
            [ROUTED, "403", "403 unknown-drill"].contains(&outcome.as_str()),
            "{outcome}"
        );
        outcome != ROUTED
    })
    .await;
    stage.assert_production_untouched().await;
    stage.until(&drill_request(&id), ROUTED).await;
    stage.gate_ready().await;
    stage.assert_production_untouched().await;
    true
}

/// The load goes on for some time while there is no istiod: nobody serves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_without_istiod_serves_nobody_until_it_is_back_and_then_as_ever() {
    let what = "istiod is away for 5 s";
    let mut mesh = Mesh::start().await;
    let _controller = controller(&mesh).await;
    let visits = Visits::default();
    let stage = Stage::set_with(&mesh, visits.router(), visits.router()).await;
    let gate = stage.gate();
    let mut restart = Restart::prepare(stage, visits, gate).await;
    mesh.istiod.kill();
    restart.begin(&mesh.istiod);
    sleep(Duration::from_secs(5)).await;
    let plain = Request::get("orders.example.com", "/");
    assert!(plain.send(restart.stage.address()).await.is_err());
    mesh.istiod.start_again().await;
    let served = restart.served(what).await;
    let valid = [ROUTED, UNREACHABLE];
    restart.assert_ledger(what, served, &valid, false).await;
}
