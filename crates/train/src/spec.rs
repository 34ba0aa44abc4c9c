//! What to learn, and how: a JSON document.

use serde::{Deserialize, Serialize};

use crate::Error;

/// What is asked of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// By the target: categories, yes/no and whole numbers with at most 20 distinct values are classes; other numbers
    /// are quantities; no target is clustering.
    #[default]
    Auto,
    /// Which of a few classes.
    Classification,
    /// How much.
    Regression,
    /// Which rows are alike; there is no target.
    Clustering,
}

impl Task {
    /// In lower case, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::Clustering => "clustering",
        }
    }
}

/// How to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Boosting, unless a linear model does better on rows that neither has seen; k-means without a target.
    #[default]
    Auto,
    /// Gradient boosted trees.
    Boosting,
    /// Ridge regression or logistic regression.
    Linear,
    /// A random forest; LightGBM's, where it is built in.
    Forest,
    /// k-means, for clustering.
    #[serde(rename = "kmeans")]
    KMeans,
    /// Boosting and a linear model, their scores weighted and added. What preset best may end at with auto; not asked for.
    Blend,
}

impl Algorithm {
    /// In lower case, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Boosting => "boosting",
            Self::Linear => "linear",
            Self::Forest => "forest",
            Self::KMeans => "kmeans",
            Self::Blend => "blend",
        }
    }
}

/// Who grows the trees of boosting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// forust, which is in every build.
    #[default]
    Forust,
    /// LightGBM's own core, where it is built in: cargo feature `lightgbm`.
    LightGbm,
}

/// How much effort to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// One fit with early stopping; the model is the one that was judged.
    Fast,
    /// Smaller steps and more rounds; small tables are judged by folds and the model is learnt again from all rows.
    #[default]
    Balanced,
    /// Several settings compared with each other before.
    Best,
}

/// How the model is judged on rows that it has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validation {
    /// Share of rows held out, above 0 and at most 0.5. Not used with folds.
    pub fraction: f64,
    /// Cross-validation with so many folds, 2 to 20. 0: five folds up to 5,000 rows (except in preset fast), and held-out
    /// rows above.
    pub folds: usize,
}

impl Default for Validation {
    fn default() -> Self {
        Self { fraction: 0.2, folds: 0 }
    }
}

/// Settings that a preset would choose.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hyperparameters {
    /// Most boosting rounds, 1 to 20,000.
    pub rounds: Option<usize>,
    /// Step of each round, above 0 and at most 1.
    pub learning_rate: Option<f64>,
    /// Depth of trees, 1 to 16.
    pub max_depth: Option<usize>,
    /// Least sum of second derivatives in a leaf (rows, for regression).
    pub min_leaf_weight: Option<f64>,
    /// L2 penalty: of leaves in boosting, of coefficients in linear models.
    pub l2: Option<f64>,
    /// Share of rows of each round, above 0 and at most 1.
    pub row_sample: Option<f64>,
    /// Share of features of each tree, above 0 and at most 1.
    pub column_sample: Option<f64>,
    /// Number of clusters, 2 to 1,000. Left out: the number from 2 to 10 with the best silhouette.
    pub clusters: Option<usize>,
}

/// Where to stop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds of wall time. Reached: no further setting is tried and no further round is made; the model is the one so
    /// far. Runs that reach it are the only ones that may differ from each other.
    pub seconds: Option<f64>,
    /// Bytes beyond the frame that training may need by its own estimate. Reached: refused before it starts.
    pub memory_bytes: Option<u64>,
    /// Threads; left out, as many as there are processors. Does not change results.
    pub threads: Option<usize>,
}

/// What to learn, and how. `{"target": "price"}` is a whole one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// What is asked.
    pub task: Task,
    /// The column to predict; none for clustering.
    pub target: Option<String>,
    /// Learn from these columns only; columns named here are used even if they look like identifiers.
    pub features: Option<Vec<String>>,
    /// Do not learn from these columns.
    pub exclude: Vec<String>,
    /// How to learn.
    pub algorithm: Algorithm,
    /// Who grows the trees of boosting; those of a forest LightGBM grows.
    #[serde(skip_serializing_if = "is_usual")]
    pub engine: Engine,
    /// How much effort to spend.
    pub preset: Preset,
    /// Decides every random choice.
    pub seed: u64,
    /// How the model is judged.
    pub validation: Validation,
    /// Stop when so many rounds brought nothing; 0 makes all rounds. Left out: by the preset.
    pub early_stopping: Option<usize>,
    /// Settings that the preset would choose.
    pub hyperparameters: Hyperparameters,
    /// Where to stop.
    pub limits: Limits,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            task: Task::Auto,
            target: None,
            features: None,
            exclude: Vec::new(),
            algorithm: Algorithm::Auto,
            engine: Engine::Forust,
            preset: Preset::Balanced,
            seed: 0,
            validation: Validation::default(),
            early_stopping: None,
            hyperparameters: Hyperparameters::default(),
            limits: Limits::default(),
        }
    }
}

/// Specs of before there was a choice read and hash the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_usual(engine: &Engine) -> bool {
    *engine == Engine::Forust
}

impl Spec {
    /// Fails on the first value that is out of range or contradicts another; needs no data.
    pub fn check(&self) -> Result<(), Error> {
        let h = &self.hyperparameters;
        let share = |name: &str, value: Option<f64>| match value {
            Some(value) if !(value > 0.0 && value <= 1.0) => {
                Err(Error::spec(format!("{name} is {value}; it has to be above 0 and at most 1")))
            }
            _ => Ok(()),
        };
        let between = |name: &str, value: Option<usize>, low: usize, high: usize| match value {
            Some(value) if value < low || value > high => {
                Err(Error::spec(format!("{name} is {value}; it has to be from {low} to {high}")))
            }
            _ => Ok(()),
        };
        let positive = |name: &str, value: Option<f64>| match value {
            Some(value) if !(value >= 0.0 && value.is_finite()) => {
                Err(Error::spec(format!("{name} is {value}; it has to be a number from 0")))
            }
            _ => Ok(()),
        };
        share("learning_rate", h.learning_rate)?;
        share("row_sample", h.row_sample)?;
        share("column_sample", h.column_sample)?;
        between("rounds", h.rounds, 1, 20_000)?;
        between("max_depth", h.max_depth, 1, 16)?;
        between("clusters", h.clusters, 2, 1_000)?;
        between("threads", self.limits.threads, 1, 1_024)?;
        positive("min_leaf_weight", h.min_leaf_weight)?;
        positive("l2", h.l2)?;
        positive("seconds", self.limits.seconds)?;
        if self.validation.folds != 0 {
            between("folds", Some(self.validation.folds), 2, 20)?;
        }
        let fraction = self.validation.fraction;
        if !(fraction > 0.0 && fraction <= 0.5) {
            return Err(Error::spec(format!("fraction is {fraction}; it has to be above 0 and at most 0.5")));
        }
        if (self.engine == Engine::LightGbm || self.algorithm == Algorithm::Forest) && !cfg!(feature = "lightgbm") {
            return Err(Error::no_lightgbm());
        }
        if self.algorithm == Algorithm::Forest && h.row_sample == Some(1.0) {
            return Err(Error::spec("each tree of a forest wants a sample of the rows, not all of them")
                .hint("give a row_sample below 1, or none"));
        }
        match (self.task, &self.target, self.algorithm) {
            (_, _, Algorithm::Blend) => Err(Error::spec("blend is not asked for: it is what comparing may end at")
                .hint("algorithm auto with preset best compares it, too")),
            (Task::Classification | Task::Regression, None, _) => {
                Err(Error::spec(format!("{} wants a target", self.task.name()))
                    .hint("name the column to predict as target"))
            }
            (Task::Clustering, Some(target), _) => {
                Err(Error::spec(format!("clustering has no target, and {target:?} is named as one"))
                    .hint("leave out target, and name the column in exclude if it is not to be used"))
            }
            (_, Some(_), Algorithm::KMeans) => {
                Err(Error::spec("kmeans does not predict a target")
                    .hint("leave out target, or choose boosting or linear"))
            }
            (_, None, Algorithm::Boosting | Algorithm::Forest | Algorithm::Linear) => {
                Err(Error::spec(format!("{} wants a target", self.algorithm.name()))
                    .hint("name the column to predict as target"))
            }
            _ => Ok(()),
        }
    }
}
