//! What the account's machines wrote before the start: lifecycle scripts of HyperPod nodes, and the control plane of EKS.

use serde_json::Value;

use super::CLUSTER;
use crate::aws::{account::Account, services, table::Table};

/// What the scripts of a node write while it comes up, with the seconds since its beginning.
const LIFECYCLE: &[(i64, &str)] = &[
    (0, "[start] on_create.sh"),
    (1, "Instance is in group {group} of cluster {cluster}"),
    (4, "Waiting for the shared file system"),
    (31, "Mounted /fsx"),
    (38, "Installing the EFA driver: it is there already"),
    (44, "nvidia-smi: all devices answer"),
    (52, "kubelet registered the node"),
    (53, "[stop] on_create.sh completed successfully"),
];

/// Streams of a control plane, with what they write.
const CONTROL_PLANE: &[(&str, &[&str])] = &[
    (
        "kube-apiserver-4f2b7c9d1e3a5b60",
        &[
            "I1121 controller.go:667] quota admission added evaluator for: jobs.batch",
            "I1121 trace.go:236] Trace \"List\" url:/api/v1/pods total time: 512ms (verb: LIST)",
        ],
    ),
    (
        "kube-apiserver-audit-4f2b7c9d1e3a5b60",
        &[
            "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"stage\":\"ResponseComplete\",\"verb\":\"list\",\"requestURI\":\"/api/v1/nodes\",\"user\":{\"username\":\"eks:node-manager\"},\"responseStatus\":{\"code\":200}}",
        ],
    ),
    ("kube-scheduler-4f2b7c9d1e3a5b60", &["I1121 schedule_one.go:286] \"Successfully bound pod to node\""]),
    (
        "kube-controller-manager-4f2b7c9d1e3a5b60",
        &["I1121 job_controller.go:568] \"enqueueing job\" key=\"default/nightly-eval\""],
    ),
    (
        "authenticator-4f2b7c9d1e3a5b60",
        &[
            "time=\"\" level=info msg=\"access granted\" arn=\"arn:aws:iam::{account}:role/trainyard-node\" groups=\"[system:nodes]\"",
        ],
    ),
];
/// How often the control plane writes, in minutes, and for how many of them.
const EVERY: i64 = 10;
const MINUTES: i64 = 180;

/// Writes the logs of the start.
pub(super) fn build(account: &mut Account, region: &str) {
    hyperpod(account, region);
    if account.row(region, Table::EksClusters, CLUSTER).is_some() {
        control_plane(account, region);
    }
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

fn hyperpod(account: &mut Account, region: &str) {
    let clusters: Vec<Value> = account.rows(region, Table::HyperPodClusters).cloned().collect();
    let nodes: Vec<Value> = account.rows(region, Table::HyperPodNodes).cloned().collect();
    // They came up when they were launched.
    let start = account.now().unix_timestamp() - 86_400 * 30;
    for cluster in &clusters {
        let (name, arn) = (text(cluster, "ClusterName"), text(cluster, "ClusterArn"));
        let log = format!("/aws/sagemaker/Clusters/{name}/{}", arn.rsplit('/').next().unwrap_or_default());
        for node in nodes.iter().filter(|node| node["cluster"] == name) {
            let group = text(node, "InstanceGroupName");
            let line = |(after, line): &(i64, &str)| {
                ((start + after) * 1_000, line.replace("{group}", group).replace("{cluster}", name))
            };
            let events: Vec<(i64, String)> = LIFECYCLE.iter().map(line).collect();
            let stream = format!("LifecycleConfig/{group}/{}", text(node, "InstanceId"));
            services::log(account, region, &log, &stream, &events);
        }
    }
}

fn control_plane(account: &mut Account, region: &str) {
    let (log, now, id) = (format!("/aws/eks/{CLUSTER}/cluster"), account.now().unix_timestamp(), account.id.clone());
    for (stream, lines) in CONTROL_PLANE {
        let mut events = Vec::new();
        for minute in (0..MINUTES / EVERY).rev() {
            let time = (now - minute * EVERY * 60) * 1_000;
            events.extend(lines.iter().map(|line| (time, line.replace("{account}", &id))));
        }
        services::log(account, region, &log, stream, &events);
    }
}
