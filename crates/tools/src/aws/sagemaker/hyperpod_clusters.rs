//! One HyperPod cluster: look at it, change its instance groups.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Destroys, Error, Impact, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed};

use super::cost::Nodes;
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
    type Plan = Weighed<Vec<GroupChange>>;

    fn target(&self) -> Target {
        let cluster = vec![self.cluster_name.clone()];
        aws_target("hyperpod cluster", cluster, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Vec<GroupChange>>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let cluster = aws.send(&DescribeCluster { cluster_name: self.cluster_name.clone() }).await?;
        let impact = match more_nodes(&self.instance_groups, &cluster.0) {
            Ok(nodes) => nodes.impact(&aws, &nodes.cost(&aws).await).await,
            Err(why) => Impact::unknown(why),
        };
        let changes = self.instance_groups.iter().map(|group| change(group, &cluster.0)).collect();
        Ok(Weighed::new(changes, impact))
    }
}

/// A group of a cluster as the API describes it.
fn group_of<'a>(cluster: &'a Value, name: &str) -> Option<&'a Value> {
    cluster["InstanceGroups"].as_array()?.iter().find(|group| group["InstanceGroupName"] == name)
}

/// Nodes that the groups would have more than now, or why that cannot be told.
fn more_nodes(groups: &[Map<String, Value>], cluster: &Value) -> std::result::Result<Nodes, String> {
    let mut nodes = Nodes::default();
    for group in groups {
        let text = |member: &str| group.get(member).and_then(Value::as_str);
        let name = text("InstanceGroupName").unwrap_or_default();
        let now = group_of(cluster, name);
        let before = now.and_then(|now| now["InstanceType"].as_str());
        let Some(kind) = text("InstanceType").or(before) else {
            return Err(format!("group {name:?} names no single InstanceType"));
        };
        let Some(wanted) = group.get("InstanceCount").and_then(Value::as_u64) else {
            return Err(format!("group {name:?} names no InstanceCount"));
        };
        let kept = now.filter(|_| before == Some(kind)).and_then(|now| now["TargetCount"].as_u64());
        let planned = text("TrainingPlanArn").is_some() || now.is_some_and(|now| now["TrainingPlanArn"].is_string());
        nodes.add(kind, wanted.saturating_sub(kept.unwrap_or_default()), planned);
    }
    Ok(nodes)
}

/// What so many more nodes of a group would be.
pub(super) async fn grown(aws: &Aws<Reads>, cluster_name: &str, group: &str, count: u32) -> Result<Impact> {
    let cluster = aws.send(&DescribeCluster { cluster_name: cluster_name.to_owned() }).await?.0;
    let Some(group) = group_of(&cluster, group) else {
        return Err(Error::not_found("instance group", group).hint("describe_hp_cluster shows the groups"));
    };
    let Some(kind) = group["InstanceType"].as_str() else {
        return Ok(Impact::unknown("the group is of several instance types"));
    };
    let mut nodes = Nodes::default();
    nodes.add(kind, u64::from(count), group["TrainingPlanArn"].is_string());
    Ok(nodes.impact(aws, &nodes.cost(aws).await).await)
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
    let now = group_of(cluster, name);
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
    fn nodes_count_that_were_not_there_before() {
        let cluster = json!({ "InstanceGroups": [
            { "InstanceGroupName": "w", "CurrentCount": 2, "TargetCount": 8, "InstanceType": "ml.a" },
            { "InstanceGroupName": "t", "TargetCount": 1, "InstanceType": "ml.b", "TrainingPlanArn": "arn:plan" }
        ] });
        let of = |groups: Value| more_nodes(&serde_json::from_value::<Vec<_>>(groups).unwrap(), &cluster);
        let more = of(json!([
            { "InstanceGroupName": "w", "InstanceCount": 10, "InstanceType": "ml.a" },
            { "InstanceGroupName": "t", "InstanceCount": 4 },
            { "InstanceGroupName": "new", "InstanceCount": 5, "InstanceType": "ml.a" }
        ]))
        .unwrap();
        assert_eq!((more.all["ml.a"], more.all["ml.b"]), (7, 3), "2 more and 5 new ones; 3 of the plan");
        assert_eq!(more.paid.get("ml.b"), None);
        let other = of(json!([{ "InstanceGroupName": "w", "InstanceCount": 4, "InstanceType": "ml.c" }])).unwrap();
        assert_eq!(other.all["ml.c"], 4, "another type is all new");
        assert_eq!(of(json!([{ "InstanceGroupName": "w", "InstanceCount": 1 }])).unwrap().all["ml.a"], 0);
        for unclear in [json!({ "InstanceGroupName": "w" }), json!({ "InstanceGroupName": "x", "InstanceCount": 1 })] {
            assert!(of(json!([unclear])).is_err());
        }
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
