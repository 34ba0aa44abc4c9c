//! EBS snapshots: find, make and delete them.

mod wire;

use std::{collections::BTreeMap, slice};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, ErrorKind, Json, Listing, Losing, Loss, Preview, Reads, Result, Target,
    Tool, ToolDef, Weighed, free_text,
};

use self::wire::{CreateSnapshot, DeleteSnapshot, DescribeImages, DescribeSnapshots, Snapshot};
use super::{cost, filters, specification, volumes, whole};
use crate::{
    App, Cx,
    aws::{
        batch::{Batch, each, some},
        change::{Asked, Deleted, asked, delete, dry_runs},
        listing::{Placed, list},
        waiting::{Condition, Done},
    },
    common::{At, DryRun, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["ebs.list_snapshots", "ebs.describe_snapshot", "ebs_describe_snapshot"]),
    ToolDef::changes::<Create>().formerly(&["ebs.create_snapshot"]).spending(),
    ToolDef::destroys::<Delete>().formerly(&["ebs.delete_snapshot"]),
];

/// List EBS snapshots of this account, with their progress
///
/// Those of others with owner_ids; then narrow it, there are thousands.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only these snapshot IDs.
    snapshot_ids: Option<Vec<String>>,
    /// Only of these volumes.
    volume_ids: Option<Vec<String>>,
    /// pending, completed, error.
    states: Option<Vec<String>>,
    /// Owners; this account when absent.
    owner_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for List {
    const NAME: &'static str = "ebs_list_snapshots";
    const EXAMPLE: &'static str = r#"{"states": ["pending"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<SnapshotRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<SnapshotRow>>> {
        let snapshot_ids = self.snapshot_ids.unwrap_or_default();
        // A snapshot that is named may be anybody's; a list without names means one's own.
        let own = if snapshot_ids.is_empty() { vec!["self".to_owned()] } else { Vec::new() };
        let asked =
            vec![("status", self.states.unwrap_or_default()), ("volume-id", self.volume_ids.unwrap_or_default())];
        let question = DescribeSnapshots {
            snapshot_ids,
            owner_ids: self.owner_ids.unwrap_or(own),
            filters: filters(asked, self.tags.as_ref()),
        };
        list(&cx, &self.part, &question).await
    }
}

/// Create a snapshot of an EBS volume
///
/// It is made in the background, of the volume as it is at this moment; ebs_list_snapshots shows the progress.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Volume ID.
    volume_id: String,
    /// What it is for.
    description: Option<String>,
    /// Tags, Name among them.
    tags: Option<BTreeMap<String, String>>,
    /// Names this request: sent again, it makes no second snapshot. Kept as a tag.
    client_token: Option<String>,
    /// Wait until it is complete, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Create {
    fn request(&self) -> CreateSnapshot {
        CreateSnapshot {
            volume_id: self.volume_id.clone(),
            description: self.description.clone(),
            tag_specifications: specification("snapshot", with_token(self.tags.clone(), self.client_token.as_ref())),
        }
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ebs_create_snapshot";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0", "description": "before the upgrade"}"#;
    type Access = Changes;
    type Output = Json<Done<SnapshotRow>>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done<SnapshotRow>>> {
        let aws = cx.at(&self.at);
        let snapshot = match made_before(&aws, self.client_token.as_ref()).await? {
            Some(snapshot) => snapshot,
            None => aws.send(&self.request()).await?.into(),
        };
        completed(&cx, &aws, snapshot, self.wait).await.map(Json)
    }
}

impl Preview<App> for Create {
    type Plan = Weighed<Asked<SnapshotRow>>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Asked<SnapshotRow>>> {
        let aws = cx.at(&self.at);
        let volume = volumes::named(&aws, slice::from_ref(&self.volume_id)).await.unwrap_or_default();
        let impact = cost::of_snapshot(&aws, volume.first().and_then(|volume| volume.size)).await;
        Ok(Weighed::new(asked(&aws, Vec::new(), &self.request()).await?, impact))
    }
}

/// Delete EBS snapshots for good
///
/// AWS refuses while an image uses it; the plan names such images.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Snapshot IDs.
    snapshot_ids: Vec<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ebs_delete_snapshot";
    const EXAMPLE: &'static str = r#"{"snapshot_ids": ["snap-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Batch<Deleted>>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Batch<Deleted>>> {
        let aws = cx.at(&self.at);
        let ids = some("snapshot_ids", &self.snapshot_ids, "ebs_list_snapshots shows what there is")?;
        each(&cx, ids, |id| delete(&aws, DeleteSnapshot { snapshot_id: id.clone() }, id)).await.map(Json)
    }
}

impl Preview<App> for Delete {
    type Plan = Losing<Lost>;

    fn target(&self) -> Target {
        self.at.target("ebs snapshot", &self.snapshot_ids)
    }

    fn loss(&self) -> Option<Loss> {
        None
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<Lost>> {
        let aws = cx.at(&self.at);
        let ids = some("snapshot_ids", &self.snapshot_ids, "ebs_list_snapshots shows what there is")?;
        let now = named(&aws, &ids).await?;
        let images = images_of(&cx, &aws, &ids).await?;
        let loss = Loss::of_backup(now.iter().filter_map(|snapshot| snapshot.volume_id.clone()).collect());
        let dry_runs = dry_runs(&aws, &ids, |snapshot_id| DeleteSnapshot { snapshot_id }).await?;
        Ok(Losing::new(Lost { now, images, dry_runs }, loss))
    }
}

/// What would be gone, and what AWS says to a dry run for each.
#[derive(Serialize, JsonSchema)]
struct Lost {
    now: Vec<SnapshotRow>,
    /// Images that are made of them: AWS refuses until ec2_deregister_ami has removed these.
    images: Vec<String>,
    dry_runs: BTreeMap<String, DryRun>,
}

/// Tag that keeps the token of a request, for operations that take none.
const TOKEN_TAG: &str = "mcp:client-token";

pub(super) fn with_token(
    tags: Option<BTreeMap<String, String>>,
    token: Option<&String>,
) -> Option<BTreeMap<String, String>> {
    let Some(token) = token else { return tags };
    let mut tags = tags.unwrap_or_default();
    tags.insert(TOKEN_TAG.to_owned(), token.clone());
    Some(tags)
}

/// The snapshot that an earlier request with this token made.
pub(super) async fn made_before<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    token: Option<&String>,
) -> Result<Option<SnapshotRow>> {
    let Some(token) = token else { return Ok(None) };
    let filters = filters(Vec::new(), Some(&BTreeMap::from([(TOKEN_TAG.to_owned(), token.clone())])));
    let question = DescribeSnapshots { snapshot_ids: Vec::new(), owner_ids: vec!["self".to_owned()], filters };
    Ok(aws.send(&question).await?.snapshots.into_iter().next().map(SnapshotRow::from))
}

/// The snapshot, once it is complete if that was asked for.
pub(super) async fn completed<A: Access>(
    cx: &Cx<A>,
    aws: &Aws<A>,
    snapshot: SnapshotRow,
    wait: bool,
) -> Result<Done<SnapshotRow>> {
    let id = snapshot.snapshot_id.clone();
    let complete = wait.then(|| Condition::new("ec2", "SnapshotCompleted", "SnapshotIds", slice::from_ref(&id)));
    Done::after(cx, aws, snapshot, complete, format!("created {id}")).await
}

/// Makes a snapshot of a volume that is about to go, and gives its id once it is complete.
pub(super) async fn keep(cx: &Cx<Destroys>, aws: &Aws<Destroys>, volume_id: &str) -> Result<String> {
    let description = Some(format!("{volume_id} before it was deleted"));
    let request = CreateSnapshot { volume_id: volume_id.to_owned(), description, tag_specifications: Vec::new() };
    let made = completed(cx, aws, aws.send(&request).await?.into(), true).await?;
    let id = made.thing.snapshot_id.clone();
    match made.operation_id {
        None => Ok(id),
        Some(operation_id) => {
            Err(Error::new(ErrorKind::Timeout, format!("{id} is not complete yet, so {volume_id} stays"))
                .partial([format!("created {id}")])
                .hint(format!("wait with operation_get {operation_id}, then delete without snapshot_first")))
        }
    }
}

/// Images of this account that are made of these snapshots.
async fn images_of(cx: &Cx<Reads>, aws: &Aws<Reads>, ids: &[String]) -> Result<Vec<String>> {
    let filters = filters(vec![("block-device-mapping.snapshot-id", ids.to_vec())], None);
    let images = whole(cx, aws, &DescribeImages { owners: vec!["self".to_owned()], filters }).await?;
    Ok(images.into_iter().map(|image| image.image_id).collect())
}

pub(super) async fn named<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<SnapshotRow>> {
    let question = DescribeSnapshots { snapshot_ids: ids.to_vec(), owner_ids: Vec::new(), filters: Vec::new() };
    aws.send(&question).await.map(|found| found.snapshots.into_iter().map(SnapshotRow::from).collect())
}

/// The volumes that these snapshots were made of.
pub(in crate::aws) async fn sources(aws: &Aws<Reads>, ids: &[String]) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(named(aws, ids).await?.into_iter().filter_map(|snapshot| snapshot.volume_id).collect())
}

/// One snapshot.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct SnapshotRow {
    pub(super) snapshot_id: String,
    pub(super) name: Option<String>,
    pub(super) volume_id: Option<String>,
    /// GiB of the volume.
    pub(super) volume_size: Option<u32>,
    pub(super) state: Option<String>,
    /// Percent.
    pub(super) progress: Option<String>,
    pub(super) started: Option<String>,
    #[serde(serialize_with = "free_text")]
    pub(super) description: Option<String>,
    pub(super) encrypted: Option<bool>,
    /// `archive` where it was moved there.
    pub(super) tier: Option<String>,
    /// Tags other than Name.
    pub(super) tags: BTreeMap<String, String>,
}

impl From<Snapshot> for SnapshotRow {
    fn from(snapshot: Snapshot) -> Self {
        let (name, tags) = super::split(snapshot.tags);
        Self {
            snapshot_id: snapshot.snapshot_id,
            name,
            volume_id: snapshot.volume_id,
            volume_size: snapshot.volume_size,
            state: snapshot.state,
            progress: snapshot.progress,
            started: snapshot.start_time,
            description: snapshot.description.filter(|text| !text.is_empty()),
            encrypted: snapshot.encrypted,
            tier: snapshot.storage_tier.filter(|tier| tier != "standard"),
            tags,
        }
    }
}
