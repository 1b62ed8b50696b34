//! A gateway that steers one way, set up as that way's own documents advise.

use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate::lab::Request;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::LIMIT;
use super::routes::{Rule, TIMEOUT, route};
use super::row::Kind;
use super::tokens::{jwt_rule, values};
use super::ways::{Kinds, Way};
use crate::istio::{Mesh, Stage};
use crate::traffic::outcome;

/// The drill, where the way does not name it itself.
const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// A host of production's that no drill is about.
const OTHER_HOST: &str = "shop.example.com";

/// How a VirtualService looks at a claim.
const CLAIM: &str = "@request.auth.claims.sub";

/// The header into which RequestAuthentication writes the claim, for an HTTPRoute to look at: the
/// Gateway API's own words are about headers only.
const CLAIM_HEADER: &str = "x-drill-sub";

/// How many answers in a row have to be the same.
const SAME: usize = 5;

/// How many requests a circuit breaker lets through, unless it is to be full.
pub(super) const MANY: u32 = 1000;

/// A gateway that steers one way.
pub(super) struct Steered {
    pub(super) stage: Stage,
    pub(super) kinds: Kinds,
    pub(super) way: Way,
    /// The drill's UUID.
    pub(super) id: String,
    /// Requests that fill the circuit breaker.
    pub(super) others: Vec<JoinHandle<()>>,
}

impl Steered {
    /// Sets it up. Production has a route for `/api` that is older than the one for all else, as
    /// large installations do.
    pub(super) async fn set(mesh: &Mesh, kinds: Kinds, way: Way) -> Self {
        let stage = match kinds {
            Kinds::Istio => Stage::set(mesh, axum::Router::new()).await,
            Kinds::GatewayApi => Stage::set_by_gateway_api(mesh).await,
        };
        let mut steered = Self {
            stage,
            kinds,
            way,
            id: DRILL.to_owned(),
            others: Vec::new(),
        };
        let scene = &steered.stage.scene;
        scene.delete(&steered.routes(false)).await;
        for (name, host, rule) in [
            ("api", "orders.example.com", Rule::Path("/api")),
            ("shop", OTHER_HOST, Rule::Production),
        ] {
            let made = route(&steered.stage, name, json!([host]), &[rule]);
            scene.apply(made).await;
        }
        // Which one is older is told by the second.
        sleep(Duration::from_millis(1100)).await;
        steered.install().await;
        steered.begin().await;
        steered
    }

    /// What there is beside the routes.
    async fn install(&self) {
        let stage = &self.stage;
        if self.way.is_ours() {
            let mut gate = match self.kinds {
                Kinds::Istio => stage.gate(),
                Kinds::GatewayApi => stage.referring_gate(),
            };
            if self.way == Way::Owned {
                gate["spec"]["ownedHosts"] = json!([self.way.host()]);
            }
            stage.install(gate).await;
            return;
        }
        stage.scene.apply(self.breaker(MANY)).await;
        if self.way.is_by_claims() {
            self.assert_no_route_by_claims().await;
            stage.scene.apply(self.authentication(HEADER_NAME)).await;
        }
    }

    /// What a request gets.
    pub(super) async fn ask(&self, kind: Kind) -> String {
        let answer = self.request(kind).await.send(self.stage.address()).await;
        answer.map_or_else(|error| error.to_string(), |answer| outcome(&answer))
    }

    /// What a request gets once nothing changes any more: it is asked until it is what is `wanted`,
    /// and the same for some time.
    pub(super) async fn settled(&self, kind: Kind, wanted: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        let mut same = 0;
        loop {
            let got = self.ask(kind).await;
            same = if got == wanted { same + 1 } else { 0 };
            if same == SAME || Instant::now() > deadline {
                return got;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A request as a client sends it.
    pub(super) async fn request(&self, kind: Kind) -> Request {
        let (host, path) = match kind {
            Kind::OtherHost => (OTHER_HOST.to_owned(), "/"),
            Kind::Path => (self.way.host().to_owned(), "/api/orders"),
            Kind::Inner if self.way == Way::Authority => (self.stage.drills_host().await, "/"),
            _ => (self.way.host().to_owned(), "/"),
        };
        let mut request = Request::get(host, path);
        for value in values(self.way, kind, &self.id) {
            request = request.header(HEADER_NAME, value);
        }
        if kind == Kind::Inner && self.way.is_by_claims() {
            request = request.header(CLAIM_HEADER, DRILL);
        }
        request
    }

    /// Lets the drill begin.
    pub(super) async fn begin(&mut self) {
        if self.way != Way::Owned {
            let steers = !self.way.is_ours();
            self.stage.scene.apply(self.routes(steers)).await;
        }
        if self.way.is_ours() {
            self.begin_for("1h").await;
        }
    }

    /// Lets drillgate's drill begin, for so long.
    pub(super) async fn begin_for(&mut self, ttl: &str) {
        let mut drill = self.drill(MANY);
        drill["spec"]["ttl"] = json!(ttl);
        self.id = self.stage.drill_as(drill).await;
    }

    /// Ends the drill.
    pub(super) async fn end(&self) {
        let scene = &self.stage.scene;
        if self.way.is_ours() {
            let drill = self.drill(MANY);
            scene.delete(&drill).await;
            scene.gone(&drill).await;
        } else {
            scene.apply(self.routes(false)).await;
        }
    }

    /// Production's route, with the rule that steers or without.
    pub(super) fn routes(&self, steers: bool) -> Value {
        let header = match self.kinds {
            _ if !self.way.is_by_claims() => HEADER_NAME,
            Kinds::Istio => CLAIM,
            Kinds::GatewayApi => CLAIM_HEADER,
        };
        let mut rules = Vec::new();
        if steers {
            rules.push(Rule::Sandbox(header, DRILL));
        }
        if self.way == Way::Closed {
            rules.push(Rule::Refuse);
        }
        rules.push(Rule::Production);
        route(&self.stage, "orders", json!([self.way.host()]), &rules)
    }

    /// The API server refuses an HTTPRoute that looks at claims: their name is no header's.
    async fn assert_no_route_by_claims(&self) {
        if self.kinds == Kinds::Istio {
            return;
        }
        let rule = Rule::Sandbox(CLAIM, DRILL);
        let made = route(&self.stage, "claims", json!([self.way.host()]), &[rule]);
        let refused = self.stage.scene.try_apply(made).await;
        let refused = refused.map_or_else(|error| error.to_string(), |_| "taken".to_owned());
        assert!(refused.contains("headers[0].name"), "{refused}");
    }

    /// The drill, whose circuit breaker lets so many requests through.
    pub(super) fn drill(&self, requests: u32) -> Value {
        let mut drill = self.stage.scene.drill("orders");
        let route = &mut drill["spec"]["routes"][0];
        route["host"] = json!(self.way.host());
        route["timeout"] = json!(TIMEOUT);
        if self.kinds == Kinds::Istio {
            route["retries"] = json!({"attempts": 0});
        }
        if self.way == Way::Owned {
            let production = self.stage.production_host();
            route["production"] = json!({"host": production, "port": 80});
            drill["spec"]["mode"] = json!("Owned");
        }
        drill["spec"]["circuitBreaker"] = json!({
            "maxConnections": requests, "maxPendingRequests": requests, "maxRequests": requests,
            "consecutive5xxErrors": 5, "interval": "1s", "baseEjectionTime": "1s",
            "maxEjectionPercent": 100,
        });
        drill
    }

    /// The circuit breaker of a way that brings none: where the drill's would be, and as it is.
    pub(super) fn breaker(&self, requests: u32) -> Value {
        let scene = &self.stage.scene;
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "sandbox", "namespace": scene.gateway},
            "spec": {
                "host": self.stage.sandbox_host(), "exportTo": ["."],
                "trafficPolicy": {
                    "connectionPool": {
                        "tcp": {"maxConnections": requests},
                        "http": {"http1MaxPendingRequests": requests, "http2MaxRequests": requests},
                    },
                    "outlierDetection": {
                        "consecutive5xxErrors": 5, "interval": "1s", "baseEjectionTime": "1s",
                        "maxEjectionPercent": 100,
                    },
                },
            },
        })
    }

    /// The RequestAuthentication, which looks for tokens in this header.
    pub(super) fn authentication(&self, header: &str) -> Value {
        let scene = &self.stage.scene;
        let mut rule = jwt_rule(header);
        let mut spec = match self.kinds {
            Kinds::Istio => json!({"selector": self.stage.gate()["spec"]["selector"]}),
            Kinds::GatewayApi => {
                rule["outputClaimToHeaders"] = json!([{"header": CLAIM_HEADER, "claim": "sub"}]);
                json!({"targetRefs": [self.gateway()]})
            }
        };
        spec["jwtRules"] = json!([rule]);
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "drills", "namespace": scene.gateway},
            "spec": spec,
        })
    }

    /// The Gateway of the Gateway API, as a policy refers to it.
    fn gateway(&self) -> Value {
        let gateway = self.stage.kubernetes_gateway("All");
        json!({
            "group": "gateway.networking.k8s.io", "kind": "Gateway",
            "name": gateway["metadata"]["name"],
        })
    }
}
