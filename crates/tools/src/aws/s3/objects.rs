//! S3 objects: list them, describe one, read the beginning of one.

use std::{collections::BTreeMap, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trainyard_aws::{Operation, Paged, catalogue, show_text};
use trainyard_contract::{Error, Json, Listing, Others, Reads, Result, Reveals, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Cursor, Limit, Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["s3.list_objects", "s3_list_objects_v2"]),
    ToolDef::reads::<Describe>().formerly(&["s3_head_object", "s3.head_object"]),
    ToolDef::reveals::<Get>().formerly(&["s3.get_object"]),
];

/// Most bytes of an object that one call shows.
const MAX_SHOWN: u64 = 65_536;

/// List the objects and folders of an S3 bucket
///
/// One level, like a folder, unless recursive.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Bucket.
    bucket: String,
    /// Only keys that begin with this; end it with / to look into a folder.
    prefix: Option<String>,
    /// All keys below the prefix, not one level.
    #[serde(default)]
    recursive: bool,
    /// Only keys after this one.
    start_after: Option<String>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for List {
    const NAME: &'static str = "s3_list_objects";
    const EXAMPLE: &'static str = r#"{"bucket": "models", "prefix": "v7/"}"#;
    type Access = Reads;
    type Output = Listing<Row>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Row>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = ListObjects {
            bucket: self.bucket,
            prefix: self.prefix,
            delimiter: (!self.recursive).then_some("/"),
            start_after: self.start_after,
        };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let listing = Listing::part(found.items, found.next, found.pages).about("region", found.region);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// An object, or a folder of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Key; a folder's ends in /.
    pub(crate) key: String,
    /// Bytes; absent for a folder.
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<String>,
    storage_class: Option<String>,
    etag: Option<String>,
}

/// Describe an S3 object: size, type, checksum, metadata
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Bucket.
    bucket: String,
    /// Key.
    key: String,
    /// Version; the latest when absent.
    version_id: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "s3_describe_object";
    const EXAMPLE: &'static str = r#"{"bucket": "models", "key": "v7/model.safetensors"}"#;
    type Access = Reads;
    type Output = Json<Object>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Object>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = HeadObject::new(&self.bucket, &self.key, self.version_id);
        let (head, region) =
            aws.send_whole(&question).await.map_err(|error| missing(error, &self.bucket, &self.key))?;
        Ok(Json(Object::of(head, region)))
    }
}

/// Read the text at the beginning of an S3 object, or from a byte on
///
/// For whole files use s3_download.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Bucket.
    bucket: String,
    /// Key.
    key: String,
    /// Version; the latest when absent.
    version_id: Option<String>,
    /// First byte to show.
    #[serde(default)]
    from: u64,
    /// Most bytes to show.
    #[serde(default = "Get::usual")]
    #[schemars(range(min = 1, max = 65_536))]
    max_bytes: u64,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Get {
    fn usual() -> u64 {
        8_192
    }
}

impl Tool<App> for Get {
    const NAME: &'static str = "s3_get_object";
    const EXAMPLE: &'static str = r#"{"bucket": "models", "key": "v7/config.json"}"#;
    type Access = Reveals;
    type Output = Json<Content>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Content>> {
        if !(1..=MAX_SHOWN).contains(&self.max_bytes) {
            return Err(Error::validation(format!("max_bytes is {}, not 1 to {MAX_SHOWN}", self.max_bytes)));
        }
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = HeadObject::new(&self.bucket, &self.key, self.version_id.clone());
        let (head, region) =
            aws.send_whole(&question).await.map_err(|error| missing(error, &self.bucket, &self.key))?;
        let object = Object::of(head, region);
        // There is no range of an empty object.
        if self.from >= object.size {
            return Ok(Json(Content {
                object,
                text: Some(Others::default()),
                base64: None,
                from: self.from,
                next: None,
            }));
        }
        let end = self.from.saturating_add(self.max_bytes).min(object.size);
        let mut input =
            json!({"Bucket": self.bucket, "Key": self.key, "Range": format!("bytes={}-{}", self.from, end - 1)});
        if let Some(version) = &self.version_id {
            input["VersionId"] = version.clone().into();
        }
        let mut output = aws.call("s3", "GetObject", input).await?.output;
        let service = catalogue::service("s3")?;
        let is_text = service.operation("GetObject").is_some_and(|get| show_text(service, get, &mut output));
        let body = output["Body"].as_str().unwrap_or_default().to_owned();
        let (text, base64) = if is_text { (Some(Others(body)), None) } else { (None, Some(body)) };
        let next = (end < object.size).then_some(end);
        Ok(Json(Content { object, text, base64, from: self.from, next }))
    }
}

/// An answer to HEAD has no body to say what is missing in.
fn missing(error: Error, bucket: &str, key: &str) -> Error {
    if error.http_status_code() == Some(404) && error.code_str() == "NotFound" {
        return no_object(bucket, key);
    }
    error
}

pub(super) fn no_object(bucket: &str, key: &str) -> Error {
    Error::not_found("object", &format!("s3://{bucket}/{key}")).hint("s3_list_objects shows the keys of a bucket")
}

#[derive(Debug, Serialize, JsonSchema)]
struct Object {
    /// Bytes.
    size: u64,
    content_type: Option<String>,
    modified: Option<String>,
    etag: Option<String>,
    version_id: Option<String>,
    storage_class: Option<String>,
    /// Whether it can be read from an archive, and until when.
    restore: Option<String>,
    encryption: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    /// Name and base64 of the checksum that S3 keeps.
    checksum: Option<String>,
    region: String,
}

impl Object {
    fn of(head: Head, region: String) -> Self {
        let checksums = [
            ("crc64nvme", head.checksum_crc64nvme),
            ("crc32c", head.checksum_crc32c),
            ("crc32", head.checksum_crc32),
            ("sha256", head.checksum_sha256),
            ("sha1", head.checksum_sha1),
        ];
        let checksum = checksums.into_iter().find_map(|(name, sum)| Some(format!("{name} {}", sum?)));
        Self {
            size: head.content_length,
            content_type: head.content_type,
            modified: head.last_modified,
            etag: head.etag,
            version_id: head.version_id,
            storage_class: head.storage_class,
            restore: head.restore,
            encryption: head.server_side_encryption,
            metadata: head.metadata,
            checksum,
            region,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Content {
    object: Object,
    /// Where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Others>,
    /// Where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// First byte shown.
    from: u64,
    /// Where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct HeadObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
    checksum_mode: &'static str,
}

impl HeadObject {
    pub(crate) fn new(bucket: &str, key: &str, version_id: Option<String>) -> Self {
        Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id, checksum_mode: "ENABLED" }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Head {
    #[serde(default)]
    pub(crate) content_length: u64,
    content_type: Option<String>,
    pub(crate) last_modified: Option<String>,
    #[serde(rename = "ETag")]
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    storage_class: Option<String>,
    restore: Option<String>,
    server_side_encryption: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    pub(crate) checksum_crc64nvme: Option<String>,
    #[serde(rename = "ChecksumCRC32C")]
    checksum_crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC32")]
    checksum_crc32: Option<String>,
    #[serde(rename = "ChecksumSHA256")]
    checksum_sha256: Option<String>,
    #[serde(rename = "ChecksumSHA1")]
    checksum_sha1: Option<String>,
}

impl Operation for HeadObject {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "HeadObject";
    type Needs = Reads;
    type Reply = Head;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct ListObjects {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<&'static str>,
    start_after: Option<String>,
}

impl ListObjects {
    /// One level below a prefix, folders and objects.
    pub(crate) fn level(bucket: &str, prefix: &str) -> Self {
        let (bucket, prefix) = (bucket.to_owned(), Some(prefix.to_owned()));
        Self { bucket, prefix, delimiter: Some("/"), start_after: None }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Page {
    #[serde(default)]
    contents: Vec<Listed>,
    #[serde(default)]
    common_prefixes: Vec<Folder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Listed {
    key: String,
    #[serde(default)]
    size: u64,
    last_modified: Option<String>,
    storage_class: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Folder {
    prefix: String,
}

impl Operation for ListObjects {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "ListObjectsV2";
    type Needs = Reads;
    type Reply = Page;
}

impl Paged for ListObjects {
    type Item = Row;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=1000)
    }

    /// Folders and objects, in the order of their keys.
    fn items(reply: Page) -> Vec<Row> {
        let folder =
            |folder: Folder| Row { key: folder.prefix, size: None, modified: None, storage_class: None, etag: None };
        let object = |object: Listed| Row {
            key: object.key,
            size: Some(object.size),
            modified: object.last_modified,
            storage_class: object.storage_class,
            etag: object.etag,
        };
        let mut rows: Vec<Row> = reply.common_prefixes.into_iter().map(folder).collect();
        rows.extend(reply.contents.into_iter().map(object));
        rows.sort_by(|one, other| one.key.cmp(&other.key));
        rows
    }
}

/// Whether a bucket can be read, and what its first object is called.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct FirstObject {
    bucket: String,
    prefix: Option<String>,
    max_keys: u32,
}

impl FirstObject {
    pub(crate) fn new(bucket: &str, prefix: Option<&str>) -> Self {
        Self { bucket: bucket.to_owned(), prefix: prefix.map(str::to_owned), max_keys: 1 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct First {
    #[serde(default)]
    contents: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Named {
    key: Option<String>,
}

impl First {
    /// Whether there is an object, and it has this key.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.contents.iter().any(|object| object.key.as_deref() == Some(key))
    }
}

impl Operation for FirstObject {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "ListObjectsV2";
    type Needs = Reads;
    type Reply = First;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<HeadObject>();
        check::<ListObjects>();
        check::<FirstObject>();
    }
}
