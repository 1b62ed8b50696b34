//! Restored databases behind the edge: `drillgate run` from a restore to its evidence, and restores
//! that went wrong, each of which has to fail the drill with a sentence that a DBA can use.

use drillgate_tests::databases::{Kind, PASSWORD, Pair, Service, alembic, orders};
use drillgate_tests::istio::{Mesh, Stage, restored_drill};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::{gated, serving_both};

const RUN: [&str; 5] = ["run", "-f", "drill.yaml", "--evidence", "evidence"];

/// A service with its database, once as production and once as the sandbox, and who drills.
struct Scene {
    stage: Stage,
    desk: Desk,
    pair: Pair,
}

impl Scene {
    /// Production has three orders. Nothing is restored yet.
    async fn of(kind: Kind) -> Scene {
        let pair = Pair::new(kind);
        pair.in_production(&alembic(kind, "0002"));
        pair.in_production(&orders());
        let production = Service::router(pair.production, &pair.database).await;
        let sandbox = Service::router(pair.sandbox, &pair.database).await;
        let stage = serving_both(production, sandbox).await;
        stage.install(stage.gate()).await;
        let desk = Desk::at(&Mesh::shared().await.plane);
        Scene { stage, desk, pair }
    }

    /// Writes the drill down.
    fn write_drill(&self, change: impl FnOnce(&mut Value)) {
        let password = self.desk.path("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let mut drill = restored_drill(&self.stage, &self.pair, &password);
        change(&mut drill["spec"]);
        self.desk.write("drill.yaml", &drill);
    }

    /// The drill has to fail, with all these words.
    async fn fails(&self, why: &str, words: &[&str]) {
        let done = self.desk.run_to(1, &RUN).await;
        for word in words {
            assert!(done.told(word), "{why}: {word:?} is not in {done:#?}");
        }
        assert_eq!(self.desk.report()["verdict"], "failed", "{why}");
        self.stage.assert_production_untouched().await;
    }

    /// Takes away what was restored, and restores production anew.
    fn restore(&self) {
        self.pair
            .in_sandbox("DROP TABLE IF EXISTS orders, alembic_version;");
        self.pair.restore();
    }
}

async fn right_and_wrong_restores(kind: Kind) {
    let scene = Scene::of(kind).await;
    scene.write_drill(|_| {});

    let nothing = [
        "alembic_version",
        "has never run here",
        "required checks have failed: alive, schema, all-orders, age",
    ];
    scene.fails("nothing was restored", &nothing).await;

    let older = Pair::new(kind);
    older.in_production(&alembic(kind, "0001"));
    scene
        .pair
        .restore_from(&older.production.dump(&older.database));
    let words = ["copy is at 0001, and 0002 is expected"];
    scene.fails("an older dump", &words).await;

    scene.restore();
    let done = scene.desk.run_to(0, &RUN).await;
    for check in ["alive", "schema", "all-orders", "age", "receipt"] {
        assert!(done.told(&format!("check {check} passed")), "{done:#?}");
    }
    assert!(
        done.told("neither original nor production's service does"),
        "{done:#?}"
    );
    let report = scene.desk.report();
    assert_eq!(report["verdict"], "passed", "{report}");
    let objectives = report["objectives"].as_array().unwrap();
    assert_eq!(objectives.len(), 2, "{report}");
    for objective in objectives {
        let reached = objective["reachedSeconds"].as_u64().unwrap();
        assert!(reached <= 900, "{objective}");
    }
    assert!(!report.to_string().contains(PASSWORD));
    scene.stage.assert_production_untouched().await;
    let left = scene.pair.in_sandbox("SELECT count(*) FROM orders;");
    assert_eq!(left, "3\n");

    // Counted from now on, however long all of the above has taken.
    let hour_ago = (Timestamp::now() - SignedDuration::from_hours(1)).strftime("%F %T");
    scene.pair.in_sandbox(&format!(
        "DELETE FROM orders WHERE id = 3; UPDATE orders SET created_at = '{hour_ago}' WHERE id = 2;"
    ));
    let words = [
        "and at most 900s are wanted",
        "RPO: 36",
        "check all-orders failed",
    ];
    scene.fails("an old backup", &words).await;

    scene.pair.in_sandbox("DROP TABLE orders;");
    let words = ["check all-orders failed", "orders"];
    scene.fails("a table is missing", &words).await;

    scene.restore();
    let astray = Service::start(scene.pair.production, &scene.pair.database).await;
    scene
        .stage
        .scene
        .apply(scene.stage.sandbox_entry_to(&[astray.address]))
        .await;
    let words = [
        "check receipt failed",
        "the service behind it reads another database",
    ];
    scene
        .fails("the route ends at production's database", &words)
        .await;
    scene.stage.scene.apply(scene.stage.sandbox_entry()).await;

    scene.write_drill(|spec| spec["databases"][0]["port"] = spec["databases"][1]["port"].clone());
    let words = ["the same database of the same running server as production original"];
    scene
        .fails("credentials that are production's", &words)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_postgresql_passes_and_each_wrong_restore_fails_the_drill() {
    right_and_wrong_restores(Kind::PostgreSql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_mariadb_passes_and_each_wrong_restore_fails_the_drill() {
    right_and_wrong_restores(Kind::MariaDb).await;
}

/// The sandbox is there all the time: the drill's routes lead away from it, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_taken_away_on_purpose_is_a_503_and_comes_back() {
    let stage = gated().await;
    let desk = Desk::at(&Mesh::shared().await.plane);
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["checks"] = json!([{"name": "alive", "http": [{"path": "/"}]}]);
    desk.write("drill.yaml", &drill);
    let disrupted = [&RUN[..], &["--disruption", "sandbox"]].concat();
    let done = desk.run_to(0, &disrupted).await;
    assert!(
        done.told("with the sandbox away the edge answers 503 sandbox-unreachable"),
        "{done:#?}"
    );
    let report = desk.report();
    let controls = report["controls"].as_array().unwrap();
    let away = controls.iter().find(|one| one["name"] == "sandbox-away");
    assert_eq!(away.unwrap()["bites"], true, "{report}");
    let open = report["notTested"].to_string();
    assert!(!open.contains("A sandbox that fails"), "{open}");
    stage.assert_production_untouched().await;
}
