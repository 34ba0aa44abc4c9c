//! A trained model: how it predicts, and how it is kept.

pub mod ensemble;
mod metadata;
mod mlflow;
mod onnx;
mod parse;
mod rows;
mod text;

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use self::ensemble::{Ensemble, Objective};
pub(crate) use self::metadata::file_names;
pub use self::metadata::{Feature, FeatureKind, Metadata};
use crate::{Error, Frame, Task};

/// The trees of a text that LightGBM itself has just written.
#[cfg(feature = "lightgbm")]
pub(crate) fn grown_by_lightgbm(text: &str, features: usize) -> Result<Vec<ensemble::Tree>, Error> {
    parse::trees(text, features)
}

/// LightGBM's text.
pub const TEXT_FILE: &str = "model.txt";
/// Names, categories, classes.
pub const METADATA_FILE: &str = "metadata.json";
/// What MLflow reads first.
pub const MLFLOW_FILE: &str = "MLmodel";
/// The export.
pub const ONNX_FILE: &str = "model.onnx";
/// Nothing larger is read.
const MOST_BYTES: u64 = 1 << 30;
/// Rows that are looked up together: few enough to stay near at hand beside a tree.
pub(crate) const BLOCK: usize = 256;

/// A trained model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) metadata: Metadata,
    pub(crate) ensemble: Ensemble,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// In the model's folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// What the model says about rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// One answer a row.
    pub outcome: Outcome,
    /// Columns with categories that the model does not know, which count as missing: name and number of rows.
    pub unknown_categories: Vec<(String, usize)>,
}

/// The answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Quantities.
    Numbers(Vec<f64>),
    /// Classes.
    Classes {
        /// Names of the classes.
        names: Vec<String>,
        /// For each row the probability of each class; those of a row follow each other.
        probabilities: Vec<f64>,
    },
    /// Clusters, from 0.
    Clusters(Vec<usize>),
}

impl Prediction {
    /// How many rows.
    pub fn rows(&self) -> usize {
        match &self.outcome {
            Outcome::Numbers(values) => values.len(),
            Outcome::Classes { names, probabilities } => probabilities.len() / names.len().max(1),
            Outcome::Clusters(clusters) => clusters.len(),
        }
    }

    /// The most probable class of a row; none for other tasks.
    pub fn class(&self, row: usize) -> Option<&str> {
        match &self.outcome {
            Outcome::Classes { names, probabilities } => {
                let row = probabilities.get(row * names.len()..(row + 1) * names.len())?;
                names.get(largest(row)).map(String::as_str)
            }
            Outcome::Numbers(_) | Outcome::Clusters(_) => None,
        }
    }
}

/// The first of the largest.
pub(crate) fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

impl Model {
    /// What was learnt.
    pub fn task(&self) -> Task {
        self.metadata.task
    }

    /// Names, categories, classes and settings.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The columns that a frame has to have, in the order of the model's inputs.
    pub fn features(&self) -> &[Feature] {
        &self.metadata.features
    }

    /// The trees.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// Answers for every row. Columns are found by name; others are ignored. A category that was never seen counts as
    /// missing.
    pub fn predict(&self, frame: &Frame) -> Result<Prediction, Error> {
        let inputs = rows::Inputs::new(&self.metadata.features, frame)?;
        let outputs = self.ensemble.objective.outputs();
        let mut scores = vec![0.0; frame.rows() * outputs];
        let mut block = Vec::new();
        for (number, scores) in scores.chunks_mut(BLOCK * outputs).enumerate() {
            inputs.read(number * BLOCK, scores.len() / outputs, &mut block);
            self.ensemble.add_scores(&block, scores);
            scores.chunks_mut(outputs).for_each(|scores| self.ensemble.transform(scores));
        }
        Ok(Prediction { outcome: self.outcome(scores), unknown_categories: inputs.unknown() })
    }

    fn outcome(&self, scores: Vec<f64>) -> Outcome {
        let names = self.metadata.classes.clone();
        match (self.metadata.task, self.ensemble.objective) {
            (Task::Clustering, objective) => {
                Outcome::Clusters(scores.chunks(objective.outputs()).map(largest).collect())
            }
            (_, Objective::Regression) => Outcome::Numbers(scores),
            (_, Objective::Binary) => {
                let probabilities = scores.into_iter().flat_map(|second| [1.0 - second, second]).collect();
                Outcome::Classes { names, probabilities }
            }
            (_, Objective::Multiclass(_)) => Outcome::Classes { names, probabilities: scores },
        }
    }

    /// The model as LightGBM's text.
    pub fn to_text(&self) -> String {
        text::write(&self.ensemble, &self.metadata.features)
    }

    /// The model as ONNX (opset 17 and ai.onnx.ml 3). One input, `input`: float64, a row of features each, categories as
    /// their codes, NaN where missing. One output, `output`, float64: the value, the probabilities of all classes, or the
    /// scores of the clusters. Trees are added up in float32 there, because ONNX says so.
    pub fn to_onnx(&self) -> Result<Vec<u8>, Error> {
        onnx::write(self)
    }

    /// Writes `model.onnx` into a folder.
    pub fn save_onnx(&self, folder: &Path) -> Result<SavedFile, Error> {
        put(folder, ONNX_FILE, &self.to_onnx()?)
    }

    /// Writes `model.txt`, `metadata.json` and `MLmodel` into a folder, which is made if need be. Each file is whole or not
    /// there: it is written beside and renamed.
    pub fn save(&self, folder: &Path) -> Result<Vec<SavedFile>, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        let mut metadata = serde_json::to_string_pretty(&self.metadata)
            .map_err(|error| Error::model_file(format!("metadata cannot be written: {error}")))?;
        metadata.push('\n');
        let files = [
            (TEXT_FILE, self.to_text().into_bytes()),
            (METADATA_FILE, metadata.into_bytes()),
            (MLFLOW_FILE, mlflow::write(self).into_bytes()),
        ];
        files.iter().map(|(name, content)| put(folder, name, content)).collect()
    }

    /// Reads what [`save`](Self::save) wrote, and whatever else claims to be that: damaged files are errors, never a panic, a
    /// walk without end, or memory that the files do not account for.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let text = get(folder, TEXT_FILE)?;
        let metadata = get(folder, METADATA_FILE)?;
        Self::from_parts(&text, &metadata)
    }

    /// The same from the content of `model.txt` and `metadata.json`.
    pub fn from_parts(text: &str, metadata: &str) -> Result<Self, Error> {
        let metadata: Metadata = serde_json::from_str(metadata)
            .map_err(|error| Error::model_file(format!("metadata.json is damaged: {error}")))?;
        metadata.check()?;
        let parsed = parse::parse(text)?;
        let ours: Vec<&str> = metadata.features.iter().map(|feature| feature.file_name.as_str()).collect();
        if parsed.names != ours {
            return Err(Error::model_file("model.txt and metadata.json name different features")
                .hint("they have to be from the same model"));
        }
        let objective = parsed.ensemble.objective;
        let fits = match metadata.task {
            Task::Regression => objective == Objective::Regression,
            Task::Classification => {
                metadata.classes.len() == objective.outputs().max(2) && objective != Objective::Regression
            }
            Task::Clustering => matches!(objective, Objective::Multiclass(_)),
            Task::Auto => false,
        };
        if !fits {
            return Err(Error::model_file("model.txt and metadata.json are about different tasks")
                .hint("they have to be from the same model"));
        }
        Ok(Self { metadata, ensemble: parsed.ensemble })
    }
}

fn put(folder: &Path, name: &str, content: &[u8]) -> Result<SavedFile, Error> {
    let path = folder.join(name);
    let beside = folder.join(format!(".{name}.partial"));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = written {
        // Best effort: what is left of a full disk is not the model's.
        let _ = fs::remove_file(&beside);
        return Err(Error::io(&path, &error));
    }
    Ok(SavedFile { name: name.to_owned(), bytes: content.len() as u64 })
}

fn get(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join(name);
    let size = fs::metadata(&path).map_err(|error| Error::io(&path, &error))?.len();
    if size > MOST_BYTES {
        return Err(Error::model_file(format!("{} has {size} bytes; at most {MOST_BYTES} are read", path.display())));
    }
    fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))
}
