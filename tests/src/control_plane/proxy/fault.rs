//! What a proxy does to requests besides passing them on.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Call;

/// How long a test waits for the request that it wants to hold.
const REACH_LIMIT: Duration = Duration::from_secs(60);

/// Tells the requests that a rule is for.
pub(super) type Matching = Box<dyn Fn(&Call) -> bool + Send + Sync>;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status and never reaches the API server.
    Status(StatusCode),
    /// It reaches the API server this much later.
    Delay(Duration),
    /// Its connection is broken off, and it never reaches the API server.
    BreakOff,
    /// It reaches the API server, and its connection is broken off in place of the answer.
    LoseAnswer,
}

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it reaches the API server: nothing has been done.
    Before,
    /// After the API server answered: all has been done, and the client does not know.
    After,
}

/// A request that is held, or will be. Dropped, it breaks the request's connection off: held
/// [before](Moment::Before) the API server saw it, the request never reaches it.
#[derive(Debug)]
pub struct Hold {
    reached: oneshot::Receiver<Call>,
    release: oneshot::Sender<()>,
}

/// The proxy's half of a [`Hold`].
pub(super) struct Holding {
    matching: Matching,
    left: usize,
    moment: Moment,
    reached: oneshot::Sender<Call>,
    release: oneshot::Receiver<()>,
}

/// One request that is to be held.
pub(super) struct Held {
    /// When.
    pub(super) moment: Moment,
    call: Call,
    reached: oneshot::Sender<Call>,
    release: oneshot::Receiver<()>,
}

impl Hold {
    /// Waits until the request is held.
    ///
    /// # Panics
    /// If it does not come within a minute, the proxy stopped, or another hold took this one's
    /// place.
    pub async fn reached(&mut self) -> Call {
        let reached = timeout(REACH_LIMIT, &mut self.reached).await;
        let reached = reached.expect("the request that is to be held does not come");
        reached.expect("a hold that counts")
    }

    /// Lets the request go on.
    pub fn release(self) {
        // Its client may have gone by now; then there is nothing to release.
        let _gone = self.release.send(());
    }
}

/// Both halves of a hold of the `nth` request that is `matching`.
pub(super) fn hold(nth: usize, moment: Moment, matching: Matching) -> (Hold, Holding) {
    assert!(nth > 0, "requests are counted from 1");
    let (reached, reached_receiver) = oneshot::channel();
    let (release_sender, release) = oneshot::channel();
    let hold = Hold {
        reached: reached_receiver,
        release: release_sender,
    };
    let holding = Holding {
        matching,
        left: nth,
        moment,
        reached,
        release,
    };
    (hold, holding)
}

impl Holding {
    /// Counts `call`, and ends as [`Held`] if it is the one.
    pub(super) fn count(mut self, call: &Call) -> Result<Held, Self> {
        if (self.matching)(call) {
            self.left -= 1;
        }
        if self.left > 0 {
            return Err(self);
        }
        Ok(Held {
            moment: self.moment,
            call: call.clone(),
            reached: self.reached,
            release: self.release,
        })
    }
}

impl Held {
    /// Tells that the request is held, and waits until it may go on; nothing if it may not.
    pub(super) async fn wait(self) -> Option<()> {
        self.reached.send(self.call).ok()?;
        self.release.await.ok()
    }
}
