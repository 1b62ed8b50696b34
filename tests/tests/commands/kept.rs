//! Evidence that is kept in the cluster: what is written, what stays, and how it is fetched.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use drillgate_tests::control_plane::{ADMIN, Call, ControlPlane, Fault, Proxy};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::rights::pipeline;
use crate::{Desk, Done, eventually};

const FILES: [&str; 5] = [
    "bundle.dsse.json",
    "junit.xml",
    "report.html",
    "report.json",
    "report.md",
];

impl Desk {
    /// `drill.yaml`: a drill whose only check is a program that ends with this.
    fn drill_of(&self, name: &str, program: &str) {
        let mut drill = self.scene.drill(name);
        drill["spec"]["checks"] = json!([{"name": "ran", "command": {"argv": [program]}}]);
        self.write("drill.yaml", &drill);
    }

    async fn auditor(&self) {
        let new = "keys new --kid audit --alg Ed25519 --out audit.jwk";
        self.words(new).await.assert(0);
    }

    /// Runs the binary with these words, then `-n` and the sandbox's namespace.
    async fn there(&self, line: &str) -> Done {
        self.words(&format!("{line} -n {}", self.scene.sandbox))
            .await
    }

    async fn words(&self, line: &str) -> Done {
        let words: Vec<&str> = line.split(' ').collect();
        self.run(&words).await
    }

    /// The ConfigMaps of the sandbox's namespace, by name.
    async fn config_maps(&self) -> Vec<ConfigMap> {
        let client = self.scene.client.clone();
        let api = Api::<ConfigMap>::namespaced(client, &self.scene.sandbox);
        let listed = api.list(&ListParams::default()).await.expect("a list");
        // Every namespace has this one.
        let others = listed
            .into_iter()
            .filter(|one| one.name_any() != "kube-root-ca.crt");
        others.collect()
    }

    async fn names(&self) -> Vec<String> {
        let all = self.config_maps().await;
        all.iter().map(ResourceExt::name_any).collect()
    }

    /// What `report list` says, as JSON.
    async fn listed(&self, more: &str) -> Vec<Value> {
        let listed = self
            .there(&format!("report list --output json{more}"))
            .await;
        let listed = listed.assert(0).json();
        listed.as_array().expect("a list").clone()
    }

    fn config_map(&self, name: &str, labels: Value, data: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self.scene.sandbox, "labels": labels},
            "data": data,
        })
    }
}

fn name(listed: &Value) -> String {
    listed["name"].as_str().expect("a name").to_owned()
}

const KEEP_TWO: &str = "run -f drill.yaml --keep-evidence 2 --evidence-key audit.jwk";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_runs_the_two_newest_stay_and_nothing_of_another_drill_or_of_others_goes() {
    let desk = Desk::gated().await;
    desk.auditor().await;
    desk.drill_of("orders-2", "true");
    desk.words(KEEP_TWO).await.assert(0);
    let ours =
        json!({"app.kubernetes.io/managed-by": "drillgate", "drillgate.dev/evidence-of": "orders"});
    let theirs =
        json!({"app.kubernetes.io/managed-by": "Helm", "drillgate.dev/evidence-of": "orders"});
    for (name, labels) in [
        ("drillgate-orders-20200101-000000-00000000", json!({})),
        ("drillgate-orders-20200101-000000-00000001", theirs),
        ("drillgate-orders-20200101-000000-00000002", ours),
    ] {
        let foreign = desk.config_map(name, labels, json!({"a": "b"}));
        desk.scene.apply(foreign).await;
    }
    let before = desk.names().await;
    assert_eq!(before.len(), 4);

    desk.drill_of("orders", "true");
    let mut kept = Vec::new();
    for _ in 0..3 {
        desk.words(KEEP_TWO)
            .await
            .assert(0)
            .says("kept as ConfigMap");
        kept.push(name(&desk.listed(" --drill orders").await[0]));
    }
    let mut expected = [before, kept[1..].to_vec()].concat();
    expected.sort();
    assert_eq!(desk.names().await, expected);

    let listed = desk.listed(" --drill orders").await;
    let newest_first: Vec<String> = listed.iter().map(name).collect();
    assert_eq!(newest_first, [kept[2].clone(), kept[1].clone()]);
    let table = desk.there("report list").await;
    table.assert(0).says("00000002 is labelled as evidence");
    let lines: Vec<Vec<&str>> = table
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], ["NAME", "DRILL", "BEGAN", "VERDICT"]);
    assert_eq!(lines[1][..2], [kept[2].as_str(), "orders"]);
    assert_eq!(lines[1][3], "passed");
    assert_eq!(lines[3][1], "orders-2");
    assert_eq!(desk.drills().await, Vec::<Value>::new());
    assert_eq!(desk.residue().await, Vec::<String>::new());
    desk.words("gc").await.assert(0);
    desk.there("stop orders").await;
    assert_eq!(
        desk.names().await,
        expected,
        "no command takes it for a drill"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_is_the_folder_byte_for_byte_and_a_changed_byte_is_found() {
    let desk = Desk::gated().await;
    desk.auditor().await;
    desk.drill_of("orders", "true");
    let run = format!("{KEEP_TWO} --evidence folder");
    desk.words(&run).await.assert(0);
    let maps = desk.config_maps().await;
    assert_eq!(maps[0].immutable, Some(true));
    let report = &desk.listed("").await[0];
    let fetch = format!("report fetch {} fetched", name(report));
    desk.there(&fetch).await.assert(0).says("report.json");
    for file in FILES {
        let (one, other) = (format!("folder/{file}"), format!("fetched/{file}"));
        assert_eq!(desk.read(&one), desk.read(&other), "{file}");
        assert!(!desk.read(&one).is_empty(), "{file}");
    }
    let verify = "report verify fetched --key audit.jwk --output json";
    let verified = desk.words(verify).await.assert(0).json();
    assert_eq!(verified["drill"]["id"], report["id"]);
    assert_eq!(verified["verdict"], report["verdict"]);
    let files = verified["files"].as_array().expect("files");
    assert!(
        files
            .iter()
            .any(|file| file["name"] == "report.json" && file["sha256"] == report["reportSha256"])
    );

    // Evidence is never overwritten.
    desk.there(&fetch).await.assert(2).says("not empty");
    let file = desk.folder.path().join("fetched/report.md");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen('a', "b", 1)).unwrap();
    desk.words(verify).await.assert(1).says("report.md");
    let none = desk.there("report fetch no-such another").await;
    none.assert(2).says("there is no ConfigMap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_is_kept_too_and_says_so() {
    let desk = Desk::gated().await;
    desk.drill_of("orders", "false");
    let done = desk.words("run -f drill.yaml --keep-evidence 1").await;
    done.assert(1)
        .says("the drill has failed: kept as ConfigMap");
    let listed = desk.listed("").await;
    assert_eq!(listed[0]["verdict"], "failed");
    let fetch = format!("report fetch {} fetched", name(&listed[0]));
    desk.there(&fetch).await.assert(0);
    desk.words("report show fetched")
        .await
        .assert(0)
        .says("failed");
    // There was no key, and nobody is told that there was.
    let verify = desk.words("report verify fetched --key ci.jwk").await;
    verify.assert(1).says("is not signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_the_drill_goes_and_the_run_fails_with_what_to_do() {
    let desk = pipeline().await;
    desk.drill_of("orders", "true");
    let run = "run -f drill.yaml --gate gate.yaml --key ci.jwk --keep-evidence 1";
    let done = desk.words(run).await;
    done.assert(1)
        .says("nothing is left")
        .says("the right to create configmaps")
        .says("drillgate-pipeline-evidence");
    assert_eq!(desk.residue().await, Vec::<String>::new());
    // What the command has to say is said as before.
    let command = desk.words(&format!("{run} -- ./no-such-command")).await;
    command.assert(127).says("the right to create configmaps");
    desk.there("report list")
        .await
        .assert(4)
        .says("the right to list");
    assert_eq!(desk.names().await, Vec::<String>::new());

    // Evidence that is kept is kept, although what is older cannot be deleted.
    desk.allow(&["create"]).await;
    eventually("the right counts", async || {
        desk.words(run).await.code == Some(0)
    })
    .await;
    let done = desk.words(run).await;
    done.assert(0)
        .says("older evidence of the drill is still there")
        .says("the right to list configmaps");
    assert_eq!(desk.names().await.len(), 2);

    // As the chart's role has it.
    desk.allow(&["create", "list", "delete"]).await;
    eventually("the rights count", async || {
        desk.words(run).await.says("kept as").code == Some(0) && desk.names().await.len() == 1
    })
    .await;
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_map_with_a_name_that_no_drill_leaves_is_not_written_anywhere() {
    let desk = Desk::gated().await;
    desk.drill_of("orders", "true");
    desk.words("run -f drill.yaml --keep-evidence 1")
        .await
        .assert(0);
    let mut data = json!(desk.config_maps().await[0].data);
    data["authorized_keys"] = json!("ssh-ed25519 AAAA");
    let hostile = desk.config_map("drillgate-orders-hostile", json!({}), data);
    desk.scene.apply(hostile).await;
    let fetch = "report fetch drillgate-orders-hostile fetched";
    let done = desk.there(fetch).await;
    done.assert(1)
        .says("\"authorized_keys\"")
        .says("nothing is written");
    assert!(!desk.folder.path().join("fetched").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_is_kept_once_though_the_api_server_fails_at_it_or_its_answer_is_lost() {
    let mut desk = Desk::gated().await;
    desk.drill_of("orders", "true");
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    for fault in [
        Fault::Status(http::StatusCode::SERVICE_UNAVAILABLE),
        Fault::LoseAnswer,
    ] {
        let left = AtomicUsize::new(1);
        proxy.fail(fault, move |call: &Call| {
            let spent = |left: usize| left.checked_sub(1);
            call.method == "POST"
                && call.path.contains("/configmaps")
                && left.fetch_update(Relaxed, Relaxed, spent).is_ok()
        });
        desk.words("run -f drill.yaml --keep-evidence 1")
            .await
            .assert(0);
        assert_eq!(desk.names().await.len(), 1);
        proxy.heal();
    }
}
