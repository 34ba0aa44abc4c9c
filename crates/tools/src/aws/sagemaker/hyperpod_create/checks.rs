//! What is looked at before a cluster is made: network, lifecycle scripts, quotas, cost.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, ErrorKind, Impact, Reads, Result};

use super::{
    CreateHyperpod,
    wire::{DescribeSecurityGroups, DescribeSubnets, Subnet},
};
use crate::aws::{
    s3::objects::FirstObject,
    sagemaker::{
        cost::{Cost, Nodes},
        hyperpod_nodes::all_clusters,
        hyperpod_quotas::{Quota, quotas},
    },
};

/// Start of the buckets that the managed role of the nodes may read.
const READABLE: &str = "sagemaker-";

/// What was found out.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Findings {
    /// What would keep the cluster from coming up.
    #[serde(skip)]
    pub(super) faults: Vec<String>,
    /// What may, or could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    subnets: Vec<Subnet>,
    quotas: Vec<Quota>,
    /// Of the nodes; storage and network come on top.
    #[serde(skip_serializing_if = "Cost::is_empty")]
    cost: Cost,
}

/// Looks at everything.
pub(super) async fn look(aws: &Aws<Reads>, cluster: &CreateHyperpod) -> Result<(Findings, Impact)> {
    let (names, _) = all_clusters(aws, Some(&cluster.cluster_name)).await?;
    let mut findings = network(aws, cluster).await;
    if names.contains(&cluster.cluster_name) {
        findings.faults.push(format!("there is a cluster {:?} already", cluster.cluster_name));
    }
    let nodes = nodes(cluster);
    let types: Vec<&str> = nodes.paid.keys().map(String::as_str).collect();
    match quotas(aws, &types).await {
        Ok(found) => {
            for quota in &found {
                let wanted = nodes.paid.get(quota.instance_type.as_str()).copied().unwrap_or_default();
                match quota.left {
                    Some(left) if left < f64::from(u32::try_from(wanted).unwrap_or(u32::MAX)) => {
                        findings.warnings.push(format!(
                            "the quota of {} leaves {left} nodes, and {wanted} are wanted",
                            quota.instance_type
                        ));
                    }
                    Some(_) => {}
                    None => findings.warnings.push(format!("no quota of {} was found", quota.instance_type)),
                }
            }
            findings.quotas = found;
        }
        Err(error) => findings.warnings.push(format!("the quotas could not be read: {error}")),
    }
    findings.cost = nodes.cost(aws).await;
    let impact = if cluster.auto_scaling {
        Impact::unknown("with auto_scaling, Karpenter adds as many nodes as the pods ask for")
    } else {
        nodes.impact(aws, &findings.cost).await
    };
    Ok((findings, impact))
}

fn nodes(cluster: &CreateHyperpod) -> Nodes {
    let mut nodes = Nodes::default();
    for group in &cluster.instance_groups {
        nodes.add(&group.instance_type, u64::from(group.count), group.training_plan_arn.is_some());
    }
    nodes
}

/// Looks at subnets, security groups and lifecycle scripts.
pub(super) async fn network<A: Access + Covers<Reads>>(aws: &Aws<A>, cluster: &CreateHyperpod) -> Findings {
    let mut findings = Findings::default();
    if let (Some(subnets), Some(groups)) = (&cluster.subnet_ids, &cluster.security_group_ids) {
        match aws.send(&DescribeSubnets { subnet_ids: subnets.clone() }).await {
            Ok(found) => findings.subnets = found.subnets,
            Err(error) => findings.tell("the subnets", &error),
        }
        let groups = match aws.send(&DescribeSecurityGroups { group_ids: groups.clone() }).await {
            Ok(found) => found.security_groups,
            Err(error) => {
                findings.tell("the security groups", &error);
                Vec::new()
            }
        };
        let vpcs: BTreeSet<&str> = findings.subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
        let mut faults = Vec::new();
        if vpcs.len() > 1 {
            faults.push(format!(
                "the subnets are of several VPCs: {}",
                vpcs.iter().copied().collect::<Vec<_>>().join(", ")
            ));
        }
        for group in &groups {
            let vpc = group.vpc_id.as_deref().unwrap_or_default();
            if vpcs.len() == 1 && !vpcs.contains(vpc) {
                faults.push(format!("security group {} is of VPC {vpc:?}, the subnets are not", group.group_id));
            }
        }
        let free: u32 = findings.subnets.iter().filter_map(|subnet| subnet.available_ip_address_count).sum();
        let wanted: u32 = cluster.instance_groups.iter().map(|group| group.count).sum();
        if !findings.subnets.is_empty() && free < wanted {
            faults.push(format!("the subnets have {free} free addresses, and {wanted} nodes are wanted"));
        }
        findings.faults.extend(faults);
    }
    scripts(aws, cluster, &mut findings).await;
    findings
}

impl Findings {
    /// What was named but is not there is a fault; what may not be looked at is worth a word.
    fn tell(&mut self, what: &str, error: &trainyard_contract::Error) {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::Validation => self.faults.push(error.to_string()),
            _ => self.warnings.push(format!("{what} could not be looked at: {error}")),
        }
    }
}

/// Whether each lifecycle script is where the nodes will look for it.
async fn scripts<A: Access + Covers<Reads>>(aws: &Aws<A>, cluster: &CreateHyperpod, findings: &mut Findings) {
    let scripts: BTreeSet<_> =
        cluster.instance_groups.iter().map(|group| (group.lifecycle_uri.as_str(), group.on_create.as_str())).collect();
    for (uri, script) in scripts {
        let Some((bucket, folder)) = place(uri) else { continue };
        if !bucket.starts_with(READABLE) {
            findings.warnings.push(format!(
                "the managed role of the nodes reads only buckets that begin with {READABLE}, and {bucket:?} does not"
            ));
        }
        let key = format!("{folder}{script}");
        let question = FirstObject::new(bucket, Some(&key));
        match aws.send(&question).await {
            Ok(found) if found.is(&key) => {}
            Ok(_) => findings.faults.push(format!("there is no lifecycle script s3://{bucket}/{key}")),
            Err(error) => findings.tell("the lifecycle scripts", &error),
        }
    }
}

/// Bucket of an address, and its folder with a slash at the end.
fn place(uri: &str) -> Option<(&str, String)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let folder = folder.trim_end_matches('/');
    Some((bucket, if folder.is_empty() { String::new() } else { format!("{folder}/") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_ends_in_one_slash() {
        assert_eq!(place("s3://b/a/c/"), Some(("b", "a/c/".to_owned())));
        assert_eq!(place("s3://b"), Some(("b", String::new())));
        assert_eq!(place("b/a"), None);
    }
}
