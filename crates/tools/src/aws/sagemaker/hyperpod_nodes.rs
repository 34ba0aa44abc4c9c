//! HyperPod clusters and their nodes, under the one name that the AWS server gives them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, CallDef, Changes, Covers, Destroys, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef,
};

use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(super) mod wire;

use wire::{
    BatchDeleteClusterNodes, ClusterSummary, DeleteFailure, DeploymentConfig, DescribeClusterNode, ListClusterNodes,
    ListClusters, NodeDetails, NodeSummary, SortBy, SortOrder, UpdateClusterSoftware, UpdatedGroup,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_operation(
    "manage_hyperpod_cluster_nodes",
    "Find SageMaker HyperPod clusters and their nodes, update their software, delete nodes. Updating replaces root \
     volumes and deleting loses instance-store data: save work first. A Slurm controller node cannot be deleted.",
    &[
        CallDef::reads::<Clusters>(),
        CallDef::reads::<Nodes>(),
        CallDef::reads::<Node>(),
        CallDef::changes::<UpdateSoftware>(),
        CallDef::destroys::<DeleteNodes>(),
    ],
)
.under_result()];

/// List clusters
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Clusters {
    /// Part of the cluster's name.
    name_contains: Option<String>,
    /// ISO time, date or epoch seconds.
    creation_time_after: Option<String>,
    /// ISO time, date or epoch seconds.
    creation_time_before: Option<String>,
    sort_by: Option<SortBy>,
    sort_order: Option<SortOrder>,
    /// Only clusters that use this training plan.
    training_plan_arn: Option<String>,
    #[serde(default)]
    max_results: MaxResults,
    /// Token of the page before.
    next_token: Option<String>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Clusters {
    const NAME: &'static str = "list_clusters";
    const EXAMPLE: &'static str = r#"{"name_contains": "train"}"#;
    type Access = Reads;
    type Output = Json<ClusterList>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<ClusterList>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let page = aws
            .send(&ListClusters {
                name_contains: self.name_contains,
                creation_time_after: self.creation_time_after,
                creation_time_before: self.creation_time_before,
                sort_by: self.sort_by,
                sort_order: self.sort_order,
                training_plan_arn: self.training_plan_arn,
                max_results: self.max_results.0,
                next_token: self.next_token,
            })
            .await?;
        Ok(Json(ClusterList { clusters: page.cluster_summaries, next_token: page.next_token }))
    }
}

/// List the nodes of a cluster
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nodes {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Part of the instance group's name.
    instance_group_name_contains: Option<String>,
    /// ISO time, date or epoch seconds.
    creation_time_after: Option<String>,
    /// ISO time, date or epoch seconds.
    creation_time_before: Option<String>,
    sort_by: Option<SortBy>,
    sort_order: Option<SortOrder>,
    #[serde(default)]
    max_results: MaxResults,
    /// Token of the page before.
    next_token: Option<String>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Nodes {
    const NAME: &'static str = "list_nodes";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Json<NodeList>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<NodeList>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let page = aws
            .send(&ListClusterNodes {
                cluster_name: self.cluster_name,
                instance_group_name_contains: self.instance_group_name_contains,
                creation_time_after: self.creation_time_after,
                creation_time_before: self.creation_time_before,
                sort_by: self.sort_by,
                sort_order: self.sort_order,
                max_results: self.max_results.0,
                next_token: self.next_token,
            })
            .await?;
        Ok(Json(NodeList { nodes: page.cluster_node_summaries, next_token: page.next_token }))
    }
}

/// Show one node
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Node {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance ID of the node.
    node_id: String,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Node {
    const NAME: &'static str = "describe_node";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "node_id": "i-0123456789abcdef0"}"#;
    type Access = Reads;
    type Output = Json<NodeDescription>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<NodeDescription>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let reply = aws.send(&DescribeClusterNode { cluster_name: self.cluster_name, node_id: self.node_id }).await?;
        Ok(Json(NodeDescription { node_details: reply.node_details }))
    }
}

/// Update the software of a cluster, or of some of its groups
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateSoftware {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Groups to update; all when absent.
    instance_groups: Option<Vec<UpdatedGroup>>,
    /// How the update rolls over the nodes.
    deployment_config: Option<DeploymentConfig>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for UpdateSoftware {
    const NAME: &'static str = "update_software";
    const EXAMPLE: &'static str =
        r#"{"cluster_name": "train", "instance_groups": [{"instance_group_name": "workers"}]}"#;
    type Access = Changes;
    type Output = Json<Updating>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Updating>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let reply = aws
            .send(&UpdateClusterSoftware {
                cluster_name: self.cluster_name,
                instance_groups: self.instance_groups.unwrap_or_default(),
                deployment_config: self.deployment_config,
            })
            .await?;
        Ok(Json(Updating { cluster_arn: reply.cluster_arn }))
    }
}

impl Preview<App> for UpdateSoftware {
    type Plan = Affected;

    fn target(&self) -> Target {
        aws_target(
            "hyperpod cluster",
            vec![self.cluster_name.clone()],
            self.region_name.as_ref(),
            self.profile_name.as_ref(),
        )
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Affected> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let nodes = all_nodes(&aws, &self.cluster_name).await?;
        let groups = self.instance_groups.as_deref().unwrap_or_default();
        let chosen = |node: &NodeSummary| {
            groups.is_empty() || groups.iter().any(|group| group.instance_group_name == node.instance_group_name)
        };
        let unknown = groups
            .iter()
            .filter(|group| !nodes.iter().any(|node| node.instance_group_name == group.instance_group_name))
            .map(|group| group.instance_group_name.clone())
            .collect();
        Ok(Affected { nodes: nodes.into_iter().filter(chosen).collect(), unknown })
    }
}

/// Delete nodes
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeleteNodes {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance IDs of the nodes, up to 3000.
    node_ids: Vec<String>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for DeleteNodes {
    const NAME: &'static str = "batch_delete";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "node_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        if self.node_ids.is_empty() {
            return Err(Error::validation("`node_ids` is empty").hint("list_nodes shows the nodes"));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, some) in self.node_ids.chunks(NODES_DELETED_AT_ONCE).enumerate() {
            let cluster_name = self.cluster_name.clone();
            match aws.send(&BatchDeleteClusterNodes { cluster_name, node_ids: some.to_vec() }).await {
                Ok(reply) => {
                    successful.extend(reply.successful);
                    failed.extend(reply.failed.unwrap_or_default());
                }
                Err(error) => {
                    let refused = failed.iter().map(DeleteFailure::in_words).collect();
                    return Err(stopped(error, successful, refused, &self.node_ids[at * NODES_DELETED_AT_ONCE..]));
                }
            }
        }
        let failed = Some(failed).filter(|failed| !failed.is_empty());
        Ok(Json(Deleted { cluster_name: self.cluster_name, successful, failed }))
    }
}

/// A call of several steps that stopped: what was done, what was refused, what was left.
pub(super) fn stopped(error: Error, done: Vec<String>, refused: Vec<String>, left: &[String]) -> Error {
    let done = done.into_iter().map(|id| format!("{id}: done"));
    let left = left.iter().map(|id| format!("{id}: left alone"));
    error.partial(done.chain(refused).chain(left))
}

impl Preview<App> for DeleteNodes {
    type Plan = Affected;

    fn target(&self) -> Target {
        aws_target("hyperpod node", self.node_ids.clone(), self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Affected> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let nodes = all_nodes(&aws, &self.cluster_name).await?;
        let known = |id: &String| nodes.iter().any(|node| node.instance_id == *id);
        let unknown = self.node_ids.iter().filter(|id| !known(id)).cloned().collect();
        Ok(Affected {
            nodes: nodes.into_iter().filter(|node| self.node_ids.contains(&node.instance_id)).collect(),
            unknown,
        })
    }
}

/// Nodes that one request of the API deletes.
const NODES_DELETED_AT_ONCE: usize = 3000;
/// Pages of nodes that a plan looks through: 100 nodes each.
const PLAN_PAGES: usize = 30;

/// Every node of a cluster, as far as a plan or a report looks.
pub(super) async fn all_nodes<A: Access + Covers<Reads>>(aws: &Aws<A>, cluster: &str) -> Result<Vec<NodeSummary>> {
    let mut nodes: Vec<NodeSummary> = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PLAN_PAGES {
        let page = aws
            .send(&ListClusterNodes {
                cluster_name: cluster.to_owned(),
                instance_group_name_contains: None,
                creation_time_after: None,
                creation_time_before: None,
                sort_by: None,
                sort_order: None,
                max_results: 100,
                next_token: token.clone(),
            })
            .await?;
        nodes.extend(page.cluster_node_summaries);
        if page.next_token.is_none() || page.next_token == token {
            break;
        }
        token = page.next_token;
    }
    Ok(nodes)
}

/// Names of the clusters whose name has this part, and the region that was asked.
pub(super) async fn all_clusters(aws: &Aws<Reads>, name_contains: Option<&str>) -> Result<(Vec<String>, String)> {
    let mut names: Vec<String> = Vec::new();
    let mut region = String::new();
    let mut token: Option<String> = None;
    for _ in 0..PLAN_PAGES {
        let (page, asked) = aws
            .send_whole(&ListClusters {
                name_contains: name_contains.map(str::to_owned),
                creation_time_after: None,
                creation_time_before: None,
                sort_by: Some(SortBy::Name),
                sort_order: None,
                training_plan_arn: None,
                max_results: 100,
                next_token: token.clone(),
            })
            .await?;
        region = asked;
        names.extend(page.cluster_summaries.into_iter().map(|cluster| cluster.cluster_name));
        if page.next_token.is_none() || page.next_token == token {
            break;
        }
        token = page.next_token;
    }
    Ok((names, region))
}

/// Size of a page.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
struct MaxResults(#[schemars(range(min = 1, max = 100))] u32);

impl Default for MaxResults {
    fn default() -> Self {
        Self(10)
    }
}

#[derive(Serialize, JsonSchema)]
struct ClusterList {
    clusters: Vec<ClusterSummary>,
    next_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct NodeList {
    nodes: Vec<NodeSummary>,
    next_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct NodeDescription {
    node_details: NodeDetails,
}

#[derive(Serialize, JsonSchema)]
struct Updating {
    cluster_arn: String,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    cluster_name: String,
    successful: Vec<String>,
    /// Nodes that were not deleted, each with its reason.
    failed: Option<Vec<DeleteFailure>>,
}

/// Nodes that a change would reach.
#[derive(Serialize, JsonSchema)]
struct Affected {
    nodes: Vec<NodeSummary>,
    /// Names in the call that the cluster does not have.
    unknown: Vec<String>,
}
