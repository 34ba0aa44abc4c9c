//! What the text of a model cannot say: names, categories, classes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Algorithm, Error, Hyperparameters, Report, Task};

/// The only form so far; others are refused.
pub(super) const FORMAT: &str = "trainyard-model/1";

/// A column that the model wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Of the column.
    pub name: String,
    /// In the model's text, which has no spaces in names.
    pub file_name: String,
    /// What it holds.
    pub kind: FeatureKind,
}

/// What a column has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// Numbers; those learnt from were in this range (low above high: all were missing).
    Numeric {
        /// Least.
        low: f64,
        /// Most.
        high: f64,
    },
    /// Yes or no, which are 1 and 0.
    Boolean,
    /// Categories; a category is its index in `levels`.
    Category {
        /// By name.
        levels: Vec<String>,
        /// Rank of each level in the order in which splits cut it: by its mean of the target. None: too rare to have
        /// one, and treated as missing.
        ranks: Vec<Option<u32>>,
    },
}

impl Feature {
    /// Names of the categories.
    pub fn levels(&self) -> Option<&[String]> {
        match &self.kind {
            FeatureKind::Category { levels, .. } => Some(levels),
            FeatureKind::Numeric { .. } | FeatureKind::Boolean => None,
        }
    }
}

/// `metadata.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Of this file.
    pub format: String,
    /// What was learnt.
    pub task: Task,
    /// How.
    pub algorithm: Algorithm,
    /// With which settings.
    pub hyperparameters: Hyperparameters,
    /// Decided the random choices.
    pub seed: u64,
    /// The column predicted.
    pub target: Option<String>,
    /// Names of the classes, in the order of the model's outputs.
    pub classes: Vec<String>,
    /// The columns wanted, in the order of the model's inputs.
    pub features: Vec<Feature>,
}

impl Metadata {
    pub(crate) fn new(report: &Report, seed: u64, classes: Vec<String>, features: Vec<Feature>) -> Self {
        let (task, algorithm) = (report.task, report.algorithm);
        let (hyperparameters, target) = (report.hyperparameters.clone(), report.target.clone());
        Self { format: FORMAT.to_owned(), task, algorithm, hyperparameters, seed, target, classes, features }
    }

    /// That it is whole, whoever wrote it.
    pub(super) fn check(&self) -> Result<(), Error> {
        let damaged = |what: &str| Err(Error::model_file(format!("metadata.json is damaged: {what}")));
        if self.format != FORMAT {
            return Err(Error::model_file(format!("metadata.json has format {:?}; {FORMAT:?} is read", self.format))
                .hint("it was written by another version"));
        }
        if self.features.is_empty() {
            return damaged("it has no features");
        }
        let mut names = HashSet::new();
        for feature in &self.features {
            if !names.insert(feature.name.as_str()) {
                return damaged("a feature is named twice");
            }
            if let FeatureKind::Category { levels, ranks } = &feature.kind {
                let mut seen = HashSet::new();
                if levels.len() != ranks.len() || !levels.iter().all(|level| seen.insert(level)) {
                    return damaged("the categories of a feature do not fit each other");
                }
            }
        }
        Ok(())
    }
}

/// Names as LightGBM takes them, different from each other.
pub(crate) fn file_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut unique = Vec::new();
    for name in names {
        let plain: String =
            name.chars().map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '_' }).collect();
        let plain = if plain.is_empty() { "_".to_owned() } else { plain };
        let mut candidate = plain.clone();
        let mut number = 1;
        while !taken.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{plain}_{number}");
        }
        unique.push(candidate);
    }
    unique
}
