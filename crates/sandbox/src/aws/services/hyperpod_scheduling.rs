//! How teams share a HyperPod cluster: its scheduler's configuration, and quotas of compute.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Operations;
use crate::aws::{
    account::{Cx, Then},
    services::ec2::shown,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("sagemaker", "CreateClusterSchedulerConfig", create),
    ("sagemaker", "CreateComputeQuota", create),
    ("sagemaker", "DeleteClusterSchedulerConfig", delete),
    ("sagemaker", "DeleteComputeQuota", delete),
    ("sagemaker", "DescribeClusterSchedulerConfig", describe),
    ("sagemaker", "DescribeComputeQuota", describe),
    ("sagemaker", "ListClusterSchedulerConfigs", list),
    ("sagemaker", "ListComputeQuotas", list),
    ("sagemaker", "UpdateClusterSchedulerConfig", update),
    ("sagemaker", "UpdateComputeQuota", update),
];

/// What it takes until one is in force.
const WHILE: Duration = Duration::from_secs(20);

/// One of the two kinds.
struct Kind {
    /// How its operations end, how its members begin.
    name: &'static str,
    resource: &'static str,
    table: Table,
    /// What a call may set.
    members: &'static [&'static str],
    /// Whether a cluster has one at most.
    single: bool,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "ClusterSchedulerConfig",
        resource: "cluster-scheduler-config",
        table: Table::HyperPodSchedulerConfigs,
        members: &["Description", "SchedulerConfig"],
        single: true,
    },
    Kind {
        name: "ComputeQuota",
        resource: "compute-quota",
        table: Table::HyperPodComputeQuotas,
        members: &["ActivationState", "ComputeQuotaConfig", "ComputeQuotaTarget", "Description"],
        single: false,
    },
];

/// The kind that an operation is about.
fn kind(cx: &Cx<'_>) -> &'static Kind {
    let [scheduler, quota] = &KINDS;
    if cx.operation.contains(quota.name) { quota } else { scheduler }
}

fn conflict(message: String) -> Refusal {
    Refusal::new(400, "ConflictException", message)
}

/// The row that is named by its id.
fn row(cx: &Cx<'_>, kind: &Kind) -> Result<(String, Value), Refusal> {
    let id = cx.name(&format!("{}Id", kind.name));
    let absent = || Refusal::new(400, "ResourceNotFound", format!("{} {id} not found.", kind.name));
    let row = cx.row(kind.table, &id, absent)?.clone();
    Ok((id, row))
}

fn given(cx: &Cx<'_>, kind: &Kind) -> Map<String, Value> {
    let members = kind.members.iter().filter(|member| !cx.input[**member].is_null());
    members.map(|member| ((*member).to_owned(), cx.input[*member].clone())).collect()
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (kind, name, arn) = (kind(cx), cx.name("Name"), cx.name("ClusterArn"));
    if !cx.rows(Table::HyperPodClusters).any(|row| row["ClusterArn"] == arn.as_str()) {
        return Err(Refusal::new(400, "ValidationException", format!("There is no HyperPod cluster {arn}.")));
    }
    let clashes = |row: &&Value| {
        row["ClusterArn"] == arn.as_str()
            && (kind.single
                || row["Name"] == name.as_str()
                || row["ComputeQuotaTarget"]["TeamName"] == cx.input["ComputeQuotaTarget"]["TeamName"])
    };
    if let Some(other) = cx.rows(kind.table).find(clashes) {
        return Err(conflict(format!("The cluster has {} {} already.", kind.name, other["Name"])));
    }
    let id = format!("{:012x}", cx.account.random.next() >> 16);
    let made = cx.account.arn("sagemaker", cx.region, &format!("{}/{id}", kind.resource));
    let now = cx.account.stamp();
    let mut row = json!({
        (format!("{}Arn", kind.name)): made, (format!("{}Id", kind.name)): id, (format!("{}Version", kind.name)): 1, "Name": name,
        "ClusterArn": arn, "Status": "Creating", "CreationTime": now, "LastModifiedTime": now,
    });
    if !kind.single {
        row["ActivationState"] = "Enabled".into();
    }
    for (member, value) in given(cx, kind) {
        row[member] = value;
    }
    cx.insert(kind.table, &id, row);
    cx.later(WHILE, kind.table, &id, Then::Set(vec![("/Status", json!("Created"))]));
    Ok(json!({ (format!("{}Arn", kind.name)): made, (format!("{}Id", kind.name)): id }))
}

fn update(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = kind(cx);
    let (id, mut row) = row(cx, kind)?;
    let version = format!("{}Version", kind.name);
    let (is, target) = (row[&version].as_i64().unwrap_or(0), cx.input["TargetVersion"].as_i64().unwrap_or(0));
    if target != is {
        return Err(conflict(format!("TargetVersion {target} is not the present one, {is}.")));
    }
    for (member, value) in given(cx, kind) {
        row[member] = value;
    }
    row[&version] = (is + 1).into();
    row["Status"] = "Updating".into();
    row["LastModifiedTime"] = cx.account.stamp();
    let arn = row[format!("{}Arn", kind.name)].clone();
    cx.insert(kind.table, &id, row);
    cx.later(WHILE, kind.table, &id, Then::Set(vec![("/Status", json!("Updated"))]));
    Ok(json!({ (format!("{}Arn", kind.name)): arn, version: is + 1 }))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    row(cx, kind(cx)).map(|(_, row)| shown(&row))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = kind(cx);
    let (id, _) = row(cx, kind)?;
    cx.remove(kind.table, &id);
    Ok(json!({}))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = kind(cx);
    let (part, cluster, status) =
        (cx.text("NameContains").unwrap_or_default(), cx.text("ClusterArn"), cx.text("Status"));
    let fits = |row: &&Value| {
        row["Name"].as_str().is_some_and(|name| name.contains(part))
            && cluster.is_none_or(|cluster| row["ClusterArn"] == cluster)
            && status.is_none_or(|status| row["Status"] == status)
    };
    let summary = |row: &Value| {
        let mut row = shown(row);
        if let Value::Object(members) = &mut row {
            members.retain(|member, _| !matches!(member.as_str(), "Description" | "SchedulerConfig"));
        }
        row
    };
    let mut rows: Vec<Value> = cx.rows(kind.table).filter(fits).map(summary).collect();
    let by = cx.text("SortBy").unwrap_or("CreationTime").to_owned();
    rows.sort_by(|one, other| one[&by].as_str().cmp(&other[&by].as_str()));
    if cx.text("SortOrder") == Some("Descending") {
        rows.reverse();
    }
    Ok(json!({ (format!("{}Summaries", kind.name)): rows }))
}
