//! What a row of the tables is: what is asked, what is broken meanwhile, and what becomes of it.

use super::ways::Kinds;

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No header.
    Plain,
    /// What the way calls valid.
    Valid,
    /// The same, changed by whoever has no key.
    Forged,
    /// What is no token, nor any drill's value.
    Garbage,
    /// An empty header.
    Empty,
    /// What was valid for a minute, an hour ago.
    Expired,
    /// Well formed and signed, for another environment.
    Elsewhere,
    /// Well formed and signed, for a drill that is not there.
    Stranger,
    /// Two headers: a valid one, and another drill's.
    Duplicated,
    /// The same in the other order.
    DuplicatedLast,
    /// Valid, for a host of production's that the drill is not about.
    OtherHost,
    /// Valid, for a path that production has a rule of its own for.
    Path,
    /// No header, but what the way steers by behind it, written by whoever knows it.
    Inner,
}

/// What is broken meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Nothing,
    /// The sandbox refuses connections.
    Refuses,
    /// The sandbox takes requests and does not answer; the route's timeout is 1 s.
    Hangs,
    /// The sandbox takes requests and breaks off.
    Resets,
    /// The sandbox's service has no endpoints.
    NoEndpoints,
    /// The sandbox's service is deleted.
    NoService,
    /// The sandbox answers 500, and its one endpoint is left out for it.
    Ejected,
    /// As many requests are under way as the circuit breaker lets through.
    Overloaded,
    /// A route that came later claims the host for production.
    LaterRoute,
    /// What leads to the sandbox is deleted by hand.
    RouteDeleted,
    /// The circuit breaker is deleted by hand.
    BreakerDeleted,
    /// What checks the header is deleted by hand.
    CheckDeleted,
    /// What checks the header is edited by hand, so that it has no part in these requests.
    CheckEdited,
    /// The gateway's clock is ten minutes ahead.
    ClockAhead,
    /// It is ten minutes behind.
    ClockBehind,
    /// istiod is killed.
    Istiod,
    /// The API server, too: from now on nobody can take anything away.
    ApiServer,
    /// The same, and the drill's time has come.
    TimeUp,
    /// The drill is over: what steers to the sandbox was taken away.
    Over,
}

impl Kind {
    pub(super) fn has_header(self) -> bool {
        !matches!(self, Kind::Plain | Kind::Inner)
    }
}

/// What each way answers; nothing where it has no part in the row.
pub(super) type Foreseen<const N: usize> = [Option<&'static str>; N];

/// A row of the tables.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    on_istio: Foreseen<5>,
    on_gateway_api: Foreseen<4>,
}

impl Row {
    /// What the ways of these kinds answer, in the order of the columns.
    pub(super) fn foreseen(&self, kinds: Kinds) -> &[Option<&'static str>] {
        match kinds {
            Kinds::Istio => &self.on_istio,
            Kinds::GatewayApi => &self.on_gateway_api,
        }
    }

    /// Whether it is a row of the table of these kinds: one that others than drillgate can be put
    /// through.
    pub(super) fn is_of(&self, kinds: Kinds) -> bool {
        let ways = kinds.ways().iter().zip(self.foreseen(kinds));
        let mut others = ways.filter(|(way, _)| !way.is_ours());
        others.any(|(_, foreseen)| foreseen.is_some())
    }

    /// One where drillgate by `targetRefs` and the others on the Gateway API answer as on Istio's kinds.
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        fault: Fault,
        on_istio: Foreseen<5>,
    ) -> Self {
        let [rule, claims, closed, ours, _] = on_istio;
        Self {
            name,
            kind,
            fault,
            on_istio,
            on_gateway_api: [rule, claims, closed, ours],
        }
    }

    /// The same, where these are the answers on the Gateway API.
    pub(super) const fn but_on_gateway_api(self, on_gateway_api: Foreseen<4>) -> Self {
        Self {
            on_gateway_api,
            ..self
        }
    }
}
