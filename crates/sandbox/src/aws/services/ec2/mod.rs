//! EC2: what stands around instances and volumes. Rows are kept as they are described.

mod filters;
mod instances;
mod tags;
mod types;
mod volumes;

use serde_json::{Value, json};

use self::filters::{Names, filtered};
use super::Operations;
use crate::aws::{
    account::{Cx, Table},
    wire::Refusal,
};

pub(in crate::aws) use self::instances::{Wanted, row as instance};
pub(super) use self::{instances::OPERATIONS as INSTANCES, volumes::OPERATIONS as VOLUMES};

pub(super) const OPERATIONS: Operations = &[
    ("ec2", "CreateTags", tags::create),
    ("ec2", "DeleteTags", tags::delete),
    ("ec2", "DescribeAvailabilityZones", zones),
    ("ec2", "DescribeImages", images),
    ("ec2", "DescribeInstanceTypes", types::describe),
    ("ec2", "DescribeInstanceTypeOfferings", types::offerings),
    ("ec2", "DescribeKeyPairs", key_pairs),
    ("ec2", "DescribeRegions", regions),
    ("ec2", "DescribeSecurityGroups", groups),
    ("ec2", "DescribeSnapshots", snapshots),
    ("ec2", "DescribeSpotPriceHistory", types::spot_prices),
    ("ec2", "DescribeSubnets", subnets),
    ("ec2", "DescribeTags", tags::describe),
    ("ec2", "DescribeVpcs", vpcs),
];

/// Letters of the zones of each region.
const ZONES: [&str; 3] = ["a", "b", "c"];

fn refused(code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

/// A noun that is described by ids and filters, and nothing else.
struct Noun {
    table: Table,
    /// Member of the input that lists ids, and of a row that is one.
    ids: (&'static str, &'static str),
    /// Code and words of the refusal for an id that is not there.
    absent: (&'static str, &'static str),
    /// Member of the output.
    output: &'static str,
    filters: Names,
}

/// The rows that are asked for: those of the ids, else all, in either case those that pass the filters.
fn described(cx: &Cx<'_>, noun: &Noun) -> Result<Vec<Value>, Refusal> {
    let ids = cx.texts(noun.ids.0);
    let absent = |id: &str| refused(noun.absent.0, format!("The {} '{id}' does not exist", noun.absent.1));
    let key = |row: &Value| row[noun.ids.1].as_str().unwrap_or_default().to_owned();
    if let Some(id) = ids.iter().find(|id| !cx.rows(noun.table).any(|row| key(row) == **id)) {
        return Err(absent(id));
    }
    let rows = cx.rows(noun.table).filter(|row| ids.is_empty() || ids.contains(&key(row)));
    filtered(rows, cx.input, noun.filters)
}

fn listed(cx: &Cx<'_>, noun: &Noun) -> Result<Value, Refusal> {
    Ok(json!({ noun.output: described(cx, noun)? }))
}

fn vpcs(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::Vpcs,
            ids: ("VpcIds", "VpcId"),
            absent: ("InvalidVpcID.NotFound", "vpc ID"),
            output: "Vpcs",
            filters: &[
                ("vpc-id", "VpcId"),
                ("cidr", "CidrBlock"),
                ("is-default", "IsDefault"),
                ("state", "State"),
                ("owner-id", "OwnerId"),
            ],
        },
    )
}

fn subnets(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::Subnets,
            ids: ("SubnetIds", "SubnetId"),
            absent: ("InvalidSubnetID.NotFound", "subnet ID"),
            output: "Subnets",
            filters: &[
                ("subnet-id", "SubnetId"),
                ("vpc-id", "VpcId"),
                ("availability-zone", "AvailabilityZone"),
                ("default-for-az", "DefaultForAz"),
                ("cidr-block", "CidrBlock"),
                ("state", "State"),
            ],
        },
    )
}

fn groups(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::SecurityGroups,
            ids: ("GroupIds", "GroupId"),
            absent: ("InvalidGroup.NotFound", "security group"),
            output: "SecurityGroups",
            filters: &[
                ("group-id", "GroupId"),
                ("group-name", "GroupName"),
                ("vpc-id", "VpcId"),
                ("description", "Description"),
            ],
        },
    )
}

fn key_pairs(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::KeyPairs,
            ids: ("KeyNames", "KeyName"),
            absent: ("InvalidKeyPair.NotFound", "key pair"),
            output: "KeyPairs",
            filters: &[("key-name", "KeyName"), ("key-pair-id", "KeyPairId"), ("fingerprint", "KeyFingerprint")],
        },
    )
}

fn snapshots(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::Snapshots,
            ids: ("SnapshotIds", "SnapshotId"),
            absent: ("InvalidSnapshot.NotFound", "snapshot"),
            output: "Snapshots",
            filters: &[
                ("snapshot-id", "SnapshotId"),
                ("volume-id", "VolumeId"),
                ("status", "State"),
                ("owner-id", "OwnerId"),
            ],
        },
    )
}

fn images(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut output = listed(
        cx,
        &Noun {
            table: Table::Images,
            ids: ("ImageIds", "ImageId"),
            absent: ("InvalidAMIID.NotFound", "image id"),
            output: "Images",
            filters: &[
                ("image-id", "ImageId"),
                ("name", "Name"),
                ("architecture", "Architecture"),
                ("state", "State"),
                ("owner-id", "OwnerId"),
                ("owner-alias", "ImageOwnerAlias"),
                ("is-public", "Public"),
                ("root-device-type", "RootDeviceType"),
                ("virtualization-type", "VirtualizationType"),
            ],
        },
    )?;
    let owners = cx.texts("Owners");
    let own = cx.account.id.clone();
    if let Some(rows) = output["Images"].as_array_mut().filter(|_| !owners.is_empty()) {
        rows.retain(|row| {
            let is = |owner: &String| match owner.as_str() {
                "self" => row["OwnerId"] == own,
                owner => row["OwnerId"] == owner || row["ImageOwnerAlias"] == owner,
            };
            owners.iter().any(is)
        });
    }
    Ok(output)
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
        rows.iter(),
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
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let front = parts.next().unwrap_or_default();
    let rest: String = parts.filter_map(|part| part.chars().next()).collect();
    format!("{front}{rest}")
}
