//! One answer to "what is the state of my clusters?".

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use super::hyperpod_nodes::{all_clusters, all_nodes, wire::NodeSummary};
use crate::{
    App, Cx,
    aws::regions::across,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Report>()];

/// Clusters of one region that are looked into at the same time.
const CLUSTERS_AT_ONCE: usize = 4;

/// Report the state of SageMaker HyperPod clusters, one row an instance group
///
/// Nodes wanted and running, unhealthy nodes with their reasons, images behind, updates under way. Start here.
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
        let (groups, listing) = match &self.regions {
            None => (self.in_region(&aws).await?, Listing::whole(Vec::new())),
            Some(regions) => {
                let mut across = across(&cx, &aws, regions, |aws| async move { this.in_region(&aws).await }).await?;
                let mut groups = Vec::new();
                for (region, found) in &mut across.answers {
                    groups.extend(found.drain(..).map(|group| Group { region: Some(region.clone()), ..group }));
                }
                (groups, across.tell(Listing::whole(Vec::new())))
            }
        };
        let listing = listing.about("groups", groups.len()).about("groups_with_problems", problems(&groups));
        let items = groups.into_iter().filter(|group| !self.problems_only || group.has_problem()).collect();
        Ok(Listing { items, ..listing })
    }
}

impl Report {
    async fn in_region(&self, aws: &Aws<Reads>) -> Result<Vec<Group>> {
        let clusters = all_clusters(aws, self.name_contains.as_deref()).await?;
        let groups = stream::iter(clusters).map(|cluster| look_into(aws, cluster)).buffered(CLUSTERS_AT_ONCE);
        groups.try_concat().await
    }
}

async fn look_into(aws: &Aws<Reads>, cluster_name: String) -> Result<Vec<Group>> {
    let question = DescribeCluster { cluster_name: cluster_name.clone() };
    let (cluster, nodes) = futures::try_join!(aws.send(&question), all_nodes(aws, &cluster_name))?;
    let orchestrator = cluster.orchestrator.as_ref().map(|kind| if kind.eks.is_some() { "eks" } else { "slurm" });
    if cluster.instance_groups.is_empty() {
        return Ok(vec![Group {
            cluster: cluster_name,
            cluster_status: cluster.cluster_status,
            orchestrator,
            message: cluster.failure_message.filter(|text| !text.is_empty()),
            ..Group::default()
        }]);
    }
    let group = |details: GroupDetails| {
        let name = details.instance_group_name.unwrap_or_default();
        let own: Vec<_> = nodes.iter().filter(|node| node.instance_group_name == name).collect();
        Group {
            region: None,
            cluster: cluster_name.clone(),
            cluster_status: cluster.cluster_status.clone(),
            orchestrator,
            instance_type: details.instance_type,
            wanted: details.target_count,
            running: own.iter().filter(|node| node.is_running()).count() as u64,
            unhealthy: own.iter().filter(|node| !node.is_running()).map(|node| in_words(node)).collect(),
            status: details.status,
            image: details.image_version_status.filter(|status| status != "UpToDate"),
            update: details.software_update_status.filter(|status| status != "Succeeded"),
            training_plan: details.training_plan_status,
            message: cluster.failure_message.clone().filter(|text| !text.is_empty()),
            group: name,
        }
    };
    Ok(cluster.instance_groups.into_iter().map(group).collect())
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
#[derive(Debug, Default, Serialize, JsonSchema)]
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
    /// Nodes that do not, with their reasons.
    unhealthy: Vec<String>,
    /// State of the machine image, where it is not up to date.
    image: Option<String>,
    /// State of a software update, where one is not done.
    update: Option<String>,
    training_plan: Option<String>,
    /// Why the cluster failed.
    message: Option<String>,
}

impl Group {
    fn has_problem(&self) -> bool {
        !self.unhealthy.is_empty()
            || self.wanted.is_some_and(|wanted| wanted != self.running)
            || self.image.as_deref().is_some_and(|image| image != "UpdateAvailable")
            || self.update.as_deref().is_some_and(|update| update.contains("Fail") || update.contains("Rollback"))
            || self.message.is_some()
            || self.cluster_status == "Failed"
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
    #[serde(default)]
    instance_groups: Vec<GroupDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct OrchestratorKind {
    eks: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GroupDetails {
    instance_group_name: Option<String>,
    instance_type: Option<String>,
    target_count: Option<u64>,
    status: Option<String>,
    image_version_status: Option<String>,
    software_update_status: Option<String>,
    training_plan_status: Option<String>,
}

impl Operation for DescribeCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeCluster";
    type Needs = Reads;
    type Reply = Cluster;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeCluster>();
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
