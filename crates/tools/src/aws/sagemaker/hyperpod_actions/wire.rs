//! The operations behind the tools, and what they carry.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads};

use super::DeepCheck;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListEvents {
    pub(super) cluster_name: String,
    pub(super) instance_group_name: Option<String>,
    pub(super) node_id: Option<String>,
    pub(super) event_time_after: Option<String>,
    pub(super) sort_order: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct EventPage {
    #[serde(default)]
    events: Vec<ClusterEvent>,
}

/// Something that happened to a cluster, a group or a node.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct ClusterEvent {
    event_time: Option<String>,
    event_level: Option<String>,
    resource_type: Option<String>,
    instance_group_name: Option<String>,
    instance_id: Option<String>,
    description: Option<String>,
    operation_id: Option<String>,
    event_id: String,
}

impl Operation for ListEvents {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusterEvents";
    type Needs = Reads;
    type Reply = EventPage;
}

impl Paged for ListEvents {
    type Item = ClusterEvent;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=100)
    }

    fn items(reply: EventPage) -> Vec<ClusterEvent> {
        reply.events
    }
}

/// A node that was left alone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct FailedNode {
    node_id: String,
    error_code: String,
    message: String,
}

impl FailedNode {
    pub(super) fn in_words(&self) -> String {
        format!("{}: {} ({})", self.node_id, self.message, self.error_code)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NodesDone {
    #[serde(default)]
    pub(super) successful: Vec<String>,
    #[serde(default)]
    pub(super) failed: Vec<FailedNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RebootNodes {
    pub(super) cluster_name: String,
    pub(super) node_ids: Vec<String>,
}

impl Operation for RebootNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "BatchRebootClusterNodes";
    type Needs = Changes;
    type Reply = NodesDone;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ReplaceNodes {
    pub(super) cluster_name: String,
    pub(super) node_ids: Vec<String>,
}

impl Operation for ReplaceNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "BatchReplaceClusterNodes";
    type Needs = Destroys;
    type Reply = NodesDone;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct AddNodes {
    pub(super) cluster_name: String,
    pub(super) client_token: String,
    pub(super) nodes_to_add: Vec<NodeGroup>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NodeGroup {
    pub(super) instance_group_name: String,
    pub(super) increment_target_count_by: u32,
}

/// Nodes that are on their way, and those that are not.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct AddedNodes {
    successful: Vec<AddedNode>,
    failed: Vec<NotAdded>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct AddedNode {
    node_logical_id: String,
    instance_group_name: String,
    status: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct NotAdded {
    instance_group_name: String,
    error_code: String,
    failed_count: u32,
    message: Option<String>,
}

impl Operation for AddNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "BatchAddClusterNodes";
    type Needs = Changes;
    type Reply = AddedNodes;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CheckHealth {
    pub(super) cluster_name: String,
    pub(super) deep_health_check_configurations: Vec<CheckedGroup>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CheckedGroup {
    pub(super) instance_group_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) instance_ids: Vec<String>,
    pub(super) deep_health_checks: Vec<DeepCheck>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct CheckedCluster {
    cluster_arn: String,
}

impl Operation for CheckHealth {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "StartClusterHealthCheck";
    type Needs = Changes;
    type Reply = CheckedCluster;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListEvents>();
        check::<RebootNodes>();
        check::<ReplaceNodes>();
        check::<AddNodes>();
        check::<CheckHealth>();
    }
}
