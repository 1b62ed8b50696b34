//! Hands configuration to Envoy by files, and learns what Envoy made of it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::admin::Stats;
use super::envoy::Envoy;
use super::error::Error;
use super::extension::FILTER_NAME;
use super::listener::LISTENER;
use super::routes::ROUTE_CONFIGURATION;

/// How long Envoy may take to look at a changed file.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// A kind of configuration that has a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// LDS.
    Listeners,
    /// RDS.
    Routes,
    /// CDS.
    Clusters,
    /// ECDS of the drill filter.
    Filter,
}

impl Resource {
    /// Every kind, in the order in which a change is safe: a route's cluster before the route, the
    /// route before the filter sends requests there. The listeners come last, as Envoy refuses
    /// them while the file of the filter says something that it refuses.
    pub const ALL: [Self; 4] = [Self::Clusters, Self::Routes, Self::Filter, Self::Listeners];

    /// Where Envoy finds this kind under `directory`, as an Envoy `ConfigSource`.
    pub(super) fn source(self, directory: &Path) -> Value {
        json!({
            "resource_api_version": "V3",
            "path_config_source": { "path": self.path(directory) },
        })
    }

    fn path(self, directory: &Path) -> PathBuf {
        directory.join(format!("{self}.json"))
    }

    /// The prefix of the statistics that Envoy keeps on updates of this kind.
    fn stats(self) -> String {
        match self {
            Self::Listeners => "listener_manager.lds.".to_owned(),
            Self::Routes => format!("http.{LISTENER}.rds.{ROUTE_CONFIGURATION}."),
            Self::Clusters => "cluster_manager.cds.".to_owned(),
            Self::Filter => format!("extension_config_discovery.http_filter.{FILTER_NAME}."),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listeners => "listeners",
            Self::Routes => "routes",
            Self::Clusters => "clusters",
            Self::Filter => "filter",
        })
    }
}

/// The writer of the xDS files in one directory.
#[derive(Debug)]
pub struct Xds {
    directory: PathBuf,
    versions: BTreeMap<Resource, u64>,
}

impl Xds {
    /// A writer for `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            versions: BTreeMap::new(),
        }
    }

    /// Writes a new version of `resource`, without waiting for an Envoy to look at it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&mut self, resource: Resource, resources: &[Value]) -> Result<(), Error> {
        let version = self.versions.entry(resource).or_insert(0);
        *version += 1;
        let document = json!({ "version_info": version.to_string(), "resources": resources });
        let path = resource.path(&self.directory);
        let half_written = path.with_extension("new");
        // Envoy watches for a file that is moved into place, so that it never reads half of one.
        fs::write(&half_written, document.to_string())
            .and_then(|()| fs::rename(&half_written, &path))
            .map_err(Error::io(format!("write {}", path.display())))
    }

    /// Writes a new version of `resource` and waits until `envoy` has taken it.
    ///
    /// # Errors
    /// [`Error::Rejected`] with Envoy's reason if it keeps what it had; [`Error::TimedOut`] if it
    /// did not look at the file.
    pub async fn apply(
        &mut self,
        envoy: &Envoy,
        resource: Resource,
        resources: &[Value],
    ) -> Result<(), Error> {
        let before = updates(envoy, resource).await?;
        let log_before = envoy.log()?.len();
        self.write(resource, resources)?;

        let deadline = Instant::now() + TAKEN_WITHIN;
        while Instant::now() < deadline {
            let now = updates(envoy, resource).await?;
            if now.rejected > before.rejected {
                let reason = rejection(&envoy.log()?, log_before);
                return Err(Error::Rejected { resource, reason });
            }
            if now.taken > before.taken {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Err(Error::TimedOut {
            waited_for: format!("envoy to take the {resource} configuration"),
            limit: TAKEN_WITHIN,
            detail: String::new(),
        })
    }

    /// Whether `envoy` has taken everything that it was given so far.
    ///
    /// # Errors
    /// [`Error::Rejected`] with all of Envoy's log if it refused something.
    pub async fn check(&self, envoy: &Envoy) -> Result<(), Error> {
        for &resource in self.versions.keys() {
            if updates(envoy, resource).await?.rejected > 0 {
                return Err(Error::Rejected {
                    resource,
                    reason: rejection(&envoy.log()?, 0),
                });
            }
        }
        Ok(())
    }
}

/// How many updates of one kind Envoy has taken and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Updates {
    taken: u64,
    rejected: u64,
}

async fn updates(envoy: &Envoy, resource: Resource) -> Result<Updates, Error> {
    let prefix = resource.stats();
    let stats = envoy
        .admin()
        .stats(&format!("^{}", prefix.replace('.', "\\.")))
        .await?;
    Ok(count(&stats, &prefix))
}

fn count(stats: &Stats, prefix: &str) -> Updates {
    let counter = |name: &str| stats.get(&format!("{prefix}{name}")).copied().unwrap_or(0);
    // A file that Envoy cannot even parse is a failure, one with content it refuses a rejection.
    Updates {
        taken: counter("update_success"),
        rejected: counter("update_rejected") + counter("update_failure"),
    }
}

/// What `log` says from byte `start` on about a refused update.
fn rejection(log: &str, start: usize) -> String {
    let news = log.get(start..).unwrap_or(log);
    let lines: Vec<&str> = news
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        "envoy's log gives no reason".to_owned()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_counts_as_rejected() {
        let stats = Stats::from([
            ("a.update_success".to_owned(), 3),
            ("a.update_failure".to_owned(), 1),
            ("a.update_rejected".to_owned(), 1),
            ("b.update_success".to_owned(), 9),
        ]);
        assert_eq!(
            count(&stats, "a."),
            Updates {
                taken: 3,
                rejected: 2
            }
        );
    }

    #[test]
    fn a_reason_is_what_the_log_says_since() {
        assert_eq!(rejection("old\nnew: bad\n\n", 4), "new: bad");
        assert_eq!(rejection("old\n", 4), "envoy's log gives no reason");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_with_a_new_version() -> Result<(), Box<dyn std::error::Error>>
    {
        let folder = tempfile::tempdir()?;
        let mut xds = Xds::new(folder.path());
        xds.write(Resource::Routes, &[])?;
        xds.write(Resource::Routes, &[json!({ "name": "edge" })])?;
        let file = fs::read(folder.path().join("routes.json"))?;
        let expected = json!({ "version_info": "2", "resources": [{ "name": "edge" }] });
        assert_eq!(serde_json::from_slice::<Value>(&file)?, expected);
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
