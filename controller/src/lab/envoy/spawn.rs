//! Envoy's command line.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::{BASE_ID, LOG, Launch};
use crate::lab::error::Error;

/// Where an Envoy stands in the line of those that hand a listener over to one another.
#[derive(Debug)]
pub(super) enum Place {
    /// It binds the listener itself.
    First,
    /// It takes the listener over from the one before.
    After {
        /// The number that the line shares.
        base_id: String,
        /// How many came before.
        epoch: u32,
    },
}

impl Place {
    /// How many came before.
    pub(super) fn epoch(&self) -> u32 {
        match self {
            Self::First => 0,
            Self::After { epoch, .. } => *epoch,
        }
    }

    fn arguments(&self) -> Vec<String> {
        match self {
            // Shared memory of its own: any number of lines run side by side.
            Self::First => vec!["--use-dynamic-base-id".to_owned()],
            Self::After { base_id, epoch } => vec![
                "--base-id".to_owned(),
                base_id.clone(),
                "--restart-epoch".to_owned(),
                epoch.to_string(),
            ],
        }
    }
}

/// Starts Envoy at its `place`, with all of its files in `folder`.
pub(super) fn spawn(
    place: &Place,
    launch: &Launch,
    folder: &Path,
    bootstrap: &Value,
) -> Result<Child, Error> {
    let config = folder.join("bootstrap.json");
    fs::write(&config, bootstrap.to_string()).map_err(Error::io("write envoy's bootstrap"))?;
    let log = File::create(folder.join(LOG)).map_err(Error::io("create envoy's log"))?;
    let also_log = log.try_clone().map_err(Error::io("create envoy's log"))?;
    Command::new(&launch.binary)
        .arg("--config-path")
        .arg(config)
        .arg("--admin-address-path")
        .arg(folder.join("admin"))
        .args(place.arguments())
        .arg("--base-id-path")
        .arg(folder.join(BASE_ID))
        // As Istio's gateways: whoever drains closes each connection after its next answer.
        .args(["--drain-strategy", "immediate"])
        // Else its counters would begin to count what its predecessor did.
        .arg("--skip-hot-restart-parent-stats")
        .args(["--concurrency", &launch.concurrency.to_string()])
        .args(["--log-level", "warn"])
        .args([
            "--component-log-level",
            &format!("wasm:{}", launch.wasm_log_level),
        ])
        // The default of 10 s is long for someone who waits for the access log.
        .args(["--file-flush-interval-msec", "50"])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(also_log)
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io(format!("start {}", launch.binary.display())))
}
