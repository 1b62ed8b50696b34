//! One request and its reply, from the filter's side.

use std::rc::Rc;

use drill_context::HEADER_NAME;

use crate::audit::{self, Request};
use crate::config::Gate;
use crate::decision::{Action, Headers, Steering, Subject, decide, values};
use crate::host::{Host, HostError};
use crate::reply::{self, GRPC_UNAVAILABLE, VERDICT_HEADER};
use crate::{Refusal, Verdict, baggage};

/// The header that tells a drill's requests apart on a host that drillgate owns.
const ROUTE_HEADER: &str = "x-drill-route";

/// Whether the request goes on through the proxy's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It ends here: the filter has answered.
    Stop,
}

/// One request and its reply.
///
/// A request without the header is looked at once, in [`Exchange::on_request`], and never
/// again.
#[derive(Debug)]
pub struct Exchange {
    gate: Option<Rc<Gate>>,
    drill: Option<Box<DrillRequest>>,
}

#[derive(Debug)]
struct DrillRequest {
    /// For the audit record; nothing when no record will be written.
    request: Option<Request>,
    subject: Subject,
    verdict: Verdict,
    grpc: bool,
}

impl Exchange {
    /// A request under this configuration, which it keeps to its end.
    pub fn new(gate: Option<Rc<Gate>>) -> Exchange {
        Exchange { gate, drill: None }
    }

    /// The request's headers have arrived.
    pub fn on_request(&mut self, host: &impl Host) -> Flow {
        // Should the proxy fail to say, production must not pay for it: the gateway's native
        // policy stands behind and refuses the header on any host but a drill's.
        if matches!(host.request_header(HEADER_NAME), Ok(None) | Err(HostError)) {
            return Flow::Continue;
        }
        let headers = host.request_headers();
        let read = headers.as_deref().unwrap_or_default();
        let mut drill = DrillRequest {
            request: self.is_recorded().then(|| Request::from_headers(read)),
            subject: Subject::default(),
            verdict: Verdict::Unanswered,
            grpc: is_grpc(read),
        };
        drill.verdict = match self.act(host, headers.as_deref(), &mut drill.subject) {
            Ok(Action::Steer(_)) => Verdict::Unanswered,
            Ok(Action::AnswerProbe { .. }) => Verdict::Probe,
            Err(refusal) => {
                // Answered or not, it stops here: a request that hangs is not served either.
                let _ = host.reply(&reply::refusal(refusal, drill.grpc));
                Verdict::Refused(refusal)
            }
        };
        let drill = self.drill.insert(Box::new(drill));
        if let Some(gate) = self.gate.as_deref()
            && gate.audit.filter_state
        {
            drill.leave_filter_state(gate.generation, host);
        }
        match drill.verdict {
            Verdict::Unanswered => Flow::Continue,
            _ => Flow::Stop,
        }
    }

    fn is_recorded(&self) -> bool {
        self.gate
            .as_ref()
            .is_some_and(|gate| gate.audit.log.is_some())
    }

    /// Decides, and does what was decided.
    fn act(
        &self,
        host: &impl Host,
        headers: Result<&Headers, &HostError>,
        subject: &mut Subject,
    ) -> Result<Action, Refusal> {
        let (Some(gate), Ok(headers)) = (&self.gate, headers) else {
            return Err(Refusal::EdgeError);
        };
        let action = decide(gate, headers, || host.now(), subject)?;
        let done = match &action {
            Action::Steer(way) => steer(host, headers, subject, way),
            Action::AnswerProbe {
                active_drills,
                drill,
            } => host.reply(&reply::probe(gate.generation, *active_drills, *drill)),
        };
        done.map_err(|HostError| Refusal::EdgeError)?;
        Ok(action)
    }

    /// The reply's headers have arrived: from the sandbox, from the proxy itself, or from us.
    pub fn on_response(&mut self, host: &impl Host) {
        let Some(drill) = &mut self.drill else {
            return;
        };
        if drill.verdict != Verdict::Unanswered {
            return;
        }
        // Where the details cannot be read, the sandbox has not been shown to have answered.
        let details = host.property(&["response", "code_details"]);
        drill.verdict = match details.as_deref() {
            // The second is a sandbox that answers a WebSocket handshake with anything but 101.
            Some(b"via_upstream" | b"websocket_handshake_unsuccessful") => Verdict::Routed,
            _ => Verdict::SandboxUnreachable,
        };
        if drill.verdict == Verdict::SandboxUnreachable {
            say_unreachable(host, drill.grpc);
        }
        // The sandbox may have sent a verdict itself; only ours counts.
        let _ = host.set_response_header(VERDICT_HEADER, drill.verdict.code().as_bytes());
        if self
            .gate
            .as_ref()
            .is_some_and(|gate| gate.audit.filter_state)
        {
            // All else about the request stands there already.
            let _ = host.set_filter_state(audit::VERDICT_KEY, drill.verdict.class());
        }
    }

    /// The exchange is over, however it ended.
    pub fn on_end(&mut self, host: &impl Host) {
        let Some(drill) = self.drill.take() else {
            return;
        };
        host.count(drill.verdict);
        let Some(gate) = &self.gate else {
            return;
        };
        let DrillRequest {
            request,
            subject,
            verdict,
            ..
        } = *drill;
        if let (Some(level), Some(request)) = (gate.audit.log, request) {
            let record = audit::record(verdict, &subject, &request, gate.generation, host);
            host.log(level, &record);
        }
    }
}

impl DrillRequest {
    /// A value that the proxy does not take is missing in an access log; the record in the
    /// proxy's log has it all the same.
    fn leave_filter_state(&self, generation: u64, host: &impl Host) {
        for (key, value) in audit::filter_state(self.verdict, &self.subject, generation) {
            let _ = host.set_filter_state(key, &value);
        }
    }
}

/// Changes the request so that it can reach the drill's routes and no other.
fn steer(
    host: &impl Host,
    headers: &Headers,
    subject: &Subject,
    way: &Steering,
) -> Result<(), HostError> {
    if let Some(ours) = subject.baggage() {
        let merged = baggage::merge(ours, values(headers, "baggage"));
        host.set_request_header("baggage", &merged)?;
    }
    match way {
        Steering::Authority(authority) => {
            if values(headers, ROUTE_HEADER).next().is_some() {
                host.remove_request_header(ROUTE_HEADER)?;
            }
            host.set_request_header(":authority", authority.as_bytes())?;
        }
        Steering::RouteKey { key, authority } => {
            // A port or a trailing dot may lead past the virtual host that owns the name.
            host.set_request_header(":authority", authority.as_bytes())?;
            host.set_request_header(ROUTE_HEADER, key.as_str().as_bytes())?;
        }
    }
    host.clear_route_cache()
}

/// Turns the proxy's own failure reply (a 504 of a hung sandbox, a 404 of a missing route, a
/// redirect to HTTPS) into the one answer that a drill client has to know.
///
/// A redirect names the authority that the request was steered by: the route key is in it.
fn say_unreachable(host: &impl Host, grpc: bool) {
    let status = GRPC_UNAVAILABLE.to_string();
    let headers: &[(&str, &[u8])] = if grpc {
        &[
            ("grpc-status", status.as_bytes()),
            ("grpc-message", b"sandbox unreachable"),
        ]
    } else {
        &[(":status", b"503"), ("cache-control", b"no-store")]
    };
    for (name, value) in headers {
        let _ = host.set_response_header(name, value);
    }
    let _ = host.remove_response_header("location");
}

/// As Envoy itself tells: it gives an answer of its own the form of gRPC by the same rule, and a
/// status that only one of the two takes for gRPC's would be a 200 to the client.
fn is_grpc(headers: &Headers) -> bool {
    let rest = |value| <[u8]>::strip_prefix(value, b"application/grpc");
    values(headers, "content-type")
        .filter_map(rest)
        .any(|rest| matches!(rest.first(), None | Some(b'+')))
}

#[cfg(test)]
mod tests;
