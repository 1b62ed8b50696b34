//! What the API server was asked, by its own audit log.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::ControlPlane;
use crate::audit::whole_lines;

/// The audit log's name in the folder of a control plane.
pub(super) const AUDIT_LOG: &str = "audit.log";

/// One record for each request, when it has been answered. A watch is answered when it ends.
pub(super) const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived", "ResponseStarted"],
  "rules": [{ "level": "Metadata" }]
}"#;

/// How long the log may lag behind an answer.
const LAG_LIMIT: Duration = Duration::from_secs(60);

/// One request that the API server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; for what
    /// is no resource, the HTTP method in lower case.
    pub verb: String,
    /// The resource's group; empty for the core group and for what is no resource.
    pub group: String,
    /// The resource, in the plural; empty for what is none, such as `/readyz`.
    pub resource: String,
    /// The subresource, such as `status`, or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The object's name, or empty.
    pub name: String,
    /// The path with its query.
    pub uri: String,
    /// The client's `User-Agent`, or empty.
    pub user_agent: String,
    /// The status of the answer.
    pub code: u64,
    /// Whether a role allowed it. (403 has other reasons, too, such as a definition that is going.)
    pub allowed: bool,
}

impl Request {
    /// Whether it may have changed something.
    pub fn is_write(&self) -> bool {
        !matches!(
            self.verb.as_str(),
            "get" | "list" | "watch" | "head" | "options"
        )
    }

    fn parse(line: &str) -> Self {
        let record: Value = serde_json::from_str(line).expect("an audit record");
        let text = |pointer| {
            let value = record.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Self {
            user: text("/user/username"),
            verb: text("/verb"),
            group: text("/objectRef/apiGroup"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            uri: text("/requestURI"),
            user_agent: text("/userAgent"),
            code: record
                .pointer("/responseStatus/code")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
            allowed: text("/annotations/authorization.k8s.io~1decision") == "allow",
        }
    }
}

/// The requests in a log, oldest first.
pub(super) fn parse_log(log: &str) -> impl Iterator<Item = Request> {
    whole_lines(log).map(Request::parse)
}

/// How many requests there were for each verb, resource and user agent.
pub fn tally(requests: &[Request]) -> BTreeMap<(&str, &str, &str), usize> {
    let mut tally = BTreeMap::new();
    for request in requests {
        let kind = (
            request.verb.as_str(),
            request.resource.as_str(),
            request.user_agent.as_str(),
        );
        *tally.entry(kind).or_default() += 1;
    }
    tally
}

impl ControlPlane {
    /// Every request that was answered before this call, oldest first: the tests' own, those of the
    /// programs that they run, and those of the API server to itself (`system:apiserver`).
    ///
    /// # Panics
    /// If the API server does not answer, or does not record its answers.
    pub async fn requests(&self) -> Vec<Request> {
        // An answer is recorded a moment after it was given. So one more is asked for and waited
        // for: what was answered before it has been recorded by then.
        let fence = format!("/version?fence={}", self.next_number());
        let ask = http::Request::get(&fence).body(Vec::new()).expect("a path");
        let client = self.client().await;
        client.request_text(ask).await.expect("an answer");

        let deadline = Instant::now() + LAG_LIMIT;
        loop {
            let log = fs::read_to_string(self.folder().join(AUDIT_LOG)).unwrap_or_default();
            let mut requests = Vec::new();
            for request in parse_log(&log) {
                if request.uri == fence {
                    return requests;
                }
                requests.push(request);
            }
            assert!(Instant::now() < deadline, "{fence} is not in the audit log");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
