//! What the suite shares: a proxy in front of a gate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drillgate::keyfile::Jwk;
use drillgate::lab::{Edge, Protocol, Request, Response};
use drillgate::proxy::{Counts, Proxy, Settings, Signer, Tally};
use drillgate_tests::gate::{self, DRILL, ENVIRONMENT, HOST, now};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{Harness, exchange, outcomes};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long anything may take that has to happen.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Both ways of speaking to the proxy.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A running proxy.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its counts.
    pub tally: Arc<Tally>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// A proxy for the drill in front of what listens at `upstream`; `prepare` changes its settings.
    pub async fn start(upstream: SocketAddr, prepare: impl FnOnce(&mut Settings)) -> Self {
        let upstream = format!("http://{upstream}").parse().unwrap();
        let mut settings = Settings::new(upstream, signer(300), now);
        settings.hosts = vec![HOST.to_owned()];
        prepare(&mut settings);
        let proxy = Proxy::bind(settings).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            address: proxy.address(),
            tally: proxy.tally(),
            stop,
            task: tokio::spawn(proxy.run(async { stopped.await.unwrap_or_default() })),
        }
    }

    /// A GET for the proxy's own address: what a client sends that has it as its base URL.
    pub fn get(&self, path: &str) -> Request {
        Request::get(self.address.to_string(), path)
    }

    /// What became of `request`, sent to the proxy.
    pub async fn outcome(&self, request: &Request) -> String {
        outcome(&self.send(request).await)
    }

    /// Sends `request` to the proxy.
    pub async fn send(&self, request: &Request) -> Response {
        request.send(self.address).await.unwrap()
    }

    /// Sends a request as bytes to the proxy, which must end the connection, and tells what
    /// answered.
    pub async fn raw(&self, bytes: &str) -> String {
        outcomes(&exchange(self.address, bytes, LIMIT).await)
    }

    /// Waits until the counts are so.
    pub async fn counted(&self, expected: &Counts) {
        let counted = async {
            while self.tally.counts() != *expected {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = timeout(LIMIT, counted).await;
        in_time.unwrap_or_else(|_| panic!("{}", self.tally));
    }

    /// Tells it to stop.
    pub fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }

    /// Stops it, which must not wait for anyone, and asserts the counts at its end.
    pub async fn end(self, expected: Counts) {
        let tally = Arc::clone(&self.tally);
        timeout(LIMIT, self.stop()).await.unwrap().unwrap();
        assert_eq!(tally.counts(), expected);
    }
}

/// What signs for the drill with the gate's key, each value for `lifetime` seconds.
pub fn signer(lifetime: i64) -> Arc<Signer> {
    signer_with(gate::jwk(), DRILL, ENVIRONMENT, lifetime)
}

/// What signs with another key, or for another drill.
pub fn signer_with(jwk: Jwk, drill: &str, environment: &str, lifetime: i64) -> Arc<Signer> {
    let (drill, environment) = (drill.parse().unwrap(), environment.parse().unwrap());
    Arc::new(Signer::new(jwk, drill, environment, lifetime, "suite-").unwrap())
}

/// A gate for the drill, and a proxy in front of it.
pub async fn gate_and_proxy(prepare: impl FnOnce(&mut Edge)) -> (Harness, Running) {
    let harness = gate::gate(prepare).await;
    let proxy = Running::start(harness.address(), |_| {}).await;
    (harness, proxy)
}

/// The counts of requests that all were routed.
pub fn routed(count: u64) -> Counts {
    Counts {
        sent: count,
        routed: count,
        ..Counts::default()
    }
}
