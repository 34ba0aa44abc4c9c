//! One case for each EKS tool that asks AWS alone: what it is given in either server's words, what AWS answers, and the
//! second part of the answer as the AWS server lays it out.

use serde_json::{Value, json};
use trainyard_stand_in::{Answer, StandIn};

/// A call, and everything that it needs.
pub(crate) struct Case {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// The operation that is refused to see what becomes of that; none for what asks nobody.
    pub(crate) refused: Option<(&'static str, &'static str)>,
    pub(crate) answers: fn(&StandIn),
    /// What the second part holds. Members that are not named here may stand beside.
    pub(crate) expected: Value,
    /// An operation that has to have been sent.
    pub(crate) sends: &'static str,
}

const STACK: &str = "arn:aws:cloudformation:us-west-2:123456789012:stack/eks-train-stack/1";
const TIME: &str = "2026-11-20T10:00:00Z";
pub(crate) const TEMPLATE: &str = "Resources: {}\n";

pub(crate) fn stack_of(owner: &str) -> Value {
    json!({ "Stacks": [{
        "StackName": "eks-train-stack", "StackId": STACK, "CreationTime": TIME, "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{ "OutputKey": "ClusterName", "OutputValue": "train" }],
        "Tags": [{ "Key": "CreatedBy", "Value": owner }]
    }] })
}

fn ours(aws: &StandIn) {
    aws.answer("cloudformation", "DescribeStacks", stack_of("EksMcpServer"));
    aws.answer("cloudformation", "DeleteStack", json!({}));
    let resource = json!({ "LogicalResourceId": "EksCluster", "PhysicalResourceId": "train", "ResourceType": "AWS::EKS::Cluster",
        "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": TIME });
    aws.answer("cloudformation", "ListStackResources", json!({ "StackResourceSummaries": [resource] }));
}

pub(crate) fn no_stack(aws: &StandIn) {
    let message = "Stack with id eks-train-stack does not exist";
    aws.refuse("cloudformation", "DescribeStacks", 400, "ValidationError", message);
    aws.answer("cloudformation", "CreateStack", json!({ "StackId": STACK }));
    aws.answer("cloudformation", "GetTemplateSummary", json!({ "ResourceTypes": ["AWS::EKS::Cluster"] }));
}

/// What generate asks.
pub(crate) fn region(aws: &StandIn) {
    let version = |number: &str, usual: bool| json!({ "clusterVersion": number, "defaultVersion": usual, "versionStatus": "STANDARD_SUPPORT" });
    aws.answer(
        "eks",
        "DescribeClusterVersions",
        json!({ "clusterVersions": [version("1.30", false), version("1.33", true), version("1.34", false)] }),
    );
    let zone = |name: &str, id: &str| json!({ "ZoneName": name, "ZoneId": id, "State": "available", "ZoneType": "availability-zone" });
    let zones = [zone("us-west-2a", "usw2-az1"), zone("us-west-2b", "usw2-az2"), zone("us-west-2c", "usw2-az3")];
    aws.answer("ec2", "DescribeAvailabilityZones", json!({ "AvailabilityZones": zones }));
    let machine = json!({
        "InstanceType": "p5.48xlarge", "ProcessorInfo": { "SupportedArchitectures": ["x86_64"] },
        "GpuInfo": { "Gpus": [{ "Name": "H100", "Manufacturer": "NVIDIA", "Count": 8 }] },
        "NetworkInfo": { "MaximumNetworkCards": 32, "EfaSupported": true, "EfaInfo": { "MaximumEfaInterfaces": 32 } }
    });
    aws.answer("ec2", "DescribeInstanceTypes", json!({ "InstanceTypes": [machine] }));
    aws.answer(
        "ec2",
        "DescribeCapacityReservations",
        json!({ "CapacityReservations": [{
            "CapacityReservationId": "cr-1", "InstanceType": "p5.48xlarge", "AvailabilityZone": "us-west-2c",
            "ReservationType": "capacity-block", "TotalInstanceCount": 4
        }] }),
    );
}

fn network(aws: &StandIn) {
    aws.answer(
        "eks",
        "DescribeCluster",
        json!({ "cluster": {
            "name": "train",
            "resourcesVpcConfig": { "vpcId": "vpc-1", "subnetIds": ["subnet-1"] },
            "remoteNetworkConfig": {
                "remoteNodeNetworks": [{ "cidrs": ["10.9.0.0/16", "10.9.0.0/16"] }],
                "remotePodNetworks": [{ "cidrs": ["10.10.0.0/16"] }]
            }
        } }),
    );
    let vpc = json!({ "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [{ "CidrBlock": "10.0.0.0/16" }, { "CidrBlock": "100.64.0.0/16" }] });
    aws.answer("ec2", "DescribeVpcs", json!({ "Vpcs": [vpc] }));
    let subnet = |id: &str, zone: &str, free: u32| {
        json!({ "SubnetId": id, "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-west-2a",
            "AvailabilityZoneId": zone, "AvailableIpAddressCount": free, "MapPublicIpOnLaunch": false,
            "AssignIpv6AddressOnCreation": false })
    };
    aws.answer_with("ec2", "DescribeSubnets", move |call| {
        match call.input["NextToken"].as_str() {
            None => json!({ "Subnets": [subnet("subnet-1", "usw2-az1", 200)], "NextToken": "more" }),
            Some(_) => json!({ "Subnets": [subnet("subnet-2", "use1-az3", 3)] }),
        }
        .into()
    });
    let tables = json!({ "RouteTables": [
        { "RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{ "Main": true }], "Routes": [
            { "DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active" },
            { "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active" },
            { "DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1", "State": "active" } ] },
        { "RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [{ "Main": false, "SubnetId": "subnet-2" }], "Routes": [
            { "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "blackhole" } ] }
    ] });
    aws.answer("ec2", "DescribeRouteTables", tables);
}

fn insight() -> Value {
    json!({
        "id": "a1", "name": "Deprecated APIs removed in 1.32", "category": "UPGRADE_READINESS", "kubernetesVersion": "1.32",
        "lastRefreshTime": TIME, "lastTransitionTime": TIME, "description": "uses of removed APIs",
        "insightStatus": { "status": "ERROR", "reason": "found" }
    })
}

fn insights(aws: &StandIn) {
    aws.answer("eks", "ListInsights", json!({ "insights": [insight()], "nextToken": "more" }));
    let mut whole = insight();
    whole["recommendation"] = "migrate".into();
    whole["additionalInfo"] = json!({ "docs": "https://example.com" });
    whole["resources"] = json!([{ "insightStatus": { "status": "ERROR" }, "kubernetesResourceUri": "/apis/x/y" }]);
    whole["categorySpecificSummary"] =
        json!({ "deprecationDetails": [{ "usage": "/apis/x", "stopServingVersion": "1.32" }] });
    aws.answer("eks", "DescribeInsight", json!({ "insight": whole }));
}

fn role(aws: &StandIn) {
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    aws.answer(
        "iam",
        "GetRole",
        json!({ "Role": { "Path": "/", "RoleName": "node", "RoleId": "AROAEXAMPLEEXAMPLEXX", "Arn": "arn:aws:iam::123456789012:role/node",
            "CreateDate": TIME, "AssumeRolePolicyDocument": trust, "Description": "nodes" } }),
    );
    aws.answer_with("iam", "ListAttachedRolePolicies", |call| {
        let policy = |name: &str| json!({ "PolicyName": name, "PolicyArn": format!("arn:aws:iam::aws:policy/{name}") });
        match call.input["Marker"].as_str() {
            None => json!({ "AttachedPolicies": [policy("First")], "IsTruncated": true, "Marker": "more" }),
            Some(_) => json!({ "AttachedPolicies": [policy("Second")], "IsTruncated": false }),
        }
        .into()
    });
    aws.answer("iam", "GetPolicy", json!({ "Policy": { "Description": "of AWS", "DefaultVersionId": "v3" } }));
    aws.answer_with("iam", "GetPolicyVersion", |call| {
        if call.input["PolicyArn"] == "arn:aws:iam::aws:policy/Second" {
            return Answer::refusal(403, "AccessDenied", "not for you");
        }
        json!({ "PolicyVersion": { "Document": "%7B%22Statement%22%3A%5B%5D%7D", "VersionId": "v3" } }).into()
    });
    aws.answer("iam", "ListRolePolicies", json!({ "PolicyNames": ["own"], "IsTruncated": false }));
    let own = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22b%2F%2A%22%7D%7D";
    aws.answer("iam", "GetRolePolicy", json!({ "RoleName": "node", "PolicyName": "own", "PolicyDocument": own }));
}

/// A role that has one policy, and gets another.
pub(crate) fn role_without(aws: &StandIn) {
    role(aws);
    let there = std::sync::Mutex::new(None::<String>);
    let there = std::sync::Arc::new(there);
    let put = there.clone();
    aws.answer_with("iam", "PutRolePolicy", move |call| {
        *put.lock().unwrap() = call.input["PolicyDocument"].as_str().map(str::to_owned);
        json!({}).into()
    });
    aws.answer_with("iam", "GetRolePolicy", move |call| {
        let name = call.input["PolicyName"].as_str().unwrap();
        let document = if name == "own" {
            Some(r#"{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "b/*"}}"#.to_owned())
        } else {
            there.lock().unwrap().clone()
        };
        match document {
            Some(document) => json!({ "RoleName": "node", "PolicyName": name, "PolicyDocument": document }).into(),
            None => Answer::refusal(404, "NoSuchEntity", "The role policy cannot be found."),
        }
    });
}

fn logs(aws: &StandIn) {
    aws.answer("logs", "StartQuery", json!({ "queryId": "q-1" }));
    let field = |name: &str, value: &str| json!({ "field": name, "value": value });
    let row = json!([
        field("@timestamp", "2026-11-20 10:00:00.000"),
        field("@message", "{\"log\": \"{\\\"level\\\": \\\"error\\\"}\", \"pod\": \"trainer-0\", \"code\": 137}"),
        field("@ptr", "CmEK")
    ]);
    aws.answer_in_turn(
        "logs",
        "GetQueryResults",
        [
            json!({ "status": "Running", "results": [] }).into(),
            json!({ "status": "Complete", "results": [row], "statistics": { "recordsMatched": 1.0, "recordsScanned": 9.0, "bytesScanned": 900.0 } }).into(),
        ],
    );
}

fn metrics(aws: &StandIn) {
    aws.answer_with("cloudwatch", "GetMetricData", |call| {
        let result = |time: &str, value: f64| json!({ "Id": "m1", "Timestamps": [time], "Values": [value], "StatusCode": "Complete" });
        match call.input["NextToken"].as_str() {
            None => json!({ "MetricDataResults": [result("2026-11-20T10:01:00Z", 91.5)], "NextToken": "more" }),
            Some(_) => json!({ "MetricDataResults": [result(TIME, 90.0)] }),
        }
        .into()
    });
}

fn eks(aws: &StandIn) {
    aws.answer("eks", "ListNodegroups", json!({ "nodegroups": ["h100", "gone"] }));
    aws.answer_with("eks", "DescribeNodegroup", |call| {
        if call.input["nodegroupName"] == "gone" {
            return Answer::refusal(404, "ResourceNotFoundException", "no such group");
        }
        json!({ "nodegroup": { "nodegroupName": "h100", "status": "DEGRADED", "version": "1.33", "instanceTypes": ["p5.48xlarge"],
            "health": { "issues": [{ "code": "AsgInstanceLaunchFailures", "message": "no capacity" }] } } })
        .into()
    });
    aws.answer(
        "eks",
        "DescribeAddon",
        json!({ "addon": { "addonName": "vpc-cni", "clusterName": "train", "status": "ACTIVE", "addonVersion": "v1.19.0-eksbuild.1" } }),
    );
}

pub(crate) fn statement() -> Value {
    json!({ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "b/*" })
}

/// The members of a stack's answer, empty where they do not apply.
#[expect(clippy::needless_pass_by_value, reason = "what is said is a literal at every call")]
fn stack_answer(operation: &str, more: Value) -> Value {
    let mut whole = json!({
        "operation": operation, "template_path": "", "stack_arn": "", "creation_time": "", "stack_status": "", "outputs": {},
        "stack_name": "", "stack_id": "", "cluster_name": "train"
    });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

fn stacks() -> Vec<Case> {
    const TOOL: &str = "manage_eks_stacks";
    let known = json!({ "stack_arn": STACK, "stack_id": STACK, "stack_name": "eks-train-stack", "stack_status": "CREATE_COMPLETE",
        "creation_time": TIME, "outputs": { "ClusterName": "train" } });
    let deployed = json!({ "stack_arn": STACK, "stack_id": STACK, "stack_name": "eks-train-stack" });
    let mut from_file = deployed.clone();
    from_file["template_path"] = "$HOME/cluster.yaml".into();
    let case = |arguments, refused, answers: fn(&StandIn), expected, sends| Case {
        tool: TOOL,
        arguments,
        refused,
        answers,
        expected,
        sends,
    };
    vec![
        case(
            json!({ "operation": "generate", "cluster_name": "train", "template_file": "$HOME/new.yaml",
                "node_pools": [{ "name": "h100", "instance_type": "p5.48xlarge", "count": 2, "efa": true, "capacity_reservation_id": "cr-1" }],
                "logging": ["api", "audit"], "addons": ["metrics-server"], "admin_arns": ["arn:aws:iam::123456789012:role/ops"] }),
            Some(("ec2", "DescribeInstanceTypes")),
            region,
            stack_answer(
                "generate",
                json!({ "template_path": "$HOME/new.yaml", "kubernetes_versions": ["1.34", "1.33", "1.30"] }),
            ),
            "DescribeClusterVersions",
        ),
        case(
            json!({ "operation": "deploy", "cluster_name": "train", "template_file": "$HOME/cluster.yaml" }),
            Some(("cloudformation", "CreateStack")),
            no_stack,
            stack_answer("deploy", from_file),
            "CreateStack",
        ),
        case(
            json!({ "operation": "deploy", "cluster_name": "train", "template_content": TEMPLATE }),
            Some(("cloudformation", "CreateStack")),
            no_stack,
            stack_answer("deploy", deployed.clone()),
            "CreateStack",
        ),
        case(
            json!({ "operation": "describe", "cluster_name": "train", "template_file": null }),
            Some(("cloudformation", "DescribeStacks")),
            ours,
            stack_answer("describe", known.clone()),
            "DescribeStacks",
        ),
        Case {
            tool: "read_eks_stacks",
            arguments: json!({ "cluster_name": "train" }),
            refused: Some(("cloudformation", "DescribeStacks")),
            answers: ours,
            expected: stack_answer("describe", known),
            sends: "DescribeStacks",
        },
        case(
            json!({ "operation": "delete", "cluster_name": "train" }),
            Some(("cloudformation", "DeleteStack")),
            ours,
            stack_answer("delete", json!({ "stack_name": "eks-train-stack", "stack_id": STACK })),
            "DeleteStack",
        ),
    ]
}

fn of_clusters() -> Vec<Case> {
    let subnet = json!({ "subnet_id": "subnet-1", "cidr_block": "10.0.1.0/24", "az_id": "usw2-az1", "az_name": "us-west-2a", "available_ips": 200,
        "is_public": false, "assign_ipv6": false, "in_disallowed_az": false, "has_sufficient_ips": true, "in_cluster": true });
    let mut other = subnet.clone();
    for (name, value) in [
        ("subnet_id", json!("subnet-2")),
        ("az_id", json!("use1-az3")),
        ("available_ips", json!(3)),
        ("in_disallowed_az", json!(true)),
        ("has_sufficient_ips", json!(false)),
        ("in_cluster", json!(false)),
    ] {
        other[name] = value;
    }
    let short = json!({ "id": "a1", "name": "Deprecated APIs removed in 1.32", "category": "UPGRADE_READINESS", "kubernetes_version": "1.32",
        "last_refresh_time": 1_795_168_800.0, "last_transition_time": 1_795_168_800.0, "description": "uses of removed APIs",
        "insight_status": { "status": "ERROR", "reason": "found" },
        "recommendation": null, "additional_info": null, "resources": null, "category_specific_summary": null });
    let mut whole = short.clone();
    whole["recommendation"] = "migrate".into();
    whole["additional_info"] = json!({ "docs": "https://example.com" });
    whole["resources"] = json!([{ "insightStatus": { "status": "ERROR" }, "kubernetesResourceUri": "/apis/x/y" }]);
    whole["category_specific_summary"] =
        json!({ "deprecationDetails": [{ "usage": "/apis/x", "stopServingVersion": "1.32" }] });
    vec![
        Case {
            tool: "get_eks_vpc_config",
            arguments: json!({ "cluster_name": "train", "vpc_id": "vpc-1" }),
            refused: Some(("ec2", "DescribeRouteTables")),
            answers: network,
            expected: json!({
                "vpc_id": "vpc-1", "cidr_block": "10.0.0.0/16", "additional_cidr_blocks": ["100.64.0.0/16"],
                "routes": [
                    { "destination_cidr_block": "0.0.0.0/0", "target_type": "natgateway", "target_id": "nat-1", "state": "active" },
                    { "destination_cidr_block": "::/0", "target_type": "egressonlyinternetgateway", "target_id": "eigw-1", "state": "active" }
                ],
                "remote_node_cidr_blocks": ["10.9.0.0/16"], "remote_pod_cidr_blocks": ["10.10.0.0/16"],
                "subnets": [subnet, other], "cluster_name": "train",
                "other_route_tables": [{ "route_table_id": "rtb-2", "subnet_ids": ["subnet-2"], "routes": [
                    { "destination_cidr_block": "0.0.0.0/0", "target_type": "gateway", "target_id": "igw-1", "state": "blackhole" }] }]
            }),
            sends: "DescribeSubnets",
        },
        Case {
            tool: "get_eks_insights",
            arguments: json!({ "cluster_name": "train", "insight_id": " ", "category": "UPGRADE_READINESS" }),
            refused: Some(("eks", "ListInsights")),
            answers: insights,
            expected: json!({ "cluster_name": "train", "insights": [short], "next_token": "more", "detail_mode": false }),
            sends: "ListInsights",
        },
        Case {
            tool: "get_eks_insights",
            arguments: json!({ "cluster_name": "train", "insight_id": "a1" }),
            refused: Some(("eks", "DescribeInsight")),
            answers: insights,
            expected: json!({ "cluster_name": "train", "insights": [whole], "next_token": null, "detail_mode": true }),
            sends: "DescribeInsight",
        },
        Case {
            tool: "list_eks_resources",
            arguments: json!({ "cluster_name": "train", "resource_type": "nodegroup" }),
            refused: Some(("eks", "ListNodegroups")),
            answers: eks,
            expected: json!({ "resource_type": "nodegroup", "cluster_name": "train", "count": 2 }),
            sends: "DescribeNodegroup",
        },
        Case {
            tool: "describe_eks_resource",
            arguments: json!({ "cluster_name": "train", "resource_type": "addon", "resource_name": "vpc-cni" }),
            refused: Some(("eks", "DescribeAddon")),
            answers: eks,
            expected: json!({ "resource_type": "addon", "cluster_name": "train", "resource_name": "vpc-cni",
                "resource": { "addonName": "vpc-cni", "clusterName": "train", "status": "ACTIVE", "addonVersion": "v1.19.0-eksbuild.1" } }),
            sends: "DescribeAddon",
        },
    ]
}

fn of_roles() -> Vec<Case> {
    let added = json!({ "policy_name": "new", "role_name": "node", "permissions_added": [statement()] });
    let add = |permissions: Value| Case {
        tool: "add_inline_policy",
        arguments: json!({ "policy_name": "new", "role_name": "node", "permissions": permissions }),
        refused: Some(("iam", "GetRolePolicy")),
        answers: role_without,
        expected: added.clone(),
        sends: "PutRolePolicy",
    };
    let managed = |name: &str, document: Value| {
        json!({ "policy_type": "Managed", "policy_name": name, "policy_arn": format!("arn:aws:iam::aws:policy/{name}"),
            "description": "of AWS", "policy_document": document })
    };
    let mut denied = managed("Second", json!(null));
    denied["error"] =
        "not for you (AccessDenied); the identity lacks iam:GetPolicyVersion on this resource, or a policy \
                      denies it"
            .into();
    vec![
        Case {
            tool: "get_policies_for_role",
            arguments: json!({ "role_name": "node" }),
            refused: Some(("iam", "ListRolePolicies")),
            answers: role,
            expected: json!({
                "role_arn": "arn:aws:iam::123456789012:role/node",
                "assume_role_policy_document": { "Version": "2012-10-17", "Statement": [] },
                "description": "nodes",
                "managed_policies": [managed("First", json!({ "Statement": [] })), denied],
                "inline_policies": [{ "policy_type": "Inline", "policy_name": "own", "description": null,
                    "policy_document": { "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "b/*" } } }]
            }),
            sends: "GetPolicyVersion",
        },
        add(json!([statement()])),
        add(statement()),
        // The hosted server's forms: text, and a list of texts.
        add(statement().to_string().into()),
        add(json!([statement().to_string()])),
    ]
}

fn of_cloudwatch() -> Vec<Case> {
    let points = json!({
        "cluster_name": "train", "metric_name": "node_gpu_utilization", "namespace": "ContainerInsights",
        "start_time": "2026-11-20T09:00:00Z", "end_time": "2026-11-20T11:00:00Z",
        "data_points": [{ "timestamp": "2026-11-20T10:01:00Z", "value": 91.5 }, { "timestamp": TIME, "value": 90.0 }]
    });
    let metric = |dimensions: Value| Case {
        tool: "get_cloudwatch_metrics",
        arguments: json!({ "cluster_name": "train", "metric_name": "node_gpu_utilization", "namespace": "ContainerInsights",
            "dimensions": dimensions, "start_time": "2026-11-20T09:00:00", "end_time": "2026-11-20T11:00:00Z", "limit": "50" }),
        refused: Some(("cloudwatch", "GetMetricData")),
        answers: metrics,
        expected: points.clone(),
        sends: "GetMetricData",
    };
    vec![
        Case {
            tool: "get_cloudwatch_logs",
            arguments: json!({ "resource_type": "pod", "cluster_name": "train", "log_type": "application", "resource_name": "trainer-0",
                "start_time": "2026-11-20T09:00:00Z", "end_time": "2026-11-20T11:00:00Z" }),
            refused: Some(("logs", "StartQuery")),
            answers: logs,
            expected: json!({
                "resource_type": "pod", "resource_name": "trainer-0", "cluster_name": "train", "log_type": "application",
                "log_group": "/aws/containerinsights/train/application",
                "start_time": "2026-11-20T09:00:00Z", "end_time": "2026-11-20T11:00:00Z",
                "log_entries": [{ "timestamp": "2026-11-20 10:00:00.000", "message": { "log": { "level": "error" }, "pod": "trainer-0", "code": 137 } }]
            }),
            sends: "StartQuery",
        },
        metric(json!({ "ClusterName": "train" })),
        metric(json!({ "ClusterName": "train" }).to_string().into()),
        Case {
            tool: "get_eks_metrics_guidance",
            arguments: json!({ "resource_type": "Cluster" }),
            refused: None,
            answers: |_| {},
            expected: json!({ "resource_type": "cluster", "metrics": [
                { "description": "Nodes with a failing condition", "dimensions": ["ClusterName"], "name": "cluster_failed_node_count" },
                { "description": "Nodes", "dimensions": ["ClusterName"], "name": "cluster_node_count" }] }),
            sends: "",
        },
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [stacks(), of_clusters(), of_roles(), of_cloudwatch()].into_iter().flatten().collect()
}
