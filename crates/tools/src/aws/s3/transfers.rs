//! Files to and from S3: one, or a whole folder. What is cut off goes on when it is repeated.

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::{
    Aws,
    transfer::{self, Existing, SyncPlan, SyncStep, Transfers},
};
use trainyard_contract::{
    Access, CallDef, Changes, Covers, Destroys, Effect, Error, ErrorKind, Json, MayChange, Needs, Preview, Reads,
    Result, Target, Tool, ToolDef,
};

use super::objects::{Head, HeadObject};
use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<Upload>().formerly(&["s3.upload"]),
    ToolDef::by_effect("s3_download", Download::needs, &[CallDef::changes::<Download>()]).formerly(&["s3.download"]),
    ToolDef::by_effect(
        "s3_sync",
        needs_of_sync,
        &[CallDef::changes::<Sync<Changes>>(), CallDef::destroys::<Sync<Destroys>>()],
    )
    .formerly(&["s3.sync"]),
];

/// Upload a local file to S3, large ones in parts, checksums verified
///
/// Repeat the call when it was cut off: it goes on where it was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// Absolute path of the file, below a folder that the operator allows.
    pub(super) path: String,
    /// Bucket.
    pub(super) bucket: String,
    /// Key.
    pub(super) key: String,
    /// Replace an object that is there.
    #[serde(default)]
    pub(super) overwrite: bool,
    /// Media type.
    pub(super) content_type: Option<String>,
    /// Storage class.
    pub(super) storage_class: Option<String>,
    /// Metadata of your own.
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) region: Option<Region>,
    pub(super) profile: Option<Profile>,
}

impl Tool<App> for Upload {
    const NAME: &'static str = "s3_upload";
    const EXAMPLE: &'static str =
        r#"{"path": "/data/model.safetensors", "bucket": "models", "key": "v7/model.safetensors"}"#;
    type Access = Changes;
    type Output = Json<Uploaded>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Uploaded>> {
        let path = cx.local_paths().existing(&self.path)?;
        let transfers = transfers(&cx, &cx.aws(self.region.as_ref(), self.profile.as_ref()))?;
        let existing = if self.overwrite { Existing::Replace } else { Existing::Refuse };
        let mut upload = transfer::Upload::new(path, &self.bucket, &self.key).existing(existing);
        upload.members = self.members();
        let done = transfers.upload(&upload, Arc::clone(cx.progress())).await?;
        Ok(Json(Uploaded {
            uri: format!("s3://{}/{}", self.bucket, self.key),
            bytes: done.bytes,
            resumed_bytes: done.resumed_bytes,
            etag: done.etag,
            version_id: done.version_id,
            crc64nvme: done.checksum,
        }))
    }
}

impl Upload {
    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let texts = [("ContentType", &self.content_type), ("StorageClass", &self.storage_class)];
        for (name, value) in texts {
            members.extend(value.iter().map(|value| (name.to_owned(), Value::from(value.clone()))));
        }
        if !self.metadata.is_empty() {
            members.insert("Metadata".to_owned(), self.metadata.clone().into_iter().collect());
        }
        members
    }
}

impl Preview<App> for Upload {
    type Plan = OnePlan;

    fn target(&self) -> Target {
        object(&self.bucket, &self.key, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<OnePlan> {
        let path = cx.local_paths().existing(&self.path)?;
        let about = path.metadata().map_err(|error| Error::validation(format!("{}: {error}", path.display())))?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let there = head(&aws, &self.bucket, &self.key, None).await?;
        let replaces = there.map(|head| Replaced { bytes: head.content_length, modified: head.last_modified });
        let would_succeed = replaces.is_none() || self.overwrite;
        Ok(OnePlan { bytes: about.len(), replaces, would_succeed })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Uploaded {
    uri: String,
    pub(super) bytes: u64,
    /// Bytes that an earlier call had brought there.
    resumed_bytes: u64,
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    /// Checksum of the file that S3 compared, as base64.
    pub(super) crc64nvme: String,
}

/// Download an S3 object to a local file, checksum verified
///
/// Repeat the call when it was cut off: it goes on where it was. The file is readable by its owner only.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Download {
    /// Bucket.
    bucket: String,
    /// Key.
    key: String,
    /// Absolute path of the file, below a folder that the operator allows.
    path: String,
    /// Version; the latest when absent.
    version_id: Option<String>,
    /// Replace a file that is there.
    #[serde(default)]
    overwrite: bool,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Download {
    /// It writes a file, and what it writes is content of others.
    #[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
    fn needs(_: &Value) -> Result<Needs> {
        Ok(Needs { effect: Effect::Changes, reveals: true, spends: false })
    }
}

impl Tool<App> for Download {
    const NAME: &'static str = "s3_download";
    const EXAMPLE: &'static str =
        r#"{"bucket": "models", "key": "v7/model.safetensors", "path": "/data/model.safetensors"}"#;
    type Access = Changes;
    type Output = Json<Downloaded>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Downloaded>> {
        let path = cx.local_paths().to_write(&self.path)?;
        let transfers = transfers(&cx, &cx.aws(self.region.as_ref(), self.profile.as_ref()))?;
        let mut download = transfer::Download::new(&self.bucket, &self.key, &path);
        (download.version_id, download.overwrite) = (self.version_id, self.overwrite);
        let done = transfers.download(&download, Arc::clone(cx.progress())).await?;
        Ok(Json(Downloaded {
            path: path.display().to_string(),
            bytes: done.bytes,
            resumed_bytes: done.resumed_bytes,
            verified_by: done.verified,
            etag: done.etag,
            version_id: done.version_id,
        }))
    }
}

impl Preview<App> for Download {
    type Plan = OnePlan;

    fn target(&self) -> Target {
        file(&self.path)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<OnePlan> {
        let path = cx.local_paths().to_write(&self.path)?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let Some(head) = head(&aws, &self.bucket, &self.key, self.version_id.clone()).await? else {
            return Err(Error::not_found("object", &format!("s3://{}/{}", self.bucket, self.key)));
        };
        let replaces = path.symlink_metadata().ok().map(|about| Replaced { bytes: about.len(), modified: None });
        let would_succeed = replaces.is_none() || self.overwrite;
        Ok(OnePlan { bytes: head.content_length, replaces, would_succeed })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Downloaded {
    path: String,
    bytes: u64,
    /// Bytes that an earlier call had written.
    resumed_bytes: u64,
    /// The checksum that the bytes were compared with; absent where S3 keeps none.
    verified_by: Option<String>,
    etag: Option<String>,
    version_id: Option<String>,
}

/// What one transfer would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OnePlan {
    /// Bytes to move.
    pub(super) bytes: u64,
    /// What is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replaces: Option<Replaced>,
    pub(super) would_succeed: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Replaced {
    pub(super) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
}

/// Make a prefix in S3 like a local folder, or the other way round
///
/// Copies what differs; deletes what the source lacks only with delete. dry_run lists what it would do. Symbolic links are
/// passed over.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
#[schemars(bound = "")]
struct Sync<A> {
    /// Absolute path of the folder, below one that the operator allows.
    folder: String,
    /// Bucket.
    bucket: String,
    /// Prefix; the whole bucket when absent.
    #[serde(default)]
    prefix: String,
    /// up: folder to S3. down: S3 to folder.
    direction: Direction,
    /// Delete what the source lacks.
    #[serde(default)]
    delete: bool,
    /// What makes two alike; content reads every file.
    #[serde(default)]
    compare: Compare,
    region: Option<Region>,
    profile: Option<Profile>,
    #[serde(skip)]
    access: PhantomData<fn() -> A>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Compare {
    #[default]
    SizeAndTime,
    Size,
    Content,
}

/// What these arguments would do.
#[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
fn needs_of_sync(arguments: &Value) -> Result<Needs> {
    let effect = if arguments["delete"] == true { Effect::Destroys } else { Effect::Changes };
    Ok(Needs { effect, reveals: arguments["direction"] == "down", spends: false })
}

impl<A> Sync<A> {
    fn sync<B: trainyard_contract::Access>(&self, cx: &Cx<B>) -> Result<transfer::Sync> {
        let (direction, folder) = match self.direction {
            Direction::Up => (transfer::Direction::Up, cx.local_paths().existing(&self.folder)?),
            Direction::Down => (transfer::Direction::Down, cx.local_paths().to_write(&self.folder)?),
        };
        let compare = match self.compare {
            Compare::SizeAndTime => transfer::Compare::SizeAndTime,
            Compare::Size => transfer::Compare::Size,
            Compare::Content => transfer::Compare::Content,
        };
        let (bucket, prefix) = (self.bucket.clone(), self.prefix.clone());
        Ok(transfer::Sync { folder, bucket, prefix, direction, delete: self.delete, compare })
    }
}

impl<A: MayChange + Covers<Changes>> Tool<App> for Sync<A> {
    const NAME: &'static str = "s3_sync";
    const EXAMPLE: &'static str =
        r#"{"folder": "/data/corpus", "bucket": "datasets", "prefix": "corpus", "direction": "up"}"#;
    type Access = A;
    type Output = Json<Synced>;

    async fn run(self, cx: Cx<A>) -> Result<Json<Synced>> {
        let sync = self.sync(&cx)?;
        let transfers = transfers(&cx, &cx.aws(self.region.as_ref(), self.profile.as_ref()))?;
        let done = transfers.sync(&sync, Arc::clone(cx.progress())).await?;
        Ok(Json(Synced {
            copied: done.copied,
            bytes: done.bytes,
            deleted: done.deleted,
            alike: done.alike,
            passed_over: done.passed,
        }))
    }
}

impl<A: MayChange + Covers<Changes>> Preview<App> for Sync<A> {
    type Plan = Plan;

    fn target(&self) -> Target {
        match self.direction {
            Direction::Up => object(&self.bucket, &self.prefix, self.region.as_ref(), self.profile.as_ref()),
            Direction::Down => file(&self.folder),
        }
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Plan> {
        let sync = self.sync(&cx)?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.sync_plan(&sync).await.map(Plan::from)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Synced {
    copied: u64,
    bytes: u64,
    deleted: u64,
    alike: u64,
    /// Symbolic links, and keys that are no file names.
    passed_over: u64,
}

/// What would be done.
#[derive(Debug, Serialize, JsonSchema)]
struct Plan {
    copies: u64,
    /// Bytes to copy.
    bytes: u64,
    /// Copies that replace something.
    replaces: u64,
    deletes: u64,
    alike: u64,
    passed_over: u64,
    /// The first hundred things to do.
    first: Vec<String>,
}

impl From<SyncPlan> for Plan {
    fn from(plan: SyncPlan) -> Self {
        let step = |step: SyncStep| match step {
            SyncStep::Copy { key, bytes, replaces: false } => format!("copy {key} ({bytes} bytes)"),
            SyncStep::Copy { key, bytes, replaces: true } => format!("replace {key} ({bytes} bytes)"),
            SyncStep::Delete { key } => format!("delete {key}"),
            SyncStep::Pass { key, why } => format!("pass over {key}: {why}"),
        };
        Self {
            copies: plan.copies,
            bytes: plan.bytes,
            replaces: plan.replaces,
            deletes: plan.deletes,
            alike: plan.alike,
            passed_over: plan.passed,
            first: plan.first.into_iter().map(step).collect(),
        }
    }
}

fn transfers<A: Covers<Changes>>(cx: &Cx<A>, aws: &Aws<A>) -> Result<Transfers> {
    // Unfinished transfers are remembered here.
    Ok(aws.transfers(cx.state_dir()?.join("transfers")))
}

/// What S3 says of an object, if there is one.
pub(super) async fn head<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    bucket: &str,
    key: &str,
    version: Option<String>,
) -> Result<Option<Head>> {
    match aws.send(&HeadObject::new(bucket, key, version)).await {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.kind() == ErrorKind::NotFound && error.code_str() != "NoSuchBucket" => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn object(bucket: &str, key: &str, region: Option<&Region>, profile: Option<&Profile>) -> Target {
    aws_target("s3 object", vec![format!("s3://{bucket}/{key}")], region, profile)
}

fn file(path: &str) -> Target {
    Target {
        system: "trainyard",
        kind: "local file".to_owned(),
        ids: vec![path.to_owned()],
        region: None,
        profile: None,
    }
}
