//! From counts and times to a table and targets.

use std::fmt::Write;
use std::time::Duration;

use drillgate_tests::bench::quantile;
use serde::Serialize;

use crate::calls::Calls;

const MIB: f64 = 1024.0 * 1024.0;

/// How long one drill took, alone on its way.
pub struct Single {
    /// From its apply until it was active.
    pub up: Duration,
    /// From its deletion until it was gone.
    pub down: Duration,
}

/// How long many drills took, from the first request for them.
pub struct Times {
    /// Until the last was asked for.
    pub asked: Duration,
    /// Until the API server told of all as wanted: active, or gone.
    pub told: Duration,
    /// Until the cluster was so: all in the active list, or nothing left of any.
    pub stands: Duration,
    /// For each drill, from the request for it until the API server told of it as wanted.
    pub each: Vec<Duration>,
}

/// Many drills at once, coming or going.
pub struct Storm {
    pub times: Times,
    pub resident_bytes: u64,
    pub looks: u64,
    pub calls: Calls,
    pub refused: Calls,
}

/// What the controller does and weighs while nothing happens.
pub struct Rest {
    pub seconds: u64,
    pub resident_bytes: u64,
    pub filter_bytes: usize,
    pub writes: usize,
    pub calls: Calls,
    pub looks: u64,
}

#[derive(Serialize)]
pub struct Report {
    pub drills: usize,
    pub rss_mib_without_drills: f64,
    pub alone: Latency,
    pub beside_all: Latency,
    pub all_at_once: Latency,
    pub coming_up: Costs,
    pub going_away: Costs,
    pub at_rest: AtRest,
    pub targets: Vec<Target>,
}

/// From a drill's apply until it is active, and from its deletion until it is gone, milliseconds.
#[derive(Serialize)]
pub struct Latency {
    pub drills: usize,
    pub up_p50_ms: f64,
    pub up_p95_ms: f64,
    pub down_p50_ms: f64,
    pub down_p95_ms: f64,
}

/// Of all drills at once.
#[derive(Serialize)]
pub struct Costs {
    pub asked_s: f64,
    pub told_s: f64,
    pub stands_s: f64,
    pub rss_mib_right_after: f64,
    pub looks_per_drill: f64,
    pub calls_per_drill: f64,
    pub calls: Calls,
    pub refused: Calls,
}

#[derive(Serialize)]
pub struct AtRest {
    pub seconds: u64,
    pub rss_mib: f64,
    pub filter_kib: f64,
    pub writes: usize,
    pub looks: u64,
    pub calls: Calls,
}

/// A figure that was aimed at.
#[derive(Serialize)]
pub struct Target {
    pub what: &'static str,
    pub at_most: f64,
    pub measured: f64,
    pub met: bool,
}

impl Report {
    pub fn new(
        drills: usize,
        empty_bytes: u64,
        alone: Vec<Single>,
        up: Storm,
        beside: Vec<Single>,
        rest: Rest,
        down: Storm,
    ) -> Report {
        let all_at_once = Latency::of(&up.times.each, &down.times.each);
        let coming_up = Costs::of(up, drills);
        let at_rest = AtRest {
            seconds: rest.seconds,
            rss_mib: rest.resident_bytes as f64 / MIB,
            filter_kib: rest.filter_bytes as f64 / 1024.0,
            writes: rest.writes,
            looks: rest.looks,
            calls: rest.calls,
        };
        Report {
            drills,
            rss_mib_without_drills: empty_bytes as f64 / MIB,
            alone: Latency::of_singles(&alone),
            beside_all: Latency::of_singles(&beside),
            all_at_once,
            targets: targets(&coming_up, &at_rest),
            coming_up,
            going_away: Costs::of(down, drills),
            at_rest,
        }
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "the controller with {} drills at one gate\n\n\
             {:<28} {:>10} {:>10} {:>10} {:>10}\n",
            self.drills, "one drill, ms", "up p50", "up p95", "down p50", "down p95"
        );
        let beside = format!("beside {}", self.drills);
        for (name, latency) in [
            ("alone", &self.alone),
            (&beside, &self.beside_all),
            ("of all at once", &self.all_at_once),
        ] {
            let _ = writeln!(
                text,
                "  {name:<26} {:>10.0} {:>10.0} {:>10.0} {:>10.0}",
                latency.up_p50_ms, latency.up_p95_ms, latency.down_p50_ms, latency.down_p95_ms
            );
        }
        let _ = writeln!(text, "\n{:<28} {:>10} {:>10}", "all at once", "up", "down");
        let (up, down) = (&self.coming_up, &self.going_away);
        for (name, up, down) in [
            ("all asked for, s", up.asked_s, down.asked_s),
            ("all active / gone, s", up.told_s, down.told_s),
            ("all listed / nothing left, s", up.stands_s, down.stands_s),
            (
                "memory right after, MiB",
                up.rss_mib_right_after,
                down.rss_mib_right_after,
            ),
            ("looks a drill", up.looks_per_drill, down.looks_per_drill),
            ("requests a drill", up.calls_per_drill, down.calls_per_drill),
        ] {
            let _ = writeln!(text, "  {name:<28} {up:>8.2} {down:>10.2}");
        }
        requests(&mut text, "up", up, self.drills);
        requests(&mut text, "down", down, self.drills);
        self.rest(&mut text);
        text
    }

    fn rest(&self, text: &mut String) {
        let rest = &self.at_rest;
        let _ = writeln!(
            text,
            "\nat rest for {} s: {} writes, {} requests, {} looks, memory {:.1} MiB ({:.1} without drills), \
             the filter's object {:.0} KiB\n\ntargets",
            rest.seconds,
            rest.writes,
            rest.calls.values().sum::<usize>(),
            rest.looks,
            rest.rss_mib,
            self.rss_mib_without_drills,
            rest.filter_kib,
        );
        for target in &self.targets {
            let verdict = if target.met { "met" } else { "not met" };
            let _ = writeln!(
                text,
                "  {:<46} at most {:>6.2}  measured {:>8.2}  {verdict}",
                target.what, target.at_most, target.measured,
            );
        }
    }
}

impl Latency {
    fn of_singles(singles: &[Single]) -> Latency {
        let times = |figure: fn(&Single) -> Duration| singles.iter().map(figure).collect();
        let (up, down): (Vec<_>, Vec<_>) = (times(|single| single.up), times(|single| single.down));
        Latency::of(&up, &down)
    }

    fn of(up: &[Duration], down: &[Duration]) -> Latency {
        let at = |times: &[Duration], share: f64| {
            let mut ms: Vec<f64> = times
                .iter()
                .map(|time| time.as_secs_f64() * 1000.0)
                .collect();
            ms.sort_by(f64::total_cmp);
            quantile(&ms, share)
        };
        Latency {
            drills: up.len(),
            up_p50_ms: at(up, 0.5),
            up_p95_ms: at(up, 0.95),
            down_p50_ms: at(down, 0.5),
            down_p95_ms: at(down, 0.95),
        }
    }
}

impl Costs {
    fn of(storm: Storm, drills: usize) -> Costs {
        let per_drill = |count: f64| count / drills as f64;
        Costs {
            asked_s: storm.times.asked.as_secs_f64(),
            told_s: storm.times.told.as_secs_f64(),
            stands_s: storm.times.stands.as_secs_f64(),
            rss_mib_right_after: storm.resident_bytes as f64 / MIB,
            looks_per_drill: per_drill(storm.looks as f64),
            calls_per_drill: per_drill(storm.calls.values().sum::<usize>() as f64),
            calls: storm.calls,
            refused: storm.refused,
        }
    }
}

/// What the requests were, the most frequent first.
fn requests(text: &mut String, title: &str, costs: &Costs, drills: usize) {
    let _ = writeln!(text, "\nrequests a drill, {title}");
    let mut calls: Vec<_> = costs.calls.iter().collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (kind, count) in calls {
        let _ = writeln!(text, "  {kind:<36} {:>8.3}", *count as f64 / drills as f64);
    }
}

fn targets(up: &Costs, rest: &AtRest) -> Vec<Target> {
    [
        ("memory at rest, MiB", 50.0, rest.rss_mib),
        ("requests until a drill is up", 8.0, up.calls_per_drill),
        ("writes at rest, but for the lease", 0.0, rest.writes as f64),
    ]
    .into_iter()
    .map(|(what, at_most, measured)| Target {
        what,
        at_most,
        measured,
        met: measured <= at_most,
    })
    .collect()
}
