//! What `drillgate sign` takes from a cluster: which drill, and the key.

use std::error::Error;

use drill_context::{DrillId, Environment, KeyId};

use super::super::cluster::{ClusterArgs, Connected, block_on};
use crate::api::DrillGate;
use crate::keyfile::Jwk;
use crate::oneshot::standing::find;
use crate::resources::metadata::full_name;

/// What is asked of the cluster.
pub(super) struct Question<'a> {
    pub(super) cluster: &'a ClusterArgs,
    /// A drill, by its name.
    pub(super) drill: Option<&'a str>,
    /// A gate, as `namespace/name`.
    pub(super) gate: Option<&'a str>,
    /// Which of the gate's keys.
    pub(super) kid: Option<&'a KeyId>,
    /// Whether there is a key already.
    pub(super) has_key: bool,
}

/// What it says.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) drill: Option<(DrillId, Environment)>,
    pub(super) key: Option<Jwk>,
}

impl Question<'_> {
    pub(super) fn ask(&self) -> Result<Answer, Box<dyn Error>> {
        if self.drill.is_none() && self.gate.is_none() {
            return Ok(Answer::default());
        }
        block_on(async {
            let connected = self.cluster.connect().await?;
            let mut answer = Answer::default();
            let mut gate = self.gate.map(str::to_owned);
            if let Some(asked) = self.drill {
                let all = connected.site.standing().await?;
                let drill = find(&all, asked, &connected.namespace)?;
                let environment = drill.environment.as_deref().ok_or_else(|| {
                    format!("drill {asked} is not in the active list: see `drillgate status`")
                })?;
                answer.drill = Some((DrillId::new(drill.id)?, environment.parse()?));
                gate = gate.or_else(|| Some(drill.gate.replacen('.', "/", 1)));
            }
            if let Some(gate) = gate.filter(|_| self.gate.is_some() || !self.has_key) {
                answer.key = Some(self.key(&connected, &gate).await?);
            }
            Ok(answer)
        })
    }

    async fn key(&self, connected: &Connected, gate: &str) -> Result<Jwk, Box<dyn Error>> {
        let (namespace, name) = match gate.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (connected.namespace.as_str(), gate),
        };
        let gate = connected.site.gate(namespace, name).await?;
        let (keys, refusals) = connected.site.keys_of(&gate, &[]).await?;
        let is_it = |key: &Jwk| self.kid.is_none_or(|kid| key.kid() == kid);
        let mut keys = keys.into_iter().filter(is_it);
        let signs = keys.find(|key| key.signing_key().is_some());
        signs.ok_or_else(|| none(&gate, self.kid, &refusals).into())
    }
}

fn none(
    gate: &DrillGate,
    kid: Option<&KeyId>,
    refusals: &[crate::resources::refusal::Refusal],
) -> String {
    let which = kid.map_or_else(|| "no key".to_owned(), |kid| format!("no key {kid}"));
    let why: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("\n  {refusal}"))
        .collect();
    format!(
        "{which} of DrillGate {} signs: its Secrets may hold public keys only; name a file with --key{}",
        full_name(gate),
        why.concat()
    )
}
