//! What one does with the nodes of a HyperPod cluster: reboot, replace, add, check; and what has happened to them.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{
    Changes, Destroys, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};

use self::wire::{AddNodes, CheckHealth, ClusterEvent, FailedNode, ListEvents, NodeGroup, RebootNodes, ReplaceNodes};
use super::{
    hyperpod_clusters::grown,
    hyperpod_nodes::{all_nodes, stopped, wire::NodeSummary},
};
use crate::{
    App, Cx,
    common::{Cursor, Limit, Profile, Region, aws_target},
};

/// What one looks at when something is wrong.
pub(crate) const EVENTS: &[ToolDef<App>] = &[ToolDef::reads::<Events>()];

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<Reboot>(),
    ToolDef::destroys::<Replace>(),
    ToolDef::changes::<Add>().spending(),
    ToolDef::changes::<Check>(),
];

/// Nodes that one request of the API takes.
const NODES_AT_ONCE: usize = 25;

/// List the events of a SageMaker HyperPod cluster, newest first
///
/// Use it to find out why a node or a group failed, was replaced or does not come up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Events {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Only this instance group.
    instance_group_name: Option<String>,
    /// Only this node.
    node_id: Option<String>,
    /// Only after this time (ISO).
    after: Option<String>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Events {
    const NAME: &'static str = "hyperpod_list_events";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "after": "2026-11-20T00:00:00Z"}"#;
    type Access = Reads;
    type Output = Listing<ClusterEvent>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<ClusterEvent>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = ListEvents {
            cluster_name: self.cluster_name,
            instance_group_name: self.instance_group_name,
            node_id: self.node_id,
            event_time_after: self.after,
            sort_order: "Descending",
        };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let listing = Listing::part(found.items, found.next, found.pages).about("region", found.region);
        Ok(listing)
    }
}

/// Reboot nodes of a SageMaker HyperPod cluster
///
/// Jobs on them stop; disks stay. Tried first when a node hangs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reboot {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance IDs of the nodes.
    node_ids: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Reboot {
    const NAME: &'static str = "hyperpod_reboot_nodes";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "node_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Changes;
    type Output = Json<Done>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        in_portions(&self.node_ids, |some| {
            let aws = &aws;
            let cluster_name = self.cluster_name.clone();
            async move { aws.send(&RebootNodes { cluster_name, node_ids: some }).await }
        })
        .await
    }
}

impl Preview<App> for Reboot {
    type Plan = Vec<NodeSummary>;

    fn target(&self) -> Target {
        aws_target("hyperpod node", self.node_ids.clone(), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<NodeSummary>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        named(all_nodes(&aws, &self.cluster_name).await?, &self.node_ids)
    }
}

/// Replace nodes of a SageMaker HyperPod cluster by new machines
///
/// For broken hardware. What is on the node's disks is lost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replace {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance IDs of the nodes.
    node_ids: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Replace {
    const NAME: &'static str = "hyperpod_replace_nodes";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "node_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Done>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Done>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        in_portions(&self.node_ids, |some| {
            let aws = &aws;
            let cluster_name = self.cluster_name.clone();
            async move { aws.send(&ReplaceNodes { cluster_name, node_ids: some }).await }
        })
        .await
    }
}

impl Preview<App> for Replace {
    type Plan = Vec<NodeSummary>;

    fn target(&self) -> Target {
        aws_target("hyperpod node", self.node_ids.clone(), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<NodeSummary>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        named(all_nodes(&aws, &self.cluster_name).await?, &self.node_ids)
    }
}

/// Sends as many requests as the nodes need, and stops at the first that fails as a whole.
async fn in_portions<A>(ids: &[String], send: impl Fn(Vec<String>) -> A) -> Result<Json<Done>>
where
    A: Future<Output = Result<wire::NodesDone>>,
{
    let mut done = Done::default();
    for (at, some) in chunks(ids)?.enumerate() {
        match send(some.to_vec()).await {
            Ok(reply) => done.add(reply.successful, reply.failed),
            Err(error) => {
                let refused = done.failed.iter().map(FailedNode::in_words).collect();
                return Err(stopped(error, done.successful, refused, &ids[at * NODES_AT_ONCE..]));
            }
        }
    }
    Ok(Json(done))
}

fn chunks(ids: &[String]) -> Result<std::slice::Chunks<'_, String>> {
    if ids.is_empty() {
        return Err(Error::validation("`node_ids` is empty").hint("hyperpod_report shows the nodes"));
    }
    Ok(ids.chunks(NODES_AT_ONCE))
}

/// The nodes of that name; an error for one that the cluster does not have.
fn named(nodes: Vec<NodeSummary>, ids: &[String]) -> Result<Vec<NodeSummary>> {
    if let Some(missing) = ids.iter().find(|id| !nodes.iter().any(|node| node.instance_id == **id)) {
        return Err(Error::not_found("node", missing).hint("hyperpod_report shows the nodes"));
    }
    Ok(nodes.into_iter().filter(|node| ids.contains(&node.instance_id)).collect())
}

/// What became of each node.
#[derive(Default, Serialize, JsonSchema)]
struct Done {
    successful: Vec<String>,
    /// Nodes that were left alone, each with its reason.
    failed: Vec<FailedNode>,
}

impl Done {
    fn add(&mut self, successful: Vec<String>, failed: Vec<FailedNode>) {
        self.successful.extend(successful);
        self.failed.extend(failed);
    }
}

/// Add nodes to the instance groups of a SageMaker HyperPod cluster
///
/// For clusters with continuous provisioning; others grow by update_hp_cluster. The new nodes cost from their start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance group to grow.
    instance_group_name: String,
    /// How many nodes more.
    #[schemars(range(min = 1, max = 50))]
    count: u32,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Add {
    const NAME: &'static str = "hyperpod_add_nodes";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "instance_group_name": "workers", "count": 2}"#;
    type Access = Changes;
    type Output = Json<wire::AddedNodes>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<wire::AddedNodes>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = AddNodes {
            cluster_name: self.cluster_name,
            client_token: cx.token(),
            nodes_to_add: vec![NodeGroup {
                instance_group_name: self.instance_group_name,
                increment_target_count_by: self.count,
            }],
        };
        aws.send(&request).await.map(Json)
    }
}

impl Preview<App> for Add {
    type Plan = Weighed<Growth>;

    fn target(&self) -> Target {
        let group = vec![format!("{}/{}", self.cluster_name, self.instance_group_name)];
        aws_target("hyperpod instance group", group, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Growth>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let nodes = all_nodes(&aws, &self.cluster_name).await?;
        let own = nodes.iter().filter(|node| node.instance_group_name == self.instance_group_name);
        let nodes_now = own.count() as u64;
        let growth = Growth { nodes_now, nodes_after: nodes_now + u64::from(self.count) };
        Ok(Weighed::new(growth, grown(&aws, &self.cluster_name, &self.instance_group_name, self.count).await?))
    }
}

/// How a group would grow.
#[derive(Serialize, JsonSchema)]
struct Growth {
    nodes_now: u64,
    nodes_after: u64,
}

/// Start deep health checks on nodes of a SageMaker HyperPod cluster
///
/// They run for an hour or more and keep jobs off the nodes meanwhile. hyperpod_list_events shows what they find.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Check {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance group to check.
    instance_group_name: String,
    /// Only these nodes of it, by instance ID.
    node_ids: Option<Vec<String>>,
    /// Which checks.
    checks: Vec<DeepCheck>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum DeepCheck {
    InstanceStress,
    InstanceConnectivity,
}

impl Tool<App> for Check {
    const NAME: &'static str = "hyperpod_start_health_check";
    const EXAMPLE: &'static str =
        r#"{"cluster_name": "train", "instance_group_name": "workers", "checks": ["InstanceStress"]}"#;
    type Access = Changes;
    type Output = Json<wire::CheckedCluster>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<wire::CheckedCluster>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = CheckHealth {
            cluster_name: self.cluster_name,
            deep_health_check_configurations: vec![wire::CheckedGroup {
                instance_group_name: self.instance_group_name,
                instance_ids: self.node_ids.unwrap_or_default(),
                deep_health_checks: self.checks,
            }],
        };
        aws.send(&request).await.map(Json)
    }
}

impl Preview<App> for Check {
    type Plan = Vec<NodeSummary>;

    fn target(&self) -> Target {
        let group = vec![format!("{}/{}", self.cluster_name, self.instance_group_name)];
        aws_target("hyperpod instance group", group, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<NodeSummary>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let nodes = all_nodes(&aws, &self.cluster_name).await?;
        match &self.node_ids {
            Some(ids) => named(nodes, ids),
            None => Ok(nodes.into_iter().filter(|node| node.instance_group_name == self.instance_group_name).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_go_out_in_the_portions_that_the_api_takes() {
        let ids: Vec<_> = (0..60).map(|n| format!("i-{n}")).collect();
        let sizes: Vec<_> = chunks(&ids).unwrap().map(<[String]>::len).collect();
        assert_eq!(sizes, [25, 25, 10]);
        assert!(chunks(&[]).is_err());
    }
}
