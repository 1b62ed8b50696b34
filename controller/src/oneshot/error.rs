//! What stops a command that works on a cluster.

use std::fmt;

use super::manifest::ManifestError;
use crate::reconcile;
use crate::resources::refusal::Refusal;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be used.
    Manifest(ManifestError),
    /// It cannot be carried out in this cluster.
    Refused {
        /// The resource, as `Kind namespace/name`.
        what: String,
        /// All that stands against it.
        refusals: Vec<Refusal>,
    },
    /// The gate is neither in a file nor in the cluster.
    NoGate {
        /// The gate, as `namespace/name`.
        gate: String,
    },
    /// The gate's filter does not stand in the cluster.
    NotInstalled {
        /// The gate, as `namespace/name`.
        gate: String,
    },
    /// A controller looks after that, and would undo what is done here.
    Managed {
        /// The resource, as `Kind namespace/name`.
        what: String,
        /// What to do in place of this.
        instead: String,
    },
    /// Nothing, or more than one thing, has that name.
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The cluster cannot be read.
    Read {
        /// What was to be read, such as `VirtualServices`.
        what: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// Evidence cannot be written to the cluster or read from it.
    Evidence {
        /// What was to be done, such as `create ConfigMap orders-dr/x`.
        what: String,
        /// The right that it takes.
        verb: &'static str,
        /// Where.
        namespace: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// There is no such evidence.
    NoEvidence {
        /// The ConfigMap, as `namespace/name`.
        name: String,
    },
    /// The cluster cannot be written to.
    Write(Box<reconcile::Error>),
    /// Objects that were deleted, and are still there.
    Lingers {
        /// Each with what keeps it.
        objects: Vec<String>,
    },
    /// It was told to stop half way.
    Interrupted,
    /// The operating system has no random numbers to give.
    Random(getrandom::Error),
}

impl Error {
    /// Whether whoever asked has to ask for something else: the cluster itself is well.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::Manifest(_)
                | Error::Refused { .. }
                | Error::NoGate { .. }
                | Error::NotInstalled { .. }
                | Error::Managed { .. }
                | Error::Ambiguous { .. }
                | Error::NoEvidence { .. }
        )
    }

    /// Whether we may not do that.
    pub fn is_forbidden(&self) -> bool {
        self.category() == Some("Forbidden")
    }

    /// Whether it may well go better in a moment.
    pub fn is_passing(&self) -> bool {
        if let Error::Lingers { .. } = self {
            return true;
        }
        let passing = ["Stale", "Throttled", "ServerError", "Unreachable"];
        self.category()
            .is_some_and(|category| passing.contains(&category))
    }

    fn category(&self) -> Option<&'static str> {
        match self {
            Error::Read { source, .. } | Error::Evidence { source, .. } => {
                Some(reconcile::api_category(source))
            }
            Error::Write(error) => Some(error.category()),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Manifest(error) => error.fmt(f),
            Error::Refused { what, refusals } => {
                write!(f, "{what} cannot be carried out here:")?;
                refusals
                    .iter()
                    .try_for_each(|refusal| write!(f, "\n  {refusal}"))
            }
            Error::NoGate { gate } => write!(
                f,
                "DrillGate {gate} is not known: put it into the drill's file as another document, name its file with --gate, or make it in the cluster"
            ),
            Error::NotInstalled { gate } => write!(
                f,
                "the filter of DrillGate {gate} is not in the cluster: install it with `drillgate gate install -f FILE`, or make the DrillGate and run the controller"
            ),
            Error::Managed { what, instead } => {
                write!(f, "the controller looks after {what}: {instead}")
            }
            Error::Ambiguous { asked, found } if found.is_empty() => {
                write!(
                    f,
                    "there is no drill {asked}: `drillgate list` shows those that there are"
                )
            }
            Error::Ambiguous { asked, found } => write!(
                f,
                "{asked} means several drills: name one by its UUID: {}",
                found.join(", ")
            ),
            Error::Read { what, source } => read(f, what, source),
            Error::Evidence {
                what,
                verb,
                namespace,
                source,
            } => evidence(f, what, (verb, namespace), source),
            Error::NoEvidence { name } => write!(
                f,
                "there is no ConfigMap {name}: `drillgate report list` shows the evidence that there is"
            ),
            Error::Write(error) => write!(f, "{error}{}", right(error.category())),
            Error::Lingers { objects } => write!(
                f,
                "deleted, and still there: {}: a request may be routed by them until they go",
                objects.join(", ")
            ),
            Error::Interrupted => f.write_str("interrupted"),
            Error::Random(error) => write!(f, "no random numbers: {error}"),
        }
    }
}

fn read(f: &mut fmt::Formatter<'_>, what: &str, error: &kube::Error) -> fmt::Result {
    match reconcile::api_category(error) {
        "NotFound" => write!(
            f,
            "the cluster does not know {what}: is Istio installed, and is this the right cluster?"
        ),
        category => write!(f, "cannot read {what}: {error}{}", right(category)),
    }
}

fn evidence(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    (verb, namespace): (&str, &str),
    error: &kube::Error,
) -> fmt::Result {
    write!(f, "cannot {what}: {error}")?;
    match (reconcile::api_category(error), verb) {
        ("Forbidden", "get") => write!(
            f,
            ": this user needs the right to get configmaps in the namespace {namespace}, which Kubernetes' role view has"
        ),
        ("Forbidden", _) => write!(
            f,
            ": this user needs the right to {verb} configmaps in the namespace {namespace}: bind the ClusterRole drillgate-pipeline-evidence there (the chart has it with userRoles.keepEvidence=true)"
        ),
        _ => Ok(()),
    }
}

/// What mends a lack of rights.
fn right(category: &str) -> &'static str {
    match category {
        "Forbidden" => {
            ": bind the ClusterRoles drillgate-pipeline, where the sandbox and the gate are, and drillgate-pipeline-view, in the cluster, to this user"
        }
        _ => "",
    }
}

impl std::error::Error for Error {}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Error {
        Error::Manifest(error)
    }
}

impl From<reconcile::Error> for Error {
    fn from(error: reconcile::Error) -> Error {
        Error::Write(Box::new(error))
    }
}
