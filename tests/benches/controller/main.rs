//! What drills cost the controller and the API server: requests, memory and time, for one drill
//! and for a thousand at one gate.
//!
//! `make bench` runs it, with a controller as it is shipped. The API server, etcd, the controller
//! and this program share the machine, so times compare on one machine only; requests are counted
//! in the API server's audit log and compare anywhere. Nothing here asserts a time.

mod calls;
mod drills;
mod report;
mod stage;

use std::error::Error;
use std::fs;
use std::time::Duration;

use drillgate_tests::bench::output_folder;

use calls::Mark;
use report::{Report, Rest, Single, Storm};
use stage::Stage;

/// Drills that are there at the same time, unless `DRILLGATE_BENCH_DRILLS` says otherwise.
const DRILLS: usize = 1000;

/// How long the rest is watched in seconds, unless `DRILLGATE_BENCH_REST_SECONDS` says otherwise.
const REST_SECONDS: u64 = 60;

/// Drills that are brought up one after the other.
const SINGLES: usize = 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = setting("DRILLGATE_BENCH_DRILLS", DRILLS)?;
    let rest = Duration::from_secs(setting("DRILLGATE_BENCH_REST_SECONDS", REST_SECONDS)?);
    eprintln!("    ... starting an API server and a controller");
    let mut stage = Stage::set().await;
    let empty_bytes = stage.controller.resident_bytes();
    eprintln!("    ... {SINGLES} drills, one after the other");
    let alone = singles(&mut stage).await;
    eprintln!("    ... {count} drills at once");
    let up = come_up(&mut stage, count).await;
    eprintln!("    ... {SINGLES} drills, one after the other, beside {count}");
    let beside = singles(&mut stage).await;
    eprintln!("    ... at rest for {} s", rest.as_secs());
    let at_rest = rest_for(&mut stage, count, rest).await;
    eprintln!("    ... all {count} drills go");
    let down = go_away(&mut stage, count).await;

    let report = Report::new(count, empty_bytes, alone, up, beside, at_rest, down);
    let folder = output_folder()?;
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(folder.join("controller.json"), json)?;
    println!("{}", report.table());
    println!("written: {}/controller.json", folder.display());
    Ok(())
}

/// Brings drills up and takes them away, one after the other.
async fn singles(stage: &mut Stage) -> Vec<Single> {
    let mut singles = Vec::new();
    for number in 0..SINGLES {
        singles.push(stage.single(&format!("single-{number}")).await);
    }
    singles
}

/// Creates all drills as fast as the API server takes them.
async fn come_up(stage: &mut Stage, count: usize) -> Storm {
    let mark = Mark::set(stage).await;
    let times = stage.create(count).await;
    let bytes = stage.controller.resident_bytes();
    stage.counted(count).await;
    stage.calm().await;
    mark.storm(stage, times, bytes).await
}

async fn rest_for(stage: &mut Stage, count: usize, rest: Duration) -> Rest {
    stage.counted(count).await;
    stage.calm().await;
    let mark = Mark::set(stage).await;
    tokio::time::sleep(rest).await;
    let seen = mark.seen(stage).await;
    Rest {
        seconds: rest.as_secs(),
        resident_bytes: stage.controller.resident_bytes(),
        filter_bytes: stage.filter_bytes().await,
        writes: seen.writes(),
        calls: seen.calls,
        looks: seen.looks,
    }
}

async fn go_away(stage: &mut Stage, count: usize) -> Storm {
    let mark = Mark::set(stage).await;
    let times = stage.delete(count).await;
    let bytes = stage.controller.resident_bytes();
    stage.calm().await;
    mark.storm(stage, times, bytes).await
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> Result<T, T::Err> {
    std::env::var(name).map_or(Ok(default), |value| value.parse())
}
