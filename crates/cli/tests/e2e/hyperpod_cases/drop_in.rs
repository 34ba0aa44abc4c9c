//! What the older server has: clusters and their nodes.

use serde_json::{Value, json};

use super::{ARN, Case, KIND, TIME, cluster, looked_at, node_id, result, row};

fn group_spec() -> Value {
    json!({
        "InstanceGroupName": "workers", "InstanceCount": 8, "InstanceType": KIND,
        "ExecutionRole": "arn:aws:iam::123456789012:role/hyperpod",
        "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-scripts/train", "OnCreate": "on_create.sh" },
        "ScheduledUpdateConfig": { "ScheduleExpression": "cron(0 4 ? * SUN *)" }
    })
}

pub(super) fn cases() -> Vec<Case> {
    let nodes_tool = "manage_hyperpod_cluster_nodes";
    vec![
        Case {
            tool: nodes_tool,
            arguments: json!({ "operation": "list_clusters", "max_results": 10, "sort_by": "CREATION_TIME",
                "sort_order": "Ascending", "cluster_name": null, "node_id": null, "region_name": null }),
            refused: ("sagemaker", "ListClusters"),
            answers: looked_at,
            check: |answer, aws| {
                let cluster = json!({ "cluster_name": "train", "cluster_arn": ARN, "cluster_status": "InService",
                    "creation_time": TIME, "training_plan_arns": null });
                result(answer, json!({ "clusters": [cluster], "next_token": null }));
                let sent = json!({ "MaxResults": 10, "SortBy": "CREATION_TIME", "SortOrder": "Ascending" });
                assert_eq!(aws.calls_of("ListClusters"), [sent]);
            },
        },
        Case {
            tool: nodes_tool,
            arguments: json!({ "operation": "list_nodes", "cluster_name": "train",
                "creation_time_after": "2026-11-01", "instance_group_name_contains": "work" }),
            refused: ("sagemaker", "ListClusterNodes"),
            answers: looked_at,
            check: |answer, aws| {
                let node = |number, status, message| {
                    json!({ "instance_group_name": "workers", "instance_id": node_id(number), "instance_type": KIND,
                        "instance_status": { "status": status, "message": message }, "launch_time": TIME,
                        "last_software_update_time": null, "current_image_release_version": "1.0.3",
                        "image_version_status": "SecurityUpdateRequired" })
                };
                let nodes = [node(1, "Running", ""), node(2, "Failure", "lifecycle script failed")];
                result(answer, json!({ "nodes": nodes, "next_token": null }));
                assert_eq!(aws.calls_of("ListClusterNodes")[0]["InstanceGroupNameContains"], "work");
            },
        },
        Case {
            tool: nodes_tool,
            arguments: json!({ "operation": "describe_node", "cluster_name": "train", "node_id": node_id(1) }),
            refused: ("sagemaker", "DescribeClusterNode"),
            answers: |aws| {
                let details = json!({
                    "InstanceGroupName": "workers", "InstanceId": node_id(1), "InstanceType": KIND, "LaunchTime": TIME,
                    "InstanceStatus": { "Status": "Running" },
                    "InstanceStorageConfigs": [{ "EbsVolumeConfig": { "VolumeSizeInGB": 500 } }],
                    "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-x/y", "OnCreate": "on_create.sh" },
                    "Placement": { "AvailabilityZone": "us-west-2a", "AvailabilityZoneId": "usw2-az1" },
                    "PrivatePrimaryIp": "10.0.0.7", "ThreadsPerCore": 2, "CapacityType": "OnDemand"
                });
                aws.answer("sagemaker", "DescribeClusterNode", json!({ "NodeDetails": details }));
            },
            check: |answer, _| {
                let details = json!({
                    "instance_group_name": "workers", "instance_id": node_id(1), "instance_type": KIND,
                    "instance_status": { "status": "Running", "message": null }, "launch_time": TIME,
                    "last_software_update_time": null,
                    "instance_storage_configs": [{ "ebs_volume_config": { "volume_size_in_gb": 500 } }],
                    "life_cycle_config": { "on_create": "on_create.sh", "source_s3_uri": "s3://sagemaker-x/y" },
                    "override_vpc_config": null,
                    "placement": { "availability_zone": "us-west-2a", "availability_zone_id": "usw2-az1" },
                    "private_dns_hostname": null, "private_primary_ip": "10.0.0.7", "private_primary_ipv6": null,
                    "threads_per_core": 2, "capacity_type": "OnDemand"
                });
                result(answer, json!({ "node_details": details }));
            },
        },
        Case {
            tool: nodes_tool,
            arguments: json!({ "operation": "update_software", "cluster_name": "train",
                "instance_groups": [{ "instance_group_name": "workers" }],
                "deployment_config": { "rolling_update_policy": { "maximum_batch_size": { "type": "INSTANCE_COUNT", "value": 1 } } } }),
            refused: ("sagemaker", "UpdateClusterSoftware"),
            answers: |aws| {
                aws.answer("sagemaker", "UpdateClusterSoftware", json!({ "ClusterArn": ARN }));
            },
            check: |answer, aws| {
                result(answer, json!({ "cluster_arn": ARN }));
                let sent = json!({ "ClusterName": "train", "InstanceGroups": [{ "InstanceGroupName": "workers" }],
                    "DeploymentConfig": { "RollingUpdatePolicy": { "MaximumBatchSize": { "Type": "INSTANCE_COUNT", "Value": 1 } } } });
                assert_eq!(aws.calls_of("UpdateClusterSoftware"), [sent]);
            },
        },
        Case {
            tool: nodes_tool,
            arguments: json!({ "operation": "batch_delete", "cluster_name": "train", "node_ids": [node_id(1), node_id(2)] }),
            refused: ("sagemaker", "BatchDeleteClusterNodes"),
            answers: |aws| {
                let failed = json!([{ "Code": "NodeIdInUse", "Message": "runs a job", "NodeId": node_id(2) }]);
                let half = json!({ "Successful": [node_id(1)], "Failed": failed });
                aws.answer("sagemaker", "BatchDeleteClusterNodes", half);
            },
            check: |answer, _| {
                let failed = json!([{ "code": "NodeIdInUse", "message": "runs a job", "node_id": node_id(2) }]);
                result(answer, json!({ "cluster_name": "train", "successful": [node_id(1)], "failed": failed }));
            },
        },
        Case {
            tool: "describe_hp_cluster",
            arguments: json!({ "cluster_name": "train", "region_name": "us-west-2" }),
            refused: ("sagemaker", "DescribeCluster"),
            answers: looked_at,
            check: |answer, _| assert_eq!(answer, &cluster()),
        },
        Case {
            tool: "update_hp_cluster",
            arguments: json!({ "cluster_name": "train", "region_name": "us-west-2", "instance_groups": [group_spec()] }),
            refused: ("sagemaker", "UpdateCluster"),
            answers: |aws| {
                aws.answer("sagemaker", "UpdateCluster", json!({ "ClusterArn": ARN }));
            },
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "ClusterArn": ARN }));
                assert_eq!(
                    aws.calls_of("UpdateCluster"),
                    [json!({ "ClusterName": "train", "InstanceGroups": [group_spec()] })]
                );
            },
        },
        Case {
            tool: "hyperpod_report",
            arguments: json!({}),
            refused: ("sagemaker", "ListClusterNodes"),
            answers: looked_at,
            check: |answer, _| {
                assert_eq!(
                    (&answer["groups_with_problems"], &answer["cost"]),
                    (&json!(1), &json!({ "cost_per_hour": "120", "currency": "USD" }))
                );
                let row = row(answer, 0);
                for (column, value) in [
                    ("wanted", json!(3)),
                    ("running", json!(1)),
                    ("failing", json!(1)),
                    ("unhealthy", json!([format!("{} Failure: lifecycle script failed", node_id(2))])),
                    ("image", json!("SecurityUpdateRequired")),
                    ("version", json!("1.0.3 → 1.0.5")),
                    ("nodes_behind", json!(2)),
                    ("updating", json!(["InProgress"])),
                    ("next_update", json!("cron(0 4 ? * SUN *)")),
                    ("cost_per_hour", json!("120")),
                ] {
                    assert_eq!(row[column], value, "{column}: {row}");
                }
            },
        },
    ]
}
