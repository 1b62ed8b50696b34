//! A drill that proves something: production's database is dumped and restored, and asked through
//! the edge and directly whether the copy works.

mod shop;
mod spec;

use std::sync::Arc;
use std::time::Duration;

use drill_context::SigningKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use self::shop::ORIGINAL;
pub use self::shop::Shop;
use self::spec::{RECEIPT, drill};
use super::script::HOST;
use super::stage::{ENVIRONMENT, Stage, TTL, no_identity};
use super::{Error, Event};
use crate::api::DrillSpec;
use crate::checks::outcome::{Outcome, Verdict};
use crate::checks::{self, Context, Databases, Edge};
use crate::controls::{self, Subject};
use crate::evidence::ledger::{Count, EdgeRecords, Sides};
use crate::evidence::record::{DrillFacts, Record, Stage as Part};
use crate::evidence::recorder::Recorder;
use crate::lab::postgres::Programs;
use crate::oneshot::drill::now;
use crate::proxy::{Settings, Signer, Tally, Trust};

/// How long one answer to a control may take, and how long the edge may take to end the drill.
const ANSWER: Duration = Duration::from_secs(60);

/// For how long a context of a check counts, in seconds.
const LIFETIME: i64 = 60;

/// The drill domain of the lab.
const DOMAIN: &str = "drill.internal";

/// What the drill has shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The whole drill, as the evidence has it.
    pub record: Record,
    /// What its check for the right database says when the sandbox's service reads production's:
    /// it has to fail.
    pub astray: Outcome,
}

impl Proof {
    /// Whether the drill has passed, and a wrong restore would not have.
    pub fn holds(&self) -> bool {
        self.record.has_passed() && self.astray.verdict == Verdict::Failed
    }
}

/// Plays it on the stage, which it leaves with the shop behind the edge, and no drill.
pub(super) async fn play(
    stage: &mut Stage,
    programs: &Programs,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<(Proof, Shop), Error> {
    tell(Event::Doing("starting PostgreSQL with production's orders"));
    let shop = Shop::open(programs).await?;
    let version = format!("PostgreSQL {}", shop.version().await?);
    let began = now();
    tell(Event::Doing(&format!(
        "{version}: pg_dump of production, pg_restore into the sandbox"
    )));
    let bytes = shop.restore().await?;
    let act = Act::begin(stage, &shop, began, (&version, bytes)).await?;
    let record = act.play(stage, &shop, tell).await?;
    tell(Event::Doing(
        "and a wrong restore: the sandbox's service is given production's database",
    ));
    let astray = astray(stage, &shop).await?;
    tell(Event::Check(&astray));
    Ok((Proof { record, astray }, shop))
}

/// The same check, where the service that the drill is routed to reads production's database.
async fn astray(stage: &mut Stage, shop: &Shop) -> Result<Outcome, Error> {
    let wrong = shop.service(ORIGINAL)?;
    stage.serve(&shop.production, &wrong).await?;
    let mut spec = drill(shop)?;
    spec.checks.retain(|check| check.name == RECEIPT);
    let (mut outcomes, _) = ask(stage, &spec, now(), |_| {}).await?;
    stage.serve(&shop.production, &shop.sandbox).await?;
    stage.set_drill(None).await?;
    outcomes
        .pop()
        .ok_or_else(|| no_identity("the check for the right database is gone"))
}

/// A drill that is under way.
struct Act {
    spec: DrillSpec,
    recorder: Recorder,
    began: Time,
    /// How long the edge's log was when it began.
    logged: usize,
    subject: Subject,
    forged: SigningKey,
    key: SigningKey,
}

impl Act {
    /// Gives the drill its routes to the shop.
    async fn begin(
        stage: &mut Stage,
        shop: &Shop,
        began: Time,
        (version, bytes): (&str, usize),
    ) -> Result<Act, Error> {
        let spec = drill(shop)?;
        let restored = now();
        stage.serve(&shop.production, &shop.sandbox).await?;
        let facts = DrillFacts {
            name: "demo/orders".to_owned(),
            id: stage.drill().to_string(),
            environment: ENVIRONMENT.to_owned(),
            gate: "demo/demo".to_owned(),
            hosts: vec![HOST.to_owned()],
            expires_at: Time(began.0 + Duration::from_secs(TTL.unsigned_abs())),
        };
        let mut recorder = Recorder::new(facts, began.clone());
        recorder.version("database", version);
        let restore = format!("dumped and restored the database, {bytes} bytes");
        recorder.happened(Part::Provision, &restore, began.clone(), restored.clone());
        recorder.happened(
            Part::Programmed,
            "the edge took the drill over",
            restored,
            now(),
        );
        let written = serde_json::to_value(&spec).map_err(no_identity)?;
        recorder.made("Drill demo/orders".to_owned(), &written);
        let forged = stage.forged_key();
        let (Some(key), Some(forged)) = (stage.key().signing_key(), forged.signing_key()) else {
            return Err(no_identity("the demo's key does not sign"));
        };
        Ok(Act {
            subject: Subject {
                drill: stage.drill(),
                environment: stage.environment().clone(),
                host: HOST.to_owned(),
                domain: DOMAIN.to_owned(),
            },
            forged: forged.clone(),
            key: key.clone(),
            spec,
            recorder,
            began,
            logged: stage.logged()?,
        })
    }

    /// Controls, checks, the end and what comes after it.
    async fn play(
        mut self,
        stage: &mut Stage,
        shop: &Shop,
        tell: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Record, Error> {
        let upstream = format!("http://{}", stage.address()).parse()?;
        let tally = Arc::new(Tally::default());
        let edge = controls::Edge::new(
            upstream,
            &Trust::System,
            &self.subject,
            ANSWER,
            Arc::clone(&tally),
        )?;
        let begun = now();
        let stranger = Uuid::new_v4().to_string().parse().map_err(no_identity)?;
        let attempts = controls::attempts(
            &self.subject,
            &self.key,
            &self.forged,
            stranger,
            begun.0.as_second(),
        );
        let tried = controls::before_the_checks(&edge, &attempts).await;
        self.since(Part::Controls, "tried what the edge has to refuse", begun);
        tell(Event::Controls(&tried));
        self.recorder.controls(&tried);

        let begun = now();
        let told = |outcome: &Outcome| tell(Event::Check(outcome));
        let (outcomes, counts) = ask(stage, &self.spec, self.began.clone(), told).await?;
        self.since(Part::Checks, "ran the drill's checks", begun);
        self.recorder.checks(&outcomes);
        self.recorder.measure(&self.spec.objectives, &self.began);

        let begun = now();
        stage.set_drill(None).await?;
        self.since(
            Part::Teardown,
            "took the drill's routes and its entry away",
            begun,
        );
        let begun = now();
        let last = controls::after_the_drill(&self.subject, &self.key, begun.0.as_second());
        let last = controls::until_refused(&edge, &last, ANSWER).await;
        self.since(Part::Afterwards, "asked for the drill that is over", begun);
        self.recorder.controls(&[last]);

        let senders = vec![counts, tally.counts()];
        let seen = senders.iter().map(|tally| tally.routed).sum();
        let recorded = stage.recorded(self.logged, seen).await?;
        let production = shop.production.drill_requests();
        self.recorder.requests(Sides {
            senders,
            edge: EdgeRecords::of(&recorded, &[], "audit records in Envoy's log"),
            sandbox: Count::known(shop.sandbox.total(), "the sandbox's own counter"),
            production: Count::known(production, "production's own counter"),
        });
        Ok(self.recorder.end(now()))
    }

    fn since(&mut self, part: Part, what: &str, begun: Time) {
        self.recorder.happened(part, what, begun, now());
    }
}

/// Runs the checks of `spec` through the stage's edge, for a recovery that began then.
async fn ask(
    stage: &Stage,
    spec: &DrillSpec,
    began: Time,
    tell: impl FnMut(&Outcome),
) -> Result<(Vec<Outcome>, crate::proxy::Counts), Error> {
    let upstream = format!("http://{}", stage.address()).parse()?;
    let (drill, environment) = (stage.drill(), stage.environment().clone());
    let signer = Signer::new(stage.key().clone(), drill, environment, LIFETIME, "check-")?;
    let mut settings = Settings::new(upstream, Arc::new(signer), || Timestamp::now().as_second());
    settings.hosts = vec![HOST.to_owned()];
    let edge = Edge::new(&settings)?;
    let id = drill.to_string();
    let mut databases = Databases::of(spec, &id);
    databases.edge = Some(&edge);
    let context = Context {
        environment: &[],
        edge: Some(&edge),
        databases: Some(&databases),
        recovery_started: began.0,
        deadline: Instant::now() + Duration::from_secs(TTL.unsigned_abs()),
    };
    let outcomes = checks::run(&spec.checks, &context, tell).await;
    Ok((outcomes, edge.counts()))
}
