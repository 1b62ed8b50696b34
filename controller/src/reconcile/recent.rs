//! What has just been written and is not yet seen: the stores lag behind by a watch event, and
//! what they do not show yet must not be written again.
//!
//! Each field manager counts for itself: the gate and its drills write to one filter, and that one
//! has written says nothing about what the other wants.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::ObjectRef;

/// For how long a write is waited for. A watch that broke may never show an object that was made
/// and deleted while it was away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The versions that were written last, by object and field manager.
#[derive(Default)]
pub struct Recent(Mutex<Versions>);

type Versions = BTreeMap<ObjectRef, BTreeMap<String, Written>>;

struct Written {
    version: u64,
    at: Instant,
}

impl Recent {
    /// `manager` has written to `object`, which is now at this version. A version that is no number
    /// is not kept: the object is written once more at worst.
    pub fn wrote(&self, object: &ObjectRef, manager: &str, version: Option<String>) {
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            return;
        };
        let at = Instant::now();
        let mut recent = self.lock();
        let managers = recent.entry(object.clone()).or_default();
        managers.insert(manager.to_owned(), Written { version, at });
    }

    /// A watch has shown `object` at this version, or has shown that it is gone.
    pub fn saw(&self, object: &ObjectRef, version: Option<&str>) {
        let mut recent = self.lock();
        let seen: Option<u64> = version.and_then(|version| version.parse().ok());
        let Some(managers) = recent.get_mut(object) else {
            return;
        };
        managers.retain(|_, written| seen.is_some_and(|seen| seen < written.version));
        if managers.is_empty() {
            recent.remove(object);
        }
    }

    /// `object` was deleted.
    pub fn forget(&self, object: &ObjectRef) {
        self.lock().remove(object);
    }

    /// Whether what `manager` has written to `object` has not been seen yet.
    pub fn awaits(&self, object: &ObjectRef, manager: &str) -> bool {
        let recent = self.lock();
        let written = recent
            .get(object)
            .and_then(|managers| managers.get(manager));
        written.is_some_and(|written| written.at.elapsed() < PATIENCE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Versions> {
        // Every change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;
    use crate::api::ObjectRef;

    fn object() -> ObjectRef {
        ObjectRef {
            api_version: "networking.istio.io/v1".to_owned(),
            kind: "VirtualService".to_owned(),
            namespace: "ci".to_owned(),
            name: "x".to_owned(),
        }
    }

    #[test]
    fn a_write_is_awaited_until_a_watch_shows_it() {
        let recent = Recent::default();
        assert!(!recent.awaits(&object(), "one"));
        recent.wrote(&object(), "one", Some("12".to_owned()));
        recent.saw(&object(), Some("9"));
        assert!(recent.awaits(&object(), "one"));
        recent.saw(&object(), Some("12"));
        assert!(!recent.awaits(&object(), "one"));
    }

    #[test]
    fn an_object_that_is_gone_is_not_awaited() {
        let recent = Recent::default();
        recent.wrote(&object(), "one", Some("12".to_owned()));
        recent.saw(&object(), None);
        assert!(!recent.awaits(&object(), "one"));
        recent.wrote(&object(), "one", Some("13".to_owned()));
        recent.forget(&object());
        assert!(!recent.awaits(&object(), "one"));
    }

    #[test]
    fn each_manager_awaits_its_own_write() {
        let recent = Recent::default();
        recent.wrote(&object(), "one", Some("12".to_owned()));
        assert!(!recent.awaits(&object(), "other"));
        recent.wrote(&object(), "other", Some("13".to_owned()));
        recent.saw(&object(), Some("12"));
        assert!(!recent.awaits(&object(), "one"));
        assert!(recent.awaits(&object(), "other"));
    }

    #[test]
    fn a_version_that_is_no_number_is_not_awaited() {
        let recent = Recent::default();
        recent.wrote(&object(), "one", Some("x".to_owned()));
        recent.wrote(&object(), "one", None);
        assert!(!recent.awaits(&object(), "one"));
    }
}
