//! The edges that are compared, and the traffic that they get.

use std::collections::BTreeMap;
use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drillgate::lab::{Drill, Edge, Filter};
use drillgate_tests::bench::{UnderLoad, Window};
use drillgate_tests::gate::{self, ENVIRONMENT, HOST, HS256, ROUTE_KEY};
use drillgate_tests::{Harness, SANDBOX, module};
use serde_json::{Value, json};

use crate::by_hand;

/// An edge that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// Envoy with nothing in the filter's place.
    NoFilter,
    /// The filter, one drill, audit off.
    Drillgate,
    /// The filter, one drill, with its audit record in the proxy's log.
    DrillgateAudit,
    /// The filter, one drill, with its fields in the proxy's access log.
    DrillgateLog,
    /// The filter with 1,000 active drills and their routes, audit off.
    Drillgate1000,
    /// Envoy's own JWT filter, verifying the same token.
    JwtAuthn,
    /// The same, with a JSON access log of the same fields.
    JwtAuthnLog,
    /// Lua that looks for the header and verifies nothing.
    Lua,
    /// The smallest wasm filter: it asks for the header and lets all pass.
    SmallestWasm,
    /// What the filter asks of Envoy for a request, and nothing else: no code could cost less.
    CallsAlone,
}

/// What the requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Without the header, to production.
    Production,
    /// With a valid token, to the sandbox.
    Drill,
    /// With a token whose signature is wrong.
    Forged,
}

impl Traffic {
    pub const ALL: [Traffic; 3] = [Traffic::Production, Traffic::Drill, Traffic::Forged];
}

impl Contender {
    pub const ALL: [Contender; 10] = [
        Contender::NoFilter,
        Contender::Drillgate,
        Contender::DrillgateAudit,
        Contender::DrillgateLog,
        Contender::Drillgate1000,
        Contender::JwtAuthn,
        Contender::JwtAuthnLog,
        Contender::Lua,
        Contender::SmallestWasm,
        Contender::CallsAlone,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Contender::NoFilter => "no filter",
            Contender::Drillgate => "drillgate",
            Contender::DrillgateAudit => "drillgate, audit",
            Contender::DrillgateLog => "drillgate, access log",
            Contender::Drillgate1000 => "drillgate, 1000 drills",
            Contender::JwtAuthn => "jwt_authn",
            Contender::JwtAuthnLog => "jwt_authn, access log",
            Contender::Lua => "lua, verifies nothing",
            Contender::SmallestWasm => "smallest wasm",
            Contender::CallsAlone => "drillgate's calls alone",
        }
    }

    /// A forged token is refused only by those that verify.
    pub fn takes(self, traffic: Traffic) -> bool {
        use Contender::{CallsAlone, Lua, NoFilter, SmallestWasm};
        traffic != Traffic::Forged || !matches!(self, NoFilter | Lua | SmallestWasm | CallsAlone)
    }

    /// The status of a refused token.
    fn refusal(self) -> u16 {
        match self {
            Contender::JwtAuthn | Contender::JwtAuthnLog => 401,
            _ => 403,
        }
    }

    /// Whether it leads to the drill's route by itself.
    fn steers(self) -> bool {
        use Contender::{CallsAlone, Drillgate, Drillgate1000, DrillgateAudit, DrillgateLog};
        matches!(
            self,
            Drillgate | Drillgate1000 | DrillgateAudit | DrillgateLog | CallsAlone
        )
    }

    fn prepare(self, edge: &mut Edge) {
        // The filters are compared, not what stands behind them.
        edge.guard = false;
        edge.access_log = None;
        edge.drills = vec![gate::drill()];
        match self {
            Contender::NoFilter => edge.filter = Filter::Absent,
            Contender::Drillgate => edge.filter = drillgate(1, Audit::Off),
            Contender::DrillgateAudit => edge.filter = drillgate(1, Audit::Record),
            Contender::DrillgateLog => {
                edge.filter = drillgate(1, Audit::FilterState);
                edge.access_log = Some(state_log());
            }
            Contender::Drillgate1000 => {
                edge.filter = drillgate(1000, Audit::Off);
                edge.drills = (0..1000)
                    .map(|n| Drill::new(route_key(n), HOST, SANDBOX))
                    .collect();
            }
            Contender::JwtAuthn => edge.filter = jwt_authn(),
            Contender::JwtAuthnLog => {
                edge.filter = jwt_authn();
                edge.access_log = Some(claims_log());
            }
            Contender::Lua => edge.filter = lua(),
            Contender::SmallestWasm => edge.filter = by_hand::smallest(),
            Contender::CallsAlone => edge.filter = by_hand::calls_alone(),
        }
        if !self.steers() {
            // Nothing here rewrites the authority: the client says which route it means.
            edge.owned = vec![HOST.to_owned()];
        }
    }
}

/// All edges, up at once.
pub struct Bench {
    edges: BTreeMap<Contender, (Harness, UnderLoad)>,
    valid: String,
    forged: String,
}

impl Bench {
    pub async fn start() -> Result<Bench, Box<dyn Error>> {
        let mut edges = BTreeMap::new();
        for contender in Contender::ALL {
            let harness = Harness::start(|edge| contender.prepare(edge)).await;
            let process = harness.gateway.envoy().id().ok_or("envoy has ended")?;
            let measured = UnderLoad::connect(process, harness.address()).await?;
            edges.insert(contender, (harness, measured));
        }
        UnderLoad::set_apart(edges.values().map(|(_, measured)| measured))?;
        let mut claims = gate::claims();
        claims.expires_at = Some(claims.issued_at + 3500);
        let valid = gate::signed(&claims);
        let forged = gate::tampered(valid.clone());
        let mut bench = Bench {
            edges,
            valid,
            forged,
        };
        bench.check().await?;
        Ok(bench)
    }

    /// That each edge leads drill requests to the sandbox: production, too, would answer with 200.
    async fn check(&mut self) -> Result<(), Box<dyn Error>> {
        const REQUESTS: usize = 8;
        for contender in Contender::ALL {
            self.window(contender, Traffic::Drill, REQUESTS).await?;
            let (harness, _) = self.edges.get(&contender).ok_or("no such edge")?;
            let arrived = harness.sandbox.total();
            if arrived != REQUESTS as u64 {
                let name = contender.name();
                return Err(format!("{name}: {arrived} of {REQUESTS} reached the sandbox").into());
            }
        }
        Ok(())
    }

    pub async fn window(
        &mut self,
        contender: Contender,
        traffic: Traffic,
        requests: usize,
    ) -> Result<Window, Box<dyn Error>> {
        let (request, status) = self.request(contender, traffic);
        let (_, edge) = self.edges.get_mut(&contender).ok_or("no such edge")?;
        let measured = edge.window(&request, status, requests).await;
        Ok(measured.map_err(|error| format!("{}: {error}", contender.name()))?)
    }

    fn request(&self, contender: Contender, traffic: Traffic) -> (String, u16) {
        let (token, status) = match traffic {
            Traffic::Production => (None, 200),
            Traffic::Drill => (Some(&self.valid), 200),
            Traffic::Forged => (Some(&self.forged), contender.refusal()),
        };
        let mut request = format!("GET /orders/42 HTTP/1.1\r\nhost: {HOST}\r\n");
        if let Some(token) = token {
            request.push_str(&format!("x-drill-context: {token}\r\n"));
            if !contender.steers() {
                request.push_str(&format!("x-drill-route: {ROUTE_KEY}\r\n"));
            }
        }
        request.push_str("\r\n");
        (request, status)
    }
}

/// Where the audit fields go.
#[derive(PartialEq)]
enum Audit {
    Off,
    Record,
    FilterState,
}

/// The filter with so many drills; the first is the one that tokens are for.
fn drillgate(drills: u32, audit: Audit) -> Filter {
    let entry = |n: u32| {
        let id = match n {
            0 => gate::DRILL.to_owned(),
            n => format!("00000000-0000-4000-8000-{n:012}"),
        };
        let ends = gate::now() + 7200;
        (
            id,
            json!([{"environment": ENVIRONMENT, "routeKey": route_key(n), "notAfter": ends}]),
        )
    };
    let mut configuration = gate::configuration(1, Value::Object((0..drills).map(entry).collect()));
    configuration["audit"] = json!({
        "log": audit == Audit::Record,
        "filterState": audit == Audit::FilterState,
    });
    module(configuration)
}

/// The route key of the drill with this number; that of the first is the suite's.
fn route_key(n: u32) -> String {
    match n {
        0 => ROUTE_KEY.to_owned(),
        n => {
            let letters = format!("{n:08}")
                .bytes()
                .map(|b| char::from(b - b'0' + b'a'))
                .collect::<String>();
            format!("{letters}aaaaaaaaaaaaaaaaaa")
        }
    }
}

/// The nearest that Envoy itself has: the same key, the same audience, a missing token allowed.
fn jwt_authn() -> Filter {
    let key = json!({"keys": [{"kty": "oct", "alg": "HS256", "kid": HS256, "k": URL_SAFE_NO_PAD.encode([7; 32])}]});
    Filter::Native(json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {
            "drill": {
                "audiences": [ENVIRONMENT],
                "forward": true,
                "from_headers": [{"name": "x-drill-context"}],
                "local_jwks": {"inline_string": key.to_string()},
                "payload_in_metadata": "drill",
            }
        },
        "rules": [{
            "match": {"prefix": "/"},
            "requires": {
                "requires_any": {"requirements": [{"provider_name": "drill"}, {"allow_missing": {}}]}
            }
        }]
    }))
}

/// The fields of the filter's audit record, as an access log beside jwt_authn has them.
fn claims_log() -> BTreeMap<String, String> {
    let claim =
        |name: &str| format!("%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:drill:{name})%");
    access_log([
        ("drill", claim("sub")),
        ("environment", claim("aud")),
        ("jti", claim("jti")),
    ])
}

/// The same, from the filter state that the filter leaves.
fn state_log() -> BTreeMap<String, String> {
    let state = |name: &str| format!("%FILTER_STATE(wasm.{name}:PLAIN)%");
    access_log([
        ("verdict", state("drill_verdict")),
        ("drill", state("drill_id")),
        ("environment", state("drill_environment")),
        ("jti", state("drill_token")),
    ])
}

/// These fields, and those that the proxy knows by itself.
fn access_log<const N: usize>(own: [(&str, String); N]) -> BTreeMap<String, String> {
    let proxys = [
        ("event", "drill-request".to_owned()),
        ("method", "%REQ(:METHOD)%".to_owned()),
        ("authority", "%REQ(:AUTHORITY)%".to_owned()),
        ("path", "%PATH(NQ:PATH)%".to_owned()),
        ("request_id", "%REQ(X-REQUEST-ID)%".to_owned()),
        ("status", "%RESPONSE_CODE%".to_owned()),
        ("code_details", "%RESPONSE_CODE_DETAILS%".to_owned()),
        ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%".to_owned()),
        ("source_address", "%DOWNSTREAM_REMOTE_ADDRESS%".to_owned()),
        ("duration_ms", "%DURATION%".to_owned()),
    ];
    proxys
        .into_iter()
        .chain(own)
        .map(|(name, format)| (name.to_owned(), format))
        .collect()
}

fn lua() -> Filter {
    Filter::Native(json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string":
            "function envoy_on_request(handle)\n\
             \x20 local value = handle:headers():get('x-drill-context')\n\
             \x20 if value then handle:headers():replace('x-lua-seen', '1') end\n\
             end"
        }
    }))
}
