//! One HyperPod cluster: look at it, change its instance groups.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::Operation;
use trainyard_contract::{Destroys, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<DescribeHpCluster>().formerly(&["hyperpod_describe_cluster"]),
    ToolDef::destroys::<UpdateHpCluster>(),
];

/// Show a SageMaker HyperPod cluster: status, instance groups, orchestrator, network
///
/// The answer is the API's own, so that its groups can be edited and given to update_hp_cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DescribeHpCluster {
    /// Name or ARN of the cluster.
    cluster_name: String,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for DescribeHpCluster {
    const NAME: &'static str = "describe_hp_cluster";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Json<Value>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Value>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        aws.send(&DescribeCluster { cluster_name: self.cluster_name }).await.map(|cluster| Json(cluster.0))
    }
}

/// Change the instance groups of a SageMaker HyperPod cluster: counts, types, scheduled updates
///
/// Groups are given whole and in the API's spelling, with InstanceCount as the wanted number. A lower number ends nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateHpCluster {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Groups to add or change, as UpdateCluster takes them.
    instance_groups: Vec<Map<String, Value>>,
    /// Replace failing nodes by themselves.
    node_recovery: Option<NodeRecovery>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum NodeRecovery {
    Automatic,
    None,
}

impl Tool<App> for UpdateHpCluster {
    const NAME: &'static str = "update_hp_cluster";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "instance_groups": [{"InstanceGroupName": "workers", "InstanceCount": 8, "InstanceType": "ml.p5.48xlarge", "ExecutionRole": "arn:aws:iam::123456789012:role/hyperpod", "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-scripts/train", "OnCreate": "on_create.sh"}}]}"#;
    type Access = Destroys;
    type Output = Json<Value>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Value>> {
        if self.instance_groups.is_empty() {
            return Err(Error::validation("`instance_groups` is empty").hint("describe_hp_cluster shows the groups"));
        }
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let update = UpdateCluster {
            cluster_name: self.cluster_name,
            instance_groups: self.instance_groups,
            node_recovery: self.node_recovery,
        };
        aws.send(&update).await.map(|answer| Json(answer.0))
    }
}

impl Preview<App> for UpdateHpCluster {
    type Plan = Vec<GroupChange>;

    fn target(&self) -> Target {
        let cluster = vec![self.cluster_name.clone()];
        aws_target("hyperpod cluster", cluster, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Vec<GroupChange>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let cluster = aws.send(&DescribeCluster { cluster_name: self.cluster_name.clone() }).await?;
        Ok(self.instance_groups.iter().map(|group| change(group, &cluster.0)).collect())
    }
}

/// What would become of one group.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct GroupChange {
    group: String,
    /// Nodes that it has; absent for a new group.
    nodes_now: Option<u64>,
    nodes_wanted: Option<u64>,
    /// Nodes that would end.
    nodes_ended: u64,
    /// Members that would differ from what the cluster has.
    changed: Vec<String>,
}

fn change(group: &Map<String, Value>, cluster: &Value) -> GroupChange {
    let name = group.get("InstanceGroupName").and_then(Value::as_str).unwrap_or_default();
    let groups = cluster["InstanceGroups"].as_array().into_iter().flatten();
    let now = groups.into_iter().find(|known| known["InstanceGroupName"] == name);
    let nodes_now = now.and_then(|now| now["CurrentCount"].as_u64());
    let nodes_wanted = group.get("InstanceCount").and_then(Value::as_u64);
    let differs = |(member, value): &(&String, &Value)| {
        // The API describes the wanted number as `TargetCount`.
        let known = if *member == "InstanceCount" { "TargetCount" } else { member.as_str() };
        now.is_none_or(|now| now.get(known) != Some(*value))
    };
    GroupChange {
        group: name.to_owned(),
        nodes_now,
        nodes_wanted,
        nodes_ended: nodes_now.zip(nodes_wanted).map_or(0, |(now, wanted)| now.saturating_sub(wanted)),
        changed: group.iter().filter(differs).map(|(member, _)| member.clone()).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeCluster {
    cluster_name: String,
}

/// The answer as the API gives it.
#[derive(Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(JsonSchema))]
struct Raw(Value);

impl Operation for DescribeCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeCluster";
    type Needs = Reads;
    type Reply = Raw;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct UpdateCluster {
    cluster_name: String,
    instance_groups: Vec<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_recovery: Option<NodeRecovery>,
}

impl Operation for UpdateCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "UpdateCluster";
    type Needs = Destroys;
    type Reply = Raw;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeCluster>();
        check::<UpdateCluster>();
    }

    #[test]
    fn a_plan_counts_the_nodes_that_would_end() {
        let cluster = json!({ "InstanceGroups": [
            { "InstanceGroupName": "w", "CurrentCount": 8, "TargetCount": 8, "InstanceType": "ml.p5.48xlarge" }
        ] });
        let of = |group: Value| change(group.as_object().unwrap(), &cluster);
        let less = of(json!({ "InstanceGroupName": "w", "InstanceCount": 5, "InstanceType": "ml.p5.48xlarge" }));
        assert_eq!((less.nodes_ended, less.changed), (3, vec!["InstanceCount".to_owned()]));
        let new = of(json!({ "InstanceGroupName": "x", "InstanceCount": 2 }));
        assert_eq!((new.nodes_now, new.nodes_ended, new.changed.len()), (None, 0, 2));
    }
}
