//! For how long a command waits for the edge.

use std::time::Duration;

use clap::Args;

use super::time;

#[derive(Args)]
pub(super) struct WaitArgs {
    /// How long the edge is waited for
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = time::parse_duration)]
    wait: i64,
}

impl WaitArgs {
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.wait.unsigned_abs())
    }
}
