//! The steps of the drill, as data.

use super::report::{Answer, Answerer};

/// The service that the drill covers.
pub(super) const HOST: &str = "orders.example.com";

/// One request, what happens before it, and what must come of it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) before: Option<Change>,
    pub(super) context: Context,
    pub(super) spoofs_host: bool,
    pub(super) expected: Answer,
}

/// What `X-Drill-Context` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Absent,
    Signed,
    /// Signed with another key of the same name.
    Forged,
    Expired,
    /// For an environment that the drill is not in.
    Elsewhere,
    /// Two times the same valid value.
    Twice,
}

/// What changes on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    SandboxKilled,
    SandboxBack,
    DrillRunsOut,
    DrillRemoved,
}

impl Change {
    pub(super) const fn describe(self) -> &'static str {
        match self {
            Change::SandboxKilled => "killing the sandbox",
            Change::SandboxBack => "bringing the sandbox back",
            Change::DrillRunsOut => {
                "setting the drill's end 1 s ahead and waiting for the edge's clock to pass it"
            }
            Change::DrillRemoved => "removing the drill's routes and its entry in the active list",
        }
    }
}

fn step(name: &'static str, says: &'static str, context: Context, expected: Answer) -> Step {
    Step {
        name,
        says,
        before: None,
        context,
        spoofs_host: false,
        expected,
    }
}

impl Step {
    fn after(mut self, change: Change) -> Step {
        self.before = Some(change);
        self
    }
}

/// The drill from its first request to its end.
pub(super) fn steps() -> Vec<Step> {
    let production = || Answer::new(200, Answerer::Production, None);
    let routed = || Answer::new(200, Answerer::Sandbox, Some("routed"));
    let refused = |code| Answer::new(403, Answerer::Gateway, Some(code));
    let unreachable = Answer::new(503, Answerer::Gateway, Some("sandbox-unreachable"));
    vec![
        step(
            "no header",
            "a user's request",
            Context::Absent,
            production(),
        ),
        step(
            "signed",
            "the test suite's request",
            Context::Signed,
            routed(),
        ),
        step(
            "forged",
            "signed with a key that the gate does not have",
            Context::Forged,
            refused("bad-signature"),
        ),
        step(
            "expired",
            "signed a while ago, exp has come",
            Context::Expired,
            refused("expired"),
        ),
        step(
            "wrong environment",
            "signed for another environment",
            Context::Elsewhere,
            refused("wrong-environment"),
        ),
        step(
            "duplicated",
            "two valid values",
            Context::Twice,
            refused("duplicate-header"),
        ),
        Step {
            spoofs_host: true,
            ..step(
                "spoofed host",
                "signed, and names the drill's own host",
                Context::Signed,
                refused("spoofed-authority"),
            )
        },
        step(
            "sandbox killed",
            "signed; nothing listens there",
            Context::Signed,
            unreachable,
        )
        .after(Change::SandboxKilled),
        step(
            "meanwhile",
            "a user's request",
            Context::Absent,
            production(),
        ),
        step("sandbox back", "signed", Context::Signed, routed()).after(Change::SandboxBack),
        step(
            "drill over",
            "signed; the drill's end has come",
            Context::Signed,
            refused("drill-over"),
        )
        .after(Change::DrillRunsOut),
        step(
            "drill removed",
            "signed; the gate knows no such drill",
            Context::Signed,
            refused("unknown-drill"),
        )
        .after(Change::DrillRemoved),
        step(
            "after the drill",
            "a user's request",
            Context::Absent,
            production(),
        ),
    ]
}
