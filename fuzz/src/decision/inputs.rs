//! What the fuzzer chooses: a configuration, and requests with what the proxy does to them.

use arbitrary::Arbitrary;

use crate::moment::Moment;

use super::config::{Config, ROUTE_KEYS};
use super::tokens::Token;

pub const NOW: i64 = 1_790_000_000;

#[derive(Arbitrary, Debug)]
pub struct Input<'a> {
    pub config: Config<'a>,
    pub requests: Vec<Request<'a>>,
}

#[derive(Arbitrary, Debug)]
pub struct Request<'a> {
    pub token: Token<'a>,
    pub now: Moment,
    pub authority: Authority<'a>,
    pub headers: Vec<(Name<'a>, &'a [u8])>,
    pub details: Details<'a>,
    /// What happens to each hostcall, in their order; all is well after the last.
    pub faults: Vec<Fault>,
    /// A callback out of turn.
    pub before: Option<Event>,
    pub events: Vec<Event>,
}

impl Request<'_> {
    /// Every text beside the token.
    pub fn said(&self) -> Vec<Vec<u8>> {
        let headers = self.headers.iter().map(|(_, value)| value.to_vec());
        let details = self.details.bytes();
        headers
            .chain(self.authority.values())
            .chain(details)
            .collect()
    }
}

#[derive(Arbitrary, Debug)]
pub enum Authority<'a> {
    None,
    Plain,
    Port,
    UpperCaseAndDot,
    UnderTheDomain,
    TheDomainInUpperCase,
    AlmostTheDomain,
    TheDrillsOwnHost,
    Address,
    Long(u8),
    Any(&'a [u8]),
    Twice,
}

impl Authority<'_> {
    pub fn values(&self) -> Vec<Vec<u8>> {
        let one = |text: &str| vec![text.as_bytes().to_vec()];
        match self {
            Authority::None => vec![],
            Authority::Plain => one("orders.example.com"),
            Authority::Port => one("orders.example.com:8443"),
            Authority::UpperCaseAndDot => one("Orders.EXAMPLE.com."),
            Authority::UnderTheDomain => one("x.Drill.internal.:80"),
            Authority::TheDomainInUpperCase => one("DRILL.EXAMPLE.COM"),
            Authority::AlmostTheDomain => one("xdrill.internal"),
            Authority::TheDrillsOwnHost => one(&format!(
                "orders.example.com.{}.drill.internal",
                ROUTE_KEYS[0]
            )),
            Authority::Address => one("[::1]:80"),
            Authority::Long(labels) => one(&vec!["abcdefg"; usize::from(*labels)].join(".")),
            Authority::Any(bytes) => vec![bytes.to_vec()],
            Authority::Twice => [one("orders.example.com"), one("orders.example.com")].concat(),
        }
    }
}

#[derive(Arbitrary, Debug)]
pub enum Name<'a> {
    Context,
    Authority,
    Method,
    Path,
    Route,
    Baggage,
    RequestId,
    ContentType,
    Verdict,
    Other(&'a str),
}

impl Name<'_> {
    /// Header names are in lower case, as Envoy keeps them.
    pub fn text(&self) -> String {
        match self {
            Name::Context => "x-drill-context".to_owned(),
            Name::Authority => ":authority".to_owned(),
            Name::Method => ":method".to_owned(),
            Name::Path => ":path".to_owned(),
            Name::Route => "x-drill-route".to_owned(),
            Name::Baggage => "baggage".to_owned(),
            Name::RequestId => "x-request-id".to_owned(),
            Name::ContentType => "content-type".to_owned(),
            Name::Verdict => "x-drill-verdict".to_owned(),
            Name::Other(name) => name.to_ascii_lowercase(),
        }
    }
}

#[derive(Arbitrary, Debug)]
pub enum Details<'a> {
    ViaUpstream,
    Timeout,
    Missing,
    Any(&'a [u8]),
}

impl Details<'_> {
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Details::ViaUpstream => Some(b"via_upstream".to_vec()),
            Details::Timeout => Some(b"response_timeout".to_vec()),
            Details::Missing => None,
            Details::Any(bytes) => Some(bytes.to_vec()),
        }
    }
}

#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Fails,
    /// It does what it was asked, and says that it failed.
    DoesAndFails,
}

#[derive(Arbitrary, Debug)]
pub enum Event {
    Response,
    End,
}
