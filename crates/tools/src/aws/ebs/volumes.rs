//! EBS volumes: find, make, change, attach, detach and delete them.

mod wire;

use std::{collections::BTreeMap, slice};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
};

use self::wire::{
    AttachVolume, CreateVolume, DeleteVolume, DescribeVolumes, DetachVolume, Modification, ModifyVolume, Volume,
};
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
    ToolDef::reads::<List>().formerly(&["ebs.describe_volumes", "ebs_list_volumes"]),
    ToolDef::changes::<Create>().formerly(&["ebs.create_volume"]).spending(),
    ToolDef::changes::<Modify>().formerly(&["ebs.modify_volume"]).spending(),
    ToolDef::changes::<Attach>().formerly(&["ebs.attach_volume"]),
    ToolDef::changes::<Detach>().formerly(&["ebs.detach_volume"]),
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
        Ok(CreateVolume {
            availability_zone: self.availability_zone.clone(),
            size: self.size,
            snapshot_id: self.snapshot_id.clone(),
            volume_type: self.volume_type.unwrap_or(VolumeType::Gp3),
            iops: self.iops,
            throughput: self.throughput,
            encrypted: self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            tag_specifications: specification("volume", self.tags.clone()),
            client_token: token,
        })
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ebs_create_volume";
    const EXAMPLE: &'static str = r#"{"availability_zone": "eu-west-1a", "size": 500, "tags": {"Name": "datasets"}}"#;
    type Access = Changes;
    type Output = Json<VolumeRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<VolumeRow>> {
        let aws = cx.at(&self.at);
        aws.send(&self.request(cx.token())?).await.map(|volume| Json(volume.into()))
    }
}

impl Preview<App> for Create {
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("new ebs volume in", [&self.availability_zone])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        asked(&aws, Vec::new(), &self.request("plan".to_owned())?).await
    }
}

/// Change the size, type or speed of an EBS volume while it is in use
///
/// A volume never shrinks. The file system has to be grown afterwards; the next change has to wait six hours.
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
    #[serde(flatten)]
    at: At,
}

impl Modify {
    fn request(&self) -> ModifyVolume {
        ModifyVolume {
            volume_id: self.volume_id.clone(),
            size: self.size,
            volume_type: self.volume_type,
            iops: self.iops,
            throughput: self.throughput,
        }
    }

    /// AWS would refuse it, after some services had already said yes.
    fn check(&self, now: &[VolumeRow]) -> Result<()> {
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
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        let volumes = named(&aws, slice::from_ref(&self.volume_id)).await?;
        self.check(&volumes)?;
        asked(&aws, volumes, &self.request()).await
    }
}

/// Attach an EBS volume to an instance in the same zone
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Attach {
    /// Volume ID.
    volume_id: String,
    /// Instance ID.
    instance_id: String,
    /// Device name, such as /dev/sdf.
    #[serde(default = "first_device")]
    device: String,
    #[serde(flatten)]
    at: At,
}

fn first_device() -> String {
    "/dev/sdf".to_owned()
}

impl Attach {
    fn request(&self) -> AttachVolume {
        AttachVolume {
            volume_id: self.volume_id.clone(),
            instance_id: self.instance_id.clone(),
            device: self.device.clone(),
        }
    }
}

impl Tool<App> for Attach {
    const NAME: &'static str = "ebs_attach_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0", "instance_id": "i-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<wire::Attachment>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<wire::Attachment>> {
        let aws = cx.at(&self.at);
        aws.send(&self.request()).await.map(Json)
    }
}

impl Preview<App> for Attach {
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        let volumes = named(&aws, slice::from_ref(&self.volume_id)).await?;
        asked(&aws, volumes, &self.request()).await
    }
}

/// Detach an EBS volume from its instance
///
/// Unmount it first: with force, what was not yet written is lost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Detach {
    /// Volume ID.
    volume_id: String,
    /// Instance ID, for a volume that is attached to several.
    instance_id: Option<String>,
    /// Do not wait for the instance.
    #[serde(default)]
    force: bool,
    #[serde(flatten)]
    at: At,
}

impl Detach {
    /// The request, with the one instance that the volume is attached to where none was named.
    fn request(&self, volumes: &[VolumeRow]) -> Result<DetachVolume> {
        let attached = volumes.first().map(|volume| volume.attached_to.as_slice()).unwrap_or_default();
        let instance_id = match (&self.instance_id, attached) {
            (Some(id), _) => id.clone(),
            (None, [only]) => only.clone(),
            (None, []) => {
                return Err(Error::new(
                    trainyard_contract::ErrorKind::Conflict,
                    format!("{} is attached to nothing", self.volume_id),
                ));
            }
            (None, several) => {
                return Err(Error::validation(format!("{} is attached to several instances", self.volume_id))
                    .hint(format!("name one as instance_id: {}", several.join(", "))));
            }
        };
        Ok(DetachVolume { volume_id: self.volume_id.clone(), instance_id, force: self.force.then_some(true) })
    }
}

impl Tool<App> for Detach {
    const NAME: &'static str = "ebs_detach_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<wire::Attachment>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<wire::Attachment>> {
        let aws = cx.at(&self.at);
        let request = self.request(&named(&aws, slice::from_ref(&self.volume_id)).await?)?;
        aws.send(&request).await.map(Json)
    }
}

impl Preview<App> for Detach {
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        let volumes = named(&aws, slice::from_ref(&self.volume_id)).await?;
        let request = self.request(&volumes)?;
        asked(&aws, volumes, &request).await
    }
}

/// Delete an EBS volume for good
///
/// Only one that is attached to nothing. ebs_create_snapshot keeps what is on it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Volume IDs.
    volume_ids: Vec<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ebs_delete_volume";
    const EXAMPLE: &'static str = r#"{"volume_ids": ["vol-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Batch<Deleted>>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Batch<Deleted>>> {
        let aws = cx.at(&self.at);
        let ids = some("volume_ids", &self.volume_ids, "ebs_describe_volumes shows what there is")?;
        each(&cx, ids, |id| delete(&aws, DeleteVolume { volume_id: id.clone() }, id)).await.map(Json)
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

async fn named<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<VolumeRow>> {
    let question = DescribeVolumes { volume_ids: ids.to_vec(), filters: Vec::new() };
    aws.send(&question).await.map(|found| found.volumes.into_iter().map(VolumeRow::from).collect())
}

/// What would be gone, and what AWS says to a dry run for each.
#[derive(Serialize, JsonSchema)]
struct Lost {
    now: Vec<VolumeRow>,
    dry_runs: BTreeMap<String, DryRun>,
}

/// One volume.
#[derive(Debug, Serialize, JsonSchema)]
struct VolumeRow {
    volume_id: String,
    name: Option<String>,
    /// GiB.
    size: Option<u32>,
    #[serde(rename = "type")]
    volume_type: Option<String>,
    state: Option<String>,
    /// Instance IDs.
    attached_to: Vec<String>,
    /// Availability zone.
    az: Option<String>,
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
        Self {
            volume_id: volume.volume_id,
            name,
            size: volume.size,
            volume_type: volume.volume_type,
            state: volume.state,
            attached_to: volume.attachments.into_iter().filter_map(|attachment| attachment.instance_id).collect(),
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
