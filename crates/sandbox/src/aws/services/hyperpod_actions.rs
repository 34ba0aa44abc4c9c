//! What is done to HyperPod clusters and their nodes beyond describing them: reboot, replace, add, delete.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Operations,
    sagemaker::{WHILE, busy, change_target, cluster, event, name, node, nodes, ready},
};
use crate::aws::{
    account::{Cx, Then},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("sagemaker", "BatchAddClusterNodes", add),
    ("sagemaker", "BatchRebootClusterNodes", reboot),
    ("sagemaker", "BatchReplaceClusterNodes", replace),
    ("sagemaker", "DeleteCluster", delete),
];

/// What a reboot takes.
const REBOOT: Duration = Duration::from_mins(2);

/// Does something to each node that is named and can bear it; the others are said to have failed.
fn each(cx: &mut Cx<'_>, mut act: impl FnMut(&mut Cx<'_>, &str, &str)) -> Result<Value, Refusal> {
    let cluster = ready(cx)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in cx.texts("NodeIds") {
        let found = nodes(cx, &cluster).find(|node| node["InstanceId"] == id);
        let state = found.map(|node| node["InstanceStatus"]["Status"].as_str().unwrap_or_default().to_owned());
        let wrong = match state.as_deref() {
            Some("Running" | "Failure" | "DeepHealthCheckInProgress") => None,
            Some(state) => Some(("InvalidInstanceStatus", format!("Node {id} is {state}."))),
            None => Some(("InstanceIdNotFound", format!("Node {id} is not in cluster {cluster}."))),
        };
        if let Some((code, message)) = wrong {
            failed.push(json!({ "NodeId": id, "ErrorCode": code, "Message": message }));
            continue;
        }
        act(cx, &cluster, &id);
        done.push(Value::from(id));
    }
    // Neither list may be empty.
    let mut output = json!({});
    for (member, rows) in [("Successful", done), ("Failed", failed)] {
        if !rows.is_empty() {
            output[member] = Value::from(rows);
        }
    }
    Ok(output)
}

fn reboot(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    each(cx, |cx, cluster, id| {
        cx.put(
            Table::HyperPodNodes,
            id,
            "/InstanceStatus",
            json!({ "Status": "Pending", "Message": "The node reboots." }),
        );
        let running = vec![("/InstanceStatus", json!({ "Status": "Running" }))];
        cx.later(REBOOT, Table::HyperPodNodes, id, Then::Set(running));
        event(cx.account, cx.region, cluster, id, "A reboot of the node was requested.");
    })
}

fn replace(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    each(cx, |cx, cluster, id| {
        let old = cx.get(Table::HyperPodNodes, id).cloned().unwrap_or_default();
        cx.put(Table::HyperPodNodes, id, "/InstanceStatus", json!({ "Status": "ShuttingDown" }));
        cx.later(WHILE, Table::HyperPodNodes, id, Then::Remove);
        event(cx.account, cx.region, cluster, id, "A replacement of the node was requested.");
        arrive(cx, cluster, &old["InstanceGroupName"], &old["InstanceType"]);
    })
}

/// A new node, on its way.
fn arrive(cx: &mut Cx<'_>, cluster: &str, group: &Value, instance_type: &Value) -> String {
    let id = cx.account.new_id("i");
    let row = node(cx.account, cluster, &id, group, instance_type);
    cx.insert(Table::HyperPodNodes, &id, row);
    let running = vec![("/InstanceStatus", json!({ "Status": "Running" }))];
    cx.later(WHILE, Table::HyperPodNodes, &id, Then::Set(running));
    id
}

fn add(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster_name = ready(cx)?;
    let groups = cluster(cx)?["InstanceGroups"].as_array().cloned().unwrap_or_default();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for wanted in cx.input["NodesToAdd"].as_array().cloned().unwrap_or_default() {
        let count = wanted["IncrementTargetCountBy"].as_i64().unwrap_or(0);
        let Some(group) = groups.iter().find(|group| group["InstanceGroupName"] == wanted["InstanceGroupName"]) else {
            let message = format!("The cluster has no instance group {}.", wanted["InstanceGroupName"]);
            failed.push(json!({
                "InstanceGroupName": wanted["InstanceGroupName"], "ErrorCode": "InstanceGroupNotFound", "FailedCount": count,
                "Message": message,
            }));
            continue;
        };
        for _ in 0..count {
            let id = arrive(cx, &cluster_name, &group["InstanceGroupName"], &group["InstanceType"]);
            let logical = format!("node-{}", id.trim_start_matches("i-"));
            done.push(json!({
                "NodeLogicalId": logical, "InstanceGroupName": group["InstanceGroupName"], "Status": "Pending",
            }));
        }
        change_target(cx, &cluster_name, &group["InstanceGroupName"], count);
        event(cx.account, cx.region, &cluster_name, "", &format!("{count} nodes were requested."));
    }
    Ok(json!({ "Successful": done, "Failed": failed }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let row = cluster(cx)?;
    let cluster = name(&row);
    busy(cx, &cluster, "Deleting")?;
    let ids: Vec<String> =
        nodes(cx, &cluster).filter_map(|node| node["InstanceId"].as_str().map(str::to_owned)).collect();
    for id in ids {
        cx.put(Table::HyperPodNodes, &id, "/InstanceStatus", json!({ "Status": "ShuttingDown" }));
        cx.later(WHILE, Table::HyperPodNodes, &id, Then::Remove);
    }
    cx.later(WHILE, Table::HyperPodClusters, &cluster, Then::Remove);
    Ok(json!({ "ClusterArn": row["ClusterArn"] }))
}
