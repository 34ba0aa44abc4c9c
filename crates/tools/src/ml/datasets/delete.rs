//! Datasets are deleted, unless somebody needs them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Destroys, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool};
use trainyard_ml::datasets::{Dataset, Keeping};

use super::{
    super::{reading, registry, target},
    cloud::Cloud,
};
use crate::{App, Cx};

/// Delete a version of a dataset, or all, with its copies here and in S3
///
/// Refused while a job or a model needs it. A file that was registered by reference stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    /// Dataset.
    dataset_id: String,
    /// Version; or all_versions.
    version: Option<u64>,
    /// All versions.
    #[serde(default)]
    all_versions: bool,
}

impl Delete {
    fn which(&self) -> Result<Option<u64>> {
        match (self.version, self.all_versions) {
            (Some(version), false) => Ok(Some(version)),
            (None, true) => Ok(None),
            _ => Err(Error::validation("one of `version` and `all_versions` is wanted")),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deleted {
    dataset_id: String,
    versions: Vec<u64>,
    /// Objects in S3 that were deleted.
    cloud_paths: Vec<String>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "dataset_delete";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "version": 1}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let (which, datasets, id) = (self.which()?, registry(&cx)?, self.dataset_id.clone());
        let gone = reading(&cx, move |_| datasets.delete(&id, which)).await?;
        let versions: Vec<u64> = gone.iter().map(|dataset| dataset.version).collect();
        let cloud = Cloud::new(cx.aws(None, None));
        let mut cloud_paths = Vec::new();
        for dataset in gone.iter().filter(|dataset| dataset.cloud_path.is_some()) {
            let deleted = cloud.delete(dataset).await.map_err(|error| {
                error
                    .partial([format!("versions {versions:?} are no longer registered here")])
                    .hint("their objects in S3 are still there; s3_list_objects shows them below datasets/")
            })?;
            cloud_paths.extend(deleted);
        }
        Ok(Json(Deleted { dataset_id: self.dataset_id, versions, cloud_paths }))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Lost {
    versions: Vec<u64>,
    rows: u64,
    bytes: u64,
    /// Jobs and models that need it: it would be refused.
    needed_by: Vec<String>,
    /// Objects in S3 that would go, too.
    cloud_paths: Vec<String>,
    /// Files that stay, being somebody else's.
    files_kept: Vec<String>,
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        target("dataset", &self.dataset_id)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let (which, datasets, id) = (self.which()?, registry(&cx)?, self.dataset_id.clone());
        let look = move |_: &trainyard_ml::dataset::Watch| {
            let found = match which {
                Some(version) => vec![datasets.get(&id, Some(version))?],
                None => datasets.versions(&id)?,
            };
            Ok((found, datasets.users(&id, which)?))
        };
        let (found, needed_by) = reading(&cx, look).await?;
        if !needed_by.is_empty() {
            let what = format!("dataset {} is needed by {}", self.dataset_id, needed_by.join(", "));
            return Err(Error::new(ErrorKind::Conflict, what)
                .code("InUse")
                .hint("end the jobs and archive the models first"));
        }
        let kept = |dataset: &&Dataset| dataset.keeping == Keeping::Reference;
        Ok(Lost {
            versions: found.iter().map(|dataset| dataset.version).collect(),
            rows: found.iter().map(|dataset| dataset.rows).sum(),
            bytes: found.iter().map(|dataset| dataset.fingerprint.bytes).sum(),
            needed_by,
            files_kept: found.iter().filter(kept).map(|dataset| dataset.path.display().to_string()).collect(),
            cloud_paths: found.into_iter().filter_map(|dataset| dataset.cloud_path).collect(),
        })
    }
}
