//! How a control plane begins, fails and ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drillgate_tests::control_plane::ControlPlane;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use tokio::time::{sleep, timeout};

use super::{LIMIT, create};

#[tokio::test]
async fn it_starts_as_the_version_that_is_pinned() {
    let begin = Instant::now();
    let plane = ControlPlane::start().await;
    println!("ready after {:?}", begin.elapsed());
    let version = plane.client().await.apiserver_version().await.unwrap();
    let pinned = format!("require k8s.io/kubernetes {}\n", version.git_version);
    let module = include_str!("../../control-plane/kubernetes/go.mod");
    assert!(module.contains(&pinned), "{} runs", version.git_version);
}

#[tokio::test]
async fn all_tests_of_a_process_share_one() {
    let (one, other) = tokio::join!(ControlPlane::shared(), ControlPlane::shared());
    assert!(std::ptr::eq(one, other));
}

#[tokio::test]
async fn it_ends_when_dropped() {
    let plane = ControlPlane::start().await;
    let folder = plane.folder().to_owned();
    // Each has a keeper, whose command line names the folder too.
    assert_eq!(processes(&folder).len(), 4);
    drop(plane);
    assert_eq!(processes(&folder), [0; 0]);
    assert!(!folder.exists());
}

#[tokio::test]
async fn it_ends_when_the_process_that_started_it_is_killed() {
    ends_with_its_process(false).await;
}

#[tokio::test]
async fn it_ends_with_its_process_even_if_etcd_is_stopped() {
    ends_with_its_process(true).await;
}

#[tokio::test]
async fn apiserver_comes_back_with_its_data_for_the_same_client() {
    let mut plane = ControlPlane::start().await;
    let namespace = plane.namespace("restart").await;
    let client = plane.client().await;
    create(&client, &namespace, "kept").await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(client, &namespace);
    plane.stop_apiserver();
    let error = maps.get("kept").await.unwrap_err();
    assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    plane.start_apiserver().await;
    assert_eq!(
        maps.get("kept").await.unwrap().data.unwrap()["key"],
        "value"
    );
}

#[tokio::test]
async fn write_waits_for_an_etcd_that_hangs() {
    let mut plane = ControlPlane::start().await;
    let namespace = plane.namespace("hang").await;
    let client = plane.client().await;
    plane.pause_etcd();
    let mut late = pin!(create(&client, &namespace, "late"));
    let waited = timeout(Duration::from_secs(1), &mut late).await;
    assert!(waited.is_err(), "{waited:?}");
    plane.resume_etcd();
    late.await.unwrap();
}

/// Kills a process that started a control plane, so that it cannot clean up.
async fn ends_with_its_process(stop_etcd: bool) {
    // In a session of its own, as under a terminal: only then do its orphans get a hangup.
    let mut owner = Command::new("setsid")
        .arg(env!("CARGO_BIN_EXE_control-plane"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut kubeconfig = String::new();
    let mut output = BufReader::new(owner.stdout.take().unwrap());
    output.read_line(&mut kubeconfig).unwrap();
    let kubeconfig = Path::new(kubeconfig.trim());
    assert!(kubeconfig.is_file(), "{kubeconfig:?}");
    let folder = kubeconfig.parent().unwrap();
    let running = processes(folder);
    assert_eq!(running.len(), 4);
    if stop_etcd {
        // A group with a stopped process in it gets a hangup when its parent is gone.
        let etcd = running.iter().find(|id| is_etcd(**id)).unwrap();
        let kill = ["-s", "STOP", &etcd.to_string()].map(str::to_owned);
        let script = r#"kill "$@""#;
        let mut shell = Command::new("sh");
        let stopped = shell.args(["-c", script, "kill"]).args(kill).status();
        assert!(stopped.unwrap().success());
    }

    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + LIMIT;
    while !processes(folder).is_empty() || folder.exists() {
        let left = processes(folder);
        assert!(Instant::now() < deadline, "left: {left:?} and {folder:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The ids of all processes whose command line names `folder`.
fn processes(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let ids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    ids.filter(|id| command_line(*id).contains(folder))
        .collect()
}

fn is_etcd(id: u32) -> bool {
    let command_line = command_line(id);
    let program = command_line.split('\0').next().unwrap();
    Path::new(program).ends_with("etcd")
}

/// Its words, with a NUL after each; empty once it has ended.
fn command_line(id: u32) -> String {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
