//! EBS volumes: find, make, change, attach, detach and delete them.

mod wire;

use std::collections::BTreeMap;

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
    common::{Cursor, DryRun, Limit, Profile, Region, aws_target},
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
    const NAME: &'static str = "ebs_describe_volumes";
    const EXAMPLE: &'static str = r#"{"states": ["available"]}"#;
    type Access = Reads;
    type Output = Listing<VolumeRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<VolumeRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let asked = vec![
            ("status", self.states.unwrap_or_default()),
            ("attachment.instance-id", self.instance_ids.unwrap_or_default()),
        ];
        let question = DescribeVolumes {
            volume_ids: self.volume_ids.unwrap_or_default(),
            filters: filters(asked, self.tags.as_ref()),
        };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(VolumeRow::from).collect();
        let listing = Listing::part(rows, found.next, found.pages).about("region", found.region);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
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
    region: Option<Region>,
    profile: Option<Profile>,
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
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.send(&self.request(cx.token())?).await.map(|volume| Json(volume.into()))
    }
}

impl Preview<App> for Create {
    type Plan = Asked;

    fn target(&self) -> Target {
        let zone = vec![self.availability_zone.clone()];
        aws_target("new ebs volume in", zone, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        Ok(Asked { volumes: Vec::new(), dry_run: aws.dry_run_of(&self.request("plan".to_owned())?).await?.into() })
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
    region: Option<Region>,
    profile: Option<Profile>,
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
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        self.check(&named(&aws, &self.volume_id).await?)?;
        aws.send(&self.request()).await.map(|reply| Json(reply.volume_modification))
    }
}

impl Preview<App> for Modify {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ebs volume", vec![self.volume_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let volumes = named(&aws, &self.volume_id).await?;
        self.check(&volumes)?;
        Ok(Asked { volumes, dry_run: aws.dry_run_of(&self.request()).await?.into() })
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
    region: Option<Region>,
    profile: Option<Profile>,
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
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.send(&self.request()).await.map(Json)
    }
}

impl Preview<App> for Attach {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ebs volume", vec![self.volume_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let volumes = named(&aws, &self.volume_id).await?;
        Ok(Asked { volumes, dry_run: aws.dry_run_of(&self.request()).await?.into() })
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
    region: Option<Region>,
    profile: Option<Profile>,
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
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&named(&aws, &self.volume_id).await?)?;
        aws.send(&request).await.map(Json)
    }
}

impl Preview<App> for Detach {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ebs volume", vec![self.volume_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let volumes = named(&aws, &self.volume_id).await?;
        let dry_run = aws.dry_run_of(&self.request(&volumes)?).await?.into();
        Ok(Asked { volumes, dry_run })
    }
}

/// Delete an EBS volume for good
///
/// Only one that is attached to nothing. ebs_create_snapshot keeps what is on it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Volume ID.
    volume_id: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ebs_delete_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = DeleteVolume { volume_id: self.volume_id };
        aws.send(&request).await?;
        Ok(Json(Deleted { deleted: request.volume_id }))
    }
}

impl Preview<App> for Delete {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ebs volume", vec![self.volume_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let volumes = named(&aws, &self.volume_id).await?;
        let dry_run = aws.dry_run_of(&DeleteVolume { volume_id: self.volume_id.clone() }).await?.into();
        Ok(Asked { volumes, dry_run })
    }
}

async fn named<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Vec<VolumeRow>> {
    let question = DescribeVolumes { volume_ids: vec![id.to_owned()], filters: Vec::new() };
    aws.send(&question).await.map(|found| found.volumes.into_iter().map(VolumeRow::from).collect())
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    deleted: String,
}

/// The volumes as they are, and what AWS says to a dry run.
#[derive(Serialize, JsonSchema)]
struct Asked {
    volumes: Vec<VolumeRow>,
    dry_run: DryRun,
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
