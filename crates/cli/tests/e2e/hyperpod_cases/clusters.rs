//! Clusters: made, changed, deleted, and their quotas.

use serde_json::json;
use trainyard_stand_in::StandIn;

use super::{ARN, Case, KIND, looked_at, row};

/// A subnet and a security group, the latter of this VPC; and the lifecycle script.
pub(crate) fn network(aws: &StandIn, vpc: &str) {
    let subnet = json!({ "SubnetId": "subnet-0123456789abcdef0", "VpcId": "vpc-1", "AvailableIpAddressCount": 200 });
    aws.answer("ec2", "DescribeSubnets", json!({ "Subnets": [subnet] }));
    let group = json!({ "GroupId": "sg-0123456789abcdef0", "VpcId": vpc });
    aws.answer("ec2", "DescribeSecurityGroups", json!({ "SecurityGroups": [group] }));
    aws.answer("s3", "ListObjectsV2", json!({ "Contents": [{ "Key": "train/on_create.sh" }] }));
}

pub(super) fn quotas(aws: &StandIn) {
    let quota = |kind: &str, value: f64| {
        let name = format!("{kind} for cluster usage");
        json!({ "QuotaName": name, "QuotaCode": "L-1", "Value": value, "Adjustable": true })
    };
    aws.answer("service-quotas", "ListServiceQuotas", json!({ "Quotas": [quota(KIND, 8.0)] }));
    aws.answer("service-quotas", "ListAWSDefaultServiceQuotas", json!({ "Quotas": [quota("ml.g5.xlarge", 1.0)] }));
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            tool: "hyperpod_create_cluster",
            arguments: json!({
                "cluster_name": "new", "subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"],
                "instance_groups": [{ "name": "workers", "instance_type": KIND, "count": 2, "volume_gb": 500,
                    "execution_role": "arn:aws:iam::123456789012:role/hyperpod",
                    "lifecycle_uri": "s3://sagemaker-scripts/train", "on_create": "on_create.sh" }]
            }),
            refused: ("sagemaker", "CreateCluster"),
            answers: |aws| {
                network(aws, "vpc-1");
                aws.answer("sagemaker", "CreateCluster", json!({ "ClusterArn": ARN }));
            },
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "cluster_arn": ARN }));
                let sent = &aws.calls_of("CreateCluster")[0];
                assert_eq!(sent["VpcConfig"]["Subnets"], json!(["subnet-0123456789abcdef0"]));
                assert_eq!(
                    sent["InstanceGroups"][0]["InstanceStorageConfigs"][0]["EbsVolumeConfig"]["VolumeSizeInGB"],
                    500
                );
                assert_eq!(sent["NodeRecovery"], "Automatic");
            },
        },
        Case {
            tool: "hyperpod_update_settings",
            arguments: json!({ "cluster_name": "train", "node_recovery": "None", "auto_scaling": true,
                "cluster_role": "arn:aws:iam::123456789012:role/scaler", "delete_instance_groups": ["old"] }),
            refused: ("sagemaker", "UpdateCluster"),
            answers: |aws| {
                aws.answer("sagemaker", "UpdateCluster", json!({ "ClusterArn": ARN }));
            },
            check: |_, aws| {
                let sent = json!({ "ClusterName": "train", "NodeRecovery": "None", "InstanceGroupsToDelete": ["old"],
                    "ClusterRole": "arn:aws:iam::123456789012:role/scaler",
                    "AutoScaling": { "Mode": "Enable", "AutoScalerType": "Karpenter" } });
                assert_eq!(aws.calls_of("UpdateCluster"), [sent]);
            },
        },
        Case {
            tool: "hyperpod_delete_cluster",
            arguments: json!({ "cluster_name": "train" }),
            refused: ("sagemaker", "DeleteCluster"),
            answers: |aws| {
                aws.answer("sagemaker", "DeleteCluster", json!({ "ClusterArn": ARN }));
            },
            check: |answer, _| assert_eq!(answer["cluster_arn"], ARN),
        },
        Case {
            tool: "hyperpod_get_quotas",
            arguments: json!({ "instance_types": [KIND, "ml.g5.xlarge"] }),
            refused: ("service-quotas", "ListServiceQuotas"),
            answers: |aws| {
                looked_at(aws);
                quotas(aws);
            },
            check: |answer, _| {
                let first = row(answer, 0);
                assert_eq!((&first["quota"], &first["in_use"], &first["left"]), (&json!(8.0), &json!(2), &json!(6.0)));
                assert_eq!((&row(answer, 1)["quota"], &row(answer, 1)["default"]), (&json!(1.0), &json!(true)));
            },
        },
    ]
}
