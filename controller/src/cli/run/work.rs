//! What is done while a drill stands: its checks, then the command.

use std::error::Error;
use std::ffi::OsString;

use super::super::output::BAD;
use super::super::start::warn_of_unknown;
use super::checks::{Stop, databases, deadline, run_checks};
use super::child::{Ended, run_command};
use super::controls::Controls;
use super::signals::Signals;
use super::tools::Tools;
use super::{NOT_PROVEN, Prepared, Progress, RunArgs, TIME_OVER, Told};
use crate::checks::{Context, Edge};
use crate::controls::WITHOUT_HEADER;
use crate::evidence::record::{Control, Stage};
use crate::keyfile::Jwk;
use crate::oneshot::drill::{Site, now};
use crate::oneshot::plan::Plan;
use crate::resources::conditions::Status;

/// While the drill stands: waits for the edge, runs the checks and the command.
pub(super) async fn with_drill(
    args: &RunArgs,
    signals: &mut Signals,
    prepared: &Prepared,
    progress: &Progress,
    told: &mut Told,
) -> Result<u8, Box<dyn Error>> {
    let Prepared {
        site, plan, key, ..
    } = prepared;
    let limit = args.wait.limit();
    let keys = [key.clone()];
    let asking = now();
    let edge = tokio::select! {
        edge = site.wait_for_edge((&plan.gate, &keys), Some(plan.question()), limit) => edge?,
        _ = signals.next() => return Err(crate::oneshot::Error::Interrupted.into()),
    };
    told.recording.since(
        Stage::Programmed,
        &format!("the edge: {}", edge.message),
        asking,
    );
    told.summary.edge = Some(edge.status.as_str());
    match edge.status {
        Status::True => progress.say(&format!("edge ready: {}", edge.message)),
        Status::Unknown => warn_of_unknown(&edge),
        Status::False => {
            return Err(format!(
                "the edge did not run with the drill in time: {}",
                edge.message
            )
            .into());
        }
    }
    if let Some(controls) = &prepared.controls {
        tokio::select! {
            tried = try_controls(controls, progress, told) => tried?,
            _ = signals.next() => return Err(crate::oneshot::Error::Interrupted.into()),
        }
    }
    let tools = Tools::start(&args.proxy, plan, key).await?;
    let work = Work {
        args,
        site,
        plan,
        key,
        progress,
    };
    let ended = work.run(&tools, signals, told).await;
    let counts = tools.stop().await;
    let was_told_to_end = signals.code().is_some();
    if !was_told_to_end && ended.as_ref().is_ok_and(|code| *code != TIME_OVER) {
        args.disruption
            .disrupt(prepared, signals, progress, told)
            .await?;
    }
    if let Some(counts) = &counts {
        progress.say(&format!("proxy: {counts}"));
        told.recording.counted(counts);
    }
    let unmarked = counts.as_ref().map_or(0, |counts| counts.unmarked);
    told.summary.requests = counts;
    let code = ended?;
    if unmarked > 0 && code == 0 {
        return Err(format!(
            "{unmarked} answers did not come from the edge's filter, and were not handed on: is --upstream the gateway of this gate?"
        )
        .into());
    }
    Ok(code)
}

/// Tries the edge with what it has to refuse. Without the gate's policy nothing more is sent: it
/// might end at production.
async fn try_controls(
    controls: &Controls,
    progress: &Progress,
    told: &mut Told,
) -> Result<(), Box<dyn Error>> {
    let began = now();
    let tried = controls.before().await?;
    told.recording
        .since(Stage::Controls, "tried what the edge has to refuse", began);
    told.recording.controls(&tried);
    let toothless: Vec<&Control> = tried.iter().filter(|control| !control.bites).collect();
    for control in &toothless {
        progress.say(&format!(
            "control {} {BAD}was not refused as it must be{BAD:#}: {}, and {} is wanted",
            control.name, control.got, control.wanted
        ));
    }
    if toothless
        .iter()
        .any(|control| control.name == WITHOUT_HEADER)
    {
        return Err("the gate's policy is not in force at the edge: no check and no command was run, since production might have answered them".into());
    }
    let (all, refused) = (tried.len(), tried.len() - toothless.len());
    progress.say(&format!(
        "controls: {refused} of {all} were refused as they must be"
    ));
    Ok(())
}

/// What is run while the drill stands.
struct Work<'a> {
    args: &'a RunArgs,
    site: &'a Site,
    plan: &'a Plan,
    key: &'a Jwk,
    progress: &'a Progress,
}

impl Work<'_> {
    /// The checks, then the command; gives the exit code of both.
    async fn run(
        &self,
        tools: &Tools,
        signals: &mut Signals,
        told: &mut Told,
    ) -> Result<u8, Box<dyn Error>> {
        let of_checks = self.checks(tools, signals, told).await?;
        let is_over = of_checks == TIME_OVER;
        if is_over || self.args.command.is_empty() {
            told.summary.exit_code = Some(of_checks);
            return Ok(of_checks);
        }
        let code = self.command(tools, signals, told).await?;
        let code = signals.heeded(code)?;
        let code = if code == 0 { of_checks } else { code };
        told.summary.exit_code = Some(code);
        Ok(code)
    }

    async fn checks(
        &self,
        tools: &Tools,
        signals: &mut Signals,
        told: &mut Told,
    ) -> Result<u8, Box<dyn Error>> {
        if self.plan.drill.spec.checks.is_empty() {
            return Ok(0);
        }
        let settings = self.args.proxy.settings(self.plan, self.key, "check-")?;
        let edge = settings.as_ref().map(Edge::new).transpose()?;
        let environment = tools.environment(self.plan, self.key)?;
        let began = now();
        let say = |line: &str| self.progress.say(line);
        let id = self.plan.id.to_string();
        let databases = databases(self.plan, &id, edge.as_ref(), &self.site.client);
        let context = Context {
            environment: &environment,
            edge: edge.as_ref(),
            databases: Some(&databases),
            recovery_started: told.recording.recovery(),
            deadline: deadline(self.plan),
        };
        let checked = run_checks(self.plan, &context, signals, say).await;
        told.recording
            .since(Stage::Checks, "ran the drill's checks", began);
        if let Some(edge) = &edge {
            told.recording.counted(&edge.counts());
        }
        told.recording.checked(&checked.outcomes);
        for receipt in &checked.left {
            self.progress.say(receipt);
            told.recording.failed(receipt.clone());
        }
        let failed = checked.failed().join(", ");
        told.summary.checks = checked.outcomes;
        match checked.stopped {
            Some(Stop::Signal) => return Err(crate::oneshot::Error::Interrupted.into()),
            Some(Stop::TimeOver) => {
                let command = match self.args.command.is_empty() {
                    true => "",
                    false => ", and the command was not run",
                };
                let said = format!(
                    "the drill's time is over before its checks have ended{command}: give it a longer ttl"
                );
                self.progress.say(&said);
                told.recording.failed(said);
                return Ok(TIME_OVER);
            }
            None if failed.is_empty() => return Ok(0),
            None => self
                .progress
                .say(&format!("required checks have failed: {failed}")),
        }
        Ok(NOT_PROVEN)
    }

    async fn command(
        &self,
        tools: &Tools,
        signals: &mut Signals,
        told: &mut Told,
    ) -> Result<u8, Box<dyn Error>> {
        let command = &self.args.command;
        self.progress.say(&format!(
            "runs {}",
            command.join(&OsString::from(" ")).display()
        ));
        let began = now();
        let environment = tools.environment(self.plan, self.key)?;
        let ended = run_command(command, &environment, self.plan, signals).await;
        told.recording
            .since(Stage::Checks, "ran the command", began);
        let (code, said) = match ended? {
            Ended::Code(code) => (code, format!("the command ended with {code}")),
            Ended::Signal(signal) => (
                128_u8.saturating_add(signal),
                format!("signal {signal} ended the command"),
            ),
            Ended::TimeOver => (
                TIME_OVER,
                "the drill's time is over, and the command was ended: give it a longer ttl"
                    .to_owned(),
            ),
        };
        self.progress.say(&said);
        if code != 0 {
            told.recording.failed(said);
        }
        Ok(code)
    }
}
