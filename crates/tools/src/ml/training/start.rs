//! Starts training jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Changes, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool};
use trainyard_ml::{
    datasets::Datasets,
    job::{Checkpoints, NewJob, local::Local, queue},
    store::elsewhere,
};

use super::{
    JobView,
    plan::{Planned, plan},
    target,
    wanted::{MOST_SECONDS, Wanted},
};
use crate::{App, Cx};

/// Train a model on a registered dataset, on this machine
///
/// Returns at once with a job; training_get follows it. The result is a version of the model, with metrics, baselines and where it came from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    #[serde(flatten)]
    wanted: Wanted,
    /// Repeat a call with the same token and it gives the same job.
    #[schemars(extend("x-also" = ["idempotency_token"]))]
    client_token: Option<String>,
}

impl Tool<App> for Start {
    const NAME: &'static str = "training_start";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "target": "quality", "preset": "fast"}"#;
    type Access = Changes;
    type Output = Json<JobView>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<JobView>> {
        let workers = cx.workers()?;
        elsewhere(move || {
            let prepared = self.wanted.prepare(&workers, self.client_token)?;
            begin(&workers, &prepared.job).map(Json)
        })
        .await
    }
}

/// Stores a job and lets it begin.
fn begin(workers: &Local, job: &NewJob) -> Result<JobView> {
    let (job, _) = workers.database().write_here(|transaction| queue::submit(transaction, job))?;
    workers.look()?;
    workers.keep_looking();
    let job = workers.database().read_here(|transaction| queue::get(transaction, &job.id))?;
    Ok(JobView::of(&job))
}

impl Preview<App> for Start {
    type Plan = Planned;

    fn target(&self) -> Target {
        target("dataset", &self.wanted.dataset_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Planned> {
        plan(&cx, self.wanted.clone()).await
    }
}

/// Start a training again that ended without a model
///
/// A new job does the same, and goes on from the last checkpoint, if the first one came so far. Other limits may be given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    /// Job that failed, was cancelled, was lost or ran out of time.
    job_id: String,
    /// Longest time, in seconds; as before when absent.
    max_seconds: Option<u64>,
    /// Most memory of the worker, in MiB; as before when absent.
    max_memory_mb: Option<u64>,
}

impl Resume {
    /// The new job, and where it goes on from.
    fn job(&self, workers: &Local) -> Result<(NewJob, &'static str)> {
        let job = workers.database().read_here(|transaction| queue::get(transaction, &self.job_id))?;
        if !job.state.has_ended() || job.made.is_some() {
            return Err(Error::new(ErrorKind::Conflict, format!("{} is {}", job.id, job.state))
                .code("JobState")
                .hint("only what ended without a model can be started again"));
        }
        let datasets = Datasets::new(workers.database().clone(), workers.state());
        datasets.sound(&job.dataset, Some(job.dataset_version))?;
        let mut limits = job.limits;
        if let Some(seconds) = self.max_seconds {
            if !(1..=MOST_SECONDS).contains(&seconds) {
                return Err(Error::validation(format!("max_seconds is {seconds}, not 1 to {MOST_SECONDS}")));
            }
            limits.time = i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        }
        limits.memory = self.max_memory_mb.map_or(limits.memory, |megabytes| megabytes << 20);
        let (model, dataset, dataset_version, spec) = (job.model, job.dataset, job.dataset_version, job.spec);
        let from =
            if Checkpoints::of(workers.state(), &spec).is_empty() { "the beginning" } else { "its last checkpoint" };
        Ok((NewJob { token: None, model, dataset, dataset_version, spec, limits }, from))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Again {
    job: JobView,
    /// The job that it repeats.
    repeats: String,
    /// Where it goes on from.
    from: &'static str,
}

impl Tool<App> for Resume {
    const NAME: &'static str = "training_resume";
    const EXAMPLE: &'static str = r#"{"job_id": "job-01k9a3f2xq7m4c8d0e"}"#;
    type Access = Changes;
    type Output = Json<Again>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Again>> {
        let workers = cx.workers()?;
        elsewhere(move || {
            workers.look()?;
            let (job, from) = self.job(&workers)?;
            let job = begin(&workers, &job)?;
            Ok(Json(Again { job, repeats: self.job_id, from }))
        })
        .await
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Repeated {
    dataset_id: String,
    dataset_version: u64,
    model_id: String,
    max_seconds: i64,
    max_memory_bytes: u64,
}

impl Preview<App> for Resume {
    type Plan = Repeated;

    fn target(&self) -> Target {
        target("training job", &self.job_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Repeated> {
        let workers = cx.workers()?;
        let this = Self { job_id: self.job_id.clone(), ..*self };
        let (job, _) = elsewhere(move || this.job(&workers)).await?;
        Ok(Repeated {
            dataset_id: job.dataset,
            dataset_version: job.dataset_version,
            model_id: job.model,
            max_seconds: job.limits.time / 1000,
            max_memory_bytes: job.limits.memory,
        })
    }
}
