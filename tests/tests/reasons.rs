//! Every reason for which a drill request is refused, on the wire: with its code, and with
//! neither production nor the sandbox reached.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Claims, HEADER_NAME, Reason, TokenType, sign};
use drillgate::lab::{Protocol, Request};
use drillgate_tests::gate::{self, DRILL, ED25519, HOST, HS256, ROUTE_KEY};
use drillgate_tests::{Harness, check_health};
use http::Method;
use serde_json::Value;

/// A refused request: what it sends, and the code that it gets.
struct Case {
    code: &'static str,
    authority: String,
    values: Vec<String>,
}

fn case(reason: Reason, values: &[String]) -> Case {
    Case {
        code: reason.code(),
        authority: HOST.to_owned(),
        values: values.to_vec(),
    }
}

fn claims_with(change: impl FnOnce(&mut Claims)) -> String {
    let mut claims = gate::claims();
    change(&mut claims);
    gate::signed(&claims)
}

fn with_jws_header(header: &str) -> String {
    format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))
}

/// At least one case for each reason; the drill over is in `lifecycle`, with the edge's clock.
fn cases() -> Vec<Case> {
    let now = gate::now();
    let valid = gate::token();
    let joined = format!("{valid},{valid}");
    let spoofed = |authority: &str| Case {
        code: "spoofed-authority",
        authority: authority.to_owned(),
        values: vec![gate::token()],
    };
    vec![
        case(Reason::DuplicateHeader, &[valid.clone(), valid.clone()]),
        case(Reason::DuplicateHeader, &[valid.clone(), "x".to_owned()]),
        case(Reason::DuplicateHeader, &[joined]),
        case(Reason::TooLarge, &["a".repeat(1025)]),
        case(Reason::Malformed, &[String::new()]),
        case(Reason::Malformed, &["guess".to_owned()]),
        case(Reason::Malformed, &[format!("{valid}.x")]),
        case(Reason::Malformed, &[format!("{valid}=")]),
        case(
            Reason::UnsupportedParameter,
            &[with_jws_header(
                r#"{"alg":"HS256","typ":"drill+jwt","kid":"k","crit":["b64"]}"#,
            )],
        ),
        case(
            Reason::WrongType,
            &[with_jws_header(r#"{"alg":"HS256","typ":"JWT","kid":"k"}"#)],
        ),
        case(
            Reason::UnknownKey,
            &[sign(&gate::key("other"), TokenType::Drill, &gate::claims())],
        ),
        case(
            Reason::WrongAlgorithm,
            &[with_jws_header(&format!(
                r#"{{"alg":"none","typ":"drill+jwt","kid":"{HS256}"}}"#
            ))],
        ),
        case(Reason::BadSignature, &[gate::forged()]),
        case(
            Reason::BadClaims,
            &[claims_with(|claims| {
                claims.expires_at = Some(claims.issued_at)
            })],
        ),
        case(
            Reason::NotYetValid,
            &[claims_with(|claims| claims.issued_at = now + 300)],
        ),
        case(
            Reason::Expired,
            &[claims_with(|claims| {
                claims.issued_at = now - 20;
                claims.expires_at = Some(now - 10);
            })],
        ),
        case(
            Reason::Stale,
            &[claims_with(|claims| claims.issued_at = now - 3700)],
        ),
        case(
            Reason::UnknownDrill,
            &[claims_with(|claims| {
                claims.drill = "0b8f7a52-59a3-4c55-8a63-5f7e4f0f2a11".parse().unwrap();
            })],
        ),
        case(
            Reason::WrongEnvironment,
            &[claims_with(|claims| {
                claims.environment = "billing-dr".parse().unwrap()
            })],
        ),
        spoofed("drill.internal"),
        spoofed("anything.drill.internal"),
        spoofed(&format!("{HOST}.{ROUTE_KEY}.drill.internal")),
        spoofed(&format!("{HOST}.{ROUTE_KEY}.Drill.INTERNAL:80")),
        spoofed(&format!("{HOST}.{ROUTE_KEY}.drill.internal.")),
        Case {
            code: "bad-authority",
            authority: "[::1]:8080".to_owned(),
            values: vec![valid],
        },
    ]
}

fn request(case: &Case, protocol: Protocol) -> Request {
    let plain = Request::get(&case.authority, "/orders?token=hunter2").by(protocol);
    let headers = case.values.iter();
    headers.fold(plain, |request, value| request.header(HEADER_NAME, value))
}

fn assert_untouched(harness: &Harness) {
    assert_eq!(harness.production.total(), 0, "production was reached");
    assert_eq!(harness.sandbox.total(), 0, "the sandbox was reached");
}

#[test]
fn the_cases_cover_every_reason_but_the_drills_end() {
    let cases = cases();
    for reason in Reason::ALL {
        let covered = cases.iter().any(|case| case.code == reason.code());
        assert_eq!(covered, reason != Reason::DrillOver, "{reason:?}");
    }
}

#[tokio::test]
async fn each_refusal_is_a_403_that_says_why_and_reaches_no_upstream() {
    let harness = gate::gate(|_| {}).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for case in cases() {
            let response = harness.send(&request(&case, protocol)).await;
            let code = case.code;
            assert_eq!(response.status, 403, "{protocol:?} {code}");
            assert_eq!(
                response.header("x-drill-verdict"),
                Some(code),
                "{protocol:?}"
            );
            assert_eq!(response.header("cache-control"), Some("no-store"), "{code}");
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json")
            );
            let problem: Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(problem["code"], code);
            assert_eq!(problem["status"], 403, "{code}");
        }
    }
    assert_untouched(&harness);
}

#[tokio::test]
async fn each_refusal_of_a_grpc_request_is_permission_denied() {
    let harness = gate::gate(|_| {}).await;
    for case in cases() {
        let request = request(&case, Protocol::Http2)
            .with(Method::POST, "")
            .header("content-type", "application/grpc");
        let response = harness.send(&request).await;
        let code = case.code;
        assert_eq!(response.status, 200, "{code}");
        assert_eq!(response.header("grpc-status"), Some("7"), "{code}");
        assert_eq!(response.header("x-drill-verdict"), Some(code));
    }
    // What Envoy itself does not take for gRPC would be a plain 200 to the client.
    for other in ["application/grpc;x=y", "Application/gRPC"] {
        let request = Request::get(HOST, "/")
            .by(Protocol::Http2)
            .with(Method::POST, "")
            .header("content-type", other)
            .header(HEADER_NAME, "guess");
        let response = harness.send(&request).await;
        assert_eq!(response.status, 403, "{other}");
        assert_eq!(response.header("grpc-status"), None, "{other}");
    }
    let refused = check_health(harness.address(), HOST, Some("guess"), "sandbox").await;
    let status = refused.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    assert!(
        status.message().contains("not a JWS"),
        "{}",
        status.message()
    );
    assert_untouched(&harness);
}

#[tokio::test]
async fn a_valid_request_reaches_the_sandbox_by_every_protocol_and_with_either_key() {
    let harness = gate::gate(|_| {}).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for kid in [HS256, ED25519] {
            let token = sign(&gate::key(kid), TokenType::Drill, &gate::claims());
            let request = Request::get(format!("{HOST}:8443"), "/orders/42?x=y")
                .by(protocol)
                .header(HEADER_NAME, &token)
                .header("x-drill-route", "guess")
                .header("baggage", "user=7,drill.id=spoofed,drill%2Eid=spoofed")
                .header("baggage", "\u{a0}drill.id=spoofed");
            let response = harness.send(&request).await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("x-drill-verdict"), Some("routed"));
            let seen = response.seen().unwrap();
            assert_eq!(seen.who, "sandbox");
            assert_eq!(
                seen.authority, HOST,
                "the sandbox sees the service's own host"
            );
            assert_eq!(seen.path, "/orders/42?x=y");
            assert_eq!(
                seen.header(HEADER_NAME),
                [&token],
                "a service may verify it again"
            );
            let baggage = format!("drill.id={DRILL},drill.env=orders-dr,user=7");
            assert_eq!(seen.header("baggage"), [&baggage]);
            assert_eq!(
                seen.header("x-drill-route"),
                [""; 0],
                "the client's own is removed"
            );
            // Envoy itself tells an upstream which host it rewrote; nothing else does.
            let told = seen
                .headers
                .iter()
                .filter(|(_, value)| value.contains(ROUTE_KEY));
            let names: Vec<&str> = told.map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["x-envoy-original-host"]);
        }
    }
    let answer = check_health(harness.address(), HOST, Some(&gate::token()), "sandbox").await;
    assert_eq!(
        answer.unwrap().metadata().get("x-drill-verdict").unwrap(),
        "routed"
    );
    assert_eq!(harness.sandbox.total(), 5);
    assert_eq!(harness.production.total(), 0);
}

#[tokio::test]
async fn only_space_and_tab_around_a_value_are_forgiven() {
    let harness = gate::gate(|_| {}).await;
    let padded = format!("\t {} ", gate::token());
    let request = Request::get(HOST, "/").header(HEADER_NAME, padded);
    assert_eq!(harness.send(&request).await.seen().unwrap().who, "sandbox");
    for stray in [b"\x80".as_slice(), b"\xff\xfe", b"\xc3\xa4"] {
        let value = [gate::token().as_bytes(), stray].concat();
        let request = Request::get(HOST, "/").header(HEADER_NAME, value);
        let response = harness.send(&request).await;
        assert_eq!(response.header("x-drill-verdict"), Some("malformed"));
    }
    assert_eq!(harness.production.total(), 0);
}
