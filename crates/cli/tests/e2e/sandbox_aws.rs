//! The tools of EC2, EBS, VPC, HyperPod, EKS and CloudWatch over MCP on the sandbox's account: what they are for works there.

use std::time::Duration;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::{
    aws::{KubernetesApi, Options, Server},
    kubernetes::{Fleet, Time},
};

use crate::BINARY;

const FLAGS: [&str; 6] = [
    "--toolsets",
    "ec2,ebs,vpc,hyperpod,hyperpod_admin,eks,cloudwatch,capacity,aws",
    "--allow-write",
    "--allow-sensitive-data-access",
    "--confirm",
    "never",
];

/// An account whose time stands still, and a server that is pointed at it.
fn start() -> (Server, Trainyard, Session) {
    let kubernetes = KubernetesApi { url: "https://127.0.0.1:6443".to_owned(), authority: "PEM".to_owned() };
    let account = Server::start(&Options {
        time: Time::Driven { start: 1_795_255_200 },
        fleet: Fleet { nodes: 12, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 2, ..Fleet::default() },
        kubernetes: Some(kubernetes),
        ..Options::default()
    })
    .unwrap();
    let key = Server::key();
    let at = Trainyard::at(BINARY, &account.url())
        .unwrap()
        .with("AWS_ACCESS_KEY_ID", &key.id)
        .with("AWS_SECRET_ACCESS_KEY", &key.secret)
        .with("AWS_REGION", Server::region());
    let mut session = at.serve(&FLAGS, Era::Legacy).unwrap();
    session.hello().unwrap();
    (account, at, session)
}

/// What a tool answers; a failure ends the test.
#[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
fn call(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let result = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    result["structuredContent"].clone()
}

#[test]
fn machines_and_disks_are_found_started_and_ended() {
    let (account, _at, mut session) = start();
    for (tool, arguments) in [
        ("ec2_list_instances", json!({})),
        ("ec2_describe_images", json!({ "owners": ["amazon"], "name_pattern": "*" })),
        ("ec2_find_ami", json!({ "kind": "dlami_base" })),
        ("ec2_describe_keypairs", json!({})),
        ("ec2_describe_security_groups", json!({})),
        ("ec2_list_launch_templates", json!({})),
        ("ec2_list_spot_requests", json!({})),
        ("ec2_list_capacity_reservations", json!({})),
        ("ec2_get_spot_price_history", json!({ "instance_types": ["p5.48xlarge"] })),
        ("ec2_get_spot_placement_scores", json!({ "instance_types": ["p5.48xlarge"], "target_capacity": 4 })),
        ("ec2_get_ondemand_price", json!({ "instance_types": ["p5.48xlarge"] })),
        ("ec2_list_type_offerings", json!({ "instance_types": ["p5.48xlarge"] })),
        ("ebs_describe_volumes", json!({})),
        ("ebs_list_snapshots", json!({})),
        ("vpc_list_vpcs", json!({})),
        ("vpc_list_subnets", json!({})),
        ("vpc_get_default_vpc", json!({})),
        ("vpc_get_default_subnets", json!({})),
    ] {
        call(&mut session, tool, arguments);
    }
    let instances = account.rows("instances").unwrap();
    let stopped = instances.iter().find(|row| row["State"]["Name"] == "stopped").unwrap();
    let id = stopped["InstanceId"].as_str().unwrap().to_owned();
    call(&mut session, "ec2_start_instances", json!({ "instance_ids": [id] }));
    account.advance(Duration::from_secs(30));
    let state = |account: &Server| {
        let rows = account.rows("instances").unwrap();
        rows.iter().find(|row| row["InstanceId"] == id).unwrap()["State"]["Name"].clone()
    };
    assert_eq!(state(&account), "running");
    call(&mut session, "ec2_get_instance_status", json!({ "instance_ids": [id] }));
    call(&mut session, "ec2_terminate_instances", json!({ "instance_ids": [id] }));
    account.advance(Duration::from_secs(30));
    assert_eq!(state(&account), "terminated");
    let vpc = account.rows("vpcs").unwrap()[0]["VpcId"].clone();
    call(&mut session, "vpc_describe_vpc", json!({ "vpc_ids": [vpc] }));
}

#[test]
fn clusters_and_metrics_are_read_and_nodes_replaced() {
    let (account, _at, mut session) = start();
    call(&mut session, "manage_hyperpod_cluster_nodes", json!({ "operation": "list_clusters" }));
    call(&mut session, "hyperpod_report", json!({}));
    call(&mut session, "hyperpod_list_events", json!({ "cluster_name": "pretrain" }));
    let nodes = account.rows("hyperpod_nodes").unwrap();
    let id = nodes[0]["InstanceId"].clone();
    call(&mut session, "hyperpod_reboot_nodes", json!({ "cluster_name": "pretrain", "node_ids": [id] }));
    account.advance(Duration::from_mins(5));
    call(&mut session, "hyperpod_replace_nodes", json!({ "cluster_name": "pretrain", "node_ids": [id] }));
    account.advance(Duration::from_mins(5));
    assert!(account.rows("hyperpod_nodes").unwrap().iter().all(|node| node["InstanceId"] != id));
    for kind in ["nodegroup", "addon"] {
        let arguments = json!({ "resource_type": kind, "cluster_name": "trainyard" });
        call(&mut session, "list_eks_resources", arguments);
    }
    call(&mut session, "get_eks_vpc_config", json!({ "cluster_name": "trainyard" }));
    let points = call(
        &mut session,
        "get_cloudwatch_metrics",
        json!({
            "cluster_name": "trainyard", "metric_name": "node_gpu_utilization", "namespace": "ContainerInsights",
            "dimensions": { "ClusterName": "trainyard" }, "start_time": "2026-11-21T09:00:00Z", "end_time": "2026-11-21T09:30:00Z",
        }),
    );
    assert!(points["data_points"].as_array().is_some_and(|points| !points.is_empty()), "{points}");
}

/// What a tool with operations answers; a failure ends the test.
fn operate(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let answer = call(session, tool, arguments);
    if answer["result"].is_object() { answer["result"].clone() } else { answer }
}

#[test]
fn stacks_of_hyperpod_and_eks_are_planned_made_described_and_deleted() {
    let (account, at, mut session) = start();
    let file = at.home().join("parameters.json").display().to_string();
    operate(&mut session, "manage_hyperpod_stacks", json!({ "operation": "write_params", "params_file": file }));
    let mut parameters: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    for parameter in &mut parameters {
        if parameter["ParameterKey"] == "HyperPodClusterName" {
            parameter["ParameterValue"] = "rehearsal".into();
        }
    }
    std::fs::write(&file, json!(parameters).to_string()).unwrap();
    let stack = |operation: &str| json!({ "operation": operation, "stack_name": "rehearsal", "params_file": file });
    operate(&mut session, "manage_hyperpod_stacks", stack("deploy"));
    account.advance(Duration::from_secs(90));
    let named = |operation: &str| json!({ "operation": operation, "stack_name": "rehearsal" });
    let described = operate(&mut session, "manage_hyperpod_stacks", named("describe"));
    assert_eq!(described["stack_status"], "CREATE_IN_PROGRESS", "{described}");
    account.advance(Duration::from_hours(1));
    let described = operate(&mut session, "manage_hyperpod_stacks", named("describe"));
    assert_eq!(described["stack_status"], "CREATE_COMPLETE", "{described}");
    let clusters = account.rows("hyperpod_clusters").unwrap();
    assert!(clusters.iter().any(|cluster| cluster["ClusterName"] == "rehearsal"), "the cluster is there for everybody");
    operate(&mut session, "manage_hyperpod_stacks", named("delete"));
    account.advance(Duration::from_hours(1));
    assert_eq!(account.rows("hyperpod_clusters").unwrap().len(), clusters.len() - 1);

    let template = at.home().join("eks.yaml").display().to_string();
    let cluster = |operation: &str| json!({ "operation": operation, "cluster_name": "lab", "template_file": template });
    operate(&mut session, "manage_eks_stacks", cluster("generate"));
    operate(&mut session, "manage_eks_stacks", cluster("deploy"));
    account.advance(Duration::from_mins(30));
    let described =
        operate(&mut session, "manage_eks_stacks", json!({ "operation": "describe", "cluster_name": "lab" }));
    assert_eq!(described["stack_status"], "CREATE_COMPLETE", "{described}");
    assert_eq!(described["outputs"]["ClusterName"], "lab", "{described}");
}

#[test]
fn a_failure_deep_in_a_stack_is_explained_from_the_top() {
    let (account, at, mut session) = start();
    let why = "Resource handler returned message: \"Unsupported availability zone\"";
    let setting = json!({
        "stack_failures": [{ "stack": "rehearsal", "resource": "EKSClusterStack/EKSCluster", "reason": why }],
    });
    account.set(&serde_json::from_value(setting).unwrap()).unwrap();
    let file = at.home().join("parameters.json").display().to_string();
    operate(&mut session, "manage_hyperpod_stacks", json!({ "operation": "write_params", "params_file": file }));
    let deploy = json!({ "operation": "deploy", "stack_name": "rehearsal", "params_file": file });
    operate(&mut session, "manage_hyperpod_stacks", deploy);
    account.advance(Duration::from_mins(12));
    let described =
        operate(&mut session, "manage_hyperpod_stacks", json!({ "operation": "describe", "stack_name": "rehearsal" }));
    let failure = described["failure"].as_str().unwrap_or_default();
    assert!(failure.starts_with("EKSClusterStack > EKSCluster: ") && failure.ends_with(why), "{described}");
}

#[test]
fn logs_of_nodes_and_of_the_control_plane_are_read() {
    let (account, _at, mut session) = start();
    let nodes = account.rows("hyperpod_nodes").unwrap();
    let lines = call(
        &mut session,
        "hyperpod_get_lifecycle_logs",
        json!({ "cluster_name": "pretrain", "node_ids": [nodes[0]["InstanceId"]] }),
    );
    assert!(lines.to_string().contains("completed successfully"), "{lines}");
    let found = call(
        &mut session,
        "get_cloudwatch_logs",
        json!({
            "resource_type": "cluster", "cluster_name": "trainyard", "log_type": "control-plane", "filter_pattern": "quota admission",
            "start_time": "2026-11-21T09:00:00Z", "end_time": "2026-11-21T10:00:00Z",
        }),
    );
    assert_eq!(found["log_entries"].as_array().map(Vec::len), Some(7), "{found}");
}

#[test]
fn roles_are_read_and_given_policies() {
    let (_account, _at, mut session) = start();
    let policies = call(&mut session, "get_policies_for_role", json!({ "role_name": "researcher" }));
    let text = policies.to_string();
    assert!(text.contains("AmazonS3ReadOnlyAccess") && text.contains("trainyard-checkpoints"), "{policies}");
    let given = json!({
        "policy_name": "logs", "role_name": "researcher",
        "permissions": [{ "Effect": "Allow", "Action": ["logs:StartQuery"], "Resource": ["*"] }],
    });
    call(&mut session, "add_inline_policy", given);
    let after = call(&mut session, "get_policies_for_role", json!({ "role_name": "researcher" }));
    assert!(after.to_string().contains("logs:StartQuery"), "{after}");
}

/// How a call is refused: code and message.
#[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
fn refused(session: &mut Session, tool: &str, arguments: Value) -> (String, String) {
    let result = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
    let error = &result["structuredContent"]["error"];
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[test]
fn whoever_destroyed_something_does_not_destroy_its_backups() {
    let (account, at, mut session) = start();
    let images = account.rows("images").unwrap();
    let launch = json!({ "service": "ec2", "operation": "RunInstances", "parameters": {
        "ImageId": images[0]["ImageId"], "InstanceType": "g6.12xlarge", "MinCount": 1, "MaxCount": 1,
        "BlockDeviceMappings": [{ "DeviceName": "/dev/sdf", "Ebs": { "VolumeSize": 8, "DeleteOnTermination": true } }],
    } });
    let launched = call(&mut session, "aws_call", launch)["result"]["Instances"][0].clone();
    account.advance(Duration::from_mins(1));
    let instance = launched["InstanceId"].as_str().unwrap().to_owned();
    let zone = launched["Placement"]["AvailabilityZone"].clone();
    let plan = call(&mut session, "ec2_terminate_instances", json!({ "instance_ids": [instance], "dry_run": true }));
    let disk = plan["plan"][0]["volumes_deleted"][0].as_str().unwrap().to_owned();
    let image =
        call(&mut session, "ec2_create_ami", json!({ "instance_id": instance, "name": "kept", "no_reboot": true }));
    let made = call(&mut session, "ebs_create_volume", json!({ "size": 8, "availability_zone": zone }));
    let volume = made["volume_id"].as_str().unwrap().to_owned();
    let mut snapshot = |of: &str| {
        let made = call(&mut session, "ebs_create_snapshot", json!({ "volume_id": of }));
        made["snapshot_id"].as_str().unwrap().to_owned()
    };
    let (spare, of_volume, of_disk) = (snapshot(&volume), snapshot(&volume), snapshot(&disk));

    // Before anything is gone, a backup may go.
    call(&mut session, "ebs_delete_snapshot", json!({ "snapshot_ids": [spare] }));
    call(&mut session, "ebs_delete_volume", json!({ "volume_ids": [volume] }));
    let (code, message) = refused(&mut session, "ebs_delete_snapshot", json!({ "snapshot_ids": [of_volume] }));
    assert_eq!(code, "BackupKept", "{message}");
    assert!(message.contains(&volume) && message.contains("nothing was changed"), "{message}");
    let planned = call(&mut session, "ebs_delete_snapshot", json!({ "snapshot_ids": [of_volume], "dry_run": true }));
    assert!(planned["beyond_limits"].as_str().unwrap().contains(&volume), "{planned}");
    let raw = json!({ "service": "ec2", "operation": "DeleteSnapshot", "parameters": { "SnapshotId": of_volume } });
    assert_eq!(refused(&mut session, "aws_call", raw).0, "BackupKept");

    // The disk of a machine goes with the machine.
    call(&mut session, "ec2_terminate_instances", json!({ "instance_ids": [instance] }));
    let (code, message) = refused(&mut session, "ebs_delete_snapshot", json!({ "snapshot_ids": [of_disk] }));
    assert_eq!((code.as_str(), message.contains(&disk)), ("BackupKept", true), "{message}");
    let arguments = json!({ "image_id": image["image_id"], "delete_snapshots": true });
    assert_eq!(refused(&mut session, "ec2_deregister_ami", arguments.clone()).0, "BackupKept");
    let other = account.rows("snapshots").unwrap();
    assert!(
        [&of_volume, &of_disk].iter().all(|id| other.iter().any(|row| row["SnapshotId"] == ***id)),
        "all are there"
    );

    // Another process may.
    let mut anew = at.serve(&FLAGS, Era::Legacy).unwrap();
    anew.hello().unwrap();
    call(&mut anew, "ec2_deregister_ami", arguments);
    call(&mut anew, "ebs_delete_snapshot", json!({ "snapshot_ids": [of_volume, of_disk] }));
}
