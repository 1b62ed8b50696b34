//! Ways to steer by a header: the columns of the tables.

/// Whose kinds of objects a gateway is described with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    /// Istio's own.
    Istio,
    /// The Gateway API's.
    GatewayApi,
}

/// A way to steer by a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A rule in production's route that looks for the header's value.
    Rule,
    /// RequestAuthentication, and a rule in production's route that looks at a claim.
    Claims,
    /// The same, and a rule below it that refuses whatever else has the header: what can be made of
    /// Istio's own parts.
    Closed,
    /// drillgate.
    Authority,
    /// drillgate, on a host that it owns.
    Owned,
}

impl Kinds {
    /// The columns, in their order. Mode Owned is not for gates by `targetRefs`.
    pub(super) fn ways(self) -> &'static [Way] {
        use Way::{Authority, Claims, Closed, Owned, Rule};
        match self {
            Kinds::Istio => &[Rule, Claims, Closed, Authority, Owned],
            Kinds::GatewayApi => &[Rule, Claims, Closed, Authority],
        }
    }

    /// What heads a column.
    pub(super) fn name(self, way: Way) -> &'static str {
        match (self, way) {
            (Kinds::Istio, Way::Rule) => "header rule in the VirtualService",
            (Kinds::Istio, Way::Claims) => "RequestAuthentication and claim routing",
            (Kinds::GatewayApi, Way::Rule) => "header rule in the HTTPRoute",
            (Kinds::GatewayApi, Way::Claims) => "RequestAuthentication and a claim in a header",
            (_, Way::Closed) => "the same, closed",
            (Kinds::Istio, Way::Authority) => "drillgate",
            (Kinds::GatewayApi, Way::Authority) => "drillgate by `targetRefs`",
            (_, Way::Owned) => "drillgate, mode Owned",
        }
    }
}

impl Way {
    /// Whether it is drillgate.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Way::Authority | Way::Owned)
    }

    /// Whether RequestAuthentication has a part in it.
    pub(super) fn is_by_claims(self) -> bool {
        matches!(self, Way::Claims | Way::Closed)
    }

    /// The drilled host.
    pub(super) fn host(self) -> &'static str {
        match self {
            Way::Owned => "owned.example.com",
            _ => "orders.example.com",
        }
    }
}
