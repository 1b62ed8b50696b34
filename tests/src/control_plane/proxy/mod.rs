//! A proxy in front of the API server that can fail, wait and cut on command.
//!
//! Its client talks plain HTTP to it and needs no credentials: the proxy calls the API server as
//! one user. Streams pass as they come.

mod fault;
mod forward;

use std::path::PathBuf;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use kube::Client;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::forward::{Shared, serve};
use super::{ControlPlane, kubeconfig};

pub use self::fault::{Fault, Hold, Moment};

/// One request that arrived at a [`Proxy`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The path, with its query.
    pub path: String,
    /// The client's `User-Agent`, or empty.
    pub user_agent: String,
}

/// A proxy for one user, on a loopback port; it stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Call {
    fn new(head: &Parts) -> Self {
        let user_agent = head.headers.get(http::header::USER_AGENT);
        Self {
            method: head.method.clone(),
            path: head.uri.to_string(),
            user_agent: user_agent
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
        }
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        !self.method.is_safe()
    }
}

impl Proxy {
    /// Starts a proxy that calls `plane` as `user`.
    ///
    /// # Panics
    /// If no port can be bound.
    pub async fn start(plane: &ControlPlane, user: &str) -> Self {
        // What the API server says is for the proxy's client: nothing is tried again here.
        let upstream = kubeconfig::client(&plane.kubeconfig_as(user), false).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::new(upstream));
        let folder = TempDir::new().expect("make a folder");
        let proxy = Self {
            folder,
            server: tokio::spawn(serve(listener, Arc::clone(&shared))),
            shared,
        };
        kubeconfig::write(&proxy.kubeconfig(), &format!("http://{address}"), None);
        proxy
    }

    /// The path of a kubeconfig that leads through the proxy.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A client that goes through the proxy, and tries again as kube's clients do by default.
    ///
    /// # Panics
    /// If the kubeconfig cannot be read.
    pub async fn client(&self) -> Client {
        kubeconfig::client(&self.kubeconfig(), true).await
    }

    /// The requests that arrived so far, oldest first, whatever became of them.
    ///
    /// # Panics
    /// If a rule panicked.
    pub fn requests(&self) -> Vec<Call> {
        self.shared.calls()
    }

    /// From now on, meets each request that is `matching` with `fault`. Of several faults that
    /// match, the oldest counts.
    ///
    /// # Panics
    /// If a rule panicked.
    pub fn fail(&self, fault: Fault, matching: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        self.shared.add_fault(fault, Box::new(matching));
    }

    /// Breaks off all connections, and each new one, until [healed](Proxy::heal).
    pub fn cut(&self) {
        self.shared.set_cut(true);
    }

    /// Lets everything pass again, but for a request that is to be held.
    ///
    /// # Panics
    /// If a rule panicked.
    pub fn heal(&self) {
        self.shared.heal();
    }

    /// Holds the `nth` request from now on, counted from 1, that is `matching`. One hold counts at a
    /// time: the newest.
    ///
    /// # Panics
    /// If a rule panicked.
    pub fn hold_at(
        &self,
        nth: usize,
        moment: Moment,
        matching: impl Fn(&Call) -> bool + Send + Sync + 'static,
    ) -> Hold {
        let (hold, holding) = fault::hold(nth, moment, Box::new(matching));
        self.shared.set_hold(holding);
        hold
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}
