//! Volumes: made, attached, detached, changed, deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ZONES, refused, tags};
use crate::aws::{
    account::{Cx, Then},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "AttachVolume", attach),
    ("ec2", "CreateVolume", create),
    ("ec2", "DeleteVolume", delete),
    ("ec2", "DetachVolume", detach),
    ("ec2", "ModifyVolume", modify),
];

/// What an attachment or detachment takes.
const WHILE: Duration = Duration::from_secs(5);
/// What a change of a volume takes until it is optimized, and until the next is allowed.
const OPTIMIZED: Duration = Duration::from_mins(30);
const APART: i64 = 6 * 3600;

/// Largest size in GiB, and the range of IOPS that can be chosen.
fn bounds(kind: &str) -> Option<(u64, std::ops::RangeInclusive<u64>)> {
    Some(match kind {
        "gp3" => (65_536, 3_000..=80_000),
        "io1" => (16_384, 100..=64_000),
        "io2" => (65_536, 100..=256_000),
        "gp2" | "st1" | "sc1" => (16_384, 0..=0),
        "standard" => (1_024, 0..=0),
        _ => return None,
    })
}

/// Refuses a volume that there cannot be.
pub(super) fn check(cx: &Cx<'_>, wanted: &Value) -> Result<(), Refusal> {
    let snapshot = match wanted["SnapshotId"].as_str().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let absent = || refused("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."));
            Some(cx.row(Table::Snapshots, id, absent)?)
        }
    };
    let kind = wanted["VolumeType"].as_str().unwrap_or("gp3");
    let (largest, speeds) = bounds(kind).ok_or_else(|| {
        refused("UnknownVolumeType", format!("Unsupported volume type '{kind}' for volume creation."))
    })?;
    let least = snapshot.and_then(|snapshot| snapshot["VolumeSize"].as_u64()).unwrap_or(1);
    let given = ["Size", "VolumeSize"].iter().find_map(|member| wanted[*member].as_u64());
    let Some(size) = given.or(snapshot.is_some().then_some(least)) else {
        return Err(refused("MissingParameter", "The request must contain the parameter size/snapshot"));
    };
    if size < least || size > largest {
        return Err(refused(
            "InvalidParameterValue",
            format!("Volume of {size}GiB is not from {least} to {largest} GiB"),
        ));
    }
    match wanted["Iops"].as_u64() {
        Some(_) if speeds == (0..=0) => {
            let message = format!("The parameter iops is not supported for {kind} volumes.");
            Err(refused("InvalidParameterCombination", message))
        }
        Some(iops) if !speeds.contains(&iops) => {
            let message = format!("Volume iops of {iops} is not from {} to {}.", speeds.start(), speeds.end());
            Err(refused("InvalidParameterValue", message))
        }
        None if kind.starts_with("io") => {
            Err(refused("MissingParameter", format!("The parameter iops must be specified for {kind} volumes.")))
        }
        _ => Ok(()),
    }
}

/// A volume, on its way to be available.
pub(super) fn row(cx: &mut Cx<'_>, wanted: &Value, zone: &str, tags: &Value) -> Value {
    let id = cx.account.new_id("vol");
    let snapshot = wanted["SnapshotId"].as_str().unwrap_or_default();
    let of_snapshot = cx.get(Table::Snapshots, snapshot).cloned().unwrap_or_default();
    let kind = wanted["VolumeType"].as_str().unwrap_or("gp3");
    let given = ["Size", "VolumeSize"].iter().find_map(|member| wanted[*member].as_u64());
    let size = given.or(of_snapshot["VolumeSize"].as_u64()).unwrap_or(1);
    let encrypted = wanted["Encrypted"].as_bool().unwrap_or(of_snapshot["Encrypted"] == true);
    let mut row = json!({
        "VolumeId": id, "Size": size, "VolumeType": kind, "AvailabilityZone": zone, "State": "creating", "Attachments": [],
        "CreateTime": cx.account.stamp(), "Encrypted": encrypted, "MultiAttachEnabled": false, "SnapshotId": snapshot, "Tags": tags,
    });
    if encrypted {
        let key = wanted["KmsKeyId"].as_str().unwrap_or("alias/aws/ebs");
        row["KmsKeyId"] =
            json!(if key.starts_with("arn:") { key.to_owned() } else { cx.account.arn("kms", cx.region, key) });
    }
    match kind {
        "gp3" => {
            row["Iops"] = wanted["Iops"].as_u64().unwrap_or(3_000).into();
            row["Throughput"] = wanted["Throughput"].as_u64().unwrap_or(125).into();
        }
        "gp2" => row["Iops"] = (size * 3).clamp(100, 16_000).into(),
        "io1" | "io2" => row["Iops"] = wanted["Iops"].clone(),
        _ => {}
    }
    row
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let zone = cx.name("AvailabilityZone");
    if !ZONES.iter().any(|letter| zone == format!("{}{letter}", cx.region)) {
        return Err(refused("InvalidZone.NotFound", format!("The zone '{zone}' does not exist.")));
    }
    check(cx, cx.input)?;
    let (wanted, tags) = (cx.input, tags::given(cx, "volume"));
    let row = row(cx, wanted, &zone, &tags);
    let id = row["VolumeId"].as_str().unwrap_or_default().to_owned();
    cx.insert(Table::Volumes, &id, row.clone());
    cx.later(WHILE, Table::Volumes, &id, Then::Set(vec![("/State", json!("available"))]));
    Ok(row)
}

/// The volume that is named.
pub(super) fn volume(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let id = cx.name("VolumeId");
    let absent = || refused("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."));
    let row = cx.row(Table::Volumes, &id, absent)?.clone();
    Ok((id, row))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    if row["State"] == "in-use" {
        let instance = row["Attachments"][0]["InstanceId"].as_str().unwrap_or_default();
        return Err(refused("VolumeInUse", format!("Volume {id} is currently attached to {instance}")));
    }
    cx.remove(Table::Volumes, &id);
    cx.remove(Table::VolumeModifications, &id);
    Ok(json!({}))
}

fn attach(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    let (instance, device) = (cx.name("InstanceId"), cx.name("Device"));
    let host = cx.row(Table::Instances, &instance, || super::instances::absent(&instance))?.clone();
    if row["State"] != "available" {
        let state = row["State"].as_str().unwrap_or_default();
        let code = if state == "in-use" { "VolumeInUse" } else { "IncorrectState" };
        return Err(refused(code, format!("{id} is not 'available': it is {state}.")));
    }
    if host["Placement"]["AvailabilityZone"] != row["AvailabilityZone"] {
        let message = format!("The volume '{id}' is not in the same availability zone as instance '{instance}'");
        return Err(refused("InvalidVolume.ZoneMismatch", message));
    }
    if !matches!(host["State"]["Name"].as_str(), Some("running" | "stopped")) {
        return Err(refused("IncorrectState", format!("Instance '{instance}' is not 'running'.")));
    }
    let mut devices = host["BlockDeviceMappings"].as_array().cloned().unwrap_or_default();
    if devices.iter().any(|known| known["DeviceName"] == device) {
        let message = format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(refused("InvalidParameterValue", message));
    }
    let attachment = json!({
        "VolumeId": id, "InstanceId": instance, "Device": device, "State": "attached", "AttachTime": cx.account.stamp(),
        "DeleteOnTermination": false,
    });
    cx.put(Table::Volumes, &id, "/State", json!("in-use"));
    cx.put(Table::Volumes, &id, "/Attachments", json!([attachment]));
    let ebs = json!({ "VolumeId": id, "Status": "attached", "DeleteOnTermination": false, "AttachTime": attachment["AttachTime"] });
    devices.push(json!({ "DeviceName": device, "Ebs": ebs }));
    cx.put(Table::Instances, &instance, "/BlockDeviceMappings", json!(devices));
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
    let instance = attachment["InstanceId"].as_str().unwrap_or_default().to_owned();
    let host = cx.get(Table::Instances, &instance).cloned().unwrap_or_default();
    if attachment["Device"] == "/dev/xvda" && host["State"]["Name"] == "running" {
        let message = "Unable to detach root volume from a running instance".to_owned();
        return Err(refused("OperationNotPermitted", message));
    }
    attachment["State"] = json!("detaching");
    let devices = host["BlockDeviceMappings"].as_array().into_iter().flatten();
    let rest: Vec<&Value> = devices.filter(|device| device["Ebs"]["VolumeId"] != id).collect();
    cx.put(Table::Instances, &instance, "/BlockDeviceMappings", json!(rest));
    cx.put(Table::Volumes, &id, "/Attachments", json!([attachment]));
    let free = vec![("/State", json!("available")), ("/Attachments", json!([]))];
    cx.later(WHILE, Table::Volumes, &id, Then::Set(free));
    Ok(attachment)
}

fn modify(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = volume(cx)?;
    let now = cx.account.clock.now().unix_timestamp();
    if let Some(last) = cx.get(Table::VolumeModifications, &id)
        && last["_at"].as_i64().is_some_and(|at| now - at < APART)
    {
        let message = "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per \
                       EBS volume.";
        return Err(refused("VolumeModificationRateExceeded", message));
    }
    let before = row["Size"].as_u64().unwrap_or(1);
    let member = |name: &str| if cx.input[name].is_null() { row[name].clone() } else { cx.input[name].clone() };
    let wanted_type = member("VolumeType");
    let keeps_type = wanted_type == row["VolumeType"];
    let mut wanted = json!({ "Size": member("Size"), "VolumeType": wanted_type });
    for name in ["Iops", "Throughput"] {
        let value = if keeps_type && row["VolumeType"] != "gp2" { member(name) } else { cx.input[name].clone() };
        if !value.is_null() {
            wanted[name] = value;
        }
    }
    check(cx, &wanted)?;
    if wanted["Size"].as_u64().is_some_and(|size| size < before) {
        let message = format!("New size cannot be smaller than existing size ({before} GiB)");
        return Err(refused("InvalidParameterValue", message));
    }
    let tags = row["Tags"].clone();
    let zone = row["AvailabilityZone"].as_str().unwrap_or_default().to_owned();
    let after = self::row(cx, &wanted, &zone, &tags);
    let mut change = json!({
        "VolumeId": id, "ModificationState": "modifying", "Progress": 0, "StartTime": cx.account.stamp(), "_at": now,
        "OriginalMultiAttachEnabled": false, "TargetMultiAttachEnabled": false,
    });
    for name in ["Size", "VolumeType", "Iops", "Throughput"] {
        for (end, from) in [("Original", &row), ("Target", &after)] {
            if !from[name].is_null() {
                change[format!("{end}{name}")] = from[name].clone();
            }
        }
        cx.put(Table::Volumes, &id, &format!("/{name}"), after[name].clone());
    }
    cx.insert(Table::VolumeModifications, &id, change.clone());
    let optimizing = vec![("/ModificationState", json!("optimizing")), ("/Progress", json!(1))];
    cx.later(WHILE, Table::VolumeModifications, &id, Then::Set(optimizing));
    let mut done = vec![("/ModificationState", json!("completed")), ("/Progress", json!(100))];
    done.push(("/EndTime", cx.account.in_future(OPTIMIZED)));
    cx.later(OPTIMIZED, Table::VolumeModifications, &id, Then::Set(done));
    Ok(json!({ "VolumeModification": super::nouns::shown(&change) }))
}
