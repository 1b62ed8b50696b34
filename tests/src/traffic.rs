//! Requests that keep coming while a test changes the gateway.

use std::net::SocketAddr;
use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate::lab::{Connection, Protocol, Request, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::gate::{self, HOST};

/// The pause after each round of requests.
const PAUSE: Duration = Duration::from_millis(10);

/// The most rounds there are, should the test forget to stop them.
const ROUNDS: usize = 5000;

/// What came back, one [`outcome()`] for each round.
#[derive(Debug, Default)]
pub struct Answers {
    /// Of the requests without the header, all on one connection.
    pub plain: Vec<String>,
    /// Of those with a fresh token for the drill.
    pub drill: Vec<String>,
    /// Of those whose token does not verify.
    pub forged: Vec<String>,
}

/// Requests for the drill's host that go on in the background.
#[derive(Debug)]
pub struct Traffic {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Answers>,
}

impl Traffic {
    /// Starts to send to the gateway at `address`: without the header, with a token for the
    /// drill, with a forged one, and again.
    pub fn start(address: SocketAddr) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut answers = Answers::default();
            let mut kept = Connection::open(address, Protocol::Http1).await.unwrap();
            for _ in 0..ROUNDS {
                let plain = kept.send(&Request::get(HOST, "/traffic")).await;
                answers.plain.push(outcome(&plain.unwrap()));
                for (token, outcomes) in [
                    (gate::token(), &mut answers.drill),
                    (gate::forged(), &mut answers.forged),
                ] {
                    let request = Request::get(HOST, "/traffic").header(HEADER_NAME, token);
                    outcomes.push(outcome(&request.send(address).await.unwrap()));
                }
                if stopped.try_recv() != Err(oneshot::error::TryRecvError::Empty) {
                    break;
                }
                sleep(PAUSE).await;
            }
            answers
        });
        Self { stop, task }
    }

    /// Ends it after the round that is under way.
    ///
    /// # Panics
    /// If a request was not answered at all, or the connection of those without the header ended.
    pub async fn stop(self) -> Answers {
        let _ended_by_itself = self.stop.send(());
        self.task.await.unwrap()
    }
}

/// What became of the request that `response` answers: its status, the verdict and the upstream
/// that answered, as far as there are any, such as `200 routed sandbox`.
pub fn outcome(response: &Response) -> String {
    let status = response.status.as_str().to_owned();
    let verdict = response.header("x-drill-verdict").map(str::to_owned);
    let who = response.seen().map(|seen| seen.who);
    let known: Vec<String> = [Some(status), verdict, who].into_iter().flatten().collect();
    known.join(" ")
}
