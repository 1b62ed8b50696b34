//! A restored copy of production, and checks against it.

use std::time::Duration;

use drillgate::api::{Check, Database};
use drillgate::checks::outcome::{Outcome, Verdict};
use drillgate::checks::{Context, Databases, run};
use drillgate_tests::databases::{Kind, PASSWORD, Pair, Route, Service, alembic, orders};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Production with orders in it, and its sandbox.
pub struct Scene {
    /// Their databases.
    pub pair: Pair,
    /// How old the newest data may be.
    pub rpo: Option<Duration>,
    /// When the recovery began.
    pub recovery_started: Timestamp,
    /// What the Drill says of its databases.
    pub databases: Value,
    /// Where questions go, if anywhere.
    pub route: Option<Route>,
    _folder: TempDir,
}

impl Scene {
    /// Production, made by Alembic up to 0002 with three orders; the sandbox is empty yet.
    pub fn production(kind: Kind) -> Scene {
        let pair = Pair::new(kind);
        pair.in_production(&alembic(kind, "0002"));
        pair.in_production(&orders());
        Scene::of(pair)
    }

    /// The same with all of it restored.
    pub fn restored(kind: Kind) -> Scene {
        let scene = Scene::production(kind);
        scene.pair.restore();
        scene
    }

    /// With what is in these databases.
    pub fn of(pair: Pair) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let databases = pair.spec("reader", &password.display().to_string());
        Scene {
            pair,
            rpo: None,
            recovery_started: Timestamp::now(),
            databases,
            route: None,
            _folder: folder,
        }
    }

    /// The same with a service in front of each database.
    pub async fn with_services(mut self) -> (Scene, Service, Service) {
        let pair = &self.pair;
        let production = Service::start(pair.production, &pair.database).await;
        let sandbox = Service::start(pair.sandbox, &pair.database).await;
        self.route = Some(Route {
            drill: sandbox.address,
            ordinary: production.address,
        });
        (self, production, sandbox)
    }

    /// The same with the sandbox's user being `writer`.
    pub fn written_by(mut self, user: &str) -> Scene {
        self.databases[0]["user"]["value"] = json!(user);
        self
    }

    /// What a check comes to, by its text in YAML without its name. No outcome holds the password.
    pub async fn ask(&self, check: &str) -> Outcome {
        let check: Check = serde_saphyr::from_str(&format!("name: asked\n{check}")).unwrap();
        let known: Vec<Database> = serde_json::from_value(self.databases.clone()).unwrap();
        let mut databases = Databases::new(&known, "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f");
        databases.rpo = self.rpo;
        databases.edge = self.route.as_ref().map(|route| route as _);
        let context = self.context(&databases);
        let checks = [check];
        let outcome = run(&checks, &context, |_| {}).await.remove(0);
        let shown = format!("{outcome:?} {databases:?}");
        assert!(!shown.contains(PASSWORD), "{shown}");
        outcome
    }

    fn context<'a>(&self, databases: &'a Databases<'a>) -> Context<'a> {
        Context {
            environment: &[],
            edge: None,
            databases: Some(databases),
            recovery_started: self.recovery_started,
            deadline: Instant::now() + Duration::from_secs(60),
        }
    }

    /// Begins a check, drops it when it has asked the edge, and clears up: what cannot be removed.
    pub async fn drop_midway(&self, check: &str, edge: &TcpListener) -> Vec<String> {
        let check: Check = serde_saphyr::from_str(&format!("name: asked\n{check}")).unwrap();
        let known: Vec<Database> = serde_json::from_value(self.databases.clone()).unwrap();
        let mut databases = Databases::new(&known, "drill");
        databases.edge = self.route.as_ref().map(|route| route as _);
        let context = self.context(&databases);
        let checks = [check];
        tokio::select! {
            outcomes = run(&checks, &context, |_| {}) => panic!("{outcomes:?}"),
            asked = edge.accept() => drop(asked.unwrap()),
        }
        let marked = self.pair.in_sandbox("SELECT count(*) FROM orders;");
        assert_eq!(marked, "4\n", "the receipt was there");
        databases.receipts.clear(&databases).await
    }

    /// The message of a check that has to pass.
    pub async fn passes(&self, check: &str) -> String {
        let outcome = self.ask(check).await;
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.message);
        outcome.message
    }

    /// The message of a check that has to fail, which has to have all these words in it.
    pub async fn fails(&self, check: &str, words: &[&str]) -> String {
        let outcome = self.ask(check).await;
        let message = outcome.message;
        assert_eq!(outcome.verdict, Verdict::Failed, "{message}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in: {message}");
        }
        message
    }
}

/// A dump of a database that Alembic made up to `revision`, with no order in it.
pub fn dump_of(kind: Kind, revision: &str) -> Vec<u8> {
    let other = Pair::new(kind);
    other.in_production(&alembic(kind, revision));
    other.production.dump(&other.database)
}
