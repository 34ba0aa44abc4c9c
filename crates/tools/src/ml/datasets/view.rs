//! A dataset as answers show it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_ml::{
    dataset::{Compression, Format},
    datasets::{Dataset, Keeping},
};

/// A version of a dataset.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Record {
    dataset_id: String,
    version: u64,
    filename: String,
    format: Format,
    compression: Compression,
    bytes: u64,
    /// Exact.
    rows: u64,
    columns: u64,
    sha256: String,
    /// copy: kept in the state folder. reference: the file itself.
    kept: Keeping,
    path: String,
    /// Where in S3 it is; only once it was verified there.
    cloud_path: Option<String>,
    tags: BTreeMap<String, String>,
    created_at: String,
}

impl From<Dataset> for Record {
    fn from(dataset: Dataset) -> Self {
        Self {
            dataset_id: dataset.id,
            version: dataset.version,
            filename: dataset.filename,
            format: dataset.layout.format,
            compression: dataset.layout.compression,
            bytes: dataset.fingerprint.bytes,
            rows: dataset.rows,
            columns: dataset.profile.columns.len() as u64,
            sha256: dataset.fingerprint.sha256,
            kept: dataset.keeping,
            path: dataset.path.display().to_string(),
            cloud_path: dataset.cloud_path,
            tags: dataset.tags,
            created_at: dataset.created_at,
        }
    }
}
