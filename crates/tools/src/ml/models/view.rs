//! Models as they are shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use trainyard_ml::{
    model::{Model, Status, StoredFile, Version},
    moment,
    picture::Drawing,
};

/// A model in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ModelRow {
    model_id: String,
    /// How many there are.
    versions: u32,
    /// The newest that is ready.
    latest: Option<u32>,
    /// Names and the versions that they stand for.
    aliases: BTreeMap<String, u32>,
    created_at: String,
}

impl ModelRow {
    pub(super) fn of(model: Model) -> Self {
        let aliases = model.aliases.into_iter().map(|alias| (alias.alias, alias.version)).collect();
        let created_at = moment::text(model.created_at);
        Self { model_id: model.id, versions: model.versions, latest: model.latest, aliases, created_at }
    }
}

/// A version in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VersionRow {
    model_id: String,
    version: u32,
    status: Status,
    aliases: Vec<String>,
    format: String,
    task: Option<String>,
    algorithm: Option<String>,
    target: Option<String>,
    /// The main metric, by name.
    metric: Option<String>,
    value: Option<f64>,
    dataset_id: Option<String>,
    dataset_version: Option<u64>,
    job_id: Option<String>,
    /// Where it lies in S3, once it was verified there.
    cloud_path: Option<String>,
    created_at: String,
}

impl VersionRow {
    pub(super) fn of(version: &Version) -> Self {
        let report = &version.facts["report"];
        let text = |name: &str| report[name].as_str().map(str::to_owned);
        let main = &report["metrics"][0];
        Self {
            model_id: version.model.clone(),
            version: version.version,
            status: version.status,
            aliases: version.aliases.clone(),
            format: version.format.clone(),
            task: text("task"),
            algorithm: text("algorithm"),
            target: text("target"),
            metric: main["name"].as_str().map(str::to_owned),
            value: main["value"].as_f64(),
            dataset_id: version.source.dataset.clone(),
            dataset_version: version.source.dataset_version,
            job_id: version.source.job.clone(),
            cloud_path: version.cloud_path.clone(),
            created_at: moment::text(version.created_at),
        }
    }
}

/// A version in full.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Detail {
    version: VersionRow,
    /// SHA-256 of the data that it learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_sha256: Option<String>,
    /// One sentence that compares it with its baselines.
    #[serde(skip_serializing_if = "Value::is_null")]
    verdict: Value,
    /// Quality on rows that it had not seen, with 95 % intervals.
    #[serde(skip_serializing_if = "Value::is_null")]
    metrics: Value,
    /// What simpler models do on the same rows.
    #[serde(skip_serializing_if = "Value::is_null")]
    baselines: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    hyperparameters: Value,
    /// Where rows went.
    #[serde(skip_serializing_if = "Value::is_null")]
    rows: Value,
    /// Columns that it wants.
    #[serde(skip_serializing_if = "Value::is_null")]
    features: Value,
    /// How much each column is used; the 20 most used.
    #[serde(skip_serializing_if = "Value::is_null")]
    importance: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    confusion: Value,
    /// By bins: probability that was predicted, share that was true, rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calibration: Vec<Value>,
    /// Where it is drawn: round, loss on rows learnt from, loss on others; of all rounds, at most 30.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    learning_curve: Vec<Value>,
    /// Wanted pictures of what this model does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_drawn: Vec<Drawing>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Value::is_null")]
    notes: Value,
    /// What its owner said of it.
    #[serde(skip_serializing_if = "Value::is_null")]
    metadata: Value,
    files: Vec<FileView>,
    folder: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FileView {
    name: String,
    bytes: u64,
    sha256: String,
}

impl FileView {
    fn of(file: StoredFile) -> Self {
        Self { name: file.name, bytes: file.bytes, sha256: file.sha256 }
    }
}

/// Most points of a learning curve that are told.
const POINTS: usize = 30;

/// These members of each item of a list, in at most so many rows, evenly spread and the last among them.
fn rows(items: &Value, members: [&str; 3], most: usize) -> Vec<Value> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |item: &Value| Value::Array(members.iter().map(|name| item[*name].clone()).collect());
    let step = items.len().div_ceil(most).max(1);
    let mut rows: Vec<Value> = items.iter().rev().step_by(step).map(row).collect();
    rows.reverse();
    rows
}

impl Detail {
    pub(super) fn of(version: Version, with_curve: bool, not_drawn: Vec<Drawing>) -> Self {
        let row = VersionRow::of(&version);
        let Version { facts, source, files, folder, .. } = version;
        let report = &facts["report"];
        let mut importance = report["importance"].clone();
        if let Some(items) = importance.as_array_mut() {
            items.truncate(20);
        }
        Self {
            version: row,
            dataset_sha256: source.dataset_sha256,
            verdict: report["verdict"].clone(),
            metrics: report["metrics"].clone(),
            baselines: report["baselines"].clone(),
            hyperparameters: report["hyperparameters"].clone(),
            rows: report["rows"].clone(),
            features: report["features"].clone(),
            importance,
            confusion: report["confusion"].clone(),
            calibration: rows(&report["calibration"], ["predicted", "observed", "rows"], usize::MAX),
            learning_curve: if with_curve {
                rows(&report["learning_curve"], ["round", "training_loss", "validation_loss"], POINTS)
            } else {
                Vec::new()
            },
            not_drawn,
            notes: report["notes"].clone(),
            metadata: facts["metadata"].clone(),
            files: files.into_iter().map(FileView::of).collect(),
            folder: folder.display().to_string(),
        }
    }
}
