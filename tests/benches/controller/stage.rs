//! An API server, a gate and a controller, and what is done to them.

use std::time::{Duration, Instant};

use drillgate_tests::control_plane::{ControlPlane, Controller, Scene};
use futures::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use crate::calls::is_write_of_controller;
use crate::drills::Drills;
use crate::report::{Single, Times};

/// How long anything may take, so that a run that hangs says where.
pub const LIMIT: Duration = Duration::from_secs(600);

/// How many requests of the user are on their way at the same time.
const AT_ONCE: usize = 8;

/// For how long the controller must write nothing to be taken for calm.
const CALM: Duration = Duration::from_secs(3);

pub struct Stage {
    // In the order in which they end: without an API server, the watch fails.
    drills: Drills,
    pub controller: Controller,
    pub plane: ControlPlane,
    scene: Scene,
    gate_objects: Vec<String>,
}

impl Stage {
    /// With a gate that is ready.
    pub async fn set() -> Stage {
        let plane = ControlPlane::start().await;
        let scene = Scene::set(&plane).await;
        // As it is shipped: what is logged for tests would be measured too.
        // The election must outlast a machine that is busy with a thousand drills.
        let arguments = ["--log=info,kube_client=off", "--lease-seconds=60"];
        let mut controller = Controller::start_with(&plane.kubeconfig(), &arguments);
        controller.leads().await;
        scene.apply(scene.gate()).await;
        scene
            .gate_until(|gate| {
                let status = gate.status.as_ref();
                let mut conditions = status.iter().flat_map(|status| &status.conditions);
                conditions.any(|held| held.type_ == "Ready" && held.status == "True")
            })
            .await;
        Stage {
            drills: Drills::watch(scene.client.clone(), &scene.sandbox),
            gate_objects: scene.ours().await,
            plane,
            controller,
            scene,
        }
    }

    /// Brings one drill up and takes it away.
    pub async fn single(&mut self, name: &str) -> Single {
        let drill = self.scene.drill(name);
        let started = Instant::now();
        self.scene.apply(drill.clone()).await;
        self.drills.active(name).await;
        let up = started.elapsed();
        let started = Instant::now();
        self.scene.delete(&drill).await;
        self.drills.gone(name).await;
        let down = started.elapsed();
        Single { up, down }
    }

    /// Creates drills until all are active.
    pub async fn create(&mut self, count: usize) -> Times {
        let started = Instant::now();
        let scene = &self.scene;
        let creates = (0..count).map(|number| async move {
            let asked = Instant::now();
            scene.apply(scene.drill(&name(number))).await;
            (name(number), asked)
        });
        let creates = stream::iter(creates).buffer_unordered(AT_ONCE);
        let each: Vec<(String, Instant)> = creates.collect().await;
        let asked = started.elapsed();
        self.drills.all_active(count).await;
        let told = started.elapsed();
        self.listed(count).await;
        let stands = started.elapsed();
        let each = each
            .iter()
            .map(|(name, asked)| self.drills.active_since(name) - *asked);
        Times {
            asked,
            told,
            stands,
            each: each.collect(),
        }
    }

    /// Deletes drills until nothing of them is left.
    pub async fn delete(&mut self, count: usize) -> Times {
        let started = Instant::now();
        let scene = &self.scene;
        let deletes = (0..count).map(|number| async move {
            let asked = Instant::now();
            scene.delete(&scene.drill(&name(number))).await;
            (name(number), asked)
        });
        let deletes = stream::iter(deletes).buffer_unordered(AT_ONCE);
        let each: Vec<(String, Instant)> = deletes.collect().await;
        let asked = started.elapsed();
        self.drills.all_gone().await;
        let told = started.elapsed();
        self.listed(0).await;
        let nothing_left = async {
            while self.scene.ours().await != self.gate_objects {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let came = timeout(LIMIT, nothing_left).await;
        assert!(came.is_ok(), "it stays: {:?}", self.scene.ours().await);
        let each = each
            .iter()
            .map(|(name, asked)| self.drills.gone_since(name) - *asked);
        Times {
            asked,
            told,
            stands: started.elapsed(),
            each: each.collect(),
        }
    }

    /// Waits until the gate's active list has so many drills.
    async fn listed(&self, count: usize) {
        let listed = async {
            while self.entries().await != count {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let came = timeout(LIMIT, listed).await;
        let entries = self.entries().await;
        assert!(came.is_ok(), "{entries} of {count} in the active list");
    }

    async fn entries(&self) -> usize {
        let configuration = self.scene.plugin_configuration().await;
        configuration["drills"]
            .as_object()
            .map_or(0, |drills| drills.len())
    }

    /// Waits until the gate's status tells of so many drills.
    pub async fn counted(&self, count: usize) {
        let count = i32::try_from(count).expect("a number of drills");
        self.scene
            .gate_until(|gate| {
                let status = gate.status.as_ref();
                status.and_then(|status| status.active_drills) == Some(count)
            })
            .await;
    }

    /// Waits until the controller writes no more.
    pub async fn calm(&self) {
        let calm = async {
            let mut before = None;
            loop {
                let requests = self.plane.requests().await;
                let writes = requests
                    .iter()
                    .filter(|request| is_write_of_controller(request));
                let now = Some(writes.count());
                if now == before {
                    return;
                }
                before = now;
                sleep(CALM).await;
            }
        };
        let came = timeout(LIMIT, calm).await;
        assert!(came.is_ok(), "the controller does not stop to write");
    }

    /// What the object that holds the gate's filter and its active list weighs as JSON: etcd takes
    /// no more than 1.5 MiB.
    pub async fn filter_bytes(&self) -> usize {
        let plugin = self.scene.plugin().await;
        let plugin = self.scene.get(&plugin).await.expect("a filter");
        serde_json::to_vec(&plugin).expect("JSON").len()
    }
}

fn name(number: usize) -> String {
    format!("drill-{number:05}")
}
