use drill_context::{Claims, Reason, SigningKey, TokenType, sign};
use serde_json::{Value, json};

use super::{AuditSettings, Gate, Mode};
use crate::host::LogLevel;

const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
const OTHER: &str = "0b8f7a52-59a3-4c55-8a63-5f7e4f0f2a11";
const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I";
const ROUTE_KEY: &str = "mzxw6ytboi4dinzsgy3tqobzga";

fn full() -> Value {
    json!({
        "version": 1,
        "generation": 7,
        "domain": "drill.example.com",
        "skewSeconds": 5,
        "maxAgeSeconds": 600,
        "keys": {
            "inline": {"alg": "HS256", "secret": SECRET},
            "vm": {"alg": "HS256", "env": "DRILL_KEY"},
            "dba": {"alg": "Ed25519", "publicKey": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        },
        "drills": {
            DRILL: [{"environment": "orders-dr", "routeKey": ROUTE_KEY, "notAfter": 1790003600}],
        },
        "audit": {"log": true, "level": "info", "filterState": false},
        "attempt": 1790000000,
    })
}

fn parse(config: &Value) -> Result<Gate, String> {
    let env = |name: &str| (name == "DRILL_KEY").then(|| format!("{SECRET}\n"));
    Gate::parse(config.to_string().as_bytes(), env).map_err(|error| error.to_string())
}

/// What is said when one member, found by its JSON pointer, has this value instead.
fn refusal(pointer: &str, value: Value) -> String {
    let mut config = full();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[name] = value;
    parse(&config).unwrap_err()
}

#[test]
fn every_member_is_read() {
    let gate = parse(&full()).unwrap();
    assert_eq!(gate.generation(), 7);
    assert_eq!(gate.domain, "drill.example.com");
    assert_eq!(gate.limits, drill_context::Limits::new(5, 600).unwrap());
    let audit = AuditSettings {
        log: Some(LogLevel::Info),
        filter_state: false,
    };
    assert_eq!(gate.audit, audit);
    let drill = gate.drill(DRILL.parse().unwrap()).unwrap();
    assert_eq!(drill.environment.as_str(), "orders-dr");
    assert_eq!(drill.route_key.as_str(), ROUTE_KEY);
    assert_eq!(drill.not_after, 1_790_003_600);
    assert_eq!(drill.mode, Mode::Authority);
}

#[test]
fn what_is_left_out_has_a_default() {
    let gate = parse(&json!({"version": 1, "keys": {"k": {"alg": "HS256", "secret": SECRET}}}));
    let gate = gate.unwrap();
    assert_eq!(gate.generation(), 0);
    assert_eq!(gate.domain, "drill.internal");
    assert_eq!(gate.limits, drill_context::Limits::default());
    assert_eq!(
        gate.audit,
        AuditSettings {
            log: Some(LogLevel::Warn),
            filter_state: true
        }
    );
    assert_eq!(gate.active_drills(0), 0);
}

#[test]
fn whole_numbers_may_arrive_as_doubles() {
    let mut config = full();
    config["generation"] = json!(7.0);
    config["drills"][DRILL][0]["notAfter"] = json!(1.7900036e9);
    let gate = parse(&config).unwrap();
    assert_eq!(gate.generation(), 7);
    assert_eq!(
        gate.drill(DRILL.parse().unwrap()).unwrap().not_after,
        1_790_003_600
    );
    assert_eq!(
        refusal("/generation", json!(7.5)),
        "generation: must be a whole number"
    );
}

#[test]
fn a_refusal_names_the_member() {
    let drill = |member: &str| format!("/drills/{DRILL}/0/{member}");
    for (pointer, value, message) in [
        ("/version", json!(2), "version: must be 1"),
        ("/version", Value::Null, "version: must be a whole number"),
        ("/generation", json!(-1), "generation: must not be negative"),
        (
            "/domain",
            json!("Drill.Internal"),
            "domain: must be a DNS name",
        ),
        (
            "/domain",
            json!("drill.internal."),
            "domain: must be a DNS name",
        ),
        ("/domain", json!(""), "domain: must be a DNS name"),
        ("/skewSeconds", json!(61), "skewSeconds: must be 0 to 60"),
        (
            "/maxAgeSeconds",
            json!(0),
            "maxAgeSeconds: must be 1 to 86400",
        ),
        ("/keys", json!({}), "keys: needs at least one key"),
        ("/keys", json!([]), "keys: must be an object"),
        ("/keys/inline", json!("x"), "keys.inline: must be an object"),
        ("/keys/a b", json!({}), "keys.a b: the kid must be 1 to 64"),
        (
            "/keys/inline/alg",
            json!("none"),
            "keys.inline.alg: must be HS256 or Ed25519",
        ),
        (
            "/keys/inline/alg",
            json!("EdDSA"),
            "keys.inline.alg: must be HS256 or Ed25519",
        ),
        (
            "/keys/inline/secret",
            json!("c2hvcnQ"),
            "keys.inline.secret: key inline: an HS256 secret needs at least 32",
        ),
        (
            "/keys/inline/secret",
            json!("a+b/"),
            "keys.inline.secret: must be base64url",
        ),
        (
            "/keys/inline/env",
            json!("DRILL_KEY"),
            "keys.inline: needs either secret or env",
        ),
        (
            "/keys/inline/publicKey",
            json!("x"),
            "keys.inline.publicKey: is not a known member",
        ),
        (
            "/keys/vm/env",
            json!("OTHER"),
            "keys.vm.env: names a variable",
        ),
        (
            "/keys/dba/publicKey",
            json!("c2hvcnQ"),
            "keys.dba.publicKey: key dba: an Ed25519 key has 32",
        ),
        (
            "/keys/dba/secret",
            json!(SECRET),
            "keys.dba.secret: is not a known member",
        ),
        (
            "/drills/ORDERS",
            json!([{}]),
            "drills.ORDERS: the drill must be a UUID",
        ),
        (
            &drill("environment"),
            json!("Orders"),
            "environment: must be a DNS label",
        ),
        (
            &drill("routeKey"),
            json!("short"),
            "routeKey: must be 128 random bits",
        ),
        (
            &drill("notAfter"),
            json!("soon"),
            "notAfter: must be a whole number",
        ),
        (
            &drill("mode"),
            json!("header"),
            "mode: must be authority or owned",
        ),
        (
            &drill("mode"),
            json!("owned"),
            "hosts: must list the owned hosts",
        ),
        (
            &drill("hosts"),
            json!([]),
            "hosts: must list the drill's hosts",
        ),
        (&drill("ttl"), json!(5), "ttl: is not a known member"),
        (
            "/audit/level",
            json!("trace"),
            "audit.level: must be debug, info, warn or error",
        ),
        (
            "/audit/log",
            json!("yes"),
            "audit.log: must be true or false",
        ),
        (
            "/audit/lgo",
            json!(true),
            "audit.lgo: is not a known member",
        ),
        ("/maxAge", json!(5), "maxAge: is not a known member"),
    ] {
        let refused = refusal(pointer, value);
        assert!(refused.contains(message), "{pointer}: {refused}");
    }
}

#[test]
fn each_required_member_is_demanded() {
    for (parent, name) in [
        ("", "version"),
        ("", "keys"),
        ("/keys/inline", "alg"),
        ("/keys/inline", "secret"),
        ("/keys/dba", "publicKey"),
        (&format!("/drills/{DRILL}/0"), "environment"),
        (&format!("/drills/{DRILL}/0"), "routeKey"),
        (&format!("/drills/{DRILL}/0"), "notAfter"),
    ] {
        let mut config = full();
        config
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        assert!(parse(&config).is_err(), "{parent}/{name}");
    }
}

#[test]
fn two_drills_with_one_route_key_are_refused() {
    let second = json!([{"environment": "b", "routeKey": ROUTE_KEY, "notAfter": 5}]);
    let refused = refusal(&format!("/drills/{OTHER}"), second);
    assert!(
        refused.ends_with(".routeKey: is another drill's, too"),
        "{refused}"
    );
}

#[test]
fn an_entry_is_an_array_of_one_object_and_nothing_else() {
    let entry = &full()["drills"][DRILL][0];
    for other in [
        entry.clone(),
        json!([]),
        json!([entry, entry]),
        json!([[entry]]),
        json!([null]),
        Value::Null,
    ] {
        let refused = refusal(&format!("/drills/{DRILL}"), other);
        let said = format!("drills.{DRILL}: must be an array of one object");
        assert_eq!(refused, said);
    }
}

#[test]
fn duplicate_members_and_what_is_no_object_are_refused() {
    let twice = r#"{"version":1,"keys":{"k":{},"\u006b":{}}}"#;
    for text in [twice, "", "[]", "null", "{"] {
        let error = Gate::parse(text.as_bytes(), |_| None)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("configuration: "), "{error}");
    }
}

#[test]
fn a_refusal_repeats_no_value_and_cannot_break_a_log_line() {
    for pointer in [
        "/domain",
        "/keys/inline/alg",
        "/keys/inline/secret",
        "/keys/vm/env",
        "/audit/level",
    ] {
        let refused = refusal(pointer, json!("hunter2 hunter2"));
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let refused = refusal("/a\nb\u{1b}[31m", json!(1));
    assert_eq!(refused, "a\\nb\\u{1b}[31m: is not a known member");
}

#[test]
fn hosts_are_plain_dns_names_in_the_form_that_requests_are_compared_in() {
    let owned = |hosts: Value| {
        let mut config = full();
        config["drills"][DRILL][0]["mode"] = json!("owned");
        config["drills"][DRILL][0]["hosts"] = hosts;
        parse(&config)
    };
    let gate = owned(json!(["a.example", "b.example"])).unwrap();
    let drill = gate.drill(DRILL.parse().unwrap()).unwrap();
    assert_eq!(drill.mode, Mode::Owned);
    assert_eq!(drill.hosts, ["a.example", "b.example"]);
    for hosts in [
        json!([]),
        json!("a.example"),
        json!([1]),
        json!(["A.example"]),
        json!(["a.example:80"]),
        json!(["a.example."]),
        json!(["*"]),
    ] {
        let refused = owned(hosts.clone()).unwrap_err();
        assert!(refused.contains(".hosts: must "), "{hosts}: {refused}");
    }
}

#[test]
fn drills_that_have_ended_are_not_counted_as_active() {
    let gate = parse(&full()).unwrap();
    assert_eq!(gate.active_drills(1_790_003_599), 1);
    assert_eq!(gate.active_drills(1_790_003_600), 0);
}

#[test]
fn a_token_is_verified_once_and_a_forged_one_each_time() {
    let ed25519 = SigningKey::ed25519("ed".parse().unwrap(), &[1; 32]).unwrap();
    let hs256 = SigningKey::hs256("hs".parse().unwrap(), &[2; 32]).unwrap();
    let encode = |bytes: &[u8]| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    };
    let gate = parse(&json!({"version": 1, "keys": {
        "ed": {"alg": "Ed25519", "publicKey": encode(&ed25519.public_bytes().unwrap())},
        "hs": {"alg": "HS256", "secret": encode(&[2; 32])},
    }}))
    .unwrap();
    let claims = Claims::new(DRILL.parse().unwrap(), "orders-dr".parse().unwrap(), 5);
    for key in [ed25519, hs256] {
        let token = sign(&key, TokenType::Drill, &claims);
        let first = gate.authenticate(&token).unwrap();
        let again = gate.authenticate(&token).unwrap();
        assert!(std::rc::Rc::ptr_eq(&first, &again));
        // A token that differs in one character is not the one that was verified.
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (first, rest) = signature.split_at(1);
        let other = if first == "A" { "Q" } else { "A" };
        let forged = format!("{head}.{other}{rest}");
        for _ in 0..2 {
            assert_eq!(
                gate.authenticate(&forged),
                Err((Reason::BadSignature, None))
            );
        }
    }
}
