//! From times and counts to a table and targets.

use std::fmt::Write;
use std::time::Duration;

use drillgate_tests::bench::quantile;
use drillgate_tests::istio::comparison::cost::Row;
use serde::Serialize;

use crate::ground::{Memory, Updated};
use crate::push::Pushes;

const MIB: f64 = 1024.0 * 1024.0;

/// Drills and bare VirtualServices in turn.
#[derive(Default)]
pub struct Phase {
    pub drill_up: Vec<Duration>,
    pub drill_down: Vec<Duration>,
    pub bare_up: Vec<Duration>,
    pub bare_down: Vec<Duration>,
    pub pushes: Pushes,
}

/// A median, the quartiles around it, and the slowest, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub lower: f64,
    pub upper: f64,
    pub most: f64,
}

impl Spread {
    fn of(times: &[Duration]) -> Spread {
        let mut ms: Vec<f64> = times
            .iter()
            .map(|time| time.as_secs_f64() * 1000.0)
            .collect();
        ms.sort_by(f64::total_cmp);
        Spread {
            median: quantile(&ms, 0.50),
            lower: quantile(&ms, 0.25),
            upper: quantile(&ms, 0.75),
            most: quantile(&ms, 1.0),
        }
    }

    fn shown(self) -> String {
        format!("{:.0} [{:.0} {:.0}]", self.median, self.lower, self.upper)
    }
}

/// What one drill took, and a bare VirtualService beside it.
#[derive(Serialize)]
pub struct Latency {
    /// From the apply to the first answer of the sandbox that the filter has verified.
    pub drill_up_ms: Spread,
    /// From the deletion to the first 403 or 503.
    pub drill_down_ms: Spread,
    /// From the apply to the first answer of the sandbox.
    pub bare_up_ms: Spread,
    pub bare_down_ms: Spread,
    pub istiod_converged_ms: f64,
    pub istiod_push_ms: f64,
}

#[derive(Serialize)]
pub struct MemoryMib {
    pub envoy_resident: f64,
    pub envoy_allocated: f64,
    pub istiod_resident: f64,
}

/// Updates of the filter's configuration.
#[derive(Serialize)]
pub struct Updates {
    pub each_ms: Spread,
    /// After so many.
    pub memory_mib: Vec<(usize, MemoryMib)>,
}

/// A figure that was aimed at.
#[derive(Serialize)]
pub struct Target {
    pub what: String,
    pub at_most_ms: f64,
    pub measured_ms: f64,
    pub met: bool,
}

#[derive(Serialize)]
pub struct Report {
    pub rounds: usize,
    pub drills: usize,
    pub alone: Latency,
    pub beside_all: Latency,
    pub all_up_s: f64,
    pub all_down_s: f64,
    /// Without drills, with all, and after they have gone.
    pub memory_mib: [MemoryMib; 3],
    pub updates: Updates,
    /// What a request costs a gateway.
    pub costs: Vec<Row>,
    pub targets: Vec<Target>,
}

impl Report {
    pub fn new(
        drills: usize,
        [alone, beside]: [Phase; 2],
        updated: Updated,
        memory: [Memory; 3],
        [all_up_s, all_down_s]: [f64; 2],
        costs: Vec<Row>,
    ) -> Report {
        let rounds = alone.drill_up.len();
        let (alone, beside_all) = (Latency::of(&alone), Latency::of(&beside));
        let memories = updated.memory.into_iter();
        let target = |what: String, at_most_ms: f64, measured: Spread| Target {
            what,
            at_most_ms,
            measured_ms: measured.median,
            met: measured.median <= at_most_ms,
        };
        let beside = format!("beside {drills}");
        Report {
            rounds,
            drills,
            costs,
            targets: vec![
                target(
                    "apply to verified answer, alone".to_owned(),
                    300.0,
                    alone.drill_up_ms,
                ),
                target(
                    format!("apply to verified answer, {beside}"),
                    600.0,
                    beside_all.drill_up_ms,
                ),
                target(
                    "delete to 403 or 503, alone".to_owned(),
                    250.0,
                    alone.drill_down_ms,
                ),
                target(
                    format!("delete to 403 or 503, {beside}"),
                    500.0,
                    beside_all.drill_down_ms,
                ),
            ],
            alone,
            beside_all,
            all_up_s,
            all_down_s,
            memory_mib: memory.map(MemoryMib::of),
            updates: Updates {
                each_ms: Spread::of(&updated.each),
                memory_mib: memories
                    .map(|(after, memory)| (after, MemoryMib::of(memory)))
                    .collect(),
            },
        }
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "drills on a real Istio, milliseconds: medians of {} with quartiles\n\n\
             {:<22} {:>20} {:>20} {:>20} {:>20} {:>16} {:>12}\n",
            self.rounds,
            "",
            "drill up",
            "drill down",
            "bare up",
            "bare down",
            "istiod converged",
            "a push"
        );
        let beside = format!("beside {}", self.drills);
        for (name, latency) in [("alone", &self.alone), (&beside, &self.beside_all)] {
            let _ = writeln!(
                text,
                "  {name:<20} {:>20} {:>20} {:>20} {:>20} {:>16.0} {:>12.2}",
                latency.drill_up_ms.shown(),
                latency.drill_down_ms.shown(),
                latency.bare_up_ms.shown(),
                latency.bare_down_ms.shown(),
                latency.istiod_converged_ms,
                latency.istiod_push_ms,
            );
        }
        let _ = writeln!(
            text,
            "\nall {} at once: up in {:.1} s, gone in {:.1} s\n\n{:<22} {:>15} {:>15} {:>15}",
            self.drills,
            self.all_up_s,
            self.all_down_s,
            "memory, MiB",
            "Envoy resident",
            "allocated",
            "istiod"
        );
        let mut memory = |name: &str, memory: &MemoryMib| {
            let _ = writeln!(
                text,
                "  {name:<20} {:>15.1} {:>15.1} {:>15.1}",
                memory.envoy_resident, memory.envoy_allocated, memory.istiod_resident
            );
        };
        for (after, of) in &self.updates.memory_mib {
            memory(&format!("after {after} updates"), of);
        }
        let names = [
            "without drills",
            &format!("with {}", self.drills),
            "when they have gone",
        ];
        for (name, of) in names.into_iter().zip(&self.memory_mib) {
            memory(name, of);
        }
        let _ = writeln!(
            text,
            "\nan update: {}\n\ntargets, ms",
            self.updates.each_ms.shown()
        );
        for target in &self.targets {
            let verdict = if target.met { "met" } else { "not met" };
            let _ = writeln!(
                text,
                "  {:<44} at most {:>4.0}  measured {:>5.0}  {verdict}",
                target.what, target.at_most_ms, target.measured_ms
            );
        }
        text
    }
}

impl Latency {
    fn of(phase: &Phase) -> Latency {
        Latency {
            drill_up_ms: Spread::of(&phase.drill_up),
            drill_down_ms: Spread::of(&phase.drill_down),
            bare_up_ms: Spread::of(&phase.bare_up),
            bare_down_ms: Spread::of(&phase.bare_down),
            istiod_converged_ms: phase.pushes.converged_ms(),
            istiod_push_ms: phase.pushes.made_ms(),
        }
    }
}

impl MemoryMib {
    fn of(memory: Memory) -> MemoryMib {
        MemoryMib {
            envoy_resident: memory.envoy_resident as f64 / MIB,
            envoy_allocated: memory.envoy_allocated as f64 / MIB,
            istiod_resident: memory.istiod_resident as f64 / MIB,
        }
    }
}
