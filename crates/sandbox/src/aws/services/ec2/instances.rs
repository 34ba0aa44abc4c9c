//! Instances: described, started, stopped, rebooted, terminated.

use std::{collections::HashSet, sync::LazyLock, time::Duration};

use serde_json::{Map, Value, json};

use super::{filters::filtered_over, nouns, quota, refused};
use crate::aws::{
    account::{Account, Cx, Then},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "DescribeInstances", describe),
    ("ec2", "RebootInstances", reboot),
    ("ec2", "StartInstances", start),
    ("ec2", "StopInstances", stop),
    ("ec2", "TerminateInstances", terminate),
];

/// What starting, stopping and terminating take.
const WHILE: Duration = Duration::from_secs(15);

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
    ("tenancy", "Tenancy"),
    ("private-ip-address", "PrivateIpAddress"),
    ("private-dns-name", "PrivateDnsName"),
    ("instance-lifecycle", "InstanceLifecycle"),
    ("iam-instance-profile.arn", "IamInstanceProfile.Arn"),
    ("capacity-reservation-id", "CapacityReservationId"),
    ("spot-instance-request-id", "SpotInstanceRequestId"),
    ("instance.group-id", "SecurityGroups.*.GroupId"),
    ("instance.group-name", "SecurityGroups.*.GroupName"),
    ("network-interface.group-id", "SecurityGroups.*.GroupId"),
    ("network-interface.subnet-id", "SubnetId"),
    ("block-device-mapping.volume-id", "BlockDeviceMappings.*.Ebs.VolumeId"),
    ("architecture", "Architecture"),
    ("hypervisor", "Hypervisor"),
    ("root-device-type", "RootDeviceType"),
    ("virtualization-type", "VirtualizationType"),
    ("reservation-id", "_reservation"),
    ("client-token", "ClientToken"),
    ("owner-id", "_owner"),
];

/// What all instances have in common stands once: there may be 50,000 of them.
static COMMON: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "Architecture": "x86_64", "EbsOptimized": true, "RootDeviceName": "/dev/xvda", "RootDeviceType": "ebs",
        "Hypervisor": "xen", "VirtualizationType": "hvm", "Monitoring": { "State": "disabled" }, "AmiLaunchIndex": 0,
        "PlatformDetails": "Linux/UNIX", "EnaSupport": true, "SourceDestCheck": true, "Tenancy": "default",
        "MetadataOptions": {
            "HttpTokens": "required", "HttpEndpoint": "enabled", "State": "applied", "HttpPutResponseHopLimit": 2,
            "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled",
        },
    })
});

/// States by name, with the codes that EC2 gives them.
pub(super) fn state(name: &str) -> Value {
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

/// The name of the state that an instance is in.
pub(super) fn state_of(row: &Value) -> &str {
    row["State"]["Name"].as_str().unwrap_or_default()
}

/// What an instance is made of.
pub(in crate::aws) struct Wanted<'w> {
    pub(in crate::aws) image: &'w str,
    pub(in crate::aws) instance_type: &'w str,
    pub(in crate::aws) subnet: &'w Value,
    pub(in crate::aws) groups: Value,
    pub(in crate::aws) tags: Value,
}

/// A new instance, on its way to run.
pub(in crate::aws) fn row(account: &mut Account, id: &str, reservation: &str, wanted: &Wanted<'_>) -> Value {
    let number = account.random.below(250 * 250);
    let address = format!("10.0.{}.{}", number / 250, 4 + number % 250);
    json!({
        "InstanceId": id, "ImageId": wanted.image, "InstanceType": wanted.instance_type, "State": state("pending"),
        "LaunchTime": account.stamp(), "Placement": { "AvailabilityZone": wanted.subnet["AvailabilityZone"] },
        "PrivateIpAddress": address, "SubnetId": wanted.subnet["SubnetId"], "VpcId": wanted.subnet["VpcId"],
        "SecurityGroups": wanted.groups, "Tags": wanted.tags, "_reservation": reservation,
    })
}

/// An instance as it is described.
pub(super) fn whole(row: &Value) -> Value {
    let mut whole = nouns::shown(row);
    for (name, value) in COMMON.as_object().into_iter().flatten().filter(|(name, _)| *name != "Tenancy") {
        if whole.get(name).is_none() {
            whole[name.as_str()] = value.clone();
        }
    }
    whole["Placement"]["Tenancy"] = whole["Placement"].get("Tenancy").cloned().unwrap_or_else(|| "default".into());
    let address = row["PrivateIpAddress"].as_str().unwrap_or_default();
    whole["PrivateDnsName"] = format!("ip-{}.ec2.internal", address.replace('.', "-")).into();
    whole["BlockDeviceMappings"] = whole.get("BlockDeviceMappings").cloned().unwrap_or_else(|| json!([]));
    let gone = state_of(row) == "terminated";
    whole["NetworkInterfaces"] = if gone { json!([]) } else { json!([interface(row)]) };
    whole
}

/// The id of an instance's network interface.
pub(super) fn interface_id(instance: &str) -> String {
    instance.replacen("i-", "eni-", 1)
}

fn interface(row: &Value) -> Value {
    json!({
        "NetworkInterfaceId": interface_id(row["InstanceId"].as_str().unwrap_or_default()), "Status": "in-use",
        "SubnetId": row["SubnetId"], "VpcId": row["VpcId"], "PrivateIpAddress": row["PrivateIpAddress"],
        "InterfaceType": "interface", "Groups": row["SecurityGroups"], "SourceDestCheck": true,
        "Attachment": { "DeviceIndex": 0, "Status": "attached", "DeleteOnTermination": true, "NetworkCardIndex": 0 },
    })
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let ids: HashSet<String> = there(cx)?.into_iter().collect();
    if !ids.is_empty() && !cx.input["MaxResults"].is_null() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(refused("InvalidParameterCombination", message));
    }
    if cx.input["MaxResults"].as_u64().is_some_and(|rows| rows < 5) {
        return Err(refused(
            "InvalidParameterValue",
            "Value for parameter maxResults is invalid. Expecting 5 to 1000.",
        ));
    }
    let named = |row: &&Value| ids.is_empty() || row["InstanceId"].as_str().is_some_and(|id| ids.contains(id));
    let rows = filtered_over(cx.rows(Table::Instances).filter(named), cx.input, FILTERS, &COMMON)?;
    let window = cx.window(rows.len());
    let account = &cx.account.id;
    let mut reservations: Vec<Value> = Vec::new();
    for row in &rows[window] {
        match reservations.last_mut().filter(|last| last["ReservationId"] == row["_reservation"]) {
            Some(last) => last["Instances"].as_array_mut().into_iter().for_each(|list| list.push(whole(row))),
            None => reservations.push(json!({
                "ReservationId": row["_reservation"], "OwnerId": account, "Groups": [], "Instances": [whole(row)],
            })),
        }
    }
    Ok(json!({ "Reservations": reservations }))
}

/// The ids that are named, each of which is there.
pub(super) fn there(cx: &Cx<'_>) -> Result<Vec<String>, Refusal> {
    let ids = cx.texts("InstanceIds");
    let is_id = |id: &&String| {
        id.strip_prefix("i-").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if let Some(id) = ids.iter().find(|id| !is_id(id)) {
        return Err(refused("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")));
    }
    match ids.iter().find(|id| cx.get(Table::Instances, id).is_none()) {
        Some(id) => Err(absent(id)),
        None => Ok(ids),
    }
}

pub(super) fn absent(id: &str) -> Refusal {
    refused("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
}

fn start(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let stopped = |id: &String| cx.get(Table::Instances, id).filter(|row| state_of(row) == "stopped");
    let mut wanted: Vec<(String, bool)> = Vec::new();
    for row in there(cx)?.iter().filter_map(stopped) {
        let name = row["InstanceType"].as_str().unwrap_or_default();
        wanted.push((name.to_owned(), row["InstanceLifecycle"] == "spot"));
    }
    for (name, spot) in &wanted {
        let same = wanted.iter().filter(|other| other.0 == *name).count() as u64;
        quota::within(cx, name, same, *spot)?;
        quota::has_capacity(cx, name, same)?;
    }
    let output =
        change(cx, &["stopped", "running", "pending"], "started", ("pending", "running"), "StartingInstances")?;
    for (name, _) in wanted {
        quota::take_capacity(cx, &name, 1);
    }
    Ok(output)
}

fn stop(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    for id in there(cx)? {
        let row = cx.get(Table::Instances, &id).unwrap_or(&Value::Null);
        if row["InstanceLifecycle"] == "spot" && row["_spot_type"] != "persistent" {
            let message = format!(
                "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. You can \
                 only stop Spot Instances associated with persistent Spot Instance requests."
            );
            return Err(refused("UnsupportedOperation", message));
        }
        if row["_disable_api_stop"] == true {
            let message = format!(
                "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
            );
            return Err(refused("OperationNotPermitted", message));
        }
    }
    let output = change(
        cx,
        &["running", "pending", "stopping", "stopped"],
        "stopped",
        ("stopping", "stopped"),
        "StoppingInstances",
    )?;
    for change in output["StoppingInstances"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|it| it["CurrentState"] != it["PreviousState"])
    {
        let reason = json!({ "Code": "Client.UserInitiatedShutdown", "Message": "Client.UserInitiatedShutdown: User initiated shutdown" });
        cx.put(Table::Instances, change["InstanceId"].as_str().unwrap_or_default(), "/StateReason", reason);
    }
    Ok(output)
}

fn terminate(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let ids = there(cx)?;
    let protected =
        |id: &&String| cx.get(Table::Instances, id).is_some_and(|row| row["_disable_api_termination"] == true);
    if let Some(id) = ids.iter().find(protected) {
        let message = format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
        );
        return Err(refused("OperationNotPermitted", message));
    }
    let any = &["running", "pending", "stopping", "stopped", "shutting-down", "terminated"];
    let output = change(cx, any, "terminated", ("shutting-down", "terminated"), "TerminatingInstances")?;
    for id in ids {
        give_back(cx, &id);
        // It is shown for an hour, as at EC2.
        cx.later(Duration::from_hours(1), Table::Instances, &id, Then::Remove);
    }
    Ok(output)
}

/// What becomes of the disks and the spot request of an instance that ends.
fn give_back(cx: &mut Cx<'_>, id: &str) {
    let Some(row) = cx.get(Table::Instances, id).cloned() else { return };
    for device in row["BlockDeviceMappings"].as_array().into_iter().flatten() {
        let volume = device["Ebs"]["VolumeId"].as_str().unwrap_or_default();
        let then = if device["Ebs"]["DeleteOnTermination"] == true {
            Then::Remove
        } else {
            Then::Set(vec![("/State", json!("available")), ("/Attachments", json!([]))])
        };
        cx.later(WHILE, Table::Volumes, volume, then);
    }
    let reason = json!({ "Code": "Client.UserInitiatedShutdown", "Message": "Client.UserInitiatedShutdown: User initiated shutdown" });
    cx.put(Table::Instances, id, "/StateReason", reason);
    cx.later(WHILE, Table::Instances, id, Then::Set(vec![("/BlockDeviceMappings", json!([]))]));
    if let Some(request) = row["SpotInstanceRequestId"].as_str() {
        cx.put(Table::SpotRequests, request, "/State", json!("closed"));
        cx.put(Table::SpotRequests, request, "/Status/Code", json!("instance-terminated-by-user"));
    }
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
    let current = |cx: &Cx<'_>, id: &str| cx.get(Table::Instances, id).map_or("", state_of).to_owned();
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
        if after != before {
            cx.put(Table::Instances, &id, "/State", state(&after));
            cx.later(WHILE, Table::Instances, &id, Then::Set(vec![("/State", state(end))]));
        }
        changes.push(json!({ "InstanceId": id, "PreviousState": state(&before), "CurrentState": state(&after) }));
    }
    Ok(Value::Object(Map::from_iter([(output.to_owned(), Value::Array(changes))])))
}

fn reboot(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    for id in there(cx)? {
        if cx.get(Table::Instances, &id).is_none_or(|row| state_of(row) != "running") {
            return Err(refused("IncorrectState", format!("The instance '{id}' is not in the 'running' state.")));
        }
    }
    Ok(json!({}))
}
