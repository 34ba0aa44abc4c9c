//! What belongs to an EKS cluster: add-ons, access entries, Fargate profiles, pod identities, insights. One table, two functions.

use serde_json::{Value, json};

use super::{Operations, eks::absent};
use crate::{
    aws::{
        account::{Account, Cx},
        services::ec2::shown,
        table::Table,
        wire::Refusal,
    },
    kubernetes,
};

pub(super) const OPERATIONS: Operations = &[
    ("eks", "DescribeAccessEntry", describe),
    ("eks", "DescribeAddon", describe),
    ("eks", "DescribeClusterVersions", versions),
    ("eks", "DescribeFargateProfile", describe),
    ("eks", "DescribeInsight", describe),
    ("eks", "DescribePodIdentityAssociation", describe),
    ("eks", "ListAccessEntries", list),
    ("eks", "ListAddons", list),
    ("eks", "ListFargateProfiles", list),
    ("eks", "ListInsights", list),
    ("eks", "ListPodIdentityAssociations", list),
];

/// A part of a cluster.
struct Part {
    list: &'static str,
    describe: &'static str,
    table: Table,
    /// Members of the two outputs.
    rows: &'static str,
    row: &'static str,
    /// Member of the input, and of a row, that names it; the list has that alone, or else these members of a row.
    name: (&'static str, &'static str),
    summary: &'static [&'static str],
    word: &'static str,
}

const PARTS: &[Part] = &[
    Part {
        list: "ListAddons",
        describe: "DescribeAddon",
        table: Table::EksAddons,
        rows: "addons",
        row: "addon",
        name: ("addonName", "addonName"),
        summary: &[],
        word: "addon",
    },
    Part {
        list: "ListAccessEntries",
        describe: "DescribeAccessEntry",
        table: Table::EksAccessEntries,
        rows: "accessEntries",
        row: "accessEntry",
        name: ("principalArn", "principalArn"),
        summary: &[],
        word: "access entry",
    },
    Part {
        list: "ListFargateProfiles",
        describe: "DescribeFargateProfile",
        table: Table::EksFargateProfiles,
        rows: "fargateProfileNames",
        row: "fargateProfile",
        name: ("fargateProfileName", "fargateProfileName"),
        summary: &[],
        word: "Fargate profile",
    },
    Part {
        list: "ListPodIdentityAssociations",
        describe: "DescribePodIdentityAssociation",
        table: Table::EksPodIdentities,
        rows: "associations",
        row: "association",
        name: ("associationId", "associationId"),
        summary: &["clusterName", "namespace", "serviceAccount", "associationArn", "associationId"],
        word: "association",
    },
    Part {
        list: "ListInsights",
        describe: "DescribeInsight",
        table: Table::EksInsights,
        rows: "insights",
        row: "insight",
        name: ("id", "id"),
        summary: &[
            "id",
            "name",
            "category",
            "kubernetesVersion",
            "lastRefreshTime",
            "lastTransitionTime",
            "description",
            "insightStatus",
        ],
        word: "insight",
    },
];

/// The part that an operation is about, and the cluster that is named.
fn meant(cx: &Cx<'_>) -> Result<(&'static Part, String), Refusal> {
    let part = PARTS.iter().find(|part| part.list == cx.operation || part.describe == cx.operation);
    let part = part.ok_or_else(|| Refusal::new(500, "ServerException", "no part of this operation"))?;
    let cluster = cx.name("clusterName");
    cx.row(Table::EksClusters, &cluster, || absent("cluster", &cluster))?;
    Ok((part, cluster))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (part, cluster) = meant(cx)?;
    let of_cluster = |row: &&Value| row["clusterName"] == cluster || row["_cluster"] == cluster;
    let summary = |row: &Value| match part.summary {
        [] => row[part.name.1].clone(),
        members => Value::Object(
            members.iter().filter_map(|member| Some(((*member).to_owned(), row.get(*member)?.clone()))).collect(),
        ),
    };
    Ok(json!({ part.rows: cx.rows(part.table).filter(of_cluster).map(summary).collect::<Vec<_>>() }))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (part, cluster) = meant(cx)?;
    let name = cx.name(part.name.0);
    let row = cx.row(part.table, &format!("{cluster}/{name}"), || absent(part.word, &name))?;
    Ok(json!({ part.row: shown(row) }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn versions(_: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (major, minor) = kubernetes::VERSION;
    let minor: u32 = minor.to_string().parse().unwrap_or(0);
    let rows: Vec<Value> = (minor.saturating_sub(2)..=minor)
        .rev()
        .map(|number| {
            json!({
                "clusterVersion": format!("{major}.{number}"), "clusterType": "eks", "defaultPlatformVersion": "eks.1",
                "defaultVersion": number == minor, "versionStatus": "STANDARD_SUPPORT",
            })
        })
        .collect();
    Ok(json!({ "clusterVersions": rows }))
}

/// Gives a cluster the parts that it has at the start.
pub(in crate::aws) fn build(account: &mut Account, region: &str, cluster: &str) {
    for (name, version) in [
        ("vpc-cni", "v1.20.4-eksbuild.1"),
        ("coredns", "v1.12.4-eksbuild.1"),
        ("kube-proxy", "v1.34.0-eksbuild.4"),
        ("amazon-cloudwatch-observability", "v4.6.0-eksbuild.1"),
    ] {
        let arn = account.arn("eks", region, &format!("addon/{cluster}/{name}/0"));
        let row = json!({
            "addonName": name, "clusterName": cluster, "status": "ACTIVE", "addonVersion": version, "health": { "issues": [] },
            "addonArn": arn, "createdAt": account.ago(86_400 * 90), "modifiedAt": account.ago(86_400 * 9), "tags": { "team": "platform" },
        });
        account.insert(region, Table::EksAddons, &format!("{cluster}/{name}"), row);
    }
    let role = format!("arn:aws:iam::{}:role/trainyard-node", account.id);
    let arn = account.arn("eks", region, &format!("access-entry/{cluster}/role/{}/trainyard-node/0", account.id));
    let row = json!({
        "clusterName": cluster, "principalArn": role, "kubernetesGroups": ["system:nodes"], "accessEntryArn": arn, "type": "EC2_LINUX",
        "createdAt": account.ago(86_400 * 90), "modifiedAt": account.ago(86_400 * 90), "tags": { "team": "platform" },
        "username": "system:node:{{EC2PrivateDNSName}}",
    });
    account.insert(region, Table::EksAccessEntries, &format!("{cluster}/{role}"), row);
}
