//! Audit records on their three ways out of the gateway: each accounts for every request.

use std::collections::BTreeMap;

use drill_context::{Claims, HEADER_NAME};
use drillgate::audit::{Account, records};
use drillgate::lab::Request;
use drillgate_tests::gate::now;
use drillgate_tests::istio::{Collector, ENVIRONMENT, Mesh, Stage, drill_request, request_with};
use serde_json::json;

use crate::desk::Desk;
use crate::{eventually, started};

/// A drill that nobody has: its requests tell when a way is open.
const SCOUT: &str = "0b9f2f0e-6d5e-4ec5-9d4b-5c3c1f0a7e11";

/// What users ask for, without the header.
const PLAIN: &str = "/an-ordinary-request";

/// What `docs/siem.md` has the collector called.
const COLLECTOR: &str = "otel-collector.observability.svc.cluster.local";

fn account(log: &str) -> Account {
    log.lines().flat_map(records).collect()
}

/// Sends requests of every kind; gives how many bore the header, by the drill that a good signature
/// names.
async fn traffic(stage: &Stage, id: &str) -> BTreeMap<String, u64> {
    let mut elsewhere = Claims::new(id.parse().unwrap(), "billing-dr".parse().unwrap(), now());
    elsewhere.token_id = Some("run-42".parse().unwrap());
    let forged = Request::get("orders.example.com", "/drill").header(HEADER_NAME, "forged");
    for _ in 0..7 {
        stage
            .outcome(&Request::get("orders.example.com", PLAIN))
            .await;
        stage.outcome(&drill_request(id)).await;
        stage.outcome(&request_with(&elsewhere)).await;
        stage.outcome(&forged).await;
    }
    stage.sandbox.down().await.unwrap();
    for _ in 0..3 {
        stage.outcome(&drill_request(id)).await;
    }
    stage.sandbox.revive().await.unwrap();
    BTreeMap::from([(id.to_owned(), 7 + 7 + 3), (String::new(), 7)])
}

/// Waits until `log` has a request that is sent meanwhile, then sends requests of every kind and
/// waits until all have their record, and no more. How many the drill `id` has then.
async fn assert_accounts(stage: &Stage, id: &str, log: impl Fn() -> String) -> u64 {
    eventually("the way is open", async || {
        stage.outcome(&drill_request(SCOUT)).await;
        account(&log()).drills.contains_key(SCOUT)
    })
    .await;
    let before = account(&log());
    let sent = traffic(stage, id).await;
    let already = before.drills.get(id).map_or(0, |totals| totals.requests);
    eventually("every request has its record", async || {
        account(&log()).gap(id, already + sent[id]).is_none()
    })
    .await;
    let account = account(&log());
    let drill = &account.drills[id];
    let reasons = drill
        .refused
        .iter()
        .map(|(code, count)| (code.as_str(), *count));
    let already = before.drills.get(id).cloned().unwrap_or_default();
    assert_eq!(drill.routed - already.routed, 7, "{account:?}");
    assert_eq!(drill.sandbox_unreachable, 3, "{account:?}");
    assert_eq!(reasons.collect::<Vec<_>>(), [("wrong-environment", 7)]);
    let unattributed = account.unattributed.requests - before.unattributed.requests;
    assert_eq!(unattributed, sent[""], "{account:?}");
    assert_eq!((drill.other, account.repeated), (0, 0));
    drill.requests
}

async fn drilled(audit: serde_json::Value) -> (Stage, String) {
    let stage = started().await;
    let mut gate = stage.gate();
    gate["spec"]["audit"] = audit;
    stage.install(gate).await;
    let id = stage.drill().await;
    (stage, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxys_log_accounts_for_every_request() {
    let (stage, id) = drilled(json!({})).await;
    assert_accounts(&stage, &id, || stage.gateway.log()).await;
    let log = stage.gateway.log();
    let mut routed = log.lines().flat_map(records);
    let routed = routed.find(|record| record.verdict == "routed").unwrap();
    assert_eq!(routed.environment.as_deref(), Some(ENVIRONMENT));
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_log_as_json_accounts_for_every_request() {
    let (stage, id) = drilled(json!({"log": false, "accessLogProvider": "drill-audit"})).await;
    assert_accounts(&stage, &id, || stage.gateway.file("audit.log")).await;
    assert!(account(&stage.gateway.log()).drills.is_empty());
    let log = stage.gateway.file("audit.log");
    let mut refused = log.lines().flat_map(records);
    let refused = refused.find(|record| record.jti.as_deref() == Some("run-42"));
    let refused = refused.unwrap();
    assert_eq!(refused.status, Some(403));
    assert_eq!(refused.path.as_deref(), Some("/drill"));
    assert_eq!(refused.authority.as_deref(), Some("orders.example.com"));
    assert_eq!(refused.kid.as_deref(), Some("ci"));
    assert!(
        !log.contains(PLAIN),
        "requests without the header have no line"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opentelemetry_accounts_for_every_request() {
    let collector = Collector::start().await;
    let (stage, id) = {
        let stage = started().await;
        let entry = collector.entry(&stage.scene.gateway, COLLECTOR);
        stage.scene.apply(entry).await;
        let mut gate = stage.gate();
        gate["spec"]["audit"] = json!({"log": false, "accessLogProvider": "drill-audit-otel"});
        stage.install(gate).await;
        let id = stage.drill().await;
        (stage, id)
    };
    let sent = assert_accounts(&stage, &id, || collector.file()).await;
    let file = collector.file();
    let mut all = file.lines().flat_map(records);
    let routed = all.find(|record| record.verdict == "routed").unwrap();
    assert_eq!(routed.status, Some(200));
    assert_eq!(routed.method.as_deref(), Some("GET"));
    assert!(
        routed.duration_ms.is_some() && routed.request_id.is_some(),
        "{routed:?}"
    );

    let desk = Desk::at(&Mesh::shared().await.plane);
    let (path, right, wrong) = (collector.path(), sent.to_string(), (sent + 1).to_string());
    for (code, sent) in [(0, &right), (1, &wrong)] {
        let path = path.to_str().unwrap();
        let line = ["audit", path, "--expect-drill", &id, "--sent", sent];
        desk.run_to(code, &line).await;
    }
    stage.assert_production_untouched().await;
}
