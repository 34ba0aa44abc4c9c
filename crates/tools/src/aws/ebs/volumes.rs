//! EBS volumes: find, make, change and delete them.

mod wire;

use std::{collections::BTreeMap, fmt, slice};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, ErrorKind, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
    Weighed,
};

use self::wire::{
    CreateVolume, DeleteVolume, DescribeVolumes, DescribeVolumesModifications, Modification, ModifyVolume, Volume,
};
use super::{cost, filters, snapshots, specification};
use crate::{
    App, Cx,
    aws::{
        batch::{Batch, each, some},
        change::{Asked, Deleted, asked, delete, dry_runs},
        ec2::prices::disks::VolumeSize,
        listing::{Placed, list},
        waiting::{Condition, Done},
    },
    common::{At, DryRun, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["ebs.describe_volumes", "ebs_list_volumes"]),
    ToolDef::changes::<Create>()
        .formerly(&["ebs.create_volume", "ebs.restore_volume_from_snapshot", "ebs_restore_volume_from_snapshot"])
        .spending(),
    ToolDef::changes::<Modify>().formerly(&["ebs.modify_volume"]).spending(),
    ToolDef::reads::<Modifications>().formerly(&["ebs_get_modification_progress"]),
    ToolDef::destroys::<Delete>().formerly(&["ebs.delete_volume"]),
];

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum VolumeType {
    Gp3,
    Gp2,
    Io2,
    Io1,
    St1,
    Sc1,
    Standard,
}

impl fmt::Display for VolumeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gp3 => "gp3",
            Self::Gp2 => "gp2",
            Self::Io2 => "io2",
            Self::Io1 => "io1",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
            Self::Standard => "standard",
        })
    }
}

impl VolumeType {
    /// IOPS have to be asked for.
    fn wants_iops(self) -> bool {
        matches!(self, Self::Io1 | Self::Io2)
    }

    /// What AWS would refuse in words that do not say what fits.
    fn check(self, size: Option<u32>, iops: Option<u32>, throughput: Option<u32>) -> Result<()> {
        if iops.is_some() && !self.wants_iops() && !matches!(self, Self::Gp3) {
            return Err(Error::validation(format!("`iops` does not go with {self}")).hint("gp3, io1 and io2 take it"));
        }
        if throughput.is_some() && !matches!(self, Self::Gp3) {
            return Err(Error::validation(format!("`throughput` does not go with {self}")).hint("gp3 takes it"));
        }
        let least = match self {
            Self::St1 | Self::Sc1 => 125,
            Self::Io1 | Self::Io2 => 4,
            Self::Gp2 | Self::Gp3 | Self::Standard => 1,
        };
        match size {
            Some(size) if size < least => Err(Error::validation(format!("{self} has {least} GiB or more, not {size}"))),
            _ => Ok(()),
        }
    }
}

/// List EBS volumes: size, type, state, and what they are attached to
///
/// Those in state available are attached to nothing: they cost and serve nobody.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only these volume IDs.
    volume_ids: Option<Vec<String>>,
    /// creating, available, in-use, deleting, error.
    states: Option<Vec<String>>,
    /// Only those attached to these instances.
    instance_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for List {
    const NAME: &'static str = "ebs_describe_volumes";
    const EXAMPLE: &'static str = r#"{"states": ["available"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<VolumeRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<VolumeRow>>> {
        let asked = vec![
            ("status", self.states.unwrap_or_default()),
            ("attachment.instance-id", self.instance_ids.unwrap_or_default()),
        ];
        let question = DescribeVolumes {
            volume_ids: self.volume_ids.unwrap_or_default(),
            filters: filters(asked, self.tags.as_ref()),
        };
        list(&cx, &self.part, &question).await
    }
}

/// Create an EBS volume, empty or from a snapshot
///
/// Encrypted unless encrypted is false. It costs from then on, used or not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Zone of the instance that it is meant for.
    availability_zone: String,
    /// GiB; that of the snapshot when absent.
    #[schemars(range(min = 1, max = 65536))]
    size: Option<u32>,
    /// Snapshot to make it from.
    snapshot_id: Option<String>,
    /// gp3 when absent.
    volume_type: Option<VolumeType>,
    /// IOPS of gp3, io1 and io2.
    iops: Option<u32>,
    /// MiB/s of gp3.
    throughput: Option<u32>,
    #[serde(default = "yes")]
    /// Encrypt it.
    encrypted: bool,
    /// KMS key instead of the account's default.
    kms_key_id: Option<String>,
    /// Tags, Name among them.
    tags: Option<BTreeMap<String, String>>,
    /// Names this request: sent again, it makes no second volume.
    client_token: Option<String>,
    /// Wait until it is available, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

fn yes() -> bool {
    true
}

impl Create {
    fn request(&self, token: String) -> Result<CreateVolume> {
        if self.size.is_none() && self.snapshot_id.is_none() {
            return Err(Error::validation("neither `size` nor `snapshot_id` is given"));
        }
        let volume_type = self.volume_type.unwrap_or(VolumeType::Gp3);
        volume_type.check(self.size, self.iops, self.throughput)?;
        if volume_type.wants_iops() && self.iops.is_none() {
            return Err(Error::validation(format!("{volume_type} has no IOPS of its own")).hint("give `iops`"));
        }
        Ok(CreateVolume {
            availability_zone: self.availability_zone.clone(),
            size: self.size,
            snapshot_id: self.snapshot_id.clone(),
            volume_type,
            iops: self.iops,
            throughput: self.throughput,
            encrypted: self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            tag_specifications: specification("volume", self.tags.clone()),
            client_token: self.client_token.clone().unwrap_or(token),
        })
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ebs_create_volume";
    const EXAMPLE: &'static str = r#"{"availability_zone": "eu-west-1a", "size": 500, "tags": {"Name": "datasets"}}"#;
    type Access = Changes;
    type Output = Json<Done<VolumeRow>>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done<VolumeRow>>> {
        let aws = cx.at(&self.at);
        let volume = VolumeRow::from(aws.send(&self.request(cx.token())?).await?);
        let id = volume.volume_id.clone();
        let available = self.wait.then(|| Condition::new("ec2", "VolumeAvailable", "VolumeIds", slice::from_ref(&id)));
        Done::after(&cx, &aws, volume, available, format!("created {id}")).await.map(Json)
    }
}

impl Preview<App> for Create {
    type Plan = Weighed<Asked<VolumeRow>>;

    fn target(&self) -> Target {
        self.at.target("new ebs volume in", [&self.availability_zone])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Asked<VolumeRow>>> {
        let aws = cx.at(&self.at);
        let request = self.request("plan".to_owned())?;
        let impact = match self.size {
            Some(gib) => {
                let kind = request.volume_type.to_string();
                let volume = VolumeSize { kind: &kind, gib, iops: self.iops, throughput: self.throughput };
                cost::of_volume(&aws, &volume, None).await
            }
            None => cost::unknown("the size is the snapshot's; give `size`"),
        };
        Ok(Weighed::new(asked(&aws, Vec::new(), &request).await?, impact))
    }
}

/// Change the size, type or speed of an EBS volume while it is in use
///
/// A volume never shrinks. The file system has to be grown afterwards; the next change has to wait six hours.
/// ebs_describe_volume_modifications shows how far it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Modify {
    /// Volume ID.
    volume_id: String,
    /// GiB, not less than now.
    #[schemars(range(min = 1, max = 65536))]
    size: Option<u32>,
    /// Another type.
    volume_type: Option<VolumeType>,
    /// IOPS of gp3, io1 and io2.
    iops: Option<u32>,
    /// MiB/s of gp3.
    throughput: Option<u32>,
    /// Let several instances attach it; io1 and io2 only.
    multi_attach_enabled: Option<bool>,
    #[serde(flatten)]
    at: At,
}

/// What a volume is priced by.
struct Priced {
    kind: String,
    gib: u32,
    iops: Option<u32>,
    throughput: Option<u32>,
}

impl Priced {
    fn view(&self) -> VolumeSize<'_> {
        VolumeSize { kind: &self.kind, gib: self.gib, iops: self.iops, throughput: self.throughput }
    }
}

impl Modify {
    /// The volume as it is, and as it would be.
    fn sizes(&self, now: &VolumeRow) -> Option<(Priced, Priced)> {
        let (kind, gib) = (now.volume_type.clone()?, now.size?);
        let after = Priced {
            kind: self.volume_type.map_or_else(|| kind.clone(), |kind| kind.to_string()),
            gib: self.size.unwrap_or(gib),
            iops: self.iops.or(now.iops),
            throughput: self.throughput.or(now.throughput),
        };
        Some((Priced { kind, gib, iops: now.iops, throughput: now.throughput }, after))
    }

    fn request(&self) -> ModifyVolume {
        ModifyVolume {
            volume_id: self.volume_id.clone(),
            size: self.size,
            volume_type: self.volume_type,
            iops: self.iops,
            throughput: self.throughput,
            multi_attach_enabled: self.multi_attach_enabled,
        }
    }

    /// AWS would refuse it, after some services had already said yes.
    fn check(&self, now: &[VolumeRow]) -> Result<()> {
        let nothing = self.size.is_none() && self.volume_type.is_none() && self.iops.is_none();
        if nothing && self.throughput.is_none() && self.multi_attach_enabled.is_none() {
            return Err(Error::validation("nothing to change")
                .hint("give size, volume_type, iops, throughput or multi_attach_enabled"));
        }
        if let Some(volume_type) = self.volume_type {
            volume_type.check(self.size, self.iops, self.throughput)?;
        }
        match (self.size, now.first().and_then(|volume| volume.size)) {
            (Some(wanted), Some(size)) if wanted < size => {
                Err(Error::validation(format!("{} has {size} GiB and cannot shrink to {wanted}", self.volume_id))
                    .hint("make a smaller volume and copy the files"))
            }
            _ => Ok(()),
        }
    }
}

impl Tool<App> for Modify {
    const NAME: &'static str = "ebs_modify_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0", "size": 1000}"#;
    type Access = Changes;
    type Output = Json<Modification>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Modification>> {
        let aws = cx.at(&self.at);
        self.check(&named(&aws, slice::from_ref(&self.volume_id)).await?)?;
        aws.send(&self.request()).await.map(|reply| Json(reply.volume_modification))
    }
}

impl Preview<App> for Modify {
    type Plan = Weighed<Asked<VolumeRow>>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Asked<VolumeRow>>> {
        let aws = cx.at(&self.at);
        let volumes = named(&aws, slice::from_ref(&self.volume_id)).await?;
        self.check(&volumes)?;
        let impact = match volumes.first().and_then(|volume| self.sizes(volume)) {
            Some((before, after)) => cost::of_volume(&aws, &after.view(), Some(&before.view())).await,
            None => cost::unknown("EC2 does not say what the volume is now"),
        };
        Ok(Weighed::new(asked(&aws, volumes, &self.request()).await?, impact))
    }
}

/// Show how far changes of EBS volumes are, newest first
///
/// A volume can be used at its new size once its change is optimizing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Modifications {
    /// Only of these volumes.
    volume_ids: Option<Vec<String>>,
    /// modifying, optimizing, completed, failed.
    states: Option<Vec<String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for Modifications {
    const NAME: &'static str = "ebs_describe_volume_modifications";
    const EXAMPLE: &'static str = r#"{"states": ["modifying", "optimizing"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<Modification>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<Modification>>> {
        let question = DescribeVolumesModifications {
            volume_ids: self.volume_ids.unwrap_or_default(),
            filters: filters(vec![("modification-state", self.states.unwrap_or_default())], None),
        };
        list(&cx, &self.part, &question).await
    }
}

/// Delete EBS volumes for good
///
/// Only such as are attached to nothing. With snapshot_first they go once their snapshot is complete.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Volume IDs.
    volume_ids: Vec<String>,
    /// Keep what is on each in a snapshot.
    #[serde(default)]
    snapshot_first: bool,
    #[serde(flatten)]
    at: At,
}

impl Delete {
    /// A volume that is still attached is refused before a snapshot of it costs anything.
    async fn one(&self, cx: &Cx<Destroys>, aws: &Aws<Destroys>, id: String) -> Result<DeletedVolume> {
        let mut kept = None;
        if self.snapshot_first {
            if let Some(refusal) = aws.dry_run_of(&DeleteVolume { volume_id: id.clone() }).await? {
                return Err(refusal);
            }
            if let Some(volume) =
                named(aws, slice::from_ref(&id)).await?.first().filter(|it| !it.attached_to.is_empty())
            {
                let message = format!("{id} is attached to {}", volume.attached_to.join(", "));
                return Err(Error::new(ErrorKind::Conflict, message).hint("ebs_detach_volume detaches it"));
            }
            kept = Some(snapshots::keep(cx, aws, &id).await?);
        }
        let gone = delete(aws, DeleteVolume { volume_id: id.clone() }, id).await;
        match (gone, kept) {
            (Ok(Deleted { deleted }), snapshot_id) => Ok(DeletedVolume { deleted, snapshot_id }),
            (Err(error), Some(kept)) => Err(error.partial([format!("created {kept}")])),
            (Err(error), None) => Err(error),
        }
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ebs_delete_volume";
    const EXAMPLE: &'static str = r#"{"volume_ids": ["vol-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Batch<DeletedVolume>>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Batch<DeletedVolume>>> {
        let aws = cx.at(&self.at);
        let ids = some("volume_ids", &self.volume_ids, "ebs_describe_volumes shows what there is")?;
        each(&cx, ids, |id| self.one(&cx, &aws, id)).await.map(Json)
    }
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        self.at.target("ebs volume", &self.volume_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.at(&self.at);
        let ids = some("volume_ids", &self.volume_ids, "ebs_describe_volumes shows what there is")?;
        let now = named(&aws, &ids).await?;
        Ok(Lost { now, dry_runs: dry_runs(&aws, &ids, |volume_id| DeleteVolume { volume_id }).await? })
    }
}

pub(super) async fn named<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<VolumeRow>> {
    let question = DescribeVolumes { volume_ids: ids.to_vec(), filters: Vec::new() };
    aws.send(&question).await.map(|found| found.volumes.into_iter().map(VolumeRow::from).collect())
}

/// What would be gone, and what AWS says to a dry run for each.
#[derive(Serialize, JsonSchema)]
struct Lost {
    now: Vec<VolumeRow>,
    dry_runs: BTreeMap<String, DryRun>,
}

#[derive(Serialize, JsonSchema)]
struct DeletedVolume {
    deleted: String,
    /// Where what was on it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
}

/// One volume.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VolumeRow {
    volume_id: String,
    name: Option<String>,
    /// GiB.
    pub(super) size: Option<u32>,
    #[serde(rename = "type")]
    volume_type: Option<String>,
    state: Option<String>,
    /// Instance IDs.
    pub(super) attached_to: Vec<String>,
    /// Its device names there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) devices: Vec<String>,
    /// Availability zone.
    pub(super) az: Option<String>,
    encrypted: Option<bool>,
    iops: Option<u32>,
    /// MiB/s.
    throughput: Option<u32>,
    snapshot_id: Option<String>,
    created: Option<String>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
}

impl From<Volume> for VolumeRow {
    fn from(volume: Volume) -> Self {
        let (name, tags) = super::split(volume.tags);
        let (instances, devices): (Vec<_>, Vec<_>) =
            volume.attachments.into_iter().map(|attachment| (attachment.instance_id, attachment.device)).unzip();
        Self {
            volume_id: volume.volume_id,
            name,
            size: volume.size,
            volume_type: volume.volume_type,
            state: volume.state,
            attached_to: instances.into_iter().flatten().collect(),
            devices: devices.into_iter().flatten().collect(),
            az: volume.availability_zone,
            encrypted: volume.encrypted,
            iops: volume.iops,
            throughput: volume.throughput,
            snapshot_id: volume.snapshot_id.filter(|id| !id.is_empty()),
            created: volume.create_time,
            tags,
        }
    }
}
