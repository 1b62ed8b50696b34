//! What fails, row by row, under a mixed load: what valid drill requests get meanwhile, and that
//! production and the sandbox have nothing to do with any other.

mod fault;
mod ground;

use drillgate_tests::istio::drill_request;

use crate::ledger::{Ledger, ROUTED, UNREACHABLE, load, some};
use fault::Fault;
use ground::{Ground, Shape};

/// A failure, and what valid requests may get from its beginning until it is over.
struct Row {
    name: &'static str,
    fault: Fault,
    valid: &'static [&'static str],
    /// What some valid request got, for the failure to have been one.
    met: &'static str,
}

const fn row(
    name: &'static str,
    fault: Fault,
    valid: &'static [&'static str],
    met: &'static str,
) -> Row {
    Row {
        name,
        fault,
        valid,
        met,
    }
}

const ANSWERED: &[&str] = &[ROUTED];
const FOR_A_WHILE: &[&str] = &[ROUTED, UNREACHABLE];

/// What there is while the filter is missing, or back and not yet told of the drill.
const WITHOUT_FILTER: &[&str] = &[
    ROUTED,
    UNREACHABLE,
    "403",
    "403 unknown-drill",
    "403 unknown-key",
];

/// The sandbox's own 500 until its endpoint is left out.
const EJECTED: &[&str] = &[ROUTED, UNREACHABLE, "500 routed"];

static SANDBOX: [Row; 7] = [
    row(
        "the sandbox refuses",
        Fault::Refused,
        FOR_A_WHILE,
        UNREACHABLE,
    ),
    row("the sandbox hangs", Fault::Hangs, FOR_A_WHILE, UNREACHABLE),
    row(
        "the sandbox resets",
        Fault::Resets,
        FOR_A_WHILE,
        UNREACHABLE,
    ),
    row("no endpoints", Fault::NoEndpoints, FOR_A_WHILE, UNREACHABLE),
    row("no service", Fault::NoService, FOR_A_WHILE, UNREACHABLE),
    row("ejected", Fault::Ejected, EJECTED, UNREACHABLE),
    row(
        "over the breaker",
        Fault::Overloaded,
        FOR_A_WHILE,
        UNREACHABLE,
    ),
];

static OBJECTS: [Row; 7] = [
    row(
        "the drill's route deleted",
        Fault::Route,
        FOR_A_WHILE,
        ROUTED,
    ),
    row("the drill's rule deleted", Fault::Rule, ANSWERED, ROUTED),
    row("the policy deleted", Fault::Policy, ANSWERED, ROUTED),
    row("the guard deleted", Fault::Guard, ANSWERED, ROUTED),
    row("a hostile route", Fault::Hostile, ANSWERED, ROUTED),
    row(
        "the filter edited",
        Fault::PluginEdited,
        WITHOUT_FILTER,
        "403",
    ),
    row("the filter deleted", Fault::Plugin, WITHOUT_FILTER, ROUTED),
];

static CONTROL: [Row; 3] = [
    row("the controller killed", Fault::Controller, ANSWERED, ROUTED),
    row("istiod killed", Fault::Istiod, ANSWERED, ROUTED),
    row("the API server stopped", Fault::ApiServer, ANSWERED, ROUTED),
];

/// By HTTPS: a failure of each sort.
const BY_TLS: [Fault; 3] = [Fault::Refused, Fault::Route, Fault::Plugin];

fn rows() -> impl Iterator<Item = &'static Row> {
    SANDBOX.iter().chain(&OBJECTS).chain(&CONTROL)
}

/// Runs one row, and looks at its ledger.
async fn run(ground: &mut Ground, row: &Row) {
    println!("{} begins", row.name);
    ground.visits.forget();
    let own = ground.stage.drills_host().await;
    let load = load(&ground.stage, &ground.id, &own, "ci");
    some(&load).await;
    let before = ground.inflict(row.fault).await;
    some(&load).await;
    ground.heal(row.fault, before).await;
    ground.stage.until(&drill_request(&ground.id), ROUTED).await;
    some(&load).await;
    let ledger = Ledger {
        name: row.name,
        sent: load.end().await,
    };
    ledger.print();
    let unfiltered = matches!(row.fault, Fault::Plugin | Fault::PluginEdited);
    ledger.assert_exact(&ground.visits, row.valid, unfiltered);
    assert!(ledger.has(row.met), "{}: no {}", row.name, row.met);
    ground.stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_failure_brings_a_drill_request_to_production_or_takes_one_of_its_own_away() {
    run_all(Shape::Istio).await;
}

/// A rule of a guard without backends answers 500, of which the filter makes 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_same_holds_for_each_failure_on_the_gateway_api() {
    run_all(Shape::GatewayApi).await;
}

async fn run_all(shape: Shape) {
    let mut ground = Ground::prepare(shape).await;
    for row in rows() {
        run(&mut ground, row).await;
    }
    let scene = &ground.stage.scene;
    for (namespace, name) in [(&scene.sandbox, "orders"), (&scene.gateway, "edge")] {
        let events = scene.events(namespace, name).await;
        let is_repair = |event: &String| event.starts_with("Repaired");
        assert!(events.iter().any(is_repair), "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_by_https_the_same_holds_on_both_shapes() {
    for shape in [Shape::IstioByTls, Shape::GatewayApiByTls] {
        let mut ground = Ground::prepare(shape).await;
        for row in rows().filter(|row| BY_TLS.contains(&row.fault)) {
            run(&mut ground, row).await;
        }
    }
}
