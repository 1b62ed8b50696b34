//! A real API server: kube-apiserver and etcd on loopback, as `make control-plane` builds them.
//!
//! RBAC is on. There is no controller manager, scheduler or kubelet: no object is collected when its
//! owner goes, no namespace is ever gone, there are no service accounts, and roles that are put
//! together from others (`admin`, `edit`, `view`) allow nothing.

mod audit;
mod controller;
mod crds;
mod credentials;
mod hand_on;
mod kubeconfig;
pub(crate) mod process;
mod proxy;
mod rights;
mod scene;
pub(crate) mod start;
pub(crate) mod tools;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use self::credentials::Authority;
use self::process::Process;
use self::start::apiserver;
use self::tools::tool;

pub use self::audit::{Request, tally};
pub use self::controller::Controller;
pub use self::hand_on::hand_on;
pub use self::proxy::{Call, Fault, Hold, Moment, Proxy};
pub use self::rights::{CONTROLLER, NAMESPACE, Right, rights};
pub(crate) use self::scene::referring;
pub use self::scene::{GATE, Scene, key};
pub use self::start::free_ports;
pub use self::tools::{CONTROL_PLANE_VARIABLE, ISTIO_VARIABLE, kubectl};

/// The user of [`ControlPlane::client`], who may do everything.
pub const ADMIN: &str = "admin";

/// The field manager of what the harness itself applies.
const MANAGER: &str = "drillgate-tests";

/// How often a start is tried again with other ports.
const TRIES: usize = 3;

/// A running control plane and its scratch folder. It ends when dropped, and with the test process.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they end: without etcd, the API server hangs.
    apiserver: Option<Process>,
    etcd: Process,
    folder: TempDir,
    authority: Authority,
    flags: Vec<String>,
    server: String,
    numbers: AtomicUsize,
    refusals_expected: AtomicBool,
}

impl ControlPlane {
    /// Starts a control plane of one's own, for tests that stop parts of it.
    ///
    /// # Panics
    /// If its programs are not there, or it is not ready in time; then with the end of its log.
    pub async fn start() -> Self {
        for _ in 1..TRIES {
            match Self::try_start().await {
                Ok(plane) => return plane,
                // Between our look for a free port and its use, anyone may have taken it.
                Err(reason) if reason.contains("address already in use") => {}
                Err(reason) => panic!("{reason}"),
            }
        }
        Self::try_start()
            .await
            .unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// The control plane that all tests of this process share, started by the first that asks. They
    /// keep apart by [namespaces](ControlPlane::namespace).
    ///
    /// # Panics
    /// As [`ControlPlane::start`].
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// A client as [`ADMIN`]. It belongs to the runtime of the test that asked for it.
    ///
    /// # Panics
    /// If the kubeconfig cannot be written.
    pub async fn client(&self) -> Client {
        kubeconfig::client(&self.kubeconfig(), true).await
    }

    /// A client as `user`, who may do what RBAC objects allow that user and no more. A service
    /// account is called `system:serviceaccount:<namespace>:<name>`.
    ///
    /// # Panics
    /// If the kubeconfig cannot be written.
    pub async fn client_as(&self, user: &str) -> Client {
        kubeconfig::client(&self.kubeconfig_as(user), true).await
    }

    /// The path of a kubeconfig for [`ADMIN`].
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("admin.kubeconfig")
    }

    /// The path of a new kubeconfig for `user`, as [`ControlPlane::client_as`].
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn kubeconfig_as(&self, user: &str) -> PathBuf {
        let path = self
            .folder()
            .join(format!("{}.kubeconfig", self.next_number()));
        self.write_kubeconfig(&path, user);
        path
    }

    /// Runs kubectl as [`ADMIN`] and returns what it printed.
    ///
    /// # Panics
    /// If it fails; with its reason.
    pub async fn kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let output = Command::new(tool("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            // It keeps a cache there, and would read the developer's own settings.
            .env("HOME", self.folder())
            .env_remove("KUBECONFIG")
            .kill_on_drop(true)
            .output()
            .await
            .expect("start kubectl");
        assert!(
            output.status.success(),
            "kubectl: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Makes a namespace for one test and returns its name: `prefix` and something random.
    ///
    /// # Panics
    /// If the API server refuses it.
    pub async fn namespace(&self, prefix: &str) -> String {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let api = Api::<Namespace>::all(self.client().await);
        let made = api.create(&PostParams::default(), &namespace).await;
        let made = made.unwrap_or_else(|error| panic!("{error}"));
        made.metadata.name.expect("a name")
    }

    /// Kills the API server, as in a crash.
    pub fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server again, on the same port and the same data, unless it runs.
    ///
    /// # Panics
    /// If it is not ready in time.
    pub async fn start_apiserver(&mut self) {
        if self.apiserver.is_none() {
            self.apiserver = Some(apiserver(self.folder(), &self.flags));
            let ready = self.wait_until_ready().await;
            ready.unwrap_or_else(|reason| panic!("{reason}"));
        }
    }

    /// Has etcd answer no more, as a disk that hangs would.
    ///
    /// # Panics
    /// If etcd has ended.
    pub fn pause_etcd(&mut self) {
        self.etcd.signal("STOP");
    }

    /// Has etcd go on.
    ///
    /// # Panics
    /// If etcd has ended.
    pub fn resume_etcd(&mut self) {
        self.etcd.signal("CONT");
    }

    /// The folder of its data, credentials and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn next_number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}
