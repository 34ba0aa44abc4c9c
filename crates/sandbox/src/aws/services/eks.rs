//! EKS: clusters whose API is the sandbox's own Kubernetes, and their node groups.

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{account::Cx, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("eks", "DescribeCluster", describe_cluster),
    ("eks", "DescribeNodegroup", describe_nodegroup),
    ("eks", "ListClusters", list_clusters),
    ("eks", "ListNodegroups", list_nodegroups),
];

pub(super) fn absent(what: &str, name: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", format!("No {what} found for name: {name}."))
}

fn names(cx: &Cx<'_>, table: Table, member: &str, of: impl Fn(&Value) -> bool) -> Vec<Value> {
    cx.rows(table).filter(|row| of(row)).map(|row| row[member].clone()).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list_clusters(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "clusters": names(cx, Table::EksClusters, "name", |_| true) }))
}

fn describe_cluster(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.text("name").unwrap_or_default();
    Ok(json!({ "cluster": cx.row(Table::EksClusters, name, || absent("cluster", name))? }))
}

fn list_nodegroups(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = cx.text("clusterName").unwrap_or_default();
    cx.row(Table::EksClusters, cluster, || absent("cluster", cluster))?;
    Ok(json!({ "nodegroups": names(cx, Table::EksNodegroups, "nodegroupName", |row| row["clusterName"] == cluster) }))
}

fn describe_nodegroup(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let cluster = cx.text("clusterName").unwrap_or_default();
    let name = cx.text("nodegroupName").unwrap_or_default();
    cx.row(Table::EksClusters, cluster, || absent("cluster", cluster))?;
    let id = format!("{cluster}/{name}");
    Ok(json!({ "nodegroup": cx.row(Table::EksNodegroups, &id, || absent("node group", name))? }))
}
