//! Production, a sandbox, the edge in front of them, and the drill that they play.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use drill_context::{Algorithm, Claims, DrillId, Environment, HEADER_NAME, KeyId, TokenType, sign};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::proof::Shop;
use super::report::{Answer, Answerer, Ledger, StepReport};
use super::script::{Change, Context, HOST, Step};
use super::{Error, Options};
use crate::audit::{Account, Totals, records};
use crate::keyfile::Jwk;
use crate::lab::{
    Cluster, Drill, Edge, Filter, Gateway, Launch, Module, Request, Response, Upstream,
};
use crate::route_key;

/// The environment that the drill is in.
pub(super) const ENVIRONMENT: &str = "orders-dr";

const KID: &str = "demo";
const SANDBOX: &str = "sandbox";

/// How long the drill would last, in seconds.
pub(super) const TTL: i64 = 3600;

/// How long audit records may take to reach the log.
const AUDIT_LIMIT: Duration = Duration::from_secs(60);

/// The running parts.
#[derive(Debug)]
pub struct Stage {
    production: Upstream,
    sandbox: Upstream,
    gateway: Gateway,
    module: Module,
    generation: u64,
    drill: DrillId,
    environment: Environment,
    /// An environment that the drill is not in.
    elsewhere: Environment,
    route_key: String,
    key: Jwk,
    /// Another key of the same name: a forger's.
    forged_key: Jwk,
    clock: fn() -> i64,
    /// What stands behind the edge in place of the two, once a database was restored.
    shop: Option<Shop>,
}

impl Stage {
    pub(super) async fn start(options: &Options) -> Result<Stage, Error> {
        if !options.module.is_file() {
            return Err(Error::NoModule(options.module.clone()));
        }
        let launch = Launch::find(options.envoy.as_deref())?;
        let production = Upstream::start("production")?;
        let sandbox = Upstream::start(SANDBOX)?;
        let drill = DrillId::new(Uuid::new_v4()).map_err(no_identity)?;
        let route_key = route_key::generate().map_err(no_identity)?;
        let key = generate_key()?;

        let ends = (options.clock)() + TTL;
        let configuration = configuration(&key, 1, Some((drill, &route_key, ends)));
        let module = Module::new(&options.module, configuration);
        let mut edge = Edge::new(production.address());
        edge.filter = Filter::Module(module.clone());
        edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address()])];
        edge.drills = vec![Drill::new(&route_key, HOST, SANDBOX)];
        Ok(Stage {
            gateway: Gateway::start(&launch, edge).await?,
            production,
            sandbox,
            module,
            generation: 1,
            drill,
            environment: ENVIRONMENT.parse().map_err(no_identity)?,
            elsewhere: "billing-dr".parse().map_err(no_identity)?,
            route_key,
            key,
            forged_key: generate_key()?,
            clock: options.clock,
            shop: None,
        })
    }

    /// The drill's UUID.
    pub fn drill(&self) -> DrillId {
        self.drill
    }

    /// The drill's environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The host that the drill covers.
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// Where the edge takes requests.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// The key that the gate accepts.
    pub fn key(&self) -> &Jwk {
        &self.key
    }

    /// Keeps it up as long as the stage.
    pub(super) fn keep(&mut self, shop: Shop) {
        self.shop = Some(shop);
    }

    /// A forger's key, which has the name of the gate's.
    pub(super) fn forged_key(&self) -> &Jwk {
        &self.forged_key
    }

    /// Lets the edge send users to `production`, and a drill of another hour to `sandbox`.
    pub(super) async fn serve(
        &mut self,
        production: &Upstream,
        sandbox: &Upstream,
    ) -> Result<(), Error> {
        let mut edge = self.gateway.edge().clone();
        edge.production = Edge::new(production.address()).production;
        edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address()])];
        self.gateway.apply(edge).await?;
        self.restart_drill().await
    }

    /// Starts the drill again, after its end was played, for another hour.
    ///
    /// # Errors
    /// What the lab returns when Envoy does not take the change.
    pub async fn restart_drill(&mut self) -> Result<(), Error> {
        self.set_drill(Some((self.clock)() + TTL)).await
    }

    /// Ends Envoy in an orderly way. Dropping the stage kills it.
    ///
    /// # Errors
    /// What the lab returns when Envoy does not end.
    pub async fn stop(self) -> Result<(), Error> {
        Ok(self.gateway.stop().await?)
    }

    pub(super) async fn change(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::SandboxKilled => Ok(self.sandbox.down().await?),
            Change::SandboxBack => Ok(self.sandbox.revive().await?),
            Change::DrillRunsOut => {
                let ends = (self.clock)() + 1;
                self.set_drill(Some(ends)).await?;
                while (self.clock)() < ends {
                    sleep(Duration::from_millis(20)).await;
                }
                Ok(())
            }
            Change::DrillRemoved => self.set_drill(None).await,
        }
    }

    /// Gives the drill this end, or removes its routes and its entry in the active list.
    pub(super) async fn set_drill(&mut self, ends: Option<i64>) -> Result<(), Error> {
        self.generation += 1;
        let drill = ends.map(|ends| (self.drill, self.route_key.as_str(), ends));
        self.module.configuration = configuration(&self.key, self.generation, drill);
        let mut edge = self.gateway.edge().clone();
        edge.filter = Filter::Module(self.module.clone());
        edge.drills = match ends {
            Some(_) => vec![Drill::new(&self.route_key, HOST, SANDBOX)],
            None => Vec::new(),
        };
        Ok(self.gateway.apply(edge).await?)
    }

    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Error> {
        let authority = match step.spoofs_host {
            true => format!("{HOST}.{}.drill.internal", self.route_key),
            false => HOST.to_owned(),
        };
        let mut request = Request::get(authority, "/orders/42");
        for value in self.context(step.context) {
            request = request.header(HEADER_NAME, value);
        }
        let response = request.send(self.address()).await?;
        Ok(read(&response))
    }

    /// The values of the header.
    fn context(&self, context: Context) -> Vec<String> {
        let now = (self.clock)();
        let mut claims = Claims::new(self.drill, self.environment.clone(), now);
        let mut key = &self.key;
        match context {
            Context::Absent => return Vec::new(),
            Context::Signed | Context::Twice => {}
            Context::Forged => key = &self.forged_key,
            Context::Expired => {
                claims.issued_at = now - 600;
                claims.expires_at = Some(now - 300);
            }
            Context::Elsewhere => claims.environment = self.elsewhere.clone(),
        }
        let copies = if context == Context::Twice { 2 } else { 1 };
        let value = key
            .signing_key()
            .map(|key| sign(key, TokenType::Drill, &claims));
        value.into_iter().cycle().take(copies).collect()
    }

    /// Reads the audit records from Envoy's log, once there are as many as are due, or no more
    /// have come in time.
    pub(super) async fn audit(&self, due: usize) -> Result<Vec<Value>, Error> {
        let records = |log: &str| log.lines().filter_map(record).collect();
        self.read_log(records, |records: &Vec<Value>| records.len() >= due)
            .await
    }

    /// How long Envoy's log is by now, in bytes.
    pub(super) fn logged(&self) -> Result<usize, Error> {
        Ok(self.gateway.envoy().log()?.len())
    }

    /// What Envoy's log has of the drill from there on, once it has the `seen` answers of the
    /// sandbox, or no more have come in time.
    pub(super) async fn recorded(&self, from: usize, seen: u64) -> Result<Totals, Error> {
        let drill = self.drill().to_string();
        let totals = |log: &str| {
            let lines = log.get(from..).unwrap_or_default().lines();
            let mut account: Account = lines.flat_map(records).collect();
            account.drills.remove(&drill).unwrap_or_default()
        };
        self.read_log(totals, |totals: &Totals| totals.routed >= seen)
            .await
    }

    /// Reads Envoy's log, and again until what was read is enough or has had its time.
    async fn read_log<T>(
        &self,
        read: impl Fn(&str) -> T,
        is_enough: impl Fn(&T) -> bool,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + AUDIT_LIMIT;
        loop {
            let found = read(&self.gateway.envoy().log()?);
            if is_enough(&found) || Instant::now() >= deadline {
                return Ok(found);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn ledger(&self, steps: &[StepReport], audit_records: usize) -> Ledger {
        let count = |which: fn(&StepReport) -> bool| steps.iter().filter(|s| which(s)).count();
        Ledger {
            sent_without_header: count(|step| !step.drill_request),
            sent_with_header: count(|step| step.drill_request),
            due_to_sandbox: count(|step| step.expected.by == Answerer::Sandbox),
            production: self.production.total(),
            production_with_header: self.production.drill_requests(),
            sandbox: self.sandbox.total(),
            audit_records,
        }
    }
}

/// The filter's configuration with at most one drill: its id, route key and end.
fn configuration(key: &Jwk, generation: u64, drill: Option<(DrillId, &str, i64)>) -> Value {
    let drills = match drill {
        Some((id, route_key, ends)) => json!({id.to_string(): [{
            "environment": ENVIRONMENT,
            "routeKey": route_key,
            "notAfter": ends,
            "hosts": [HOST],
        }]}),
        None => json!({}),
    };
    json!({
        "version": 1,
        "generation": generation,
        "keys": key.expose_config(),
        "drills": drills,
    })
}

fn generate_key() -> Result<Jwk, Error> {
    let kid: KeyId = KID.parse().map_err(no_identity)?;
    Jwk::generate(kid, Algorithm::Hs256).map_err(no_identity)
}

pub(super) fn no_identity(error: impl std::fmt::Display) -> Error {
    Error::NoIdentity(error.to_string())
}

fn read(response: &Response) -> Answer {
    let by = match response.seen().as_ref().map(|seen| seen.who.as_str()) {
        Some("production") => Answerer::Production,
        Some(SANDBOX) => Answerer::Sandbox,
        _ => Answerer::Gateway,
    };
    Answer::new(
        response.status.as_u16(),
        by,
        response.header("x-drill-verdict"),
    )
}

/// The audit record in a line of Envoy's log, which begins with Envoy's own prefix.
fn record(line: &str) -> Option<Value> {
    let record: Value = serde_json::from_str(line.get(line.find('{')?..)?).ok()?;
    (record.get("event")? == "drill-request").then_some(record)
}
