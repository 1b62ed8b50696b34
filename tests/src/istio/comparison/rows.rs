//! The rows of the tables, with what each way answers.

use super::row::{Fault, Foreseen, Kind, Row};

const PRODUCTION: Option<&str> = Some("200 production");
const SANDBOX: Option<&str> = Some("200 sandbox");
const ROUTED: Option<&str> = Some("200 routed sandbox");
const UNAUTHORIZED: Option<&str> = Some("401");
const FORBIDDEN: Option<&str> = Some("403");
const FORGED: Option<&str> = Some("403 bad-signature");
const UNKNOWN: Option<&str> = Some("403 unknown-drill");
const UNCOVERED: Option<&str> = Some("403 uncovered-host");
const OVER: Option<&str> = Some("403 drill-over");
const EARLY: Option<&str> = Some("403 not-yet-valid");
const LATE: Option<&str> = Some("403 expired");
const TWICE: Option<&str> = Some("403 duplicate-header");
/// What the Gateway API has a rule answer that leads nowhere.
const NOWHERE: Option<&str> = Some("500");
const ERROR: Option<&str> = Some("503");
const TIMEOUT: Option<&str> = Some("504");
const UNREACHABLE: Option<&str> = Some("503 sandbox-unreachable");

const SERVED: Foreseen<5> = [SANDBOX, SANDBOX, SANDBOX, ROUTED, ROUTED];
const DOWN: Foreseen<5> = [ERROR, ERROR, ERROR, UNREACHABLE, UNREACHABLE];
const HANGING: Foreseen<5> = [TIMEOUT, TIMEOUT, TIMEOUT, UNREACHABLE, UNREACHABLE];

/// What a plain value gets to production, and RequestAuthentication does not.
const fn refused(status: Option<&'static str>, code: Option<&'static str>) -> Foreseen<5> {
    [PRODUCTION, status, status, code, code]
}

/// What gets to production but for a closing rule.
const fn closed(code: Option<&'static str>) -> Foreseen<5> {
    [PRODUCTION, PRODUCTION, ERROR, code, code]
}

/// The same on the Gateway API.
const fn closed_by_nothing(code: Option<&'static str>) -> Foreseen<4> {
    [PRODUCTION, PRODUCTION, NOWHERE, code]
}

/// All rows, in the order in which they are tried. What the control plane takes a while to get over
/// comes last.
pub(super) fn rows() -> Vec<Row> {
    let parts = [tokens(), targets(), sandbox(), objects(), control()];
    parts.into_iter().flatten().collect()
}

fn tokens() -> Vec<Row> {
    let of = |name, kind, foreseen| Row::new(name, kind, Fault::Nothing, foreseen);
    let malformed = Some("403 malformed");
    let elsewhere = Some("403 wrong-environment");
    vec![
        of("no header", Kind::Plain, [PRODUCTION; 5]),
        of("valid", Kind::Valid, SERVED),
        of(
            "forged or guessed",
            Kind::Forged,
            refused(UNAUTHORIZED, FORGED),
        ),
        of(
            "no token at all",
            Kind::Garbage,
            refused(UNAUTHORIZED, malformed),
        ),
        of(
            "an empty header",
            Kind::Empty,
            refused(UNAUTHORIZED, malformed),
        ),
        of("expired", Kind::Expired, refused(UNAUTHORIZED, LATE)),
        of(
            "signed for another environment",
            Kind::Elsewhere,
            refused(FORBIDDEN, elsewhere),
        ),
        of(
            "another drill's, well formed",
            Kind::Stranger,
            closed(UNKNOWN),
        )
        .but_on_gateway_api(closed_by_nothing(UNKNOWN)),
        of(
            "two values, the first valid",
            Kind::Duplicated,
            [SANDBOX, SANDBOX, SANDBOX, TWICE, TWICE],
        ),
        of(
            "two values, the second valid",
            Kind::DuplicatedLast,
            [SANDBOX, PRODUCTION, ERROR, TWICE, TWICE],
        )
        .but_on_gateway_api([SANDBOX, SANDBOX, SANDBOX, TWICE]),
        of(
            "no header, but what the way steers by behind it",
            Kind::Inner,
            [None, None, None, FORBIDDEN, None],
        )
        .but_on_gateway_api([None, PRODUCTION, PRODUCTION, FORBIDDEN]),
    ]
}

fn targets() -> Vec<Row> {
    let valid = |name, kind, fault, foreseen| Row::new(name, kind, fault, foreseen);
    vec![
        valid(
            "valid, for another host of production's",
            Kind::OtherHost,
            Fault::Nothing,
            [PRODUCTION, PRODUCTION, PRODUCTION, UNCOVERED, UNCOVERED],
        ),
        valid(
            "valid, and production has an older rule for `/api`",
            Kind::Path,
            Fault::Nothing,
            [PRODUCTION, PRODUCTION, PRODUCTION, ROUTED, None],
        ),
        valid(
            "valid, and a later route claims the host for production",
            Kind::Valid,
            Fault::LaterRoute,
            [SANDBOX, SANDBOX, SANDBOX, ROUTED, None],
        ),
    ]
}

fn sandbox() -> Vec<Row> {
    use Fault::{Ejected, Hangs, NoEndpoints, NoService, Overloaded, Refuses, Resets};
    let valid = |name, fault, foreseen| Row::new(name, Kind::Valid, fault, foreseen);
    vec![
        valid("valid, the sandbox refuses connections", Refuses, DOWN),
        valid("valid, the sandbox hangs", Hangs, HANGING),
        valid("valid, the sandbox breaks off", Resets, DOWN),
        valid("valid, the sandbox has no endpoints", NoEndpoints, DOWN),
        // A backend that does not exist is as good as none.
        valid("valid, the sandbox's service is deleted", NoService, DOWN).but_on_gateway_api([
            NOWHERE,
            NOWHERE,
            NOWHERE,
            UNREACHABLE,
        ]),
        valid("valid, the sandbox is ejected for its 500s", Ejected, DOWN),
        valid("valid, the circuit breaker is full", Overloaded, DOWN),
    ]
}

fn objects() -> Vec<Row> {
    use Fault::{BreakerDeleted, CheckDeleted, CheckEdited, RouteDeleted};
    let made_again = |code| [None, PRODUCTION, ERROR, code, code];
    let unchecked = |code| [None, PRODUCTION, NOWHERE, code];
    vec![
        Row::new(
            "valid, what leads to the sandbox is deleted by hand",
            Kind::Valid,
            RouteDeleted,
            closed(ROUTED),
        )
        .but_on_gateway_api(closed_by_nothing(ROUTED)),
        Row::new(
            "valid, the circuit breaker is deleted by hand",
            Kind::Valid,
            BreakerDeleted,
            SERVED,
        ),
        Row::new(
            "valid, what checks the header is deleted by hand",
            Kind::Valid,
            CheckDeleted,
            made_again(ROUTED),
        )
        .but_on_gateway_api(unchecked(ROUTED)),
        Row::new(
            "forged, the same",
            Kind::Forged,
            CheckDeleted,
            made_again(FORGED),
        )
        .but_on_gateway_api(unchecked(FORGED)),
        Row::new(
            "valid, what checks the header is edited by hand",
            Kind::Valid,
            CheckEdited,
            made_again(FORBIDDEN),
        )
        .but_on_gateway_api(unchecked(FORBIDDEN)),
        Row::new(
            "forged, the same",
            Kind::Forged,
            CheckEdited,
            made_again(FORBIDDEN),
        )
        .but_on_gateway_api(unchecked(FORBIDDEN)),
    ]
}

fn control() -> Vec<Row> {
    use Fault::{ApiServer, ClockAhead, ClockBehind, Istiod, Over, TimeUp};
    let valid = |name, fault, foreseen| Row::new(name, Kind::Valid, fault, foreseen);
    vec![
        valid(
            "valid, the gateway's clock is ten minutes ahead",
            ClockAhead,
            [SANDBOX, UNAUTHORIZED, UNAUTHORIZED, LATE, LATE],
        ),
        valid(
            "valid, it is ten minutes behind",
            ClockBehind,
            [SANDBOX, SANDBOX, SANDBOX, EARLY, EARLY],
        ),
        valid("valid, istiod is killed", Istiod, SERVED),
        valid("valid, the API server is killed, too", ApiServer, SERVED),
        valid(
            "valid, and the drill's time has come",
            TimeUp,
            [SANDBOX, SANDBOX, SANDBOX, OVER, OVER],
        ),
        Row::new(
            "no header, the drill is over",
            Kind::Plain,
            Over,
            [PRODUCTION, PRODUCTION, PRODUCTION, PRODUCTION, None],
        ),
        valid("valid, the drill is over", Over, closed(UNKNOWN))
            .but_on_gateway_api(closed_by_nothing(UNKNOWN)),
    ]
}
