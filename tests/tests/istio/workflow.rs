//! A drill from its beginning to its end.

use drill_context::{Claims, HEADER_NAME};
use drillgate::lab::Request;
use drillgate_tests::gate::{now, tampered};
use drillgate_tests::istio::{ENVIRONMENT, Mesh, Stage, drill_request, request_with};
use serde_json::json;

use crate::desk::Desk;
use crate::{Ending, eventually, gated, started};

/// What a request may get while its drill is taken away.
pub(super) const AFTERWARDS: [&str; 3] = [
    "200 routed sandbox",
    "503 sandbox-unreachable",
    "403 unknown-drill",
];

fn claims(drill: &str) -> Claims {
    Claims::new(drill.parse().unwrap(), ENVIRONMENT.parse().unwrap(), now())
}

/// Requests that must be refused, and with what.
fn refused(id: &str) -> [(Request, &'static str); 4] {
    let context = drill_request(id).headers.remove(0).1;
    let forged = tampered(String::from_utf8(context).unwrap());
    let mut expired = claims(id);
    expired.issued_at = now() - 120;
    expired.expires_at = Some(now() - 60);
    let unknown = claims("6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f");
    let mut elsewhere = claims(id);
    elsewhere.environment = "payments-dr".parse().unwrap();
    [
        (
            Request::get("orders.example.com", "/").header(HEADER_NAME, forged),
            "403 bad-signature",
        ),
        (request_with(&expired), "403 expired"),
        (request_with(&unknown), "403 unknown-drill"),
        (request_with(&elsewhere), "403 wrong-environment"),
    ]
}

pub(super) async fn assert_serves_the_drill(stage: &Stage, id: &str) {
    let answer = stage.send(&drill_request(id)).await;
    let seen = answer.seen().unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(seen.who, "sandbox");
    assert_eq!(seen.authority, "orders.example.com");
    for (request, expected) in refused(id) {
        assert_eq!(stage.outcome(&request).await, expected);
    }
    let plain = Request::get("orders.example.com", "/");
    assert_eq!(stage.outcome(&plain).await, "200 production");
}

/// Whether istiod or Envoy still has anything with `text` in it.
async fn is_somewhere(mesh: &Mesh, stage: &Stage, text: &str) -> [bool; 2] {
    let page = format!("config_dump?proxyID={}", stage.gateway.name());
    let pushed = mesh.istiod.debug(&page).await.to_string();
    let held = stage.gateway.admin().config_dump().await.unwrap();
    [pushed, held.to_string()].map(|dump| dump.contains(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_by_resource_reaches_the_sandbox_and_its_end_leaves_nothing() {
    let stage = gated().await;
    let mesh = Mesh::shared().await;
    let of_the_gate = stage.scene.ours().await;
    let id = stage.drill().await;
    assert_serves_the_drill(&stage, &id).await;
    let route_key = stage.scene.plugin_configuration().await["drills"][&id][0]["routeKey"].clone();
    let route_key = route_key.as_str().unwrap();
    assert_eq!(is_somewhere(mesh, &stage, route_key).await, [true, true]);

    let ending = Ending::of(&stage, &id).await;
    ending.assert_only(&AFTERWARDS);
    stage.until(&drill_request(&id), "403 unknown-drill").await;
    assert_eq!(stage.scene.ours().await, of_the_gate);
    // The end of its routes may come to the gateway after the end of its entry.
    for text in [id.as_str(), route_key] {
        eventually(&format!("{text} is nowhere"), async || {
            is_somewhere(mesh, &stage, text).await == [false, false]
        })
        .await;
    }
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_around_a_command_reaches_the_sandbox_and_its_end_leaves_nothing() {
    let stage = started().await;
    let mesh = Mesh::shared().await;
    let desk = Desk::at(&mesh.plane);
    desk.write("gate.yaml", &stage.gate());
    desk.write("drill.yaml", &stage.scene.drill("orders"));
    desk.run(&["gate", "install", "-f", "gate.yaml", "--yes"])
        .await
        .says("edge True");
    let of_the_gate = stage.scene.ours().await;

    let script = "set -e; curl -sS --fail $DRILL_PROXY/by-proxy; \
                  curl -sS --fail -H \"$DRILL_HEADER\" -H \"Host: $DRILL_HOST\" $EDGE/direct; \
                  curl -sS --fail -H \"Host: $DRILL_HOST\" $EDGE/plain";
    let edge = format!("EDGE=http://{}", stage.address());
    let line = [
        "run",
        "-f",
        "drill.yaml",
        "--",
        "env",
        &edge,
        "sh",
        "-c",
        script,
    ];
    let done = desk.run(&line).await;
    done.says("edge ready: 1 of 1 gateways run with it");
    let answers = serde_json::Deserializer::from_str(&done.stdout).into_iter::<serde_json::Value>();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap()).collect();
    let told: Vec<_> = answers
        .iter()
        .map(|seen| {
            (
                seen["who"].as_str().unwrap(),
                seen["path"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("sandbox", "/by-proxy"),
            ("sandbox", "/direct"),
            ("production", "/plain")
        ]
    );
    assert_eq!(stage.scene.ours().await, of_the_gate);
    let drills = &stage.scene.plugin_configuration().await["drills"];
    assert!(
        drills.as_object().is_none_or(|drills| drills.is_empty()),
        "{drills}"
    );
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owned_host_lives_with_its_drill_and_its_drill_requests_go_to_the_sandbox() {
    let stage = started().await;
    let mut gate = stage.gate();
    gate["spec"]["ownedHosts"] = json!(["owned.example.com"]);
    stage.install(gate).await;
    let plain = Request::get("owned.example.com", "/");
    assert_eq!(stage.outcome(&plain).await, "404");

    let mut drill = stage.scene.drill("orders");
    drill["spec"]["mode"] = json!("Owned");
    drill["spec"]["routes"] = json!([{
        "host": "owned.example.com",
        "sandbox": {"host": "orders", "port": 80},
        "production": {"host": stage.production_host(), "port": 80},
    }]);
    let id = stage.drill_as(drill).await;
    let on_owned_host = |mut request: Request| {
        request.authority = "owned.example.com".to_owned();
        request
    };
    stage.until(&plain, "200 production").await;
    let valid = on_owned_host(drill_request(&id));
    stage.until(&valid, "200 routed sandbox").await;
    for (request, expected) in refused(&id) {
        assert_eq!(stage.outcome(&on_owned_host(request)).await, expected);
    }
    // The same context on a host that the drill does not own.
    assert_eq!(
        stage.outcome(&drill_request(&id)).await,
        "403 uncovered-host"
    );

    let ending = Ending::of_request(&stage, valid).await;
    ending.assert_only(&AFTERWARDS);
    stage.until(&plain, "404").await;
    stage.assert_production_untouched().await;
}
