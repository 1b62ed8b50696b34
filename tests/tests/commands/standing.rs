//! `start`, `stop`, `list`, `status`, `render` and `diff`: what stands, and what would.

use drillgate_tests::control_plane::{ADMIN, ControlPlane, Proxy};
use serde_json::{Value, json};

use crate::{Desk, Done};

/// Starts the drill of the desk's file, and gives its UUID.
async fn started(desk: &Desk) -> String {
    let done = desk
        .run(&["start", "-f", "drill.yaml", "--output", "json"])
        .await;
    let started = done.assert(0).json();
    assert_eq!(started["changed"], true);
    started["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_stands_already_is_not_written_again() {
    let mut desk = Desk::gated().await;
    let id = started(&desk).await;
    let plane = ControlPlane::shared().await;
    let proxy = Proxy::start(plane, ADMIN).await;
    desk.kubeconfig = proxy.kubeconfig();
    let again = desk
        .run(&["start", "-f", "drill.yaml", "--output", "json"])
        .await;
    let again = again.assert(0).json();
    assert_eq!(
        (again["id"].as_str(), &again["changed"]),
        (Some(id.as_str()), &json!(false))
    );
    let writes = proxy.requests().into_iter().filter(|call| call.is_write());
    assert_eq!(writes.collect::<Vec<_>>(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_says_anew_is_applied_and_what_it_leaves_out_is_removed() {
    let desk = Desk::gated().await;
    let mut drill = desk.scene.drill("orders");
    let second = json!({"host": "second.example.com", "sandbox": {"host": "second", "port": 80}});
    drill["spec"]["routes"].as_array_mut().unwrap().push(second);
    desk.write("drill.yaml", &drill);
    let id = started(&desk).await;
    assert_eq!(desk.residue().await.len(), 5, "{:?}", desk.residue().await);
    desk.write("drill.yaml", &desk.scene.drill("orders"));
    assert_eq!(started(&desk).await, id);
    assert_eq!(desk.residue().await.len(), 3, "{:?}", desk.residue().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_drill_stays_unless_it_is_to_be_extended() {
    let desk = Desk::gated().await;
    let end = async |arguments: &[&str]| {
        let start = ["start", "-f", "drill.yaml", "--output", "json"];
        let done = desk.run(&[&start, arguments].concat()).await;
        done.assert(0).json()["expiresAt"].clone()
    };
    let first = end(&["--ttl", "10m"]).await;
    assert_eq!(end(&["--ttl", "20m"]).await, first);
    assert_ne!(end(&["--ttl", "20m", "--extend"]).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_is_stopped_by_its_name_or_its_uuid_and_twice_is_no_error() {
    let desk = Desk::gated().await;
    let name = format!("{}/orders", desk.scene.sandbox);
    for by_name in [true, false] {
        let id = started(&desk).await;
        let asked = if by_name { name.as_str() } else { id.as_str() };
        desk.run(&["stop", asked])
            .await
            .assert(0)
            .says("removed VirtualService");
        assert_eq!(desk.residue().await, Vec::<String>::new());
        desk.run(&["stop", asked])
            .await
            .assert(0)
            .says("is not there");
    }
    desk.run(&["stop", &name, "--must-exist"])
        .await
        .assert(2)
        .says("there is no drill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_signed_with_what_the_cluster_knows() {
    let desk = Desk::gated().await;
    let id = started(&desk).await;
    let name = format!("{}/orders", desk.scene.sandbox);
    let gate = format!("{}/edge", desk.scene.gateway);
    let with_gate = [
        "sign",
        "--drill",
        &id,
        "--env",
        "orders-dr",
        "--gate",
        &gate,
    ];
    for arguments in [&["sign", "--of", &name] as &[&str], &with_gate] {
        let signed = desk.run(arguments).await;
        let value = signed.assert(0).stdout.trim();
        let verified = desk.run(&["verify", "--key", "ci.jwk", value]).await;
        verified.assert(0).says(&id).says("orders-dr");
    }
    desk.run(&["sign", "--of", "nobody"])
        .await
        .assert(2)
        .says("there is no drill nobody");
    let other_kid = [&with_gate as &[&str], &["--kid", "other"]].concat();
    desk.run(&other_kid)
        .await
        .assert(2)
        .says("no key other of DrillGate");
}

/// As what is left of a Drill whose finalizer somebody took off, with no controller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_not_a_commands_is_said_to_be_left() {
    let desk = Desk::gated().await;
    let id = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
    let entry = json!([{
        "environment": "orders-dr", "routeKey": "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "notAfter": 4_102_444_800_i64, "mode": "authority",
    }]);
    let mut filter = desk.scene.plugin().await;
    let configuration = json!({"pluginConfig": {"drills": {id: entry}}});
    filter["spec"] = match filter["kind"].as_str() {
        Some("WasmPlugin") => configuration,
        _ => json!({ "wasm": configuration }),
    };
    desk.scene.apply_as(&filter, "drillgate-drills").await;
    desk.run(&["stop", id])
        .await
        .assert(1)
        .says("is left: its entry in the active list is not a command's");
    let listed = desk.scene.plugin_configuration().await["drills"].clone();
    assert!(listed.get(id).is_some(), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_drills_about_one_host_and_environment_take_turns() {
    let desk = Desk::gated().await;
    started(&desk).await;
    let mut other = desk.scene.drill("orders");
    other["metadata"]["name"] = json!("another");
    desk.write("other.yaml", &other);
    let start = ["start", "-f", "other.yaml"];
    desk.run(&start)
        .await
        .assert(2)
        .says("/orders is about orders.example.com");
    let run = ["run", "-f", "drill.yaml", "--", "true"];
    desk.run(&run).await.assert(125).says("wait for its end");
    other["spec"]["environment"] = json!("other-dr");
    desk.write("other.yaml", &other);
    desk.run(&start).await.assert(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_tells_what_a_drill_consists_of_and_whether_it_is_whole() {
    let desk = Desk::gated().await;
    let id = started(&desk).await;
    let status = async || desk.run(&["status", &id]).await;
    let whole = status().await;
    for text in [
        "state        Active",
        "VirtualService ",
        "DestinationRule ",
        "edge         Unknown",
    ] {
        whole.assert(0).says(text);
    }
    for route in desk
        .scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await
    {
        let labels = route.metadata.labels.clone().unwrap_or_default();
        if labels.get("drillgate.dev/drill-id") == Some(&id) {
            desk.scene
                .delete(&serde_json::to_value(&route).unwrap())
                .await;
        }
    }
    for rule in desk
        .scene
        .of_kind("networking.istio.io", "v1", "DestinationRule")
        .await
    {
        desk.scene
            .delete(&serde_json::to_value(&rule).unwrap())
            .await;
    }
    status().await.assert(1).says("state        Incomplete");
    desk.run(&["status", "nobody"])
        .await
        .assert(2)
        .says("there is no drill nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rendered_is_what_is_applied() {
    let desk = Desk::gated().await;
    let id = started(&desk).await;
    let rendered = desk.run(&["render", "-f", "drill.yaml"]).await;
    let documents = documents(&rendered);
    assert_eq!(documents.len(), 3, "{documents:#?}");
    for document in &documents {
        let stands = desk.scene.get(document).await.expect("it stands");
        let stands = serde_json::to_value(&stands).unwrap();
        assert_holds(&stands["spec"], &document["spec"]);
    }
    rendered.says(&format!("# field manager: drillgate-{id}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diff_tells_what_would_change_and_changes_nothing() {
    let desk = Desk::gated().await;
    let would = desk.run(&["diff", "-f", "drill.yaml"]).await;
    would
        .assert(1)
        .says("VirtualService ")
        .says("+          routeKey: ");
    assert_eq!(desk.residue().await, Vec::<String>::new());
    started(&desk).await;
    assert_eq!(
        desk.run(&["diff", "-f", "drill.yaml"])
            .await
            .assert(0)
            .stdout,
        ""
    );
    let mut drill = desk.scene.drill("orders");
    drill["spec"]["routes"][0]["timeout"] = json!("7s");
    desk.write("drill.yaml", &drill);
    let would = desk.run(&["diff", "-f", "drill.yaml"]).await;
    would
        .assert(1)
        .says("-    timeout: 30s\n+    timeout: 7s\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_someone_else_holds_is_told_with_its_holder() {
    let desk = Desk::gated().await;
    started(&desk).await;
    let rule = desk
        .scene
        .of_kind("networking.istio.io", "v1", "DestinationRule")
        .await;
    let mut edited = serde_json::to_value(&rule[0]).unwrap();
    edited["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"] = json!(7);
    edited["metadata"] =
        json!({"name": edited["metadata"]["name"], "namespace": edited["metadata"]["namespace"]});
    desk.scene.apply(edited).await;
    let done = desk.run(&["start", "-f", "drill.yaml"]).await;
    done.assert(4)
        .says("conflict with \"kubectl\"")
        .says("maxConnections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_let_us_is_told_apart_from_a_wrong_file() {
    let mut desk = Desk::gated().await;
    let plane = ControlPlane::shared().await;
    desk.kubeconfig = plane.kubeconfig_as("nobody-in-particular");
    let done = desk
        .run(&["start", "-f", "drill.yaml", "--gate", "gate.yaml"])
        .await;
    done.assert(4).says("forbidden").says("drillgate-pipeline");
    desk.kubeconfig = desk.folder.path().join("no-such-kubeconfig");
    desk.run(&["list"]).await.assert(2).says("no cluster");
}

fn documents(rendered: &Done) -> Vec<Value> {
    serde_saphyr::from_multiple(&rendered.assert(0).stdout).expect("YAML")
}

/// Whether `held` has all that is `wanted`.
fn assert_holds(held: &Value, wanted: &Value) {
    match (held, wanted) {
        (Value::Object(held), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                assert_holds(held.get(name).unwrap_or(&Value::Null), wanted);
            }
        }
        _ => assert_eq!(held, wanted),
    }
}
