//! Training jobs: plan them, start them, follow them, end them.

mod plan;
mod start;
mod view;
mod wanted;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{
    Destroys, Error, Json, Listing, Others, Pictured, Preview, Reads, Result, Reveals, Target, Tool, ToolDef,
};
use trainyard_ml::{
    job::{Job, Measured, State, local, queue, state::STATES},
    model::{registry, registry::Which},
    picture,
    store::{Transaction, elsewhere},
};

use self::view::{Event, JobView, Row};
use super::{part, target};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<plan::Plan>().formerly(&["training_estimate"]),
    ToolDef::changes::<start::Start>().formerly(&[
        "training_submit",
        "train_model",
        "train_model_distributed",
        "training.start",
    ]),
    ToolDef::reads::<Get>().formerly(&[
        "training_status",
        "training_wait",
        "monitor_training_progress",
        "check_lambda_training_status",
    ]),
    ToolDef::reads::<List>(),
    ToolDef::reads::<GetHistory>().formerly(&["training_events"]),
    ToolDef::reads::<GetMetrics>().formerly(&["training_metrics"]),
    ToolDef::reveals::<GetLogs>().formerly(&["training_logs"]),
    ToolDef::destroys::<Cancel>(),
    ToolDef::changes::<start::Resume>(),
];

/// Longest that one call waits, in seconds: clients give up at 60, and calls are ended at 45 by default.
const MOST_WAIT: u32 = 38;

/// Describe a training job: state, progress, time left, metrics, model; wait for its end if wanted
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Job.
    #[schemars(extend("x-also" = ["execution_id"]))]
    job_id: String,
    /// Wait so many seconds for it to end, 0 to 38; repeat the call until ended is true.
    #[serde(default)]
    #[schemars(range(min = 0, max = 38))]
    wait_seconds: u32,
}

impl Tool<App> for Get {
    const NAME: &'static str = "training_get";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e", "wait_seconds": 30}"#;
    type Access = Reads;
    type Output = Json<JobView>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<JobView>> {
        if self.wait_seconds > MOST_WAIT {
            return Err(Error::validation(format!("wait_seconds is {}, not 0 to {MOST_WAIT}", self.wait_seconds)));
        }
        let workers = cx.workers()?;
        let mut left = u64::from(self.wait_seconds) * 4;
        loop {
            let (workers, id) = (workers.clone(), self.job_id.clone());
            let (job, verdict) = elsewhere(move || {
                // What is shown is true now, whoever else looks after the jobs.
                workers.look()?;
                workers.keep_looking();
                workers.database().read_here(|transaction| {
                    let job = queue::get(transaction, &id)?;
                    let verdict = verdict(transaction, &job);
                    Ok((job, verdict))
                })
            })
            .await?;
            if job.state.has_ended() || left == 0 {
                return Ok(Json(JobView::of(&job).with(verdict)));
            }
            let percent = trainyard_ml::job::percent(job.progress.done);
            cx.progress().report(percent, Some(100), job.progress.phase.as_deref().unwrap_or(job.state.as_str()));
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            left -= 1;
        }
    }
}

/// What the model of a job is worth, beside simpler ones; nothing where there is none, or none any more.
fn verdict(transaction: &Transaction<'_>, job: &Job) -> Option<String> {
    let made = job.made.as_ref()?;
    let version = registry::get(transaction, &made.model, &Which::Number(made.version)).ok()?;
    version.facts["report"]["verdict"].as_str().map(str::to_owned)
}

/// List training jobs, newest first
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only in these states: queued, starting, running, uploading, stalled, interrupted, cancelling, completed, failed, cancelled, timed_out, lost.
    states: Option<Vec<String>>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

/// Jobs that are looked through at most.
const MOST_JOBS: usize = 100_000;

impl Tool<App> for List {
    const NAME: &'static str = "training_list";
    const EXAMPLE: &'static str = r#"{"states": ["running"]}"#;
    type Access = Reads;
    type Output = Listing<Row>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Row>> {
        let states = self.states.iter().flatten().map(|name| state(name)).collect::<Result<Vec<_>>>()?;
        let workers = cx.workers()?;
        let jobs = elsewhere(move || {
            workers.look()?;
            workers.database().read_here(|transaction| queue::list(transaction, &states, None, MOST_JOBS))
        })
        .await?;
        let rows = jobs.iter().map(Row::of).collect();
        Ok(part(&cx, rows, self.limit, self.cursor.as_ref())?.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

fn state(name: &str) -> Result<State> {
    State::of(name).ok_or_else(|| {
        let names: Vec<_> = STATES.iter().map(|state| state.as_str()).collect();
        Error::validation(format!("no state {name:?}")).hint(format!("states: {}", names.join(", ")))
    })
}

/// Show what happened to a training job, oldest first
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetHistory {
    /// Job.
    job_id: String,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

impl Tool<App> for GetHistory {
    const NAME: &'static str = "training_get_history";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e"}"#;
    type Access = Reads;
    type Output = Listing<Event>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Event>> {
        let (workers, id) = (cx.workers()?, self.job_id);
        let events = elsewhere(move || workers.database().read_here(|transaction| queue::history(transaction, &id)));
        let events = events.await?.into_iter().map(Event::of).collect();
        part(&cx, events, self.limit, self.cursor.as_ref())
    }
}

/// Get the learning curves of a training job: its losses, round by round
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetMetrics {
    /// Job.
    job_id: String,
    /// Only this metric, such as fitting.training_loss.
    name: Option<String>,
    /// Points for each metric at most, 2 to 500; evenly spread, the first and the last among them.
    #[serde(default = "usual_points")]
    #[schemars(range(min = 2, max = 500))]
    max_points: usize,
    /// Draw the curve of the phase that it is in, too.
    #[serde(default)]
    picture: bool,
}

fn usual_points() -> usize {
    50
}

impl Tool<App> for GetMetrics {
    const NAME: &'static str = "training_get_metrics";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e"}"#;
    type Access = Reads;
    type Output = Pictured<Json<Curves>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Pictured<Json<Curves>>> {
        if !(2..=500).contains(&self.max_points) {
            return Err(Error::validation(format!("max_points is {}, not 2 to 500", self.max_points)));
        }
        let (workers, id) = (cx.workers()?, self.job_id.clone());
        let (job, points) = elsewhere(move || {
            workers.database().read_here(|transaction| {
                let job = queue::get(transaction, &id)?;
                let points = queue::metrics(transaction, &id, job.attempt)?;
                Ok((job, points))
            })
        })
        .await?;
        let phase = job.progress.phase.as_deref();
        let pictures = if self.picture { picture::of_curves(&points, phase)? } else { None };
        let mut curves: Vec<Curve> = Vec::new();
        for point in points.into_iter().filter(|point| self.name.as_ref().is_none_or(|name| point.name == *name)) {
            match curves.last_mut().filter(|curve| curve.name == point.name) {
                Some(curve) => curve.push(&point),
                None => curves.push(Curve::of(&point)),
            }
        }
        for curve in &mut curves {
            curve.thin(self.max_points);
        }
        let facts = Curves { job_id: job.id, attempt: job.attempt, curves, eta_seconds: job.progress.eta_seconds };
        Ok(Pictured { facts: Json(facts), pictures: pictures.into_iter().collect() })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Curves {
    job_id: String,
    attempt: u32,
    curves: Vec<Curve>,
    /// Seconds to the end; absent while that cannot be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Curve {
    name: String,
    /// Points that were measured.
    measured: usize,
    /// Rounds and values.
    points: Vec<(u64, f64)>,
}

impl Curve {
    fn of(point: &Measured) -> Self {
        Self { name: point.name.clone(), measured: 1, points: vec![(point.step, point.value)] }
    }

    fn push(&mut self, point: &Measured) {
        self.measured += 1;
        self.points.push((point.step, point.value));
    }

    fn thin(&mut self, most: usize) {
        let count = self.points.len();
        if count > most {
            self.points = (0..most).map(|place| self.points[place * (count - 1) / (most - 1)]).collect();
        }
    }
}

/// Show the last lines that the worker of a training job wrote
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetLogs {
    /// Job.
    job_id: String,
    /// Which worker, from 1; the last when absent.
    attempt: Option<u32>,
    /// Lines, 1 to 1000.
    #[serde(default = "usual_lines")]
    #[schemars(range(min = 1, max = 1000))]
    tail: usize,
}

fn usual_lines() -> usize {
    100
}

#[derive(Debug, Serialize, JsonSchema)]
struct Logs {
    job_id: String,
    attempt: u32,
    lines: Others,
}

impl Tool<App> for GetLogs {
    const NAME: &'static str = "training_get_logs";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e"}"#;
    type Access = Reveals;
    type Output = Json<Logs>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Logs>> {
        if !(1..=1000).contains(&self.tail) {
            return Err(Error::validation(format!("tail is {}, not 1 to 1000", self.tail)));
        }
        let workers = cx.workers()?;
        elsewhere(move || {
            let job = workers.database().read_here(|transaction| queue::get(transaction, &self.job_id))?;
            let attempt = self.attempt.unwrap_or(job.attempt);
            if attempt > job.attempt {
                return Err(
                    Error::not_found("attempt", &attempt.to_string()).hint(format!("there were {}", job.attempt))
                );
            }
            let text = local::tail(&workers.log_path(&job.id, attempt), 256 * 1024);
            let lines: Vec<_> = text.lines().collect();
            let from = lines.len().saturating_sub(self.tail);
            Ok(Json(Logs { job_id: job.id, attempt, lines: lines[from..].join("\n").into() }))
        })
        .await
    }
}

/// Cancel a training job; its work so far is lost
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cancel {
    /// Job.
    job_id: String,
}

impl Tool<App> for Cancel {
    const NAME: &'static str = "training_cancel";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e"}"#;
    type Access = Destroys;
    type Output = Json<JobView>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<JobView>> {
        let workers = cx.workers()?;
        let job = elsewhere(move || {
            workers.look()?;
            let job = workers.database().write_here(|transaction| queue::cancel(transaction, &self.job_id))?;
            // A worker that does not end by itself is ended.
            workers.keep_looking();
            Ok(job)
        })
        .await?;
        Ok(Json(JobView::of(&job)))
    }
}

impl Preview<App> for Cancel {
    type Plan = JobView;

    fn target(&self) -> Target {
        target("training job", &self.job_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<JobView> {
        let job = job(&cx, &self.job_id).await?;
        job.state.after(trainyard_ml::job::Event::CancelWanted)?;
        Ok(JobView::of(&job))
    }
}

/// A job as it stands.
async fn job(cx: &Cx<Reads>, id: &str) -> Result<Job> {
    let (workers, id) = (cx.workers()?, id.to_owned());
    elsewhere(move || {
        workers.look()?;
        workers.database().read_here(|transaction| queue::get(transaction, &id))
    })
    .await
}
