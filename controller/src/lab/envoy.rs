//! An Envoy process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use super::admin::Admin;
use super::error::Error;
use super::listener::ACCESS_LOG;

mod spawn;

use spawn::{Place, spawn};

/// The environment variable that names Envoy's binary.
pub const ENVOY_VARIABLE: &str = "DRILLGATE_ENVOY";

const LOG: &str = "envoy.log";

/// The file with the number that Envoys of one line share, so that they find one another.
const BASE_ID: &str = "base-id";

/// How much of the log an error shows, in lines.
const LOG_TAIL: usize = 20;

/// How long a graceful stop may take before Envoy is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How Envoy is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Envoy's binary.
    pub binary: PathBuf,
    /// How many worker threads carry traffic.
    pub concurrency: u32,
    /// The least severe level of the lines that wasm modules log (`trace` to `off`); all else is
    /// logged from `warn` on.
    pub wasm_log_level: String,
    /// The time limit until Envoy is ready.
    pub ready_within: Duration,
}

impl Launch {
    /// One worker, log level `warn`, ready within 60 s; the binary is `explicit`, or else what
    /// [`ENVOY_VARIABLE`] names.
    ///
    /// # Errors
    /// [`Error::NoEnvoy`] if there is no such file.
    pub fn find(explicit: Option<&Path>) -> Result<Self, Error> {
        let named = std::env::var_os(ENVOY_VARIABLE).filter(|value| !value.is_empty());
        let binary = explicit
            .map(Path::to_path_buf)
            .or_else(|| named.map(PathBuf::from));
        let Some(binary) = binary else {
            let looked = format!("the environment variable {ENVOY_VARIABLE}, which is not set");
            return Err(Error::NoEnvoy { looked });
        };
        if !binary.is_file() {
            return Err(Error::NoEnvoy {
                looked: binary.display().to_string(),
            });
        }
        Ok(Self {
            binary,
            concurrency: 1,
            wasm_log_level: "warn".to_owned(),
            ready_within: Duration::from_secs(60),
        })
    }
}

/// A running Envoy and its scratch folder; killed when dropped.
#[derive(Debug)]
pub struct Envoy {
    // Before the folder: the process ends first.
    process: Child,
    admin: Admin,
    folder: TempDir,
    /// How many Envoys had the listener before it.
    epoch: u32,
}

impl Envoy {
    /// Starts Envoy in `folder` with `bootstrap` and waits until it takes traffic.
    ///
    /// # Errors
    /// [`Error::EnvoyEnded`] if it ends at once, [`Error::TimedOut`] if it is not ready in time,
    /// both with the end of its log; [`Error::Io`] if it cannot be started.
    pub async fn start(launch: &Launch, folder: TempDir, bootstrap: &Value) -> Result<Self, Error> {
        Self::start_at(&Place::First, launch, folder, bootstrap).await
    }

    /// Starts another Envoy that takes the listening sockets over from this one by hot restart,
    /// and waits until it takes traffic. From then on this one has no admin interface, accepts
    /// nothing, and closes each connection after the answer that it owes; it ends when it is
    /// dropped, or by itself once its successor has a successor.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub(super) async fn successor(
        &self,
        launch: &Launch,
        folder: TempDir,
        bootstrap: &Value,
    ) -> Result<Self, Error> {
        let place = Place::After {
            base_id: read(&self.folder.path().join(BASE_ID))?.trim().to_owned(),
            epoch: self.epoch + 1,
        };
        Self::start_at(&place, launch, folder, bootstrap).await
    }

    async fn start_at(
        place: &Place,
        launch: &Launch,
        folder: TempDir,
        bootstrap: &Value,
    ) -> Result<Self, Error> {
        let process = spawn(place, launch, folder.path(), bootstrap)?;
        let mut starting = Starting { process, folder };
        let ready = timeout(launch.ready_within, starting.ready()).await;
        let admin = ready.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                waited_for: "envoy to become ready".to_owned(),
                limit: launch.ready_within,
                detail: format!("the end of its log:\n{}", tail(starting.folder.path())),
            })
        })?;
        Ok(Self {
            process: starting.process,
            admin,
            folder: starting.folder,
            epoch: place.epoch(),
        })
    }

    /// Its admin interface.
    pub fn admin(&self) -> Admin {
        self.admin
    }

    /// Its scratch folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id; nothing once it has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its log so far.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read.
    pub fn log(&self) -> Result<String, Error> {
        read(&self.folder.path().join(LOG))
    }

    /// Waits until a line of the log contains `text`, and returns all such lines.
    ///
    /// # Errors
    /// [`Error::TimedOut`] with the end of the log if none came within `limit`.
    pub async fn log_lines(&self, text: &str, limit: Duration) -> Result<Vec<String>, Error> {
        let deadline = Instant::now() + limit;
        loop {
            let log = self.log()?;
            let lines: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
            if !lines.is_empty() {
                return Ok(lines.into_iter().map(str::to_owned).collect());
            }
            if Instant::now() >= deadline {
                return Err(Error::TimedOut {
                    waited_for: format!("a line with {text:?} in envoy's log"),
                    limit,
                    detail: format!("the end of its log:\n{}", tail(self.folder.path())),
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the access log has at least `lines` lines, and returns all of them.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there are fewer after `limit`.
    pub async fn access_log(&self, lines: usize, limit: Duration) -> Result<Vec<Value>, Error> {
        let deadline = Instant::now() + limit;
        loop {
            let log = read(&self.folder.path().join(ACCESS_LOG))?;
            // A line that is still being written does not parse yet.
            let entries: Vec<Value> = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if entries.len() >= lines {
                return Ok(entries);
            }
            if Instant::now() >= deadline {
                return Err(Error::TimedOut {
                    waited_for: format!("{lines} lines in the access log"),
                    limit,
                    detail: format!("there are {}", entries.len()),
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks Envoy to end, and kills it if it does not within 5 s.
    ///
    /// # Errors
    /// [`Error::Io`] if the process can be neither waited for nor killed.
    pub async fn stop(mut self) -> Result<(), Error> {
        let asked = self.admin.quit().await.is_ok();
        if asked && timeout(STOP_LIMIT, self.process.wait()).await.is_ok() {
            return Ok(());
        }
        self.process.kill().await.map_err(Error::io("kill envoy"))
    }
}

/// An Envoy that may not be ready yet.
struct Starting {
    process: Child,
    folder: TempDir,
}

impl Starting {
    async fn ready(&mut self) -> Result<Admin, Error> {
        loop {
            if let Some(status) = self.process.try_wait().map_err(Error::io("watch envoy"))? {
                let log = tail(self.folder.path());
                return Err(Error::EnvoyEnded {
                    status: status.to_string(),
                    log,
                });
            }
            // The file appears once Envoy has bound the port, and may be empty for a moment.
            let address = fs::read_to_string(self.folder.path().join("admin"));
            if let Some(address) = address.ok().and_then(|address| address.trim().parse().ok()) {
                let admin = Admin::new(address);
                if admin.ready().await {
                    return Ok(admin);
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The last lines of the log in `folder`, as far as it can be read.
fn tail(folder: &Path) -> String {
    let log = read(&folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_TAIL);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The text of a log file; what is not UTF-8 is replaced, since clients choose part of it.
fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(Error::io(format!("read {}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
