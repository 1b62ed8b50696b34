//! The controller as a process of its own, as a cluster runs it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use drillgate::lab::Request;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::process::Process;
use super::rights::NAMESPACE;
use crate::audit::whole_lines;
use crate::binary;

/// How long a start may take on a busy machine, and how long a standby may wait for a lease.
const START: Duration = Duration::from_secs(120);

/// Twice the default: nobody starts a controller again that has lost its lease on a busy machine.
const LEASE: &str = "--lease-seconds=20";

/// A running controller; killed when dropped.
#[derive(Debug)]
pub struct Controller {
    process: Process,
    folder: TempDir,
    started: usize,
}

impl Controller {
    /// Starts a controller that finds its cluster by `kubeconfig`, with a lease of 20 s.
    ///
    /// # Panics
    /// If the binary is not there.
    pub fn start(kubeconfig: &Path) -> Self {
        Self::start_with(kubeconfig, &[LEASE])
    }

    /// As [`Controller::start`], with the default lease and further arguments.
    ///
    /// # Panics
    /// As [`Controller::start`].
    pub fn start_with(kubeconfig: &Path, arguments: &[&str]) -> Self {
        Self::start_in(kubeconfig, &[], arguments)
    }

    /// As [`Controller::start_with`], on a machine that trusts the authorities in the PEM file `roots`.
    ///
    /// # Panics
    /// As [`Controller::start`].
    pub fn start_trusting(kubeconfig: &Path, roots: &Path, arguments: &[&str]) -> Self {
        let roots = format!("SSL_CERT_FILE={}", roots.display());
        Self::start_in(kubeconfig, &[roots], arguments)
    }

    fn start_in(kubeconfig: &Path, environment: &[String], arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("make a folder");
        let mut line = vec![
            format!("KUBECONFIG={}", kubeconfig.display()),
            format!("HOME={}", folder.path().display()),
            "DRILLGATE_LOG=info,drillgate=debug".to_owned(),
        ];
        line.extend_from_slice(environment);
        line.extend([
            binary().display().to_string(),
            "controller".to_owned(),
            format!("--namespace={NAMESPACE}"),
            "--listen=127.0.0.1:0".to_owned(),
        ]);
        line.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let log = folder.path().join("log");
        Self {
            process: Process::start(Path::new("/usr/bin/env"), &line, &log, Some(folder.path())),
            folder,
            started: 0,
        }
    }

    /// What it has logged so far, one JSON object a line.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until it has logged a line that contains `text`, after what earlier calls have seen.
    ///
    /// # Panics
    /// If none comes; with the end of its log.
    pub async fn logged(&mut self, text: &str) -> String {
        let found = timeout(START, async {
            loop {
                let log = self.log();
                let new = whole_lines(&log).enumerate().skip(self.started);
                if let Some((index, line)) = new.into_iter().find(|(_, line)| line.contains(text)) {
                    return (index, line.to_owned());
                }
                assert!(
                    !self.has_ended(),
                    "it has ended:\n{}",
                    self.process.log_tail()
                );
                sleep(Duration::from_millis(20)).await;
            }
        });
        let Ok((index, line)) = found.await else {
            panic!("no line with {text:?}:\n{}", self.process.log_tail());
        };
        self.started = index + 1;
        line
    }

    /// Waits until it leads and knows the cluster.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn leads(&mut self) {
        self.logged("its caches are filled").await;
    }

    /// Where it serves.
    ///
    /// # Panics
    /// If it serves nothing.
    pub fn address(&self) -> SocketAddr {
        let log = self.log();
        let line = whole_lines(&log).find(|line| line.contains("serves /healthz"));
        let line: serde_json::Value =
            serde_json::from_str(line.expect("a server")).expect("a line of JSON");
        let address = line["address"].as_str().expect("an address");
        address.parse().expect("one")
    }

    /// What it answers to a GET: status and body.
    ///
    /// # Panics
    /// If it serves nothing.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = Request::get("controller", path)
            .send(self.address())
            .await
            .expect("an answer");
        (
            answer.status.as_u16(),
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    }

    /// Sends it a signal, by the signal's name without `SIG`.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    /// Its memory that is in RAM, in bytes.
    ///
    /// # Panics
    /// If it has ended.
    pub fn resident_bytes(&self) -> u64 {
        self.process.resident_bytes()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// If it does not.
    pub async fn ended(&self) {
        let ended = async {
            while !self.has_ended() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(START, ended).await.is_err() {
            panic!("it runs on:\n{}", self.process.log_tail());
        }
    }
}

impl Drop for Controller {
    /// A test that fails says what the controller did.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the controller's log ends with:\n{}",
                self.process.log_tail()
            );
        }
    }
}
