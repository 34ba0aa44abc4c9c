//! Start, stop, reboot and terminate EC2 instances.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, Impact, Json, Losing, Loss, Preview, Reads, Result, Target, Tool,
    ToolDef, Weighed,
};

use self::wire::{RebootInstances, StateChange, TerminateInstances};
pub(super) use self::wire::{StartInstances, StopInstances};
use super::instances::wire::{DescribeInstances, Instance};
use crate::{
    App, Cx,
    aws::{
        impact::{self, Machines},
        waiting::{Condition, Waited},
    },
    common::At,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<Start>().formerly(&["ec2.start_instances", "ec2.start_instance"]).spending(),
    ToolDef::changes::<Stop>().formerly(&["ec2.stop_instances", "ec2.stop_instance"]),
    ToolDef::changes::<Reboot>().formerly(&["ec2.reboot_instances", "ec2.reboot_instance"]),
    ToolDef::destroys::<Terminate>().formerly(&["ec2.terminate_instances", "ec2.terminate_instance"]),
];

/// Start stopped EC2 instances
///
/// They cost from then on. Public addresses change unless they are elastic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// Instance IDs.
    instance_ids: Vec<String>,
    /// Wait until they run, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Start {
    const NAME: &'static str = "ec2_start_instances";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"], "wait": true}"#;
    type Access = Changes;
    type Output = Json<Changed>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Changed>> {
        let aws = cx.at(&self.at);
        let (reply, region) = aws.send_whole(&StartInstances { instance_ids: some(self.instance_ids)? }).await?;
        let changed = Changed::new(region, reply.starting_instances);
        finish(&cx, &aws, changed, self.wait.then_some("InstanceRunning")).await
    }
}

impl Preview<App> for Start {
    type Plan = Weighed<Vec<Affected>>;

    fn target(&self) -> Target {
        self.at.target("ec2 instance", &self.instance_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Vec<Affected>>> {
        let aws = cx.at(&self.at);
        let instances = affected(&aws, &self.instance_ids).await?;
        let mut machines = Machines::new();
        for instance in instances.iter().filter(|instance| !instance.runs()) {
            *machines.entry(instance.instance_type.clone()).or_default() += 1;
        }
        let gpus = impact::gpus(&aws, &machines).await;
        let dollars_per_hour = impact::on_demand_dollars(&aws, &machines).await;
        Ok(Weighed::new(instances, Impact { gpus, dollars_per_hour, objects: 0 }))
    }
}

/// Stop running EC2 instances
///
/// EBS volumes stay and cost on; what is on instance-store disks (the NVMe disks of P and G types) is lost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stop {
    /// Instance IDs.
    instance_ids: Vec<String>,
    /// Keep memory on disk, where the instance was launched for it.
    #[serde(default)]
    hibernate: bool,
    /// Do not wait for the operating system.
    #[serde(default)]
    force: bool,
    /// Wait until they are stopped, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Stop {
    const NAME: &'static str = "ec2_stop_instances";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Changes;
    type Output = Json<Changed>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Changed>> {
        let aws = cx.at(&self.at);
        let request = StopInstances {
            instance_ids: some(self.instance_ids)?,
            hibernate: self.hibernate.then_some(true),
            force: self.force.then_some(true),
        };
        let (reply, region) = aws.send_whole(&request).await?;
        let changed = Changed::new(region, reply.stopping_instances);
        finish(&cx, &aws, changed, self.wait.then_some("InstanceStopped")).await
    }
}

impl Preview<App> for Stop {
    type Plan = Vec<Affected>;

    fn target(&self) -> Target {
        self.at.target("ec2 instance", &self.instance_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<Affected>> {
        affected(&cx.at(&self.at), &self.instance_ids).await
    }
}

/// Reboot running EC2 instances
///
/// Disks and addresses stay. AWS does not say when the reboot is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reboot {
    /// Instance IDs.
    instance_ids: Vec<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Reboot {
    const NAME: &'static str = "ec2_reboot_instances";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Changes;
    type Output = Json<Rebooting>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Rebooting>> {
        let aws = cx.at(&self.at);
        let request = RebootInstances { instance_ids: some(self.instance_ids)? };
        let (_, region) = aws.send_whole(&request).await?;
        Ok(Json(Rebooting { region, accepted: request.instance_ids }))
    }
}

impl Preview<App> for Reboot {
    type Plan = Vec<Affected>;

    fn target(&self) -> Target {
        self.at.target("ec2 instance", &self.instance_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<Affected>> {
        affected(&cx.at(&self.at), &self.instance_ids).await
    }
}

/// Terminate EC2 instances for good
///
/// The plan says which volumes would be deleted with them and which would stay. Protected instances are refused by AWS.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Terminate {
    /// Instance IDs.
    instance_ids: Vec<String>,
    /// Wait until they are gone, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Terminate {
    const NAME: &'static str = "ec2_terminate_instances";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Changed>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Changed>> {
        let aws = cx.at(&self.at);
        // Afterwards nobody can tell any more which volumes there were.
        let before = affected(&aws, &self.instance_ids).await?;
        let (reply, region) = aws.send_whole(&TerminateInstances { instance_ids: some(self.instance_ids)? }).await?;
        let mut changed = Changed::new(region, reply.terminating_instances);
        changed.volumes_deleted = before.iter().flat_map(|one| one.volumes_deleted.clone()).collect();
        changed.volumes_kept = before.iter().flat_map(|one| one.volumes_kept.clone()).collect();
        finish(&cx, &aws, changed, self.wait.then_some("InstanceTerminated")).await
    }
}

impl Preview<App> for Terminate {
    type Plan = Losing<Vec<Affected>>;

    fn target(&self) -> Target {
        self.at.target("ec2 instance", &self.instance_ids)
    }

    fn loss(&self) -> Option<Loss> {
        None
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<Vec<Affected>>> {
        let affected = affected(&cx.at(&self.at), &self.instance_ids).await?;
        let volumes = affected.iter().flat_map(|one| one.volumes_deleted.clone()).collect();
        Ok(Losing::new(affected, Loss::along(volumes)))
    }
}

fn some(ids: Vec<String>) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Err(Error::validation("`instance_ids` is empty").hint("ec2_list_instances shows the instances"));
    }
    Ok(ids)
}

/// The instances of these ids, as they are now.
async fn affected<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<Affected>> {
    let question = DescribeInstances { instance_ids: some(ids.to_vec())?, filters: Vec::new() };
    let found = aws.send(&question).await?;
    Ok(found.into_instances().map(Affected::from).collect())
}

/// Waits, if that was asked for. A wait that ends without the state is not a failure: the change was accepted.
async fn finish<A: Access>(
    cx: &Cx<A>,
    aws: &Aws<A>,
    mut changed: Changed,
    waiter: Option<&str>,
) -> Result<Json<Changed>> {
    let Some(waiter) = waiter else { return Ok(Json(changed)) };
    let ids: Vec<_> = changed.changes.iter().map(|change| change.instance_id.clone()).collect();
    let outcome = Condition::new("ec2", waiter, "InstanceIds", &ids).wait(cx, aws).await;
    let Waited { reached, operation_id } = outcome.map_err(|error| error.partial(ids))?;
    changed.reached = Some(reached);
    changed.operation_id = operation_id;
    Ok(Json(changed))
}

/// What became of the instances.
#[derive(Serialize, JsonSchema)]
struct Changed {
    region: String,
    changes: Vec<StateChange>,
    /// Whether the wanted state was reached, where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
    /// For operation_get, which waits on.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes_deleted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes_kept: Vec<String>,
}

impl Changed {
    fn new(region: String, changes: Vec<wire::InstanceStateChange>) -> Self {
        let changes = changes.into_iter().map(StateChange::from).collect();
        Self {
            region,
            changes,
            reached: None,
            operation_id: None,
            volumes_deleted: Vec::new(),
            volumes_kept: Vec::new(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Rebooting {
    region: String,
    /// Instances whose reboot AWS has taken on.
    accepted: Vec<String>,
}

/// An instance that a change would reach.
#[derive(Debug, Serialize, JsonSchema)]
struct Affected {
    instance_id: String,
    name: Option<String>,
    #[serde(rename = "type")]
    instance_type: String,
    state: String,
    /// The root disk is an instance store: everything on it goes when the instance stops.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    root_on_instance_store: bool,
    /// Volumes that go with it when it is terminated.
    volumes_deleted: Vec<String>,
    /// Volumes that would stay.
    volumes_kept: Vec<String>,
}

impl Affected {
    /// Starting it would add nothing.
    fn runs(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "running")
    }
}

impl From<Instance> for Affected {
    fn from(instance: Instance) -> Self {
        let (mut volumes_deleted, mut volumes_kept) = (Vec::new(), Vec::new());
        for device in instance.block_device_mappings.into_iter().filter_map(|mapping| mapping.ebs) {
            let list =
                if device.delete_on_termination == Some(true) { &mut volumes_deleted } else { &mut volumes_kept };
            list.extend(device.volume_id);
        }
        Self {
            instance_id: instance.instance_id,
            name: instance.tags.into_iter().find(|tag| tag.key == "Name").map(|tag| tag.value),
            instance_type: instance.instance_type,
            state: instance.state.name,
            root_on_instance_store: instance.root_device_type.as_deref() == Some("instance-store"),
            volumes_deleted,
            volumes_kept,
        }
    }
}
