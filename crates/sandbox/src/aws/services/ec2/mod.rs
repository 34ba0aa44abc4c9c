//! EC2: what stands around instances and volumes. Rows are kept as they are described.

mod attributes;
mod capacity;
mod filters;
mod groups;
mod images;
mod instances;
mod key_pairs;
mod launch;
mod networks;
mod nouns;
mod quota;
mod snapshots;
mod tags;
mod templates;
mod types;
mod volumes;

use serde_json::{Value, json};

use self::{
    filters::{Names, filtered},
    nouns::describe,
};
use super::Operations;
use crate::aws::{account::Cx, wire::Refusal};

pub(in crate::aws) use self::{
    groups::{add as add_rules, summed as sum_rules},
    instances::{Wanted, row as instance},
    nouns::shown,
    quota::taken,
    types::{TYPES, accelerator},
};

/// All of it.
pub(super) const ALL: &[Operations] = &[
    OPERATIONS,
    attributes::OPERATIONS,
    capacity::OPERATIONS,
    groups::OPERATIONS,
    images::OPERATIONS,
    instances::OPERATIONS,
    key_pairs::OPERATIONS,
    launch::OPERATIONS,
    networks::OPERATIONS,
    snapshots::OPERATIONS,
    templates::OPERATIONS,
    volumes::OPERATIONS,
];

const OPERATIONS: Operations = &[
    ("ec2", "CreateTags", tags::create),
    ("ec2", "DeleteTags", tags::delete),
    ("ec2", "DescribeAvailabilityZones", zones),
    ("ec2", "DescribeCapacityReservations", describe),
    ("ec2", "DescribeFastSnapshotRestores", describe),
    ("ec2", "DescribeFlowLogs", describe),
    ("ec2", "DescribeImages", describe),
    ("ec2", "DescribeInstanceTypes", types::describe),
    ("ec2", "DescribeInstanceTypeOfferings", types::offerings),
    ("ec2", "DescribeInternetGateways", describe),
    ("ec2", "DescribeKeyPairs", describe),
    ("ec2", "DescribeLaunchTemplates", describe),
    ("ec2", "DescribeNatGateways", describe),
    ("ec2", "DescribeNetworkInterfaces", describe),
    ("ec2", "DescribeRegions", regions),
    ("ec2", "DescribeRouteTables", describe),
    ("ec2", "DescribeSecurityGroupRules", describe),
    ("ec2", "DescribeSecurityGroups", describe),
    ("ec2", "DescribeSnapshots", describe),
    ("ec2", "DescribeSpotInstanceRequests", describe),
    ("ec2", "DescribeSpotPriceHistory", types::spot_prices),
    ("ec2", "DescribeSubnets", describe),
    ("ec2", "DescribeTags", tags::describe),
    ("ec2", "DescribeVolumes", describe),
    ("ec2", "DescribeVolumesModifications", describe),
    ("ec2", "DescribeVpcEndpoints", describe),
    ("ec2", "DescribeVpcPeeringConnections", describe),
    ("ec2", "DescribeVpcs", describe),
];

/// Letters of the zones of each region.
const ZONES: [&str; 3] = ["a", "b", "c"];

fn refused(code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

fn regions(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let wanted = cx.texts("RegionNames");
    if let Some(unknown) = wanted.iter().find(|name| !cx.account.regions.contains(name)) {
        return Err(refused("InvalidParameterValue", format!("Invalid region provided: {unknown}")));
    }
    let rows: Vec<Value> = cx.account.regions.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).map(|name| {
        json!({ "RegionName": name, "Endpoint": format!("ec2.{name}.amazonaws.com"), "OptInStatus": "opt-in-not-required" })
    }).collect();
    let rows = filtered(
        &rows,
        cx.input,
        &[("region-name", "RegionName"), ("opt-in-status", "OptInStatus"), ("endpoint", "Endpoint")],
    )?;
    Ok(json!({ "Regions": rows }))
}

fn zones(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let region = cx.region;
    let rows: Vec<Value> = ZONES.iter().zip(1..).map(|(letter, number)| {
        json!({
            "ZoneName": format!("{region}{letter}"), "ZoneId": format!("{}-az{number}", short(region)), "State": "available",
            "RegionName": region, "GroupName": region, "NetworkBorderGroup": region, "OptInStatus": "opt-in-not-required",
            "ZoneType": "availability-zone", "Messages": [],
        })
    }).collect();
    let names = cx.texts("ZoneNames");
    if let Some(unknown) = names.iter().find(|name| !rows.iter().any(|row| row["ZoneName"] == **name)) {
        return Err(refused("InvalidParameterValue", format!("Invalid availability zone: [{unknown}]")));
    }
    let rows = rows.iter().filter(|row| names.is_empty() || names.iter().any(|name| row["ZoneName"] == *name));
    let names: Names = &[
        ("zone-name", "ZoneName"),
        ("zone-id", "ZoneId"),
        ("state", "State"),
        ("region-name", "RegionName"),
        ("zone-type", "ZoneType"),
        ("opt-in-status", "OptInStatus"),
    ];
    Ok(json!({ "AvailabilityZones": filtered(rows, cx.input, names)? }))
}

/// `usw2` for `us-west-2`, as ids of zones begin.
pub(in crate::aws) fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let front = parts.next().unwrap_or_default();
    let rest: String = parts.filter_map(|part| part.chars().next()).collect();
    format!("{front}{rest}")
}
