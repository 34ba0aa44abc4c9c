//! Datasets in S3: `datasets/{id}/{filename}`, and a manifest beside it that says that it is whole.
//!
//! The order is what makes it safe: the object, a look at what S3 has, the manifest, and only then the database here. Who
//! reads goes by the manifest alone, so whatever ends half way leaves the state before, or an object without a word.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::{
    Aws, Operation,
    transfer::{self, Existing},
};
use trainyard_contract::{Access, Changes, Covers, Destroys, Error, ErrorKind, Progress, Reads, Result};
use trainyard_ml::datasets::{CloudPlace, Dataset};

use crate::aws::s3::objects::{Head, HeadObject};

/// How often a manifest is tried again that others change at the same time.
const ATTEMPTS: u32 = 5;

/// Keys of the metadata of an object that is a dataset.
const DATASET: &str = "dataset-id";
const VERSION: &str = "dataset-version";
const SHA256: &str = "sha256";

/// The data bucket, as one call may use it.
pub(super) struct Cloud<A>(Aws<A>);

impl<A: Access + Covers<Reads>> Cloud<A> {
    pub(super) fn new(aws: Aws<A>) -> Self {
        Self(aws)
    }

    /// What S3 says of an object, if there is one.
    async fn head(&self, bucket: &str, key: &str, version: Option<String>) -> Result<Option<Head>> {
        match self.0.send(&HeadObject::new(bucket, key, version)).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == ErrorKind::NotFound && error.code_str() != "NoSuchBucket" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is not as it was when it was stored.
    pub(super) async fn drift(&self, dataset: &Dataset) -> Result<Vec<String>> {
        let Some((bucket, key)) = dataset.cloud_path.as_deref().and_then(parts) else { return Ok(Vec::new()) };
        let Some(head) = self.head(bucket, key, dataset.cloud_version.clone()).await? else {
            return Ok(vec![format!("s3://{bucket}/{key} is gone")]);
        };
        Ok(differences(&head, dataset, dataset.cloud_checksum.as_deref()))
    }
}

impl<A: Access + Covers<Changes> + Covers<Reads>> Cloud<A> {
    /// Stores a version, unless it is there already. An upload that was cut off goes on where it was.
    pub(super) async fn store(
        &self,
        dataset: &Dataset,
        bucket: &str,
        transfers: PathBuf,
        progress: &Arc<dyn Progress>,
    ) -> Result<CloudPlace> {
        let key = key(dataset);
        let there = self.head(bucket, &key, None).await?;
        let whole =
            there.as_ref().is_some_and(|head| is_of(head, dataset) && differences(head, dataset, None).is_empty());
        let (version_id, checksum) = match there {
            Some(head) if whole => (head.version_id, head.checksum_crc64nvme),
            there => {
                let mut upload = transfer::Upload::new(&dataset.path, bucket, &key)
                    .existing(condition(there, dataset, bucket, &key)?);
                upload.members = members(dataset);
                let done = self.0.transfers(transfers).upload(&upload, Arc::clone(progress)).await?;
                (done.version_id, Some(done.checksum))
            }
        };
        // What was sent is believed once S3 says that it has it.
        let uri = format!("s3://{bucket}/{key}");
        let head = self.head(bucket, &key, version_id.clone()).await?;
        let head = head.ok_or_else(|| unverified(&uri, "is not there after its upload"))?;
        if let Some(difference) = differences(&head, dataset, checksum.as_deref()).first() {
            return Err(unverified(&uri, difference));
        }
        let crc64nvme = checksum.or(head.checksum_crc64nvme).unwrap_or_default();
        let place = CloudPlace { uri, version_id: version_id.filter(|id| id != "null"), crc64nvme };
        self.commit(dataset, bucket, &place).await?;
        Ok(place)
    }

    /// Writes the manifest, under the condition that nobody else wrote it meanwhile.
    async fn commit(&self, dataset: &Dataset, bucket: &str, place: &CloudPlace) -> Result<()> {
        let key = manifest_key(&dataset.id);
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            let there = self.head(bucket, &key, None).await?;
            if let Some(head) = &there {
                if is_of(head, dataset)
                    && version_of(head) == Some(dataset.version)
                    && sha256_of(head) == Some(&dataset.fingerprint.sha256)
                {
                    return Ok(());
                }
                if version_of(head).is_some_and(|version| version > dataset.version) {
                    let what = format!("s3://{bucket}/{key} says that a later version is there");
                    return Err(Error::new(ErrorKind::Conflict, what).code("LaterVersion"));
                }
            }
            let etag = there.and_then(|head| head.etag);
            let put = PutManifest {
                bucket: bucket.to_owned(),
                key: key.clone(),
                body: trainyard_aws::to_base64(manifest(dataset, place).to_string().as_bytes()),
                content_type: "application/json",
                metadata: metadata(dataset),
                if_none_match: etag.is_none().then_some("*"),
                if_match: etag,
            };
            match self.0.send(&put).await {
                Ok(_) => return Ok(()),
                // Somebody else was faster: look again.
                Err(error) if matches!(error.http_status_code(), Some(409 | 412)) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failed.unwrap_or_else(|| Error::internal("a manifest was not written")))
    }
}

impl Cloud<Destroys> {
    /// Deletes the manifest, then the object, where they are of this version. Says what was deleted.
    pub(super) async fn delete(&self, dataset: &Dataset) -> Result<Option<String>> {
        let Some((bucket, key)) = dataset.cloud_path.as_deref().and_then(parts) else { return Ok(None) };
        let Some(head) = self.head(bucket, key, None).await? else { return Ok(None) };
        // A later version lies in the same place; what was there before it is a matter of the bucket's versions.
        if !is_of(&head, dataset) || sha256_of(&head) != Some(&dataset.fingerprint.sha256) {
            return Ok(None);
        }
        for key in [manifest_key(&dataset.id), key.to_owned()] {
            self.0.send(&DeleteObject { bucket: bucket.to_owned(), key }).await?;
        }
        Ok(dataset.cloud_path.clone())
    }
}

/// The condition of an upload: an object that is not of this dataset is never replaced.
fn condition(there: Option<Head>, dataset: &Dataset, bucket: &str, key: &str) -> Result<Existing> {
    let Some(head) = there else { return Ok(Existing::Refuse) };
    match head.etag {
        Some(ref etag) if is_of(&head, dataset) => Ok(Existing::Only(etag.clone())),
        _ => Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("s3://{bucket}/{key} is there and is not of this dataset"),
        )
        .code("NotOurs")
        .hint("choose another dataset_id, or move that object away")),
    }
}

fn unverified(uri: &str, why: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("{uri} could not be verified: {why}")).code("Unverified").retryable(true)
}

fn key(dataset: &Dataset) -> String {
    format!("datasets/{}/{}", dataset.id, dataset.filename)
}

fn manifest_key(id: &str) -> String {
    format!("datasets/{id}/_manifest.json")
}

fn parts(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/')
}

fn metadata(dataset: &Dataset) -> BTreeMap<String, String> {
    let pairs = [
        (DATASET, dataset.id.clone()),
        (VERSION, dataset.version.to_string()),
        (SHA256, dataset.fingerprint.sha256.clone()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn members(dataset: &Dataset) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("Metadata".to_owned(), metadata(dataset).into_iter().collect());
    members
}

fn is_of(head: &Head, dataset: &Dataset) -> bool {
    head.metadata.get(DATASET) == Some(&dataset.id)
}

fn version_of(head: &Head) -> Option<u64> {
    head.metadata.get(VERSION)?.parse().ok()
}

fn sha256_of(head: &Head) -> Option<&String> {
    head.metadata.get(SHA256)
}

/// What S3 has that is not what the file is.
fn differences(head: &Head, dataset: &Dataset, checksum: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    if head.content_length != dataset.fingerprint.bytes {
        found.push(format!("in S3: {} bytes instead of {}", head.content_length, dataset.fingerprint.bytes));
    }
    match sha256_of(head) {
        Some(there) if *there == dataset.fingerprint.sha256 => {}
        Some(there) => found.push(format!("in S3: SHA-256 {there} instead of {}", dataset.fingerprint.sha256)),
        None => found.push("in S3: an object that is not of this dataset".to_owned()),
    }
    if let (Some(expected), Some(there)) = (checksum, &head.checksum_crc64nvme)
        && expected != there
    {
        found.push(format!("in S3: CRC-64/NVME {there} instead of {expected}"));
    }
    found
}

fn manifest(dataset: &Dataset, place: &CloudPlace) -> Value {
    let columns: Vec<Value> =
        dataset.profile.columns.iter().map(|column| json!({ "name": column.name, "type": column.kind })).collect();
    json!({
        "id": dataset.id,
        "version": dataset.version,
        "filename": dataset.filename,
        "size": dataset.fingerprint.bytes,
        "sha256": dataset.fingerprint.sha256,
        "checksum_crc64nvme": place.crc64nvme,
        "s3_version_id": place.version_id,
        "format": dataset.layout.format,
        "layout": dataset.layout,
        "row_count": dataset.rows,
        "columns": columns,
        "created_at": dataset.created_at,
        "tags": dataset.tags,
        "cloud_path": place.uri,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PutManifest {
    bucket: String,
    key: String,
    body: String,
    content_type: &'static str,
    metadata: BTreeMap<String, String>,
    if_none_match: Option<&'static str>,
    if_match: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Nothing {}

impl Operation for PutManifest {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "PutObject";
    type Needs = Changes;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DeleteObject {
    bucket: String,
    key: String,
}

impl Operation for DeleteObject {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "DeleteObject";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<PutManifest>();
        check::<DeleteObject>();
    }
}
