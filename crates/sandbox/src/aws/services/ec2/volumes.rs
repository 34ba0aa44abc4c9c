//! Volumes: described, made, attached, detached, deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Noun, ZONES, listed, refused};
use crate::aws::{
    account::{Cx, Table, Then},
    services::Operations,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "AttachVolume", attach),
    ("ec2", "CreateVolume", create),
    ("ec2", "DeleteVolume", delete),
    ("ec2", "DescribeVolumes", describe),
    ("ec2", "DetachVolume", detach),
];

/// What an attachment or detachment takes.
const WHILE: Duration = Duration::from_secs(5);

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    listed(
        cx,
        &Noun {
            table: Table::Volumes,
            ids: ("VolumeIds", "VolumeId"),
            absent: ("InvalidVolume.NotFound", "volume"),
            output: "Volumes",
            filters: &[
                ("volume-id", "VolumeId"),
                ("volume-type", "VolumeType"),
                ("status", "State"),
                ("size", "Size"),
                ("availability-zone", "AvailabilityZone"),
                ("encrypted", "Encrypted"),
                ("snapshot-id", "SnapshotId"),
                ("attachment.instance-id", "Attachments.*.InstanceId"),
                ("attachment.status", "Attachments.*.State"),
                ("attachment.device", "Attachments.*.Device"),
            ],
        },
    )
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let zone = cx.text("AvailabilityZone").unwrap_or_default().to_owned();
    if !ZONES.iter().any(|letter| zone == format!("{}{letter}", cx.region)) {
        return Err(refused("InvalidZone.NotFound", format!("The zone '{zone}' does not exist.")));
    }
    let snapshot = match cx.text("SnapshotId") {
        None => None,
        Some(id) => {
            let absent = || refused("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."));
            Some(cx.row(Table::Snapshots, id, absent)?.clone())
        }
    };
    let least = snapshot.as_ref().and_then(|snapshot| snapshot["VolumeSize"].as_u64()).unwrap_or(1);
    let Some(size) = cx.input["Size"].as_u64().or(snapshot.is_some().then_some(least)) else {
        return Err(refused("MissingParameter", "The request must contain the parameter size or snapshotId"));
    };
    if size < least || size > 65_536 {
        return Err(refused("InvalidParameterValue", format!("The size {size} GiB is not from {least} to 65536.")));
    }
    let id = cx.account.new_id("vol");
    let given = cx.input["TagSpecifications"].as_array().into_iter().flatten();
    let tags = given.filter(|tags| tags["ResourceType"] == "volume").find_map(|tags| tags["Tags"].as_array().cloned());
    let kind = cx.text("VolumeType").unwrap_or("gp3");
    let mut row = json!({
        "VolumeId": id, "Size": size, "VolumeType": kind, "AvailabilityZone": zone, "State": "creating", "Attachments": [],
        "CreateTime": cx.account.stamp(), "Encrypted": cx.input["Encrypted"].as_bool().unwrap_or(false),
        "MultiAttachEnabled": false, "SnapshotId": cx.text("SnapshotId").unwrap_or_default(), "Tags": tags.unwrap_or_default(),
    });
    if kind == "gp3" {
        row["Iops"] = cx.input["Iops"].as_u64().unwrap_or(3_000).into();
        row["Throughput"] = cx.input["Throughput"].as_u64().unwrap_or(125).into();
    }
    cx.insert(Table::Volumes, &id, row.clone());
    cx.later(WHILE, Table::Volumes, &id, Then::Set(vec![("/State", json!("available"))]));
    Ok(row)
}

/// The volume that is named.
fn volume(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let id = cx.text("VolumeId").unwrap_or_default();
    let absent = || refused("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."));
    Ok((id.to_owned(), cx.row(Table::Volumes, id, absent)?.clone()))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    if row["State"] == "in-use" {
        let instance = row["Attachments"][0]["InstanceId"].as_str().unwrap_or_default();
        return Err(refused("VolumeInUse", format!("Volume {id} is currently attached to {instance}")));
    }
    cx.account.remove(cx.region, Table::Volumes, &id);
    Ok(json!({}))
}

fn attach(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    let instance = cx.text("InstanceId").unwrap_or_default().to_owned();
    let device = cx.text("Device").unwrap_or_default().to_owned();
    let absent = || refused("InvalidInstanceID.NotFound", format!("The instance ID '{instance}' does not exist"));
    let host = cx.row(Table::Instances, &instance, absent)?.clone();
    if row["State"] != "available" {
        let state = row["State"].as_str().unwrap_or_default();
        return Err(refused("IncorrectState", format!("{id} is not 'available': it is {state}.")));
    }
    if host["Placement"]["AvailabilityZone"] != row["AvailabilityZone"] {
        let message = format!("The volume '{id}' is not in the same availability zone as instance '{instance}'");
        return Err(refused("InvalidVolume.ZoneMismatch", message));
    }
    if !matches!(host["State"]["Name"].as_str(), Some("running" | "stopped")) {
        return Err(refused("IncorrectState", format!("Instance '{instance}' is not 'running'.")));
    }
    let devices = host["BlockDeviceMappings"].as_array().cloned().unwrap_or_default();
    if devices.iter().any(|known| known["DeviceName"] == device) {
        return Err(refused("InvalidParameterValue", format!("{device} is already in use")));
    }
    let attachment = json!({
        "VolumeId": id, "InstanceId": instance, "Device": device, "State": "attached", "AttachTime": cx.account.stamp(),
        "DeleteOnTermination": false,
    });
    if let Some(row) = cx.row_mut(Table::Volumes, &id) {
        row["State"] = json!("in-use");
        row["Attachments"] = json!([attachment]);
    }
    if let Some(devices) =
        cx.row_mut(Table::Instances, &instance).and_then(|host| host["BlockDeviceMappings"].as_array_mut())
    {
        let ebs = json!({ "VolumeId": id, "Status": "attached", "DeleteOnTermination": false, "AttachTime": attachment["AttachTime"] });
        devices.push(json!({ "DeviceName": device, "Ebs": ebs }));
    }
    Ok(attachment)
}

fn detach(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    let Some(mut attachment) = row["Attachments"].get(0).cloned() else {
        return Err(refused("IncorrectState", format!("Volume '{id}' is in the 'available' state.")));
    };
    if cx.text("InstanceId").is_some_and(|instance| attachment["InstanceId"] != instance) {
        return Err(refused("InvalidAttachment.NotFound", format!("Volume '{id}' is not attached to that instance")));
    }
    attachment["State"] = json!("detaching");
    let instance = attachment["InstanceId"].as_str().unwrap_or_default().to_owned();
    if let Some(devices) =
        cx.row_mut(Table::Instances, &instance).and_then(|host| host["BlockDeviceMappings"].as_array_mut())
    {
        devices.retain(|device| device["Ebs"]["VolumeId"] != id);
    }
    if let Some(row) = cx.row_mut(Table::Volumes, &id) {
        row["Attachments"] = json!([attachment]);
    }
    let free = vec![("/State", json!("available")), ("/Attachments", json!([]))];
    cx.later(WHILE, Table::Volumes, &id, Then::Set(free));
    Ok(attachment)
}
