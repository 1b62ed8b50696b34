//! `drillgate run`: whatever happens to the command and to us, the drill goes.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use drillgate_tests::control_plane::{ADMIN, Call, ControlPlane, Fault, Moment, Proxy, Scene};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::{Desk, eventually, finish, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_with_the_commands_code_and_leaves_nothing() {
    let desk = Desk::gated().await;
    for code in [0, 7] {
        let done = desk.drill(&format!("exit {code}")).await;
        done.assert(code).says("nothing is left");
        assert_eq!(desk.residue().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_finds_its_drill_standing_and_a_context_that_counts() {
    let desk = Desk::gated().await;
    let done = desk
        .drill(
            "cat $DRILL_CONTEXT_FILE; echo; echo $DRILL_CONTEXT; echo $DRILL_HEADER; echo $DRILL_ID; \
             echo $DRILL_HOST $DRILL_ENVIRONMENT $DRILL_NAME ${DRILL_PROXY:-none}",
        )
        .await;
    done.assert(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    let [file, context, header, id, words] = lines.as_slice() else {
        panic!("{done:#?}");
    };
    assert_eq!(*header, format!("X-Drill-Context: {context}"));
    let name = format!("{}/orders", desk.scene.sandbox);
    assert_eq!(*words, format!("orders.example.com orders-dr {name} none"));
    for value in [file, context] {
        let verified = desk
            .run(&["verify", "--key", "ci.jwk", value, "--output", "json"])
            .await;
        let verified = verified.assert(0).json();
        assert!(verified.to_string().contains(id), "{verified}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_program_of_a_run_finds_the_key_in_its_environment() {
    let desk = Desk::gated().await;
    let mut drill = desk.scene.drill("orders");
    let program = |name: &str| format!("env > {name}");
    drill["spec"]["checks"] =
        json!([{"name": "one", "command": {"argv": ["sh", "-c", program("check")]}}]);
    desk.write("drill.yaml", &drill);
    let count = |name| format!("{}; echo 0", program(name));
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--count-sandbox",
        &count("sandbox"),
        "--count-production",
        &count("production"),
        "--edge-log",
        &program("edge"),
        "--",
        "sh",
        "-c",
        &program("command"),
    ];
    let mut run = desk.command(&arguments);
    run.env("DRILLGATE_KEY", desk.read("ci.jwk"));
    run.env("DRILLGATE_KEY_FILE", "ci.jwk");
    let done = finish(run.spawn().expect("start the binary")).await;
    done.assert(0);
    for name in ["check", "sandbox", "production", "edge", "command"] {
        let environment = desk.read(name);
        assert!(environment.contains("DRILL_ID="), "{name}: {environment}");
        assert!(!environment.contains("DRILLGATE_KEY"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_command_runs_the_drill_is_listed_as_active() {
    let desk = Desk::gated().await;
    let child = desk.start(&["run", "-f", "drill.yaml", "--", "sleep", "60"]);
    eventually("the drill stands", async || desk.entries().await.len() == 1).await;
    let listed = desk.drills().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["state"], "Active");
    assert_eq!(listed[0]["environment"], "orders-dr");
    assert_eq!(listed[0]["hosts"], json!(["orders.example.com"]));
    signal(&child, "TERM").await;
    finish(child).await;
    assert_eq!(desk.drills().await, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_a_run_by_a_signal_ends_the_command_and_the_drill() {
    let desk = Desk::gated().await;
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let child = desk.start(&[
            "run",
            "-f",
            "drill.yaml",
            "--",
            "sh",
            "-c",
            "sleep 60; true",
        ]);
        eventually("the drill stands", async || desk.entries().await.len() == 1).await;
        signal(&child, name).await;
        finish(child).await.assert(code).says("nothing is left");
        assert_eq!(desk.residue().await, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_does_not_heed_the_signal_is_killed_at_the_second_one() {
    let desk = Desk::gated().await;
    let stubborn = "trap 'touch told' TERM; touch ready; while true; do sleep 0.1; done";
    let child = desk.start(&["run", "-f", "drill.yaml", "--", "sh", "-c", stubborn]);
    let ready = desk.folder.path().join("ready");
    eventually("the command runs", async || ready.exists()).await;
    signal(&child, "TERM").await;
    let told = desk.folder.path().join("told");
    eventually("the command is told to end", async || told.exists()).await;
    signal(&child, "TERM").await;
    finish(child).await.assert(137).says("nothing is left");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_told_to_end_has_not_passed_although_its_command_ends_with_0() {
    let desk = Desk::gated().await;
    let mut drill = desk.scene.drill("orders");
    let polite = "trap 'exit 0' TERM; touch ready; while true; do sleep 0.1; done";
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--evidence",
        "evidence",
        "--",
        "sh",
        "-c",
        polite,
    ];
    for checks in ["true", "false"] {
        drill["spec"]["checks"] = json!([{"name": "one", "command": {"argv": [checks]}}]);
        desk.write("drill.yaml", &drill);
        let child = desk.start(&arguments);
        let ready = desk.folder.path().join("ready");
        eventually("the command runs", async || ready.exists()).await;
        signal(&child, "TERM").await;
        let done = finish(child).await;
        done.assert(143)
            .says("the command ended with 0")
            .says("nothing is left");
        assert!(desk.failures("evidence").contains(&"interrupted".into()));
        std::fs::remove_file(ready).expect("it is ours");
        std::fs::remove_dir_all(desk.folder.path().join("evidence")).expect("it is ours");
    }
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_after_the_commands_end_does_not_keep_the_drill_but_fails_the_run() {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    let is_taken_away = |call: &Call| call.method == "DELETE";
    let mut hold = proxy.hold_at(1, Moment::Before, is_taken_away);
    let arguments = "run -f drill.yaml --evidence evidence -- true";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let child = desk.start(&arguments);
    hold.reached().await;
    signal(&child, "TERM").await;
    sleep(Duration::from_millis(300)).await;
    hold.release();
    finish(child).await.assert(143).says("nothing is left");
    assert_eq!(desk.failures("evidence"), ["interrupted"]);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_while_it_comes_up_leaves_nothing() {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    // The write of the route is held on its way, and arrives after the signal.
    let is_route = |call: &Call| call.method == "PATCH" && call.path.contains("/virtualservices/");
    let mut hold = proxy.hold_at(1, Moment::Before, is_route);
    let child = desk.start(&["run", "-f", "drill.yaml", "--", "touch", "ran"]);
    hold.reached().await;
    signal(&child, "TERM").await;
    sleep(Duration::from_millis(300)).await;
    hold.release();
    finish(child).await.assert(143);
    assert!(!desk.folder.path().join("ran").exists());
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_leaves_what_its_ttl_ends_and_gc_removes() {
    // In a cluster of its own: a `gc` of another test would remove it, too.
    let plane = ControlPlane::start().await;
    plane.install_istio_crds().await;
    let desk = Desk::at(&plane, Scene::set_without_crds(&plane).await);
    desk.install().await;
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--ttl",
        "15s",
        "--",
        "sleep",
        "20",
    ];
    let mut child = desk.start(&arguments);
    eventually("the drill stands", async || desk.entries().await.len() == 1).await;
    signal(&child, "KILL").await;
    // The command lives on for a while, and holds on to the output.
    child.wait().await.expect("it ends");
    assert!(!desk.residue().await.is_empty());
    let dry = ["gc", "--dry-run", "--output", "json"];
    eventually("it is over for a while", async || {
        let stale = desk.run(&dry).await.json().to_string();
        stale.contains(&format!("{}/orders", desk.scene.sandbox))
    })
    .await;
    assert!(
        !desk.residue().await.is_empty(),
        "a dry run removes nothing"
    );
    desk.run(&["gc"]).await.assert(0).says("removed");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_outlasts_the_drill_is_ended_with_it() {
    let desk = Desk::gated().await;
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--ttl",
        "2s",
        "--",
        "sleep",
        "60",
    ];
    let done = desk.run(&arguments).await;
    done.assert(124)
        .says("the drill's time is over")
        .says("nothing is left");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_does_not_exist_is_told_as_a_shell_tells_it() {
    let desk = Desk::gated().await;
    let done = desk
        .run(&["run", "-f", "drill.yaml", "--", "./no-such-command"])
        .await;
    done.assert(127)
        .says("no-such-command")
        .says("nothing is left");
    desk.write("not-executable", &json!({}));
    let done = desk
        .run(&["run", "-f", "drill.yaml", "--", "./not-executable"])
        .await;
    done.assert(126);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_is_refused_writes_nothing_and_runs_nothing() {
    let desk = Desk::gated().await;
    let mut drill = desk.scene.drill("orders");
    drill["spec"]["routes"][0]["sandbox"]["host"] =
        json!(format!("orders.{}", desk.scene.production));
    desk.write("drill.yaml", &drill);
    let done = desk.drill("touch ran").await;
    done.assert(125)
        .says("spec.routes[0].sandbox: ")
        .says("protects as production");
    drill["spec"]["ttl"] = json!("2h");
    drill["spec"]["routes"][0]["sandbox"] = json!({"host": "orders", "port": 80});
    desk.write("drill.yaml", &drill);
    desk.drill("touch ran")
        .await
        .assert(125)
        .says("spec.ttl: 2h is longer than the 1h");
    drill["spec"]["routes"][0]["timeuot"] = json!("1s");
    desk.write("drill.yaml", &drill);
    desk.drill("touch ran").await.assert(125).says("timeuot");
    assert!(!desk.folder.path().join("ran").exists());
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_is_taken_away_though_the_api_server_fails_at_it() {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    let left = AtomicUsize::new(2);
    proxy.fail(
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        move |call| {
            let spent = |left: usize| left.checked_sub(1);
            call.method == "DELETE" && left.fetch_update(Relaxed, Relaxed, spent).is_ok()
        },
    );
    desk.drill("exit 3").await.assert(3).says("nothing is left");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_away_is_told_with_what_to_do() {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    let direct = desk.kubeconfig.clone();
    desk.kubeconfig = proxy.kubeconfig();
    proxy.fail(Fault::Status(StatusCode::FORBIDDEN), |call| {
        call.method == "DELETE"
    });
    let done = desk.drill("exit 0").await;
    done.assert(125).says("drillgate stop ");
    desk.kubeconfig = direct;
    let stop = done
        .stderr
        .split("`drillgate stop ")
        .nth(1)
        .expect("a command");
    let id = stop.split('`').next().expect("an id").to_owned();
    desk.run(&["stop", &id]).await.assert(0);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_written_hide_neither_the_outcome_nor_what_is_left() {
    let mut desk = Desk::gated().await;
    let files = "run -f drill.yaml --evidence evidence --summary none/summary.json -- sh -c";
    let files: Vec<&str> = files.split(' ').collect();
    // The folder was free when the run began.
    for (ending, code) in [("exit 7", 7), ("exit 0", 125)] {
        let script = format!("mkdir -p evidence && touch evidence/other && {ending}");
        let done = desk.run(&[&files[..], &[script.as_str()]].concat()).await;
        done.assert(code)
            .says("evidence is never overwritten")
            .says("none/summary.json cannot be written");
        std::fs::remove_dir_all(desk.folder.path().join("evidence")).expect("it is ours");
    }

    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    proxy.fail(Fault::Status(StatusCode::FORBIDDEN), |call| {
        call.method == "DELETE"
    });
    let done = desk.run(&[&files[..], &["exit 7"]].concat()).await;
    done.assert(125)
        .says("none/summary.json cannot be written")
        .says("`drillgate stop ");
    proxy.heal();
    let stop = ["stop", "orders", "--namespace", &desk.scene.sandbox];
    desk.run(&stop).await.assert(0);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_says_what_happened() {
    let desk = Desk::gated().await;
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--summary",
        "summary.json",
        "--",
        "sh",
        "-c",
        "exit 5",
    ];
    desk.run(&arguments).await.assert(5);
    let summary: serde_json::Value =
        serde_json::from_str(&desk.read("summary.json")).expect("JSON");
    assert_eq!(summary["exitCode"], 5);
    assert_eq!(summary["edge"], "Unknown");
    assert_eq!(summary["left"], json!([]));
    assert_eq!(
        summary["removed"].as_array().map(Vec::len),
        Some(2),
        "{summary}"
    );
}
