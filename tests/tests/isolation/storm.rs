//! Everything that changes around the requests of a load.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drillgate::lab::{Cluster, Edge, Error, Resource};
use drillgate_tests::gate::{self, ED25519};
use drillgate_tests::load::{CLIENTS, Kind, Load, Visits};
use drillgate_tests::{Harness, SANDBOX, envoy, module};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ledger::{Ledger, ROUTED, Stage, UNKNOWN_DRILL, UNKNOWN_KEY, UNREACHABLE};

/// Requests that a storm lasts for.
const REQUESTS: u64 = 20_000;

/// Rounds that a storm has at least, however fast the requests are.
const ROUNDS: u64 = 2;

/// How long something that is sure to come may take on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A gateway under load, and what changes it.
pub struct Storm {
    pub harness: Harness,
    pub load: Load,
    visits: Visits,
    rounds: u64,
    hand_overs: u64,
    generation: u64,
    stages: BTreeMap<u64, Stage>,
}

impl Storm {
    /// Starts an edge with the drill, on an Envoy with so many workers, and the load.
    pub async fn begin(workers: u32) -> Self {
        let mut launch = envoy();
        launch.concurrency = workers;
        let visits = Visits::default();
        let harness = Harness::start_with(&launch, visits.router(), gate::drilled).await;
        let load = Load::start(harness.address(), REQUESTS);
        Self {
            harness,
            load,
            visits,
            rounds: 0,
            hand_overs: 0,
            generation: 1,
            stages: BTreeMap::new(),
        }
    }

    /// Whether another round is due.
    pub fn goes_on(&self) -> bool {
        self.load.sent() < REQUESTS || self.rounds < ROUNDS
    }

    /// All changes once, Envoy's replacement last.
    pub async fn round(&mut self) {
        self.changes().await;
        self.hand_over().await;
    }

    /// All changes once but Envoy's replacement.
    pub async fn changes(&mut self) {
        self.rounds += 1;
        self.drill_goes_and_comes().await;
        self.key_goes_and_comes().await;
        self.configuration_is_refused().await;
        self.sandbox_goes_and_comes().await;
    }

    /// Ends the load.
    pub async fn end(self) -> Ledger {
        let kept_connections = self.load.kept_connections();
        Ledger {
            sent: self.load.end().await,
            harness: self.harness,
            visits: self.visits,
            stages: self.stages,
            kept_connections,
            hand_overs: self.hand_overs,
        }
    }

    /// The drill loses its routes, then its place in the active list; it gets the routes back
    /// first, so that for a while nothing but the active list stands before the sandbox.
    async fn drill_goes_and_comes(&mut self) {
        self.harness.set_drills([]).await;
        self.moment().await;
        self.configure(|generation| gate::configuration(generation, json!({})))
            .await;
        self.harness.set_drills([gate::drill()]).await;
        self.acknowledged(0).await;
        self.stage(UNKNOWN_DRILL, UNKNOWN_DRILL).await;
        self.configure(gate::good).await;
        self.moment().await;
    }

    /// The gate loses one of its two keys, and gets it back.
    async fn key_goes_and_comes(&mut self) {
        self.configure(|generation| {
            let mut configuration = gate::good(generation);
            configuration["keys"]
                .as_object_mut()
                .unwrap()
                .remove(ED25519);
            configuration
        })
        .await;
        self.acknowledged(1).await;
        self.stage(ROUTED, UNKNOWN_KEY).await;
        self.configure(gate::good).await;
        self.moment().await;
    }

    async fn configuration_is_refused(&mut self) {
        let mut bad = gate::configuration(self.generation + 1, json!({}));
        bad["maxAgeSecond"] = json!(5);
        let change = |edge: &mut Edge| edge.filter = module(bad);
        match self.harness.gateway.change(change).await {
            Err(Error::Rejected {
                resource: Resource::Filter,
                ..
            }) => {}
            other => panic!("not refused: {other:?}"),
        }
        self.stage(ROUTED, ROUTED).await;
        self.configure(gate::good).await;
    }

    /// The sandbox is killed; is killed with requests in it; has no endpoints; has no cluster.
    async fn sandbox_goes_and_comes(&mut self) {
        self.kill_sandbox().await;
        self.moment().await;
        self.stage(UNREACHABLE, UNREACHABLE).await;
        self.harness.sandbox.revive().await.unwrap();
        self.moment().await;

        let owed = self.visits.sandbox_owes();
        self.visits.let_sandbox_hang(true);
        until("a request hangs", || self.visits.sandbox_owes() > owed).await;
        self.kill_sandbox().await;
        self.visits.let_sandbox_hang(false);
        self.moment().await;
        self.harness.sandbox.revive().await.unwrap();
        self.moment().await;

        let whole = Cluster::new(SANDBOX, [self.harness.sandbox.address()]);
        let empty = Cluster::new(SANDBOX, []);
        for sandboxes in [vec![empty], vec![whole.clone()], vec![], vec![whole]] {
            self.harness.change(|edge| edge.sandboxes = sandboxes).await;
            self.moment().await;
        }
    }

    /// A process that another test starts has a copy of the sandbox's socket until it is under
    /// way; as long, the sandbox cannot keep its port for itself.
    async fn kill_sandbox(&self) {
        let sandbox = &self.harness.sandbox;
        let deadline = Instant::now() + LIMIT;
        while sandbox.down().await.is_err() {
            while sandbox.revive().await.is_err() {
                assert!(Instant::now() < deadline, "the sandbox's port is lost");
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Another Envoy takes over, and each client has an answer of it: the old one ends every
    /// connection by its next answer.
    pub async fn hand_over(&mut self) {
        self.harness.gateway.hand_over().await.unwrap();
        self.hand_overs += 1;
        let all = CLIENTS * (1 + self.hand_overs);
        let followed = || self.load.kept_connections() >= all;
        until("the clients follow", followed).await;
    }

    async fn configure(&mut self, configuration: impl FnOnce(u64) -> Value) {
        self.generation += 1;
        let configuration = configuration(self.generation);
        self.harness.configure(configuration).await;
    }

    /// Waits until the worker that answers goes by the last configuration, with so many active
    /// drills: Envoy tells that it has taken one before its workers have it.
    async fn acknowledged(&self, active: u64) {
        let deadline = Instant::now() + LIMIT;
        while gate::probe(&self.harness).await != (self.generation, active) {
            assert!(Instant::now() < deadline, "{} is not used", self.generation);
        }
    }

    /// A stage of the load in which valid requests have these outcomes, by the key that signed
    /// them. Sure for an Envoy with one worker.
    async fn stage(&mut self, by_hs256: &'static str, by_ed25519: &'static str) {
        let stage = [(Kind::Valid, by_hs256), (Kind::ValidByOther, by_ed25519)];
        self.stages.insert(self.load.next_stage(), stage.into());
        self.moment().await;
        self.load.next_stage();
    }

    /// Lets requests of each kind pass.
    async fn moment(&self) {
        let begun = self.load.sent();
        let passed = || self.load.sent() >= begun + Kind::EACH_WITHIN;
        until("requests pass", passed).await;
    }
}

/// Waits until `happened`, which says `what` it is.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
