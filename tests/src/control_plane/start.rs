//! How etcd and kube-apiserver are started.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::audit::{AUDIT_LOG, AUDIT_POLICY};
use super::credentials::{Authority, signing_key};
use super::process::Process;
use super::tools::tool;
use super::{ADMIN, ControlPlane, kubeconfig};

/// The time limit until the API server is ready. It takes seconds; a busy machine takes longer.
const READY_LIMIT: Duration = Duration::from_secs(120);

impl ControlPlane {
    /// Starts both on ports that were free a moment ago.
    pub(super) async fn try_start() -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("drillgate-control-plane-")
            .tempdir()
            .expect("make a folder");
        let authority = Authority::new();
        let [clients, peers, port] = free_ports();
        let flags = flags(folder.path(), &authority, clients, port);
        let plane = Self {
            etcd: etcd(folder.path(), clients, peers),
            apiserver: Some(apiserver(folder.path(), &flags)),
            server: format!("https://127.0.0.1:{port}"),
            folder,
            authority,
            flags,
            numbers: AtomicUsize::new(0),
            refusals_expected: AtomicBool::new(false),
        };
        plane.write_kubeconfig(&plane.kubeconfig(), ADMIN);
        plane.wait_until_ready().await?;
        Ok(plane)
    }

    /// Waits until the API server has all that it makes at its start, such as RBAC's own roles.
    pub(super) async fn wait_until_ready(&self) -> Result<(), String> {
        let apiserver = self.apiserver.as_ref().ok_or("kube-apiserver is stopped")?;
        let client = kubeconfig::client(&self.kubeconfig(), false).await;
        let deadline = Instant::now() + READY_LIMIT;
        let mut answer = "no answer".to_owned();
        while Instant::now() < deadline {
            for (name, process) in [("etcd", &self.etcd), ("kube-apiserver", apiserver)] {
                if process.has_ended() {
                    return Err(format!("{name} ended:\n{}", process.log_tail()));
                }
            }
            let ask = http::Request::get("/readyz")
                .body(Vec::new())
                .expect("a path");
            match client.request_text(ask).await {
                Ok(_) => return Ok(()),
                Err(error) => answer = error.to_string(),
            }
            sleep(Duration::from_millis(50)).await;
        }
        let log = apiserver.log_tail();
        Err(format!(
            "kube-apiserver was not ready within {READY_LIMIT:?}: {answer}\n{log}"
        ))
    }

    /// Writes a kubeconfig for `user`.
    pub(super) fn write_kubeconfig(&self, path: &Path, user: &str) {
        let group = match user {
            // RBAC lets this group do everything.
            ADMIN => Some("system:masters"),
            // By this one the API server shares itself out: it has more time for service accounts
            // than for others.
            user if user.starts_with("system:serviceaccount:") => Some("system:serviceaccounts"),
            _ => None,
        };
        let credentials = self.authority.user(user, group);
        let authority = self.authority.certificate();
        kubeconfig::write(path, &self.server, Some((&authority, &credentials)));
    }
}

/// Starts kube-apiserver.
pub(super) fn apiserver(folder: &Path, flags: &[String]) -> Process {
    let log = folder.join("kube-apiserver.log");
    Process::start(&tool("kube-apiserver"), flags, &log, None)
}

/// Starts etcd. The folder goes with it: it is the last to end.
fn etcd(folder: &Path, clients: u16, peers: u16) -> Process {
    let [clients, peers] = [clients, peers].map(|port| format!("http://127.0.0.1:{port}"));
    let flags = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // No machine crashes here, and a disk that is slow to sync would slow down every write.
        "--unsafe-no-fsync".to_owned(),
    ];
    let log = folder.join("etcd.log");
    Process::start(&tool("etcd"), &flags, &log, Some(folder))
}

/// Writes what kube-apiserver reads and returns its flags.
fn flags(folder: &Path, authority: &Authority, etcd: u16, port: u16) -> Vec<String> {
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).expect("write a file");
        path.display().to_string()
    };
    let server = authority.server();
    let (signing_key, public_key) = signing_key();
    let ca = file("ca.pem", &authority.certificate());
    let certificate = file("server.pem", &server.certificate);
    let key = file("server-key.pem", &server.key);
    let signing_key = file("service-accounts-key.pem", &signing_key);
    let public_key = file("service-accounts.pem", &public_key);
    let policy = file("audit-policy.json", AUDIT_POLICY);
    let audit = folder.join(AUDIT_LOG);
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        // Or else it looks for a network interface, and fails on a machine that has none.
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={certificate}"),
        format!("--tls-private-key-file={key}"),
        format!("--client-ca-file={ca}"),
        "--authorization-mode=RBAC".to_owned(),
        format!("--audit-policy-file={policy}"),
        format!("--audit-log-path={}", audit.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={public_key}"),
        format!("--service-account-signing-key-file={signing_key}"),
        // Without a controller manager no service account is made, and pods could not start.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--allow-privileged".to_owned(),
    ]
}

/// Ports that no one listens on, each another. They are below those that the system gives out by
/// itself: no connection of anybody's takes one between this look and its use.
pub fn free_ports<const N: usize>() -> [u16; N] {
    const ALL: Range<u16> = 20_000..32_000;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Test processes that run side by side begin elsewhere.
    let begin = std::process::id() as usize * 101;
    [(); N].map(|()| {
        let ports = std::iter::repeat_with(|| {
            let nth = begin + NEXT.fetch_add(1, Ordering::Relaxed);
            ALL.start + u16::try_from(nth % ALL.len()).expect("less than the range")
        });
        let mut ports = ports.take(ALL.len());
        let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        free.expect("a free port")
    })
}
