//! Whether a drill request may pass, and how it is steered. A function of the gate's
//! configuration, the request's headers and the time.

use std::rc::Rc;

use drill_context::{Claims, HEADER_NAME, KeyId, Reason, TokenType, single_value};

use crate::cache::Authentic;
use crate::config::{ActiveDrill, Gate, Mode, RouteKey};
use crate::host::HostError;
use crate::{Refusal, authority};

/// The request's headers: names in lower case, repeated ones each time.
pub(crate) type Headers = [(String, Vec<u8>)];

/// Every value of one header.
pub(crate) fn values<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(held, _)| held == name)
        .map(|(_, value)| value.as_slice())
}

/// How a request reaches its sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Steering {
    /// By an authority that only the drill's routes have.
    Authority(String),
    /// By the route key in `x-drill-route`, to the virtual host that owns this authority.
    RouteKey { key: RouteKey, authority: String },
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Steer(Steering),
    AnswerProbe {
        active_drills: usize,
        /// What would come of a request of the drill that the probe names.
        drill: Result<(), Reason>,
    },
}

/// What a signature has shown about a request, also about one that is then refused.
#[derive(Debug, Default, Clone)]
pub(crate) struct Subject {
    kid: Option<KeyId>,
    token: Option<Rc<Authentic>>,
}

impl Subject {
    pub(crate) fn kid(&self) -> Option<&KeyId> {
        match &self.token {
            Some(token) => Some(&token.kid),
            None => self.kid.as_ref(),
        }
    }

    pub(crate) fn claims(&self) -> Option<&Claims> {
        self.token.as_ref().map(|token| &token.claims)
    }

    /// The members of `baggage` that name its drill.
    pub(crate) fn baggage(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.baggage.as_str())
    }
}

/// Decides on a request that carries the header; `now` gives seconds of the Unix epoch, and is
/// asked only once the signature has held.
///
/// `subject` is filled as far as the request can be believed.
///
/// # Errors
/// The first [`Refusal`] found.
pub(crate) fn decide(
    gate: &Gate,
    headers: &Headers,
    now: impl FnOnce() -> Result<i64, HostError>,
    subject: &mut Subject,
) -> Result<Action, Refusal> {
    let value = single_value(values(headers, HEADER_NAME))?;
    let token = gate.authenticate(value).map_err(|(reason, kid)| {
        subject.kid = kid;
        reason
    })?;
    let token = &**subject.token.insert(token);
    let now = now().map_err(|HostError| Refusal::EdgeError)?;
    gate.limits.check(&token.claims, now)?;
    match token.token_type {
        TokenType::Probe => Ok(Action::AnswerProbe {
            active_drills: gate.active_drills(now),
            drill: admit(gate, &token.claims, now).map(|_| ()),
        }),
        TokenType::Drill => {
            let drill = admit(gate, &token.claims, now)?;
            steer(gate, drill, headers).map(Action::Steer)
        }
    }
}

/// The active drill that the claims are for.
fn admit<'a>(gate: &'a Gate, claims: &Claims, now: i64) -> Result<&'a ActiveDrill, Reason> {
    let drill = gate.drill(claims.drill).ok_or(Reason::UnknownDrill)?;
    if drill.environment != claims.environment {
        return Err(Reason::WrongEnvironment);
    }
    if now >= drill.not_after {
        return Err(Reason::DrillOver);
    }
    Ok(drill)
}

fn steer(gate: &Gate, drill: &ActiveDrill, headers: &Headers) -> Result<Steering, Refusal> {
    let mut authorities = values(headers, ":authority");
    let (Some(authority), None) = (authorities.next(), authorities.next()) else {
        return Err(Refusal::BadAuthority);
    };
    let host = authority::host_of(authority)?;
    if authority::is_under(&host, &gate.domain) {
        return Err(Refusal::SpoofedAuthority);
    }
    if !drill.covers(&host) {
        return Err(Refusal::UncoveredHost);
    }
    match drill.mode {
        Mode::Authority => {
            authority::drill_host(&host, &drill.route_key, &gate.domain).map(Steering::Authority)
        }
        Mode::Owned => Ok(Steering::RouteKey {
            key: drill.route_key.clone(),
            authority: host,
        }),
    }
}
