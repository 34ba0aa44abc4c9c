//! Networks: VPCs and subnets made and deleted, their attributes, and the interfaces of instances.

use serde_json::{Value, json};

use super::{
    ZONES, groups,
    instances::{interface_id, state_of},
    refused, short, tags,
};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "CreateSubnet", create_subnet),
    ("ec2", "CreateVpc", create),
    ("ec2", "DeleteSubnet", delete_subnet),
    ("ec2", "DeleteVpc", delete),
    ("ec2", "DescribeVpcAttribute", attribute),
];

/// First address and number of leading bits of a block such as `10.0.0.0/16`.
pub(super) fn range(text: &str) -> Option<(u32, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    Some((u32::from(address), bits))
}

/// Whether all of the second block is in the first.
fn holds(outer: (u32, u32), inner: (u32, u32)) -> bool {
    let mask = |bits: u32| u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    outer.1 <= inner.1 && outer.0 & mask(outer.1) == inner.0 & mask(outer.1)
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let block = cx.name("CidrBlock");
    let Some((_, bits)) = range(&block) else {
        let message = format!("Value ({block}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        return Err(refused("InvalidParameterValue", message));
    };
    if !(16..=28).contains(&bits) {
        return Err(refused("InvalidVpc.Range", format!("The CIDR '{block}' is invalid.")));
    }
    let id = cx.account.new_id("vpc");
    let row = json!({
        "VpcId": id, "CidrBlock": block, "IsDefault": false, "State": "available", "OwnerId": cx.account.id,
        "InstanceTenancy": cx.text("InstanceTenancy").unwrap_or("default"), "DhcpOptionsId": "dopt-0a1b2c3d",
        "CidrBlockAssociationSet": [{
            "AssociationId": cx.account.new_id("vpc-cidr-assoc"), "CidrBlock": block, "CidrBlockState": { "State": "associated" },
        }],
        "Tags": tags::given(cx, "vpc"),
    });
    cx.insert(Table::Vpcs, &id, row.clone());
    let group = cx.account.new_id("sg");
    let arn = cx.account.arn("ec2", cx.region, &format!("security-group/{group}"));
    let of_vpc = json!({
        "GroupId": group, "GroupName": "default", "Description": "default VPC security group", "VpcId": id,
        "OwnerId": cx.account.id, "Tags": [], "SecurityGroupArn": arn, "IpPermissions": [], "IpPermissionsEgress": [],
    });
    cx.insert(Table::SecurityGroups, &group, of_vpc);
    groups::add(cx, &group, false, &json!({ "IpProtocol": "-1", "UserIdGroupPairs": [{ "GroupId": group }] }));
    groups::add(cx, &group, true, &json!({ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }));
    groups::summed(cx, &group);
    Ok(json!({ "Vpc": row }))
}

fn absent(id: &str) -> Refusal {
    refused("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("VpcId");
    cx.row(Table::Vpcs, &id, || absent(&id))?;
    let of_vpc = |row: &Value| row["VpcId"] == id;
    let groups: Vec<(String, bool)> = cx
        .rows(Table::SecurityGroups)
        .filter(|row| of_vpc(row))
        .map(|row| (row["GroupId"].as_str().unwrap_or_default().to_owned(), row["GroupName"] == "default"))
        .collect();
    if cx.rows(Table::Subnets).any(of_vpc) || groups.iter().any(|(_, default)| !default) {
        return Err(refused("DependencyViolation", format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    for (group, _) in groups {
        cx.remove(Table::SecurityGroups, &group);
    }
    cx.remove(Table::Vpcs, &id);
    Ok(json!({}))
}

fn create_subnet(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (vpc, block) = (cx.name("VpcId"), cx.name("CidrBlock"));
    let network = cx.row(Table::Vpcs, &vpc, || absent(&vpc))?;
    let outer = network["CidrBlock"].as_str().and_then(range).unwrap_or_default();
    let Some(inner) = range(&block) else {
        let message = format!("Value ({block}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        return Err(refused("InvalidParameterValue", message));
    };
    if !holds(outer, inner) || inner.1 > 28 {
        return Err(refused("InvalidSubnet.Range", format!("The CIDR '{block}' is invalid.")));
    }
    let taken = |row: &&Value| {
        let known = row["CidrBlock"].as_str().and_then(range);
        row["VpcId"] == vpc && known.is_some_and(|known| holds(known, inner) || holds(inner, known))
    };
    if cx.rows(Table::Subnets).any(|row| taken(&row)) {
        return Err(refused("InvalidSubnet.Conflict", format!("The CIDR '{block}' conflicts with another subnet")));
    }
    let zone = cx.text("AvailabilityZone").map_or_else(|| format!("{}a", cx.region), str::to_owned);
    let Some(number) = ZONES.iter().position(|letter| zone == format!("{}{letter}", cx.region)) else {
        let message = format!(
            "Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
                               following availability zones: {}.",
            ZONES.map(|letter| format!("{}{letter}", cx.region)).join(", ")
        );
        return Err(refused("InvalidParameterValue", message));
    };
    let id = cx.account.new_id("subnet");
    let row = json!({
        "SubnetId": id, "VpcId": vpc, "CidrBlock": block, "State": "available", "AvailabilityZone": zone,
        "AvailabilityZoneId": format!("{}-az{}", short(cx.region), number + 1), "DefaultForAz": false, "MapPublicIpOnLaunch": false,
        "AvailableIpAddressCount": (1_u64 << (32 - inner.1)) - 5, "AssignIpv6AddressOnCreation": false, "OwnerId": cx.account.id,
        "SubnetArn": cx.account.arn("ec2", cx.region, &format!("subnet/{id}")), "Tags": tags::given(cx, "subnet"),
    });
    cx.insert(Table::Subnets, &id, row.clone());
    Ok(json!({ "Subnet": row }))
}

fn delete_subnet(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("SubnetId");
    cx.row(Table::Subnets, &id, || {
        refused("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
    })?;
    if cx.rows(Table::Instances).any(|row| row["SubnetId"] == id && state_of(row) != "terminated") {
        let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(refused("DependencyViolation", message));
    }
    cx.remove(Table::Subnets, &id);
    Ok(json!({}))
}

fn attribute(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("VpcId");
    let row = cx.row(Table::Vpcs, &id, || absent(&id))?;
    let (name, kept, usual) = match cx.text("Attribute").unwrap_or_default() {
        "enableDnsSupport" => ("EnableDnsSupport", "_dns_support", true),
        "enableDnsHostnames" => ("EnableDnsHostnames", "_dns_hostnames", row["IsDefault"] == true),
        _ => ("EnableNetworkAddressUsageMetrics", "_usage_metrics", false),
    };
    Ok(json!({ "VpcId": id, name: { "Value": row[kept].as_bool().unwrap_or(usual) } }))
}

/// The interfaces of all instances that are not gone.
pub(super) fn interfaces(cx: &Cx<'_>) -> Vec<Value> {
    let owner = &cx.account.id;
    let rows = cx.rows(Table::Instances).filter(|row| state_of(row) != "terminated");
    rows.map(|row| {
        let id = interface_id(row["InstanceId"].as_str().unwrap_or_default());
        json!({
            "NetworkInterfaceId": id, "Status": "in-use", "InterfaceType": "interface", "OwnerId": owner, "Description": "",
            "SubnetId": row["SubnetId"], "VpcId": row["VpcId"], "PrivateIpAddress": row["PrivateIpAddress"],
            "AvailabilityZone": row["Placement"]["AvailabilityZone"], "Groups": row["SecurityGroups"], "TagSet": [],
            "RequesterManaged": false,
            "Attachment": {
                "AttachmentId": id.replacen("eni-", "eni-attach-", 1), "InstanceId": row["InstanceId"], "DeviceIndex": 0,
                "Status": "attached", "DeleteOnTermination": true, "InstanceOwnerId": owner,
            },
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_each_other_by_their_bits() {
        let block = |text: &str| range(text).expect("a block");
        assert!(holds(block("10.0.0.0/16"), block("10.0.255.0/24")));
        assert!(!holds(block("10.0.0.0/16"), block("10.1.0.0/24")));
        assert!(!holds(block("10.0.0.0/24"), block("10.0.0.0/16")));
        assert!(holds(block("0.0.0.0/0"), block("255.255.255.255/32")));
        assert!(range("10.0.0.0").is_none() && range("10.0.0.0/33").is_none() && range("10.0.0/8").is_none());
    }
}
