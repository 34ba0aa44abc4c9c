//! Snapshots, and fast restores of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ZONES, refused, tags, volumes::volume};
use crate::aws::{
    account::{Cx, Then},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "CopySnapshot", copy),
    ("ec2", "CreateSnapshot", create),
    ("ec2", "DeleteSnapshot", delete),
    ("ec2", "DisableFastSnapshotRestores", disable),
    ("ec2", "EnableFastSnapshotRestores", enable),
];

/// What a snapshot takes.
const WHILE: Duration = Duration::from_mins(2);

/// Keeps a snapshot that is complete after a while.
pub(super) fn keep(cx: &mut Cx<'_>, mut row: Value) -> String {
    let id = cx.account.new_id("snap");
    row["SnapshotId"] = json!(id);
    row["State"] = json!("pending");
    row["Progress"] = json!("0%");
    row["StartTime"] = cx.account.stamp();
    row["OwnerId"] = json!(cx.account.id);
    row["StorageTier"] = json!("standard");
    cx.insert(Table::Snapshots, &id, row);
    let half = vec![("/Progress", json!("52%"))];
    cx.later(WHILE / 2, Table::Snapshots, &id, Then::Set(half));
    let end = cx.account.in_future(WHILE);
    let done = vec![("/State", json!("completed")), ("/Progress", json!("100%")), ("/CompletionTime", end)];
    cx.later(WHILE, Table::Snapshots, &id, Then::Set(done));
    id
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (volume, from) = volume(cx)?;
    let row = json!({
        "VolumeId": volume, "VolumeSize": from["Size"], "Encrypted": from["Encrypted"], "Tags": tags::given(cx, "snapshot"),
        "Description": cx.text("Description").unwrap_or_default(),
    });
    let id = keep(cx, row);
    let mut made = cx.get(Table::Snapshots, &id).cloned().unwrap_or_default();
    made.as_object_mut().map(|made| made.shift_remove("StorageTier"));
    Ok(made)
}

fn absent(id: &str) -> Refusal {
    refused("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("SnapshotId");
    cx.row(Table::Snapshots, &id, || absent(&id))?;
    let holds = |row: &&Value| {
        let devices = row["BlockDeviceMappings"].as_array().into_iter().flatten();
        devices.into_iter().any(|device| device["Ebs"]["SnapshotId"] == id)
    };
    if let Some(image) = cx.rows(Table::Images).find(holds) {
        let image = image["ImageId"].as_str().unwrap_or_default();
        return Err(refused("InvalidSnapshot.InUse", format!("The snapshot {id} is currently in use by {image}")));
    }
    cx.remove(Table::Snapshots, &id);
    Ok(json!({}))
}

fn copy(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, region) = (cx.name("SourceSnapshotId"), cx.name("SourceRegion"));
    if !cx.account.regions.contains(&region) {
        return Err(refused("InvalidParameterValue", format!("Invalid region: {region}")));
    }
    let from = cx.account.row(&region, Table::Snapshots, &id).cloned().ok_or_else(|| absent(&id))?;
    if from["State"] != "completed" {
        return Err(refused("IncorrectState", format!("The snapshot {id} is not complete.")));
    }
    let mut tags = tags::given(cx, "snapshot");
    if tags.as_array().is_some_and(Vec::is_empty) {
        tags = json!([]);
    }
    let row = json!({
        "VolumeId": "vol-ffffffff", "VolumeSize": from["VolumeSize"], "Tags": tags.clone(),
        "Encrypted": cx.is("Encrypted") || from["Encrypted"] == true,
        "Description": cx.text("Description").unwrap_or_default(),
    });
    Ok(json!({ "SnapshotId": keep(cx, row), "Tags": tags }))
}

/// Snapshots and zones that are named, each of which is there.
fn pairs(cx: &Cx<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let zones = cx.texts("AvailabilityZones");
    if let Some(zone) = zones.iter().find(|zone| !ZONES.iter().any(|letter| **zone == format!("{}{letter}", cx.region)))
    {
        return Err(refused("InvalidParameterValue", format!("Invalid availability zone: [{zone}]")));
    }
    let mut pairs = Vec::new();
    for id in cx.texts("SourceSnapshotIds") {
        cx.row(Table::Snapshots, &id, || absent(&id))?;
        pairs.extend(zones.iter().map(|zone| (id.clone(), zone.clone())));
    }
    Ok(pairs)
}

fn enable(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut rows = Vec::new();
    for (snapshot, zone) in pairs(cx)? {
        let id = format!("{snapshot}/{zone}");
        let stamp = cx.account.stamp();
        let row = json!({
            "SnapshotId": snapshot, "AvailabilityZone": zone, "State": "enabling", "OwnerId": cx.account.id,
            "StateTransitionReason": "Client.UserInitiated", "EnablingTime": stamp,
        });
        cx.insert(Table::FastSnapshotRestores, &id, row.clone());
        let set = |state: &str| Then::Set(vec![("/State", json!(state))]);
        cx.later(WHILE / 2, Table::FastSnapshotRestores, &id, set("optimizing"));
        cx.later(WHILE * 2, Table::FastSnapshotRestores, &id, set("enabled"));
        rows.push(row);
    }
    Ok(json!({ "Successful": rows, "Unsuccessful": [] }))
}

fn disable(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (snapshot, zone) in pairs(cx)? {
        let id = format!("{snapshot}/{zone}");
        let Some(row) = cx.row_mut(Table::FastSnapshotRestores, &id) else {
            let error = json!({ "Code": "InvalidFastSnapshotRestoreState", "Message": "Fast snapshot restore is not enabled." });
            let errors = json!([{ "AvailabilityZone": zone, "Error": error }]);
            failed.push(json!({ "SnapshotId": snapshot, "FastSnapshotRestoreStateErrors": errors }));
            continue;
        };
        row["State"] = json!("disabling");
        rows.push(row.clone());
        cx.later(WHILE / 2, Table::FastSnapshotRestores, &id, Then::Remove);
    }
    Ok(json!({ "Successful": rows, "Unsuccessful": failed }))
}
