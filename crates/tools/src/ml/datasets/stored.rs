//! What lies in the data bucket, whoever put it there.

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, ErrorKind, Listing, Reads, Result, Tool};

use super::{
    super::{cloud::sha256_of, registry},
    cloud::Cloud,
};
use crate::{
    App, Cx,
    aws::s3::objects::{ListObjects, Row as Object},
    common::{Cursor, Limit},
};

/// Questions about manifests under way at the same time.
const AT_ONCE: usize = 16;

/// List what lies in the data bucket, below datasets/
///
/// Of other machines and other hands, too: managed says whether a manifest vouches for it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// Only names that begin with this.
    #[serde(default)]
    prefix: String,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

/// A folder of the bucket, or an object beside the folders.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    dataset_id: String,
    /// A manifest says that it is whole.
    managed: bool,
    version: Option<u64>,
    /// Rows of the table.
    rows: Option<u64>,
    bytes: Option<u64>,
    sha256: Option<String>,
    /// Version that is registered here with the same content.
    registered_version: Option<u64>,
    /// When it was stored.
    stored_at: Option<String>,
    cloud_path: String,
}

impl Tool<App> for Stored {
    const NAME: &'static str = "dataset_list_stored";
    const EXAMPLE: &'static str = r#"{"prefix": "wine"}"#;
    type Access = Reads;
    type Output = Listing<Row>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Row>> {
        let Some(bucket) = cx.buckets().data.clone() else {
            return Err(Error::unsupported("this server has no data bucket")
                .code("NoDataBucket")
                .hint("dataset_list shows what is registered here; a bucket is set with ML_DATA_BUCKET"));
        };
        let question = ListObjects::level(&bucket, &format!("datasets/{}", self.prefix));
        let found = cx.aws(None, None).list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let (cx_here, bucket) = (&cx, bucket.as_str());
        let rows = stream::iter(found.items).map(|item| row(cx_here, bucket, item));
        let rows: Vec<Row> = rows.buffered(AT_ONCE).try_collect().await?;
        let listing = Listing::part(rows, found.next, found.pages).about("bucket", bucket.to_owned());
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

async fn row(cx: &Cx<Reads>, bucket: &str, item: Object) -> Result<Row> {
    let name = item.key.trim_start_matches("datasets/").trim_end_matches('/').to_owned();
    // An object beside the folders has no manifest.
    let manifest = match item.size {
        None => Cloud::new(cx.aws(None, None)).manifest(bucket, &name).await?,
        Some(_) => None,
    };
    let number = |key: &str| manifest.as_ref()?.metadata.get(key)?.parse().ok();
    let sha256 = manifest.as_ref().and_then(sha256_of).cloned();
    let registered_version = match &sha256 {
        Some(sha256) => {
            let (datasets, id, sha256) = (registry(cx)?, name.clone(), sha256.clone());
            let versions = match super::reading(cx, move |_| datasets.versions(&id)).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                found => found?,
            };
            versions.into_iter().find(|dataset| dataset.fingerprint.sha256 == sha256).map(|dataset| dataset.version)
        }
        None => None,
    };
    Ok(Row {
        managed: manifest.is_some(),
        version: number(super::cloud::VERSION),
        rows: number(super::cloud::ROWS),
        bytes: number(super::cloud::BYTES).or(item.size),
        sha256,
        registered_version,
        stored_at: manifest.and_then(|head| head.last_modified).or(item.modified),
        cloud_path: format!("s3://{bucket}/{}", item.key),
        dataset_id: name,
    })
}
