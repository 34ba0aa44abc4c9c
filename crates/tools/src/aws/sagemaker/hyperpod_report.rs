//! One answer to "what is the state of my clusters?".

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use super::{
    cost::{Cost, Prices},
    hyperpod_nodes::{all_clusters, all_nodes, wire::NodeSummary},
};
use crate::{
    App, Cx,
    aws::{pricing::money::Money, regions::across},
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Report>()];

/// Clusters of one region that are looked into at the same time.
const CLUSTERS_AT_ONCE: usize = 4;

/// Report the state of SageMaker HyperPod clusters, one row an instance group
///
/// Nodes wanted, running, failing with reasons; images behind, updates under way, cost. Start here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Report {
    /// Part of the clusters' names.
    name_contains: Option<String>,
    /// Leave out groups in which all is well.
    #[serde(default)]
    problems_only: bool,
    region: Option<Region>,
    /// Several regions, or * for all that are enabled.
    regions: Option<Vec<String>>,
    profile: Option<Profile>,
}

impl Tool<App> for Report {
    const NAME: &'static str = "hyperpod_report";
    const EXAMPLE: &'static str = r#"{"problems_only": true}"#;
    type Access = Reads;
    type Output = Listing<Group>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Group>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let this = &self;
        let (whole, listing) = match &self.regions {
            None => (self.in_region(&aws).await?, Listing::whole(Vec::new())),
            Some(regions) => {
                let mut across = across(&cx, &aws, regions, |aws| async move { this.in_region(&aws).await }).await?;
                let mut whole = Part::default();
                for (region, part) in &mut across.answers {
                    let groups = part.groups.drain(..);
                    whole.groups.extend(groups.map(|group| Group { region: Some(region.clone()), ..group }));
                    whole.cost.add(std::mem::take(&mut part.cost));
                }
                (whole, across.tell(Listing::whole(Vec::new())))
            }
        };
        let Part { groups, cost } = whole;
        let mut listing = listing.about("groups", groups.len()).about("groups_with_problems", problems(&groups));
        if !cost.is_empty() {
            listing = listing.about("cost", serde_json::json!(cost));
        }
        let items = groups.into_iter().filter(|group| !self.problems_only || group.has_problem()).collect();
        Ok(Listing { items, ..listing })
    }
}

/// What there is in one region, or in all of them.
#[derive(Default)]
struct Part {
    groups: Vec<Group>,
    cost: Cost,
}

impl Report {
    async fn in_region(&self, aws: &Aws<Reads>) -> Result<Part> {
        let (clusters, _) = all_clusters(aws, self.name_contains.as_deref()).await?;
        let found = stream::iter(clusters).map(|cluster| look_into(aws, cluster)).buffered(CLUSTERS_AT_ONCE);
        let found: Vec<Found> = found.try_concat().await?;
        let prices = Prices::of(aws, found.iter().flat_map(Found::paid_types)).await;
        let mut part = Part::default();
        for found in found {
            let cost = prices.sum(found.paid_types().map(|kind| (kind, 1)));
            part.groups.push(Group { cost_per_hour: cost.cost_per_hour, ..found.group });
            part.cost.add(cost);
        }
        Ok(part)
    }
}

/// One group with the types of its nodes, before it is known what they cost.
struct Found {
    group: Group,
    types: Vec<String>,
}

impl Found {
    /// Nodes of a training plan are paid for already.
    fn paid_types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(String::as_str).filter(|_| self.group.training_plan.is_none())
    }
}

async fn look_into(aws: &Aws<Reads>, cluster_name: String) -> Result<Vec<Found>> {
    let question = DescribeCluster { cluster_name: cluster_name.clone() };
    let (cluster, nodes) = futures::try_join!(aws.send(&question), all_nodes(aws, &cluster_name))?;
    let orchestrator = cluster.orchestrator.as_ref().map(|kind| if kind.eks.is_some() { "eks" } else { "slurm" });
    let message = cluster.failure_message.filter(|text| !text.is_empty());
    let whole = Group {
        cluster: cluster_name,
        cluster_status: cluster.cluster_status,
        orchestrator,
        recovery: cluster.node_recovery,
        message,
        ..Group::default()
    };
    let restricted = cluster.restricted_instance_groups.into_iter().map(GroupDetails::from);
    let groups: Vec<_> = cluster.instance_groups.into_iter().chain(restricted).collect();
    if groups.is_empty() {
        return Ok(vec![Found { group: whole, types: Vec::new() }]);
    }
    Ok(groups.into_iter().map(|details| summed_up(details, &nodes, &whole)).collect())
}

fn summed_up(details: GroupDetails, nodes: &[NodeSummary], whole: &Group) -> Found {
    let name = details.instance_group_name.unwrap_or_default();
    let own: Vec<_> = nodes.iter().filter(|node| node.instance_group_name == name).collect();
    let version = match (details.current_image_release_version, details.desired_image_release_version) {
        (Some(now), Some(wanted)) if now != wanted => Some(format!("{now} → {wanted}")),
        (now, wanted) => now.or(wanted),
    };
    let under_way = details.active_operations.unwrap_or_default();
    let mut updating: Vec<String> = under_way.iter().map(|(what, count)| format!("{what}: {count}")).collect();
    updating.extend(details.software_update_status.filter(|status| status != "Succeeded"));
    let group = Group {
        instance_type: details.instance_type,
        wanted: details.target_count,
        running: own.iter().filter(|node| node.is_running()).count() as u64,
        failing: own.iter().filter(|node| node.is_failing()).count() as u64,
        unhealthy: own.iter().filter(|node| !node.is_running()).map(|node| in_words(node)).collect(),
        status: details.status,
        image: details.image_version_status.filter(|status| status != "UpToDate"),
        version,
        nodes_behind: own.iter().filter(|node| node.is_behind()).count() as u64,
        updating,
        next_update: details
            .auto_patch_config
            .and_then(AutoPatch::next)
            .or(details.scheduled_update_config.map(|schedule| schedule.schedule_expression)),
        training_plan: details.training_plan_status,
        group: name,
        ..whole.clone()
    };
    Found { group, types: own.iter().map(|node| node.instance_type().to_owned()).collect() }
}

/// `i-0123 Failure: lifecycle script failed`.
fn in_words(node: &NodeSummary) -> String {
    match node.trouble() {
        Some(message) => format!("{} {}: {message}", node.instance_id, node.status()),
        None => format!("{} {}", node.instance_id, node.status()),
    }
}

fn problems(groups: &[Group]) -> usize {
    groups.iter().filter(|group| group.has_problem()).count()
}

/// One instance group.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
struct Group {
    /// Region, where several were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    cluster: String,
    cluster_status: String,
    /// `eks` or `slurm`.
    orchestrator: Option<&'static str>,
    group: String,
    #[serde(rename = "type")]
    instance_type: Option<String>,
    status: Option<String>,
    /// Nodes asked for.
    wanted: Option<u64>,
    /// Nodes that run.
    running: u64,
    /// Nodes that failed.
    failing: u64,
    /// Nodes that do not run, with their reasons.
    unhealthy: Vec<String>,
    /// State of the machine image, where it is not up to date.
    image: Option<String>,
    /// Version of the machine image, and the one that is wanted where it is another.
    version: Option<String>,
    /// Nodes whose image is not up to date.
    #[serde(skip_serializing_if = "is_zero")]
    nodes_behind: u64,
    /// Operations and software updates under way.
    updating: Vec<String>,
    /// When software is next updated by itself: a time, or a schedule in UTC.
    next_update: Option<String>,
    /// Whether failing nodes are replaced by themselves.
    recovery: Option<String>,
    training_plan: Option<String>,
    /// Of the nodes that are there; nothing for those of a training plan.
    cost_per_hour: Option<Money>,
    /// Why the cluster failed.
    message: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Group {
    fn has_problem(&self) -> bool {
        !self.unhealthy.is_empty()
            || self.wanted.is_some_and(|wanted| wanted != self.running)
            || self.image.as_deref().is_some_and(|image| image != "UpdateAvailable")
            || self.updating.iter().any(|update| update.contains("Fail") || update.contains("Rollback"))
            || self.message.is_some()
            || self.cluster_status == "Failed"
            || matches!(self.status.as_deref(), Some("Failed" | "Degraded"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeCluster {
    cluster_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Cluster {
    cluster_status: String,
    failure_message: Option<String>,
    orchestrator: Option<OrchestratorKind>,
    node_recovery: Option<String>,
    #[serde(default)]
    instance_groups: Vec<GroupDetails>,
    #[serde(default)]
    restricted_instance_groups: Vec<RestrictedGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct OrchestratorKind {
    eks: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GroupDetails {
    instance_group_name: Option<String>,
    instance_type: Option<String>,
    target_count: Option<u64>,
    status: Option<String>,
    image_version_status: Option<String>,
    current_image_release_version: Option<String>,
    desired_image_release_version: Option<String>,
    software_update_status: Option<String>,
    active_operations: Option<BTreeMap<String, u64>>,
    scheduled_update_config: Option<Schedule>,
    auto_patch_config: Option<AutoPatch>,
    training_plan_status: Option<String>,
}

/// A group for the training of models whose weights nobody may see. It says less of itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct RestrictedGroup {
    instance_group_name: Option<String>,
    instance_type: Option<String>,
    target_count: Option<u64>,
    status: Option<String>,
    scheduled_update_config: Option<Schedule>,
    training_plan_status: Option<String>,
}

impl From<RestrictedGroup> for GroupDetails {
    fn from(group: RestrictedGroup) -> Self {
        Self {
            instance_group_name: group.instance_group_name,
            instance_type: group.instance_type,
            target_count: group.target_count,
            status: group.status,
            scheduled_update_config: group.scheduled_update_config,
            training_plan_status: group.training_plan_status,
            ..Self::default()
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Schedule {
    schedule_expression: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct AutoPatch {
    current_patch_schedule: Option<PatchSchedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct PatchSchedule {
    next_patch_date: Option<String>,
}

impl AutoPatch {
    fn next(self) -> Option<String> {
        self.current_patch_schedule?.next_patch_date
    }
}

impl Operation for DescribeCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeCluster";
    type Needs = Reads;
    type Reply = Cluster;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeCluster>();
    }

    fn node(status: &str, image: &str) -> NodeSummary {
        serde_json::from_value(json!({
            "InstanceGroupName": "workers", "InstanceId": "i-1", "InstanceType": "ml.p5.48xlarge",
            "InstanceStatus": { "Status": status, "Message": "" }, "ImageVersionStatus": image
        }))
        .unwrap()
    }

    #[test]
    fn a_group_is_summed_up_from_what_it_says_and_what_its_nodes_say() {
        let details = serde_json::from_value(json!({
            "InstanceGroupName": "workers", "InstanceType": "ml.p5.48xlarge", "TargetCount": 3,
            "CurrentImageReleaseVersion": "1.0.3", "DesiredImageReleaseVersion": "1.0.5",
            "ImageVersionStatus": "SecurityUpdateRequired", "SoftwareUpdateStatus": "InProgress",
            "ActiveOperations": { "Scaling": 1 },
            "ScheduledUpdateConfig": { "ScheduleExpression": "cron(0 4 ? * SUN *)" }
        }))
        .unwrap();
        let nodes =
            [node("Running", "UpToDate"), node("Failure", "SecurityUpdateRequired"), node("Pending", "UpToDate")];
        let found = summed_up(details, &nodes, &Group::default());
        let group = &found.group;
        assert_eq!((group.wanted, group.running, group.failing, group.nodes_behind), (Some(3), 1, 1, 1));
        assert_eq!(group.version.as_deref(), Some("1.0.3 → 1.0.5"));
        assert_eq!(group.updating, ["Scaling: 1", "InProgress"]);
        assert_eq!(group.next_update.as_deref(), Some("cron(0 4 ? * SUN *)"));
        assert_eq!(found.paid_types().count(), 3);
        let planned = Group { training_plan: Some("Active".into()), ..Group::default() };
        assert_eq!(Found { group: planned, types: vec!["ml.p5.48xlarge".into()] }.paid_types().count(), 0);
    }

    #[test]
    fn what_counts_as_a_problem() {
        let well = Group { cluster_status: "InService".into(), wanted: Some(2), running: 2, ..Group::default() };
        assert!(!well.has_problem());
        let fewer =
            Group { running: 1, ..Group { cluster_status: "InService".into(), wanted: Some(2), ..Group::default() } };
        assert!(fewer.has_problem());
        let behind = Group { image: Some("SecurityUpdateRequired".into()), ..Group::default() };
        assert!(behind.has_problem());
        assert_eq!(problems(&[well, fewer, behind]), 2);
    }
}
