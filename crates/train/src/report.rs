//! What came out of a training beside the model.

use serde::{Deserialize, Serialize};

use crate::{Algorithm, Hyperparameters, Task};

/// Where rows went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// In the frame.
    pub total: usize,
    /// Left out because the target is missing.
    pub without_target: usize,
    /// That the model was learnt from.
    pub trained: usize,
    /// That the metrics are of: each was predicted by a model that had not seen it.
    pub evaluated: usize,
    /// Folds of the cross-validation; 0 where rows were held out instead.
    pub folds: usize,
}

/// A measured quality, with its 95 % confidence interval over the evaluated rows: of a share for accuracy, by the standard error of an
/// area for AUC, by resampling for F1 and R², by the normal distribution for losses and errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `accuracy`, `f1`, `auc`, `log_loss`, `brier`, `calibration_error`; `rmse`, `mae`, `r2`; `silhouette`,
    /// `inertia`. F1 and AUC of more than two classes are means over classes.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Low end of the interval; none where there are too few rows, or the quantity has none.
    pub low: Option<f64>,
    /// High end of the interval.
    pub high: Option<f64>,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// What a much simpler model does on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `mean` (the mean, or the shares of the classes) or `linear`.
    pub name: String,
    /// Its metrics.
    pub metrics: Vec<Metric>,
}

/// How much a feature is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The column.
    pub feature: String,
    /// Share of all gain of the trees; of the spread of the contributions, for linear models and clusters. Sums to 1.
    pub share: f64,
    /// Splits on it.
    pub splits: usize,
}

/// Loss after a round of the first judged fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// From 1.
    pub round: usize,
    /// Log loss, or RMSE for regression, on the rows learnt from.
    pub training_loss: f64,
    /// The same on rows set aside for early stopping; none without.
    pub validation_loss: Option<f64>,
}

/// Which classes were taken for which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Class names, in the order of rows and columns.
    pub classes: Vec<String>,
    /// `counts[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
}

/// Rows with about the same predicted probability (of the second class; with more classes, of the class predicted).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean of the predicted probabilities.
    pub predicted: f64,
    /// Share of rows for which it was true.
    pub observed: f64,
    /// How many rows.
    pub rows: u64,
}

/// A setting that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Of which kind.
    pub algorithm: Algorithm,
    /// With these settings.
    pub hyperparameters: Hyperparameters,
    /// Loss on rows that it had not seen: log loss, or RMSE for regression. Preset best compares with steps twice as large, and half
    /// as many of them; what is clearly worse on some of the rows is not judged on the others.
    pub loss: f64,
    /// Whether this one was taken.
    pub chosen: bool,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// A simple model does as well.
    SimpleModel,
    /// A column says nearly everything about the target and may not be known when it matters.
    Leakage,
    /// A column that looks like an identifier.
    Identifier,
    /// A column that was not used, and why.
    Unused,
    /// Rows that were not used, and why.
    Rows,
    /// Something to know when judging the figures.
    Caution,
    /// What was chosen, and why.
    Choice,
}

/// A plain sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// The column it is about.
    pub column: Option<String>,
    /// The sentence.
    pub text: String,
}

/// What came out of a training beside the model. Holds no time and no place: identical runs give identical reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was learnt; never `auto`.
    pub task: Task,
    /// How; never `auto`.
    pub algorithm: Algorithm,
    /// With which settings.
    pub hyperparameters: Hyperparameters,
    /// The column predicted.
    pub target: Option<String>,
    /// Columns learnt from.
    pub features: Vec<String>,
    /// Where rows went.
    pub rows: Rows,
    /// Boosting rounds of the model; 0 for other models.
    pub rounds: usize,
    /// Quality on rows that were not seen; the first is the main one.
    pub metrics: Vec<Metric>,
    /// What simpler models do.
    pub baselines: Vec<Baseline>,
    /// Most used first.
    pub importance: Vec<Importance>,
    /// Loss by round; empty for models without rounds.
    pub learning_curve: Vec<CurvePoint>,
    /// For classification.
    pub confusion: Option<Confusion>,
    /// For classification: at most 10 bins, empty ones left out.
    pub calibration: Vec<CalibrationBin>,
    /// What was tried, with preset best or algorithm auto.
    pub candidates: Vec<Candidate>,
    /// One sentence that compares the model with its baselines.
    pub verdict: String,
    /// What a person should know.
    pub notes: Vec<Note>,
}
