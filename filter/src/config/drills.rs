//! `drills`: the active list, a map from drill UUID to what the edge needs to know of it: an array
//! of one object.

use std::fmt;
use std::str::FromStr;

use drill_context::{DrillId, Environment};

use super::ConfigError;
use super::members::Members;
use crate::authority::host_of;

/// How a drill's requests are told apart by the routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The filter rewrites the authority to a host that only the drill's routes have.
    Authority,
    /// The filter sets `x-drill-route`, for virtual hosts that drillgate itself owns.
    Owned,
}

/// The random part of a drill's host: 128 bits in base32, 26 of a-z and 2-7.
///
/// Only the edge's own configuration knows it, so no client can name the drill's host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteKey(String);

impl RouteKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RouteKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<RouteKey, &'static str> {
        let base32 = |b: u8| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b);
        if text.len() != 26 || !text.bytes().all(base32) {
            return Err("must be 128 random bits in base32: 26 of a-z and 2-7");
        }
        Ok(RouteKey(text.to_owned()))
    }
}

impl fmt::Debug for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteKey(..)")
    }
}

/// A drill that the gate lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDrill {
    /// The environment that a token must be for.
    pub environment: Environment,
    /// The random part of the drill's host.
    pub route_key: RouteKey,
    /// The drill's end, in seconds of the Unix epoch. The filter heeds it by itself, with the
    /// controller gone too.
    pub not_after: i64,
    /// How its requests are steered.
    pub mode: Mode,
    /// Its hosts, in lower case; any if there are none, which only mode `authority` may have. A
    /// request for another is refused here, and does not depend on what the routes do with it.
    pub hosts: Vec<String>,
}

impl ActiveDrill {
    /// Whether it is about `host`, in lower case.
    pub fn covers(&self, host: &String) -> bool {
        self.hosts.is_empty() || self.hosts.contains(host)
    }
}

/// The drills in the order of their ids, in which they are found.
#[derive(Debug, Default)]
pub(super) struct Drills(Vec<(DrillId, ActiveDrill)>);

impl Drills {
    pub(super) fn get(&self, id: DrillId) -> Option<&ActiveDrill> {
        let at = self.0.binary_search_by_key(&id, |(held, _)| *held).ok()?;
        self.0.get(at).map(|(_, drill)| drill)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ActiveDrill> {
        self.0.iter().map(|(_, drill)| drill)
    }
}

pub(super) fn read(entries: Members) -> Result<Drills, ConfigError> {
    let mut drills = Drills::default();
    let mut route_keys = Vec::new();
    for entry in entries.into_whole_entries() {
        let (id, members) = entry?;
        let id: DrillId = id
            .parse()
            .map_err(|error| members.wrong_here(format_args!("the drill {error}")))?;
        let shared = members.wrong("routeKey", "is another drill's, too");
        let drill = drill(members)?;
        match route_keys.binary_search(&drill.route_key) {
            Ok(_) => return Err(shared),
            Err(at) => route_keys.insert(at, drill.route_key.clone()),
        }
        // An id has one spelling, and no two members have one name. They mostly come in order.
        let at = drills.0.partition_point(|(held, _)| *held < id);
        drills.0.insert(at, (id, drill));
    }
    Ok(drills)
}

fn drill(mut members: Members) -> Result<ActiveDrill, ConfigError> {
    let drill = ActiveDrill {
        environment: members
            .required_text("environment")?
            .parse()
            .map_err(|error| members.wrong("environment", error))?,
        route_key: members
            .required_text("routeKey")?
            .parse()
            .map_err(|error| members.wrong("routeKey", error))?,
        not_after: match members.integer("notAfter")? {
            Some(not_after) => not_after,
            None => return Err(members.wrong("notAfter", "is missing")),
        },
        mode: match members.text("mode")?.as_deref() {
            None | Some("authority") => Mode::Authority,
            Some("owned") => Mode::Owned,
            Some(_) => return Err(members.wrong("mode", "must be authority or owned")),
        },
        hosts: hosts(&mut members)?,
    };
    if drill.mode == Mode::Owned && drill.hosts.is_empty() {
        return Err(members.wrong("hosts", "must list the owned hosts"));
    }
    members.finish()?;
    Ok(drill)
}

fn hosts(members: &mut Members) -> Result<Vec<String>, ConfigError> {
    let Some(hosts) = members.texts("hosts")? else {
        return Ok(Vec::new());
    };
    // In the very form in which the host of a request is compared with them.
    let plain = |host: &String| host_of(host.as_bytes()).as_ref() == Ok(host);
    if hosts.is_empty() || !hosts.iter().all(plain) {
        let form = "must list the drill's hosts: DNS names in lower case, without a port";
        return Err(members.wrong("hosts", form));
    }
    Ok(hosts)
}
