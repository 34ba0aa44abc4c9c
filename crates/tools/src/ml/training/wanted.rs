//! What is wanted of a training, and what it would take: plan and start go the same way.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use trainyard_contract::{Error, Result};
use trainyard_ml::{
    datasets::Datasets,
    estimate::{Estimate, estimate, pace, slowness},
    job::{Limits, NewJob, State, local::Local, queue},
    training::{self, Request, Spec},
};

use super::plan::{Planned, planned};

/// Newest trainings that may tell of the pace of this machine.
const LOOKED_AT: usize = 60;

const USUAL_SECONDS: u64 = 3_600;
pub(super) const MOST_SECONDS: u64 = 7 * 24 * 3_600;

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
    pub(super) dataset_id: String,
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
    pub(super) fn prepare(&self, workers: &Local, token: Option<String>) -> Result<Prepared> {
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

pub(super) struct Prepared {
    pub(super) job: NewJob,
    pub(super) plan: Planned,
}
