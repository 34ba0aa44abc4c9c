//! A training job as it is shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_ml::{
    job::{Failed, Happened, Job},
    moment,
};

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobView {
    pub(crate) job_id: String,
    pub(crate) status: &'static str,
    /// Nothing happens to it any more.
    pub(crate) ended: bool,
    /// Why it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    dataset_id: String,
    dataset_version: u64,
    model_id: String,
    /// Version of the model that it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_version: Option<u32>,
    /// One sentence that compares the model with simpler ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    /// From 0 to 1.
    progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    /// Rounds done, and in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<(u64, u64)>,
    /// Seconds to the end; absent while that cannot be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<f64>,
    /// Newest losses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, f64>,
    /// Number of its worker, and how many may try.
    attempt: (u32, u32),
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// When its time is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_at: Option<String>,
    /// When its worker was last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_at: Option<String>,
    /// Where it runs.
    backend: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Problem {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Problem {
    fn of(failed: &Failed) -> Self {
        Self { code: failed.code.clone(), message: failed.message.clone(), hint: failed.hint.clone() }
    }
}

impl JobView {
    pub(crate) fn with(self, verdict: Option<String>) -> Self {
        Self { verdict, ..self }
    }

    pub(crate) fn of(job: &Job) -> Self {
        let progress = &job.progress;
        let completed = job.made.is_some();
        Self {
            job_id: job.id.clone(),
            status: job.state.as_str(),
            ended: job.state.has_ended(),
            reason: job.reason.clone(),
            dataset_id: job.dataset.clone(),
            dataset_version: job.dataset_version,
            model_id: job.model.clone(),
            model_version: job.made.as_ref().map(|made| made.version),
            verdict: None,
            progress: if completed { 1.0 } else { progress.done },
            phase: progress.phase.clone().filter(|_| !job.state.has_ended()),
            round: progress.step.zip(progress.steps).filter(|_| !job.state.has_ended()),
            eta_seconds: progress.eta_seconds.filter(|_| job.state.has_worker()),
            metrics: progress.metrics.clone(),
            attempt: (job.attempt, job.limits.attempts),
            peak_memory_bytes: progress.peak_memory,
            error: job.error.as_ref().map(Problem::of),
            created_at: moment::text(job.created_at),
            started_at: job.started_at.map(moment::text),
            ended_at: job.ended_at.map(moment::text),
            deadline_at: job.deadline_at.filter(|_| !job.state.has_ended()).map(moment::text),
            heartbeat_at: job.beat_at.map(moment::text),
            backend: "local",
        }
    }
}

/// A job in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row {
    job_id: String,
    status: &'static str,
    /// From 0 to 1.
    progress: f64,
    /// Seconds to the end, where known.
    eta_seconds: Option<f64>,
    model_id: String,
    model_version: Option<u32>,
    dataset_id: String,
    attempt: u32,
    created_at: String,
    ended_at: Option<String>,
    /// Code of what was wrong.
    error: Option<String>,
}

impl Row {
    pub(crate) fn of(job: &Job) -> Self {
        let view = JobView::of(job);
        Self {
            job_id: view.job_id,
            status: view.status,
            progress: view.progress,
            eta_seconds: view.eta_seconds,
            model_id: view.model_id,
            model_version: view.model_version,
            dataset_id: view.dataset_id,
            attempt: job.attempt,
            created_at: view.created_at,
            ended_at: view.ended_at,
            error: view.error.map(|error| error.code),
        }
    }
}

/// A line of a job's history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Event {
    at: String,
    attempt: u32,
    /// State from then on.
    status: &'static str,
    what: String,
}

impl Event {
    pub(crate) fn of(happened: Happened) -> Self {
        let Happened { at, attempt, state, what } = happened;
        Self { at: moment::text(at), attempt, status: state.as_str(), what }
    }
}
