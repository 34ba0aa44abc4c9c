//! EBS snapshots: find, make and delete them.

mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Changes, Destroys, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef};

use self::wire::{CreateSnapshot, DeleteSnapshot, DescribeSnapshots, Snapshot};
use super::{filters, specification};
use crate::{
    App, Cx,
    common::{Cursor, DryRun, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&[
        "ebs.list_snapshots",
        "ebs.describe_snapshot",
        "ebs_describe_snapshot",
        "ebs_get_snapshot_progress",
    ]),
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
    #[serde(alias = "snapshot_id")]
    snapshot_ids: Option<Vec<String>>,
    /// Only of these volumes.
    volume_ids: Option<Vec<String>>,
    /// pending, completed, error.
    states: Option<Vec<String>>,
    /// Owners; this account when absent.
    owner_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
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
    const NAME: &'static str = "ebs_list_snapshots";
    const EXAMPLE: &'static str = r#"{"states": ["pending"]}"#;
    type Access = Reads;
    type Output = Listing<SnapshotRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<SnapshotRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
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
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(SnapshotRow::from).collect();
        let listing = Listing::part(rows, found.next, found.pages).about("region", found.region);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
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
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Create {
    fn request(&self) -> CreateSnapshot {
        CreateSnapshot {
            volume_id: self.volume_id.clone(),
            description: self.description.clone(),
            tag_specifications: specification("snapshot", self.tags.clone()),
        }
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ebs_create_snapshot";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0", "description": "before the upgrade"}"#;
    type Access = Changes;
    type Output = Json<SnapshotRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<SnapshotRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.send(&self.request()).await.map(|snapshot| Json(snapshot.into()))
    }
}

impl Preview<App> for Create {
    type Plan = DryRun;

    fn target(&self) -> Target {
        aws_target("ebs volume", vec![self.volume_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<DryRun> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.dry_run_of(&self.request()).await.map(Into::into)
    }
}

/// Delete an EBS snapshot for good
///
/// AWS refuses while an image uses it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Snapshot ID.
    snapshot_id: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ebs_delete_snapshot";
    const EXAMPLE: &'static str = r#"{"snapshot_id": "snap-0123456789abcdef0"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = DeleteSnapshot { snapshot_id: self.snapshot_id };
        aws.send(&request).await?;
        Ok(Json(Deleted { deleted: request.snapshot_id }))
    }
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        aws_target("ebs snapshot", vec![self.snapshot_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let snapshot_ids = vec![self.snapshot_id.clone()];
        let question = DescribeSnapshots { snapshot_ids, owner_ids: Vec::new(), filters: Vec::new() };
        let found = aws.send(&question).await?;
        Ok(Lost {
            snapshots: found.snapshots.into_iter().map(SnapshotRow::from).collect(),
            dry_run: aws.dry_run_of(&DeleteSnapshot { snapshot_id: self.snapshot_id.clone() }).await?.into(),
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    deleted: String,
}

/// What would be gone.
#[derive(Serialize, JsonSchema)]
struct Lost {
    snapshots: Vec<SnapshotRow>,
    dry_run: DryRun,
}

/// One snapshot.
#[derive(Serialize, JsonSchema)]
struct SnapshotRow {
    snapshot_id: String,
    name: Option<String>,
    volume_id: Option<String>,
    /// GiB of the volume.
    volume_size: Option<u32>,
    state: Option<String>,
    /// Percent.
    progress: Option<String>,
    started: Option<String>,
    description: Option<String>,
    encrypted: Option<bool>,
    /// `archive` where it was moved there.
    tier: Option<String>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
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
