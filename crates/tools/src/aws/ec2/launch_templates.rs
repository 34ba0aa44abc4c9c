//! EC2 launch templates: find, read, make, change and delete them.

mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, Json, Listing, MAX_LIMIT, Preview, Reads, Result, Reveals, Target, Tool,
    ToolDef, free_text,
};

use self::wire::{
    CreateLaunchTemplate, CreateLaunchTemplateVersion, DeleteLaunchTemplate, DescribeAutoScalingGroups,
    DescribeLaunchTemplateVersions, DescribeLaunchTemplates, ModifyLaunchTemplate, Template, TemplateData,
};
use super::{
    instances::wire::{DescribeInstances, Filter as InstanceFilter},
    launch::{Device, MachineAsked, Market, Metadata, TemplateName},
    tagged::{filters, specification, split, whole},
    user_data,
};
use crate::{
    App, Cx,
    common::{Cursor, DryRun, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["ec2.list_launch_templates"]),
    ToolDef::reveals::<Describe>().formerly(&["ec2.describe_launch_template"]),
    ToolDef::changes::<Create>().formerly(&["ec2.create_launch_template"]),
    ToolDef::changes::<CreateVersion>().formerly(&["ec2.create_launch_template_version"]),
    ToolDef::destroys::<Delete>().formerly(&["ec2.delete_launch_template"]),
];

/// List launch templates with their default and latest version
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only these names.
    launch_template_names: Option<Vec<String>>,
    /// Only these IDs.
    launch_template_ids: Option<Vec<String>>,
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
    const NAME: &'static str = "ec2_list_launch_templates";
    const EXAMPLE: &'static str = r#"{"tags": {"team": "vision"}}"#;
    type Access = Reads;
    type Output = Listing<TemplateRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<TemplateRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = DescribeLaunchTemplates {
            launch_template_names: self.launch_template_names.unwrap_or_default(),
            launch_template_ids: self.launch_template_ids.unwrap_or_default(),
            filters: filters(Vec::new(), self.tags.as_ref()),
        };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(TemplateRow::from).collect();
        let listing = Listing::part(rows, found.next, found.pages).about("region", found.region);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Show what versions of a launch template hold, with the user data as text
///
/// Sensitive, since user data may hold secrets; those that are recognised are removed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Name; or launch_template_id.
    launch_template_name: Option<String>,
    /// ID; or launch_template_name.
    launch_template_id: Option<String>,
    /// Version numbers, $Default or $Latest; $Default when absent.
    versions: Option<Vec<String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "ec2_describe_launch_template";
    const EXAMPLE: &'static str = r#"{"launch_template_name": "gpu-trainer", "versions": ["$Latest"]}"#;
    type Access = Reveals;
    type Output = Json<Described>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Described>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let name = named(self.launch_template_name.as_ref(), self.launch_template_id.as_ref())?;
        let template = one(&aws, &name).await?;
        let question = DescribeLaunchTemplateVersions {
            launch_template_name: name.name,
            launch_template_id: name.id,
            versions: self.versions.filter(|it| !it.is_empty()).unwrap_or_else(|| vec!["$Default".to_owned()]),
        };
        let found = aws.send(&question).await?.launch_template_versions;
        let versions = found.into_iter().map(VersionShown::from).collect();
        Ok(Json(Described { template: template.into(), versions }))
    }
}

/// Create a launch template
///
/// IMDSv2 only, encrypted disks and no administration port open to the world, unless said otherwise.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Name, new in this region.
    launch_template_name: String,
    /// About the first version.
    version_description: Option<String>,
    /// AMI ID, or resolve:ssm: and the name of a public parameter.
    image_id: Option<String>,
    /// Such as p5.48xlarge.
    instance_type: Option<String>,
    /// Key pair for SSH.
    key_name: Option<String>,
    /// Subnet ID; most users choose it at launch.
    subnet_id: Option<String>,
    /// Security group IDs.
    security_group_ids: Option<Vec<String>>,
    /// Allow a group that opens an administration port to the world.
    open_to_world: Option<bool>,
    /// Instance profile, name or ARN.
    iam_instance_profile: Option<String>,
    /// Script for the first start, at most 16 KiB. No secrets.
    user_data: Option<String>,
    /// Disks besides, or instead of, those of the AMI.
    block_device_mappings: Option<Vec<Device>>,
    /// GiB of the root disk; that of the AMI when absent.
    #[schemars(range(min = 1, max = 65536))]
    root_volume_size: Option<u32>,
    /// EFA interfaces on all network cards.
    efa: Option<bool>,
    /// How instances are paid for; on_demand when absent.
    market: Option<Market>,
    /// Placement group.
    placement_group: Option<String>,
    /// Instance metadata service; IMDSv2 only when absent.
    metadata_options: Option<Metadata>,
    /// Tags of instances and volumes.
    instance_tags: Option<BTreeMap<String, String>>,
    /// Tags of the template itself.
    tags: Option<BTreeMap<String, String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Create {
    async fn request<A: Access + Covers<Reads>>(
        &self,
        aws: &Aws<A>,
        client_token: String,
    ) -> Result<CreateLaunchTemplate> {
        let asked = MachineAsked {
            image_id: self.image_id.clone(),
            instance_type: self.instance_type.clone(),
            key_name: self.key_name.clone(),
            subnet_id: self.subnet_id.clone(),
            security_group_ids: self.security_group_ids.clone().unwrap_or_default(),
            open_to_world: self.open_to_world == Some(true),
            iam_instance_profile: self.iam_instance_profile.clone(),
            user_data: self.user_data.clone(),
            devices: self.block_device_mappings.clone().unwrap_or_default(),
            root_volume_size: self.root_volume_size,
            encrypted: true,
            efa: self.efa == Some(true),
            market: self.market.unwrap_or_default(),
            placement_group: self.placement_group.clone(),
            metadata: self.metadata_options.clone().unwrap_or_default(),
            ..MachineAsked::default()
        };
        Ok(CreateLaunchTemplate {
            launch_template_name: self.launch_template_name.clone(),
            version_description: self.version_description.clone(),
            launch_template_data: data(asked, aws, self.instance_tags.clone()).await?,
            tag_specifications: specification("launch-template", self.tags.clone()),
            client_token,
        })
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ec2_create_launch_template";
    const EXAMPLE: &'static str = r#"{"launch_template_name": "gpu-trainer", "image_id": "ami-0123456789abcdef0",
        "instance_type": "g6e.xlarge", "root_volume_size": 500}"#;
    type Access = Changes;
    type Output = Json<TemplateRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<TemplateRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&aws, cx.token()).await?;
        aws.send(&request).await.map(|made| Json(made.launch_template.into()))
    }
}

impl Preview<App> for Create {
    type Plan = Asked;

    fn target(&self) -> Target {
        let names = vec![self.launch_template_name.clone()];
        aws_target("launch template", names, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&aws, "plan".to_owned()).await?;
        let sets = request.launch_template_data.members();
        Ok(Asked { template: None, sets, dry_run: aws.dry_run_of(&request).await?.into() })
    }
}

/// Create a version of a launch template: another version with some things changed
///
/// What is not named here stays as it is in source_version.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateVersion {
    /// Name; or launch_template_id.
    launch_template_name: Option<String>,
    /// ID; or launch_template_name.
    launch_template_id: Option<String>,
    /// Version to start from: a number, $Latest, or $Default, which is meant when absent.
    source_version: Option<String>,
    /// About this version.
    version_description: Option<String>,
    /// Make it the default.
    set_default: Option<bool>,
    /// AMI ID, or resolve:ssm: and the name of a public parameter.
    image_id: Option<String>,
    /// Such as p5.48xlarge.
    instance_type: Option<String>,
    /// Key pair for SSH.
    key_name: Option<String>,
    /// Security group IDs.
    security_group_ids: Option<Vec<String>>,
    /// Allow a group that opens an administration port to the world.
    open_to_world: Option<bool>,
    /// Instance profile, name or ARN.
    iam_instance_profile: Option<String>,
    /// Script for the first start, at most 16 KiB. No secrets.
    user_data: Option<String>,
    /// Disks besides, or instead of, those of the AMI.
    block_device_mappings: Option<Vec<Device>>,
    /// Placement group.
    placement_group: Option<String>,
    /// Instance metadata service.
    metadata_options: Option<Metadata>,
    /// Tags of instances and volumes.
    instance_tags: Option<BTreeMap<String, String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl CreateVersion {
    fn name(&self) -> Result<TemplateName> {
        named(self.launch_template_name.as_ref(), self.launch_template_id.as_ref())
    }

    async fn request<A: Access + Covers<Reads>>(
        &self,
        aws: &Aws<A>,
        client_token: String,
    ) -> Result<CreateLaunchTemplateVersion> {
        let name = self.name()?;
        let asked = MachineAsked {
            image_id: self.image_id.clone(),
            instance_type: self.instance_type.clone(),
            key_name: self.key_name.clone(),
            security_group_ids: self.security_group_ids.clone().unwrap_or_default(),
            open_to_world: self.open_to_world == Some(true),
            iam_instance_profile: self.iam_instance_profile.clone(),
            user_data: self.user_data.clone(),
            devices: self.block_device_mappings.clone().unwrap_or_default(),
            // The image's disks are as the source version has them; those that are named here are encrypted.
            encrypted: self.block_device_mappings.is_some() && self.image_id.is_some(),
            placement_group: self.placement_group.clone(),
            metadata: self.metadata_options.clone().unwrap_or_default(),
            ..MachineAsked::default()
        };
        let mut launch_template_data = data(asked, aws, self.instance_tags.clone()).await?;
        if self.metadata_options.is_none() {
            launch_template_data.machine.metadata_options = None;
        }
        if launch_template_data.members().is_empty() {
            return Err(Error::validation("nothing is changed").hint("name what the new version has otherwise"));
        }
        Ok(CreateLaunchTemplateVersion {
            launch_template_name: name.name,
            launch_template_id: name.id,
            source_version: self.source_version.clone().unwrap_or_else(|| "$Default".to_owned()),
            version_description: self.version_description.clone(),
            launch_template_data,
            client_token,
        })
    }
}

impl Tool<App> for CreateVersion {
    const NAME: &'static str = "ec2_create_launch_template_version";
    const EXAMPLE: &'static str =
        r#"{"launch_template_name": "gpu-trainer", "instance_type": "p5.48xlarge", "set_default": true}"#;
    type Access = Changes;
    type Output = Json<Versioned>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Versioned>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&aws, cx.token()).await?;
        let made = aws.send(&request).await?.launch_template_version;
        let set_default = self.set_default == Some(true);
        if set_default {
            let name = self.name()?;
            let default_version = made.version_number.to_string();
            let change =
                ModifyLaunchTemplate { launch_template_name: name.name, launch_template_id: name.id, default_version };
            let done = || [format!("version {} was made; it is not the default yet", made.version_number)];
            aws.send(&change).await.map_err(|error| error.partial(done()))?;
        }
        Ok(Json(Versioned {
            launch_template_id: made.launch_template_id,
            version: made.version_number,
            from_version: request.source_version,
            changed: request.launch_template_data.members(),
            is_default: set_default,
        }))
    }
}

impl Preview<App> for CreateVersion {
    type Plan = Asked;

    fn target(&self) -> Target {
        let ids = self.launch_template_name.iter().chain(&self.launch_template_id).cloned().collect();
        aws_target("launch template", ids, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let template = one(&aws, &self.name()?).await?;
        let request = self.request(&aws, "plan".to_owned()).await?;
        let sets = request.launch_template_data.members();
        Ok(Asked { template: Some(template.into()), sets, dry_run: aws.dry_run_of(&request).await?.into() })
    }
}

/// Delete a launch template with all its versions
///
/// The plan says which Auto Scaling groups and instances came from it; groups can launch nothing without it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Name; or launch_template_id.
    launch_template_name: Option<String>,
    /// ID; or launch_template_name.
    launch_template_id: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Delete {
    fn request(&self) -> Result<DeleteLaunchTemplate> {
        let name = named(self.launch_template_name.as_ref(), self.launch_template_id.as_ref())?;
        Ok(DeleteLaunchTemplate { launch_template_name: name.name, launch_template_id: name.id })
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ec2_delete_launch_template";
    const EXAMPLE: &'static str = r#"{"launch_template_name": "gpu-trainer"}"#;
    type Access = Destroys;
    type Output = Json<Gone>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Gone>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let gone = aws.send(&self.request()?).await?.launch_template;
        Ok(Json(Gone { deleted: gone.into() }))
    }
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        let ids = self.launch_template_name.iter().chain(&self.launch_template_id).cloned().collect();
        aws_target("launch template", ids, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let name = named(self.launch_template_name.as_ref(), self.launch_template_id.as_ref())?;
        let template = one(&aws, &name).await?;
        let groups = whole(&cx, &aws, &DescribeAutoScalingGroups {}).await?;
        let used = groups.into_iter().filter(|group| group.uses(&template.launch_template_id));
        let having = InstanceFilter::new("tag:aws:ec2launchtemplate:id", vec![template.launch_template_id.clone()]);
        let question = DescribeInstances { instance_ids: Vec::new(), filters: vec![having] };
        let instances = aws.list(&question, cx.wanted(MAX_LIMIT, None)).await?.items;
        Ok(Lost {
            auto_scaling_groups: used.map(|group| group.auto_scaling_group_name).collect(),
            instances_from_it: instances.into_iter().map(|instance| instance.instance_id).collect(),
            template: template.into(),
            dry_run: aws.dry_run_of(&self.request()?).await?.into(),
        })
    }
}

fn named(name: Option<&String>, id: Option<&String>) -> Result<TemplateName> {
    let template = TemplateName { name: name.cloned(), id: id.cloned() };
    template.check()?;
    Ok(template)
}

async fn one<A: Access + Covers<Reads>>(aws: &Aws<A>, name: &TemplateName) -> Result<Template> {
    let question = DescribeLaunchTemplates {
        launch_template_names: name.name.iter().cloned().collect(),
        launch_template_ids: name.id.iter().cloned().collect(),
        filters: Vec::new(),
    };
    let found = aws.send(&question).await?.launch_templates.into_iter().next();
    let missing = |id: &str| Error::not_found("launch template", id).hint("ec2_list_launch_templates shows them");
    found.ok_or_else(|| missing(name.check().unwrap_or_default()))
}

/// What a template holds: a machine, and the tags of what is made from it.
async fn data<A: Access + Covers<Reads>>(
    mut asked: MachineAsked,
    aws: &Aws<A>,
    tags: Option<BTreeMap<String, String>>,
) -> Result<TemplateData> {
    let subnet = asked.subnet_id.is_some();
    let (mut machine, beside) = asked.machine(aws).await?;
    if subnet && beside.is_some() {
        // A template has a place for the subnet in an interface only.
        asked.public_address = None;
        machine.network_interfaces = vec![asked.only_interface()];
        machine.security_group_ids = Vec::new();
    }
    // RunInstances is given text, templates base64.
    machine.user_data = machine.user_data.map(|script| trainyard_aws::to_base64(script.as_bytes()));
    let mut tag_specifications = specification("instance", tags.clone());
    tag_specifications.extend(specification("volume", tags));
    Ok(TemplateData { machine, tag_specifications })
}

/// One launch template.
#[derive(Debug, Serialize, JsonSchema)]
struct TemplateRow {
    name: Option<String>,
    launch_template_id: String,
    default_version: Option<u64>,
    latest_version: Option<u64>,
    created: Option<String>,
    created_by: Option<String>,
    tags: BTreeMap<String, String>,
}

impl From<Template> for TemplateRow {
    fn from(template: Template) -> Self {
        let (name, mut tags) = split(template.tags);
        tags.extend(name.map(|name| ("Name".to_owned(), name)));
        Self {
            name: template.launch_template_name,
            launch_template_id: template.launch_template_id,
            default_version: template.default_version_number,
            latest_version: template.latest_version_number,
            created: template.create_time,
            created_by: template.created_by,
            tags,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Described {
    template: TemplateRow,
    versions: Vec<VersionShown>,
}

#[derive(Serialize, JsonSchema)]
struct VersionShown {
    version: u64,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
    is_default: Option<bool>,
    created: Option<String>,
    /// In AWS's own words, without the user data.
    data: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<user_data::Shown>,
}

impl From<wire::Version> for VersionShown {
    fn from(version: wire::Version) -> Self {
        let mut data = version.launch_template_data;
        let encoded = data.remove("UserData");
        Self {
            version: version.version_number,
            description: version.version_description,
            is_default: version.default_version,
            created: version.create_time,
            user_data: encoded.as_ref().and_then(Value::as_str).map(user_data::shown),
            data,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Versioned {
    launch_template_id: String,
    version: u64,
    from_version: String,
    /// Members that are not as in the version it was made from.
    changed: Vec<String>,
    is_default: bool,
}

/// What would be made, and what AWS says to a dry run.
#[derive(Serialize, JsonSchema)]
struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<TemplateRow>,
    /// Members that would be set.
    sets: Vec<String>,
    dry_run: DryRun,
}

#[derive(Serialize, JsonSchema)]
struct Gone {
    deleted: TemplateRow,
}

#[derive(Serialize, JsonSchema)]
struct Lost {
    template: TemplateRow,
    /// These could launch nothing any more.
    auto_scaling_groups: Vec<String>,
    /// Instances launched from it, up to 1,000: they run on.
    instances_from_it: Vec<String>,
    dry_run: DryRun,
}
