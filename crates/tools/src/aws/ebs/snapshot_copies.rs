//! EBS snapshots on their way: how far they are, to other regions, and ready for fast volumes.

mod wire;

use std::{
    collections::BTreeMap,
    slice,
    time::{SystemTime, UNIX_EPOCH},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Impact, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};

use self::wire::{
    CopySnapshot, DescribeFastSnapshotRestores, DisableFastSnapshotRestores, EnableFastSnapshotRestores, FastRestore,
    Switched,
};
use super::{
    cost, filters,
    snapshots::{SnapshotRow, completed, made_before, named, with_token},
    specification, whole,
};
use crate::{
    App, Cx,
    aws::{
        batch::some,
        change::{Asked, asked},
        waiting::Done,
    },
    common::{At, DryRun, Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<Progress>().formerly(&["ebs.get_snapshot_progress"]),
    ToolDef::changes::<Copy>().formerly(&["ebs.copy_snapshot"]).spending(),
    ToolDef::changes::<FastRestores>().formerly(&["ebs.manage_fast_snapshot_restore"]).spending(),
];

/// Where to look for snapshots.
const WHERE: &str = "ebs_list_snapshots shows what there is";

/// Show how far EBS snapshots are, and when they will be complete
///
/// The end is estimated from the progress so far; the first snapshot of a volume slows down towards it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Snapshot IDs.
    snapshot_ids: Vec<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Progress {
    const NAME: &'static str = "ebs_get_snapshot_progress";
    const EXAMPLE: &'static str = r#"{"snapshot_ids": ["snap-0123456789abcdef0"]}"#;
    type Access = Reads;
    type Output = Json<Underway>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Underway>> {
        let found = named(&cx.at(&self.at), &some("snapshot_ids", &self.snapshot_ids, WHERE)?).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Json(Underway { snapshots: found.into_iter().map(|row| HowFar::new(row, now)).collect() }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Underway {
    snapshots: Vec<HowFar>,
}

/// How far a snapshot is.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct HowFar {
    snapshot_id: String,
    state: Option<String>,
    percent: Option<u64>,
    /// GiB of the volume.
    volume_size: Option<u32>,
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_seconds: Option<u64>,
    /// Estimate of what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<u64>,
}

impl HowFar {
    /// `now` in seconds since 1970.
    fn new(row: SnapshotRow, now: u64) -> Self {
        let percent = row.progress.as_deref().and_then(|text| text.trim_end_matches('%').parse::<u64>().ok());
        let is_pending = row.state.as_deref() == Some("pending");
        let started = row.started.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let started = started.and_then(|time| u64::try_from(time.unix_timestamp()).ok()).filter(|_| is_pending);
        let elapsed_seconds = started.map(|started| now.saturating_sub(started));
        let eta_seconds = match (elapsed_seconds, percent) {
            (Some(elapsed), Some(percent @ 1..=100)) => Some(elapsed.saturating_mul(100 - percent) / percent),
            _ => None,
        };
        Self {
            snapshot_id: row.snapshot_id,
            state: row.state,
            percent,
            volume_size: row.volume_size,
            started: row.started,
            elapsed_seconds,
            eta_seconds,
        }
    }
}

/// Copy an EBS snapshot, to another region or under another key
///
/// Encrypted unless encrypted is false. The copy costs as any snapshot does, and so does the traffic between regions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// Snapshot to copy.
    #[schemars(extend("x-also" = ["source_snapshot_id", "SourceSnapshotId"]))]
    snapshot_id: String,
    /// Region that it is in.
    source_region: Region,
    /// Region that the copy goes to.
    #[schemars(extend("x-also" = ["region", "Region"]))]
    destination_region: Region,
    /// What it is for.
    description: Option<String>,
    /// Encrypt the copy.
    #[serde(default = "yes")]
    encrypted: bool,
    /// KMS key of the destination instead of the account's default.
    kms_key_id: Option<String>,
    /// Tags, Name among them.
    tags: Option<BTreeMap<String, String>>,
    /// Names this request: sent again, it makes no second copy. Kept as a tag.
    client_token: Option<String>,
    /// Wait until it is complete, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    profile: Option<Profile>,
}

fn yes() -> bool {
    true
}

impl Copy {
    fn request(&self) -> CopySnapshot {
        let standard = || format!("Copy of {} from {}", self.snapshot_id, self.source_region);
        CopySnapshot {
            source_region: self.source_region.to_string(),
            source_snapshot_id: self.snapshot_id.clone(),
            description: self.description.clone().unwrap_or_else(standard),
            encrypted: (self.encrypted || self.kms_key_id.is_some()).then_some(true),
            kms_key_id: self.kms_key_id.clone(),
            tag_specifications: specification("snapshot", with_token(self.tags.clone(), self.client_token.as_ref())),
        }
    }
}

impl Tool<App> for Copy {
    const NAME: &'static str = "ebs_copy_snapshot";
    const EXAMPLE: &'static str = r#"{"snapshot_id": "snap-0123456789abcdef0", "source_region": "eu-west-1", "destination_region": "eu-north-1"}"#;
    type Access = Changes;
    type Output = Json<Done<SnapshotRow>>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done<SnapshotRow>>> {
        let aws = cx.aws(Some(&self.destination_region), self.profile.as_ref());
        if let Some(copy) = made_before(&aws, self.client_token.as_ref()).await? {
            return completed(&cx, &aws, copy, self.wait).await.map(Json);
        }
        let id = aws.send(&self.request()).await?.snapshot_id;
        let copy = named(&aws, slice::from_ref(&id)).await.map_err(|error| error.partial([format!("created {id}")]))?;
        let copy = copy.into_iter().next().ok_or_else(|| {
            Error::not_found("EBS snapshot", &id).partial([format!("created {id}")]).hint("it may show up in a moment")
        })?;
        completed(&cx, &aws, copy, self.wait).await.map(Json)
    }
}

impl Preview<App> for Copy {
    type Plan = Weighed<Asked<SnapshotRow>>;

    fn target(&self) -> Target {
        let at = At { region: Some(self.destination_region.clone()), profile: self.profile.clone() };
        at.target("copy of ebs snapshot", [&self.snapshot_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Asked<SnapshotRow>>> {
        let source = cx.aws(Some(&self.source_region), self.profile.as_ref());
        let now = named(&source, slice::from_ref(&self.snapshot_id)).await?;
        let aws = cx.aws(Some(&self.destination_region), self.profile.as_ref());
        let impact = cost::of_snapshot(&aws, now.first().and_then(|snapshot| snapshot.volume_size)).await;
        Ok(Weighed::new(asked(&aws, now, &self.request()).await?, impact))
    }
}

/// Make volumes from snapshots fast from the start, or stop that
///
/// It costs for every hour, snapshot and zone until it is disabled again, used or not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FastRestores {
    /// Snapshot IDs.
    snapshot_ids: Vec<String>,
    /// Zones where volumes are made of them.
    availability_zones: Vec<String>,
    state: Switch,
    #[serde(flatten)]
    at: At,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Switch {
    Enable,
    Disable,
}

impl FastRestores {
    fn asked(&self) -> Result<(Vec<String>, Vec<String>)> {
        let zones = some("availability_zones", &self.availability_zones, "vpc_list_subnets shows the zones in use")?;
        Ok((some("snapshot_ids", &self.snapshot_ids, WHERE)?, zones))
    }

    async fn send<A: Access + Covers<Changes>>(&self, aws: &Aws<A>) -> Result<Switched> {
        let (source_snapshot_ids, availability_zones) = self.asked()?;
        match self.state {
            Switch::Enable => aws.send(&EnableFastSnapshotRestores { source_snapshot_ids, availability_zones }).await,
            Switch::Disable => aws.send(&DisableFastSnapshotRestores { source_snapshot_ids, availability_zones }).await,
        }
    }
}

impl Tool<App> for FastRestores {
    const NAME: &'static str = "ebs_manage_fast_snapshot_restore";
    const EXAMPLE: &'static str =
        r#"{"snapshot_ids": ["snap-0123456789abcdef0"], "availability_zones": ["eu-west-1a"], "state": "enable"}"#;
    type Access = Changes;
    type Output = Json<SwitchedTo>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<SwitchedTo>> {
        let said = self.send(&cx.at(&self.at)).await?;
        let failed: Vec<String> = said.unsuccessful.iter().flat_map(wire::Unsuccessful::words).collect();
        if said.successful.is_empty() && !failed.is_empty() {
            return Err(Error::new(ErrorKind::Conflict, format!("none was switched: {}", failed.join("; "))));
        }
        Ok(Json(SwitchedTo { successful: said.successful, failed }))
    }
}

impl Preview<App> for FastRestores {
    type Plan = Weighed<Switching>;

    fn target(&self) -> Target {
        self.at.target("ebs snapshot", &self.snapshot_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Switching>> {
        let aws = cx.at(&self.at);
        let (source_snapshot_ids, availability_zones) = self.asked()?;
        let asked =
            vec![("snapshot-id", source_snapshot_ids.clone()), ("availability-zone", availability_zones.clone())];
        let now = whole(&cx, &aws, &DescribeFastSnapshotRestores { filters: filters(asked, None) }).await?;
        let impact = match self.state {
            Switch::Enable => {
                cost::of_fast_restores(&aws, self.snapshot_ids.len() * self.availability_zones.len()).await
            }
            Switch::Disable => Impact::NONE,
        };
        let refusal = match self.state {
            Switch::Enable => {
                aws.dry_run_of(&EnableFastSnapshotRestores { source_snapshot_ids, availability_zones }).await?
            }
            Switch::Disable => {
                aws.dry_run_of(&DisableFastSnapshotRestores { source_snapshot_ids, availability_zones }).await?
            }
        };
        Ok(Weighed::new(Switching { now, dry_run: refusal.into() }, impact))
    }
}

impl wire::Unsuccessful {
    fn words(&self) -> Vec<String> {
        let id = self.snapshot_id.as_deref().unwrap_or("?");
        let errors = self.fast_snapshot_restore_state_errors.iter();
        errors
            .map(|error| {
                let zone = error.availability_zone.as_deref().unwrap_or("?");
                let why = error.error.as_ref();
                let code = why.and_then(|why| why.code.as_deref()).unwrap_or("no code");
                let message = why.and_then(|why| why.message.as_deref()).unwrap_or("no reason given");
                format!("{id} in {zone}: {message} ({code})")
            })
            .collect()
    }
}

#[derive(Serialize, JsonSchema)]
struct SwitchedTo {
    successful: Vec<FastRestore>,
    /// Why others were not switched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<String>,
}

/// How it is now, and what AWS says to a dry run.
#[derive(Serialize, JsonSchema)]
struct Switching {
    now: Vec<FastRestore>,
    dry_run: DryRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_from_the_progress_so_far() {
        let row = |state: &str, progress: &str| SnapshotRow {
            state: Some(state.to_owned()),
            progress: Some(progress.to_owned()),
            started: Some("2026-11-21T10:00:00.000Z".to_owned()),
            ..SnapshotRow::default()
        };
        let ten_minutes_later = 1_795_255_200 + 600;
        let eta = |state, progress| HowFar::new(row(state, progress), ten_minutes_later).eta_seconds;
        assert_eq!(eta("pending", "25%"), Some(1800));
        assert_eq!(eta("pending", "100%"), Some(0));
        assert_eq!(eta("pending", "0%"), None, "nobody can tell yet");
        assert_eq!(eta("pending", ""), None);
        assert_eq!(eta("completed", "100%"), None, "there is nothing left");
        assert_eq!(HowFar::new(row("pending", "25%"), 0).elapsed_seconds, Some(0), "clocks differ");
    }
}
