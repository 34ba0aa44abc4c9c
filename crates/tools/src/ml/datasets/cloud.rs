//! Datasets in S3: `datasets/{id}/{filename}`, and a manifest beside it that says that it is whole.
//!
//! The order is what makes it safe: the object, a look at what S3 has, the manifest, and only then the database here. Who
//! reads goes by the manifest alone, so whatever ends half way leaves the state before, or an object without a word.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Changes, Covers, Destroys, Error, ErrorKind, Progress, Reads, Result};
use trainyard_ml::datasets::{CloudPlace, Dataset};

use super::super::cloud::{Cloud as Store, Object, parts, sha256_of};
use crate::aws::s3::objects::Head;

/// How often a manifest is tried again that others change at the same time.
const ATTEMPTS: u32 = 5;

/// Keys of the metadata of an object that is a dataset.
const DATASET: &str = "dataset-id";
pub(super) const VERSION: &str = "dataset-version";

/// Further keys of the metadata of a manifest, which says whose it is in the same way.
pub(super) const ROWS: &str = "rows";
pub(super) const BYTES: &str = "bytes";

/// The data bucket, as one call may use it.
pub(super) struct Cloud<A>(Store<A>);

impl<A: Access + Covers<Reads>> Cloud<A> {
    pub(super) fn new(aws: Aws<A>) -> Self {
        Self(Store::new(aws))
    }

    /// What S3 says of the manifest of a dataset, if there is one.
    pub(super) async fn manifest(&self, bucket: &str, id: &str) -> Result<Option<Head>> {
        let head = self.0.head(bucket, &manifest_key(id), None).await?;
        Ok(head.filter(|head| head.metadata.get(DATASET).is_some_and(|named| named == id)))
    }

    /// What is not as it was when it was stored.
    pub(super) async fn drift(&self, dataset: &Dataset) -> Result<Vec<String>> {
        let Some((bucket, key)) = dataset.cloud_path.as_deref().and_then(parts) else { return Ok(Vec::new()) };
        let object = object(dataset, bucket, key.to_owned());
        self.0.drift(&object, dataset.cloud_version.clone(), dataset.cloud_checksum.as_deref()).await
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
        let key = format!("datasets/{}/{}", dataset.id, dataset.filename);
        let object = object(dataset, bucket, key);
        let place = self.0.put(&object, transfers, progress).await?;
        self.commit(dataset, &object, &place).await?;
        Ok(place)
    }

    /// Writes the manifest, under the condition that nobody else wrote it meanwhile.
    async fn commit(&self, dataset: &Dataset, object: &Object, place: &CloudPlace) -> Result<()> {
        let (bucket, key) = (&object.bucket, manifest_key(&dataset.id));
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            let there = self.0.head(bucket, &key, None).await?;
            if let Some(head) = &there {
                if object.owns(head)
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
            let mut metadata = object.metadata.clone();
            metadata.insert("sha256".to_owned(), dataset.fingerprint.sha256.clone());
            metadata.insert(ROWS.to_owned(), dataset.rows.to_string());
            metadata.insert(BYTES.to_owned(), dataset.fingerprint.bytes.to_string());
            let etag = there.and_then(|head| head.etag);
            match self.0.write(bucket, &key, &manifest(dataset, place), metadata, etag).await {
                Ok(()) => return Ok(()),
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
        let Some(head) = self.0.head(bucket, key, None).await? else { return Ok(None) };
        // A later version lies in the same place; what was there before it is a matter of the bucket's versions.
        let object = object(dataset, bucket, key.to_owned());
        if !object.owns(&head) || sha256_of(&head) != Some(&dataset.fingerprint.sha256) {
            return Ok(None);
        }
        self.0.delete(bucket, &manifest_key(&dataset.id)).await?;
        self.0.delete(bucket, key).await?;
        Ok(dataset.cloud_path.clone())
    }
}

fn object(dataset: &Dataset, bucket: &str, key: String) -> Object {
    let pairs = [(DATASET, dataset.id.clone()), (VERSION, dataset.version.to_string())];
    Object {
        bucket: bucket.to_owned(),
        key,
        path: dataset.path.clone(),
        bytes: dataset.fingerprint.bytes,
        sha256: dataset.fingerprint.sha256.clone(),
        owner: DATASET,
        metadata: pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
    }
}

fn manifest_key(id: &str) -> String {
    format!("datasets/{id}/_manifest.json")
}

fn version_of(head: &Head) -> Option<u64> {
    head.metadata.get(VERSION)?.parse().ok()
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
