//! Objects of the platform in S3. What was sent is believed once S3 says that it has it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};
use trainyard_aws::{
    Aws,
    transfer::{self, Existing},
};
use trainyard_contract::{Access, Changes, Covers, Destroys, Error, ErrorKind, Progress, Reads, Result};
use trainyard_ml::datasets::CloudPlace;

use crate::aws::s3::{
    object_changes::{DeleteObject, PutObject},
    objects::{FirstObject, Head, HeadObject},
};

/// The key of an object's metadata that has the digest of its content.
const SHA256: &str = "sha256";

/// An object that is to be in S3, and the file that it is made of.
pub(super) struct Object {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// The key of the metadata that says whose it is. What has another value there is never replaced.
    pub(super) owner: &'static str,
    /// What else is noted beside the object, the owner among it.
    pub(super) metadata: BTreeMap<String, String>,
}

impl Object {
    pub(super) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Whether an object is of the same owner.
    pub(super) fn owns(&self, head: &Head) -> bool {
        head.metadata.get(self.owner).is_some_and(|owner| self.metadata.get(self.owner) == Some(owner))
    }

    /// What S3 has that is not what the file is.
    pub(super) fn differences(&self, head: &Head, checksum: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        if head.content_length != self.bytes {
            found.push(format!("in S3: {} bytes instead of {}", head.content_length, self.bytes));
        }
        match sha256_of(head) {
            Some(there) if *there == self.sha256 => {}
            Some(there) => found.push(format!("in S3: SHA-256 {there} instead of {}", self.sha256)),
            None => found.push("in S3: an object that was not stored by this platform".to_owned()),
        }
        if let (Some(expected), Some(there)) = (checksum, &head.checksum_crc64nvme)
            && expected != there
        {
            found.push(format!("in S3: CRC-64/NVME {there} instead of {expected}"));
        }
        found
    }

    /// The condition of an upload: what is of somebody else is never replaced.
    fn condition(&self, there: Option<Head>) -> Result<Existing> {
        let Some(head) = there else { return Ok(Existing::Refuse) };
        match head.etag {
            Some(ref etag) if self.owns(&head) => Ok(Existing::Only(etag.clone())),
            _ => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is there and was not stored by this platform", self.uri()),
            )
            .code("NotOurs")
            .hint("choose another name, or move that object away")),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let mut metadata = self.metadata.clone();
        metadata.insert(SHA256.to_owned(), self.sha256.clone());
        let mut members = Map::new();
        members.insert("Metadata".to_owned(), metadata.into_iter().collect());
        members
    }
}

pub(super) fn sha256_of(head: &Head) -> Option<&String> {
    head.metadata.get(SHA256)
}

/// Bucket and key of `s3://bucket/key`.
pub(super) fn parts(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/')
}

/// S3, as one call may use it.
pub(super) struct Cloud<A>(Aws<A>);

impl<A: Access + Covers<Reads>> Cloud<A> {
    pub(super) fn new(aws: Aws<A>) -> Self {
        Self(aws)
    }

    /// What S3 says of an object, if there is one.
    pub(super) async fn head(&self, bucket: &str, key: &str, version: Option<String>) -> Result<Option<Head>> {
        match self.0.send(&HeadObject::new(bucket, key, version)).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == ErrorKind::NotFound && error.code_str() != "NoSuchBucket" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is not as it was when the object was stored.
    pub(super) async fn drift(
        &self,
        object: &Object,
        version: Option<String>,
        crc: Option<&str>,
    ) -> Result<Vec<String>> {
        Ok(match self.head(&object.bucket, &object.key, version).await? {
            None => vec![format!("{} is gone", object.uri())],
            Some(head) => object.differences(&head, crc),
        })
    }

    /// Fails where the bucket is not there, or not for whoever asks.
    pub(super) async fn probe(&self, bucket: &str) -> Result<()> {
        self.0.send(&FirstObject::new(bucket, None)).await.map(drop)
    }
}

impl<A: Access + Covers<Changes> + Covers<Reads>> Cloud<A> {
    /// Stores an object, unless it is there already. An upload that was cut off goes on where it was.
    pub(super) async fn put(
        &self,
        object: &Object,
        transfers: PathBuf,
        progress: &Arc<dyn Progress>,
    ) -> Result<CloudPlace> {
        let (bucket, key) = (&object.bucket, &object.key);
        let there = self.head(bucket, key, None).await?;
        let whole = there.as_ref().is_some_and(|head| object.owns(head) && object.differences(head, None).is_empty());
        let (version_id, checksum) = match there {
            Some(head) if whole => (head.version_id, head.checksum_crc64nvme),
            there => {
                let mut upload = transfer::Upload::new(&object.path, bucket, key).existing(object.condition(there)?);
                upload.members = object.members();
                let done = self.0.transfers(transfers).upload(&upload, Arc::clone(progress)).await?;
                (done.version_id, Some(done.checksum))
            }
        };
        let head = self.head(bucket, key, version_id.clone()).await?;
        let head = head.ok_or_else(|| unverified(&object.uri(), "is not there after its upload"))?;
        if let Some(difference) = object.differences(&head, checksum.as_deref()).first() {
            return Err(unverified(&object.uri(), difference));
        }
        let crc64nvme = checksum.or(head.checksum_crc64nvme).unwrap_or_default();
        Ok(CloudPlace { uri: object.uri(), version_id: version_id.filter(|id| id != "null"), crc64nvme })
    }

    /// Writes a JSON document in place of the one with this tag, or where there is none.
    pub(super) async fn write(
        &self,
        bucket: &str,
        key: &str,
        document: &Value,
        metadata: BTreeMap<String, String>,
        replaces: Option<String>,
    ) -> Result<()> {
        let put = PutObject {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            body: trainyard_aws::to_base64(document.to_string().as_bytes()),
            content_type: Some("application/json".to_owned()),
            storage_class: None,
            metadata,
            if_none_match: replaces.is_none().then_some("*"),
            if_match: replaces,
        };
        self.0.send(&put).await.map(drop)
    }
}

impl Cloud<Destroys> {
    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        self.0.send(&DeleteObject { bucket: bucket.to_owned(), key: key.to_owned(), version_id: None }).await.map(drop)
    }
}

fn unverified(uri: &str, why: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("{uri} could not be verified: {why}")).code("Unverified").retryable(true)
}
