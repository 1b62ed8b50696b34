//! The negative controls of a run.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use drill_context::{Environment, SigningKey};

use super::super::time;
use super::tools::ProxyArgs;
use crate::controls::{
    Edge, Subject, after_the_drill, attempts, before_the_checks, until_refused, until_routed,
    while_away,
};
use crate::evidence::record::Control;
use crate::keyfile::Jwk;
use crate::oneshot::plan::{Plan, new_id};
use crate::proxy::{Counts, Tally};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// For how long the edge may go on to let a drill's requests through that is over.
const OVER: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct ControlArgs {
    /// Do not try whether the edge refuses what it has to refuse
    #[arg(long)]
    no_controls: bool,
}

/// An edge that is tried, and with what.
pub(super) struct Controls {
    edge: Edge,
    subject: Subject,
    key: SigningKey,
    /// Another key of the same name.
    forged: SigningKey,
    tally: Arc<Tally>,
}

impl Controls {
    /// For this drill; nothing if nobody knows where the edge is, or they are not wanted.
    pub(super) fn of(
        args: &ControlArgs,
        proxy: &ProxyArgs,
        plan: &Plan,
        key: &Jwk,
    ) -> Result<Option<Controls>, Box<dyn Error>> {
        let (Some(upstream), false) = (proxy.edge(plan)?, args.no_controls) else {
            return Ok(None);
        };
        let environment: Environment = plan.drill.spec.environment.parse()?;
        let subject = Subject {
            drill: plan.id.to_string().parse()?,
            environment,
            host: plan.hosts().into_iter().next().unwrap_or_default(),
            domain: plan.gate.spec.domain.clone(),
        };
        let forged = Jwk::generate(key.kid().clone(), key.algorithm())?;
        let (Some(key), Some(forged)) = (key.signing_key(), forged.signing_key()) else {
            return Err("the key does not sign".into());
        };
        let tally = Arc::new(Tally::default());
        let edge = Edge::new(upstream, &proxy.trust(), &subject, ANSWER, tally.clone())?;
        Ok(Some(Controls {
            edge,
            subject,
            key: key.clone(),
            forged: forged.clone(),
            tally,
        }))
    }

    /// While the drill is active.
    pub(super) async fn before(&self) -> Result<Vec<Control>, Box<dyn Error>> {
        let stranger = new_id()?.to_string().parse()?;
        let attempts = attempts(
            &self.subject,
            &self.key,
            &self.forged,
            stranger,
            time::now(),
        );
        Ok(before_the_checks(&self.edge, &attempts).await)
    }

    /// When it is over.
    pub(super) async fn afterwards(&self) -> Control {
        let attempt = after_the_drill(&self.subject, &self.key, time::now());
        until_refused(&self.edge, &attempt, OVER).await
    }

    /// While the sandbox is away.
    pub(super) async fn while_away(&self) -> Control {
        let attempt = while_away(&self.subject, &self.key, time::now());
        until_refused(&self.edge, &attempt, OVER).await
    }

    /// Waits until the sandbox answers again.
    pub(super) async fn until_back(&self) -> Result<(), String> {
        let attempt = while_away(&self.subject, &self.key, time::now());
        until_routed(&self.edge, &attempt, OVER).await
    }

    /// What was sent.
    pub(super) fn counts(&self) -> Counts {
        self.tally.counts()
    }
}
