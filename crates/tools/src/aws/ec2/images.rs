//! EC2 machine images: find, make, copy and deregister them.

mod deregister;
mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef, free_text,
};

use self::wire::{CopyImage, CreateImage};
pub(super) use self::wire::{DescribeImages, Image};
use super::{
    instances::wire::DescribeInstances,
    tagged::{filters, specification, split, whole},
};
use crate::{
    App, Cx,
    aws::waiting::{Condition, Waited},
    common::{DryRun, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<Describe>().formerly(&["ec2.describe_images", "aws.describe_images", "ec2_list_images"]),
    ToolDef::changes::<Create>().formerly(&["ec2.create_ami", "aws.create_ami"]),
    ToolDef::changes::<Copy>().formerly(&["ec2.copy_ami"]),
    ToolDef::destroys::<deregister::Deregister>().formerly(&["ec2.deregister_ami", "aws.deregister_ami"]),
];

#[derive(Debug, Clone, std::marker::Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Architecture {
    #[serde(rename = "x86_64")]
    X86,
    Arm64,
}

/// Find machine images (AMIs), newest first
///
/// The account's own unless owners says otherwise; those of others need a name pattern, an ID or a filter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Only these image IDs.
    image_ids: Option<Vec<String>>,
    /// Account IDs, self, amazon or aws-marketplace. self when absent.
    owners: Option<Vec<String>>,
    /// Name; * stands for any letters, such as Deep Learning Base*Nvidia*Ubuntu*.
    name_pattern: Option<String>,
    architecture: Option<Architecture>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    /// Further EC2 filters by name, each with its alternatives.
    filters: Option<BTreeMap<String, Vec<String>>>,
    /// Only the newest.
    latest_only: Option<bool>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Describe {
    fn question(&self) -> Result<DescribeImages> {
        let image_ids = self.image_ids.clone().unwrap_or_default();
        let mut asked = vec![("name", self.name_pattern.iter().cloned().collect())];
        asked.extend(self.filters.iter().flatten().map(|(name, values)| (name.as_str(), values.clone())));
        let mut filters = filters(asked, self.tags.as_ref());
        let owners = match &self.owners {
            Some(owners) => owners.clone(),
            None if image_ids.is_empty() => vec!["self".to_owned()],
            None => Vec::new(),
        };
        let own = owners.iter().all(|owner| owner == "self");
        if image_ids.is_empty() && filters.is_empty() && !own {
            return Err(Error::validation("that would be every image that others have published")
                .hint("narrow it with name_pattern, filters, tags or image_ids"));
        }
        let architecture = self.architecture.map(|it| match it {
            Architecture::X86 => "x86_64".to_owned(),
            Architecture::Arm64 => "arm64".to_owned(),
        });
        filters.extend(super::tagged::filters(vec![("architecture", architecture.into_iter().collect())], None));
        Ok(DescribeImages { image_ids, owners, filters })
    }
}

impl Tool<App> for Describe {
    const NAME: &'static str = "ec2_describe_images";
    const EXAMPLE: &'static str =
        r#"{"owners": ["amazon"], "name_pattern": "Deep Learning Base OSS Nvidia*Ubuntu 22.04*", "latest_only": true}"#;
    type Access = Reads;
    type Output = Listing<ImageRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<ImageRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        // AWS gives them in no order, so the newest may be on the last page.
        let mut images = whole(&cx, &aws, &self.question()?).await?;
        images.sort_by(|one, other| other.creation_date.cmp(&one.creation_date));
        let found = images.len();
        let most = if self.latest_only == Some(true) { 1 } else { self.limit.0 as usize };
        images.truncate(most);
        let rows: Vec<_> = images.into_iter().map(ImageRow::from).collect();
        let listing = Listing::whole(rows).about("found", found);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Create an AMI from an instance
///
/// The instance reboots, so that its file systems are sound, unless no_reboot says otherwise.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Instance ID.
    instance_id: String,
    /// Name, new in this region.
    name: String,
    /// What it is.
    description: Option<String>,
    /// Do not reboot; files that are being written may be broken in the image.
    no_reboot: Option<bool>,
    /// Tags of the image and its snapshots.
    tags: Option<BTreeMap<String, String>>,
    /// Tag the image alone when false.
    tag_snapshots: Option<bool>,
    /// Wait until it is available, up to 38 seconds; operation_get waits on.
    #[serde(default)]
    wait: bool,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Create {
    fn request(&self) -> CreateImage {
        let mut tag_specifications = specification("image", self.tags.clone());
        if self.tag_snapshots != Some(false) {
            tag_specifications.extend(specification("snapshot", self.tags.clone()));
        }
        CreateImage {
            instance_id: self.instance_id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            no_reboot: self.no_reboot.unwrap_or_default(),
            tag_specifications,
        }
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ec2_create_ami";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0", "name": "trainer-2026-11"}"#;
    type Access = Changes;
    type Output = Json<Made>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Made>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request();
        let (made, region) = aws.send_whole(&request).await?;
        let waited = available(&cx, &aws, &made.image_id, self.wait).await?;
        Ok(Json(Made { region, image_id: made.image_id, rebooted: Some(!request.no_reboot), waited }))
    }
}

impl Preview<App> for Create {
    type Plan = Copied;

    fn target(&self) -> Target {
        aws_target("ec2 instance", vec![self.instance_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Copied> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = DescribeInstances { instance_ids: vec![self.instance_id.clone()], filters: Vec::new() };
        let instance = aws.send(&question).await?.into_instances().next();
        let instance = instance.ok_or_else(|| Error::not_found("instance", &self.instance_id))?;
        let request = self.request();
        Ok(Copied {
            instance_state: instance.state.name,
            would_reboot: !request.no_reboot,
            volumes: instance.block_device_mappings.into_iter().filter_map(|it| it.ebs?.volume_id).collect(),
            dry_run: aws.dry_run_of(&request).await?.into(),
        })
    }
}

/// Copy an AMI from another region
///
/// The copy is encrypted unless encrypted is false. Data transfer and snapshots cost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// Image ID in the source region.
    source_image_id: String,
    /// Region it is in.
    source_region: Region,
    /// Name of the copy.
    name: String,
    /// What it is.
    description: Option<String>,
    /// Encrypt its snapshots; true when absent.
    encrypted: Option<bool>,
    /// KMS key instead of the account's default.
    kms_key_id: Option<String>,
    /// Copy the tags as well.
    copy_tags: Option<bool>,
    /// Wait until it is available, up to 38 seconds; operation_get waits on.
    #[serde(default)]
    wait: bool,
    /// Region of the copy.
    #[schemars(extend("x-also" = ["destination_region"]))]
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Copy {
    fn request(&self, client_token: String) -> CopyImage {
        CopyImage {
            source_image_id: self.source_image_id.clone(),
            source_region: self.source_region.to_string(),
            name: self.name.clone(),
            description: self.description.clone(),
            encrypted: self.encrypted.unwrap_or(true),
            kms_key_id: self.kms_key_id.clone(),
            copy_image_tags: self.copy_tags,
            client_token,
        }
    }
}

impl Tool<App> for Copy {
    const NAME: &'static str = "ec2_copy_ami";
    const EXAMPLE: &'static str =
        r#"{"source_image_id": "ami-0123456789abcdef0", "source_region": "eu-west-1", "name": "trainer-2026-11"}"#;
    type Access = Changes;
    type Output = Json<Made>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Made>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (made, region) = aws.send_whole(&self.request(cx.token())).await?;
        let waited = available(&cx, &aws, &made.image_id, self.wait).await?;
        Ok(Json(Made { region, image_id: made.image_id, rebooted: None, waited }))
    }
}

impl Preview<App> for Copy {
    type Plan = Source;

    fn target(&self) -> Target {
        aws_target(
            "new ami copied from",
            vec![self.source_image_id.clone()],
            self.region.as_ref(),
            self.profile.as_ref(),
        )
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Source> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let image = one(&aws.in_region(&self.source_region.to_string()), &self.source_image_id).await?;
        let dry_run = aws.dry_run_of(&self.request("plan".to_owned())).await?.into();
        Ok(Source { image: image.into(), dry_run })
    }
}

/// Waits for an image, if that was asked for.
async fn available<A: Access>(cx: &Cx<A>, aws: &Aws<A>, id: &str, wait: bool) -> Result<Option<Waited>> {
    if !wait {
        return Ok(None);
    }
    let ids = [id.to_owned()];
    let outcome = Condition::new("ec2", "ImageAvailable", "ImageIds", &ids).wait(cx, aws).await;
    outcome.map(Some).map_err(|error| error.partial(ids))
}

/// One image.
pub(super) async fn one<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Image> {
    let question = DescribeImages { image_ids: vec![id.to_owned()], owners: Vec::new(), filters: Vec::new() };
    let found = aws.send(&question).await?.images.into_iter().next();
    found.ok_or_else(|| Error::not_found("image", id).hint("ec2_describe_images shows the images of this region"))
}

/// One image.
#[derive(Debug, Serialize, JsonSchema)]
struct ImageRow {
    image_id: String,
    name: Option<String>,
    created: Option<String>,
    state: Option<String>,
    architecture: Option<String>,
    /// Linux/UNIX, Windows and the like.
    platform: Option<String>,
    owner: Option<String>,
    public: Option<bool>,
    /// After this it is no longer found by those who do not own it.
    deprecated_after: Option<String>,
    /// GiB of its disks together.
    disk_gib: Option<u32>,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
    tags: BTreeMap<String, String>,
}

impl From<Image> for ImageRow {
    fn from(image: Image) -> Self {
        let disk_gib = image.block_device_mappings.iter().filter_map(|it| it.ebs.as_ref()?.volume_size).sum::<u32>();
        let (_, tags) = split(image.tags);
        Self {
            image_id: image.image_id,
            name: image.name,
            created: image.creation_date,
            state: image.state,
            architecture: image.architecture,
            platform: image.platform_details,
            owner: image.image_owner_alias.or(image.owner_id),
            public: image.public,
            deprecated_after: image.deprecation_time,
            disk_gib: (disk_gib > 0).then_some(disk_gib),
            description: image.description.filter(|text| !text.is_empty()),
            tags,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Made {
    region: String,
    image_id: String,
    /// Whether the instance was rebooted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebooted: Option<bool>,
    /// It is made in the background; whether it is available, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited: Option<Waited>,
}

#[derive(Serialize, JsonSchema)]
struct Copied {
    instance_state: String,
    would_reboot: bool,
    /// Volumes that would be in the image.
    volumes: Vec<String>,
    dry_run: DryRun,
}

#[derive(Serialize, JsonSchema)]
struct Source {
    image: ImageRow,
    dry_run: DryRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(arguments: &str) -> Result<DescribeImages> {
        serde_json::from_str::<Describe>(arguments).unwrap().question()
    }

    #[test]
    fn without_an_owner_only_own_images_are_asked_for() {
        assert_eq!(question("{}").unwrap().owners, ["self"]);
        assert!(question(r#"{"image_ids": ["ami-1"]}"#).unwrap().owners.is_empty());
    }

    #[test]
    fn the_whole_public_catalogue_is_not_asked_for() {
        assert!(question(r#"{"owners": ["amazon"]}"#).is_err());
        assert!(question(r#"{"owners": ["amazon"], "architecture": "arm64"}"#).is_err());
        assert!(question(r#"{"owners": []}"#).is_ok(), "nobody's images are own images");
        let asked = question(r#"{"owners": ["amazon"], "filters": {"name": ["al2023-ami-*"]}}"#).unwrap();
        assert_eq!(asked.filters[0].values, ["al2023-ami-*"], "a filter may have several values");
    }

    #[test]
    fn an_instance_is_rebooted_for_its_image_unless_that_is_refused() {
        let create = |arguments: &str| serde_json::from_str::<Create>(arguments).unwrap().request();
        let plain = create(r#"{"instance_id": "i-1", "name": "n", "tags": {"team": "vision"}}"#);
        assert!(!plain.no_reboot);
        let tagged: Vec<_> = plain.tag_specifications.iter().map(|it| it.resource_type).collect();
        assert_eq!(tagged, ["image", "snapshot"]);
        assert!(create(r#"{"instance_id": "i-1", "name": "n", "no_reboot": true}"#).no_reboot);
    }
}
