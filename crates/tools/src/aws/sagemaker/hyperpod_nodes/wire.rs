//! The operations behind the tool, and what they carry. Names are the API's on one side and the tool's on the other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Destroys, Reads};

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum SortBy {
    CreationTime,
    Name,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum SortOrder {
    Ascending,
    Descending,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListClusters {
    pub(super) name_contains: Option<String>,
    pub(super) creation_time_after: Option<String>,
    pub(super) creation_time_before: Option<String>,
    pub(super) sort_by: Option<SortBy>,
    pub(super) sort_order: Option<SortOrder>,
    pub(super) training_plan_arn: Option<String>,
    pub(super) max_results: u32,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ClusterPage {
    #[serde(default)]
    pub(super) cluster_summaries: Vec<ClusterSummary>,
    pub(super) next_token: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct ClusterSummary {
    cluster_name: String,
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
pub(super) struct ListClusterNodes {
    pub(super) cluster_name: String,
    pub(super) instance_group_name_contains: Option<String>,
    pub(super) creation_time_after: Option<String>,
    pub(super) creation_time_before: Option<String>,
    pub(super) sort_by: Option<SortBy>,
    pub(super) sort_order: Option<SortOrder>,
    pub(super) max_results: u32,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NodePage {
    #[serde(default)]
    pub(super) cluster_node_summaries: Vec<NodeSummary>,
    pub(super) next_token: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct NodeSummary {
    pub(super) instance_group_name: String,
    pub(super) instance_id: String,
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

impl Operation for ListClusterNodes {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusterNodes";
    type Needs = Reads;
    type Reply = NodePage;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeClusterNode {
    pub(super) cluster_name: String,
    pub(super) node_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribedNode {
    pub(super) node_details: NodeDetails,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct NodeDetails {
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
pub(super) struct UpdateClusterSoftware {
    pub(super) cluster_name: String,
    pub(super) instance_groups: Vec<UpdatedGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployment_config: Option<DeploymentConfig>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
pub(super) struct UpdatedGroup {
    /// Name of the group.
    pub(super) instance_group_name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
pub(super) struct DeploymentConfig {
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
pub(super) struct UpdatingCluster {
    pub(super) cluster_arn: String,
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
pub(super) struct BatchDeleteClusterNodes {
    pub(super) cluster_name: String,
    pub(super) node_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeletedNodes {
    #[serde(default)]
    pub(super) successful: Vec<String>,
    pub(super) failed: Option<Vec<DeleteFailure>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct DeleteFailure {
    code: String,
    message: String,
    node_id: String,
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
