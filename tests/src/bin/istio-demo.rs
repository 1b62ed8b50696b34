//! Plays two drills on a real Istio, step by step: `make istio-demo`. One comes by `kubectl apply`; the
//! other is a run of `drillgate run` against a database that was just restored, and leaves evidence in
//! the folder of `--evidence`. With `--keep` the first stays up until Ctrl-C, with what to play with.

use std::process::ExitCode;
use std::time::Instant;

use drillgate::lab::Request;
use drillgate_tests::control_plane::{Controller, kubectl};
use drillgate_tests::databases::{Kind, PASSWORD, Pair, Service, alembic, orders};
use drillgate_tests::gate::tampered;
use drillgate_tests::istio::{Mesh, ModuleCache, Stage, drill_request, restored_drill};
use drillgate_tests::registry::Registry;
use drillgate_tests::{binary, module_path};
use tokio::process::Command;

/// What was shown so far.
struct Show {
    begun: Instant,
    number: usize,
    wrong: usize,
}

impl Show {
    fn note(&self, text: &str) {
        println!("{:>6.1}s  {text}", self.begun.elapsed().as_secs_f64());
    }

    /// Sends `request` and prints what came of it.
    async fn step(&mut self, stage: &Stage, what: &str, request: &Request, expected: &str) {
        self.number += 1;
        let got = stage.outcome(request).await;
        let verdict = if got == expected {
            "as expected"
        } else {
            "WRONG"
        };
        self.wrong += usize::from(got != expected);
        println!("{:>3}  {what:<44} {got:<28} {verdict}", self.number);
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let keep = arguments.iter().any(|argument| argument == "--keep");
    let evidence = arguments.iter().skip_while(|it| *it != "--evidence").nth(1);
    let mut show = Show {
        begun: Instant::now(),
        number: 0,
        wrong: 0,
    };
    show.note("starts etcd, kube-apiserver and istiod");
    let mesh = Mesh::start().await;
    show.note("starts the controller");
    let mut controller = Controller::start(&mesh.plane.kubeconfig());
    controller.leads().await;
    show.note("starts PostgreSQL twice, with orders in production's");
    let pair = Pair::new(Kind::PostgreSql);
    pair.in_production(&alembic(Kind::PostgreSql, "0002"));
    pair.in_production(&orders());
    show.note("starts pilot-agent and Envoy, production and a sandbox");
    let production = Service::router(pair.production, &pair.database).await;
    let sandbox = Service::router(pair.sandbox, &pair.database).await;
    let stage = Stage::set_with(&mesh, production, sandbox).await;

    let plain = Request::get("orders.example.com", "/");
    show.step(&stage, "before: a user's request", &plain, "200 production")
        .await;
    show.note("starts a registry, and pushes the filter's image");
    let registry = Registry::start();
    let _cache = ModuleCache::of(&format!("oci://{}/filter", registry.repository()));
    let mut gate = stage.gate();
    gate["spec"]["module"] = registry.push_filter(&module_path());
    show.note(&format!(
        "kubectl apply: a DrillGate, module {}",
        gate["spec"]["module"]
    ));
    stage.install(gate).await;
    show.note("kubectl apply: a Drill");
    let id = stage.drill().await;
    show.note(&format!("drill {id} is active"));
    drill(&mut show, &stage, &id).await;
    if keep {
        play(&mesh, &stage, &id).await;
    }
    show.note("kubectl delete: the Drill");
    let drill = stage.scene.drill("orders");
    stage.scene.delete(&drill).await;
    stage.scene.gone(&drill).await;
    let signed = drill_request(&id);
    stage.until(&signed, "403 unknown-drill").await;
    show.step(
        &stage,
        "after: a signed request",
        &signed,
        "403 unknown-drill",
    )
    .await;
    show.step(&stage, "after: a user's request", &plain, "200 production")
        .await;
    restored(&mut show, &mesh, &stage, &pair, evidence).await;
    stage.assert_production_untouched().await;
    show.note("production has seen no drill request");
    ExitCode::from(u8::from(show.wrong > 0))
}

/// Restores production's database into the sandbox, and lets `drillgate run` find out whether it
/// works.
async fn restored(
    show: &mut Show,
    mesh: &Mesh,
    stage: &Stage,
    pair: &Pair,
    evidence: Option<&String>,
) {
    show.note("pg_dump of production's database, pg_restore into the sandbox's");
    pair.restore();
    let folder = tempfile::tempdir().expect("a folder");
    let (password, drill) = (
        folder.path().join("password"),
        folder.path().join("drill.yaml"),
    );
    std::fs::write(&password, PASSWORD).expect("write a file");
    std::fs::write(&drill, restored_drill(stage, pair, &password).to_string())
        .expect("write a file");
    let mut command = Command::new(binary());
    command.env("KUBECONFIG", mesh.plane.kubeconfig());
    command.arg("run").arg("-f").arg(&drill);
    let log = stage.gateway.path("log");
    command.args(["--edge-log", &format!("cat '{}'", log.display())]);
    if let Some(evidence) = evidence {
        command.args(["--evidence", evidence]);
    }
    show.note("drillgate run -f drill.yaml --evidence ... --edge-log ...");
    let ended = command.status().await.expect("drillgate starts");
    show.wrong += usize::from(!ended.success());
    if let Some(evidence) = evidence {
        show.note(&format!("the report: {evidence}/report.html"));
    }
}

/// What the drill's own requests get, and others.
async fn drill(show: &mut Show, stage: &Stage, id: &str) {
    let (plain, signed) = (Request::get("orders.example.com", "/"), drill_request(id));
    let mut forged = drill_request(id);
    for (_, token) in &mut forged.headers {
        *token = tampered(String::from_utf8_lossy(token).into_owned()).into_bytes();
    }
    show.step(stage, "a user's request", &plain, "200 production")
        .await;
    show.step(stage, "a signed request", &signed, "200 routed sandbox")
        .await;
    show.step(stage, "a forged one", &forged, "403 bad-signature")
        .await;
    stage.sandbox.down().await.expect("a port");
    show.step(
        stage,
        "a signed one, and the sandbox is down",
        &signed,
        "503 sandbox-unreachable",
    )
    .await;
    show.step(
        stage,
        "meanwhile: a user's request",
        &plain,
        "200 production",
    )
    .await;
    stage.sandbox.revive().await.expect("the same port");
}

/// Says how to reach it all, until Ctrl-C.
async fn play(mesh: &Mesh, stage: &Stage, id: &str) {
    let scene = &stage.scene;
    println!("\nexport KUBECONFIG={}", mesh.plane.kubeconfig().display());
    let folders = [kubectl(), binary()].map(|path| {
        let folder = path.parent().map(|folder| folder.display().to_string());
        folder.unwrap_or_default()
    });
    println!("export PATH={}:$PATH", folders.join(":"));
    println!("kubectl get drillgates,drills --all-namespaces");
    println!(
        "value=$(drillgate sign --drill {id} --env orders-dr --gate {}/edge)",
        scene.gateway
    );
    let curl = format!(
        "curl -i -H 'Host: orders.example.com' http://{}/",
        stage.address()
    );
    println!("{curl}");
    println!("{curl} -H \"X-Drill-Context: $value\"");
    println!("{curl} -H 'X-Drill-Context: forged'");
    println!("kubectl delete drill orders --namespace {}", scene.sandbox);
    println!(
        "curl http://{}/config_dump",
        stage.gateway.admin().address()
    );
    println!("\nCtrl-C ends it.");
    let _ended = tokio::signal::ctrl_c().await;
}
