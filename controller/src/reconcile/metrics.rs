//! What the controller counts and measures, in Prometheus' text format.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `drillgate_reconciles_total{kind,outcome}` | counter | reconciliations; `outcome` is `done` or `failed` |
//! | `drillgate_reconcile_failures_total{kind,category}` | counter | the failed ones, by category |
//! | `drillgate_reconcile_duration_seconds{kind}` | histogram | how long one took |
//! | `drillgate_drills{phase}` | gauge | drills |
//! | `drillgate_drill_expiry_seconds` | gauge | seconds until the next drill expires, below 0 when it is overdue; absent without one |
//! | `drillgate_collected_objects_total{kind}` | counter | objects that were left over and removed |
//! | `drillgate_schedule_runs_total{outcome}` | counter | runs of schedules that were due; `outcome` is `Started`, `MissedRun` or `SkippedRun` |
//! | `drillgate_schedule_next_run_seconds` | gauge | seconds until the next run of a schedule is due, below 0 when it is overdue; absent without one |
//! | `drillgate_schedule_last_run_seconds` | gauge | seconds since the last run of a schedule was due that was started; absent without one |
//! | `drillgate_leader` | gauge | 1 on the replica that leads, 0 on the others |
//! | `drillgate_probe_failures_total` | counter | probes of a gateway that failed |

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Upper bounds in seconds: most reconciliations are a few requests to an API server nearby.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Names and values, which are from closed sets: each makes a time series of its own.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Labels<2>, Counter>,
    failures: Family<Labels<2>, Counter>,
    durations: Family<Labels<1>, Histogram, fn() -> Histogram>,
    drills: Family<Labels<1>, Gauge>,
    /// Seconds of the epoch; 0 for none.
    next_expiry: AtomicU64,
    expiry: Family<Labels<0>, Gauge>,
    collected: Family<Labels<1>, Counter>,
    schedule_runs: Family<Labels<1>, Counter>,
    /// Seconds of the epoch; 0 for none.
    next_run: AtomicU64,
    to_next_run: Family<Labels<0>, Gauge>,
    /// The same.
    last_run: AtomicU64,
    since_last_run: Family<Labels<0>, Gauge>,
    leader: Gauge,
    probe_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("drillgate"),
            reconciles: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            drills: Family::default(),
            next_expiry: AtomicU64::new(0),
            expiry: Family::default(),
            collected: Family::default(),
            schedule_runs: Family::default(),
            next_run: AtomicU64::new(0),
            to_next_run: Family::default(),
            last_run: AtomicU64::new(0),
            since_last_run: Family::default(),
            leader: Gauge::default(),
            probe_failures: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The library adds what the format demands: `_total`, the unit, and a full stop.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "reconciles",
            "Reconciliations by kind of object and outcome",
            self.reconciles.clone(),
        );
        registry.register(
            "reconcile_failures",
            "Failed reconciliations by kind of object and category",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "How long a reconciliation took",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("drills", "Drills by phase", self.drills.clone());
        registry.register_with_unit(
            "drill_expiry",
            "Time until the next drill expires",
            Unit::Seconds,
            self.expiry.clone(),
        );
        registry.register(
            "collected_objects",
            "Objects that were left over and removed",
            self.collected.clone(),
        );
        registry.register(
            "schedule_runs",
            "Runs of schedules that were due, by outcome",
            self.schedule_runs.clone(),
        );
        registry.register_with_unit(
            "schedule_next_run",
            "Time until the next run of a schedule is due",
            Unit::Seconds,
            self.to_next_run.clone(),
        );
        registry.register_with_unit(
            "schedule_last_run",
            "Time since the last run of a schedule was due that was started",
            Unit::Seconds,
            self.since_last_run.clone(),
        );
        registry.register("leader", "Whether this replica leads", self.leader.clone());
        registry.register(
            "probe_failures",
            "Probes of a gateway that failed",
            self.probe_failures.clone(),
        );
    }

    /// Measures a reconciliation of a `kind` until the timer is dropped.
    pub fn time(&self, kind: &'static str) -> Timer {
        Timer {
            histogram: self.durations.get_or_create_owned(&[("kind", kind)]),
            started: Instant::now(),
        }
    }

    /// Counts a reconciliation of a `kind` that came to its end.
    pub fn done(&self, kind: &'static str) {
        let labels = [("kind", kind), ("outcome", "done")];
        self.reconciles.get_or_create(&labels).inc();
    }

    /// Counts a reconciliation of a `kind` that failed; `category` is a stable word in
    /// PascalCase.
    pub fn failed(&self, kind: &'static str, category: &'static str) {
        let labels = [("kind", kind), ("outcome", "failed")];
        self.reconciles.get_or_create(&labels).inc();
        let labels = [("kind", kind), ("category", category)];
        self.failures.get_or_create(&labels).inc();
    }

    /// Sets how many drills are in `phase`. A phase that has none any more has to be set, too.
    pub fn set_drills(&self, phase: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.drills.get_or_create(&[("phase", phase)]).set(count);
    }

    /// Sets when the next drill expires, in seconds of the epoch.
    pub fn set_next_expiry(&self, expiry: Option<u64>) {
        self.next_expiry
            .store(expiry.unwrap_or(0), Ordering::Relaxed);
    }

    /// Counts an object of a `kind` that was left over and is removed.
    pub fn collected(&self, kind: &'static str) {
        self.collected.get_or_create(&[("kind", kind)]).inc();
    }

    /// Counts a run of a schedule that was started.
    pub fn started_run(&self) {
        let labels = [("outcome", "Started")];
        self.schedule_runs.get_or_create(&labels).inc();
    }

    /// Counts runs of a schedule that were not started, for this `reason`.
    pub fn missed_runs(&self, reason: &'static str, count: usize) {
        let labels = [("outcome", reason)];
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.schedule_runs.get_or_create(&labels).inc_by(count);
    }

    /// Sets when the next run of a schedule is due, and when the last one was that was started, in
    /// seconds of the epoch.
    pub fn set_schedule_times(&self, next: Option<u64>, last: Option<u64>) {
        self.next_run.store(next.unwrap_or(0), Ordering::Relaxed);
        self.last_run.store(last.unwrap_or(0), Ordering::Relaxed);
    }

    /// Sets whether this replica leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Counts a probe that failed.
    pub fn probe_failed(&self) {
        self.probe_failures.inc();
    }

    /// The text of a scrape at `now`, in seconds of the epoch.
    ///
    /// # Errors
    /// [`fmt::Error`] if the library cannot write a value, of which no case is known.
    pub fn text(&self, now: u64) -> Result<String, fmt::Error> {
        set_distance(&self.expiry, &self.next_expiry, |at| at - i128::from(now));
        set_distance(&self.to_next_run, &self.next_run, |at| at - i128::from(now));
        set_distance(&self.since_last_run, &self.last_run, |at| {
            i128::from(now) - at
        });
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Reckoned at each scrape: between two reconciliations the time goes on.
fn set_distance(gauge: &Family<Labels<0>, Gauge>, at: &AtomicU64, distance: impl Fn(i128) -> i128) {
    match at.load(Ordering::Relaxed) {
        0 => gauge.clear(),
        at => {
            let seconds = i64::try_from(distance(i128::from(at))).unwrap_or(i64::MAX);
            gauge.get_or_create(&[]).set(seconds);
        }
    }
}

/// Measures until it is dropped, so that no way out of a function is left out.
#[derive(Debug)]
#[must_use = "it measures until it is dropped"]
pub struct Timer {
    histogram: Histogram,
    started: Instant,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.histogram.observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[track_caller]
    fn shows(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.text(1_000).unwrap();
        for line in lines {
            let count = text.lines().filter(|shown| shown == line).count();
            assert_eq!(count, 1, "{line}\n{text}");
        }
    }

    #[test]
    fn the_text_has_each_series_under_its_documented_name_and_kind() {
        let metrics = Metrics::default();
        metrics.done("Drill");
        metrics.done("Drill");
        metrics.failed("Drill", "Conflict");
        metrics.failed("DrillGate", "Unreachable");
        metrics.set_drills("Active", 3);
        metrics.set_drills("Active", 2);
        metrics.set_next_expiry(Some(1_090));
        metrics.collected("VirtualService");
        metrics.started_run();
        metrics.missed_runs("MissedRun", 3);
        metrics.set_schedule_times(Some(1_060), Some(940));
        metrics.set_leader(true);
        metrics.probe_failed();
        drop(metrics.time("Drill"));
        shows(
            &metrics,
            &[
                "drillgate_reconciles_total{kind=\"Drill\",outcome=\"done\"} 2",
                "drillgate_reconciles_total{kind=\"Drill\",outcome=\"failed\"} 1",
                "drillgate_reconciles_total{kind=\"DrillGate\",outcome=\"failed\"} 1",
                "drillgate_reconcile_failures_total{kind=\"Drill\",category=\"Conflict\"} 1",
                "drillgate_reconcile_failures_total{kind=\"DrillGate\",category=\"Unreachable\"} 1",
                "drillgate_reconcile_duration_seconds_count{kind=\"Drill\"} 1",
                "drillgate_reconcile_duration_seconds_bucket{kind=\"Drill\",le=\"+Inf\"} 1",
                "drillgate_drills{phase=\"Active\"} 2",
                "drillgate_drill_expiry_seconds 90",
                "drillgate_collected_objects_total{kind=\"VirtualService\"} 1",
                "drillgate_schedule_runs_total{outcome=\"Started\"} 1",
                "drillgate_schedule_runs_total{outcome=\"MissedRun\"} 3",
                "drillgate_schedule_next_run_seconds 60",
                "drillgate_schedule_last_run_seconds 60",
                "drillgate_leader 1",
                "drillgate_probe_failures_total 1",
            ],
        );
        let documented = include_str!("metrics.rs");
        let text = metrics.text(0).unwrap();
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split_once(' ').unwrap());
        let mut kinds = 0;
        for (name, kind) in types {
            kinds += 1;
            let row = |line: &&str| {
                line.starts_with(&format!("//! | `{name}"))
                    && line.contains(&format!("` | {kind} | "))
            };
            assert_eq!(documented.lines().filter(row).count(), 1, "{name} {kind}");
        }
        assert_eq!(kinds, 11);
    }

    #[test]
    fn an_expiry_is_overdue_below_zero_and_absent_without_a_drill() {
        let metrics = Metrics::default();
        metrics.set_next_expiry(Some(940));
        shows(&metrics, &["drillgate_drill_expiry_seconds -60"]);
        metrics.set_next_expiry(None);
        let text = metrics.text(1_000).unwrap();
        assert!(!text.contains("drillgate_drill_expiry_seconds"), "{text}");
        shows(&metrics, &["drillgate_leader 0"]);
    }

    #[test]
    fn a_timer_measures_on_every_way_out() {
        let metrics = Metrics::default();
        let fails = || -> Result<(), ()> {
            let _timer = metrics.time("Drill");
            Err(())
        };
        assert!(fails().is_err());
        shows(
            &metrics,
            &["drillgate_reconcile_duration_seconds_count{kind=\"Drill\"} 1"],
        );
    }
}
