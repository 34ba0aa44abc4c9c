//! SageMaker HyperPod: clusters, their nodes with health, scaling, updates, events.

use std::time::Duration;

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx, Then},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("sagemaker", "BatchDeleteClusterNodes", delete_nodes),
    ("sagemaker", "DescribeCluster", describe),
    ("sagemaker", "DescribeClusterNode", describe_node),
    ("sagemaker", "ListClusterEvents", events),
    ("sagemaker", "ListClusterNodes", list_nodes),
    ("sagemaker", "ListClusters", list),
    ("sagemaker", "UpdateCluster", update),
    ("sagemaker", "UpdateClusterSoftware", update_software),
];

/// What it takes until a new node runs, or one that goes is gone.
pub(super) const WHILE: Duration = Duration::from_mins(4);

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFound", format!("{what} {name} not found."))
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ConflictException", message)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

/// The cluster that is named, by name or ARN.
pub(super) fn cluster(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let wanted = cx.text("ClusterName").unwrap_or_default();
    let is = |row: &&Value| row["ClusterName"] == wanted || row["ClusterArn"] == wanted;
    cx.rows(Table::HyperPodClusters).find(is).cloned().ok_or_else(|| not_found("Cluster", wanted))
}

pub(super) fn name(cluster: &Value) -> String {
    cluster["ClusterName"].as_str().unwrap_or_default().to_owned()
}

/// Nodes of a cluster. Rows say which it is; answers do not.
pub(super) fn nodes<'c>(cx: &'c Cx<'_>, cluster: &str) -> impl Iterator<Item = &'c Value> {
    let cluster = cluster.to_owned();
    cx.rows(Table::HyperPodNodes).filter(move |row| row["cluster"] == cluster)
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let part = cx.text("NameContains").unwrap_or_default();
    let fits = |row: &&Value| row["ClusterName"].as_str().is_some_and(|name| name.contains(part));
    let shown = |row: &Value| {
        json!({
            "ClusterArn": row["ClusterArn"], "ClusterName": row["ClusterName"], "CreationTime": row["CreationTime"],
            "ClusterStatus": row["ClusterStatus"],
        })
    };
    Ok(json!({ "ClusterSummaries": cx.rows(Table::HyperPodClusters).filter(fits).map(shown).collect::<Vec<_>>() }))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut row = cluster(cx)?;
    let cluster = name(&row);
    for group in row["InstanceGroups"].as_array_mut().into_iter().flatten() {
        let of_group = |node: &&Value| node["InstanceGroupName"] == group["InstanceGroupName"];
        let count =
            nodes(cx, &cluster).filter(of_group).filter(|node| node["InstanceStatus"]["Status"] == "Running").count();
        group["CurrentCount"] = count.into();
    }
    Ok(row)
}

fn summary(node: &Value) -> Value {
    json!({
        "InstanceGroupName": node["InstanceGroupName"], "InstanceId": node["InstanceId"], "InstanceType": node["InstanceType"],
        "LaunchTime": node["LaunchTime"], "InstanceStatus": node["InstanceStatus"],
    })
}

fn list_nodes(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = name(&cluster(cx)?);
    let part = cx.text("InstanceGroupNameContains").unwrap_or_default();
    let fits = |node: &&Value| node["InstanceGroupName"].as_str().is_some_and(|group| group.contains(part));
    let rows: Vec<Value> = nodes(cx, &cluster).filter(fits).map(summary).collect();
    Ok(json!({ "ClusterNodeSummaries": rows }))
}

fn describe_node(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = name(&cluster(cx)?);
    let id = cx.text("NodeId").unwrap_or_default();
    let node = nodes(cx, &cluster).find(|node| node["InstanceId"] == id);
    let mut node = node.cloned().ok_or_else(|| not_found("Node", id))?;
    node.as_object_mut().map(|node| node.shift_remove("cluster"));
    Ok(json!({ "NodeDetails": node }))
}

fn delete_nodes(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = ready(cx)?;
    let (mut gone, mut failed) = (Vec::new(), Vec::new());
    for id in cx.texts("NodeIds") {
        let node = nodes(cx, &cluster).find(|node| node["InstanceId"] == id).cloned();
        let Some(node) = node else {
            failed.push(json!({ "Code": "NodeIdNotFound", "Message": format!("Node {id} not found"), "NodeId": id }));
            continue;
        };
        if let Some(row) = cx.row_mut(Table::HyperPodNodes, &id) {
            row["InstanceStatus"] = json!({ "Status": "ShuttingDown" });
        }
        cx.later(WHILE, Table::HyperPodNodes, &id, Then::Remove);
        change_target(cx, &cluster, &node["InstanceGroupName"], -1);
        event(cx.account, cx.region, &cluster, &id, "Node deletion was requested.");
        gone.push(Value::from(id));
    }
    // Neither list may be empty.
    let mut output = json!({});
    for (member, rows) in [("Successful", gone), ("Failed", failed)] {
        if !rows.is_empty() {
            output[member] = Value::from(rows);
        }
    }
    Ok(output)
}

/// Changes how many nodes a group is to have.
pub(super) fn change_target(cx: &mut Cx<'_>, cluster: &str, group: &Value, by: i64) {
    let row = cx.row_mut(Table::HyperPodClusters, cluster);
    let groups = row.and_then(|row| row["InstanceGroups"].as_array_mut()).into_iter().flatten();
    for row in groups.filter(|row| row["InstanceGroupName"] == *group) {
        row["TargetCount"] = (row["TargetCount"].as_i64().unwrap_or(0) + by).max(0).into();
    }
}

/// The name of the cluster that is named, if it can be changed now.
pub(super) fn ready(cx: &Cx<'_>) -> Result<String, Refusal> {
    let row = cluster(cx)?;
    match row["ClusterStatus"].as_str() {
        Some("InService") => Ok(name(&row)),
        status => Err(conflict(format!("Cluster {} is {}, not InService.", name(&row), status.unwrap_or("unknown")))),
    }
}

fn update(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = ready(cx)?;
    let groups = self::cluster(cx)?["InstanceGroups"].as_array().cloned().unwrap_or_default();
    let wanted = cx.input["InstanceGroups"].as_array().cloned().unwrap_or_default();
    for group in &wanted {
        let known = groups.iter().find(|known| known["InstanceGroupName"] == group["InstanceGroupName"]);
        let known = known.ok_or_else(|| {
            invalid(format!("new instance groups are not in the sandbox: {}", group["InstanceGroupName"]))
        })?;
        if known["InstanceType"] != group["InstanceType"] {
            return Err(invalid(format!("the instance type of {} cannot be changed", group["InstanceGroupName"])));
        }
        if group["InstanceCount"].as_i64() < known["TargetCount"].as_i64() {
            return Err(invalid("fewer nodes than there are: BatchDeleteClusterNodes says which ones go"));
        }
    }
    for group in &wanted {
        let known = groups.iter().find(|known| known["InstanceGroupName"] == group["InstanceGroupName"]);
        let there = known.and_then(|known| known["TargetCount"].as_i64()).unwrap_or(0);
        let more = group["InstanceCount"].as_i64().unwrap_or(there) - there;
        for _ in 0..more {
            let id = cx.account.new_id("i");
            let node = node(cx.account, &cluster, &id, &group["InstanceGroupName"], &group["InstanceType"]);
            cx.insert(Table::HyperPodNodes, &id, node);
            let running = vec![("/InstanceStatus", json!({ "Status": "Running" }))];
            cx.later(WHILE, Table::HyperPodNodes, &id, Then::Set(running));
        }
        change_target(cx, &cluster, &group["InstanceGroupName"], more);
        let message = format!("Instance group {} scales by {more}.", group["InstanceGroupName"]);
        event(cx.account, cx.region, &cluster, "", &message);
    }
    busy(cx, &cluster, "Updating")
}

fn update_software(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = ready(cx)?;
    event(cx.account, cx.region, &cluster, "", "An update of the cluster's software was requested.");
    busy(cx, &cluster, "SystemUpdating")
}

/// The cluster cannot be changed for a while.
pub(super) fn busy(cx: &mut Cx<'_>, cluster: &str, status: &str) -> Result<Value, Refusal> {
    if let Some(row) = cx.row_mut(Table::HyperPodClusters, cluster) {
        row["ClusterStatus"] = status.into();
    }
    cx.later(WHILE, Table::HyperPodClusters, cluster, Then::Set(vec![("/ClusterStatus", json!("InService"))]));
    Ok(json!({ "ClusterArn": self::cluster(cx)?["ClusterArn"] }))
}

/// A node on its way to run.
pub(in crate::aws) fn node(
    account: &mut Account,
    cluster: &str,
    id: &str,
    group: &Value,
    instance_type: &Value,
) -> Value {
    let number = account.random.below(250 * 250);
    json!({
        "cluster": cluster, "InstanceGroupName": group, "InstanceId": id, "InstanceType": instance_type,
        "InstanceStatus": { "Status": "Pending" }, "LaunchTime": account.stamp(), "ThreadsPerCore": 2,
        "PrivatePrimaryIp": format!("10.1.{}.{}", number / 250, 4 + number % 250),
    })
}

/// Writes down what happened to a cluster, or to one of its nodes.
pub(in crate::aws) fn event(account: &mut Account, region: &str, cluster: &str, node: &str, message: &str) {
    let id = account.random.uid();
    let arn = account.row(region, Table::HyperPodClusters, cluster).map(|row| row["ClusterArn"].clone());
    let mut row = json!({
        "EventId": id, "ClusterArn": arn, "ClusterName": cluster, "EventTime": account.stamp(), "Description": message,
        "ResourceType": if node.is_empty() { "Cluster" } else { "Instance" },
    });
    if !node.is_empty() {
        row["InstanceId"] = node.into();
        let of = account.row(region, Table::HyperPodNodes, node).map(|node| node["InstanceGroupName"].clone());
        row["InstanceGroupName"] = of.unwrap_or_default();
    }
    account.insert(region, Table::HyperPodEvents, &id, row);
}

fn events(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = name(&cluster(cx)?);
    let (node, group) = (cx.text("NodeId"), cx.text("InstanceGroupName"));
    let fits = |row: &&Value| {
        row["ClusterName"] == cluster
            && node.is_none_or(|node| row["InstanceId"] == node)
            && group.is_none_or(|group| row["InstanceGroupName"] == group)
    };
    let mut rows: Vec<Value> = cx.rows(Table::HyperPodEvents).filter(fits).cloned().collect();
    rows.reverse();
    Ok(json!({ "Events": rows }))
}
