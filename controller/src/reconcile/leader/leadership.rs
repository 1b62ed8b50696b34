//! The token that tells whether this replica leads.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// Longer than any command runs: a hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Whether this replica leads at this moment. Clones tell the same.
///
/// It is a time on the monotonic clock and no flag: a process that was stopped past that time is
/// no leader when it goes on, before any task of it has run.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// Nanoseconds after `origin`; 0 for a replica that does not lead.
    until: AtomicU64,
}

/// This replica is not the leader, or not any more: it must not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLeader;

impl fmt::Display for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this replica is not the leader: it does not write")
    }
}

impl std::error::Error for NotLeader {}

/// Why a leader is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Another replica holds the lease.
    Taken {
        /// Its identity.
        by: String,
    },
    /// The lease could not be renewed in time.
    NotRenewed {
        /// The give-up time.
        within: Duration,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { by } => write!(f, "the lease was taken over by {by}"),
            Self::NotRenewed { within } => {
                write!(f, "the lease could not be renewed within {within:?}")
            }
        }
    }
}

impl std::error::Error for Lost {}

impl Leadership {
    pub(super) fn none() -> Self {
        Self(Arc::new(Shared {
            origin: Instant::now(),
            until: AtomicU64::new(0),
        }))
    }

    /// Of a command that runs once, and that nobody elects.
    pub(crate) fn of_command() -> Self {
        let leads = Self::none();
        leads.hold_until(leads.0.origin + FOR_EVER);
        leads
    }

    /// To be asked before each write; cheap.
    ///
    /// It says nothing about when the write is sent: a client that connects for half a minute, or
    /// tries again by itself, may send it long after. [`Leadership::during`] stops it then.
    ///
    /// # Errors
    /// [`NotLeader`] if this replica does not lead.
    pub fn check(&self) -> Result<(), NotLeader> {
        self.left().map(drop).ok_or(NotLeader)
    }

    /// Runs `write` for as long as this replica leads, and drops it half way after that. What the
    /// API server has taken in by then still counts, which is what the time between the give-up
    /// and the end of the lease is for.
    ///
    /// # Errors
    /// [`NotLeader`] if this replica does not lead, or ceased to before the write was over.
    pub async fn during<F: Future>(&self, write: F) -> Result<F::Output, NotLeader> {
        let mut write = pin!(write);
        while let Some(left) = self.left() {
            // Asked at each step: after a stop of the process the next one may be overdue.
            let step = poll_fn(|context| match self.check() {
                Ok(()) => write.as_mut().poll(context).map(Ok),
                Err(ended) => Poll::Ready(Err(ended)),
            });
            // When that time has come the lease may have been renewed.
            if let Ok(done) = timeout(left, step).await {
                return done;
            }
        }
        Err(NotLeader)
    }

    /// How long this replica leads even if the lease is not renewed again; nothing if it does not
    /// lead.
    pub fn left(&self) -> Option<Duration> {
        self.left_at(Instant::now())
    }

    pub(super) fn left_at(&self, now: Instant) -> Option<Duration> {
        let until = Duration::from_nanos(self.0.until.load(Ordering::SeqCst));
        let left = until.saturating_sub(now.saturating_duration_since(self.0.origin));
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn hold_until(&self, until: Instant) {
        let until = until.saturating_duration_since(self.0.origin).as_nanos();
        let until = u64::try_from(until).unwrap_or_default();
        self.0.until.store(until, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }
}
