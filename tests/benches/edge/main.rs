//! What the filter costs: CPU per request and latency of one Envoy worker, side by side with its
//! yardsticks.
//!
//! `make bench` runs it. All edges stand at once, on one CPU that the client does not use, and are
//! visited in turn, window by window, so that what else the machine does falls on all of them; every
//! figure is a ratio inside one round, and the median over the rounds is reported with its spread.
//! Nothing here asserts a time.

mod by_hand;
mod chart;
mod edges;
mod report;

use std::error::Error;
use std::fs;

use drillgate_tests::bench::output_folder;
use drillgate_tests::module_path;

use edges::{Bench, Contender, Traffic};
use report::{Measured, Report};

/// Requests of one window: few, so that what is compared lies close together in time.
const REQUESTS: usize = 200;

/// Rounds, unless `DRILLGATE_BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds = match std::env::var("DRILLGATE_BENCH_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    eprintln!("    ... starting {} edges", Contender::ALL.len());
    let mut bench = Bench::start().await?;
    // The first round warms caches and connections up, and is thrown away.
    let mut measured = Vec::new();
    for round in 0..=rounds {
        if round % 10 == 0 {
            eprintln!("    ... round {round} of {rounds}, {REQUESTS} requests a window");
        }
        for traffic in Traffic::ALL {
            for contender in contenders(traffic, round) {
                let window = bench.window(contender, traffic, REQUESTS).await?;
                if round > 0 {
                    measured.push(Measured {
                        round,
                        contender,
                        traffic,
                        window,
                    });
                }
            }
        }
    }
    let report = Report::new(rounds, fs::metadata(module_path())?.len(), &measured);
    let folder = output_folder()?;
    fs::write(
        folder.join("edge.json"),
        serde_json::to_string_pretty(&report)?,
    )?;
    fs::write(folder.join("edge.svg"), chart::svg(&report))?;
    println!("{}", report.table());
    println!("written: {}/edge.json and edge.svg", folder.display());
    Ok(())
}

/// Who takes part for this traffic; the order turns, so that no one always comes after the same.
fn contenders(traffic: Traffic, round: usize) -> Vec<Contender> {
    let mut all: Vec<_> = Contender::ALL
        .into_iter()
        .filter(|contender| contender.takes(traffic))
        .collect();
    let turn = round % all.len();
    all.rotate_left(turn);
    all
}
