//! Calls of gRPC methods through a real edge, found by the server's own reflection.

use drillgate::checks::outcome::Verdict;
use drillgate::proxy::Counts;
use drillgate_tests::gate::drilled;
use drillgate_tests::{Harness, REFLECTIONS, TOKEN, envoy, orders_router};
use serde_json::{Value, json};

use crate::{edge, fails, outcome};

/// A sandbox whose orders say what they are by these versions of reflection.
async fn harness(reflections: &[&str]) -> Harness {
    Harness::start_with(&envoy(), orders_router(reflections), drilled).await
}

/// A check that calls `Get`, with this request and these expectations.
fn get(request: Value, expect: Value) -> Value {
    json!({"grpc": {"method": "orders.v1.Orders/Get", "request": request, "expect": expect}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_is_found_by_reflection_and_called_and_each_request_is_counted() {
    // The file with the service, and the one that it imports; protobuf's own need not come.
    const REFLECTED: u64 = 2;
    let order = json!({"status": ["OK"], "maxMillis": 60000, "json": [
        {"path": "$.id", "equals": 1},
        {"path": "$.state", "equals": "STATE_PAID"},
        {"path": "$.total.cents", "equals": "1999"},
        {"path": "$.placedAt", "matches": "^2023-11-14T22:13:20Z$"},
        {"path": "$.notes[*]", "matches": "hand"},
    ], "schema": {"type": "object", "required": ["accessToken"]}});
    for (reflections, refused) in [(&REFLECTIONS[..1], 0), (&REFLECTIONS[1..], 1)] {
        let harness = harness(reflections).await;
        let edge = edge(harness.address());
        let passed = outcome(&edge, get(json!({"id": 1}), order.clone())).await;
        assert_eq!(passed.verdict, Verdict::Passed, "{passed:#?}");
        assert_eq!(passed.message, "the answer is as it must be");
        let version = format!("grpc.reflection.{}, 2 files", reflections[0]);
        for (name, seen) in [
            ("reflection", version.as_str()),
            ("verdict", "routed"),
            ("grpc-status", "OK"),
        ] {
            assert_eq!(passed.seen[name], seen);
        }
        assert!(passed.seen["answer"].contains("\"accessToken\":\"(masked)\""));
        let shown = format!("{passed:?}");
        for secret in [TOKEN, "eyJ"] {
            assert!(!shown.contains(secret), "{secret}: {passed:#?}");
        }
        let requests = refused + REFLECTED + 1;
        let expected = Counts {
            sent: requests,
            routed: requests,
            ..Counts::default()
        };
        assert_eq!(edge.counts(), expected);
        assert_eq!(harness.sandbox.drill_requests(), requests);
        assert_eq!(harness.production.total(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_as_it_must_be_fails_its_call() {
    let harness = harness(&REFLECTIONS).await;
    let edge = edge(harness.address());
    let wanted = |path: &str, equals: Value| json!({"json": [{"path": path, "equals": equals}]});
    for (id, expect, told) in [
        (
            1,
            wanted("$.state", json!("STATE_SENT")),
            "orders.v1.Orders/Get: $.state is \"STATE_PAID\", and \"STATE_SENT\" is wanted",
        ),
        (
            1,
            wanted("$.accessToken", json!("other")),
            "$.accessToken is \"(masked)\", and \"other\" is wanted",
        ),
        (
            1,
            json!({"schema": {"properties": {"id": {"type": "string"}}}}),
            "the schema: /id 1 is not of type \"string\"",
        ),
        (
            1,
            json!({"status": ["NOT_FOUND", "UNAVAILABLE"]}),
            "the status is OK, and NOT_FOUND or UNAVAILABLE is wanted",
        ),
        (
            9,
            wanted("$.id", json!(9)),
            "Get: the status is NOT_FOUND (order 9 isn't there), and OK is wanted",
        ),
        (
            9,
            json!({"status": ["NOT_FOUND"], "json": [{"path": "$.id", "exists": true}]}),
            "$.id: there is no answer beside the status",
        ),
        (
            2,
            json!({}),
            "the answer is longer than the 1048576 bytes that are read",
        ),
    ] {
        let failed = fails(&edge, get(json!({ "id": id }), expect), told).await;
        assert_eq!(failed.seen["verdict"], "routed");
    }
    let gone = get(json!({"id": 9}), json!({"status": ["NOT_FOUND"]}));
    let passed = outcome(&edge, gone).await;
    assert_eq!(passed.verdict, Verdict::Passed, "{passed:#?}");
    harness.sandbox.down().await.unwrap();
    let down = get(json!({"id": 1}), json!({"status": ["UNAVAILABLE"]}));
    fails(&edge, down, "could not reach the sandbox").await;
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_called_is_told_with_what_there_is_and_with_the_mend() {
    let harness = harness(&REFLECTIONS).await;
    let edge = edge(harness.address());
    let call = |method: &str| json!({"grpc": {"method": method}});
    for (check, told) in [
        (
            call("orders.v1.Order/Get"),
            // It is a message, and no service.
            "the server has no service orders.v1.Order; it has grpc.",
        ),
        (
            call("orders.v2.Orders/Get"),
            "the server has no service orders.v2.Orders; it has grpc.reflection.v1.ServerReflection, orders.v1.Orders",
        ),
        (
            call("orders.v1.Orders/List"),
            "service orders.v1.Orders has no method List; it has Get, Watch",
        ),
        (
            call("orders.v1.Orders/Watch"),
            "is a streaming method, and only unary ones can be called: use a command check with grpcurl",
        ),
        (
            get(json!({"id": "first"}), json!({})),
            "the request does not fit orders.v1.GetRequest: id: ",
        ),
        (
            get(json!({"number": 1}), json!({})),
            "the request does not fit orders.v1.GetRequest: ",
        ),
    ] {
        fails(&edge, check, told).await;
    }
    let number = get(json!({"number": 1}), json!({}));
    fails(&edge, number, "number").await;
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_reflection_is_told_with_the_mend() {
    let harness = harness(&[]).await;
    let edge = edge(harness.address());
    let told = "the server has no reflection (neither grpc.reflection.v1 nor v1alpha): enable reflection, or use a command check with grpcurl";
    fails(&edge, get(json!({"id": 1}), json!({})), told).await;
    // The service itself was not called.
    assert_eq!(harness.sandbox.total(), 2);
}
