//! gRPC and WebSockets on Istio, and streams of production's that outlive a drill.

use std::net::SocketAddr;

use drill_context::HEADER_NAME;
use drillgate_tests::istio::{KEY, Mesh, Stage, claims, drill_request, signed};
use drillgate_tests::socket::{Echo, handshake};
use drillgate_tests::{
    REFLECTIONS, check_health, health_router, orders_router, reported_health_router, watch_health,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic_health::ServingStatus;

use crate::desk::Desk;
use crate::ledger::ROUTED;
use crate::production::PAST_THE_DRAIN;
use crate::{LIMIT, eventually, serving_both, started};

pub const HOST: &str = "orders.example.com";

/// The code of a call, or that it was answered.
async fn call(stage: &Stage, context: Option<&str>, service: &str) -> Code {
    let answer = check_health(stage.address(), HOST, context, service).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// A service whose port speaks gRPC.
pub fn for_grpc(mut entry: Value) -> Value {
    entry["spec"]["ports"][0]["protocol"] = json!("GRPC");
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_drill_is_routed_or_fails_by_a_grpc_status_and_never_by_productions() {
    let (production, sandbox) = (health_router("production"), health_router("sandbox"));
    let stage = serving_both(production.await, sandbox.await).await;
    assert_drills_by_grpc(&stage, stage.gate()).await;
}

/// Unary calls, with these services and gate.
pub async fn assert_drills_by_grpc(stage: &Stage, gate: Value) {
    stage.scene.apply(for_grpc(stage.production_entry())).await;
    stage.scene.apply(for_grpc(stage.sandbox_entry())).await;
    stage.install(gate).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;
    let context = signed(&claims(&id), KEY);

    eventually("production speaks gRPC", async || {
        call(stage, None, "production").await == Code::Ok
    })
    .await;
    eventually("the sandbox speaks gRPC", async || {
        call(stage, Some(&context), "sandbox").await == Code::Ok
    })
    .await;
    // Each knows its own name alone.
    assert_eq!(call(stage, None, "sandbox").await, Code::NotFound);
    assert_eq!(
        call(stage, Some(&context), "production").await,
        Code::NotFound
    );
    let refused = call(stage, Some("forged"), "production").await;
    assert_eq!(refused, Code::PermissionDenied);
    stage.sandbox.down().await.unwrap();
    let failed = call(stage, Some(&context), "production").await;
    assert_eq!(failed, Code::Unavailable);
    assert_eq!(call(stage, None, "production").await, Code::Ok);
    assert_eq!(stage.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_calls_a_method_of_the_sandbox_by_the_sandboxs_own_reflection() {
    // Production does not say what it is.
    let (production, sandbox) = (orders_router(&[]), orders_router(&REFLECTIONS));
    let stage = serving_both(production, sandbox).await;
    stage.scene.apply(for_grpc(stage.production_entry())).await;
    stage.scene.apply(for_grpc(stage.sandbox_entry())).await;
    stage.install(stage.gate()).await;
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["checks"] = json!([{
        "name": "order-1-is-there",
        "retry": {"for": "60s"},
        "grpc": {
            "method": "orders.v1.Orders/Get",
            "request": {"id": 1},
            "expect": {"json": [{"path": "$.state", "equals": "STATE_PAID"}]},
        },
    }]);
    let desk = Desk::at(&Mesh::shared().await.plane);
    desk.write("drill.yaml", &drill);
    let run = ["run", "-f", "drill.yaml"];
    let done = desk.run(&run).await;
    done.says("check order-1-is-there passed");

    // istiod is a server in Go, whose service is described in many files with options of their own.
    // It has streams alone.
    let istiod = ([127, 0, 0, 1], Mesh::shared().await.istiod.xds()).into();
    let entry = stage.sandbox_entry_to(&[istiod]);
    stage.scene.apply(for_grpc(entry)).await;
    let service = "envoy.service.discovery.v3.AggregatedDiscoveryService";
    let told = |name: &str, method: &str| {
        let grpc = json!({ "method": method });
        json!({"name": name, "severity": "Informative", "grpc": grpc})
    };
    drill["spec"]["checks"] = json!([
        told("streams", &format!("{service}/StreamAggregatedResources")),
        told("lost", "istio.Nothing/Get"),
    ]);
    desk.write("drill.yaml", &drill);
    let lost = format!("has no service istio.Nothing; it has {service}");
    eventually(
        "istiod in the sandbox's place says what it is",
        async || {
            let done = desk.run(&run).await;
            done.told("StreamAggregatedResources is a streaming method") && done.told(&lost)
        },
    )
    .await;
    assert_eq!(stage.production.drill_requests(), 0);
}

/// A stage whose production and sandbox are these.
async fn echoing(production: &Echo, sandbox: &Echo) -> Stage {
    let stage = started().await;
    let mut entry = stage.production_entry();
    let at: SocketAddr = production.address;
    entry["spec"]["endpoints"][0]["ports"]["http"] = json!(at.port());
    stage.scene.apply(entry).await;
    let to = stage.sandbox_entry_to(&[sandbox.address]);
    stage.scene.apply(to).await;
    stage.install(stage.gate()).await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_of_a_drill_is_the_sandboxs_and_one_of_productions_outlives_the_drill() {
    let (production, sandbox) = (Echo::start().await, Echo::start().await);
    let stage = echoing(&production, &sandbox).await;
    eventually("production takes upgrades", async || {
        handshake(stage.address(), HOST, "", LIMIT).await.1
    })
    .await;
    // What the gate did to the listeners has to be over.
    sleep(PAST_THE_DRAIN).await;
    let before = stage.gateway.listeners().await;
    let mut open = Open::at(stage.address()).await;

    let id = stage.drill().await;
    let header = |value: &str| format!("{HEADER_NAME}: {value}\r\n");
    let valid = header(&signed(&claims(&id), KEY));
    eventually("the drill's upgrade is taken", async || {
        handshake(stage.address(), HOST, &valid, LIMIT).await.1
    })
    .await;
    let of_drill = |heads: Vec<String>| heads.iter().any(|head| head.contains(HEADER_NAME));
    assert!(of_drill(sandbox.heads()), "{:?}", sandbox.heads());
    let (head, echoed) = handshake(stage.address(), HOST, &header("forged"), LIMIT).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && !echoed, "{head}");
    stage.scene.apply(stage.sandbox_entry_to(&[])).await;
    eventually("the sandbox is gone", async || {
        let (head, _) = handshake(stage.address(), HOST, &valid, LIMIT).await;
        head.starts_with("HTTP/1.1 503 ")
    })
    .await;
    open.echoes().await;

    stage.scene.delete(&stage.scene.drill("orders")).await;
    stage.scene.gone(&stage.scene.drill("orders")).await;
    sleep(PAST_THE_DRAIN).await;
    open.echoes().await;
    assert_eq!(stage.gateway.listeners().await, before);
    assert!(!of_drill(production.heads()), "{:?}", production.heads());
}

/// A WebSocket that stays open.
struct Open(TcpStream);

impl Open {
    /// Opens one of production's.
    async fn at(gateway: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        let asked = format!(
            "GET /open HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        Self(stream)
    }

    /// What is sent comes back.
    async fn echoes(&mut self) {
        self.0.write_all(b"still").await.unwrap();
        let mut back = [0; 5];
        self.0.read_exact(&mut back).await.expect("it is open");
        assert_eq!(&back, b"still");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_stream_of_productions_that_was_open_before_the_drill_outlives_it() {
    let (production, reporter) = reported_health_router("production").await;
    let stage = serving_both(production, health_router("sandbox").await).await;
    stage.scene.apply(for_grpc(stage.production_entry())).await;
    stage.scene.apply(for_grpc(stage.sandbox_entry())).await;
    stage.install(stage.gate()).await;
    eventually("production speaks gRPC", async || {
        call(&stage, None, "production").await == Code::Ok
    })
    .await;
    // What the gate did to the listeners has to be over.
    sleep(PAST_THE_DRAIN).await;
    let before = stage.gateway.listeners().await;
    let stream = watch_health(stage.address(), HOST, None, "production").await;
    let mut stream = stream.expect("a stream");
    let mut told = async || {
        let next = timeout(LIMIT, stream.message()).await.expect("a message");
        next.expect("it goes on").expect("it goes on").status
    };
    assert_eq!(told().await, ServingStatus::Serving as i32);

    let id = stage.drill().await;
    let context = signed(&claims(&id), KEY);
    eventually("the drill is routed", async || {
        call(&stage, Some(&context), "sandbox").await == Code::Ok
    })
    .await;
    reporter
        .set_service_status("production", ServingStatus::NotServing)
        .await;
    assert_eq!(told().await, ServingStatus::NotServing as i32);
    stage.scene.delete(&stage.scene.drill("orders")).await;
    stage.scene.gone(&stage.scene.drill("orders")).await;
    sleep(PAST_THE_DRAIN).await;
    reporter
        .set_service_status("production", ServingStatus::Serving)
        .await;
    assert_eq!(told().await, ServingStatus::Serving as i32);
    assert_eq!(stage.gateway.listeners().await, before);
    assert_eq!(stage.production.drill_requests(), 0);
}
