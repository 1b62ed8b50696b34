//! What must become of a request, found without the product's code from what the fuzzer chose.

use serde_json::Value;

use super::config::{PUBLIC, public, secret};
use super::inputs::{Fault, Request};
use super::proxy::{Proxy, values};
use super::tokens::{Signed, SignedBy, Token};

#[derive(Debug)]
pub struct Expected {
    /// The proxy said that there is a drill context.
    pub seen: bool,
    pub has_gate: bool,
    pub log: bool,
    pub filter_state: bool,
    /// Where it may go, if all goes well; `None` where it has to be refused.
    pub way: Option<Way>,
}

#[derive(Debug, PartialEq)]
pub enum Way {
    Authority {
        authority: String,
        baggage: String,
    },
    Owned {
        route_key: String,
        authority: String,
        baggage: String,
    },
    Probe,
}

impl Expected {
    /// `config` is the text that the gate was made of, if it was taken.
    pub fn of(config: Option<&[u8]>, request: &Request, proxy: &Proxy) -> Expected {
        let told = request
            .faults
            .first()
            .is_none_or(|fault| *fault == Fault::None);
        let headers = proxy.request();
        let present = !values(&headers, "x-drill-context").is_empty();
        let config: Value = match config {
            Some(text) => serde_json::from_slice(text).unwrap(),
            None => Value::Null,
        };
        let switch = |name: &str| config["audit"][name].as_bool().unwrap_or(true);
        Expected {
            seen: told && (present || matches!(request.token, Token::Phantom)),
            has_gate: !config.is_null(),
            log: !config.is_null() && switch("log"),
            filter_state: !config.is_null() && switch("filterState"),
            way: way(&config, request, proxy.now, &headers),
        }
    }
}

fn way(config: &Value, request: &Request, now: i64, headers: &[(String, Vec<u8>)]) -> Option<Way> {
    let signed = request.token.intact()?;
    let alone = values(headers, "x-drill-context").len() == 1;
    if !alone || !trusts(config, signed.key) || !in_time(config, signed, now) {
        return None;
    }
    if signed.probe {
        return Some(Way::Probe);
    }
    let claims = signed.claims();
    let drill = &config["drills"][claims.drill.to_string()][0];
    let ends = drill["notAfter"].as_f64()?;
    if drill["environment"] != claims.environment.as_str() || now as f64 >= ends {
        return None;
    }
    let domain = config["domain"].as_str().unwrap_or("drill.internal");
    let [authority] = values(headers, ":authority")[..] else {
        return None;
    };
    let host = host(authority)?;
    if format!(".{host}").ends_with(&format!(".{domain}")) {
        return None;
    }
    let route_key = drill["routeKey"].as_str()?.to_owned();
    let baggage = format!("drill.id={},drill.env={}", claims.drill, claims.environment);
    if let Some(hosts) = drill["hosts"].as_array()
        && !hosts.iter().any(|covered| *covered == host)
    {
        return None;
    }
    if drill["mode"] == "owned" {
        return Some(Way::Owned {
            route_key,
            authority: host,
            baggage,
        });
    }
    let authority = format!("{host}.{route_key}.{domain}");
    (authority.len() < 254).then_some(Way::Authority { authority, baggage })
}

/// Whether the gate has the key, under the name that the token says.
fn trusts(config: &Value, key: SignedBy) -> bool {
    let keys = &config["keys"];
    match key {
        SignedBy::Hs => keys["hs"]["secret"] == secret(1),
        SignedBy::HsStranger => keys["hs"]["secret"] == secret(9),
        SignedBy::Ed => keys["ed"]["publicKey"] == *PUBLIC,
        SignedBy::EdStranger => keys["ed"]["publicKey"] == public(9),
        SignedBy::UnknownName => keys["other"]["secret"] == secret(1),
    }
}

fn in_time(config: &Value, signed: &Signed, now: i64) -> bool {
    let setting = |name: &str, default: f64| config[name].as_f64().unwrap_or(default) as i64;
    let latest = now + setting("skewSeconds", 30.0);
    let oldest = now - setting("maxAgeSeconds", 3600.0);
    let claims = signed.claims();
    (oldest..=latest).contains(&claims.issued_at)
        && claims.not_before.is_none_or(|second| second <= latest)
        && claims.expires_at.is_none_or(|second| second > now)
}

/// The host that an authority names, in lower case, if it is one that can be steered.
fn host(authority: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let mut parts = text.split(':');
    let mut host = parts.next()?;
    if let Some(port) = parts.next() {
        let digits = port.chars().filter(char::is_ascii_digit).count();
        if digits != port.len() || !(1..6).contains(&digits) || parts.next().is_some() {
            return None;
        }
    }
    if let Some(without_dot) = host.strip_suffix('.') {
        host = without_dot;
    }
    let label = |label: &str| {
        let known = |c: char| "abcdefghijklmnopqrstuvwxyz0123456789-_".contains(c);
        !label.is_empty() && label.len() < 64 && label.chars().all(known)
    };
    (host.len() < 254 && host.split('.').all(label)).then(|| host.to_owned())
}
