//! What is broken, and how it is made whole again.

use std::time::Duration;

use drillgate::lab::{Behaviour, Request};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::LIMIT;
use super::routes::{Rule, route};
use super::row::{Fault, Kind};
use super::steered::{MANY, Steered};
use crate::istio::Istiod;

/// A host that shows that the gateway has the later route.
const LATER: &str = "later.example.com";

/// By how much a clock is wrong.
const TEN_MINUTES: i64 = 600;

/// For how long the drill lasts whose end nobody brings about: what comes before it fits in.
const SHORT: &str = "55s";

/// How many requests are under way to fill a circuit breaker for one: it lets another one wait.
const OTHERS: usize = 3;

impl Steered {
    /// What has to be done while the control plane is whole.
    pub(super) async fn prepare(&mut self, fault: Fault) {
        if fault == Fault::Istiod && self.way.is_ours() {
            self.end().await;
            self.begin_for(SHORT).await;
            self.until_asked("the short drill is routed", async |steered| {
                steered.ask(Kind::Valid).await.contains("routed")
            })
            .await;
        }
    }

    /// Breaks something.
    pub(super) async fn break_by(&mut self, fault: Fault, istiod: &Istiod) {
        let stage = &self.stage;
        match fault {
            Fault::Nothing | Fault::Istiod | Fault::ApiServer | Fault::TimeUp => {}
            Fault::Refuses => stage.sandbox.down().await.expect("its port"),
            Fault::Hangs => stage.sandbox.behave(Behaviour::Hang),
            Fault::Resets => stage.sandbox.behave(Behaviour::Reset),
            Fault::NoEndpoints => {
                stage.scene.apply(stage.sandbox_entry_to(&[])).await;
            }
            Fault::NoService => self.delete_service().await,
            Fault::Ejected => self.eject().await,
            Fault::Overloaded => self.overload().await,
            Fault::LaterRoute => self.claim_host().await,
            Fault::RouteDeleted => self.delete_route().await,
            Fault::BreakerDeleted => self.delete_breaker().await,
            Fault::CheckDeleted => self.delete_check().await,
            Fault::CheckEdited => self.edit_check().await,
            Fault::ClockAhead => self.set_clock(istiod, TEN_MINUTES).await,
            Fault::ClockBehind => self.set_clock(istiod, -TEN_MINUTES).await,
            Fault::Over => self.end().await,
        }
    }

    /// Makes it whole again.
    pub(super) async fn mend(&mut self, fault: Fault, istiod: &Istiod) {
        let stage = &self.stage;
        match fault {
            Fault::Refuses => stage.sandbox.revive().await.expect("its port"),
            Fault::Hangs | Fault::Resets | Fault::Ejected => {
                stage.sandbox.behave(Behaviour::Answer);
            }
            Fault::NoEndpoints | Fault::NoService => {
                stage.scene.apply(stage.sandbox_entry()).await;
            }
            Fault::Overloaded => self.unload().await,
            Fault::LaterRoute => stage.scene.delete(&self.later_route().await).await,
            Fault::CheckEdited if self.way.is_ours() => {
                // A field that someone else has set is theirs: people are told to delete the object.
                let plugin = stage.scene.plugin().await;
                self.delete_for_the_controller(plugin).await;
            }
            Fault::CheckDeleted | Fault::CheckEdited if self.way.is_by_claims() => {
                let authentication = self.authentication(drill_context::HEADER_NAME);
                stage.scene.apply(authentication).await;
            }
            Fault::RouteDeleted if !self.way.is_ours() => self.begin().await,
            Fault::BreakerDeleted if !self.way.is_ours() => self.limit(MANY).await,
            Fault::ClockBehind => self.set_clock(istiod, 0).await,
            // What the controller has made again; the rest is not needed any more, or set anew.
            _ => {}
        }
    }

    async fn delete_service(&self) {
        let stage = &self.stage;
        stage.scene.delete(&stage.sandbox_entry()).await;
        self.until_asked("the gateway knows no such service", async |steered| {
            let (stage, host) = (&steered.stage, steered.stage.sandbox_host());
            stage.gateway.cluster(&host, 80).await.is_none()
        })
        .await;
    }

    /// Lets the sandbox answer 500 until Envoy has left it out.
    async fn eject(&self) {
        let failing = Behaviour::Status(StatusCode::INTERNAL_SERVER_ERROR);
        self.stage.sandbox.behave(failing);
        self.until_asked("the sandbox is ejected", async |steered| {
            steered.ask(Kind::Valid).await;
            let (host, name) = (steered.stage.sandbox_host(), "ejections_active");
            let name = format!("outlier_detection\\.{name}");
            steered.stage.gateway.counted(&host, &name).await > 0
        })
        .await;
    }

    /// Has requests under way that the sandbox does not answer, as many as there may be.
    async fn overload(&mut self) {
        self.limit(1).await;
        self.stage.sandbox.behave(Behaviour::Hang);
        let (request, address) = (self.request(Kind::Valid).await, self.stage.address());
        for _ in 0..OTHERS {
            let request = request.clone();
            self.others.push(tokio::spawn(async move {
                loop {
                    let _whatever = request.send(address).await;
                    sleep(Duration::from_millis(10)).await;
                }
            }));
        }
    }

    async fn unload(&mut self) {
        for other in self.others.drain(..) {
            other.abort();
        }
        self.stage.sandbox.behave(Behaviour::Answer);
        self.limit(MANY).await;
    }

    /// Sets the circuit breaker, and waits until the gateway has it.
    async fn limit(&self, requests: u32) {
        let breaker = match self.way.is_ours() {
            true => self.drill(requests),
            false => self.breaker(requests),
        };
        self.stage.scene.apply(breaker).await;
        self.until_asked("the gateway has the limit", async |steered| {
            let (stage, host) = (&steered.stage, steered.stage.sandbox_host());
            let cluster = stage.gateway.cluster(&host, 80).await.unwrap_or_default();
            cluster["circuit_breakers"]["thresholds"][0]["max_requests"] == requests
        })
        .await;
    }

    async fn claim_host(&self) {
        let later = self.later_route().await;
        self.stage.scene.apply(later).await;
        let taken = Request::get(LATER, "/");
        self.stage.until(&taken, "200 production").await;
    }

    /// A route of production's for the drilled host, and for whatever drillgate has in its place.
    async fn later_route(&self) -> Value {
        let mut hosts = vec![LATER.to_owned(), self.way.host().to_owned()];
        if self.way.is_ours() {
            hosts.extend([
                "*.drill.internal".to_owned(),
                self.stage.drills_host().await,
            ]);
        }
        route(&self.stage, "later", json!(hosts), &[Rule::Production])
    }

    async fn delete_route(&self) {
        match self.way.is_ours() {
            true => {
                let route = self.stage.drills_route().await;
                self.delete_for_the_controller(route).await;
            }
            false => self.end().await,
        }
    }

    async fn delete_breaker(&self) {
        match self.way.is_ours() {
            true => {
                let breaker = self.stage.drills_object("DestinationRule").await;
                self.delete_for_the_controller(breaker).await;
            }
            false => self.stage.scene.delete(&self.breaker(MANY)).await,
        }
    }

    async fn delete_check(&self) {
        let scene = &self.stage.scene;
        match self.way.is_ours() {
            true => self.delete_for_the_controller(scene.plugin().await).await,
            false => scene.delete(&self.authentication("any")).await,
        }
    }

    async fn edit_check(&self) {
        let scene = &self.stage.scene;
        if self.way.is_ours() {
            // Behind the policy, where it is of no use.
            let mut plugin = scene.plugin().await;
            plugin["spec"] = json!({"phase": "STATS"});
            scene.apply(plugin).await;
        } else {
            scene.apply(self.authentication("x-other")).await;
        }
    }

    /// A gateway in place of this one, whose clock is so many seconds ahead.
    async fn set_clock(&mut self, istiod: &Istiod, ahead: i64) {
        self.stage.start_gateway_with_clock(istiod, ahead).await;
    }

    /// Deletes an object of drillgate's, and waits until the controller has made it again.
    async fn delete_for_the_controller(&self, object: Value) {
        let uid = async || self.stage.scene.get(&object).await?.metadata.uid;
        let before = uid().await.expect("it is there");
        self.stage.scene.delete(&object).await;
        self.until_asked("it is made again", async |_| {
            uid().await.is_some_and(|now| now != before)
        })
        .await;
    }

    /// Waits until `holds` does.
    async fn until_asked(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let waited = timeout(LIMIT, async {
            while !holds(self).await {
                sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(waited.await.is_ok(), "it does not come true that {what}");
    }
}
