//! What is asked, and what becomes of it.

/// What a request bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No header.
    Plain,
    /// What the way calls valid.
    Valid,
    /// The same, changed by whoever has no key.
    Forged,
    /// What was valid for a minute, an hour ago.
    Expired,
    /// Well formed and signed, for a drill that is not there.
    Stranger,
    /// Two headers: a valid one, and another drill's.
    Duplicated,
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
    /// The sandbox's service has no endpoints.
    NoEndpoints,
    /// The sandbox's service is deleted.
    NoService,
    /// The drill is over: what steers to the sandbox was taken away.
    Over,
}

impl Kind {
    pub(super) fn has_header(self) -> bool {
        self != Kind::Plain
    }
}

/// A row of the table, with what each way answers; nothing where a way does not take the setting.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) path: &'static str,
    pub(super) fault: Fault,
    pub(super) foreseen: [Option<&'static str>; 4],
}

const PRODUCTION: Option<&str> = Some("200 production");
const SANDBOX: Option<&str> = Some("200 sandbox");
const ROUTED: Option<&str> = Some("200 routed sandbox");
const UNAUTHORIZED: Option<&str> = Some("401");
const ERROR: Option<&str> = Some("503");
const UNREACHABLE: Option<&str> = Some("503 sandbox-unreachable");
const UNKNOWN: Option<&str> = Some("403 unknown-drill");

/// All rows, in the order in which they are tried.
pub(super) fn rows() -> Vec<Row> {
    use Fault::{Hangs, NoEndpoints, NoService, Nothing, Over, Refuses};
    use Kind::{Duplicated, Expired, Forged, Plain, Stranger, Valid};
    let row = |name, kind, path, fault, foreseen| Row {
        name,
        kind,
        path,
        fault,
        foreseen,
    };
    let refused = |code| [PRODUCTION, UNAUTHORIZED, Some(code), Some(code)];
    let down = [ERROR, ERROR, UNREACHABLE, UNREACHABLE];
    vec![
        row("no header", Plain, "/", Nothing, [PRODUCTION; 4]),
        row(
            "valid",
            Valid,
            "/",
            Nothing,
            [SANDBOX, SANDBOX, ROUTED, ROUTED],
        ),
        row(
            "forged or guessed",
            Forged,
            "/",
            Nothing,
            refused("403 bad-signature"),
        ),
        row("expired", Expired, "/", Nothing, refused("403 expired")),
        row(
            "another drill's, well formed",
            Stranger,
            "/",
            Nothing,
            [PRODUCTION, PRODUCTION, UNKNOWN, UNKNOWN],
        ),
        row(
            "two values, the first valid",
            Duplicated,
            "/",
            Nothing,
            [
                SANDBOX,
                SANDBOX,
                Some("403 duplicate-header"),
                Some("403 duplicate-header"),
            ],
        ),
        row(
            "valid, and production has an older rule for `/api`",
            Valid,
            "/api/orders",
            Nothing,
            [PRODUCTION, PRODUCTION, ROUTED, None],
        ),
        row(
            "valid, the sandbox refuses connections",
            Valid,
            "/",
            Refuses,
            down,
        ),
        row(
            "valid, the sandbox hangs",
            Valid,
            "/",
            Hangs,
            [Some("504"), Some("504"), UNREACHABLE, UNREACHABLE],
        ),
        row(
            "valid, the sandbox has no endpoints",
            Valid,
            "/",
            NoEndpoints,
            down,
        ),
        row(
            "valid, the sandbox's service is deleted",
            Valid,
            "/",
            NoService,
            down,
        ),
        row(
            "no header, the drill is over",
            Plain,
            "/",
            Over,
            [PRODUCTION, PRODUCTION, PRODUCTION, None],
        ),
        row(
            "valid, the drill is over",
            Valid,
            "/",
            Over,
            [PRODUCTION, PRODUCTION, UNKNOWN, UNKNOWN],
        ),
    ]
}
