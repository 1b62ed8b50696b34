//! What a request costs a gateway of Istio's: with nothing but production's routes, with the most that
//! can be made of Istio's own parts, and with drillgate.

use std::fmt::Write;

use drillgate::lab::Request;
use serde::Serialize;

use super::row::Kind;
use super::steered::Steered;
use super::ways::{Kinds, Way};
use crate::bench::{Spread, UnderLoad, Window};
use crate::istio::{Mesh, Stage};

/// Requests of one window.
const REQUESTS: usize = 4000;

/// The gateways that are compared.
const BARE: &str = "nothing but routes";
/// Another one like the first: what this one's figures differ by is noise.
const CONTROL: &str = "the same once more";
const CLOSED: &str = "RequestAuthentication, closed";
const OURS: &str = "drillgate";

/// One gateway on one kind of traffic.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `production` or `drill`.
    pub traffic: &'static str,
    /// Which gateway.
    pub gateway: &'static str,
    /// CPU time of Envoy a request, microseconds.
    pub cpu_us: Spread,
    /// As the client saw it.
    pub p50_us: Spread,
    /// Of one in a hundred.
    pub p99_us: Spread,
    /// CPU against the first gateway of the same traffic in the same round.
    pub cpu_ratio: Spread,
}

/// Requests without the header through all four, and a drill's through the two that steer, window by
/// window in turn.
///
/// # Panics
/// If the mesh refuses something, or a request gets another answer than it must.
pub async fn costs(mesh: &Mesh, rounds: usize) -> Vec<Row> {
    let bare = Stage::set(mesh, axum::Router::new()).await;
    let control = Stage::set(mesh, axum::Router::new()).await;
    let closed = Steered::set(mesh, Kinds::Istio, Way::Closed).await;
    let ours = Steered::set(mesh, Kinds::Istio, Way::Authority).await;
    for (steered, wanted) in [(&closed, "200 sandbox"), (&ours, "200 routed sandbox")] {
        assert_eq!(steered.settled(Kind::Valid, wanted).await, wanted);
    }
    let plain = Request::get("orders.example.com", "/");
    let mut production = [BARE, CONTROL, CLOSED, OURS].map(|gateway| (gateway, Vec::new()));
    let mut drill = [(CLOSED, Vec::new()), (OURS, Vec::new())];
    // The first round warms everything up, and is thrown away.
    for round in 0..=rounds {
        let mut turn = [&bare, &control, &closed.stage, &ours.stage]
            .into_iter()
            .enumerate()
            .collect::<Vec<_>>();
        turn.rotate_left(round % 4);
        for (index, stage) in turn {
            production[index].1.push(measured(stage, &plain).await);
        }
        let mut turn = [&closed, &ours].into_iter().enumerate().collect::<Vec<_>>();
        turn.rotate_left(round % 2);
        for (index, steered) in turn {
            // A token lasts a minute.
            let request = steered.request(Kind::Valid).await;
            drill[index]
                .1
                .push(measured(&steered.stage, &request).await);
        }
    }
    let production = rows("production", &mut production);
    production
        .into_iter()
        .chain(rows("drill", &mut drill))
        .collect()
}

/// The table of these rows.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "CPU of Envoy a request on Istio's gateway, medians with quartiles; drillgate with its audit record\n\n  \
         {:<11} {:<30} {:>8} {:>24} {:>8} {:>8}\n",
        "traffic", "gateway", "cpu us", "to the first", "p50 us", "p99 us"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "  {:<11} {:<30} {:>8.1} {:>24} {:>8.0} {:>8.0}",
            row.traffic,
            row.gateway,
            row.cpu_us.median,
            row.cpu_ratio,
            row.p50_us.median,
            row.p99_us.median,
        );
    }
    text
}

async fn measured(stage: &Stage, request: &Request) -> Window {
    let mut text = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\n",
        request.path, request.authority
    );
    for (name, value) in &request.headers {
        let _ = write!(text, "{name}: {}\r\n", String::from_utf8_lossy(value));
    }
    text.push_str("\r\n");
    let process = stage.gateway.envoy_id();
    let mut gateway = UnderLoad::connect(process, stage.address())
        .await
        .expect("connect to the gateway");
    let measured = gateway.window(&text, 200, REQUESTS).await;
    measured.unwrap_or_else(|error| panic!("{error}"))
}

fn rows(traffic: &'static str, gateways: &mut [(&'static str, Vec<Window>)]) -> Vec<Row> {
    for (_, windows) in gateways.iter_mut() {
        windows.remove(0);
    }
    let Some((_, yardstick)) = gateways.first() else {
        return Vec::new();
    };
    let of = |windows: &[Window], figure: fn(&Window) -> f64| {
        Spread::of(windows.iter().map(figure).collect())
    };
    let each = gateways.iter().map(|(gateway, windows)| {
        let pairs = windows.iter().zip(yardstick);
        Row {
            traffic,
            gateway,
            cpu_us: of(windows, |window| window.cpu / 1000.0),
            p50_us: of(windows, |window| window.p50),
            p99_us: of(windows, |window| window.p99),
            cpu_ratio: Spread::of(pairs.map(|(one, first)| one.cpu / first.cpu).collect()),
        }
    });
    each.collect()
}
