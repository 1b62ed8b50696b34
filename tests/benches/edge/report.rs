//! From windows to medians of ratios.

use std::collections::BTreeMap;
use std::fmt::Write;

use drillgate_tests::bench::{Spread, Window};
use serde::Serialize;

use crate::edges::{Contender, Traffic};

/// One window, and where it belongs.
pub struct Measured {
    pub round: usize,
    pub contender: Contender,
    pub traffic: Traffic,
    pub window: Window,
}

/// One contender on one kind of traffic.
#[derive(Debug, Serialize)]
pub struct Row {
    pub traffic: String,
    pub contender: &'static str,
    /// CPU time of Envoy a request, microseconds.
    pub cpu_us: Spread,
    pub p50_us: Spread,
    pub p99_us: Spread,
    /// CPU against `no filter` in the same round; none for forged tokens, which it lets pass.
    pub cpu_to_no_filter: Option<Spread>,
    /// CPU against `jwt_authn` in the same round.
    pub cpu_to_jwt_authn: Spread,
}

/// A figure that was aimed at.
#[derive(Debug, Serialize)]
pub struct Target {
    pub what: &'static str,
    pub at_most: f64,
    pub measured: Spread,
    pub met: bool,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub rounds: usize,
    pub module_kib: f64,
    pub rows: Vec<Row>,
    pub targets: Vec<Target>,
}

type Rounds = BTreeMap<usize, Window>;

struct Windows(BTreeMap<(Traffic, Contender), Rounds>);

impl Windows {
    fn get(&self, traffic: Traffic, contender: Contender) -> Option<&Rounds> {
        self.0.get(&(traffic, contender))
    }

    /// CPU of one against another, each pair from one round.
    fn ratio(&self, traffic: Traffic, of: Contender, to: Contender) -> Option<Spread> {
        let (of, to) = (self.get(traffic, of)?, self.get(traffic, to)?);
        let ratios = of.iter().map(|(round, window)| window.cpu / to[round].cpu);
        Some(Spread::of(ratios.collect()))
    }
}

impl Report {
    pub fn new(rounds: usize, module_bytes: u64, measured: &[Measured]) -> Report {
        let mut windows = Windows(BTreeMap::new());
        for Measured {
            round,
            contender,
            traffic,
            window,
        } in measured
        {
            let rounds = windows.0.entry((*traffic, *contender)).or_default();
            rounds.insert(*round, window.clone());
        }
        let module_kib = module_bytes as f64 / 1024.0;
        Report {
            rounds,
            module_kib,
            rows: rows(&windows),
            targets: targets(&windows, module_kib),
        }
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "CPU of one Envoy worker a request, medians over {} rounds with quartiles\n\n\
             {:<11} {:<23} {:>9} {:>22} {:>22} {:>8} {:>8}\n",
            self.rounds,
            "traffic",
            "edge",
            "cpu us",
            "to no filter",
            "to jwt_authn",
            "p50 us",
            "p99 us"
        );
        for row in &self.rows {
            let to_no_filter = row
                .cpu_to_no_filter
                .map_or_else(|| "-".to_owned(), |ratio| ratio.to_string());
            let _ = writeln!(
                text,
                "{:<11} {:<23} {:>9.1} {:>22} {:>22} {:>8.0} {:>8.0}",
                row.traffic,
                row.contender,
                row.cpu_us.median,
                to_no_filter,
                row.cpu_to_jwt_authn,
                row.p50_us.median,
                row.p99_us.median,
            );
        }
        let _ = writeln!(text, "\nmodule: {:.1} KiB\n\ntargets", self.module_kib);
        for target in &self.targets {
            let verdict = if target.met { "met" } else { "not met" };
            let _ = writeln!(
                text,
                "  {:<62} at most {:>6.2}  measured {:>22}  {verdict}",
                target.what, target.at_most, target.measured,
            );
        }
        text
    }
}

fn rows(windows: &Windows) -> Vec<Row> {
    let mut rows = Vec::new();
    for ((traffic, contender), rounds) in &windows.0 {
        let spread = |figure: fn(&Window) -> f64| Spread::of(rounds.values().map(figure).collect());
        let to = |other| windows.ratio(*traffic, *contender, other);
        let Some(cpu_to_jwt_authn) = to(Contender::JwtAuthn) else {
            continue;
        };
        rows.push(Row {
            traffic: format!("{traffic:?}").to_lowercase(),
            contender: contender.name(),
            cpu_us: spread(|window| window.cpu / 1000.0),
            p50_us: spread(|window| window.p50),
            p99_us: spread(|window| window.p99),
            cpu_to_no_filter: to(Contender::NoFilter),
            cpu_to_jwt_authn,
        });
    }
    rows
}

fn targets(windows: &Windows, module_kib: f64) -> Vec<Target> {
    use Contender::{
        Drillgate, Drillgate1000, DrillgateAudit, DrillgateLog, JwtAuthn, JwtAuthnLog, NoFilter,
    };
    use Traffic::{Drill, Forged, Production};
    let size = Spread {
        median: module_kib,
        lower: module_kib,
        upper: module_kib,
    };
    let of = |traffic, of, to| windows.ratio(traffic, of, to);
    [
        (
            "production request against no filter",
            1.08,
            of(Production, Drillgate, NoFilter),
        ),
        (
            "drill request against jwt_authn",
            0.95,
            of(Drill, Drillgate, JwtAuthn),
        ),
        (
            "drill request with audit against jwt_authn with access log",
            0.95,
            of(Drill, DrillgateAudit, JwtAuthnLog),
        ),
        (
            "the same, both with an access log",
            0.95,
            of(Drill, DrillgateLog, JwtAuthnLog),
        ),
        (
            "forged token against jwt_authn",
            1.00,
            of(Forged, Drillgate, JwtAuthn),
        ),
        (
            "production request, 1000 drills against one",
            1.02,
            of(Production, Drillgate1000, Drillgate),
        ),
        (
            "drill request, 1000 drills against one",
            1.02,
            of(Drill, Drillgate1000, Drillgate),
        ),
        ("module size, KiB", 150.0, Some(size)),
    ]
    .into_iter()
    .filter_map(|(what, at_most, measured)| {
        let measured = measured?;
        let met = measured.median <= at_most;
        Some(Target {
            what,
            at_most,
            measured,
            met,
        })
    })
    .collect()
}
