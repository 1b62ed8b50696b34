//! Drills on a real Istio: how long one takes from its apply until a request is answered by the
//! sandbox, and from its deletion until none is, alone and beside many; what drills and updates cost
//! istiod and Envoy; and what a request costs a gateway with drillgate and without.
//!
//! `make bench-istio` runs it, with a controller as it is shipped. All of it and the clients share the
//! machine, so times compare within one run: with the bare VirtualServices that are applied in turn with
//! the drills. Nothing here asserts a time.

mod ground;
mod push;
mod report;

use std::error::Error;
use std::fs;

use drillgate_tests::bench::output_folder;
use drillgate_tests::istio::comparison::cost;

use ground::Ground;
use push::Pushes;
use report::{Phase, Report};

/// Drills that are there at the same time, unless `DRILLGATE_BENCH_DRILLS` says otherwise.
const DRILLS: usize = 200;

/// Drills, and bare VirtualServices, that are brought up one after the other, unless
/// `DRILLGATE_BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 20;

/// Updates of the filter's configuration, unless `DRILLGATE_BENCH_UPDATES` says otherwise.
const UPDATES: usize = 500;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let drills = setting("DRILLGATE_BENCH_DRILLS", DRILLS)?;
    let rounds = setting("DRILLGATE_BENCH_ROUNDS", ROUNDS)?;
    let updates = setting("DRILLGATE_BENCH_UPDATES", UPDATES)?;
    eprintln!("    ... starting a mesh, a controller and a gateway");
    let ground = Ground::prepare().await;
    // The first ones warm everything up, and are thrown away.
    let _warm = phase(&ground, "warm", 2).await;
    eprintln!("    ... {rounds} windows of requests through each of four gateways");
    let costs = cost::costs(&ground.mesh, rounds).await;
    eprintln!("    ... {rounds} drills and VirtualServices, one after the other");
    let alone = phase(&ground, "alone", rounds).await;
    eprintln!("    ... {updates} updates of the filter's configuration");
    let updated = ground.update(updates).await;
    eprintln!("    ... {drills} drills at once");
    let before = ground.memory().await;
    let up_s = ground.come_up(drills).await.as_secs_f64();
    let with_drills = ground.memory().await;
    eprintln!("    ... {rounds} drills and VirtualServices, beside {drills}");
    let beside = phase(&ground, "beside", rounds).await;
    eprintln!("    ... all {drills} drills go");
    let down_s = ground.go_away(drills).await.as_secs_f64();
    let memory = [before, with_drills, ground.memory().await];

    let report = Report::new(
        drills,
        [alone, beside],
        updated,
        memory,
        [up_s, down_s],
        costs,
    );
    let folder = output_folder()?;
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(folder.join("istio.json"), json)?;
    println!("{}\n{}", report.table(), cost::table(&report.costs));
    println!("written: {}/istio.json", folder.display());
    Ok(())
}

/// Drills and bare VirtualServices in turn, and what istiod had to do for both.
async fn phase(ground: &Ground, name: &str, rounds: usize) -> Phase {
    let before = Pushes::read(ground).await;
    let mut phase = Phase::default();
    for round in 0..rounds {
        let (up, down) = ground.drill(&format!("{name}-{round}")).await;
        phase.drill_up.push(up);
        phase.drill_down.push(down);
        let (up, down) = ground.bare(&format!("bare-{name}-{round}")).await;
        phase.bare_up.push(up);
        phase.bare_down.push(down);
    }
    phase.pushes = Pushes::read(ground).await.since(&before);
    phase
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> Result<T, T::Err> {
    std::env::var(name).map_or(Ok(default), |value| value.parse())
}
