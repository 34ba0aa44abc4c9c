//! Launch EC2 instances: on demand, as spot, into a capacity block, from an AMI or from a launch template.

mod foresee;
mod quota;
mod request;
pub(super) mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};

pub(super) use self::request::{Device, Machine, MachineAsked, Market, Metadata, Switch, TemplateName, Tokens};
use self::{
    foresee::Foreseen,
    wire::{RunInstances, TemplateChoice},
};
use super::{instances::wire::Instance, tagged::specification};
use crate::{
    App, Cx,
    aws::waiting::{Condition, Waited},
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::changes::<CreateInstance>()
    .formerly(&[
        "ec2.create_instance",
        "ec2.create_instance_minimal",
        "ec2_create_instance_minimal",
        "ec2.launch_from_template",
        "ec2_launch_from_template",
        "ec2_create_instances",
        "ec2_run_instances",
        "ec2.run_instances",
    ])
    .also(&[
        ("ec2_create_spot_instance", r#"{"market": "spot"}"#),
        ("ec2.create_spot_instance", r#"{"market": "spot"}"#),
    ])
    .spending()];

/// Launch EC2 instances, from an AMI or a launch template; on demand, spot or capacity block
///
/// IMDSv2 only, encrypted disks and no administration port open to the world, unless said otherwise. dry_run shows cost, quota and EC2's own verdict.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateInstance {
    /// AMI ID, or resolve:ssm: and the name of a public parameter.
    image_id: Option<String>,
    /// Such as p5.48xlarge.
    instance_type: Option<String>,
    /// Launch template by name; the other arguments override it.
    launch_template_name: Option<String>,
    /// Launch template by ID.
    launch_template_id: Option<String>,
    /// Its version; $Default when absent.
    version: Option<String>,
    /// How many; 1 when absent.
    #[schemars(range(min = 1, max = 1000))]
    max_count: Option<u32>,
    /// Fewest to accept; all or none when absent.
    #[schemars(range(min = 1, max = 1000))]
    min_count: Option<u32>,
    /// Key pair for SSH.
    key_name: Option<String>,
    /// Subnet ID.
    subnet_id: Option<String>,
    /// Security group IDs.
    security_group_ids: Option<Vec<String>>,
    /// Launch although a group opens an administration port to the world.
    open_to_world: Option<bool>,
    /// Instance profile, name or ARN.
    iam_instance_profile: Option<String>,
    /// Script for the first start, at most 16 KiB. No secrets: who may describe the instance can read it.
    user_data: Option<String>,
    /// Disks besides, or instead of, those of the AMI.
    block_device_mappings: Option<Vec<Device>>,
    /// GiB of the root disk; that of the AMI when absent.
    #[schemars(range(min = 1, max = 65536))]
    root_volume_size: Option<u32>,
    /// false leaves disks as unencrypted as the AMI has them.
    encrypted: Option<bool>,
    /// Give it a public address, or not.
    associate_public_ip_address: Option<bool>,
    /// EFA interfaces on all network cards, for training over several nodes.
    efa: Option<bool>,
    /// How it is paid for; on_demand when absent.
    market: Option<Market>,
    /// Most that is paid per hour as spot, in USD.
    max_price: Option<String>,
    /// Spot only; terminate when absent.
    interruption_behavior: Option<Interruption>,
    /// Capacity reservation or block to launch into.
    capacity_reservation_id: Option<String>,
    /// Placement group; cluster groups put nodes close together.
    placement_group: Option<String>,
    /// Such as eu-west-1a.
    availability_zone: Option<String>,
    /// Instance metadata service; IMDSv2 only when absent.
    metadata_options: Option<Metadata>,
    /// Protect from termination by the API.
    disable_api_termination: Option<bool>,
    /// When it shuts itself down; stop when absent.
    instance_initiated_shutdown_behavior: Option<Shutdown>,
    /// Tags of instances and volumes, Name among them.
    tags: Option<BTreeMap<String, String>>,
    /// Names this launch: a repeated call with it launches nothing more.
    client_token: Option<String>,
    /// Wait until they run, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Interruption {
    Terminate,
    Stop,
    Hibernate,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Shutdown {
    Stop,
    Terminate,
}

impl CreateInstance {
    /// What is sent, as far as that can be said without asking AWS.
    fn asked(&self) -> Result<MachineAsked> {
        let template = self.template();
        if template.is_none() && (self.image_id.is_none() || self.instance_type.is_none()) {
            return Err(Error::validation("`image_id` and `instance_type` are wanted, or a launch template"));
        }
        Ok(MachineAsked {
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
            encrypted: self.encrypted.unwrap_or(true),
            public_address: self.associate_public_ip_address,
            efa: self.efa == Some(true),
            market: self.market.unwrap_or_default(),
            max_price: self.max_price.clone(),
            interruption_behavior: self.interruption_behavior.map(|it| format!("{it:?}").to_lowercase()),
            capacity_reservation_id: self.capacity_reservation_id.clone(),
            placement_group: self.placement_group.clone(),
            availability_zone: self.availability_zone.clone(),
            metadata: self.metadata_options.clone().unwrap_or_default(),
            disable_api_termination: self.disable_api_termination,
            shutdown: self.instance_initiated_shutdown_behavior.map(|it| format!("{it:?}").to_lowercase()),
        })
    }

    fn template(&self) -> Option<TemplateName> {
        TemplateName::of(self.launch_template_name.as_ref(), self.launch_template_id.as_ref())
    }

    fn counts(&self) -> Result<(u32, u32)> {
        let most = self.max_count.or(self.min_count).unwrap_or(1);
        let least = self.min_count.unwrap_or(most);
        if least > most {
            return Err(Error::validation(format!("`min_count` {least} is more than `max_count` {most}")));
        }
        Ok((least, most))
    }

    /// What is sent. Asks AWS about the image's disks, the type's network cards and the groups' rules.
    async fn request<A: Access + Covers<Reads>>(&self, cx: &Cx<A>, aws: &Aws<A>) -> Result<RunInstances> {
        let (min_count, max_count) = self.counts()?;
        let template = self.template().map(|template| {
            let version = self.version.clone().unwrap_or_else(|| "$Default".to_owned());
            TemplateChoice { launch_template_name: template.name, launch_template_id: template.id, version }
        });
        if template.is_none() && self.version.is_some() {
            return Err(Error::validation("`version` is that of a launch template, and none is named"));
        }
        let (machine, subnet_id) = self.asked()?.machine(aws).await?;
        let mut tag_specifications = specification("instance", self.tags.clone());
        tag_specifications.extend(specification("volume", self.tags.clone()));
        Ok(RunInstances {
            machine,
            subnet_id,
            min_count,
            max_count,
            launch_template: template,
            tag_specifications,
            client_token: self.client_token.clone().unwrap_or_else(|| cx.token()),
        })
    }
}

impl Tool<App> for CreateInstance {
    const NAME: &'static str = "ec2_create_instance";
    const EXAMPLE: &'static str = r#"{"image_id": "ami-0123456789abcdef0", "instance_type": "g6e.xlarge", "root_volume_size": 500,
        "subnet_id": "subnet-0123456789abcdef0", "tags": {"Name": "trainer"}}"#;
    type Access = Changes;
    type Output = Json<Launched>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Launched>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&cx, &aws).await?;
        let (reply, region) = aws.send_whole(&request).await?;
        let reservation_id = reply.reservation_id;
        let ids: Vec<_> = reply.instances.iter().map(|instance| instance.instance_id.clone()).collect();
        let waited = if self.wait {
            let outcome = Condition::new("ec2", "InstanceRunning", "InstanceIds", &ids).wait(&cx, &aws).await;
            Some(outcome.map_err(|error| error.partial(ids))?)
        } else {
            None
        };
        let instances = reply.instances.into_iter().map(LaunchedInstance::from).collect();
        Ok(Json(Launched { region, reservation_id, client_token: request.client_token, instances, waited }))
    }
}

impl Preview<App> for CreateInstance {
    type Plan = Weighed<Foreseen>;

    fn target(&self) -> Target {
        let what = [&self.instance_type, &self.launch_template_name, &self.launch_template_id];
        let what = what.into_iter().flatten().next().map_or("?", String::as_str);
        let count = self.max_count.or(self.min_count).unwrap_or(1);
        aws_target("new ec2 instances", vec![format!("{count} x {what}")], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Foreseen>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request(&cx, &aws).await?;
        let market = self.market.unwrap_or_default();
        foresee::launch(&cx, &aws, &request, market).await
    }
}

/// What was launched: every instance, not only the first.
#[derive(Serialize, JsonSchema)]
struct Launched {
    region: String,
    reservation_id: Option<String>,
    /// Repeating the call with this client_token launches nothing more.
    client_token: String,
    instances: Vec<LaunchedInstance>,
    /// Whether all run, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited: Option<Waited>,
}

/// Public addresses are given later: ec2_list_instances has them.
#[derive(Serialize, JsonSchema)]
struct LaunchedInstance {
    instance_id: String,
    #[serde(rename = "type")]
    instance_type: String,
    state: String,
    az: Option<String>,
    private_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spot_request_id: Option<String>,
}

impl From<Instance> for LaunchedInstance {
    fn from(instance: Instance) -> Self {
        Self {
            instance_id: instance.instance_id,
            instance_type: instance.instance_type,
            state: instance.state.name,
            az: instance.placement.and_then(|placement| placement.availability_zone),
            private_ip: instance.private_ip_address,
            lifecycle: instance.instance_lifecycle,
            spot_request_id: instance.spot_instance_request_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(arguments: &str) -> CreateInstance {
        serde_json::from_str(arguments).unwrap()
    }

    #[test]
    fn all_or_none_unless_fewer_are_accepted() {
        assert_eq!(create("{}").counts().unwrap(), (1, 1));
        assert_eq!(create(r#"{"max_count": 4}"#).counts().unwrap(), (4, 4));
        assert_eq!(create(r#"{"max_count": 4, "min_count": 1}"#).counts().unwrap(), (1, 4));
        assert!(create(r#"{"max_count": 1, "min_count": 4}"#).counts().is_err());
    }

    #[test]
    fn something_says_what_to_launch() {
        assert!(create(r#"{"image_id": "ami-1"}"#).asked().is_err());
        assert!(create(r#"{"launch_template_name": "gpu"}"#).asked().is_ok());
        let both = create(r#"{"launch_template_name": "gpu", "launch_template_id": "lt-1"}"#);
        assert!(both.template().is_some_and(|template| template.check().is_err()));
    }
}
