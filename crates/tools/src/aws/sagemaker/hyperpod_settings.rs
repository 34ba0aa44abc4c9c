//! What a HyperPod cluster does by itself, groups that it no longer needs, and its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Destroys, Error, Impact, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed};

use super::hyperpod_nodes::{all_nodes, wire::NodeSummary};
use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::destroys::<UpdateSettings>(), ToolDef::destroys::<DeleteHyperpod>()];

/// Change what a SageMaker HyperPod cluster does by itself, or delete instance groups
///
/// Node recovery, auto-scaling, continuous provisioning. Counts, types, update schedules: update_hp_cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateSettings {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Replace failing nodes by themselves, or not.
    node_recovery: Option<NodeRecovery>,
    /// Have Karpenter add and remove nodes, or not. EKS only.
    auto_scaling: Option<bool>,
    /// ARN of the role that scales the cluster.
    cluster_role: Option<String>,
    /// Switch to adding nodes one by one as they can be had.
    #[serde(default)]
    continuous_provisioning: bool,
    /// Instance groups to delete, with their nodes.
    delete_instance_groups: Option<Vec<String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum NodeRecovery {
    Automatic,
    None,
}

impl UpdateSettings {
    fn request(&self) -> Result<UpdateCluster> {
        let gone = self.delete_instance_groups.clone().unwrap_or_default();
        let nothing = self.node_recovery.is_none()
            && self.auto_scaling.is_none()
            && self.cluster_role.is_none()
            && !self.continuous_provisioning
            && gone.is_empty();
        if nothing {
            return Err(Error::validation("nothing to change was given").hint(
                "give node_recovery, auto_scaling, cluster_role, continuous_provisioning or delete_instance_groups",
            ));
        }
        let scaling = |on: bool| AutoScaling {
            mode: if on { "Enable" } else { "Disable" },
            auto_scaler_type: on.then_some("Karpenter"),
        };
        Ok(UpdateCluster {
            cluster_name: self.cluster_name.clone(),
            node_recovery: self.node_recovery,
            auto_scaling: self.auto_scaling.map(scaling),
            cluster_role: self.cluster_role.clone(),
            node_provisioning_mode: self.continuous_provisioning.then_some("Continuous"),
            instance_groups_to_delete: gone,
        })
    }
}

impl Tool<App> for UpdateSettings {
    const NAME: &'static str = "hyperpod_update_settings";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "node_recovery": "Automatic"}"#;
    type Access = Destroys;
    type Output = Json<ClusterArn>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<ClusterArn>> {
        let request = self.request()?;
        cx.aws(self.region.as_ref(), self.profile.as_ref()).send(&request).await.map(Json)
    }
}

impl Preview<App> for UpdateSettings {
    type Plan = Weighed<SettingsPlan>;

    fn target(&self) -> Target {
        target(&self.cluster_name, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<SettingsPlan>> {
        self.request()?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let now = settings(&aws, &self.cluster_name).await?;
        let gone = self.delete_instance_groups.clone().unwrap_or_default();
        let known = |name: &String| now.groups.contains(name);
        if let Some(missing) = gone.iter().find(|name| !known(name)) {
            return Err(
                Error::not_found("instance group", missing).hint(format!("the cluster has: {}", now.groups.join(", ")))
            );
        }
        let nodes = all_nodes(&aws, &self.cluster_name).await?;
        let nodes_ended = nodes.into_iter().filter(|node| gone.contains(&node.instance_group_name)).collect();
        let impact = match self.auto_scaling {
            Some(true) => Impact::unknown("Karpenter would add as many nodes as the pods ask for"),
            Some(false) | None => Impact::NONE,
        };
        Ok(Weighed::new(SettingsPlan { now, nodes_ended }, impact))
    }
}

async fn settings(aws: &Aws<Reads>, cluster_name: &str) -> Result<Settings> {
    let cluster = aws.send(&DescribeCluster { cluster_name: cluster_name.to_owned() }).await?;
    Ok(Settings {
        node_recovery: cluster.node_recovery,
        auto_scaling: cluster.auto_scaling.and_then(|scaling| scaling.mode),
        node_provisioning_mode: cluster.node_provisioning_mode,
        groups: cluster.instance_groups.into_iter().filter_map(|group| group.instance_group_name).collect(),
    })
}

/// Delete a SageMaker HyperPod cluster with all of its nodes
///
/// What is on the nodes' disks is lost. A cluster of a stack is deleted with manage_hyperpod_stacks instead.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeleteHyperpod {
    /// Name or ARN of the cluster.
    cluster_name: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for DeleteHyperpod {
    const NAME: &'static str = "hyperpod_delete_cluster";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Destroys;
    type Output = Json<ClusterArn>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<ClusterArn>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        aws.send(&DeleteCluster { cluster_name: self.cluster_name }).await.map(Json)
    }
}

impl Preview<App> for DeleteHyperpod {
    type Plan = EndPlan;

    fn target(&self) -> Target {
        target(&self.cluster_name, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<EndPlan> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        Ok(EndPlan { nodes_ended: all_nodes(&aws, &self.cluster_name).await? })
    }
}

fn target(cluster: &str, region: Option<&Region>, profile: Option<&Profile>) -> Target {
    aws_target("hyperpod cluster", vec![cluster.to_owned()], region, profile)
}

/// What a cluster does by itself now.
#[derive(Serialize, JsonSchema)]
struct Settings {
    node_recovery: Option<String>,
    auto_scaling: Option<String>,
    node_provisioning_mode: Option<String>,
    groups: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct SettingsPlan {
    now: Settings,
    /// Nodes that would end with their groups.
    nodes_ended: Vec<NodeSummary>,
}

#[derive(Serialize, JsonSchema)]
struct EndPlan {
    nodes_ended: Vec<NodeSummary>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct UpdateCluster {
    cluster_name: String,
    node_recovery: Option<NodeRecovery>,
    auto_scaling: Option<AutoScaling>,
    cluster_role: Option<String>,
    node_provisioning_mode: Option<&'static str>,
    instance_groups_to_delete: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct AutoScaling {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_scaler_type: Option<&'static str>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct ClusterArn {
    cluster_arn: String,
}

impl Operation for UpdateCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "UpdateCluster";
    type Needs = Destroys;
    type Reply = ClusterArn;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DeleteCluster {
    cluster_name: String,
}

impl Operation for DeleteCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DeleteCluster";
    type Needs = Destroys;
    type Reply = ClusterArn;
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
    node_recovery: Option<String>,
    auto_scaling: Option<FoundScaling>,
    node_provisioning_mode: Option<String>,
    #[serde(default)]
    instance_groups: Vec<NamedGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct FoundScaling {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct NamedGroup {
    instance_group_name: Option<String>,
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
        check::<UpdateCluster>();
        check::<DeleteCluster>();
        check::<DescribeCluster>();
    }
}
