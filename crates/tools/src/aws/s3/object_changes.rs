//! S3 objects: put one there, delete one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, from_base64, to_base64};
use trainyard_contract::{Changes, Destroys, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool, ToolDef};

use super::{
    objects::no_object,
    transfers::{OnePlan, Replaced, Upload, Uploaded, head, object},
};
use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<Put>().formerly(&["s3.put_object"]),
    ToolDef::destroys::<Delete>().formerly(&["s3.delete_object"]),
];

/// Put an object into S3, from text, from base64 or from a local file
///
/// Replaces nothing unless overwrite says so. s3_upload is the same for files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Put {
    /// Bucket.
    bucket: String,
    /// Key.
    key: String,
    /// Content as text.
    #[schemars(extend("x-also" = ["body"]))]
    content: Option<String>,
    /// Content as base64.
    content_base64: Option<String>,
    /// Absolute path of a file, below a folder that the operator allows.
    file_path: Option<String>,
    /// Replace an object that is there.
    #[serde(default)]
    overwrite: bool,
    /// Media type.
    content_type: Option<String>,
    /// Storage class.
    storage_class: Option<String>,
    /// Metadata of your own.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

/// Where the content comes from.
enum Source<'p> {
    File(&'p str),
    Bytes(Vec<u8>),
}

impl Put {
    fn source(&self) -> Result<Source<'_>> {
        match (&self.content, &self.content_base64, &self.file_path) {
            (Some(text), None, None) => Ok(Source::Bytes(text.clone().into_bytes())),
            (None, Some(text), None) => {
                from_base64(text).map(Source::Bytes).ok_or_else(|| Error::validation("`content_base64` is not base64"))
            }
            (None, None, Some(path)) => Ok(Source::File(path)),
            _ => Err(Error::validation("one of `content`, `content_base64` and `file_path` is wanted")),
        }
    }

    fn request(&self, bytes: &[u8]) -> PutObject {
        PutObject {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            body: to_base64(bytes),
            if_none_match: (!self.overwrite).then_some("*"),
            if_match: None,
            content_type: self.content_type.clone(),
            storage_class: self.storage_class.clone(),
            metadata: self.metadata.clone(),
        }
    }

    fn upload(self, path: String) -> Upload {
        let Self { bucket, key, overwrite, content_type, storage_class, metadata, region, profile, .. } = self;
        Upload { path, bucket, key, overwrite, content_type, storage_class, metadata, region, profile }
    }
}

impl Tool<App> for Put {
    const NAME: &'static str = "s3_put_object";
    const EXAMPLE: &'static str = r#"{"bucket": "models", "key": "v7/config.json", "content": "{\"layers\": 48}"}"#;
    type Access = Changes;
    type Output = Json<Stored>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Stored>> {
        let uri = format!("s3://{}/{}", self.bucket, self.key);
        let bytes = match self.source()? {
            Source::Bytes(bytes) => bytes,
            Source::File(path) => {
                let path = path.to_owned();
                let Json(Uploaded { bytes, etag, version_id, crc64nvme, .. }) = self.upload(path).run(cx).await?;
                return Ok(Json(Stored { uri, bytes, etag, version_id, crc64nvme: Some(crc64nvme) }));
            }
        };
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let reply = aws.send(&self.request(&bytes)).await.map_err(|error| match error.code_str() {
            "PreconditionFailed" => {
                Error::new(ErrorKind::AlreadyExists, format!("{uri} is there already; nothing was changed"))
                    .code("ObjectExists")
                    .hint("overwrite: true replaces it")
            }
            _ => error,
        })?;
        let (etag, version_id, crc64nvme) = (reply.etag, reply.version_id, reply.checksum_crc64nvme);
        Ok(Json(Stored { uri, bytes: bytes.len() as u64, etag, version_id, crc64nvme }))
    }
}

impl Preview<App> for Put {
    type Plan = OnePlan;

    fn target(&self) -> Target {
        object(&self.bucket, &self.key, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<OnePlan> {
        let bytes = match self.source()? {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File(path) => {
                let path = cx.local_paths().existing(path)?;
                let about = path.metadata();
                about.map_err(|error| Error::validation(format!("{}: {error}", path.display())))?.len()
            }
        };
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let there = head(&aws, &self.bucket, &self.key, None).await?;
        let replaces = there.map(|head| Replaced { bytes: head.content_length, modified: head.last_modified });
        let would_succeed = replaces.is_none() || self.overwrite;
        Ok(OnePlan { bytes, replaces, would_succeed })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Stored {
    uri: String,
    bytes: u64,
    etag: Option<String>,
    version_id: Option<String>,
    /// Checksum that S3 compared, as base64.
    crc64nvme: Option<String>,
}

/// Delete an S3 object, or one version of it
///
/// With versioning the object can be brought back; a version that is deleted is gone, and so is an object without versions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Bucket.
    bucket: String,
    /// Key.
    key: String,
    /// Only this version, for good.
    version_id: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "s3_delete_object";
    const EXAMPLE: &'static str = r#"{"bucket": "models", "key": "v7/config.json"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        // S3 says yes to the deletion of what was never there. A version may be a delete marker, of which nothing is told.
        if self.version_id.is_none() && head(&aws, &self.bucket, &self.key, None).await?.is_none() {
            return Err(no_object(&self.bucket, &self.key));
        }
        let question = DeleteObject { bucket: self.bucket, key: self.key, version_id: self.version_id };
        let reply = aws.send(&question).await?;
        let uri = format!("s3://{}/{}", question.bucket, question.key);
        Ok(Json(Deleted { uri, delete_marker: reply.delete_marker.unwrap_or(false), version_id: reply.version_id }))
    }
}

impl Preview<App> for Delete {
    type Plan = Loss;

    fn target(&self) -> Target {
        object(&self.bucket, &self.key, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Loss> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let there = head(&aws, &self.bucket, &self.key, self.version_id.clone()).await?;
        if there.is_none() && self.version_id.is_none() {
            return Err(no_object(&self.bucket, &self.key));
        }
        let versioning = aws.send(&GetBucketVersioning { bucket: self.bucket.clone() }).await.map(|reply| reply.status);
        let for_good = match versioning {
            _ if self.version_id.is_some() => Some(true),
            Ok(status) => Some(status.as_deref() != Some("Enabled")),
            Err(_) => None,
        };
        let (bytes, modified) = there.map_or((None, None), |head| (Some(head.content_length), head.last_modified));
        Ok(Loss { bytes, modified, for_good })
    }
}

/// What would be lost.
#[derive(Debug, Serialize, JsonSchema)]
struct Loss {
    /// Absent for a delete marker.
    bytes: Option<u64>,
    modified: Option<String>,
    /// It cannot be brought back; absent where the bucket's versioning could not be read.
    for_good: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deleted {
    uri: String,
    /// A marker hides the object now; its versions are still there.
    delete_marker: bool,
    /// Of the marker, or of what was deleted.
    version_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct PutObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// As base64.
    pub(crate) body: String,
    pub(crate) if_none_match: Option<&'static str>,
    pub(crate) if_match: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) storage_class: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct PutReply {
    #[serde(rename = "ETag")]
    etag: Option<String>,
    version_id: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    checksum_crc64nvme: Option<String>,
}

impl Operation for PutObject {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "PutObject";
    type Needs = Changes;
    type Reply = PutReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct DeleteObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct DeleteReply {
    delete_marker: Option<bool>,
    version_id: Option<String>,
}

impl Operation for DeleteObject {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "DeleteObject";
    type Needs = Destroys;
    type Reply = DeleteReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetBucketVersioning {
    bucket: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Versioning {
    status: Option<String>,
}

impl Operation for GetBucketVersioning {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "GetBucketVersioning";
    type Needs = Reads;
    type Reply = Versioning;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<PutObject>();
        check::<DeleteObject>();
        check::<GetBucketVersioning>();
    }

    #[test]
    fn content_comes_from_one_place() {
        let put = |more: &str| serde_json::from_str::<Put>(&format!(r#"{{"bucket": "b", "key": "k"{more}}}"#)).unwrap();
        assert!(matches!(put(r#", "content": "x""#).source(), Ok(Source::Bytes(bytes)) if bytes == b"x"));
        assert!(matches!(put(r#", "content_base64": "AAE=""#).source(), Ok(Source::Bytes(bytes)) if bytes == [0, 1]));
        assert!(matches!(put(r#", "file_path": "/x""#).source(), Ok(Source::File("/x"))));
        for wrong in ["", r#", "content": "x", "file_path": "/x""#, r#", "content_base64": "?""#] {
            assert!(put(wrong).source().is_err(), "{wrong}");
        }
    }
}
