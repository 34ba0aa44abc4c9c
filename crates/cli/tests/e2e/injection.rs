//! Orders to whoever reads the answer, written wherever others may write: they come out between marks, and nowhere else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::Server;

use crate::{
    BINARY,
    marks::{self, ORDER},
    with_moto,
};

const FLAGS: [&str; 6] = ["--toolsets", "all", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

fn call(session: &mut Session, tool: &str, arguments: &Value) -> Value {
    let mut result = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    result["structuredContent"].take()
}

/// The answer holds the order, and every time between marks.
fn check(session: &mut Session, tool: &str, arguments: &Value) {
    let result = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    assert!(marks::count(tool, &result) > 0, "{tool}: the order is not in {result}");
}

fn aws(session: &mut Session, service: &str, operation: &str, parameters: &Value) -> Value {
    let free = json!({ "service": service, "operation": operation, "parameters": parameters });
    call(session, "aws_call", &free)["result"].take()
}

#[test]
fn what_others_wrote_at_aws_stands_between_marks() {
    let at = with_moto("sa-east-1");
    let mut session = at.serve(&FLAGS, Era::Modern).unwrap();
    let s = &mut session;
    let place = json!({ "Bucket": "injected", "CreateBucketConfiguration": { "LocationConstraint": "sa-east-1" } });
    aws(s, "s3", "CreateBucket", &place);
    let put = json!({
        "Bucket": "injected", "Key": "k", "Body": trainyard_aws::to_base64(ORDER.as_bytes()),
        "ContentType": "text/plain", "Metadata": { "note": ORDER }
    });
    aws(s, "s3", "PutObject", &put);
    let tags = json!([{ "Key": "note", "Value": ORDER }, { "Key": ORDER, "Value": "x" }]);
    aws(s, "s3", "PutObjectTagging", &json!({ "Bucket": "injected", "Key": "k", "Tagging": { "TagSet": tags } }));
    let tagged = json!([{ "ResourceType": "volume", "Tags": tags }]);
    let volume = json!({ "AvailabilityZone": "sa-east-1a", "Size": 1, "TagSpecifications": tagged });
    let volume = aws(s, "ec2", "CreateVolume", &volume)["VolumeId"].clone();
    aws(s, "ec2", "CreateSecurityGroup", &json!({ "GroupName": "injected", "Description": ORDER }));
    let order = json!({ "logGroupName": "injected" });
    aws(s, "logs", "CreateLogGroup", &order);
    let stream = json!({ "logGroupName": "injected", "logStreamName": "s" });
    aws(s, "logs", "CreateLogStream", &stream);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() * 1000;
    let mut line = stream.clone();
    line["logEvents"] = json!([{ "timestamp": now, "message": ORDER }]);
    aws(s, "logs", "PutLogEvents", &line);

    let object = json!({ "bucket": "injected", "key": "k" });
    let free = |service: &str, operation: &str, parameters: Value| json!({ "service": service, "operation": operation, "parameters": parameters });
    for (tool, arguments) in [
        ("s3_get_object", object.clone()),
        ("s3_describe_object", object),
        ("ebs_describe_volumes", json!({ "volume_ids": [volume] })),
        ("ec2_describe_tags", json!({ "resource_ids": [volume] })),
        ("ec2_describe_security_groups", json!({ "group_names": ["injected"] })),
        ("aws_call", free("s3", "GetObject", json!({ "Bucket": "injected", "Key": "k" }))),
        ("aws_call", free("s3", "GetObjectTagging", json!({ "Bucket": "injected", "Key": "k" }))),
        ("aws_call", free("ec2", "DescribeVolumes", json!({ "VolumeIds": [volume] }))),
        ("aws_call", free("logs", "GetLogEvents", stream)),
    ] {
        check(s, tool, &arguments);
    }
}

/// The calls of every tool of the toolsets k8s and gpu that shows what is in a cluster.
fn in_cluster() -> Vec<(&'static str, Value)> {
    let web = || json!({ "kind": "Deployment", "name": "web", "namespace": "default", "dry_run": true });
    let with = |mut arguments: Value, name: &str, value: Value| {
        arguments[name] = value;
        arguments
    };
    let one = |kind: &str, name: &str| json!({ "kind": kind, "name": name, "namespace": "default" });
    let map =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "orders" }, "data": { "b": "c" } });
    let node = json!({ "node": "gpu-a", "dry_run": true });
    vec![
        ("k8s_list_objects", json!({ "kind": "Pod" })),
        ("k8s_list_objects", json!({ "kind": "Node" })),
        ("k8s_list_objects", json!({ "kind": "Event" })),
        ("k8s_list_objects", json!({ "kind": "ConfigMap" })),
        ("k8s_describe_object", one("Pod", "p")),
        ("k8s_describe_object", one("ConfigMap", "orders")),
        ("k8s_describe_object", one("Deployment", "web")),
        ("k8s_describe_object", json!({ "kind": "Node", "name": "gpu-a" })),
        ("k8s_get_secret", json!({ "name": "orders", "namespace": "default" })),
        ("k8s_list_events", json!({})),
        ("k8s_get_logs", json!({ "pod": "p", "namespace": "default" })),
        ("k8s_get_usage", json!({ "of": "pods" })),
        ("k8s_watch_object", with(one("Pod", "p"), "timeout_seconds", json!(1))),
        ("k8s_apply_manifest", json!({ "manifest": map.to_string(), "namespace": "default", "dry_run": true })),
        ("k8s_patch_object", with(web(), "patch", json!({ "metadata": { "annotations": { "note": "done" } } }))),
        ("k8s_scale_object", with(web(), "replicas", json!(0))),
        ("k8s_delete_object", web()),
        ("k8s_get_rollout", one("Deployment", "web")),
        ("k8s_restart_rollout", web()),
        ("k8s_undo_rollout", web()),
        ("k8s_cordon_node", node.clone()),
        ("k8s_uncordon_node", node.clone()),
        ("k8s_drain_node", node),
        ("k8s_list_clusters", json!({})),
        ("k8s_list_kinds", json!({})),
        ("k8s_explain_kind", json!({ "kind": "Order" })),
        ("list_gpu_nodes", json!({ "include_devices": true })),
        ("describe_node", json!({ "node": "gpu-a", "include_raw_annotations": true })),
        ("list_gpu_pods", json!({})),
        ("gpu_why_pending", json!({ "namespace": "default", "pod": "p" })),
        ("gpu_fragmentation", json!({})),
        ("get_quota_usage", json!({})),
        ("gpu_get_configuration", json!({})),
        ("gpu_list_vendors", json!({})),
        ("gpu_list_metrics", json!({})),
    ]
}

/// Tools that ask Prometheus and nobody else.
const AT_PROMETHEUS: [&str; 3] = ["get_gpu_metrics", "gpu_idle", "gpu_get_promql"];

/// A fleet, and in it things into which somebody wrote the order wherever they could.
fn cluster() -> Server {
    let cluster = Server::start().unwrap();
    cluster.seed(include_str!("gpu/cluster.yaml")).unwrap();
    let named = |name: &str| json!({ "name": name, "namespace": "default", "annotations": { "note": ORDER } });
    let container = json!({ "name": "c", "image": "i", "args": [ORDER], "env": [{ "name": "A", "value": ORDER }],
        "resources": { "limits": { "nvidia.com/gpu": "1" } } });
    let template = json!({ "metadata": { "labels": { "app": "web" }, "annotations": { "note": ORDER } },
        "spec": { "containers": [container] } });
    let waits = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": ORDER });
    let event = |name: &str, kind: &str, of: &str, namespace: &str| {
        json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": "default" },
            "type": "Warning", "reason": "FailedScheduling", "message": ORDER, "count": 1,
            "involvedObject": { "kind": kind, "name": of, "namespace": namespace } })
    };
    for object in [
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": named("p"), "spec": { "containers": [container] },
            "status": { "phase": "Pending", "conditions": [waits] } }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": named("web"),
            "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "web" } }, "template": template },
            "status": { "conditions": [{ "type": "Progressing", "status": "False", "reason": "x", "message": ORDER }] } }),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": named("orders"), "data": { "a": ORDER } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": named("orders"), "stringData": { "a": ORDER } }),
        json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "orders.example.com" },
            "spec": { "group": "example.com", "scope": "Namespaced",
                "names": { "kind": "Order", "plural": "orders", "singular": "order" },
                "versions": [{ "name": "v1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object", "description": ORDER } } }] } }),
        event("of-pod", "Pod", "p", "default"),
        event("of-web", "Deployment", "web", "default"),
        event("of-node", "Node", "gpu-a", ""),
    ] {
        cluster.seed_object(object).unwrap();
    }
    cluster.log("default", "p", "c", &format!("started\n{ORDER}\n"));
    cluster
}

#[test]
fn what_others_wrote_in_a_cluster_stands_between_marks_whatever_tool_shows_it() {
    let cluster = cluster();
    let at = Trainyard::bare(BINARY).unwrap();
    let path = at.home().join("kubeconfig");
    std::fs::write(&path, cluster.kubeconfig()).unwrap();
    let path = path.display().to_string();
    // Kept to the end: its home holds the file.
    let at = at.with("KUBECONFIG", &path);
    let listed = at.run(&["tools", "--json", "--toolsets", "k8s,gpu"]).unwrap().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let listed: BTreeSet<_> =
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let called = in_cluster();
    assert_eq!(listed, called.iter().map(|(tool, _)| *tool).chain(AT_PROMETHEUS).collect());

    let mut session = at.serve(&FLAGS, Era::Modern).unwrap();
    let mut showed = BTreeSet::new();
    for (tool, arguments) in called {
        let result = session.call(tool, arguments).unwrap();
        if marks::count(tool, &result) > 0 {
            showed.insert(tool);
        }
    }
    for tool in [
        "k8s_get_logs",
        "k8s_list_events",
        "k8s_describe_object",
        "k8s_get_secret",
        "k8s_explain_kind",
        "gpu_why_pending",
    ] {
        assert!(showed.contains(tool), "{tool} did not show the order; these did: {showed:?}");
    }
}
