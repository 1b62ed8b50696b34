//! What happened in a run, for programs.

use std::error::Error;
use std::path::Path;

use serde::Serialize;

use super::super::output;
use crate::checks::outcome::Outcome;
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;
use crate::proxy::Counts;
use crate::resources::metadata::full_name;
use crate::resources::metadata::rfc3339;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    drill: String,
    id: String,
    environment: String,
    hosts: Vec<String>,
    started_at: String,
    expires_at: String,
    ended_at: Option<String>,
    /// What the gateway itself said before the command began: True, False or Unknown.
    pub(super) edge: Option<&'static str>,
    /// The command's exit code, or what stands for it.
    pub(super) exit_code: Option<u8>,
    /// What the checks came to.
    pub(super) checks: Vec<Outcome>,
    /// What the proxy has counted.
    pub(super) requests: Option<Counts>,
    /// What has been removed at the end.
    pub(super) removed: Vec<String>,
    /// What could not be removed.
    pub(super) left: Vec<String>,
    /// Why the run has failed, apart from the command.
    pub(super) error: Option<String>,
}

impl Summary {
    pub(super) fn new(plan: &Plan) -> Summary {
        Summary {
            drill: full_name(&plan.drill),
            id: plan.id.to_string(),
            environment: plan.drill.spec.environment.clone(),
            hosts: plan.hosts(),
            started_at: rfc3339(&now()),
            expires_at: rfc3339(&plan.expires_at),
            ended_at: None,
            edge: None,
            exit_code: None,
            checks: Vec::new(),
            requests: None,
            removed: Vec::new(),
            left: Vec::new(),
            error: None,
        }
    }

    /// Writes it, if anyone wants it.
    pub(super) fn write(&mut self, path: Option<&Path>) -> Result<(), Box<dyn Error>> {
        self.ended_at = Some(rfc3339(&now()));
        let Some(path) = path else {
            return Ok(());
        };
        let text = output::json(self)?;
        std::fs::write(path, text)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
    }
}
