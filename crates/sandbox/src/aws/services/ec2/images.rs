//! Images: made of instances, copied, taken away.

use std::time::Duration;

use serde_json::{Value, json};

use super::{refused, snapshots, tags};
use crate::aws::{
    account::{Cx, Then},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations =
    &[("ec2", "CopyImage", copy), ("ec2", "CreateImage", create), ("ec2", "DeregisterImage", deregister)];

/// What an image takes.
const WHILE: Duration = Duration::from_mins(3);

fn named(cx: &Cx<'_>, name: &str) -> Result<(), Refusal> {
    let own = cx.account.id.as_str();
    match cx.rows(Table::Images).find(|row| row["Name"] == name && row["OwnerId"] == own) {
        Some(row) => {
            let message =
                format!("AMI name {name} is already in use by AMI {}", row["ImageId"].as_str().unwrap_or_default());
            Err(refused("InvalidAMIName.Duplicate", message))
        }
        None => Ok(()),
    }
}

/// Keeps an image that is available after a while.
fn keep(cx: &mut Cx<'_>, name: &str, from: &Value, devices: &Value) -> Value {
    let id = cx.account.new_id("ami");
    let location = format!("{}/{name}", cx.account.id);
    let row = json!({
        "ImageId": id, "Name": name, "Description": cx.text("Description").unwrap_or_default(), "State": "pending",
        "OwnerId": cx.account.id, "Public": false, "Architecture": from["Architecture"].as_str().unwrap_or("x86_64"),
        "ImageType": "machine", "RootDeviceName": from["RootDeviceName"].as_str().unwrap_or("/dev/xvda"), "RootDeviceType": "ebs",
        "VirtualizationType": "hvm", "Hypervisor": "xen", "EnaSupport": true, "PlatformDetails": "Linux/UNIX",
        "CreationDate": cx.account.stamp(), "BlockDeviceMappings": devices, "Tags": tags::given(cx, "image"), "ImageLocation": location,
    });
    cx.insert(Table::Images, &id, row);
    cx.later(WHILE, Table::Images, &id, Then::Set(vec![("/State", json!("available"))]));
    json!({ "ImageId": id })
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (instance, name) = (cx.name("InstanceId"), cx.name("Name"));
    let from = cx.row(Table::Instances, &instance, || super::instances::absent(&instance))?.clone();
    if !matches!(super::instances::state_of(&from), "running" | "stopped") {
        return Err(refused("IncorrectState", format!("Instance '{instance}' is not 'running' or 'stopped'.")));
    }
    named(cx, &name)?;
    let mut devices = Vec::new();
    for device in from["BlockDeviceMappings"].as_array().cloned().unwrap_or_default() {
        let volume = device["Ebs"]["VolumeId"].as_str().unwrap_or_default().to_owned();
        let of_volume = cx.get(Table::Volumes, &volume).cloned().unwrap_or_default();
        let row = json!({
            "VolumeId": volume, "VolumeSize": of_volume["Size"], "Encrypted": of_volume["Encrypted"], "Tags": tags::given(cx, "snapshot"),
            "Description": format!("Created by CreateImage({instance})"),
        });
        let snapshot = snapshots::keep(cx, row);
        let ebs = json!({
            "SnapshotId": snapshot, "VolumeSize": of_volume["Size"], "VolumeType": of_volume["VolumeType"],
            "Encrypted": of_volume["Encrypted"], "DeleteOnTermination": device["Ebs"]["DeleteOnTermination"],
        });
        devices.push(json!({ "DeviceName": device["DeviceName"], "Ebs": ebs }));
    }
    Ok(keep(cx, &name, &from, &json!(devices)))
}

fn absent(id: &str) -> Refusal {
    refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
}

fn copy(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, region, name) = (cx.name("SourceImageId"), cx.name("SourceRegion"), cx.name("Name"));
    if !cx.account.regions.contains(&region) {
        return Err(refused("InvalidParameterValue", format!("Invalid region: {region}")));
    }
    let from = cx.account.row(&region, Table::Images, &id).cloned().ok_or_else(|| absent(&id))?;
    named(cx, &name)?;
    let mut devices = from["BlockDeviceMappings"].clone();
    for device in devices.as_array_mut().into_iter().flatten().filter(|device| device["Ebs"].is_object()) {
        let encrypted = cx.is("Encrypted") || device["Ebs"]["Encrypted"] == true;
        let row = json!({
            "VolumeId": "vol-ffffffff", "VolumeSize": device["Ebs"]["VolumeSize"], "Encrypted": encrypted, "Tags": [],
            "Description": format!("Copied for {name} from {id} in {region}"),
        });
        device["Ebs"]["SnapshotId"] = json!(snapshots::keep(cx, row));
        device["Ebs"]["Encrypted"] = json!(encrypted);
    }
    Ok(keep(cx, &name, &from, &devices))
}

fn deregister(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("ImageId");
    let row = cx.row(Table::Images, &id, || absent(&id))?.clone();
    if row["OwnerId"] != cx.account.id {
        return Err(refused("AuthFailure", "Not authorized for images of others"));
    }
    cx.remove(Table::Images, &id);
    let mut results = Vec::new();
    for device in
        row["BlockDeviceMappings"].as_array().into_iter().flatten().filter(|_| cx.is("DeleteAssociatedSnapshots"))
    {
        if let Some(snapshot) = device["Ebs"]["SnapshotId"].as_str() {
            results.push((snapshot.to_owned(), json!({ "SnapshotId": snapshot, "ReturnCode": "success" })));
        }
    }
    let mut output = json!({ "Return": true });
    for (snapshot, _) in &results {
        cx.remove(Table::Snapshots, snapshot);
    }
    if cx.is("DeleteAssociatedSnapshots") {
        output["DeleteSnapshotResults"] = results.into_iter().map(|(_, result)| result).collect();
    }
    Ok(output)
}
