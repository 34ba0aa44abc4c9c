//! Files become datasets, here and in S3.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Access, Changes, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool};
use trainyard_ml::{
    dataset::{Encoding, Finding, Format, Layout, Wanted},
    datasets::{Keeping, Registration},
};

use super::{
    super::{reading, registry, target},
    cloud::Cloud,
    view::Record,
};
use crate::{App, Cx};

/// Register a data file as a dataset: CSV, JSON Lines or Parquet, packed or not
///
/// Finds out types, exact rows and problems in one pass. The same content is kept once; a name that exists gets another version. With a
/// data bucket it goes to S3 as well.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// Absolute path of the file, below a folder that the operator allows.
    #[schemars(extend("x-also" = ["path", "dataset_path"]))]
    file_path: String,
    /// Name of the dataset; made of the file's when absent.
    dataset_id: Option<String>,
    /// copy: keep one in the state folder. reference: the file itself, which must not change.
    #[serde(default)]
    keep: Keeping,
    /// Where: s3 needs a data bucket, and is the default where there is one.
    store: Option<Store>,
    /// Found out when absent.
    format: Option<Format>,
    /// Character between the cells of a CSV file; found out when absent.
    #[schemars(with = "Option<String>")]
    delimiter: Option<char>,
    /// Found out when absent.
    encoding: Option<Encoding>,
    /// Whether the first row of a CSV file has the names of the columns; found out when absent.
    header: Option<bool>,
    /// Words of your own.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Store {
    Local,
    S3,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Uploaded {
    dataset: Record,
    /// Its content was registered already; nothing was made.
    deduplicated: bool,
    /// What to look out for; dataset_get_profile says more.
    findings: Vec<Finding>,
}

impl Upload {
    fn registration(&self, path: PathBuf) -> Registration {
        Registration {
            path,
            id: self.dataset_id.clone(),
            keeping: self.keep,
            wanted: self.wanted(),
            tags: self.tags.clone(),
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted { format: self.format, delimiter: self.delimiter, encoding: self.encoding, header: self.header }
    }

    /// The bucket that it goes to, if to any.
    fn bucket<A: Access>(&self, cx: &Cx<A>) -> Result<Option<String>> {
        let bucket = cx.buckets().data.clone();
        match (self.store, bucket) {
            (Some(Store::Local), _) => Ok(None),
            (Some(Store::S3), None) => Err(Error::unsupported("this server has no data bucket; nothing was stored")
                .code("NoDataBucket")
                .hint("ask the operator to set ML_DATA_BUCKET, or use store: local")),
            (_, bucket) => Ok(bucket),
        }
    }
}

impl Tool<App> for Upload {
    const NAME: &'static str = "dataset_upload";
    const EXAMPLE: &'static str = r#"{"file_path": "/data/wine.csv", "dataset_id": "wine-quality"}"#;
    type Access = Changes;
    type Output = Json<Uploaded>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Uploaded>> {
        let bucket = self.bucket(&cx)?;
        let new = self.registration(cx.local_paths().existing(&self.file_path)?);
        let datasets = registry(&cx)?;
        let here = datasets.clone();
        let registered = reading(&cx, move |watch| here.register(&new, watch)).await?;
        let (mut dataset, deduplicated) = (registered.dataset, registered.deduplicated);
        if let Some(bucket) = bucket {
            let made = format!("dataset {} version {} is registered here", dataset.id, dataset.version);
            let cloud = Cloud::new(cx.aws(None, None));
            let transfers = cx.state_dir()?.join("transfers");
            let place = cloud.store(&dataset, &bucket, transfers, cx.progress()).await.map_err(|error| {
                error.partial([made]).hint("repeat the call: what is here stays, and the transfer goes on where it was")
            })?;
            let (id, version) = (dataset.id.clone(), dataset.version);
            dataset = reading(&cx, move |_| datasets.set_cloud(&id, version, &place)).await?;
        }
        let findings = dataset.profile.findings.clone();
        Ok(Json(Uploaded { dataset: dataset.into(), deduplicated, findings }))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Plan {
    bytes: u64,
    layout: Layout,
    /// Version that the name has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    present_version: Option<u64>,
    /// Bucket that it would go to, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
}

impl Preview<App> for Upload {
    type Plan = Plan;

    fn target(&self) -> Target {
        target("dataset", self.dataset_id.as_deref().unwrap_or(&self.file_path))
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Plan> {
        let bucket = self.bucket(&cx)?;
        let (path, wanted) = (cx.local_paths().existing(&self.file_path)?, self.wanted());
        let (datasets, id) = (registry(&cx)?, self.dataset_id.clone());
        let look = move |_: &trainyard_ml::dataset::Watch| {
            let layout = Layout::of(&path, &wanted)?;
            let bytes = path.metadata().map_err(|error| trainyard_ml::store::file_error(&error, &path))?.len();
            let present = match id.map(|id| datasets.get(&id, None)) {
                Some(Err(error)) if error.kind() != ErrorKind::NotFound => return Err(error),
                Some(Ok(found)) => Some(found.version),
                _ => None,
            };
            Ok((bytes, layout, present))
        };
        let (bytes, layout, present_version) = reading(&cx, look).await?;
        Ok(Plan { bytes, layout, present_version, bucket })
    }
}
