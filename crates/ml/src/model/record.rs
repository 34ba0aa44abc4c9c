//! What is known of a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A model that was trained, or brought from elsewhere, on its way into the registry.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// `lightgbm`, `onnx`, `pickle`, …: what the files say they are.
    pub format: String,
    /// Where it came from.
    pub source: Source,
    /// What is known of it: report, metrics, parameters.
    pub facts: Value,
}

/// Where a model came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Job that made it.
    pub job: Option<String>,
    /// Dataset that it learnt from.
    pub dataset: Option<String>,
    /// Version of the dataset.
    pub dataset_version: Option<u64>,
    /// SHA-256 of the dataset's bytes: the same digest means the same data.
    pub dataset_sha256: Option<String>,
    /// File that it was brought from.
    pub file: Option<String>,
}

/// Whether a version can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can.
    Ready,
    /// Kept, and not offered for use.
    Archived,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Name in the version's folder.
    pub name: String,
    /// Size, in bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A version of a model.
#[derive(Debug, Clone)]
pub struct Version {
    /// Model.
    pub model: String,
    /// Number, from 1. Never given again.
    pub version: u32,
    /// Whether it can be used.
    pub status: Status,
    /// What the files say they are.
    pub format: String,
    /// Where it came from.
    pub source: Source,
    /// What is known of it.
    pub facts: Value,
    /// Where its files lie.
    pub folder: std::path::PathBuf,
    /// Its files.
    pub files: Vec<StoredFile>,
    /// Names that stand for it.
    pub aliases: Vec<String>,
    /// When it was stored, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was archived.
    pub archived_at: Option<i64>,
    /// Where its model lies in S3; set once the object was verified there.
    pub cloud_path: Option<String>,
    /// Version of that object.
    pub cloud_version: Option<String>,
    /// CRC-64/NVME of that object, as base64.
    pub cloud_checksum: Option<String>,
}

/// A name that stands for a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name, such as `production`.
    pub alias: String,
    /// The version.
    pub version: u32,
    /// When it was last moved, in milliseconds since 1970.
    pub changed_at: i64,
}

/// A model with all its versions.
#[derive(Debug, Clone)]
pub struct Model {
    /// Names it.
    pub id: String,
    /// When its first version was stored.
    pub created_at: i64,
    /// How many versions there are.
    pub versions: u32,
    /// The newest of them that is ready.
    pub latest: Option<u32>,
    /// Names that stand for versions.
    pub aliases: Vec<Alias>,
}
