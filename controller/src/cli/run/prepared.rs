//! What a run needs, gathered before it changes anything.

use std::error::Error;

use super::RunArgs;
use super::checks::can_run;
use super::controls::Controls;
use super::evidence::Evidence;
use crate::api::DrillGate;
use crate::cli::key_source;
use crate::cli::start::warn_of_unreadable;
use crate::keyfile::Jwk;
use crate::oneshot::drill::Site;
use crate::oneshot::plan::{Plan, new_id};
use crate::resources::metadata::full_name;

/// What a run needs, and has before it changes anything.
pub(super) struct Prepared {
    pub(super) site: Site,
    pub(super) plan: Plan,
    pub(super) key: Jwk,
    pub(super) controls: Option<Controls>,
    pub(super) evidence: Evidence,
}

/// Reads, asks and refuses; nothing is written.
pub(super) async fn prepare(args: &RunArgs) -> Result<Prepared, Box<dyn Error>> {
    let evidence = args.evidence.ready()?;
    let connected = args.cluster.connect().await?;
    let site = connected.site;
    let (drill, given) = args.drill.read(&connected.namespace)?;
    let gate = site.gate_of(&drill, given).await?;
    let key = signing_key(args, &site, &gate).await?;
    let seen = site.see(gate).await?;
    warn_of_unreadable(&seen.around.unreadable);
    let plan = seen.plan(&drill, new_id()?, None)?;
    can_run(&plan, &args.command, &args.proxy)?;
    let controls = Controls::of(&args.controls, &args.proxy, &plan, &key)?;
    args.disruption.ready(controls.as_ref())?;
    Ok(Prepared {
        site,
        plan,
        key,
        controls,
        evidence,
    })
}

/// The key that was named, or else one of the gate's that signs.
async fn signing_key(args: &RunArgs, site: &Site, gate: &DrillGate) -> Result<Jwk, Box<dyn Error>> {
    if let Some(key) = key_source::signing(args.key.as_deref())? {
        return Ok(key);
    }
    let (keys, refusals) = site
        .keys_of(gate, &[])
        .await
        .map_err(|error| format!("{error}; or name a key with --key or DRILLGATE_KEY"))?;
    let signs = keys.into_iter().find(|key| key.signing_key().is_some());
    signs.ok_or_else(|| {
        let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        format!(
            "no key of DrillGate {} in the cluster signs: name one with --key or DRILLGATE_KEY{}{}",
            full_name(gate),
            if why.is_empty() { "" } else { ": " },
            why.join("; ")
        )
        .into()
    })
}
