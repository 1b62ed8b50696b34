//! What is signed: an in-toto Statement v1 about the files of a folder.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

use super::document::Verdict;
use super::record::Record;

const TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://drillgate.dev/attestation/drill/v0.1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    pub(super) subject: Vec<Subject>,
    predicate_type: String,
    pub(super) predicate: Predicate,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) digest: Digests,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digests {
    pub(super) sha256: String,
}

/// What is stated of them, for those who read no report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Predicate {
    pub(super) drill: Named,
    pub(super) verdict: Verdict,
    #[serde(with = "crate::evidence::precise")]
    pub(super) started_at: Time,
    #[serde(with = "crate::evidence::precise")]
    pub(super) ended_at: Time,
    /// By the clock of the machine that signed, which nobody vouches for.
    #[serde(with = "crate::evidence::precise")]
    pub(super) signed_at: Time,
    /// The version of the report's form.
    pub(super) report: String,
    pub(super) versions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) environment: String,
    pub(super) gate: String,
}

impl Statement {
    /// The statement about a record's files, by name and SHA-256.
    pub(super) fn new(record: &Record, subject: Vec<Subject>, signed_at: Time) -> Statement {
        let verdict = match record.has_passed() {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        let drill = &record.drill;
        Statement {
            kind: TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                drill: Named {
                    id: drill.id.clone(),
                    name: drill.name.clone(),
                    environment: drill.environment.clone(),
                    gate: drill.gate.clone(),
                },
                verdict,
                started_at: record.started_at.clone(),
                ended_at: record.ended_at.clone(),
                signed_at,
                report: record.version.clone(),
                versions: record.versions.clone(),
            },
        }
    }

    /// Reads a statement about a drill.
    pub(super) fn read(text: &[u8]) -> Result<Statement, String> {
        let statement: Statement = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        for (member, is, wanted) in [
            ("_type", &statement.kind, TYPE),
            ("predicateType", &statement.predicate_type, PREDICATE_TYPE),
        ] {
            if is != wanted {
                return Err(format!(
                    "its {member} is {is:?}, and {wanted:?} is expected"
                ));
            }
        }
        Ok(statement)
    }
}
