//! What a file says: a drill, or a gate, or both, as they would be applied to a cluster.

use std::fmt;

use kube::{CustomResourceExt, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::{broken_rules, problems};
use crate::api::{Drill, DrillGate};

/// The most bytes that a file may have: a drill of 16 routes has a few thousand.
pub const MAX_BYTES: u64 = 1 << 20;

/// The resources in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Its DrillGates.
    pub gates: Vec<DrillGate>,
    /// Its Drills.
    pub drills: Vec<Drill>,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    origin: String,
    problems: Vec<String>,
}

impl ManifestError {
    fn new(origin: &str, problems: Vec<String>) -> ManifestError {
        ManifestError {
            origin: origin.to_owned(),
            problems,
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.problems.join("\n  "))
    }
}

impl std::error::Error for ManifestError {}

/// Reads the documents of a YAML (or JSON) text that came from `origin`. A resource without a
/// namespace gets `namespace`.
///
/// # Errors
/// All that an API server would refuse, each problem with its field.
pub fn parse(text: &str, origin: &str, namespace: &str) -> Result<Manifest, ManifestError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| ManifestError::new(origin, vec![error.to_string()]))?;
    let mut manifest = Manifest::default();
    let mut wrong = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        let said = |member: &str| document.get(member).and_then(Value::as_str).unwrap_or("");
        let kind = (said("apiVersion"), said("kind"));
        let read = if is::<DrillGate>(kind) {
            resource(document, namespace).map(|gate| manifest.gates.push(gate))
        } else if is::<Drill>(kind) {
            resource(document, namespace).map(|drill| manifest.drills.push(drill))
        } else {
            Err(vec![format!(
                "a document has apiVersion {:?} and kind {:?}: only DrillGate and Drill of drillgate.dev/v1alpha1 are read here",
                kind.0, kind.1
            )])
        };
        wrong.extend(read.err().into_iter().flatten());
    }
    if wrong.is_empty() {
        Ok(manifest)
    } else {
        Err(ManifestError::new(origin, wrong))
    }
}

impl Manifest {
    /// The one drill of a file, and its gate if that is in the file, too.
    ///
    /// # Errors
    /// If there is not exactly one drill, or there are several gates.
    pub fn one_drill(self, origin: &str) -> Result<(Drill, Option<DrillGate>), ManifestError> {
        let refuse = |problem: String| Err(ManifestError::new(origin, vec![problem]));
        let counts = (self.drills.len(), self.gates.len());
        let mut drills = self.drills.into_iter();
        match (drills.next(), counts) {
            (Some(drill), (1, 0 | 1)) => Ok((drill, self.gates.into_iter().next())),
            (_, (drills, 0 | 1)) => refuse(format!(
                "{drills} Drills, and exactly one is needed: put each into a file of its own"
            )),
            (_, (_, gates)) => refuse(format!(
                "{gates} DrillGates: at most the drill's own is needed"
            )),
        }
    }

    /// The one gate of a file.
    ///
    /// # Errors
    /// If there is not exactly one.
    pub fn one_gate(self, origin: &str) -> Result<DrillGate, ManifestError> {
        let count = self.gates.len();
        let mut gates = self.gates.into_iter();
        match gates.next() {
            Some(gate) if count == 1 => Ok(gate),
            _ => Err(ManifestError::new(
                origin,
                vec![format!("{count} DrillGates, and exactly one is needed")],
            )),
        }
    }
}

fn is<K: Resource<DynamicType = ()>>((version, kind): (&str, &str)) -> bool {
    version == K::api_version(&()) && kind == K::kind(&())
}

fn resource<K>(document: &Value, namespace: &str) -> Result<K, Vec<String>>
where
    K: CustomResourceExt + Resource<DynamicType = ()> + DeserializeOwned + Serialize,
{
    let name = document.pointer("/metadata/name").and_then(Value::as_str);
    let name = name.filter(|name| !name.is_empty());
    let called = format!("{} {}", K::kind(&()), name.unwrap_or("without a name"));
    let about = |problems: Vec<String>| -> Vec<String> {
        let problems = problems.into_iter();
        problems
            .map(|problem| format!("{called}: {problem}"))
            .collect()
    };
    if name.is_none() {
        return Err(about(vec!["metadata.name: write one".to_owned()]));
    }
    let found = problems::<K>(document);
    if !found.is_empty() {
        return Err(about(found));
    }
    let read = serde_json::from_value::<K>(document.clone());
    let mut read = read.map_err(|error| about(vec![error.to_string()]))?;
    // The rules are about the resource with its defaults.
    let whole = serde_json::to_value(&read).unwrap_or_default();
    let broken = broken_rules::<K>(&whole);
    if !broken.is_empty() {
        return Err(about(broken));
    }
    let metadata = read.meta_mut();
    metadata
        .namespace
        .get_or_insert_with(|| namespace.to_owned());
    // Who owns it and which it is, only a cluster can tell.
    metadata.uid = None;
    metadata.resource_version = None;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::{Manifest, parse};
    use crate::resources::metadata::full_name;
    use crate::resources::samples;

    fn read(text: &str) -> Result<Manifest, String> {
        parse(text, "f.yaml", "ci").map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_has_a_drill_and_may_have_its_gate() {
        let both = format!("{}\n---\n{}", samples::GATE, samples::DRILL_AUTHORITY);
        let (drill, gate) = read(&both).unwrap().one_drill("f.yaml").unwrap();
        assert_eq!(drill.spec.environment, "orders-dr");
        assert!(gate.is_some());
        let (_, gate) = read(samples::DRILL_AUTHORITY)
            .unwrap()
            .one_drill("f.yaml")
            .unwrap();
        assert!(gate.is_none());
    }

    #[test]
    fn a_namespace_is_the_files_or_else_the_callers() {
        let text = samples::DRILL_AUTHORITY.replace("namespace: orders-dr\n", "\n");
        assert_ne!(text, samples::DRILL_AUTHORITY);
        let (drill, _) = read(&text).unwrap().one_drill("f.yaml").unwrap();
        assert!(
            full_name(&drill).starts_with("ci/"),
            "{}",
            full_name(&drill)
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_where() {
        let text = samples::DRILL_AUTHORITY
            .replace("environment: orders-dr", "environment: Orders_DR")
            .replace("ttl:", "tll:");
        let error = read(&text).unwrap_err();
        for part in ["f.yaml: Drill orders: ", "spec.environment: ", "tll", "ttl"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_file_without_or_with_two_drills_is_refused() {
        for (text, count) in [
            (samples::GATE.to_owned(), "0 Drills"),
            (
                format!(
                    "{}\n---\n{}",
                    samples::DRILL_AUTHORITY,
                    samples::DRILL_OWNED
                ),
                "2 Drills",
            ),
        ] {
            let error = read(&text)
                .unwrap()
                .one_drill("f.yaml")
                .unwrap_err()
                .to_string();
            assert!(error.contains(count), "{error}");
        }
    }

    #[test]
    fn other_kinds_and_other_texts_are_no_manifest() {
        assert!(
            read("kind: Pod\napiVersion: v1\n")
                .unwrap_err()
                .contains("kind \"Pod\"")
        );
        assert!(read("a: [").unwrap_err().starts_with("f.yaml: "));
        assert_eq!(read("").unwrap(), Manifest::default());
        let nameless = samples::DRILL_AUTHORITY.replace("name: orders\n", "\n");
        assert!(read(&nameless).unwrap_err().contains("metadata.name"));
    }
}
