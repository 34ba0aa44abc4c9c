//! What is known of a job.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use trainyard_contract::Error;

use super::{State, process::Process};
use crate::store::Failure;

/// A job that somebody wants.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The same token means the same job, however often it is sent.
    pub token: Option<String>,
    /// Model that the result becomes a version of.
    pub model: String,
    /// Dataset that it learns from.
    pub dataset: String,
    /// Version of it.
    pub dataset_version: u64,
    /// What the worker is to do, in its own words.
    pub spec: Value,
    /// What it may use.
    pub limits: Limits,
}

/// What a job may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time from its first start to its end, waits between attempts included, in milliseconds.
    pub time: i64,
    /// Memory of its worker, in bytes.
    pub memory: u64,
    /// Threads of its worker.
    pub threads: u32,
    /// Workers that may try, one after the other.
    pub attempts: u32,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// From 0 to 1.
    pub done: f64,
    /// What is being done.
    pub phase: Option<String>,
    /// Rounds that are done.
    pub step: Option<u64>,
    /// Rounds in all.
    pub steps: Option<u64>,
    /// Seconds to the end; `None` while that cannot be known.
    pub eta_seconds: Option<f64>,
    /// Newest values.
    pub metrics: BTreeMap<String, f64>,
    /// Most memory that the worker had in use, in bytes.
    pub peak_memory: Option<u64>,
}

/// The model that a job made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Model.
    pub model: String,
    /// Version of it.
    pub version: u32,
}

/// Why a job ended without a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// For programs.
    pub code: String,
    /// What was wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        let hint = error.hint_str().map(str::to_owned);
        Self { code: error.code_str().to_owned(), message: error.message().to_owned(), hint }
    }
}

/// A job as it stands. Points in time are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names it.
    pub id: String,
    /// What it was sent with, so that a repeated call finds it.
    pub token: Option<String>,
    /// Model that the result becomes a version of.
    pub model: String,
    /// Dataset that it learns from.
    pub dataset: String,
    /// Version of it.
    pub dataset_version: u64,
    /// What the worker is to do.
    pub spec: Value,
    /// Where it is.
    pub state: State,
    /// Why it is there, where that does not speak for itself.
    pub reason: Option<String>,
    /// Number of the worker that has it, or had it last; 0 before the first.
    pub attempt: u32,
    /// What it may use.
    pub limits: Limits,
    /// When it was sent.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// When its first worker began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// When its time is over.
    pub deadline_at: Option<i64>,
    /// When somebody wanted it to end.
    pub cancel_wanted_at: Option<i64>,
    /// When its worker was last heard of.
    pub beat_at: Option<i64>,
    /// Until when its worker need not be heard of.
    pub lease_until: Option<i64>,
    /// Its worker.
    pub worker: Option<Process>,
    /// How far it is.
    pub progress: Progress,
    /// What it made.
    pub made: Option<Made>,
    /// Why it made nothing.
    pub error: Option<Failed>,
}

/// One line of a job's history.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Number of the worker.
    pub attempt: u32,
    /// The state from then on.
    pub state: State,
    /// What happened.
    pub what: String,
}

/// One point of a learning curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Name of the metric.
    pub name: String,
    /// Round.
    pub step: u64,
    /// Its value then.
    pub value: f64,
}

impl Job {
    /// All columns, as [`Self::of_row`] wants them.
    pub(super) const COLUMNS: &'static str = "id, token, model, dataset, dataset_version, spec, state, reason, attempt, max_attempts, \
        time_limit, memory_limit, threads, created_at, updated_at, started_at, ended_at, deadline_at, cancel_wanted_at, \
        beat_at, lease_until, worker, progress, made, error";

    pub(super) fn of_row(row: &Row<'_>) -> Result<Self, Failure> {
        let limits = Limits {
            time: row.get("time_limit")?,
            memory: count(row.get("memory_limit")?),
            threads: row.get("threads")?,
            attempts: row.get("max_attempts")?,
        };
        Ok(Self {
            id: row.get("id")?,
            token: row.get("token")?,
            model: row.get("model")?,
            dataset: row.get("dataset")?,
            dataset_version: count(row.get("dataset_version")?),
            spec: json(&row.get::<_, String>("spec")?)?,
            state: state(&row.get::<_, String>("state")?)?,
            reason: row.get("reason")?,
            attempt: row.get("attempt")?,
            limits,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            deadline_at: row.get("deadline_at")?,
            cancel_wanted_at: row.get("cancel_wanted_at")?,
            beat_at: row.get("beat_at")?,
            lease_until: row.get("lease_until")?,
            worker: json_or_none(row.get("worker")?)?,
            progress: json(&row.get::<_, String>("progress")?)?,
            made: json_or_none(row.get("made")?)?,
            error: json_or_none(row.get("error")?)?,
        })
    }
}

pub(super) fn state(name: &str) -> Result<State, Failure> {
    State::of(name).ok_or_else(|| Error::internal(format!("the database holds a state {name:?}")).into())
}

/// `SQLite` has signed numbers only; what is stored here was never negative.
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A number as `SQLite` keeps it.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Error::internal(format!("the database holds {text:?}: {error}")).into())
}

pub(crate) fn json_or_none<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>, Failure> {
    text.map(|text| json(&text)).transpose()
}

pub(crate) fn text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()).into())
}
