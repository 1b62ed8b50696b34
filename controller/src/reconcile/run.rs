//! The controller as a process: a leader works, a standby waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tokio::sync::watch;

use super::checks::Checks;
use super::cluster::{Watches, watch as watch_cluster};
use super::context::{Context, Counts, Failures};
use super::entries::ActiveLists;
use super::error::Error;
use super::kinds::Kinds;
use super::leader::{Leader, Leadership, Timing};
use super::metrics::Metrics;
use super::secrets::Secrets;
use super::server::{Health, Module, Server};
use super::writer::Writer;
use super::{collect, drill, gate, schedule};

/// How many objects of a kind are looked at at the same time.
const CONCURRENCY: u16 = 16;

/// How many drills are. Those that wait for their gate's list are written to it together: the more,
/// the fewer writes of the whole list.
const DRILLS_AT_ONCE: u16 = 32;

/// How long running looks may take to come to an end on SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// How long the collector may take to go round before a restart is asked for: its pause, and what
/// a slow API server may take.
const STALLED: Duration = Duration::from_secs(600);

const COLLECTOR: &str = "collector";

/// How the controller runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespace of its lease: its own.
    pub namespace: String,
    /// The name of its lease.
    pub lease: String,
    /// What this replica is called: the pod's name.
    pub identity: String,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// The filter's module, which is served to gateways.
    pub module: Option<Module>,
    /// The mesh's root namespace.
    pub root_namespace: String,
    /// The times of the election.
    pub timing: Timing,
}

/// Why the controller ended by itself.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to.
    Asked,
    /// It is no longer the leader. A new process begins anew, with nothing remembered.
    LostLeadership(String),
}

/// Runs until `shutdown` resolves or the leadership is lost.
///
/// # Errors
/// When the address for health and metrics cannot be bound.
pub async fn run(
    client: Client,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<Ended> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        shutdown.await;
        // Everyone who waits for it holds a receiver.
        let _ = stop.send(true);
    });
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::new(STALLED));
    let module = settings.module.clone();
    let sha256 = module.as_ref().map(Module::sha256);
    let server = Server::bind(settings.listen, health.clone(), metrics.clone(), module).await?;
    tracing::info!(address = %server.address(), "serves /healthz, /readyz and /metrics");
    if let Some(sha256) = sha256 {
        tracing::info!(sha256, "serves the filter as /filter.wasm");
    }
    tokio::spawn(server.run(stopped(stopping.clone())));

    let mut leader = Leader::new(
        client.clone(),
        &settings.namespace,
        &settings.lease,
        &settings.identity,
        settings.timing,
    );
    health.stands_by();
    tokio::select! {
        () = leader.acquire() => {}
        () = stopped(stopping.clone()) => return Ok(Ended::Asked),
    }
    metrics.set_leader(true);
    let replica = Replica {
        client,
        settings,
        leadership: leader.leadership(),
        metrics: metrics.clone(),
        health,
    };
    let ended = tokio::select! {
        lost = leader.hold() => Ended::LostLeadership(lost.to_string()),
        () = work(&replica, stopping) => Ended::Asked,
    };
    metrics.set_leader(false);
    if matches!(ended, Ended::Asked) {
        leader.release().await;
    }
    Ok(ended)
}

/// A replica that leads.
struct Replica {
    client: Client,
    settings: Settings,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

async fn work(replica: &Replica, stopping: watch::Receiver<bool>) {
    let Replica {
        client,
        settings,
        health,
        ..
    } = replica;
    health.waits_for("what the API server serves");
    let kinds = tokio::select! {
        kinds = Kinds::wait(client, |missing| {
            tracing::warn!(missing, "waits for what is not served yet");
            health.waits_for(missing);
        }) => kinds,
        () = stopped(stopping.clone()) => return,
    };
    let Watches {
        cluster,
        drills,
        gates,
        schedules,
        drill_triggers,
        gate_triggers,
        schedule_triggers,
        triggers,
        others,
    } = watch_cluster(client, kinds);
    let (fill, filled) = watch::channel(false);
    let context = Arc::new(Context {
        cluster: cluster.clone(),
        filled,
        checks: Checks::new(triggers.clone()),
        secrets: Secrets::new(client.clone(), triggers),
        writer: Writer::new(
            client.clone(),
            replica.leadership.clone(),
            &settings.identity,
        ),
        active_lists: ActiveLists::default(),
        metrics: replica.metrics.clone(),
        root_namespace: settings.root_namespace.clone(),
        failures: Failures::default(),
        counts: Counts::default(),
    });
    let config = |at_once| Config::default().concurrency(at_once);
    let gates = Controller::for_stream(gates, cluster.gates.clone())
        .with_config(config(CONCURRENCY))
        .reconcile_on(gate_triggers)
        .graceful_shutdown_on(stopped(stopping.clone()))
        .run(
            |object, context| observed("DrillGate", gate::reconcile, object, context),
            |object, error, context| failed("DrillGate", &*object, error, &context),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let drills = Controller::for_stream(drills, cluster.drills.clone())
        .with_config(config(DRILLS_AT_ONCE))
        .reconcile_on(drill_triggers)
        .graceful_shutdown_on(stopped(stopping.clone()))
        .run(
            |object, context| observed("Drill", drill::reconcile, object, context),
            |object, error, context| failed("Drill", &*object, error, &context),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let schedules = Controller::for_stream(schedules, cluster.schedules.clone())
        .with_config(config(CONCURRENCY))
        .reconcile_on(schedule_triggers)
        .graceful_shutdown_on(stopped(stopping.clone()))
        .run(
            |object, context| observed("DrillSchedule", schedule::reconcile, object, context),
            |object, error, context| failed("DrillSchedule", &*object, error, &context),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let controllers = async { futures::join!(gates, drills, schedules) };
    let background = async {
        health.waits_for("its caches to be filled");
        cluster.synced().await;
        // Whoever looks at it holds a receiver.
        let _ = fill.send(true);
        health.leads(&[COLLECTOR]);
        tracing::info!("its caches are filled");
        let health = health.clone();
        collect::run(context.clone(), move || health.beat(COLLECTOR)).await;
    };
    tokio::select! {
        () = others.for_each(|()| std::future::ready(())) => {}
        () = background => {}
        _ = controllers => {}
        () = stopped(stopping.clone()).then(|()| tokio::time::sleep(GRACE)) => {}
    }
}

/// One look, timed and counted.
async fn observed<K, F, R>(
    kind: &'static str,
    reconcile: F,
    object: Arc<K>,
    context: Arc<Context>,
) -> Result<kube::runtime::controller::Action, Error>
where
    K: Resource<DynamicType = ()>,
    F: FnOnce(Arc<K>, Arc<Context>) -> R,
    R: Future<Output = Result<kube::runtime::controller::Action, Error>>,
{
    // Nothing is decided from stores that are still being filled. (Of several that wait for a store
    // itself, kube wakes one only.)
    let _ = context.filled.clone().wait_for(|filled| *filled).await;
    let name = key(&*object);
    let _timer = context.metrics.time(kind);
    let outcome = reconcile(object, context.clone()).await;
    match &outcome {
        Ok(_) => {
            context.failures.reset(&format!("{kind} {name}"));
            context.metrics.done(kind);
        }
        // Part of the ordinary course of things.
        Err(Error::Stale) => context.metrics.done(kind),
        Err(error) => context.metrics.failed(kind, error.category()),
    }
    outcome
}

fn failed<K: Resource<DynamicType = ()>>(
    kind: &'static str,
    object: &K,
    error: &Error,
    context: &Context,
) -> kube::runtime::controller::Action {
    let name = key(object);
    match error {
        Error::Stale => tracing::debug!(kind, object = name, "is read again"),
        error => {
            tracing::warn!(kind, object = name, category = error.category(), %error, "failed, and is tried again")
        }
    }
    context.failures.next(&format!("{kind} {name}"), error)
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let reference = ObjectRef::from_obj(object);
    format!(
        "{}/{}",
        reference.namespace.unwrap_or_default(),
        object.name_any()
    )
}

/// Resolves once the controller is to stop.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // Without a sender nobody will ever ask.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
