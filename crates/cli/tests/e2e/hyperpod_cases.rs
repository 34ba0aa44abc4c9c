//! One case for each call behind each HyperPod tool: what it is given, what AWS answers, and what has to come of it.

use serde_json::{Value, json};
use trainyard_stand_in::StandIn;

/// A call, and everything that it needs.
pub(crate) struct Case {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// The operation that is refused to see what becomes of that.
    pub(crate) refused: (&'static str, &'static str),
    pub(crate) answers: fn(&StandIn),
    /// Looks at the structured answer, and at what was sent.
    pub(crate) check: fn(&Value, &StandIn),
}

impl Case {
    /// Which call of the tool; empty where there is one only.
    pub(crate) fn operation(&self) -> &str {
        let older = self.tool.starts_with("manage_");
        self.arguments["operation"].as_str().filter(|_| older).unwrap_or_default()
    }
}

const ARN: &str = "arn:aws:sagemaker:us-west-2:123456789012:cluster/a1b2c3d4e5f6";
const STACK: &str = "arn:aws:cloudformation:us-west-2:123456789012:stack/train-stack/1";
const TIME: &str = "2026-11-20T10:00:00Z";
const KIND: &str = "ml.p5.48xlarge";

pub(crate) fn node_id(number: u32) -> String {
    format!("i-{number:017x}")
}

/// Two nodes: one runs, one failed.
pub(crate) fn nodes() -> Value {
    let node = |number, status, message| {
        json!({
            "InstanceGroupName": "workers", "InstanceId": node_id(number), "InstanceType": KIND, "LaunchTime": TIME,
            "InstanceStatus": { "Status": status, "Message": message },
            "CurrentImageReleaseVersion": "1.0.3", "ImageVersionStatus": "SecurityUpdateRequired"
        })
    };
    json!({ "ClusterNodeSummaries": [
        node(1, "Running", ""), node(2, "Failure", "lifecycle script failed")
    ] })
}

fn cluster() -> Value {
    json!({
        "ClusterArn": ARN, "ClusterName": "train", "ClusterStatus": "InService", "NodeRecovery": "Automatic",
        "Orchestrator": { "Eks": { "ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/train" } },
        "InstanceGroups": [{
            "InstanceGroupName": "workers", "InstanceType": KIND, "CurrentCount": 2, "TargetCount": 3,
            "Status": "Degraded", "CurrentImageReleaseVersion": "1.0.3", "DesiredImageReleaseVersion": "1.0.5",
            "ImageVersionStatus": "SecurityUpdateRequired", "SoftwareUpdateStatus": "InProgress",
            "ScheduledUpdateConfig": { "ScheduleExpression": "cron(0 4 ? * SUN *)" }
        }]
    })
}

fn looked_at(aws: &StandIn) {
    let summary =
        json!({ "ClusterArn": ARN, "ClusterName": "train", "CreationTime": TIME, "ClusterStatus": "InService" });
    aws.answer("sagemaker", "ListClusters", json!({ "ClusterSummaries": [summary] }));
    aws.answer("sagemaker", "ListClusterNodes", nodes());
    aws.answer("sagemaker", "DescribeCluster", cluster());
    priced(aws);
}

/// A price list with a price on demand, and one of another kind beside it.
fn priced(aws: &StandIn) {
    let product = |usage: &str, price: &str| {
        json!({
            "product": { "sku": "S", "attributes": { "usagetype": usage, "regionCode": "us-west-2" } },
            "terms": { "OnDemand": { "A.B": { "priceDimensions": { "A.B.C": {
                "unit": "Hrs", "pricePerUnit": { "USD": price }
            } } } } }
        })
    };
    let list =
        [product("USW2-ReservedCluster:ml.p5.48xlarge", "1.0"), product("USW2-Cluster:ml.p5.48xlarge", "60.0000")];
    aws.answer("pricing", "GetProducts", json!({ "PriceList": list }));
    let gpus = json!({ "Gpus": [{ "Name": "H100", "Manufacturer": "NVIDIA", "Count": 8 }] });
    aws.answer(
        "ec2",
        "DescribeInstanceTypes",
        json!({ "InstanceTypes": [{ "InstanceType": "p5.48xlarge", "GpuInfo": gpus }] }),
    );
}

/// What the template of the tests declares, in the managed ones' words.
pub(crate) fn template(aws: &StandIn) {
    aws.answer(
        "cloudformation",
        "GetTemplateSummary",
        json!({
            "Parameters": [
                { "ParameterKey": "HyperPodClusterName", "ParameterType": "String" },
                { "ParameterKey": "Stage", "ParameterType": "String", "DefaultValue": "prod",
                  "ParameterConstraints": { "AllowedValues": ["gamma", "prod"] } },
                { "ParameterKey": "InstanceGroupSettings1", "ParameterType": "String", "DefaultValue": "[]" },
                { "ParameterKey": "VpcId", "ParameterType": "String", "DefaultValue": "", "Description": "A VPC." }
            ],
            "ResourceTypes": ["AWS::CloudFormation::Stack", "AWS::SageMaker::Cluster"]
        }),
    );
}

pub(crate) fn stack_with(status: &str, owner: &str) -> Value {
    json!({ "Stacks": [{
        "StackName": "train-stack", "StackId": STACK, "CreationTime": TIME, "StackStatus": status,
        "Outputs": [{ "OutputKey": "ClusterArn", "OutputValue": ARN }],
        "Tags": [{ "Key": "CreatedBy", "Value": owner }]
    }] })
}

fn ours(aws: &StandIn) {
    aws.answer("cloudformation", "DescribeStacks", stack_with("CREATE_COMPLETE", "HyperPodMCPServer"));
}

fn no_stack(aws: &StandIn) {
    let message = "Stack with id train-stack does not exist";
    aws.refuse("cloudformation", "DescribeStacks", 400, "ValidationError", message);
}

/// The answer of an older tool, in its older layout.
fn result(answer: &Value, expected: Value) {
    let mut whole = json!({ "isError": false, "content": [{ "type": "text", "text": "done" }] });
    let Value::Object(expected) = expected else { panic!("not an object") };
    whole.as_object_mut().unwrap().extend(expected);
    assert_eq!(answer["result"], whole);
}

/// A row of a list as an object.
fn row(answer: &Value, at: usize) -> Value {
    let columns = answer["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    columns.zip(answer["rows"][at].as_array().unwrap().iter().cloned()).collect::<serde_json::Map<_, _>>().into()
}

/// Everything that a plan may look at.
pub(crate) fn world(aws: &StandIn) {
    looked_at(aws);
    template(aws);
    ours(aws);
    offered(aws);
    governed(aws);
    network(aws, "vpc-1");
    quotas(aws);
    aws.answer("ec2", "DescribeAvailabilityZones", json!({ "AvailabilityZones": [{ "ZoneId": "usw2-az1" }] }));
    aws.answer("cloudformation", "ListStackResources", json!({ "StackResourceSummaries": [] }));
}

/// One for each call.
pub(crate) fn cases() -> Vec<Case> {
    [drop_in(), stacks(), nodes_in_depth(), clusters_in_depth(), planning()].into_iter().flatten().collect()
}

fn drop_in() -> Vec<Case> {
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

fn group_spec() -> Value {
    json!({
        "InstanceGroupName": "workers", "InstanceCount": 8, "InstanceType": KIND,
        "ExecutionRole": "arn:aws:iam::123456789012:role/hyperpod",
        "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-scripts/train", "OnCreate": "on_create.sh" },
        "ScheduledUpdateConfig": { "ScheduleExpression": "cron(0 4 ? * SUN *)" }
    })
}

fn stacks() -> Vec<Case> {
    let tool = "manage_hyperpod_stacks";
    vec![
        Case {
            tool,
            arguments: json!({ "operation": "deploy", "stack_name": "train-stack", "region_name": "us-west-2",
                "params_file": "$HOME/parameters.json", "profile_name": null }),
            refused: ("cloudformation", "CreateStack"),
            answers: |aws| {
                template(aws);
                no_stack(aws);
                aws.answer("cloudformation", "CreateStack", json!({ "StackId": STACK }));
            },
            check: |answer, aws| {
                result(answer, json!({ "stack_name": "train-stack", "stack_arn": STACK }));
                let sent = &aws.calls_of("CreateStack")[0];
                assert!(
                    sent["TemplateURL"].as_str().unwrap().ends_with("/templates/main-stack-eks-based-template.yaml")
                );
                assert_eq!(sent["OnFailure"], "DELETE");
                let capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
                assert_eq!(sent["Capabilities"], json!(capabilities));
                assert_eq!(sent["Tags"][0], json!({ "Key": "CreatedBy", "Value": "HyperPodMCPServer" }));
                assert_eq!(sent["Parameters"][0]["ParameterValue"], "train");
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "describe", "stack_name": "train-stack", "region_name": "us-west-2",
                "cluster_orchestrator": "eks", "params_file": null }),
            refused: ("cloudformation", "DescribeStacks"),
            answers: ours,
            check: |answer, _| {
                result(
                    answer,
                    json!({ "stack_name": "train-stack", "stack_id": STACK, "creation_time": TIME,
                    "stack_status": "CREATE_COMPLETE", "outputs": { "ClusterArn": ARN } }),
                );
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "delete", "stack_name": "train-stack", "region_name": "us-west-2" }),
            refused: ("cloudformation", "DeleteStack"),
            answers: |aws| {
                ours(aws);
                aws.answer("cloudformation", "DeleteStack", json!({}));
            },
            check: |answer, _| result(answer, json!({ "stack_name": "train-stack", "stack_id": STACK })),
        },
        Case {
            tool,
            arguments: json!({ "operation": "plan", "stack_name": "train-stack", "params_file": "$HOME/parameters.json" }),
            refused: ("cloudformation", "CreateChangeSet"),
            answers: |aws| {
                template(aws);
                no_stack(aws);
                priced(aws);
                let change = |id: &str, kind: &str, inner: Value| {
                    let mut change = json!({ "Action": "Add", "LogicalResourceId": id, "ResourceType": kind });
                    if inner.is_string() {
                        change["ChangeSetId"] = inner;
                    }
                    json!({ "Type": "Resource", "ResourceChange": change })
                };
                aws.answer("cloudformation", "CreateChangeSet", json!({ "Id": "arn:outer", "StackId": STACK }));
                aws.answer_with("cloudformation", "DescribeChangeSet", move |call| {
                    let inner = call.input["ChangeSetName"] == "arn:inner";
                    let changes = if inner {
                        json!([change("Vpc", "AWS::EC2::VPC", json!(null))])
                    } else {
                        json!([change("Network", "AWS::CloudFormation::Stack", json!("arn:inner"))])
                    };
                    json!({ "ChangeSetId": call.input["ChangeSetName"], "Status": "CREATE_COMPLETE", "Changes": changes }).into()
                });
            },
            check: |answer, aws| {
                let plan = &answer["result"];
                assert_eq!(
                    (&plan["planned"]["change_set"], &plan["cost"]),
                    (&json!("arn:outer"), &json!({ "cost_per_hour": "120", "currency": "USD" }))
                );
                let changes = plan["planned"]["changes"].as_array().unwrap();
                assert_eq!(
                    (changes.len(), &changes[1]["stack"], &changes[1]["resource_type"]),
                    (2, &json!("Network"), &json!("AWS::EC2::VPC"))
                );
                let sent = &aws.calls_of("CreateChangeSet")[0];
                assert_eq!((&sent["ChangeSetType"], &sent["IncludeNestedStacks"]), (&json!("CREATE"), &json!(true)));
                assert!(aws.calls_of("CreateStack").is_empty() && aws.calls_of("ExecuteChangeSet").is_empty());
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "write_params", "params_file": "$HOME/new.json" }),
            refused: ("cloudformation", "GetTemplateSummary"),
            answers: |aws| {
                template(aws);
                let zones = ["usw2-az1", "usw2-az2"].map(|zone| json!({ "ZoneId": zone }));
                aws.answer("ec2", "DescribeAvailabilityZones", json!({ "AvailabilityZones": zones }));
            },
            check: |answer, _| {
                let written = &answer["result"];
                assert_eq!((&written["parameters"], &written["to_fill_in"]), (&json!(4), &json!([])));
                let file = std::fs::read_to_string(written["params_file"].as_str().unwrap()).unwrap();
                let file: Vec<Value> = serde_json::from_str(&file).unwrap();
                assert_eq!(file[0]["ParameterValue"], "sagemaker-hyperpod");
                assert!(file[1]["Description"].as_str().unwrap().contains("gamma, prod"), "{file:?}");
                let group: Value = serde_json::from_str(file[2]["ParameterValue"].as_str().unwrap()).unwrap();
                assert_eq!(group[0]["TargetAvailabilityZoneId"], "usw2-az1");
                assert_eq!(file[3]["Description"], "A VPC.");
            },
        },
    ]
}

fn nodes_in_depth() -> Vec<Case> {
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

/// A subnet and a security group, the latter of this VPC; and the lifecycle script.
pub(crate) fn network(aws: &StandIn, vpc: &str) {
    let subnet = json!({ "SubnetId": "subnet-0123456789abcdef0", "VpcId": "vpc-1", "AvailableIpAddressCount": 200 });
    aws.answer("ec2", "DescribeSubnets", json!({ "Subnets": [subnet] }));
    let group = json!({ "GroupId": "sg-0123456789abcdef0", "VpcId": vpc });
    aws.answer("ec2", "DescribeSecurityGroups", json!({ "SecurityGroups": [group] }));
    aws.answer("s3", "ListObjectsV2", json!({ "Contents": [{ "Key": "train/on_create.sh" }] }));
}

fn quotas(aws: &StandIn) {
    let quota = |kind: &str, value: f64| {
        let name = format!("{kind} for cluster usage");
        json!({ "QuotaName": name, "QuotaCode": "L-1", "Value": value, "Adjustable": true })
    };
    aws.answer("service-quotas", "ListServiceQuotas", json!({ "Quotas": [quota(KIND, 8.0)] }));
    aws.answer("service-quotas", "ListAWSDefaultServiceQuotas", json!({ "Quotas": [quota("ml.g5.xlarge", 1.0)] }));
}

fn clusters_in_depth() -> Vec<Case> {
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

const OFFERING: &str = "tpo-0123456789abcdef";

fn offered(aws: &StandIn) {
    let stretch =
        json!({ "InstanceType": KIND, "InstanceCount": 4, "AvailabilityZone": "us-west-2a", "StartTime": TIME });
    let offering = json!({ "TrainingPlanOfferingId": OFFERING, "TargetResources": ["hyperpod-cluster"], "UpfrontFee": "9000.00",
        "CurrencyCode": "USD", "DurationHours": 72, "ReservedCapacityOfferings": [stretch] });
    aws.answer("sagemaker", "SearchTrainingPlanOfferings", json!({ "TrainingPlanOfferings": [offering] }));
}

fn governed(aws: &StandIn) {
    looked_at(aws);
    aws.answer(
        "sagemaker",
        "ListClusterSchedulerConfigs",
        json!({ "ClusterSchedulerConfigSummaries": [{
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigId": "abcdef012345", "Name": "s",
        "CreationTime": TIME, "Status": "Created" }] }),
    );
    aws.answer(
        "sagemaker",
        "DescribeClusterSchedulerConfig",
        json!({
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigId": "abcdef012345", "Name": "s",
        "ClusterSchedulerConfigVersion": 3, "Status": "Created", "CreationTime": TIME,
        "SchedulerConfig": { "PriorityClasses": [{ "Name": "training", "Weight": 80 }], "FairShare": "Enabled" } }),
    );
    aws.answer(
        "sagemaker",
        "ListComputeQuotas",
        json!({ "ComputeQuotaSummaries": [{
        "ComputeQuotaArn": "arn:quota", "ComputeQuotaId": "abcdef012345", "Name": "q", "ComputeQuotaVersion": 2,
        "Status": "Created", "CreationTime": TIME, "ComputeQuotaTarget": { "TeamName": "research" } }] }),
    );
    aws.answer(
        "sagemaker",
        "UpdateClusterSchedulerConfig",
        json!({
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigVersion": 4 }),
    );
    aws.answer(
        "sagemaker",
        "CreateComputeQuota",
        json!({ "ComputeQuotaArn": "arn:quota2", "ComputeQuotaId": "abcdef012346" }),
    );
}

fn planning() -> Vec<Case> {
    let search = json!({ "instance_type": KIND, "instance_count": 4, "duration_hours": 72 });
    let mut buy = search.clone();
    buy.as_object_mut().unwrap().extend(
        json!({ "training_plan_name": "spring", "offering_id": OFFERING, "upfront_fee": "9000" })
            .as_object()
            .unwrap()
            .clone(),
    );
    vec![
        Case {
            tool: "hyperpod_list_scheduling",
            arguments: json!({ "cluster_name": "train" }),
            refused: ("sagemaker", "ListComputeQuotas"),
            answers: governed,
            check: |answer, _| {
                assert_eq!(answer["scheduler_configs"][0]["scheduler_config"]["priority_classes"][0]["weight"], 80);
                assert_eq!(answer["compute_quotas"][0]["compute_quota_target"]["team_name"], "research");
            },
        },
        Case {
            tool: "hyperpod_put_scheduler_config",
            arguments: json!({ "cluster_name": "train", "priority_classes": [{ "name": "training", "weight": 90 }] }),
            refused: ("sagemaker", "UpdateClusterSchedulerConfig"),
            answers: governed,
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "arn": "arn:scheduler", "version": 4 }));
                assert_eq!(aws.calls_of("UpdateClusterSchedulerConfig")[0]["TargetVersion"], 3);
            },
        },
        Case {
            tool: "hyperpod_put_compute_quota",
            arguments: json!({ "cluster_name": "train", "team_name": "product", "resources": [{ "instance_type": KIND, "count": 1 }] }),
            refused: ("sagemaker", "CreateComputeQuota"),
            answers: governed,
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "arn": "arn:quota2" }));
                let sent = &aws.calls_of("CreateComputeQuota")[0];
                assert_eq!(
                    (&sent["ClusterArn"], &sent["ComputeQuotaTarget"]["TeamName"]),
                    (&json!(ARN), &json!("product"))
                );
            },
        },
        Case {
            tool: "hyperpod_search_training_plans",
            arguments: search,
            refused: ("sagemaker", "SearchTrainingPlanOfferings"),
            answers: offered,
            check: |answer, _| assert_eq!(row(answer, 0)["upfront_fee"], "9000.00"),
        },
        Case {
            tool: "hyperpod_list_training_plans",
            arguments: json!({ "status": "Active" }),
            refused: ("sagemaker", "ListTrainingPlans"),
            answers: |aws| {
                let plan = json!({ "TrainingPlanArn": format!("arn:aws:sagemaker:us-west-2:123456789012:training-plan/{}", "p".repeat(8)),
                    "TrainingPlanName": "spring", "Status": "Active" });
                aws.answer("sagemaker", "ListTrainingPlans", json!({ "TrainingPlanSummaries": [plan] }));
            },
            check: |answer, aws| {
                assert_eq!(row(answer, 0)["training_plan_name"], "spring");
                let filter = json!([{ "Name": "Status", "Value": "Active" }]);
                assert_eq!(aws.calls_of("ListTrainingPlans")[0]["Filters"], filter);
            },
        },
        Case {
            tool: "hyperpod_create_training_plan",
            arguments: buy,
            refused: ("sagemaker", "CreateTrainingPlan"),
            answers: |aws| {
                offered(aws);
                let arn = format!("arn:aws:sagemaker:us-west-2:123456789012:training-plan/{}", "p".repeat(8));
                aws.answer("sagemaker", "CreateTrainingPlan", json!({ "TrainingPlanArn": arn }));
            },
            check: |_, aws| {
                let sent = json!({ "TrainingPlanName": "spring", "TrainingPlanOfferingId": OFFERING });
                assert_eq!(aws.calls_of("CreateTrainingPlan"), [sent]);
            },
        },
    ]
}
