//! Nodes beyond what the older server does.

use serde_json::json;

use super::{ARN, Case, TIME, looked_at, node_id, row};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            tool: "hyperpod_list_events",
            arguments: json!({ "cluster_name": "train", "node_id": node_id(2) }),
            refused: ("sagemaker", "ListClusterEvents"),
            answers: |aws| {
                let event = json!({ "EventId": "5f0b5d2e-0000-4000-8000-000000000000", "ClusterArn": ARN, "ClusterName": "train",
                    "InstanceGroupName": "workers", "InstanceId": node_id(2), "ResourceType": "Instance", "EventTime": TIME,
                    "EventLevel": "Error", "Description": "lifecycle script failed" });
                aws.answer("sagemaker", "ListClusterEvents", json!({ "Events": [event] }));
            },
            check: |answer, aws| {
                assert_eq!(row(answer, 0)["description"], "lifecycle script failed");
                assert_eq!(aws.calls_of("ListClusterEvents")[0]["SortOrder"], "Descending");
            },
        },
        Case {
            tool: "hyperpod_reboot_nodes",
            arguments: json!({ "cluster_name": "train", "node_ids": [node_id(1)] }),
            refused: ("sagemaker", "BatchRebootClusterNodes"),
            answers: |aws| {
                aws.answer("sagemaker", "BatchRebootClusterNodes", json!({ "Successful": [node_id(1)] }));
            },
            check: |answer, _| assert_eq!(answer, &json!({ "successful": [node_id(1)], "failed": [] })),
        },
        Case {
            tool: "hyperpod_replace_nodes",
            arguments: json!({ "cluster_name": "train", "node_ids": [node_id(1), node_id(2)] }),
            refused: ("sagemaker", "BatchReplaceClusterNodes"),
            answers: |aws| {
                let failed =
                    json!([{ "NodeId": node_id(2), "ErrorCode": "InvalidInstanceStatus", "Message": "is new" }]);
                aws.answer(
                    "sagemaker",
                    "BatchReplaceClusterNodes",
                    json!({ "Successful": [node_id(1)], "Failed": failed }),
                );
            },
            check: |answer, _| assert_eq!(answer["failed"][0]["message"], "is new"),
        },
        Case {
            tool: "hyperpod_add_nodes",
            arguments: json!({ "cluster_name": "train", "instance_group_name": "workers", "count": 2 }),
            refused: ("sagemaker", "BatchAddClusterNodes"),
            answers: |aws| {
                let added = json!({ "NodeLogicalId": "node-1", "InstanceGroupName": "workers", "Status": "Pending" });
                aws.answer("sagemaker", "BatchAddClusterNodes", json!({ "Successful": [added], "Failed": [] }));
            },
            check: |answer, aws| {
                assert_eq!(answer["successful"][0]["node_logical_id"], "node-1");
                assert_eq!(aws.calls_of("BatchAddClusterNodes")[0]["NodesToAdd"][0]["IncrementTargetCountBy"], 2);
            },
        },
        Case {
            tool: "hyperpod_start_health_check",
            arguments: json!({ "cluster_name": "train", "instance_group_name": "workers", "checks": ["InstanceStress"] }),
            refused: ("sagemaker", "StartClusterHealthCheck"),
            answers: |aws| {
                aws.answer("sagemaker", "StartClusterHealthCheck", json!({ "ClusterArn": ARN }));
            },
            check: |answer, _| assert_eq!(answer["cluster_arn"], ARN),
        },
        Case {
            tool: "hyperpod_get_lifecycle_logs",
            arguments: json!({ "cluster_name": "train", "lines": 20 }),
            refused: ("logs", "GetLogEvents"),
            answers: |aws| {
                looked_at(aws);
                let line = json!({ "timestamp": 1_795_255_200_000_u64, "message": "\u{1b}[31mno such file: setup.sh\u{1b}[0m\n" });
                aws.answer("logs", "GetLogEvents", json!({ "events": [line] }));
            },
            check: |answer, aws| {
                assert_eq!(answer["count"], 1, "the node that runs is not looked at: {answer}");
                let mut row = row(answer, 0);
                let line = row["line"].take();
                assert_eq!(row, json!({ "node": node_id(2), "time": "2026-11-21T10:00:00Z", "line": null }));
                // Cleaned, and between marks that whoever wrote it could not know.
                let line = line.as_str().expect("text");
                assert!(line.starts_with("[[") && line.contains(": no such file: setup.sh :"), "{line}");
                let sent = &aws.calls_of("GetLogEvents")[0];
                assert_eq!(sent["logGroupName"], "/aws/sagemaker/Clusters/train/a1b2c3d4e5f6");
                assert_eq!(sent["logStreamName"], format!("LifecycleConfig/workers/{}", node_id(2)));
            },
        },
    ]
}
