//! The failures, and how each ends.

use drillgate::lab::{Behaviour, Request};
use drillgate_tests::istio::drill_request;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::ground::Ground;
use crate::failures::{guard, policy};
use crate::production::PAST_THE_DRAIN;
use crate::{controller, eventually};

/// A host of the hostile route's that shows that the gateway has it.
const HOSTILE: &str = "hostile.example.com";

/// What Envoy counts where a circuit breaker lets a request go.
const OVERFLOW: &str = "upstream_rq_pending_overflow";

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing listens in the sandbox.
    Refused,
    /// The sandbox takes requests and never answers.
    Hangs,
    /// The sandbox takes requests and breaks off.
    Resets,
    /// The sandbox's service has no endpoints.
    NoEndpoints,
    /// The sandbox's service does not exist.
    NoService,
    /// The sandbox answers 500, and is left out for it.
    Ejected,
    /// There are more requests than the drill's circuit breaker lets through.
    Overloaded,
    /// The drill's route is deleted by hand.
    Route,
    /// Its DestinationRule.
    Rule,
    /// The gate's policy.
    Policy,
    /// The gate's route.
    Guard,
    /// Another route claims the drill's host, and every drill host, for production.
    Hostile,
    /// The filter's object is edited by hand.
    PluginEdited,
    /// The filter's object is deleted by hand.
    Plugin,
    /// The controller is killed.
    Controller,
    /// istiod is killed.
    Istiod,
    /// The API server is killed.
    ApiServer,
}

impl Ground {
    /// Lets it fail. If an object of drillgate's is deleted: that, and the UID that it had.
    pub async fn inflict(&mut self, fault: Fault) -> Option<(Value, String)> {
        let (stage, scene) = (&self.stage, &self.stage.scene);
        match fault {
            Fault::Refused => stage.sandbox.down().await.unwrap(),
            Fault::Hangs => self.visits.let_sandbox_hang(true),
            Fault::Resets => stage.sandbox.behave(Behaviour::Reset),
            Fault::NoEndpoints => drop(scene.apply(stage.sandbox_entry_to(&[])).await),
            Fault::NoService => scene.delete(&stage.sandbox_entry()).await,
            Fault::Ejected => {
                let failing = Behaviour::Status(StatusCode::INTERNAL_SERVER_ERROR);
                stage.sandbox.behave(failing);
                eventually("Envoy has left the endpoint out", async || {
                    self.counted("outlier_detection\\.ejections_active").await > 0
                })
                .await;
            }
            Fault::Overloaded => {
                let before = self.counted(OVERFLOW).await;
                self.limit(1).await;
                self.visits.let_sandbox_hang(true);
                eventually("Envoy has let requests go for the limit", async || {
                    self.counted(OVERFLOW).await > before
                })
                .await;
            }
            Fault::Hostile => {
                scene.apply(self.hostile().await).await;
                let taken = Request::get(HOSTILE, "/");
                stage.until(&taken, "200 production").await;
            }
            Fault::PluginEdited => {
                // Behind the policy, where it is of no use.
                let mut plugin = scene.plugin().await;
                plugin["spec"] = json!({"phase": "STATS"});
                scene.apply(plugin).await;
                stage.until(&drill_request(&self.id), "403").await;
                // Connections of before have the filter until they end.
                sleep(PAST_THE_DRAIN).await;
            }
            Fault::Route => return Some(self.delete(stage.drills_route().await).await),
            Fault::Rule => {
                return Some(
                    self.delete(stage.drills_object("DestinationRule").await)
                        .await,
                );
            }
            Fault::Policy => return Some(self.delete(policy(stage)).await),
            Fault::Guard => return Some(self.delete(guard(stage)).await),
            Fault::Plugin => return Some(self.delete(scene.plugin().await).await),
            Fault::Controller => {
                self.controller.signal("KILL");
                self.controller.ended().await;
            }
            Fault::Istiod => self.mesh.istiod.kill(),
            Fault::ApiServer => self.mesh.plane.stop_apiserver(),
        }
        None
    }

    /// Ends it, or waits until the controller has.
    pub async fn heal(&mut self, fault: Fault, deleted: Option<(Value, String)>) {
        if let Some((object, uid)) = deleted {
            eventually("it is made again", async || {
                self.uid(&object).await.is_some_and(|now| now != uid)
            })
            .await;
        }
        let (stage, scene) = (&self.stage, &self.stage.scene);
        match fault {
            Fault::Refused => stage.sandbox.revive().await.unwrap(),
            Fault::Hangs => self.visits.let_sandbox_hang(false),
            Fault::NoEndpoints | Fault::NoService => {
                scene.apply(stage.sandbox_entry()).await;
            }
            Fault::Ejected | Fault::Resets => stage.sandbox.behave(Behaviour::Answer),
            Fault::Overloaded => {
                self.visits.let_sandbox_hang(false);
                self.limit(1000).await;
            }
            Fault::Hostile => scene.delete(&self.hostile().await).await,
            Fault::PluginEdited => {
                // A field that someone else has set is theirs: people are told to delete it.
                let (plugin, edited) = self.delete(scene.plugin().await).await;
                eventually("it is made again", async || {
                    self.uid(&plugin).await.is_some_and(|now| now != edited)
                })
                .await;
            }
            Fault::Route | Fault::Rule | Fault::Policy | Fault::Guard | Fault::Plugin => {}
            Fault::Controller => self.controller = controller(&self.mesh).await,
            Fault::Istiod => self.mesh.istiod.start_again().await,
            Fault::ApiServer => self.mesh.plane.start_apiserver().await,
        }
    }

    async fn hostile(&self) -> Value {
        let stage = &self.stage;
        let hosts = json!([HOSTILE, "*.drill.internal", stage.drills_host().await]);
        if stage.is_by_gateway_api() {
            let all = json!([{"backendRefs": [stage.backend(&stage.production_host())]}]);
            return stage.production_http_routes("hostile", hosts, all);
        }
        let all = json!([{"route": [stage.to_production()]}]);
        stage.production_routes("hostile", hosts, all)
    }

    async fn delete(&self, object: Value) -> (Value, String) {
        let uid = self.uid(&object).await.unwrap();
        self.stage.scene.delete(&object).await;
        (object, uid)
    }

    async fn uid(&self, object: &Value) -> Option<String> {
        let found = self.stage.scene.get(object).await?;
        found.metadata.uid
    }
}
