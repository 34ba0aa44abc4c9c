//! Why the lifecycle scripts of nodes fail: the last lines of their logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Error, ErrorKind, Listing, Others, Reads, Result, Reveals, Tool, ToolDef};

use super::hyperpod_nodes::{all_nodes, wire::NodeSummary};
use crate::{
    App, Cx,
    aws::cloudwatch::log_events::{GetLogEvents, LogEvent},
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<LifecycleLogs>()];

/// Nodes whose logs are read when none are named.
const MOST_NODES: usize = 10;

/// Get the last log lines of the lifecycle scripts of SageMaker HyperPod nodes
///
/// They say why a node does not come up. Without node_ids, the nodes that do not run are looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LifecycleLogs {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Instance IDs of the nodes.
    node_ids: Option<Vec<String>>,
    /// Instance group of the nodes, where they are gone already.
    instance_group_name: Option<String>,
    /// Last lines of each node.
    #[serde(default)]
    lines: Lines,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
struct Lines(#[schemars(range(min = 1, max = 500))] u32);

impl Default for Lines {
    fn default() -> Self {
        Self(40)
    }
}

/// A node, and where its log is.
struct Logged {
    node: String,
    group: String,
    status: String,
}

impl Tool<App> for LifecycleLogs {
    const NAME: &'static str = "hyperpod_get_lifecycle_logs";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reveals;
    type Output = Listing<Line>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Listing<Line>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let cluster = aws.send(&DescribeCluster { cluster_name: self.cluster_name.clone() }).await?;
        let group_name = log_group(&cluster)?;
        let nodes = self.nodes(&all_nodes(&aws, &self.cluster_name).await?)?;
        let (mut lines, mut without) = (Vec::new(), Vec::new());
        for logged in &nodes {
            match self.tail(&aws, &group_name, logged).await {
                Ok(found) => lines.extend(found),
                Err(error) if error.kind() == ErrorKind::NotFound => without.push(logged.node.clone()),
                Err(error) => return Err(error),
            }
        }
        let seen: Vec<_> = nodes.iter().map(|logged| json!({ "node": logged.node, "status": logged.status })).collect();
        let mut listing = Listing::whole(lines).about("log_group", group_name).about("nodes", seen);
        if !without.is_empty() {
            listing = listing.about("nodes_without_log", without);
        }
        Ok(listing)
    }
}

impl LifecycleLogs {
    /// Those that are named, or those that do not run.
    fn nodes(&self, all: &[NodeSummary]) -> Result<Vec<Logged>> {
        let logged = |node: &NodeSummary| Logged {
            node: node.instance_id.clone(),
            group: node.instance_group_name.clone(),
            status: node.trouble().map_or(node.status().to_owned(), |why| format!("{}: {why}", node.status())),
        };
        let Some(ids) = &self.node_ids else {
            return Ok(all.iter().filter(|node| !node.is_running()).take(MOST_NODES).map(logged).collect());
        };
        let find = |id: &String| match (all.iter().find(|node| node.instance_id == *id), &self.instance_group_name) {
            (Some(node), _) => Ok(logged(node)),
            (None, Some(group)) => Ok(Logged { node: id.clone(), group: group.clone(), status: "gone".to_owned() }),
            (None, None) => Err(Error::not_found("node", id)
                .hint("the logs of a node that is gone are found with its instance_group_name")),
        };
        ids.iter().map(find).collect()
    }

    async fn tail(&self, aws: &Aws<Reveals>, group_name: &str, logged: &Logged) -> Result<Vec<Line>> {
        let stream = format!("LifecycleConfig/{}/{}", logged.group, logged.node);
        let question = GetLogEvents::of(group_name, &stream, self.lines.0);
        let events = aws.send(&question).await?.events;
        let line = |event: LogEvent| Line {
            node: logged.node.clone(),
            time: event.timestamp,
            line: Others(event.message.unwrap_or_default().trim_end().to_owned()),
        };
        Ok(events.into_iter().map(line).collect())
    }
}

/// `/aws/sagemaker/Clusters/train/a1b2c3d4e5f6`: the name, and the last part of the ARN.
fn log_group(cluster: &Cluster) -> Result<String> {
    let id = cluster.cluster_arn.rsplit_once('/').map(|(_, id)| id);
    match (&cluster.cluster_name, id) {
        (Some(name), Some(id)) => Ok(format!("/aws/sagemaker/Clusters/{name}/{id}")),
        _ => Err(Error::internal(format!("{:?} is not the ARN of a cluster", cluster.cluster_arn))),
    }
}

/// One line of a log.
#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    node: String,
    time: Option<String>,
    line: Others,
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
    cluster_arn: String,
    cluster_name: Option<String>,
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
    fn the_log_group_has_the_id_of_the_cluster() {
        let cluster = |arn: &str| Cluster { cluster_arn: arn.into(), cluster_name: Some("train".into()) };
        let group = log_group(&cluster("arn:aws:sagemaker:eu-west-1:123456789012:cluster/a1b2c3d4e5f6"));
        assert_eq!(group.unwrap(), "/aws/sagemaker/Clusters/train/a1b2c3d4e5f6");
        assert!(log_group(&cluster("nonsense")).is_err());
    }
}
