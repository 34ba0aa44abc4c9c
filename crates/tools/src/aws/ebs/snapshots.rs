//! EBS snapshots: find, make and delete them.

mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
};

use self::wire::{CreateSnapshot, DeleteSnapshot, DescribeSnapshots, Snapshot};
use super::{filters, specification};
use crate::{
    App, Cx,
    aws::{
        batch::{Batch, each, some},
        change::{Asked, Deleted, asked, delete, dry_runs},
        listing::{Placed, list},
    },
    common::{At, DryRun, Part},
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
    #[serde(flatten)]
    at: At,
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
        let aws = cx.at(&self.at);
        aws.send(&self.request()).await.map(|snapshot| Json(snapshot.into()))
    }
}

impl Preview<App> for Create {
    type Plan = Asked<SnapshotRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<SnapshotRow>> {
        asked(&cx.at(&self.at), Vec::new(), &self.request()).await
    }
}

/// Delete an EBS snapshot for good
///
/// AWS refuses while an image uses it.
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
    type Plan = Lost;

    fn target(&self) -> Target {
        self.at.target("ebs snapshot", &self.snapshot_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.at(&self.at);
        let ids = some("snapshot_ids", &self.snapshot_ids, "ebs_list_snapshots shows what there is")?;
        let now = named(&aws, &ids).await?;
        Ok(Lost { now, dry_runs: dry_runs(&aws, &ids, |snapshot_id| DeleteSnapshot { snapshot_id }).await? })
    }
}

/// What would be gone, and what AWS says to a dry run for each.
#[derive(Serialize, JsonSchema)]
struct Lost {
    now: Vec<SnapshotRow>,
    dry_runs: BTreeMap<String, DryRun>,
}

async fn named<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<SnapshotRow>> {
    let question = DescribeSnapshots { snapshot_ids: ids.to_vec(), owner_ids: Vec::new(), filters: Vec::new() };
    aws.send(&question).await.map(|found| found.snapshots.into_iter().map(SnapshotRow::from).collect())
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
