//! What the filter leaves behind in Envoy's log and statistics.

use std::time::{Duration, Instant};

use drillgate::lab::Envoy;
use serde_json::Value;
use tokio::time::sleep;

/// How long a record may take from the end of its request to the log, on a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// The audit records in the log of `envoy`, once there are at least `due`.
///
/// # Panics
/// If there are fewer after a minute.
pub async fn records(envoy: &Envoy, due: usize) -> Vec<Value> {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        let log = envoy.log().unwrap();
        let lines = whole_lines(&log).filter(|line| line.contains("drill-request"));
        let records: Vec<Value> = lines
            .map(|line| serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap())
            .collect();
        if records.len() >= due {
            return records;
        }
        assert!(
            Instant::now() < deadline,
            "{} of {due}: {log}",
            records.len()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// The lines of a log that grows. The last one may be half written; it is no line yet.
pub fn whole_lines(log: &str) -> impl Iterator<Item = &str> {
    log.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
}

/// The filter's counter or gauge `name`; nothing if Envoy has none of that name.
///
/// # Panics
/// If Envoy does not answer.
pub async fn counter(envoy: &Envoy, name: &str) -> Option<u64> {
    let pattern = format!("^wasmcustom\\.drillgate\\.{name}$");
    let stats = envoy.admin().stats(&pattern).await.unwrap();
    stats.values().next().copied()
}
