//! The operations behind the tool, and what they carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Reads};

use super::{DeepCheck, NodeRecovery, SlurmNodeType};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateCluster {
    pub(super) cluster_name: String,
    pub(super) instance_groups: Vec<GroupSpec>,
    pub(super) vpc_config: Option<VpcConfig>,
    pub(super) orchestrator: Option<Orchestrator>,
    pub(super) node_recovery: NodeRecovery,
    pub(super) node_provisioning_mode: Option<&'static str>,
    pub(super) auto_scaling: Option<AutoScaling>,
    pub(super) cluster_role: Option<String>,
    pub(super) tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GroupSpec {
    pub(super) instance_group_name: String,
    pub(super) instance_type: String,
    pub(super) instance_count: u32,
    pub(super) execution_role: String,
    pub(super) life_cycle_config: LifeCycle,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) instance_storage_configs: Vec<StorageConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) threads_per_core: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) training_plan_arn: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) on_start_deep_health_checks: Vec<DeepCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slurm_config: Option<SlurmConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct LifeCycle {
    #[serde(rename = "SourceS3Uri")]
    pub(super) source_s3_uri: String,
    pub(super) on_create: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct StorageConfig {
    pub(super) ebs_volume_config: EbsVolume,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct EbsVolume {
    #[serde(rename = "VolumeSizeInGB")]
    pub(super) volume_size: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SlurmConfig {
    pub(super) node_type: SlurmNodeType,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct VpcConfig {
    pub(super) security_group_ids: Vec<String>,
    pub(super) subnets: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Orchestrator {
    pub(super) eks: Eks,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Eks {
    pub(super) cluster_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct AutoScaling {
    pub(super) mode: &'static str,
    pub(super) auto_scaler_type: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreatedCluster {
    pub(super) cluster_arn: String,
}

impl Operation for CreateCluster {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "CreateCluster";
    type Needs = Changes;
    type Reply = CreatedCluster;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSubnets {
    pub(super) subnet_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Subnets {
    #[serde(default)]
    pub(super) subnets: Vec<Subnet>,
}

/// A subnet, as far as it matters to a cluster.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Subnet {
    pub(super) subnet_id: String,
    pub(super) vpc_id: String,
    pub(super) availability_zone: Option<String>,
    pub(super) available_ip_address_count: Option<u32>,
}

impl Operation for DescribeSubnets {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSubnets";
    type Needs = Reads;
    type Reply = Subnets;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSecurityGroups {
    pub(super) group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SecurityGroups {
    #[serde(default)]
    pub(super) security_groups: Vec<SecurityGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SecurityGroup {
    pub(super) group_id: String,
    pub(super) vpc_id: Option<String>,
}

impl Operation for DescribeSecurityGroups {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSecurityGroups";
    type Needs = Reads;
    type Reply = SecurityGroups;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<CreateCluster>();
        check::<DescribeSubnets>();
        check::<DescribeSecurityGroups>();
    }
}
