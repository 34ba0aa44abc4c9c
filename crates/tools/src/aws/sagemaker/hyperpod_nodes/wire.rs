//! The operations behind the tool, and what they carry. Names are the API's on one side and the tool's on the other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Destroys, Reads};

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::aws::sagemaker) enum SortBy {
    CreationTime,
    Name,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(in crate::aws::sagemaker) enum SortOrder {
    Ascending,
    Descending,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct ListClusters {
    pub(in crate::aws::sagemaker) name_contains: Option<String>,
    pub(in crate::aws::sagemaker) creation_time_after: Option<String>,
    pub(in crate::aws::sagemaker) creation_time_before: Option<String>,
    pub(in crate::aws::sagemaker) sort_by: Option<SortBy>,
    pub(in crate::aws::sagemaker) sort_order: Option<SortOrder>,
    pub(in crate::aws::sagemaker) training_plan_arn: Option<String>,
    pub(in crate::aws::sagemaker) max_results: u32,
    pub(in crate::aws::sagemaker) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct ClusterPage {
    #[serde(default)]
    pub(in crate::aws::sagemaker) cluster_summaries: Vec<ClusterSummary>,
    pub(in crate::aws::sagemaker) next_token: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct ClusterSummary {
    pub(in crate::aws::sagemaker) cluster_name: String,
    cluster_arn: String,
    cluster_status: String,
    creation_time: Option<String>,
    training_plan_arns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_version_status: Option<String>,
}

impl Operation for ListClusters {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusters";
    type Needs = Reads;
    type Reply = ClusterPage;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct ListClusterNodes {
    pub(in crate::aws::sagemaker) cluster_name: String,
    pub(in crate::aws::sagemaker) instance_group_name_contains: Option<String>,
    pub(in crate::aws::sagemaker) creation_time_after: Option<String>,
    pub(in crate::aws::sagemaker) creation_time_before: Option<String>,
    pub(in crate::aws::sagemaker) sort_by: Option<SortBy>,
    pub(in crate::aws::sagemaker) sort_order: Option<SortOrder>,
    pub(in crate::aws::sagemaker) max_results: u32,
    pub(in crate::aws::sagemaker) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct NodePage {
    #[serde(default)]
    pub(in crate::aws::sagemaker) cluster_node_summaries: Vec<NodeSummary>,
    pub(in crate::aws::sagemaker) next_token: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct NodeSummary {
    pub(in crate::aws::sagemaker) instance_group_name: String,
    pub(in crate::aws::sagemaker) instance_id: String,
    #[serde(default)]
    instance_status: InstanceStatus,
    instance_type: String,
    launch_time: Option<String>,
    last_software_update_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_logical_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ultra_server_info: Option<UltraServer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_image_release_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_version_status: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct InstanceStatus {
    status: String,
    message: Option<String>,
}

impl Default for InstanceStatus {
    /// A node that has no status yet is on its way.
    fn default() -> Self {
        Self { status: "Pending".into(), message: None }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct UltraServer {
    id: Option<String>,
    r#type: Option<String>,
}

impl NodeSummary {
    pub(in crate::aws::sagemaker) fn status(&self) -> &str {
        &self.instance_status.status
    }

    pub(in crate::aws::sagemaker) fn is_running(&self) -> bool {
        self.status() == "Running"
    }

    pub(in crate::aws::sagemaker) fn is_failing(&self) -> bool {
        matches!(self.status(), "Failure" | "NotFound")
    }

    /// Whether a newer machine image is there for it.
    pub(in crate::aws::sagemaker) fn is_behind(&self) -> bool {
        self.image_version_status.as_deref().is_some_and(|status| status != "UpToDate")
    }

    pub(in crate::aws::sagemaker) fn instance_type(&self) -> &str {
        &self.instance_type
    }

    /// What AWS says is wrong with it.
    pub(in crate::aws::sagemaker) fn trouble(&self) -> Option<&str> {
        self.instance_status.message.as_deref().filter(|message| !message.is_empty())
    }
}

impl Operation for ListClusterNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusterNodes";
    type Needs = Reads;
    type Reply = NodePage;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct DescribeClusterNode {
    pub(in crate::aws::sagemaker) cluster_name: String,
    pub(in crate::aws::sagemaker) node_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct DescribedNode {
    pub(in crate::aws::sagemaker) node_details: NodeDetails,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct NodeDetails {
    instance_group_name: Option<String>,
    instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_logical_id: Option<String>,
    #[serde(default)]
    instance_status: InstanceStatus,
    instance_type: Option<String>,
    launch_time: Option<String>,
    last_software_update_time: Option<String>,
    instance_storage_configs: Option<Vec<StorageConfig>>,
    life_cycle_config: Option<LifeCycleConfig>,
    override_vpc_config: Option<VpcConfig>,
    placement: Option<Placement>,
    private_dns_hostname: Option<String>,
    private_primary_ip: Option<String>,
    private_primary_ipv6: Option<String>,
    threads_per_core: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_image_release_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_image_release_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_version_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ultra_server_info: Option<UltraServer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes_config: Option<KubernetesConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_interface: Option<NetworkInterface>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct StorageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    ebs_volume_config: Option<EbsVolume>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fsx_lustre_config: Option<FsxLustre>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fsx_open_zfs_config: Option<FsxOpenZfs>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct EbsVolume {
    #[serde(rename(deserialize = "VolumeSizeInGB"))]
    volume_size_in_gb: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_volume: Option<bool>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FsxLustre {
    dns_name: String,
    mount_name: String,
    mount_path: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FsxOpenZfs {
    dns_name: String,
    mount_path: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct LifeCycleConfig {
    on_create: Option<String>,
    source_s3_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_init_complete: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct VpcConfig {
    security_group_ids: Vec<String>,
    subnets: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct Placement {
    availability_zone: Option<String>,
    availability_zone_id: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct KubernetesConfig {
    current_labels: Option<BTreeMap<String, String>>,
    desired_labels: Option<BTreeMap<String, String>>,
    current_taints: Option<Vec<Taint>>,
    desired_taints: Option<Vec<Taint>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct Taint {
    key: String,
    value: Option<String>,
    effect: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct NetworkInterface {
    interface_type: Option<String>,
}

impl Operation for DescribeClusterNode {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeClusterNode";
    type Needs = Reads;
    type Reply = DescribedNode;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct UpdateClusterSoftware {
    pub(in crate::aws::sagemaker) cluster_name: String,
    pub(in crate::aws::sagemaker) instance_groups: Vec<UpdatedGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::sagemaker) deployment_config: Option<DeploymentConfig>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct UpdatedGroup {
    /// Name of the group.
    pub(in crate::aws::sagemaker) instance_group_name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct DeploymentConfig {
    /// Alarms that roll the update back.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_rollback_configuration: Option<Vec<Alarm>>,
    /// How many nodes at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    rolling_update_policy: Option<RollingUpdate>,
    /// Seconds between batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    wait_interval_in_seconds: Option<u32>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct Alarm {
    alarm_name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct RollingUpdate {
    maximum_batch_size: BatchSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_maximum_batch_size: Option<BatchSize>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct BatchSize {
    r#type: BatchUnit,
    #[schemars(range(min = 1))]
    value: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BatchUnit {
    InstanceCount,
    CapacityPercentage,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct UpdatingCluster {
    pub(in crate::aws::sagemaker) cluster_arn: String,
}

impl Operation for UpdateClusterSoftware {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "UpdateClusterSoftware";
    type Needs = Changes;
    type Reply = UpdatingCluster;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct BatchDeleteClusterNodes {
    pub(in crate::aws::sagemaker) cluster_name: String,
    pub(in crate::aws::sagemaker) node_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::sagemaker) struct DeletedNodes {
    #[serde(default)]
    pub(in crate::aws::sagemaker) successful: Vec<String>,
    pub(in crate::aws::sagemaker) failed: Option<Vec<DeleteFailure>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(in crate::aws::sagemaker) struct DeleteFailure {
    code: String,
    message: String,
    node_id: String,
}

impl DeleteFailure {
    pub(in crate::aws::sagemaker) fn in_words(&self) -> String {
        format!("{}: {} ({})", self.node_id, self.message, self.code)
    }
}

impl Operation for BatchDeleteClusterNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "BatchDeleteClusterNodes";
    type Needs = Destroys;
    type Reply = DeletedNodes;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListClusters>();
        check::<ListClusterNodes>();
        check::<DescribeClusterNode>();
        check::<UpdateClusterSoftware>();
        check::<BatchDeleteClusterNodes>();
    }

    #[test]
    fn a_deployment_is_sent_in_the_words_of_the_api() {
        let said = r#"{"rolling_update_policy": {"maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 2}},
                       "auto_rollback_configuration": [{"alarm_name": "hot"}], "wait_interval_in_seconds": 60}"#;
        let config: DeploymentConfig = serde_json::from_str(said).unwrap();
        assert_eq!(
            serde_json::to_value(config).unwrap(),
            serde_json::json!({
                "AutoRollbackConfiguration": [{ "AlarmName": "hot" }],
                "RollingUpdatePolicy": { "MaximumBatchSize": { "Type": "INSTANCE_COUNT", "Value": 2 } },
                "WaitIntervalInSeconds": 60
            })
        );
    }

    #[test]
    fn the_size_of_a_volume_is_read() {
        let details: NodeDetails = serde_json::from_value(serde_json::json!({
            "InstanceStorageConfigs": [{ "EbsVolumeConfig": { "VolumeSizeInGB": 500 } }]
        }))
        .unwrap();
        let value = serde_json::to_value(details).unwrap();
        assert_eq!(value["instance_storage_configs"][0]["ebs_volume_config"]["volume_size_in_gb"], 500);
        assert_eq!(value["instance_status"]["status"], "Pending");
    }
}
