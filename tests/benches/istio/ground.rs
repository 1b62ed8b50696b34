//! A mesh with a gate and a controller, and what is done to them.

use std::time::{Duration, Instant};

use axum::Router;
use drill_context::HEADER_NAME;
use drillgate::api::{Drill, Phase};
use drillgate::lab::Request;
use drillgate_tests::control_plane::Controller;
use drillgate_tests::istio::{KEY, Mesh, Stage, claims, signed};
use futures::{StreamExt, stream};
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// How long anything may take, so that a run that hangs says where.
const LIMIT: Duration = Duration::from_secs(900);

/// The pause between two requests that ask whether it is so.
const PAUSE: Duration = Duration::from_millis(2);

/// How many requests of the user are on their way at the same time.
const AT_ONCE: usize = 8;

/// How long after the last change memory is looked at: no listener of before drains any more.
const SETTLED: Duration = Duration::from_secs(15);

/// How many updates there are between two looks at the memory.
const LOOK_EACH: usize = 100;

const ROUTED: &str = "200 routed sandbox";

/// Memory in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Of Envoy, in RAM.
    pub envoy_resident: u64,
    /// Of Envoy, in use as its allocator counts.
    pub envoy_allocated: u64,
    /// Of istiod, in RAM.
    pub istiod_resident: u64,
}

/// What updates of the filter's configuration did.
pub struct Updated {
    /// How long each took, until the gateway ran with it as the controller says.
    pub each: Vec<Duration>,
    /// Envoy's memory before the first and after each hundred, settled.
    pub memory: Vec<(usize, Memory)>,
}

pub struct Ground {
    _controller: Controller,
    pub stage: Stage,
    pub mesh: Mesh,
}

impl Ground {
    /// With a gate that is ready.
    pub async fn prepare() -> Ground {
        let mesh = Mesh::start().await;
        // As it is shipped: what is logged for tests would be measured too.
        let arguments = ["--log=info,kube_client=off", "--lease-seconds=60"];
        let mut controller = Controller::start_with(&mesh.plane.kubeconfig(), &arguments);
        controller.leads().await;
        let stage = Stage::set(&mesh, Router::new()).await;
        stage.install(stage.gate()).await;
        Ground {
            _controller: controller,
            stage,
            mesh,
        }
    }

    /// Applies a drill until the sandbox answers, then deletes it until it does not.
    pub async fn drill(&self, name: &str) -> (Duration, Duration) {
        let scene = &self.stage.scene;
        let drill = scene.drill(name);
        let started = Instant::now();
        let applied = scene.apply(drill.clone()).await;
        let id = applied.metadata.uid.expect("a UID");
        let token = signed(&claims(&id), KEY);
        let request = Request::get(format!("{name}.example.com"), "/").header(HEADER_NAME, token);
        self.until(&request, |outcome| outcome == ROUTED).await;
        let up = started.elapsed();
        let active = |drill: &Drill| drill.phase() == Some(Phase::Active);
        scene.drill_until(name, active).await;
        let started = Instant::now();
        scene.delete(&drill).await;
        self.until(&request, |outcome| outcome != ROUTED).await;
        let down = started.elapsed();
        scene.gone(&drill).await;
        self.until(&request, |outcome| outcome == "403 unknown-drill")
            .await;
        (up, down)
    }

    /// The same with a bare VirtualService for a host of its own.
    pub async fn bare(&self, name: &str) -> (Duration, Duration) {
        let (stage, scene) = (&self.stage, &self.stage.scene);
        let host = format!("{name}.example.com");
        let sandbox = json!({"host": stage.sandbox_host(), "port": {"number": 80}});
        let route = json!([{"route": [{"destination": sandbox}]}]);
        let service = stage.production_routes(name, json!([host]), route);
        let request = Request::get(host, "/");
        let started = Instant::now();
        scene.apply(service.clone()).await;
        self.until(&request, |outcome| outcome == "200 sandbox")
            .await;
        let up = started.elapsed();
        let started = Instant::now();
        scene.delete(&service).await;
        self.until(&request, |outcome| outcome != "200 sandbox")
            .await;
        (up, started.elapsed())
    }

    /// Creates drills until all are active.
    pub async fn come_up(&self, count: usize) -> Duration {
        let (started, scene) = (Instant::now(), &self.stage.scene);
        let creates = (0..count).map(|number| scene.apply(many(&self.stage, number)));
        let creates = stream::iter(creates).buffer_unordered(AT_ONCE);
        creates.for_each(|_| std::future::ready(())).await;
        self.all(count, Some(Phase::Active)).await;
        started.elapsed()
    }

    /// Deletes them until none is left.
    pub async fn go_away(&self, count: usize) -> Duration {
        let (started, scene) = (Instant::now(), &self.stage.scene);
        let drills = (0..count).map(|number| many(&self.stage, number));
        let deletes = stream::iter(drills).map(|drill| async move { scene.delete(&drill).await });
        let deletes = deletes.buffer_unordered(AT_ONCE);
        deletes.for_each(|()| std::future::ready(())).await;
        self.all(0, None).await;
        started.elapsed()
    }

    /// Edits a limit of the gate so many times, each time until the gateway runs with it.
    pub async fn update(&self, count: usize) -> Updated {
        let mut gate = self.stage.gate();
        let mut updated = Updated {
            each: Vec::new(),
            memory: vec![(0, self.memory().await)],
        };
        for number in 1..=count {
            gate["spec"]["maxAgeSeconds"] = json!(600 + number);
            let started = Instant::now();
            self.stage.scene.apply(gate.clone()).await;
            self.stage.gate_ready().await;
            updated.each.push(started.elapsed());
            if number % LOOK_EACH == 0 || number == count {
                updated.memory.push((number, self.memory().await));
            }
        }
        updated
    }

    /// Memory, once nothing changes any more.
    pub async fn memory(&self) -> Memory {
        sleep(SETTLED).await;
        let gateway = &self.stage.gateway;
        let allocated = gateway.admin().stat("server.memory_allocated").await;
        Memory {
            envoy_resident: gateway.envoy_resident_bytes(),
            envoy_allocated: allocated.expect("Envoy answers"),
            istiod_resident: self.mesh.istiod.resident_bytes(),
        }
    }

    /// Sends `request` until its outcome is as wanted.
    async fn until(&self, request: &Request, wanted: impl Fn(&str) -> bool) {
        let asked = async {
            while !wanted(&self.stage.outcome(request).await) {
                sleep(PAUSE).await;
            }
        };
        let came = timeout(LIMIT, asked).await;
        assert!(came.is_ok(), "it does not come so far: {request:?}");
    }

    /// Waits until so many drills are there, and all in this phase.
    async fn all(&self, count: usize, phase: Option<Phase>) {
        let scene = &self.stage.scene;
        let api = Api::<Drill>::namespaced(scene.client.clone(), &scene.sandbox);
        let asked = async {
            loop {
                let drills = api.list(&ListParams::default()).await.expect("a list");
                let mut phases = drills.iter().map(Drill::phase);
                if drills.items.len() == count && phases.all(|is| is == phase) {
                    return;
                }
                sleep(Duration::from_millis(250)).await;
            }
        };
        let came = timeout(LIMIT, asked).await;
        assert!(came.is_ok(), "not all of {count} drills are {phase:?}");
    }
}

/// One of many drills.
fn many(stage: &Stage, number: usize) -> Value {
    stage.scene.drill(&format!("many-{number:05}"))
}
