//! The entries of drills in their gates' active lists: many written at once, under one field
//! manager.
//!
//! All entries of a gate's list stand in one object. A field manager for each would cost the API
//! server more with every drill, and a write for each would send that whole object through every
//! watch. So what is asked for while a write is under way goes along with the next one; who asks
//! alone is written for at once.
//!
//! An apply takes away what it leaves out, so it matters what is in it:
//! - It has all entries that the field manager [`DRILLS_MANAGER`] has, with what is asked for put in
//!   or taken out. They are read from the API server, not from a store that lags behind, and known
//!   from the answers to our own writes from then on. So an entry goes only when that is asked for:
//!   by its drill, at its end, or by the collector, once it is over and has no drill.
//! - It names the version of the object that it was worked out from. One that comes late, from a
//!   leader that was stopped half way too, is refused and worked out anew.
//! - Whatever is in doubt, as after an answer that did not come, is read again first. Nobody is told
//!   that it is done before the API server has said so.
//!
//! What a drill without a resource has, a pipeline wrote under a field manager of its own
//! ([`crate::resources::names::field_manager`]): that is in none of these writes.
//!
//! A write that is refused is found out about (`refusal.rs`): only those who asked for what cannot
//! be hear of it, and the others go on.

mod book;
mod lane;
mod refusal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use self::lane::Lane;
use super::context::Context;
use super::error::Error;
use crate::api::ObjectRef;

/// The active lists of all filters.
#[derive(Default)]
pub struct ActiveLists(Mutex<BTreeMap<ObjectRef, Arc<Lane>>>);

/// What is asked for: that a drill's entry is this one, or that there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The drill.
    pub id: Uuid,
    /// Its entry.
    pub entry: Option<Value>,
}

impl ActiveLists {
    /// Puts or takes a drill's entry; says whether the controller had one.
    ///
    /// # Errors
    /// When the API server did not take it, for reasons that have to do with this entry, or with
    /// no entry at all.
    pub async fn change(
        &self,
        context: &Context,
        filter: &ObjectRef,
        change: Change,
    ) -> Result<bool, Error> {
        self.lane(filter).change(context, filter, change).await
    }

    /// Whether a drill's entry is this one since the last write, seen by a watch or not.
    pub fn holds(&self, filter: &ObjectRef, id: Uuid, entry: &Value) -> bool {
        self.lane(filter).holds(id, entry)
    }

    /// The filters that may have an entry of a drill which no watch has shown yet.
    pub fn that_may_hold(&self, id: Uuid) -> Vec<ObjectRef> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may_hold = lanes.iter().filter(|(_, lane)| lane.may_hold(id));
        may_hold.map(|(filter, _)| filter.clone()).collect()
    }

    fn lane(&self, filter: &ObjectRef) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(filter.clone()).or_default().clone()
    }
}
