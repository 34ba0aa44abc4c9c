//! The operations behind the tools, and what they carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Reads};

use super::{Preemption, Sharing, Switch};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeCluster {
    pub(super) cluster_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Cluster {
    pub(super) cluster_arn: String,
}

impl Operation for DescribeCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeCluster";
    type Needs = Reads;
    type Reply = Cluster;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListSchedulerConfigs {
    pub(super) cluster_arn: String,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SchedulerConfigPage {
    #[serde(default)]
    pub(super) cluster_scheduler_config_summaries: Vec<SchedulerConfigSummary>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SchedulerConfigSummary {
    pub(super) cluster_scheduler_config_id: String,
    pub(super) status: String,
}

impl Operation for ListSchedulerConfigs {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListClusterSchedulerConfigs";
    type Needs = Reads;
    type Reply = SchedulerConfigPage;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSchedulerConfig {
    pub(super) cluster_scheduler_config_id: String,
}

/// The scheduler of a cluster.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct SchedulerConfig {
    pub(super) cluster_scheduler_config_id: String,
    name: String,
    pub(super) cluster_scheduler_config_version: u32,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    scheduler_config: Option<FoundSettings>,
}

/// What a scheduler is set to.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FoundSettings {
    priority_classes: Option<Vec<FoundClass>>,
    fair_share: Option<String>,
    idle_resource_sharing: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FoundClass {
    name: String,
    weight: u32,
}

impl Operation for DescribeSchedulerConfig {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "DescribeClusterSchedulerConfig";
    type Needs = Reads;
    type Reply = SchedulerConfig;
}

/// What a scheduler is to be set to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SchedulerSettings {
    pub(super) priority_classes: Vec<PriorityClass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fair_share: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idle_resource_sharing: Option<Switch>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
pub(super) struct PriorityClass {
    /// Small letters, digits, hyphens.
    pub(super) name: String,
    /// 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    weight: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateSchedulerConfig {
    pub(super) name: String,
    pub(super) cluster_arn: String,
    pub(super) scheduler_config: SchedulerSettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MadeSchedulerConfig {
    pub(super) cluster_scheduler_config_arn: String,
}

impl Operation for CreateSchedulerConfig {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "CreateClusterSchedulerConfig";
    type Needs = Changes;
    type Reply = MadeSchedulerConfig;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UpdateSchedulerConfig {
    pub(super) cluster_scheduler_config_id: String,
    pub(super) target_version: u32,
    pub(super) scheduler_config: SchedulerSettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ChangedSchedulerConfig {
    pub(super) cluster_scheduler_config_arn: String,
    pub(super) cluster_scheduler_config_version: u32,
}

impl Operation for UpdateSchedulerConfig {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "UpdateClusterSchedulerConfig";
    type Needs = Changes;
    type Reply = ChangedSchedulerConfig;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListComputeQuotas {
    pub(super) cluster_arn: String,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ComputeQuotaPage {
    #[serde(default)]
    pub(super) compute_quota_summaries: Vec<ComputeQuota>,
    pub(super) next_token: Option<String>,
}

/// What a team has for sure.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct ComputeQuota {
    pub(super) compute_quota_id: String,
    name: String,
    pub(super) compute_quota_version: Option<u32>,
    pub(super) status: String,
    pub(super) compute_quota_target: FoundTarget,
    compute_quota_config: Option<FoundQuota>,
    activation_state: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct FoundTarget {
    pub(super) team_name: String,
    fair_share_weight: Option<u32>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FoundQuota {
    compute_quota_resources: Option<Vec<FoundResource>>,
    resource_sharing_config: Option<FoundSharing>,
    preempt_team_tasks: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FoundResource {
    instance_type: String,
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerators: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v_cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", rename(deserialize = "MemoryInGiB"))]
    memory_in_gib: Option<f64>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct FoundSharing {
    strategy: String,
    borrow_limit: Option<u32>,
}

impl Operation for ListComputeQuotas {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListComputeQuotas";
    type Needs = Reads;
    type Reply = ComputeQuotaPage;
}

/// What a team is to have for sure.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QuotaConfig {
    pub(super) compute_quota_resources: Vec<QuotaResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_sharing_config: Option<SharingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preempt_team_tasks: Option<Preemption>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QuotaResource {
    pub(super) instance_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accelerators: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SharingConfig {
    pub(super) strategy: Sharing,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) borrow_limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QuotaTarget {
    pub(super) team_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fair_share_weight: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateComputeQuota {
    pub(super) name: String,
    pub(super) cluster_arn: String,
    pub(super) compute_quota_config: QuotaConfig,
    pub(super) compute_quota_target: QuotaTarget,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MadeComputeQuota {
    pub(super) compute_quota_arn: String,
}

impl Operation for CreateComputeQuota {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "CreateComputeQuota";
    type Needs = Changes;
    type Reply = MadeComputeQuota;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UpdateComputeQuota {
    pub(super) compute_quota_id: String,
    pub(super) target_version: u32,
    pub(super) compute_quota_config: QuotaConfig,
    pub(super) compute_quota_target: QuotaTarget,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ChangedComputeQuota {
    pub(super) compute_quota_arn: String,
    pub(super) compute_quota_version: u32,
}

impl Operation for UpdateComputeQuota {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "UpdateComputeQuota";
    type Needs = Changes;
    type Reply = ChangedComputeQuota;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeCluster>();
        check::<ListSchedulerConfigs>();
        check::<DescribeSchedulerConfig>();
        check::<CreateSchedulerConfig>();
        check::<UpdateSchedulerConfig>();
        check::<ListComputeQuotas>();
        check::<CreateComputeQuota>();
        check::<UpdateComputeQuota>();
    }
}
