//! A sandbox that is taken away on purpose: the edge has to answer 503, and production nothing.

use std::error::Error;

use clap::{Args, ValueEnum};

use super::controls::Controls;
use super::signals::Signals;
use super::{Prepared, Progress, Told};
use crate::evidence::record::Stage;
use crate::oneshot::Error::Interrupted;
use crate::oneshot::drill::now;

#[derive(Debug, Args)]
pub(super) struct DisruptionArgs {
    /// Once all has run, point the drill's routes at a service that is not there, see the edge answer
    /// 503, and bring the sandbox back
    #[arg(long, value_name = "WHAT", value_enum)]
    disruption: Option<Disruption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Disruption {
    Sandbox,
}

impl DisruptionArgs {
    /// That it can be seen what the edge answers, before anything is applied.
    pub(super) fn ready(&self, controls: Option<&Controls>) -> Result<(), Box<dyn Error>> {
        match (self.disruption, controls) {
            (Some(_), None) => Err("--disruption needs to see what the edge answers: name its address with --upstream or in the gate's spec.probe.address, and leave --no-controls out".into()),
            _ => Ok(()),
        }
    }

    /// Takes the sandbox away and brings it back, if that was asked for. No write is dropped half way:
    /// the API server might carry it out later than what takes the drill away.
    pub(super) async fn disrupt(
        &self,
        prepared: &Prepared,
        signals: &mut Signals,
        progress: &Progress,
        told: &mut Told,
    ) -> Result<(), Box<dyn Error>> {
        let (Some(Disruption::Sandbox), Some(controls)) = (self.disruption, &prepared.controls)
        else {
            return Ok(());
        };
        let (site, plan) = (&prepared.site, &prepared.plan);
        let began = now();
        site.point(&plan.astray).await?;
        let control = tokio::select! {
            control = controls.while_away() => control,
            _ = signals.next() => return Err(Interrupted.into()),
        };
        progress.say(&format!(
            "with the sandbox away the edge answers {}",
            control.got
        ));
        told.recording.controls(&[control]);
        site.point(&plan.objects.virtual_services).await?;
        let back = tokio::select! {
            back = controls.until_back() => back,
            _ = signals.next() => return Err(Interrupted.into()),
        };
        let what = "took the sandbox away, and brought it back";
        told.recording.since(Stage::Controls, what, began);
        back.map_err(|got| {
            format!("the sandbox was taken away on purpose, and did not come back: the edge answers {got}").into()
        })
    }
}
