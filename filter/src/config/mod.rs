//! The plugin's configuration, read once and strictly.
//!
//! ```json
//! {
//!   "version": 1,
//!   "generation": 7,
//!   "domain": "drill.internal",
//!   "skewSeconds": 30,
//!   "maxAgeSeconds": 3600,
//!   "keys": {
//!     "ci-2026": {"alg": "HS256", "env": "DRILLGATE_KEY_CI_2026"},
//!     "dba": {"alg": "Ed25519", "publicKey": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
//!   },
//!   "drills": {
//!     "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f": [{
//!       "environment": "orders-dr",
//!       "routeKey": "mzxw6ytboi4dinzsgy3tqobzga",
//!       "notAfter": 1790003600,
//!       "mode": "authority"
//!     }]
//!   },
//!   "audit": {"log": true, "level": "warn", "filterState": true},
//!   "attempt": 1790000000
//! }
//! ```
//!
//! Keys and drills are maps, so that several writers can each own one entry under
//! server-side apply. What is known of a drill is wrapped in an array, which has one owner as a
//! whole: members with an owner each would cost the API server far more in a list of a thousand.
//! A member that is not known is refused: a typing error must not leave a
//! limit at its default.

mod drills;
mod keys;
mod members;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use drill_context::{DrillId, KeyId, Keyring, Limits, Reason, json, verify};

use crate::authority::is_name;
use crate::baggage;
use crate::cache::{Authentic, TokenCache};
use crate::host::LogLevel;
use drills::Drills;
use members::Members;

pub use drills::{ActiveDrill, Mode, RouteKey};

/// The version of the configuration's form that this filter reads.
const VERSION: i64 = 1;

/// A configuration that is refused: which member, and what it must be.
///
/// The message never repeats a value: it may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    member: String,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(member: impl Into<String>, problem: impl fmt::Display) -> ConfigError {
        ConfigError {
            member: member.into(),
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// Where audit records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// The proxy's log, at this level; `None` for not at all.
    pub log: Option<LogLevel>,
    /// Filter state, for access logs.
    pub filter_state: bool,
}

/// One gate: everything that the filter needs to decide, in the form in which it needs it.
#[derive(Debug)]
pub struct Gate {
    pub(crate) generation: u64,
    pub(crate) domain: String,
    pub(crate) limits: Limits,
    pub(crate) audit: AuditSettings,
    keyring: Keyring,
    drills: Drills,
    verified: RefCell<TokenCache>,
}

impl Gate {
    /// Reads a configuration. `env` looks up the environment variables of the VM, which may
    /// hold secrets.
    ///
    /// # Errors
    /// [`ConfigError`] for the first member that is missing, unknown or not in its form.
    ///
    /// ```
    /// use drill_filter::Gate;
    /// let error = Gate::parse(br#"{"version": 1, "keys": {}, "drils": {}}"#, |_| None).unwrap_err();
    /// assert_eq!(error.to_string(), "keys: needs at least one key");
    /// ```
    pub fn parse(text: &[u8], env: impl Fn(&str) -> Option<String>) -> Result<Gate, ConfigError> {
        let members = json::parse_object(text).map_err(|e| ConfigError::new("configuration", e))?;
        let mut members = Members::new(String::new(), members);
        match members.integer("version")? {
            Some(VERSION) => {}
            _ => {
                return Err(
                    members.wrong("version", "must be 1, the version that this filter reads")
                );
            }
        }
        let gate = Gate {
            generation: members
                .integer("generation")?
                .unwrap_or(0)
                .try_into()
                .map_err(|_| members.wrong("generation", "must not be negative"))?,
            domain: domain(&mut members)?,
            limits: limits(&mut members)?,
            keyring: keys::read(members.required_object("keys")?, &env)?,
            drills: drills::read(members.object("drills")?)?,
            audit: audit(members.object("audit")?)?,
            verified: RefCell::default(),
        };
        // It says nothing: with another number the configuration is another one, and is sent again.
        members.integer("attempt")?;
        members.finish()?;
        Ok(gate)
    }

    /// The number under which the configuration was written.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The active drill with this UUID. Its end may have come: see [`ActiveDrill::not_after`].
    pub fn drill(&self, id: DrillId) -> Option<&ActiveDrill> {
        self.drills.get(id)
    }

    /// How many drills have not ended at `now`, in seconds of the Unix epoch.
    pub fn active_drills(&self, now: i64) -> usize {
        let active = |drill: &&ActiveDrill| now < drill.not_after;
        self.drills.all().filter(active).count()
    }

    /// Verifies a token and reads its claims. What a signature has shown once is remembered;
    /// nothing is remembered of a token that was refused.
    ///
    /// # Errors
    /// The reason; with the key's name where the signature holds and the claims do not.
    pub(crate) fn authenticate(
        &self,
        token: &str,
    ) -> Result<Rc<Authentic>, (Reason, Option<KeyId>)> {
        if let Some(known) = self.verified.borrow().get(token) {
            return Ok(known);
        }
        let verified = verify(token, &self.keyring).map_err(|reason| (reason, None))?;
        let claims = verified
            .claims()
            .map_err(|reason| (reason, Some(verified.kid().clone())))?;
        let authentic = Rc::new(Authentic {
            kid: verified.kid().clone(),
            token_type: verified.token_type(),
            baggage: baggage::members(claims.drill, &claims.environment),
            claims,
        });
        self.verified.borrow_mut().insert(token, authentic.clone());
        Ok(authentic)
    }
}

fn domain(members: &mut Members) -> Result<String, ConfigError> {
    let domain = members.text("domain")?;
    let domain = domain.unwrap_or_else(|| "drill.internal".to_owned());
    let lower = domain.bytes().all(|b| !b.is_ascii_uppercase());
    if domain.len() > 128 || !lower || !is_name(domain.as_bytes()) {
        return Err(members.wrong(
            "domain",
            "must be a DNS name in lower case, without a trailing dot",
        ));
    }
    Ok(domain)
}

fn limits(members: &mut Members) -> Result<Limits, ConfigError> {
    let skew = members.integer("skewSeconds")?.unwrap_or(30);
    let max_age = members.integer("maxAgeSeconds")?.unwrap_or(3600);
    Limits::new(skew, max_age).map_err(|error| {
        let member = match error {
            drill_context::LimitError::Skew => "skewSeconds",
            drill_context::LimitError::MaxAge => "maxAgeSeconds",
        };
        members.wrong(member, error)
    })
}

fn audit(mut members: Members) -> Result<AuditSettings, ConfigError> {
    let level = match members.text("level")?.as_deref() {
        None | Some("warn") => LogLevel::Warn,
        Some("debug") => LogLevel::Debug,
        Some("info") => LogLevel::Info,
        Some("error") => LogLevel::Error,
        Some(_) => return Err(members.wrong("level", "must be debug, info, warn or error")),
    };
    let log = members.boolean("log")?.unwrap_or(true);
    let settings = AuditSettings {
        log: log.then_some(level),
        filter_state: members.boolean("filterState")?.unwrap_or(true),
    };
    members.finish()?;
    Ok(settings)
}

#[cfg(test)]
mod tests;
