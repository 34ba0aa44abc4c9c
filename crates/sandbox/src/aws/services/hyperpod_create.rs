//! HyperPod clusters as they are made, and deep checks of their nodes.

use serde_json::{Map, Value, json};

use super::{
    Operations,
    sagemaker::{WHILE, event, node, nodes, ready},
};
use crate::aws::{
    account::{Account, Cx, Then},
    endpoint::not_here,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations =
    &[("sagemaker", "CreateCluster", create), ("sagemaker", "StartClusterHealthCheck", check_health)];

/// Members of a group that are kept as they come.
const OF_GROUP: &[&str] = &[
    "ImageId",
    "InstanceStorageConfigs",
    "KubernetesConfig",
    "LifeCycleConfig",
    "OnStartDeepHealthChecks",
    "OverrideVpcConfig",
    "ScheduledUpdateConfig",
    "TrainingPlanArn",
];
/// Members of a cluster that are kept as they come.
const OF_CLUSTER: &[&str] =
    &["AutoScaling", "ClusterRole", "NodeProvisioningMode", "Orchestrator", "TieredStorageConfig", "VpcConfig"];

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

/// Those members of a value that it has.
fn kept(of: &Value, members: &[&str]) -> Map<String, Value> {
    members
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), of.get(*name).filter(|it| !it.is_null())?.clone())))
        .collect()
}

/// Makes a cluster and its nodes, which are on their way. Groups have their names, types and counts; the answer is its ARN.
pub(super) fn make(
    account: &mut Account,
    region: &str,
    name: &str,
    status: &str,
    of: &Value,
    groups: &[Value],
) -> String {
    let number = account.random.next() >> 16;
    let arn = account.arn("sagemaker", region, &format!("cluster/{number:012x}"));
    let mut rows = Vec::new();
    for group in groups {
        let mut row = json!({
            "InstanceGroupName": group["InstanceGroupName"], "InstanceType": group["InstanceType"], "CurrentCount": group["InstanceCount"],
            "TargetCount": group["InstanceCount"], "ThreadsPerCore": group["ThreadsPerCore"].as_u64().unwrap_or(1), "Status": "InService",
            "ExecutionRole": group["ExecutionRole"].as_str().map_or_else(|| account.arn("iam", "", "role/hyperpod"), str::to_owned),
            "LifeCycleConfig": { "SourceS3Uri": "s3://sagemaker-lifecycle/", "OnCreate": "on_create.sh" },
        });
        for (member, value) in kept(group, OF_GROUP) {
            row[member] = value;
        }
        rows.push(row);
    }
    let mut row = json!({
        "ClusterArn": arn, "ClusterName": name, "ClusterStatus": status, "CreationTime": account.stamp(), "InstanceGroups": rows,
        "NodeRecovery": of["NodeRecovery"].as_str().unwrap_or("Automatic"),
    });
    for (member, value) in kept(of, OF_CLUSTER) {
        row[member] = value;
    }
    account.insert(region, Table::HyperPodClusters, name, row);
    for row in &rows {
        for _ in 0..row["TargetCount"].as_u64().unwrap_or(0) {
            let id = account.new_id("i");
            let node = node(account, name, &id, &row["InstanceGroupName"], &row["InstanceType"]);
            account.insert(region, Table::HyperPodNodes, &id, node);
            let running = vec![("/InstanceStatus", json!({ "Status": "Running" }))];
            account.later(WHILE, region, Table::HyperPodNodes, &id, Then::Set(running));
        }
    }
    arn
}

/// What of the groups there is not enough capacity for.
pub(super) fn lacking(account: &Account, region: &str, groups: &[Value]) -> Option<String> {
    groups.iter().find_map(|group| {
        let (kind, count) = (text(group, "InstanceType"), group["InstanceCount"].as_u64().unwrap_or(0));
        let left = account.standing.capacity.get(&(region.to_owned(), kind.to_owned()))?;
        (*left < count).then(|| format!("there are not {count} instances of {kind} to be had in {region}"))
    })
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("ClusterName");
    if cx.get(Table::HyperPodClusters, &name).is_some() {
        let message = format!("Resource already in use: the cluster {name} exists.");
        return Err(Refusal::new(400, "ResourceInUse", message));
    }
    if !cx.input["RestrictedInstanceGroups"].is_null() {
        return Err(not_here("restricted instance groups"));
    }
    let groups = cx.input["InstanceGroups"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<&str> = groups.iter().map(|group| text(group, "InstanceGroupName")).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("The names of instance groups are different from each other."));
    }
    surroundings(cx)?;
    quotas(cx, &groups)?;
    let input = cx.input.clone();
    let lacking = lacking(cx.account, cx.region, &groups);
    let made = if lacking.is_some() { Vec::new() } else { groups };
    let arn = make(cx.account, cx.region, &name, "Creating", &input, &made);
    event(cx.account, cx.region, &name, "", "The cluster is being created.");
    let then = match lacking {
        None => vec![("/ClusterStatus", json!("InService"))],
        Some(why) => vec![
            ("/ClusterStatus", json!("Failed")),
            ("/FailureMessage", json!(format!("Insufficient capacity: {why}."))),
        ],
    };
    cx.later(WHILE, Table::HyperPodClusters, &name, Then::Set(then));
    Ok(json!({ "ClusterArn": arn }))
}

/// Refuses a network, or an EKS cluster, that there is not.
fn surroundings(cx: &Cx<'_>) -> Result<(), Refusal> {
    let network = &cx.input["VpcConfig"];
    for (member, table) in [("Subnets", Table::Subnets), ("SecurityGroupIds", Table::SecurityGroups)] {
        for id in network[member].as_array().into_iter().flatten().filter_map(Value::as_str) {
            cx.row(table, id, || invalid(format!("{member}: {id} does not exist.")))?;
        }
    }
    let Some(arn) = cx.input["Orchestrator"]["Eks"]["ClusterArn"].as_str() else { return Ok(()) };
    let is = |row: &Value| row["arn"] == arn;
    if cx.rows(Table::EksClusters).any(is) { Ok(()) } else { Err(invalid(format!("There is no EKS cluster {arn}."))) }
}

/// Refuses more nodes of a type than its quota allows.
fn quotas(cx: &Cx<'_>, groups: &[Value]) -> Result<(), Refusal> {
    for group in groups {
        let kind = text(group, "InstanceType");
        let of_kind = |row: &&Value| row["InstanceType"] == kind;
        let wanted: u64 = groups.iter().filter(of_kind).filter_map(|group| group["InstanceCount"].as_u64()).sum();
        let there = cx.rows(Table::HyperPodNodes).filter(of_kind).count() as u64;
        let quota = format!("{kind} for cluster usage");
        let quota = cx.rows(Table::Quotas).find(|row| row["QuotaName"] == quota.as_str());
        let most = quota.and_then(|row| row["Value"].as_f64());
        #[expect(clippy::cast_precision_loss, reason = "nodes of one account")]
        if most.is_some_and(|most| (there + wanted) as f64 > most) {
            let message = format!(
                "The account-level service limit '{kind} for cluster usage' is {} Instances, with current utilization of {there} \
                 Instances and a request delta of {wanted} Instances.",
                most.unwrap_or(0.0)
            );
            return Err(Refusal::new(400, "ResourceLimitExceeded", message));
        }
    }
    Ok(())
}

fn check_health(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = ready(cx)?;
    let mut meant = Vec::new();
    for wanted in cx.input["DeepHealthCheckConfigurations"].as_array().into_iter().flatten() {
        let ids: Vec<&str> = wanted["InstanceIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let of_group = |node: &&Value| node["InstanceGroupName"] == wanted["InstanceGroupName"];
        let known: Vec<&str> = nodes(cx, &cluster).filter(of_group).map(|node| text(node, "InstanceId")).collect();
        if known.is_empty() {
            return Err(invalid(format!("The cluster has no instance group {}.", text(wanted, "InstanceGroupName"))));
        }
        if let Some(id) = ids.iter().find(|id| !known.contains(id)) {
            return Err(invalid(format!("{id} is not in instance group {}.", text(wanted, "InstanceGroupName"))));
        }
        meant.extend((if ids.is_empty() { known } else { ids }).into_iter().map(str::to_owned));
    }
    for id in meant {
        let before = cx.get(Table::HyperPodNodes, &id).map(|node| node["InstanceStatus"].clone()).unwrap_or_default();
        if before["Status"] == "DeepHealthCheckInProgress" {
            continue;
        }
        cx.put(Table::HyperPodNodes, &id, "/InstanceStatus", json!({ "Status": "DeepHealthCheckInProgress" }));
        // A check finds a node as it is: one that is ill stays so.
        cx.later(WHILE, Table::HyperPodNodes, &id, Then::Set(vec![("/InstanceStatus", before)]));
        event(cx.account, cx.region, &cluster, &id, "A deep health check of the node was started.");
    }
    let arn = cx.get(Table::HyperPodClusters, &cluster).map(|row| row["ClusterArn"].clone());
    Ok(json!({ "ClusterArn": arn }))
}
