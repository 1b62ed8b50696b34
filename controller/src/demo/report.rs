//! What came of the drill.

use std::fmt;

use drill_context::DrillId;
use serde::Serialize;
use serde_json::Value;

use super::proof::Proof;
use super::script::{Context, Step};

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerer {
    /// The production server.
    Production,
    /// The sandbox server.
    Sandbox,
    /// Envoy itself, or the filter in it.
    Gateway,
}

impl fmt::Display for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answerer::Production => "production",
            Answerer::Sandbox => "sandbox",
            Answerer::Gateway => "gateway",
        })
    }
}

/// An answer, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Who answered.
    pub by: Answerer,
    /// The header `x-drill-verdict`.
    pub verdict: Option<String>,
}

impl Answer {
    pub(super) fn new(status: u16, by: Answerer, verdict: Option<&str>) -> Answer {
        Answer {
            status,
            by,
            verdict: verdict.map(str::to_owned),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.status, self.by)?;
        match &self.verdict {
            Some(verdict) => write!(f, ", {verdict}"),
            None => Ok(()),
        }
    }
}

/// One step: what was sent, what came back, what had to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Its place, from 1.
    pub number: usize,
    /// Its name.
    pub name: &'static str,
    /// What was sent, in words.
    pub sent: &'static str,
    /// Whether the request carried `X-Drill-Context`.
    pub drill_request: bool,
    /// What came back.
    pub answer: Answer,
    /// What had to come back.
    pub expected: Answer,
    /// Whether the two are the same.
    pub holds: bool,
}

impl StepReport {
    pub(super) fn new(number: usize, step: &Step, answer: Answer) -> StepReport {
        StepReport {
            number,
            name: step.name,
            sent: step.says,
            drill_request: step.context != Context::Absent,
            holds: answer == step.expected,
            answer,
            expected: step.expected.clone(),
        }
    }
}

/// Requests sent against requests that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Requests sent without the header.
    pub sent_without_header: usize,
    /// Requests sent with it.
    pub sent_with_header: usize,
    /// Of those, the ones that had to reach the sandbox.
    pub due_to_sandbox: usize,
    /// Requests that production received.
    pub production: u64,
    /// Of those, the ones that carried the header.
    pub production_with_header: u64,
    /// Requests that the sandbox received.
    pub sandbox: u64,
    /// Audit records.
    pub audit_records: usize,
}

impl Ledger {
    /// Whether production received all and only the requests without the header, the sandbox
    /// all and only those due to it, and each drill request left one record.
    pub fn balances(&self) -> bool {
        usize::try_from(self.production) == Ok(self.sent_without_header)
            && self.production_with_header == 0
            && usize::try_from(self.sandbox) == Ok(self.due_to_sandbox)
            && self.audit_records == self.sent_with_header
    }
}

/// The whole drill.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether every step and the ledger hold, and the drill with the database if there is one.
    pub holds: bool,
    /// The drill.
    pub drill: String,
    /// The steps in order.
    pub steps: Vec<StepReport>,
    /// The audit records in the order in which the gateway wrote them.
    pub audit: Vec<Value>,
    /// The ledger.
    pub ledger: Ledger,
    /// The drill that restored a database; nothing without a PostgreSQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Report {
    pub(super) fn new(
        drill: DrillId,
        steps: Vec<StepReport>,
        audit: Vec<Value>,
        ledger: Ledger,
    ) -> Report {
        Report {
            holds: steps.iter().all(|step| step.holds) && ledger.balances(),
            drill: drill.to_string(),
            steps,
            audit,
            ledger,
            proof: None,
        }
    }

    /// The same with a drill that restored a database.
    pub(super) fn with(mut self, proof: Proof) -> Report {
        self.holds = self.holds && proof.holds();
        self.proof = Some(proof);
        self
    }

    /// Whether every step and the ledger hold, and the drill with the database if there is one.
    pub fn holds(&self) -> bool {
        self.holds
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Answerer, Ledger, Report, StepReport};
    use crate::demo::script;

    const EVEN: Ledger = Ledger {
        sent_without_header: 3,
        sent_with_header: 10,
        due_to_sandbox: 2,
        production: 3,
        production_with_header: 0,
        sandbox: 2,
        audit_records: 10,
    };

    fn report(steps: Vec<StepReport>, ledger: Ledger) -> Report {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        Report::new(drill, steps, Vec::new(), ledger)
    }

    #[test]
    fn a_ledger_balances_only_when_each_side_is_exact() {
        assert!(EVEN.balances());
        for off in [
            Ledger {
                production: 4,
                ..EVEN
            },
            Ledger {
                production: 2,
                ..EVEN
            },
            Ledger {
                production_with_header: 1,
                ..EVEN
            },
            Ledger { sandbox: 3, ..EVEN },
            Ledger { sandbox: 1, ..EVEN },
            Ledger {
                audit_records: 9,
                ..EVEN
            },
            Ledger {
                audit_records: 11,
                ..EVEN
            },
        ] {
            assert!(!off.balances(), "{off:?}");
            assert!(!report(Vec::new(), off).holds());
        }
    }

    #[test]
    fn one_step_that_differs_is_a_drill_that_does_not_hold() {
        let steps = |answer: fn(&Answer) -> Answer| -> Vec<StepReport> {
            let numbered = (1..).zip(script::steps());
            numbered
                .map(|(number, step)| StepReport::new(number, &step, answer(&step.expected)))
                .collect()
        };
        assert!(report(steps(Answer::clone), EVEN).holds());
        let mut leaked = steps(Answer::clone);
        let step = script::steps().remove(1);
        leaked[1] = StepReport::new(2, &step, Answer::new(200, Answerer::Production, None));
        assert!(!report(leaked, EVEN).holds());
    }
}
