//! EC2 instances one by one: all that is known of them, their health, their network, and how to get a shell.

mod network;
mod shell;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryFutureExt, join};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Error, Json, Listing, Reads, Result, Tool, ToolDef};

use self::{
    network::{GetNetwork, Interface},
    shell::{Instruction, Via},
    wire::{DescribeInstanceStatus, DescribeVolumes, Health, Status},
};
use super::{
    hardware, images,
    instances::wire::{DescribeInstances, Instance},
    tagged::{filters, split_pairs},
};
use crate::{
    App, Cx,
    common::{Cursor, Limit, Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<Describe>().formerly(&[
        "ec2.describe_instances",
        "ec2.get_instance_details",
        "ec2.describe_metadata_options",
        "aws.describe_metadata_options",
        "ec2_describe_metadata_options",
    ]),
    ToolDef::reads::<GetStatus>().formerly(&["ec2.get_instance_running_details", "ec2_get_instance_running_details"]),
    ToolDef::reads::<GetNetwork>().formerly(&["ec2.get_instance_vpc_info"]),
    ToolDef::reads::<GetShell>().formerly(&["ec2.generate_instance_ssh_instruction"]),
];

/// Instances that one of these questions may name.
const MOST: usize = 100;

/// Describe EC2 instances in full: metadata options, volumes, interfaces, health, why they stopped
///
/// For a table of many, ec2_list_instances is shorter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Instance IDs, up to 100.
    instance_ids: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "ec2_describe_instances";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Reads;
    type Output = Json<Described>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Described>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        few(&self.instance_ids)?;
        let checks = DescribeInstanceStatus::of(self.instance_ids.clone());
        let asked = vec![("attachment.instance-id", self.instance_ids.clone())];
        let disks = DescribeVolumes { filters: filters(asked, None) };
        let (found, health, disks) = join!(
            named(&aws, &self.instance_ids),
            aws.send(&checks).map_ok(|reply| reply.instance_statuses),
            aws.list(&disks, cx.wanted(1000, None)).map_ok(|found| found.items),
        );
        let (instances, region) = found?;
        let types: BTreeSet<_> = instances.iter().map(|instance| instance.instance_type.clone()).collect();
        let hardware = hardware::known(&cx, &aws, &types).await;
        let mut unknown = Vec::new();
        let health = told(&mut unknown, "checks", health);
        let hardware = told(&mut unknown, "hardware", hardware);
        let disks = told(&mut unknown, "volumes", disks);
        let rows = instances.into_iter().map(|instance| {
            let status = health.iter().find(|status| status.instance_id == instance.instance_id);
            let kind = hardware.get(&instance.instance_type);
            Whole {
                gpus: kind.and_then(|kind| kind.words.clone()),
                vcpus: kind.and_then(|kind| kind.vcpus),
                memory_gib: kind.and_then(|kind| kind.memory_mebibytes).map(|size| size / 1024),
                checks: status.map(Checks::from),
                volumes: disks.iter().filter_map(|disk| disk.on(&instance.instance_id)).collect(),
                ..Whole::from(instance)
            }
        });
        Ok(Json(Described { region, instances: rows.collect(), unknown }))
    }
}

/// What was answered; of what was not, the reason goes to what is unknown.
fn told<T: Default>(unknown: &mut Vec<String>, what: &str, answer: Result<T>) -> T {
    answer.unwrap_or_else(|error| {
        unknown.push(format!("{what}: {error}"));
        T::default()
    })
}

/// Check the health of EC2 instances: state, system, instance and EBS checks, scheduled events
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetStatus {
    /// Only these; all when absent.
    instance_ids: Option<Vec<String>>,
    /// Only those with a failed check or a scheduled event.
    unhealthy_only: Option<bool>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetStatus {
    const NAME: &'static str = "ec2_get_instance_status";
    const EXAMPLE: &'static str = r#"{"unhealthy_only": true}"#;
    type Access = Reads;
    type Output = Listing<StatusRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<StatusRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = DescribeInstanceStatus::of(self.instance_ids.unwrap_or_default());
        if self.unhealthy_only != Some(true) {
            let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
            let rows = found.items.iter().map(StatusRow::from).collect();
            return Ok(Listing::part(rows, found.next, found.pages).about("region", found.region));
        }
        if self.cursor.is_some() {
            return Err(Error::validation("`unhealthy_only` looks through all at once and has no `cursor`"));
        }
        let all = super::tagged::whole(&cx, &aws, &question).await?;
        let looked_at = all.len();
        let mut rows: Vec<_> = all.iter().filter(|status| status.unhealthy()).map(StatusRow::from).collect();
        rows.truncate(self.limit.0 as usize);
        Ok(Listing::whole(rows).about("looked_at", looked_at))
    }
}

/// Generate commands that open a shell on an EC2 instance: SSH, Session Manager, Instance Connect
///
/// The user comes from the AMI's name and says how sure that is. Nothing is run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetShell {
    /// Instance ID.
    instance_id: String,
    /// User; guessed from the AMI when absent.
    user: Option<String>,
    /// Private key's file.
    #[schemars(extend("x-also" = ["pem_path"]))]
    key_path: Option<String>,
    /// One way only; all that may work when absent.
    via: Option<Via>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetShell {
    const NAME: &'static str = "ec2_generate_instance_ssh_instruction";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0"}"#;
    type Access = Reads;
    type Output = Json<Instruction>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Instruction>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (instances, region) = named(&aws, std::slice::from_ref(&self.instance_id)).await?;
        let instance = instances.into_iter().next().ok_or_else(|| Error::not_found("instance", &self.instance_id))?;
        // An image that is gone tells nothing; the user is then asked for, not guessed.
        let image = match &instance.image_id {
            Some(id) if self.user.is_none() => images::one(&aws, id).await.ok(),
            _ => None,
        };
        let user = shell::user(self.user, image.as_ref());
        shell::instruction(&instance, &region, &user, self.key_path.as_deref(), self.via).map(Json)
    }
}

fn few(ids: &[String]) -> Result<()> {
    if (1..=MOST).contains(&ids.len()) {
        return Ok(());
    }
    Err(Error::validation(format!("`instance_ids` has {} IDs, not 1 to {MOST}", ids.len()))
        .hint("ec2_list_instances shows many"))
}

/// The instances with these ids. One that is missing fails the call, with its id.
async fn named(aws: &Aws<Reads>, ids: &[String]) -> Result<(Vec<Instance>, String)> {
    few(ids)?;
    let question = DescribeInstances { instance_ids: ids.to_vec(), filters: Vec::new() };
    let (reply, region) = aws.send_whole(&question).await?;
    Ok((reply.into_instances().collect(), region))
}

#[derive(Serialize, JsonSchema)]
struct Described {
    region: String,
    instances: Vec<Whole>,
    /// What could not be found out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// All that is known of one instance.
#[derive(Default, Serialize, JsonSchema)]
struct Whole {
    instance_id: String,
    name: Option<String>,
    #[serde(rename = "type")]
    instance_type: String,
    gpus: Option<String>,
    vcpus: Option<u32>,
    memory_gib: Option<u64>,
    state: String,
    state_reason: Option<String>,
    lifecycle: Option<String>,
    spot_request_id: Option<String>,
    az: Option<String>,
    placement_group: Option<String>,
    capacity_reservation_id: Option<String>,
    image_id: Option<String>,
    platform: Option<String>,
    architecture: Option<String>,
    key_name: Option<String>,
    iam_profile: Option<String>,
    launch_time: Option<String>,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    private_ip: Option<String>,
    public_ip: Option<String>,
    security_groups: Vec<String>,
    interfaces: Vec<Interface>,
    metadata_options: Option<Metadata>,
    checks: Option<Checks>,
    volumes: Vec<wire::Disk>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
}

impl From<Instance> for Whole {
    fn from(instance: Instance) -> Self {
        let (name, tags) = split_pairs(instance.tags.into_iter().map(|tag| (tag.key, tag.value)));
        let placement = instance.placement.unwrap_or_default();
        Self {
            instance_id: instance.instance_id,
            name,
            instance_type: instance.instance_type,
            state: instance.state.name,
            state_reason: instance.state_reason.and_then(|reason| reason.message),
            lifecycle: instance.instance_lifecycle,
            spot_request_id: instance.spot_instance_request_id,
            az: placement.availability_zone,
            placement_group: placement.group_name.filter(|name| !name.is_empty()),
            capacity_reservation_id: instance.capacity_reservation_id,
            image_id: instance.image_id,
            platform: instance.platform_details,
            architecture: instance.architecture,
            key_name: instance.key_name,
            iam_profile: instance.iam_instance_profile.and_then(|profile| profile.arn),
            launch_time: instance.launch_time,
            vpc_id: instance.vpc_id,
            subnet_id: instance.subnet_id,
            private_ip: instance.private_ip_address,
            public_ip: instance.public_ip_address,
            security_groups: instance.security_groups.into_iter().filter_map(|group| group.group_id).collect(),
            interfaces: instance.network_interfaces.into_iter().map(Interface::from).collect(),
            metadata_options: instance.metadata_options.map(Metadata::from),
            tags,
            ..Self::default()
        }
    }
}

/// Instance metadata service.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Metadata {
    /// `required`: only IMDSv2 is answered.
    http_tokens: Option<String>,
    http_endpoint: Option<String>,
    hop_limit: Option<i32>,
    ipv6: Option<String>,
    /// Whether tags can be read there.
    instance_tags: Option<String>,
    /// `pending` while a change is under way.
    state: Option<String>,
}

impl From<super::instances::wire::MetadataOptions> for Metadata {
    fn from(options: super::instances::wire::MetadataOptions) -> Self {
        Self {
            http_tokens: options.http_tokens,
            http_endpoint: options.http_endpoint,
            hop_limit: options.http_put_response_hop_limit,
            ipv6: options.http_protocol_ipv6,
            instance_tags: options.instance_metadata_tags,
            state: options.state,
        }
    }
}

/// What AWS checks by itself.
#[derive(Serialize, JsonSchema)]
struct Checks {
    /// The hardware below: ok, impaired, initializing or not-applicable.
    system: Option<String>,
    /// The instance itself.
    instance: Option<String>,
    /// Its EBS volumes.
    ebs: Option<String>,
    /// What AWS means to do to it.
    events: Vec<String>,
}

impl From<&Status> for Checks {
    fn from(status: &Status) -> Self {
        let word = |health: &Option<Health>| health.as_ref().and_then(|health| health.status.clone());
        Self {
            system: word(&status.system_status),
            instance: word(&status.instance_status),
            ebs: word(&status.attached_ebs_status),
            events: status.events.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The health of one instance.
#[derive(Serialize, JsonSchema)]
struct StatusRow {
    instance_id: String,
    state: Option<String>,
    system: Option<String>,
    instance: Option<String>,
    ebs: Option<String>,
    events: Vec<String>,
    az: Option<String>,
}

impl From<&Status> for StatusRow {
    fn from(status: &Status) -> Self {
        let Checks { system, instance, ebs, events } = status.into();
        Self {
            instance_id: status.instance_id.clone(),
            state: status.instance_state.as_ref().map(|state| state.name.clone()),
            system,
            instance,
            ebs,
            events,
            az: status.availability_zone.clone(),
        }
    }
}
