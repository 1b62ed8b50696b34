//! Gateways that start while something is missing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use drillgate::lab::{Behaviour, Request, Upstream};
use drillgate_tests::istio::{Mesh, ModuleCache, Stage, drill_request};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{module_path, sha256};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::ledger::{PRODUCTION, ROUTED, UNREACHABLE};
use crate::{controller, eventually, started};

/// What came of a request that nobody answered.
const NOTHING: &str = "nothing";

/// Requests without the header and with it, from the start of a gateway on, until told to end.
struct Clients {
    task: JoinHandle<Seen>,
    ended: Arc<Mutex<bool>>,
}

/// What they got, each outcome once for as long as it lasted.
#[derive(Debug, Default)]
struct Seen {
    plain: Vec<(Duration, String)>,
    drill: Vec<(Duration, String)>,
}

impl Clients {
    fn of(stage: &Stage, id: &str) -> Self {
        let (plain, drill) = (Request::get("orders.example.com", "/"), id.to_owned());
        let (address, begun) = (stage.address(), Instant::now());
        let ended = Arc::new(Mutex::new(false));
        let told = Arc::clone(&ended);
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !*told.lock().unwrap() {
                for (request, outcomes) in [
                    (&plain, &mut seen.plain),
                    (&drill_request(&drill), &mut seen.drill),
                ] {
                    let answer = request.send(address).await;
                    let got = answer.map_or_else(|_| NOTHING.to_owned(), |answer| outcome(&answer));
                    if outcomes.last().is_none_or(|(_, last)| *last != got) {
                        outcomes.push((begun.elapsed(), got));
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
            seen
        });
        Self { task, ended }
    }

    async fn end(self) -> Seen {
        *self.ended.lock().unwrap() = true;
        self.task.await.unwrap()
    }
}

impl Seen {
    /// Production or nothing for requests without the header, and one of `drill` or nothing for those
    /// with it; and says how long production waited.
    fn assert_only(&self, what: &str, drill: &[&str]) {
        let served = self.plain.iter().find(|(_, got)| got == PRODUCTION);
        let waited = served.expect("production is served").0;
        println!("{what}: production waited {:.1} s", waited.as_secs_f64());
        for (_, got) in &self.plain {
            assert!(
                [PRODUCTION, NOTHING].contains(&got.as_str()),
                "{what}: {self:?}"
            );
        }
        for (_, got) in &self.drill {
            let fits = got == NOTHING || drill.contains(&got.as_str());
            assert!(fits, "{what}: {self:?}");
        }
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
}

async fn starts_without_its_module(what: &str, fails: impl AsyncFn(&Server)) {
    let server = Server::start();
    let mut stage = started().await;
    let module = server.module.lock().unwrap().clone();
    stage.install(server.gate(&stage)).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;

    fails(&server).await;
    stage.start_gateway_anew(&Mesh::shared().await.istiod);
    let clients = Clients::of(&stage, &id);
    stage.until(&drill_request(&id), "403").await;
    stage
        .until(&Request::get("orders.example.com", "/"), PRODUCTION)
        .await;
    // The gateway does not look for it again by itself; what changes the filter's object makes it.
    server.upstream.behave(Behaviour::Answer);
    // No fetch of before goes on.
    server.upstream.down().await.unwrap();
    server.upstream.revive().await.unwrap();
    *server.module.lock().unwrap() = module;
    stage.scene.delete(&stage.scene.drill("orders")).await;
    stage.scene.gone(&stage.scene.drill("orders")).await;
    let seen = clients.end().await;
    seen.assert_only(what, &["403", "403 unknown-drill"]);
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;
    stage.assert_production_untouched().await;
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

/// The agent works on several answers of istiod's at once, and hands them on as they are done. What
/// changes the filter's object next mends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_takes_long_undoes_what_came_later_and_drills_are_refused_until_the_next_change()
 {
    let server = Server::start();
    let stage = started().await;
    let mut gate = server.gate(&stage);
    server.upstream.behave(Behaviour::Hang);
    stage.scene.apply(gate.clone()).await;
    eventually("it is asked for the module", async || {
        server.upstream.total() > 0
    })
    .await;
    server.upstream.behave(Behaviour::Answer);
    gate["spec"]["maxAgeSeconds"] = json!(600);
    stage.install(gate.clone()).await;
    let id = stage.drill().await;
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
    gate["spec"]["maxAgeSeconds"] = json!(601);
    stage.install(gate).await;
    stage.until(&drill_request(&id), ROUTED).await;
    stage.assert_production_untouched().await;
}

/// The clients go on for some time while there is no istiod: nobody serves them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_without_istiod_serves_nobody_until_it_is_back_and_then_as_ever() {
    let mut mesh = Mesh::start().await;
    let _controller = controller(&mesh).await;
    let mut stage = Stage::set(&mesh, Router::new()).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;
    mesh.istiod.kill();
    stage.start_gateway_anew(&mesh.istiod);
    let clients = Clients::of(&stage, &id);
    sleep(Duration::from_secs(5)).await;
    let plain = Request::get("orders.example.com", "/");
    assert!(plain.send(stage.address()).await.is_err());
    mesh.istiod.start_again().await;
    stage.until(&plain, PRODUCTION).await;
    stage.until(&drill_request(&id), ROUTED).await;
    let seen = clients.end().await;
    seen.assert_only("istiod is away for 5 s", &[ROUTED, UNREACHABLE]);
    stage.assert_production_untouched().await;
}
