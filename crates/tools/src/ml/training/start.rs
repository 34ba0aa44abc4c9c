//! Plans and starts training jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Access, Changes, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool};
use trainyard_ml::{
    datasets::Datasets,
    estimate::{Estimate, estimate, pace, slowness},
    job::{Checkpoints, Limits, NewJob, State, local::Local, process, queue},
    store::elsewhere,
    training::{self, Request, Spec},
};

use super::{JobView, target};
use crate::{App, Cx};

/// The seed of this platform sent tables with more rows elsewhere.
const MANY_ROWS: u64 = 100_000;

/// Newest trainings that may tell of the pace of this machine.
const LOOKED_AT: usize = 60;

const USUAL_SECONDS: u64 = 3_600;
const MOST_SECONDS: u64 = 7 * 24 * 3_600;

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum TaskName {
    Auto,
    Classification,
    Regression,
    Clustering,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum AlgorithmName {
    Auto,
    Boosting,
    Linear,
    // Named only where it can be had, as the engine is.
    #[cfg(feature = "lightgbm")]
    Forest,
    #[serde(rename = "kmeans")]
    KMeans,
}

#[cfg(feature = "lightgbm")]
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EngineName {
    Forust,
    LightGbm,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PresetName {
    Fast,
    Balanced,
    Best,
}

/// What is wanted of a training; plan and start take the same.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// Dataset.
    dataset_id: String,
    /// Version of it; the latest when absent.
    dataset_version: Option<u64>,
    /// Column to predict; none for clustering.
    target: Option<String>,
    /// By the target when absent.
    task: Option<TaskName>,
    /// How to learn; boosting or a linear model, whichever does better, when absent.
    algorithm: Option<AlgorithmName>,
    /// Who grows trees; forust when absent.
    #[cfg(feature = "lightgbm")]
    engine: Option<EngineName>,
    /// How much effort to spend; balanced when absent.
    preset: Option<PresetName>,
    /// Learn from these columns only.
    features: Option<Vec<String>>,
    /// Do not learn from these columns.
    #[serde(default)]
    exclude: Vec<String>,
    /// rounds, learning_rate, max_depth, min_leaf_weight, l2, row_sample, column_sample, clusters; what is absent the preset chooses.
    #[schemars(extend("x-also" = ["hyperparams"]))]
    hyperparameters: Option<Value>,
    /// Folds of the cross-validation, 2 to 20; by the number of rows when absent.
    folds: Option<usize>,
    /// Share of rows held out to judge the model, up to 0.5; 0.2 when absent. Not used with folds.
    holdout: Option<f64>,
    /// Decides every random choice.
    #[serde(default)]
    seed: u64,
    /// Longest time, in seconds; 3600 when absent.
    max_seconds: Option<u64>,
    /// Most memory of the worker, in MiB; by the estimate when absent.
    max_memory_mb: Option<u64>,
    /// Threads; 1 when absent. The result is the same.
    threads: Option<u32>,
    /// Model that the result becomes a version of; named for dataset and target when absent.
    model_id: Option<String>,
}

impl Wanted {
    fn spec(&self) -> Result<Spec> {
        let mut spec = Spec { target: self.target.clone(), seed: self.seed, ..Spec::default() };
        spec.task = match self.task {
            None | Some(TaskName::Auto) => training::Task::Auto,
            Some(TaskName::Classification) => training::Task::Classification,
            Some(TaskName::Regression) => training::Task::Regression,
            Some(TaskName::Clustering) => training::Task::Clustering,
        };
        spec.algorithm = match self.algorithm {
            None | Some(AlgorithmName::Auto) => training::Algorithm::Auto,
            Some(AlgorithmName::Boosting) => training::Algorithm::Boosting,
            Some(AlgorithmName::Linear) => training::Algorithm::Linear,
            #[cfg(feature = "lightgbm")]
            Some(AlgorithmName::Forest) => training::Algorithm::Forest,
            Some(AlgorithmName::KMeans) => training::Algorithm::KMeans,
        };
        #[cfg(feature = "lightgbm")]
        if let Some(EngineName::LightGbm) = self.engine {
            spec.engine = training::Engine::LightGbm;
        }
        spec.preset = match self.preset {
            Some(PresetName::Fast) => training::Preset::Fast,
            None | Some(PresetName::Balanced) => training::Preset::Balanced,
            Some(PresetName::Best) => training::Preset::Best,
        };
        spec.features.clone_from(&self.features);
        spec.exclude.clone_from(&self.exclude);
        if let Some(hyperparameters) = &self.hyperparameters {
            spec.hyperparameters = serde_json::from_value(hyperparameters.clone())
                .map_err(|error| Error::validation(format!("hyperparameters: {error}")).code("TrainingSpec"))?;
        }
        spec.validation.folds = self.folds.unwrap_or(spec.validation.folds);
        spec.validation.fraction = self.holdout.unwrap_or(spec.validation.fraction);
        spec.limits.threads = Some(self.threads.unwrap_or(1) as usize);
        Ok(spec)
    }

    fn limits(&self, estimate: &Estimate) -> Result<Limits> {
        let seconds = self.max_seconds.unwrap_or(USUAL_SECONDS);
        if !(1..=MOST_SECONDS).contains(&seconds) {
            return Err(Error::validation(format!("max_seconds is {seconds}, not 1 to {MOST_SECONDS}")));
        }
        // Room for an estimate that is too low by half.
        let memory = self.max_memory_mb.map_or(estimate.memory * 3 + (256 << 20), |megabytes| megabytes << 20);
        if memory < 64 << 20 {
            return Err(Error::validation("max_memory_mb is less than 64, which no training fits in"));
        }
        let time = i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        Ok(Limits { time, memory, threads: self.threads.unwrap_or(1), attempts: 3 })
    }

    /// All that can be found out beforehand. Reads the dataset's record, and its file only where it was touched.
    fn prepare(&self, workers: &Local, token: Option<String>) -> Result<Prepared> {
        let datasets = Datasets::new(workers.database().clone(), workers.state());
        let dataset = datasets.sound(&self.dataset_id, self.dataset_version)?;
        let spec = self.spec()?;
        let columns = training::columns(&dataset, &spec)?;
        let estimate = estimate(&dataset, &columns, &spec);
        let completed = workers
            .database()
            .read_here(|transaction| queue::list(transaction, &[State::Completed], None, LOOKED_AT))?;
        let pace = pace(&datasets, &completed);
        let (estimate, basis) = match pace {
            Some((factor, 1)) => (estimate.times(factor), "the training before on this machine".to_owned()),
            Some((factor, count)) => (estimate.times(factor), format!("{count} trainings before on this machine")),
            None => {
                let factor = slowness();
                let basis = format!(
                    "figures of another machine, on which a small training took {:.0} % of the time that it took here just now",
                    100.0 / factor
                );
                (estimate.times(factor), basis)
            }
        };
        let request = Request { token, model: self.model_id.clone(), limits: self.limits(&estimate)?, spec };
        let job = training::job(&dataset, &request)?;
        let plan = planned(workers, &estimate, basis, &job);
        Ok(Prepared { job, plan })
    }
}

struct Prepared {
    job: NewJob,
    plan: Planned,
}

/// Where a training would run, why, and what it would need.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Planned {
    dataset_id: String,
    dataset_version: u64,
    model_id: String,
    /// Where it would run.
    backend: &'static str,
    /// Why there.
    reason: String,
    rule: Rule,
    rows: u64,
    columns: u64,
    bytes: u64,
    /// Expected, within a factor of about three.
    memory_bytes: u64,
    /// Memory that this machine has free, where known.
    memory_available_bytes: Option<u64>,
    cpu_seconds: Seconds,
    cost_usd: f64,
    /// What ends it.
    max_seconds: i64,
    max_memory_bytes: u64,
    threads: u32,
    /// Jobs that have a worker now, and how many may.
    workers: (usize, u32),
    /// What speaks against it.
    blockers: Vec<String>,
}

/// An estimate of the seconds of one processor.
#[derive(Debug, Serialize, JsonSchema)]
struct Seconds {
    /// Likely within a factor of about three.
    estimate: f64,
    /// With early stopping as soon as it may be.
    from: f64,
    /// With every round that may be made.
    to: f64,
    /// What the estimate goes by.
    basis: String,
}

impl Seconds {
    fn of(estimate: &Estimate, basis: String) -> Self {
        let rounded = |seconds: f64| (seconds * 10.0).ceil() / 10.0;
        let cpu = estimate.cpu;
        Self { estimate: rounded(cpu.likely), from: rounded(cpu.least), to: rounded(cpu.most), basis }
    }
}

/// The rule of thumb by rows, which the estimate overrules.
#[derive(Debug, Serialize, JsonSchema)]
struct Rule {
    rows_over: u64,
    applies: bool,
    /// What decides instead.
    decided_by: &'static str,
}

fn planned(workers: &Local, estimate: &Estimate, basis: String, job: &NewJob) -> Planned {
    let available = process::memory_available();
    let mut blockers = Vec::new();
    if let Some(available) = available.filter(|available| estimate.memory > *available) {
        blockers.push(format!("needs about {} MiB of memory; {} MiB are free", estimate.memory >> 20, available >> 20));
    }
    if job.limits.memory < estimate.memory {
        blockers.push(format!(
            "may use {} MiB of memory and needs about {}",
            job.limits.memory >> 20,
            estimate.memory >> 20
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    if estimate.cpu.likely * 1000.0 > job.limits.time as f64 {
        blockers.push(format!("may take {} s and needs about {:.0}", job.limits.time / 1000, estimate.cpu.likely));
    }
    if let Some(free) = process::disk_free(workers.state()).filter(|free| *free < 64 << 20) {
        blockers.push(format!("{} MiB are free on the disk of the state folder", free >> 20));
    }
    let open = workers.database().read_here(queue::open).unwrap_or_default();
    let many = estimate.rows > MANY_ROWS;
    let size = format!("about {} MiB and {:.0} CPU-seconds", estimate.memory >> 20, estimate.cpu.likely.ceil());
    let reason = if many {
        format!("more than {MANY_ROWS} rows, and still {size}: less than another machine takes to start")
    } else {
        format!("{size}, which this machine has")
    };
    let reason = if blockers.is_empty() { reason } else { format!("this machine is the only place, and has: {size}") };
    Planned {
        dataset_id: job.dataset.clone(),
        dataset_version: job.dataset_version,
        model_id: job.model.clone(),
        backend: "local",
        reason,
        rule: Rule { rows_over: MANY_ROWS, applies: many, decided_by: "the estimate of memory and time" },
        rows: estimate.rows,
        columns: estimate.columns,
        bytes: estimate.bytes,
        memory_bytes: estimate.memory,
        memory_available_bytes: available,
        cpu_seconds: Seconds::of(estimate, basis),
        cost_usd: 0.0,
        max_seconds: job.limits.time / 1000,
        max_memory_bytes: job.limits.memory,
        threads: job.limits.threads,
        workers: (open.iter().filter(|job| job.state.has_worker()).count(), workers.most()),
        blockers,
    }
}

/// Plan a training: where it would run and why, memory, time, cost, what speaks against it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    #[serde(flatten)]
    wanted: Wanted,
}

impl Tool<App> for Plan {
    const NAME: &'static str = "training_plan";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "target": "quality"}"#;
    type Access = Reads;
    type Output = Json<Planned>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Planned>> {
        plan(&cx, self.wanted).await.map(Json)
    }
}

async fn plan<A: Access>(cx: &Cx<A>, wanted: Wanted) -> Result<Planned> {
    let workers = cx.workers()?;
    elsewhere(move || Ok(wanted.prepare(&workers, None)?.plan)).await
}

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
