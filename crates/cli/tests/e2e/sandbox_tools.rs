//! Every tool on the sandbox: what reads is called there, and what is not in it is named here with its reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::aws::Server;

use crate::BINARY;

/// A stream of the log of the control plane.
const STREAM: &str = "kube-apiserver-4f2b7c9d1e3a5b60";

/// Operations of tools that the sandbox has no state for, and why.
const ABSENT: &[(&str, &str)] = &[
    ("eks-mcpserver:QueryKnowledgeBase", "texts of AWS's own, behind a service of AWS's own"),
    ("ssm:DescribeInstanceInformation", "no machine is behind an instance on which an agent could run"),
    ("ssm:ListCommandInvocations", "no machine is behind an instance on which a command could run"),
    ("ssm:SendCommand", "no machine is behind an instance on which a command could run"),
];

/// Tools that read and answer an error on a sandbox that is new, with its code, and why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("ec2_list_ssm_managed", "NotInTheSandbox", "no machine is behind an instance"),
    ("ec2_get_command", "NotInTheSandbox", "no machine is behind an instance"),
    ("ec2_describe_launch_template", "NotFound", "the account has none until somebody makes one"),
    ("k8s_get_rollout", "NotFound", "the cluster has none until somebody makes one"),
    ("k8s_get_secret", "NotFound", "the cluster has none until somebody makes one"),
    ("generate_app_manifest", "Refused", "it writes a file"),
    ("manage_eks_stacks", "not_found", "the account has none until somebody makes one"),
    ("manage_hyperpod_stacks", "not_found", "the account has none until somebody makes one"),
];

/// Tools about data sets, trainings and models: there are none until somebody makes some, and tests of their own do.
const OF_OWN_STATE: &[&str] = &["dataset_", "training_", "model_", "ml_", "operation_get"];

fn operations() -> BTreeSet<String> {
    let table = include_str!("../../../tools/operations.tsv");
    let lists = table.lines().skip(1).filter_map(|line| line.split('\t').nth(2));
    lists.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[test]
fn the_operations_of_all_tools_are_in_the_sandbox_but_for_those_that_are_named() {
    let there: BTreeSet<String> =
        Server::operations().map(|(service, operation)| format!("{service}:{operation}")).collect();
    let used = operations();
    assert!(used.len() > 150, "{}", used.len());
    let absent: Vec<&String> = used.difference(&there).collect();
    let named: Vec<&str> = ABSENT.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(absent, named);
}

/// What is there to be asked about, as tools show it.
struct Fleet {
    instance: String,
    snapshot: String,
    vpc: String,
    pod: (String, String),
}

fn ask(session: &mut Session, tool: &str, arguments: &Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    assert_ne!(answer["isError"], true, "{tool} {arguments}: {answer:#}");
    answer["structuredContent"].clone()
}

/// Names of the tools that only read.
fn that_read(session: &mut Session) -> Vec<String> {
    let (mut names, mut page) = (Vec::new(), json!({}));
    loop {
        let mut answer = session.ask("tools/list", page).unwrap();
        let tools = answer["tools"].as_array().unwrap();
        let reads = tools.iter().filter(|tool| tool["annotations"]["readOnlyHint"] == true);
        names.extend(reads.map(|tool| tool["name"].as_str().unwrap().to_owned()));
        if answer["nextCursor"].is_null() {
            return names;
        }
        page = json!({"cursor": answer["nextCursor"].take()});
    }
}

/// The first row's cell below a heading.
fn cell(listing: &Value, column: &str) -> String {
    let columns = listing["columns"].as_array().unwrap();
    let at = columns.iter().position(|name| name == column).unwrap_or_else(|| panic!("no {column} in {listing}"));
    listing["rows"][0][at].as_str().unwrap_or_else(|| panic!("no text for {column} in {listing}")).to_owned()
}

impl Fleet {
    fn of(session: &mut Session) -> Self {
        let pods = ask(session, "list_gpu_pods", &json!({"phase": "Running"}));
        Self {
            instance: cell(&ask(session, "ec2_list_instances", &json!({"states": ["running"]})), "instance_id"),
            snapshot: cell(&ask(session, "ebs_list_snapshots", &json!({})), "snapshot_id"),
            vpc: cell(&ask(session, "vpc_list_vpcs", &json!({})), "vpc_id"),
            pod: (cell(&pods, "namespace"), cell(&pods, "name")),
        }
    }

    /// Arguments of tools that need some, or that say more with some.
    fn arguments(&self) -> BTreeMap<&'static str, Value> {
        let (namespace, pod) = &self.pod;
        let (instances, one) = (json!({"instance_ids": [self.instance]}), json!({"instance_id": self.instance}));
        let eks = |more: Value| {
            let mut arguments = json!({"cluster_name": "trainyard"});
            more.as_object().unwrap().iter().for_each(|(name, value)| arguments[name] = value.clone());
            arguments
        };
        let hyperpod = json!({"cluster_name": "pretrain"});
        BTreeMap::from([
            ("aws_describe", json!({"service": "lambda", "operation": "Invoke"})),
            ("aws_search", json!({"query": "list gpu capacity reservations"})),
            (
                "cloudwatch_get_log_events",
                json!({"log_group_name": "/aws/eks/trainyard/cluster", "log_stream_name": STREAM}),
            ),
            (
                "cloudwatch_get_metric_statistics",
                json!({"namespace": "AWS/Lambda", "metric_name": "Invocations", "statistics": ["Sum"]}),
            ),
            ("describe_eks_resource", eks(json!({"resource_type": "addon", "resource_name": "vpc-cni"}))),
            ("describe_hp_cluster", hyperpod.clone()),
            ("describe_node", json!({"node": "gpu-0000"})),
            ("ebs_get_snapshot_progress", json!({"snapshot_ids": [self.snapshot]})),
            ("ec2_describe_instance_types", json!({"gpu_name": "H100", "efa": true})),
            ("ec2_describe_instances", instances.clone()),
            ("ec2_describe_launch_template", json!({"launch_template_name": "gpu-trainer"})),
            ("ec2_estimate_instance_cost", json!({"instance_type": "g5.xlarge"})),
            ("ec2_find_ami", json!({"kind": "dlami_pytorch"})),
            ("ec2_find_capacity_blocks", json!({"instance_type": "p5.48xlarge", "count": 1, "hours": 24})),
            ("ec2_generate_instance_ssh_instruction", one.clone()),
            ("ec2_get_command", json!({"command_id": "0831e1a8-a1ac-4257-a1fd-c831b48c4107"})),
            ("ec2_get_console_output", one.clone()),
            ("ec2_get_instance_vpc_info", instances),
            ("ec2_get_ondemand_price", json!({"instance_types": ["p5.48xlarge"]})),
            ("ec2_get_spot_placement_scores", json!({"instance_types": ["p5.48xlarge"], "target_capacity": 4})),
            ("ec2_get_spot_price_history", json!({"instance_types": ["p5.48xlarge"]})),
            ("ec2_get_user_data", one),
            ("ec2_list_instances_by_tag", json!({"tag_key": "team", "tag_value": "research"})),
            ("ec2_list_type_offerings", json!({"instance_types": ["p5*"]})),
            ("ec2_recommend_instance_types", json!({"min_gpus": 1})),
            ("get_cloudwatch_logs", eks(json!({"resource_type": "cluster", "log_type": "control-plane"}))),
            (
                "get_cloudwatch_metrics",
                eks(json!({
                    "metric_name": "node_gpu_utilization", "namespace": "ContainerInsights",
                    "dimensions": {"ClusterName": "trainyard"},
                })),
            ),
            ("get_eks_insights", eks(json!({}))),
            ("get_eks_metrics_guidance", json!({"resource_type": "pod"})),
            ("aws_call", json!({"service": "sts", "operation": "GetCallerIdentity"})),
            ("generate_app_manifest", json!({"app_name": "web", "image_uri": "a/b:1", "output_dir": "/tmp"})),
            ("manage_eks_stacks", json!({"operation": "describe", "cluster_name": "trainyard"})),
            ("manage_hyperpod_cluster_nodes", json!({"operation": "list_clusters"})),
            ("manage_hyperpod_stacks", json!({"operation": "describe", "stack_name": "pretrain"})),
            (
                "manage_k8s_resource",
                eks(json!({"operation": "read", "kind": "Node", "api_version": "v1", "name": "gpu-0000"})),
            ),
            ("get_eks_vpc_config", eks(json!({}))),
            ("get_gpu_metrics", json!({"metric": "card_utilization"})),
            ("get_k8s_events", eks(json!({"kind": "Pod", "name": pod, "namespace": namespace}))),
            ("get_pod_logs", eks(json!({"pod_name": pod, "namespace": namespace}))),
            ("get_policies_for_role", json!({"role_name": "trainyard-node"})),
            ("gpu_get_promql", json!({"query": "sum by (node) (hami_gpu_memory_allocated_bytes)"})),
            ("gpu_why_pending", json!({"namespace": "research", "pod": "llm-sweep-7"})),
            ("hyperpod_get_quotas", json!({"instance_types": ["ml.p5.48xlarge"]})),
            ("hyperpod_get_lifecycle_logs", hyperpod.clone()),
            ("hyperpod_list_events", hyperpod.clone()),
            ("hyperpod_list_scheduling", hyperpod),
            (
                "hyperpod_search_training_plans",
                json!({"instance_type": "ml.p5.48xlarge", "instance_count": 2, "duration_hours": 48}),
            ),
            ("k8s_describe_object", json!({"kind": "Pod", "name": pod, "namespace": namespace})),
            ("k8s_explain_kind", json!({"kind": "Deployment"})),
            ("k8s_get_logs", json!({"pod": pod, "namespace": namespace})),
            ("k8s_get_rollout", json!({"kind": "Deployment", "name": "web", "namespace": namespace})),
            ("k8s_get_secret", json!({"name": "registry", "namespace": namespace})),
            ("k8s_get_usage", json!({"of": "nodes"})),
            ("k8s_list_objects", json!({"kind": "Node"})),
            ("k8s_watch_object", json!({"kind": "Node", "name": "gpu-0000", "until": "exists"})),
            ("list_api_versions", eks(json!({}))),
            ("list_eks_resources", eks(json!({"resource_type": "nodegroup"}))),
            ("list_k8s_resources", eks(json!({"kind": "Pod", "api_version": "v1", "namespace": namespace}))),
            ("quota_get", json!({"service": "ec2", "quota": "P instances"})),
            ("s3_list_objects", json!({"bucket": "trainyard-functions"})),
            ("s3_describe_object", json!({"bucket": "trainyard-functions", "key": "quota-watch.zip"})),
            ("s3_get_object", json!({"bucket": "trainyard-functions", "key": "quota-watch.zip"})),
            ("search_eks_troubleshoot_guide", json!({"query": "failed to assign an IP address to container"})),
            ("vpc_describe_vpc", json!({"vpc_ids": [self.vpc]})),
        ])
    }
}

#[test]
fn every_tool_that_reads_answers_on_the_sandbox_but_for_those_that_are_named() {
    let at = Trainyard::bare(BINARY).unwrap();
    let words = ["--sandbox", "--toolsets", "all", "--allow-sensitive-data-access"];
    let mut session = at.serve(&words, Era::Legacy).unwrap();
    session.hello().unwrap();
    let arguments = Fleet::of(&mut session).arguments();
    let names = that_read(&mut session);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(names.len() > 100, "{}", names.len());
    let mut wrong = Vec::new();
    for name in names.iter().filter(|name| !OF_OWN_STATE.iter().any(|begin| name.starts_with(begin))) {
        let given = arguments.get(name).cloned().unwrap_or_else(|| json!({}));
        let answer = session.call(name, given).unwrap();
        let refused = REFUSED.iter().find(|(tool, _, _)| tool == name);
        let text = answer["content"][0]["text"].as_str().unwrap_or_default();
        let is_right = match refused {
            None => answer["isError"] == false,
            Some((_, code, _)) => answer["isError"] == true && text.contains(code),
        };
        if !is_right {
            wrong.push(format!("{name}: {}", text.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unknown: Vec<&&str> = arguments.keys().filter(|name| !names.contains(name)).collect();
    assert!(unknown.is_empty(), "no tools, or none that read: {unknown:?}");
    session.close().unwrap();
}
