//! `drillgate schedule`: drills by the calendar, as the controller makes them.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde::Serialize;
use tokio::time::sleep;

use super::cluster::{ClusterArgs, Connected, block_on};
use super::view::{ViewArgs, table};
use super::{NOT_IN_TIME, Outcome, output, time};
use crate::api::{Drill, DrillSchedule, Phase};
use crate::oneshot;
use crate::reconcile::schedule::of_command;
use crate::resources::conditions::{ACCEPTED, ON_TIME};
use crate::resources::metadata::full_name;
use crate::resources::metadata::{namespace_of, rfc3339};

/// How often a drill that comes up is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Start a drill of a schedule now, or list the schedules
#[derive(Subcommand)]
pub(super) enum ScheduleCommand {
    Run(RunArgs),
    List(ListArgs),
}

pub(super) fn run(command: &ScheduleCommand) -> Outcome {
    match command {
        ScheduleCommand::Run(args) => block_on(start(args)),
        ScheduleCommand::List(args) => block_on(list(args)),
    }
}

const RUN: &str = "\
Examples:
  drillgate schedule run orders-nightly
  drillgate schedule run orders-dr/orders-nightly --wait
  drillgate schedule run orders-nightly --wait 5m --output json | jq -r .id

A Drill is made from the schedule's template, and the controller brings it up, also where the
schedule is suspended. It belongs to the schedule: its history limits and its concurrencyPolicy
count it.

Exit codes:
  0  the Drill is made, and with --wait it is active
  2  usage; no such schedule
  4  the cluster cannot be reached, or does not let us
  5  it was not active in time, and the lines say why; it stays";

/// Start a drill from a schedule's template now
#[derive(Args)]
#[command(after_help = RUN)]
pub(super) struct RunArgs {
    /// The schedule: its name, or namespace/name
    #[arg(value_name = "NAME")]
    schedule: String,

    /// Wait until the drill is active [default with --wait alone: 60s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "60s", value_parser = time::parse_duration)]
    wait: Option<i64>,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

/// A drill that was started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    name: String,
    /// What a token names as its subject.
    id: String,
    environment: String,
    phase: Option<Phase>,
    message: Option<String>,
}

async fn start(args: &RunArgs) -> Outcome {
    let connected = args.cluster.connect().await?;
    let schedule = find(&connected, &args.schedule).await?;
    let writer = &connected.site.writer;
    let made = writer.create(&of_command(&schedule)).await;
    let made = made.map_err(oneshot::Error::from)?;
    let mut drill = made.ok_or("the API server gave the drill a name that is taken: try again")?;
    if let Some(wait) = args.wait {
        let limit = Duration::from_secs(wait.unsigned_abs());
        drill = wait_for(&connected.site.client, drill, limit).await?;
    }
    let is_late = args.wait.is_some() && drill.phase() != Some(Phase::Active);
    args.view.view.show(&started(&drill), text)?;
    if is_late {
        output::warning("the drill is not active: see `drillgate status` and its conditions");
        return Ok(ExitCode::from(NOT_IN_TIME));
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(connected: &Connected, asked: &str) -> Result<DrillSchedule, Box<dyn Error>> {
    let (namespace, name) = asked
        .split_once('/')
        .unwrap_or((&connected.namespace, asked));
    let api = Api::<DrillSchedule>::namespaced(connected.site.client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(schedule)) => Ok(schedule),
        Ok(None) => {
            // A kind that is not known has no objects either.
            all(&connected.site.client).await?;
            Err(format!("there is no DrillSchedule {namespace}/{name}: `drillgate schedule list` shows those that there are").into())
        }
        Err(error) => Err(unread(error)),
    }
}

/// Looks at `drill` until it is active or cannot become so any more; at the longest for `limit`.
async fn wait_for(client: &Client, drill: Drill, limit: Duration) -> Result<Drill, Box<dyn Error>> {
    let api = Api::<Drill>::namespaced(client.clone(), &namespace_of(&drill));
    let began = Instant::now();
    let mut drill = drill;
    loop {
        let is_settled = matches!(
            drill.phase(),
            Some(Phase::Active | Phase::Ending | Phase::Ended | Phase::Failed)
        );
        if is_settled || began.elapsed() >= limit {
            return Ok(drill);
        }
        sleep(LOOK_AGAIN).await;
        let found = api.get_opt(&drill.name_any()).await.map_err(unread)?;
        drill = found.ok_or("the drill was deleted meanwhile")?;
    }
}

fn started(drill: &Drill) -> Started {
    let status = drill.status.as_ref();
    Started {
        name: full_name(drill),
        id: drill.uid().unwrap_or_default(),
        environment: drill.spec.environment.clone(),
        phase: drill.phase(),
        message: status.and_then(|status| status.message.clone()),
    }
}

fn text(started: &Started) -> String {
    let phase = match started.phase {
        Some(phase) => format!("{phase:?}"),
        None => "made; the controller has not looked at it yet".to_owned(),
    };
    let mut rows = vec![
        ("id", started.id.clone()),
        ("environment", started.environment.clone()),
        ("phase", phase),
    ];
    rows.extend(started.message.clone().map(|message| ("message", message)));
    format!(
        "drill {} started\n{}  sign with    drillgate sign --drill {} --env {}\n",
        started.name,
        output::rows(rows),
        started.id,
        started.environment
    )
}

const LIST: &str = "\
Examples:
  drillgate schedule list
  drillgate schedule list --output json | jq -r '.[] | select(.state != \"OnTime\") | .name'

A schedule is OnTime (its last run was started), Late (its last run was missed or skipped), Waiting
(no run has been due yet, or the controller has not looked), Suspended or Refused. The message says
more.

Exit codes:
  0  listed
  2  usage, or no cluster
  4  the cluster cannot be reached, or does not let us";

/// List the schedules of the cluster, with their last and next runs
#[derive(Args)]
#[command(after_help = LIST)]
pub(super) struct ListArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

/// A schedule in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    schedule: String,
    time_zone: String,
    state: &'static str,
    active: Vec<String>,
    last: Option<String>,
    next: Option<String>,
    message: Option<String>,
}

async fn list(args: &ListArgs) -> Outcome {
    let connected = args.cluster.connect().await?;
    let schedules = all(&connected.site.client).await?;
    let listed: Vec<Listed> = schedules.iter().map(listed).collect();
    args.view.view.show(&listed, |listed| rows(listed))?;
    Ok(ExitCode::SUCCESS)
}

async fn all(client: &Client) -> Result<Vec<DrillSchedule>, Box<dyn Error>> {
    let api = Api::<DrillSchedule>::all(client.clone());
    let found = api.list(&ListParams::default()).await.map_err(unread)?;
    Ok(found.items)
}

fn unread(error: kube::Error) -> Box<dyn Error> {
    if matches!(&error, kube::Error::Api(status) if status.code == 404) {
        return "the cluster does not know DrillSchedules: install the definitions with `drillgate crds | kubectl apply --server-side -f -`".into();
    }
    Box::new(oneshot::Error::Read {
        what: "DrillSchedules".to_owned(),
        source: Box::new(error),
    })
}

fn listed(schedule: &DrillSchedule) -> Listed {
    let status = schedule.status.clone().unwrap_or_default();
    let told = |kind: &str| status.conditions.iter().find(|held| held.type_ == kind);
    let says = |kind: &str, word: &str| told(kind).is_some_and(|held| held.status == word);
    let is_refused = says(ACCEPTED, "False");
    let state = match schedule.spec.suspend {
        _ if is_refused => "Refused",
        true => "Suspended",
        false if says(ON_TIME, "True") => "OnTime",
        false if says(ON_TIME, "False") => "Late",
        false => "Waiting",
    };
    let kind = if is_refused { ACCEPTED } else { ON_TIME };
    let zone = schedule.spec.time_zone.clone();
    Listed {
        name: full_name(schedule),
        schedule: schedule.spec.schedule.clone(),
        time_zone: zone.unwrap_or_else(|| "UTC".to_owned()),
        state,
        active: status
            .active
            .iter()
            .map(|drill| drill.name.clone())
            .collect(),
        last: status.last_schedule_time.as_ref().map(rfc3339),
        next: status.next_schedule_time.as_ref().map(rfc3339),
        message: told(kind).map(|held| held.message.clone()),
    }
}

fn rows(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "no schedules\n".to_owned();
    }
    let rows: Vec<[String; 7]> = listed.iter().map(row).collect();
    let headings = [
        "NAME", "SCHEDULE", "ZONE", "STATE", "LAST", "NEXT", "ACTIVE",
    ];
    table(headings, &rows)
}

fn row(listed: &Listed) -> [String; 7] {
    let dash = |text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .unwrap_or("-")
            .to_owned()
    };
    [
        listed.name.clone(),
        listed.schedule.clone(),
        listed.time_zone.clone(),
        listed.state.to_owned(),
        dash(listed.last.as_deref()),
        dash(listed.next.as_deref()),
        dash(Some(&listed.active.join(","))),
    ]
}
