//! Instances: described, launched, started, stopped, rebooted, terminated.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{ZONES, filters::filtered, refused, types};
use crate::aws::{
    account::{Account, Cx, Table, Then, put},
    services::Operations,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "DescribeInstances", describe),
    ("ec2", "RebootInstances", reboot),
    ("ec2", "RunInstances", run),
    ("ec2", "StartInstances", start),
    ("ec2", "StopInstances", stop),
    ("ec2", "TerminateInstances", terminate),
];

/// vCPUs of running instances that the account may have, as its quota for on-demand instances says.
const VCPUS: u64 = 40_000;

const FILTERS: super::Names = &[
    ("instance-id", "InstanceId"),
    ("instance-type", "InstanceType"),
    ("instance-state-name", "State.Name"),
    ("instance-state-code", "State.Code"),
    ("image-id", "ImageId"),
    ("vpc-id", "VpcId"),
    ("subnet-id", "SubnetId"),
    ("key-name", "KeyName"),
    ("availability-zone", "Placement.AvailabilityZone"),
    ("tenancy", "Placement.Tenancy"),
    ("private-ip-address", "PrivateIpAddress"),
    ("private-dns-name", "PrivateDnsName"),
    ("instance-lifecycle", "InstanceLifecycle"),
    ("instance.group-id", "SecurityGroups.*.GroupId"),
    ("instance.group-name", "SecurityGroups.*.GroupName"),
    ("block-device-mapping.volume-id", "BlockDeviceMappings.*.Ebs.VolumeId"),
    ("architecture", "Architecture"),
    ("reservation-id", "ReservationId"),
];

/// States by name, with the codes that EC2 gives them.
fn state(name: &str) -> Value {
    let code = match name {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    };
    json!({ "Code": code, "Name": name })
}

/// What an instance is made of.
pub(in crate::aws) struct Wanted<'w> {
    pub(in crate::aws) image: &'w str,
    pub(in crate::aws) instance_type: &'w str,
    pub(in crate::aws) zone: &'w str,
    pub(in crate::aws) subnet: &'w Value,
    pub(in crate::aws) groups: Value,
    pub(in crate::aws) tags: Value,
}

/// A new instance, on its way to run.
pub(in crate::aws) fn row(account: &mut Account, id: &str, wanted: &Wanted<'_>) -> Value {
    let number = account.random.below(250 * 250);
    let address = format!("10.0.{}.{}", number / 250, 4 + number % 250);
    let name = format!("ip-{}.ec2.internal", address.replace('.', "-"));
    json!({
        "InstanceId": id, "ImageId": wanted.image, "InstanceType": wanted.instance_type, "State": state("pending"),
        "LaunchTime": account.stamp(), "Placement": { "AvailabilityZone": wanted.zone, "Tenancy": "default" },
        "PrivateIpAddress": address, "PrivateDnsName": name, "SubnetId": wanted.subnet["SubnetId"],
        "VpcId": wanted.subnet["VpcId"], "SecurityGroups": wanted.groups, "Tags": wanted.tags, "Architecture": "x86_64",
        "BlockDeviceMappings": [], "EbsOptimized": true, "RootDeviceName": "/dev/xvda", "RootDeviceType": "ebs",
        "Hypervisor": "xen", "VirtualizationType": "hvm", "Monitoring": { "State": "disabled" }, "AmiLaunchIndex": 0,
        "MetadataOptions": { "HttpTokens": "required", "HttpEndpoint": "enabled", "State": "applied" },
        "ReservationId": id.replacen("i-", "r-", 1),
    })
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let ids = there(cx)?;
    let rows = cx.rows(Table::Instances).filter(|row| ids.is_empty() || ids.iter().any(|id| row["InstanceId"] == **id));
    let account = &cx.account.id;
    let reservations = filtered(rows, cx.input, FILTERS)?.into_iter().map(|row| {
        let reservation = row["ReservationId"].clone();
        json!({ "ReservationId": reservation, "OwnerId": account, "Groups": [], "Instances": [bare(row)] })
    });
    Ok(json!({ "Reservations": reservations.collect::<Vec<_>>() }))
}

/// An instance as it is described: which reservation it is of stands beside it.
fn bare(mut row: Value) -> Value {
    row.as_object_mut().map(|row| row.shift_remove("ReservationId"));
    row
}

/// The ids that are named, each of which is there.
fn there(cx: &Cx<'_>) -> Result<Vec<String>, Refusal> {
    let ids = cx.texts("InstanceIds");
    match ids.iter().find(|id| cx.account.row(cx.region, Table::Instances, id).is_none()) {
        Some(id) => Err(refused("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))),
        None => Ok(ids),
    }
}

fn run(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let Some(image) = cx.text("ImageId").map(str::to_owned) else {
        return Err(refused(
            "MissingParameter",
            "The request must contain the parameter ImageId: launch templates are not in the sandbox",
        ));
    };
    cx.row(Table::Images, &image, || {
        refused("InvalidAMIID.NotFound", format!("The image id '[{image}]' does not exist"))
    })?;
    let instance_type = cx.text("InstanceType").unwrap_or("m5.xlarge").to_owned();
    let count = cx.input["MaxCount"].as_u64().unwrap_or(1);
    if count == 0 || cx.input["MinCount"].as_u64().is_none_or(|least| least == 0 || least > count) {
        return Err(refused("InvalidParameterValue", "MinCount is from 1 to MaxCount"));
    }
    within_quota(cx, &instance_type, count)?;
    if let Some(key) = cx.text("KeyName") {
        let is = |row: &Value| row["KeyName"] == key;
        if !cx.rows(Table::KeyPairs).any(is) {
            return Err(refused("InvalidKeyPair.NotFound", format!("The key pair '{key}' does not exist")));
        }
    }
    let subnet = subnet(cx)?;
    let groups = groups(cx, &subnet)?;
    let zone = subnet["AvailabilityZone"].as_str().unwrap_or_default().to_owned();
    let given = cx.input["TagSpecifications"].as_array().into_iter().flatten();
    let tags =
        given.filter(|tags| tags["ResourceType"] == "instance").find_map(|tags| tags["Tags"].as_array().cloned());
    let mut instances = Vec::new();
    for _ in 0..count {
        let id = cx.account.new_id("i");
        let wanted = Wanted {
            image: &image,
            instance_type: &instance_type,
            zone: &zone,
            subnet: &subnet,
            groups: groups.clone(),
            tags: json!(tags.clone().unwrap_or_default()),
        };
        let mut row = row(cx.account, &id, &wanted);
        for member in ["KeyName", "ClientToken"] {
            if let Some(text) = cx.text(member) {
                put(&mut row, &format!("/{member}"), Value::from(text));
            }
        }
        if cx.input["InstanceMarketOptions"]["MarketType"] == "spot" {
            put(&mut row, "/InstanceLifecycle", Value::from("spot"));
        }
        cx.insert(Table::Instances, &id, row.clone());
        cx.later(Duration::from_secs(20), Table::Instances, &id, Then::Set(vec![("/State", state("running"))]));
        instances.push(bare(row));
    }
    let reservation = cx.account.new_id("r");
    Ok(json!({ "ReservationId": reservation, "OwnerId": cx.account.id, "Groups": [], "Instances": instances }))
}

fn within_quota(cx: &Cx<'_>, wanted: &str, count: u64) -> Result<(), Refusal> {
    let vcpus = |name: &str| types::find(name).map(|known| u64::from(known.vcpus()));
    let is_on = |row: &&Value| matches!(row["State"]["Name"].as_str(), Some("running" | "pending"));
    let types = cx.rows(Table::Instances).filter(is_on).filter_map(|row| row["InstanceType"].as_str());
    let taken: u64 = types.filter_map(|name| vcpus(name).ok()).sum();
    if taken + vcpus(wanted)?.saturating_mul(count) <= VCPUS {
        return Ok(());
    }
    let message = format!(
        "You have requested more vCPU capacity than your current vCPU limit of {VCPUS} allows for the instance bucket that the \
         specified instance type belongs to."
    );
    Err(refused("VcpuLimitExceeded", message))
}

/// The subnet that is named, or the default one of the zone that is.
fn subnet(cx: &Cx<'_>) -> Result<Value, Refusal> {
    if let Some(id) = cx.text("SubnetId") {
        let absent = || refused("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
        return cx.row(Table::Subnets, id, absent).cloned();
    }
    let zone = cx.input["Placement"]["AvailabilityZone"].as_str();
    if let Some(zone) = zone.filter(|zone| !ZONES.iter().any(|letter| **zone == format!("{}{letter}", cx.region))) {
        return Err(refused("InvalidParameterValue", format!("Invalid availability zone: [{zone}]")));
    }
    let fits = |row: &&Value| row["DefaultForAz"] == true && zone.is_none_or(|zone| row["AvailabilityZone"] == zone);
    cx.rows(Table::Subnets)
        .find(fits)
        .cloned()
        .ok_or_else(|| refused("MissingInput", "No subnets found for the default VPC"))
}

/// The security groups that are named, or the default one of the network.
fn groups(cx: &Cx<'_>, subnet: &Value) -> Result<Value, Refusal> {
    let ids = cx.texts("SecurityGroupIds");
    let shown = |row: &Value| json!({ "GroupId": row["GroupId"], "GroupName": row["GroupName"] });
    if ids.is_empty() {
        let is_default = |row: &&Value| row["VpcId"] == subnet["VpcId"] && row["GroupName"] == "default";
        return Ok(cx.rows(Table::SecurityGroups).filter(is_default).map(shown).collect());
    }
    let absent = |id: &str| refused("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
    ids.iter().map(|id| cx.row(Table::SecurityGroups, id, || absent(id)).map(shown)).collect()
}

fn start(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    change(cx, &["stopped", "running", "pending"], "started", ("pending", "running"), "StartingInstances")
}

fn stop(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    change(cx, &["running", "pending", "stopping", "stopped"], "stopped", ("stopping", "stopped"), "StoppingInstances")
}

fn terminate(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let protected = |id: &String| {
        let row = cx.account.row(cx.region, Table::Instances, id);
        row.is_some_and(|row| tag(row, "trainyard:protected") == Some("true"))
    };
    if let Some(id) = there(cx)?.iter().find(|id| protected(id)) {
        let message = format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
        );
        return Err(refused("OperationNotPermitted", message));
    }
    let any = &["running", "pending", "stopping", "stopped", "shutting-down", "terminated"];
    let output = change(cx, any, "terminated", ("shutting-down", "terminated"), "TerminatingInstances")?;
    for id in cx.texts("InstanceIds") {
        // It is shown for an hour, as at EC2.
        cx.later(Duration::from_hours(1), Table::Instances, &id, Then::Remove);
    }
    Ok(output)
}

fn tag<'r>(row: &'r Value, key: &str) -> Option<&'r str> {
    row["Tags"].as_array()?.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

/// Brings instances from one state into another, by way of a third.
fn change(
    cx: &mut Cx<'_>,
    from: &[&str],
    word: &str,
    (way, end): (&str, &'static str),
    output: &str,
) -> Result<Value, Refusal> {
    let ids = there(cx)?;
    let current = |cx: &Cx<'_>, id: &str| {
        let row = cx.account.row(cx.region, Table::Instances, id);
        row.and_then(|row| row["State"]["Name"].as_str()).unwrap_or_default().to_owned()
    };
    for id in &ids {
        let name = current(cx, id);
        if !from.contains(&name.as_str()) {
            let message = format!("The instance '{id}' is not in a state from which it can be {word}. It is {name}.");
            return Err(refused("IncorrectInstanceState", message));
        }
    }
    let mut changes = Vec::new();
    for id in ids {
        let before = current(cx, &id);
        let after = if before == way || before == end { before.clone() } else { way.to_owned() };
        if let Some(row) = cx.row_mut(Table::Instances, &id) {
            row["State"] = state(&after);
        }
        if after != before {
            cx.later(Duration::from_secs(15), Table::Instances, &id, Then::Set(vec![("/State", state(end))]));
        }
        changes.push(json!({ "InstanceId": id, "PreviousState": state(&before), "CurrentState": state(&after) }));
    }
    Ok(Value::Object(Map::from_iter([(output.to_owned(), Value::Array(changes))])))
}

fn reboot(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    for id in there(cx)? {
        let row = cx.account.row(cx.region, Table::Instances, &id);
        if row.is_none_or(|row| row["State"]["Name"] != "running") {
            return Err(refused("IncorrectState", format!("The instance '{id}' is not in the 'running' state.")));
        }
    }
    Ok(json!({}))
}
