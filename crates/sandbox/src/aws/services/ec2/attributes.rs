//! What of an instance can be asked for and changed one by one: attributes, health, metadata service, monitoring, console.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{
    filters::filtered,
    instances::{absent, state_of, there, whole},
    launch::named_groups,
    refused, types,
};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "DescribeInstanceAttribute", describe),
    ("ec2", "DescribeInstanceStatus", status),
    ("ec2", "GetConsoleOutput", console),
    ("ec2", "ModifyInstanceAttribute", modify),
    ("ec2", "ModifyInstanceMetadataOptions", metadata),
    ("ec2", "MonitorInstances", monitor),
    ("ec2", "UnmonitorInstances", unmonitor),
];

/// The instance that is named, by its id.
fn instance<'c>(cx: &'c Cx<'_>) -> Result<(String, &'c Value), Refusal> {
    let id = cx.name("InstanceId");
    let row = cx.row(Table::Instances, &id, || absent(&id))?;
    Ok((id, row))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = instance(cx)?;
    let row = whole(row).as_object().cloned().unwrap_or_default();
    let kept = cx.get(Table::Instances, &id).unwrap_or(&Value::Null);
    let flag = |name: &str| kept[name].as_bool().unwrap_or(false);
    let (name, value) = match cx.text("Attribute").unwrap_or_default() {
        "userData" => (
            "UserData",
            if kept["_user_data"].is_string() { json!({ "Value": kept["_user_data"] }) } else { json!({}) },
        ),
        "instanceType" => ("InstanceType", json!({ "Value": row["InstanceType"] })),
        "disableApiTermination" => ("DisableApiTermination", json!({ "Value": flag("_disable_api_termination") })),
        "disableApiStop" => ("DisableApiStop", json!({ "Value": flag("_disable_api_stop") })),
        "instanceInitiatedShutdownBehavior" => {
            let value = kept["_shutdown_behavior"].as_str().unwrap_or("stop");
            ("InstanceInitiatedShutdownBehavior", json!({ "Value": value }))
        }
        "rootDeviceName" => ("RootDeviceName", json!({ "Value": row["RootDeviceName"] })),
        "ebsOptimized" => ("EbsOptimized", json!({ "Value": row["EbsOptimized"] })),
        "sourceDestCheck" => ("SourceDestCheck", json!({ "Value": row["SourceDestCheck"] })),
        "groupSet" => ("Groups", row["SecurityGroups"].clone()),
        "blockDeviceMapping" => ("BlockDeviceMappings", row["BlockDeviceMappings"].clone()),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(refused("InvalidParameterValue", message));
        }
    };
    Ok(json!({ "InstanceId": id, name: value }))
}

fn modify(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = instance(cx)?;
    let (state, vpc) = (state_of(row).to_owned(), row["VpcId"].clone());
    let mut changes = Map::new();
    for (member, kept) in [
        ("DisableApiTermination", "_disable_api_termination"),
        ("DisableApiStop", "_disable_api_stop"),
        ("InstanceInitiatedShutdownBehavior", "_shutdown_behavior"),
        ("SourceDestCheck", "SourceDestCheck"),
        ("EbsOptimized", "EbsOptimized"),
        ("InstanceType", "InstanceType"),
        ("UserData", "_user_data"),
    ] {
        if let Some(value) = cx.input[member].get("Value") {
            changes.insert(kept.to_owned(), value.clone());
        }
    }
    for member in ["InstanceType", "_user_data", "EbsOptimized"] {
        if changes.contains_key(member) && state != "stopped" {
            let message = format!("The instance '{id}' is not in the 'stopped' state.");
            return Err(refused("IncorrectInstanceState", message));
        }
    }
    if let Some(name) = changes.get("InstanceType").and_then(Value::as_str) {
        types::find(name).map_err(|_| {
            refused("InvalidInstanceAttributeValue", format!("Invalid value '{name}' for InstanceType."))
        })?;
    }
    let groups = cx.texts("Groups");
    if !groups.is_empty() {
        changes.insert("SecurityGroups".to_owned(), named_groups(cx, &groups, &vpc)?);
    }
    if changes.is_empty() {
        return Err(refused("InvalidParameterCombination", "No attributes specified."));
    }
    for (member, value) in changes {
        cx.put(Table::Instances, &id, &format!("/{member}"), value);
    }
    Ok(json!({}))
}

fn metadata(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = instance(cx)?;
    let mut options = whole(row)["MetadataOptions"].clone();
    for member in ["HttpTokens", "HttpEndpoint", "HttpPutResponseHopLimit", "HttpProtocolIpv6", "InstanceMetadataTags"]
    {
        if !cx.input[member].is_null() {
            options[member] = cx.input[member].clone();
        }
    }
    cx.put(Table::Instances, &id, "/MetadataOptions", options.clone());
    // The change is under way when it is answered.
    options["State"] = json!("pending");
    Ok(json!({ "InstanceId": id, "InstanceMetadataOptions": options }))
}

fn monitor(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    monitored(cx, "enabled", "pending")
}

fn unmonitor(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    monitored(cx, "disabled", "disabling")
}

fn monitored(cx: &mut Cx<'_>, end: &str, way: &str) -> Result<Value, Refusal> {
    let ids = there(cx)?;
    for id in &ids {
        cx.put(Table::Instances, id, "/Monitoring", json!({ "State": end }));
    }
    let rows: Vec<Value> = ids.iter().map(|id| json!({ "InstanceId": id, "Monitoring": { "State": way } })).collect();
    Ok(json!({ "InstanceMonitorings": rows }))
}

/// Health of instances: `ok` while they run, unless `_status` of a row says otherwise; `_events` are planned for it.
fn status(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let ids = there(cx)?;
    let all = cx.is("IncludeAllInstances");
    let meant = |row: &&Value| {
        (ids.is_empty() || ids.iter().any(|id| row["InstanceId"] == **id)) && (all || state_of(row) == "running")
    };
    let rows: Vec<Value> = cx.rows(Table::Instances).filter(meant).map(health).collect();
    let names = &[
        ("instance-state-name", "InstanceState.Name"),
        ("instance-status.status", "InstanceStatus.Status"),
        ("system-status.status", "SystemStatus.Status"),
        ("availability-zone", "AvailabilityZone"),
        ("event.code", "Events.*.Code"),
    ];
    let rows = filtered(&rows, cx.input, names)?;
    let window = cx.window(rows.len());
    Ok(json!({ "InstanceStatuses": &rows[window] }))
}

fn health(row: &Value) -> Value {
    let word = match (state_of(row), row["_status"].as_str()) {
        ("running", Some(word)) => word,
        ("running", None) => "ok",
        _ => "not-applicable",
    };
    let reachable = match word {
        "ok" => "passed",
        "impaired" => "failed",
        other => other,
    };
    let check = if word == "not-applicable" {
        json!({ "Status": word })
    } else {
        json!({ "Status": word, "Details": [{ "Name": "reachability", "Status": reachable }] })
    };
    let system = if row["_status"] == "impaired" && row["_fault"] == "instance" {
        json!({ "Status": "ok", "Details": [{ "Name": "reachability", "Status": "passed" }] })
    } else {
        check.clone()
    };
    json!({
        "InstanceId": row["InstanceId"], "InstanceState": row["State"], "AvailabilityZone": row["Placement"]["AvailabilityZone"],
        "InstanceStatus": check, "SystemStatus": system, "Events": row["_events"].as_array().cloned().unwrap_or_default(),
    })
}

fn console(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = instance(cx)?;
    let text = row["_console"].as_str().map_or_else(|| boot(&id, row), str::to_owned);
    Ok(json!({ "InstanceId": id, "Timestamp": row["LaunchTime"], "Output": BASE64_STANDARD.encode(text) }))
}

/// What a machine of this kind says when it starts.
fn boot(id: &str, row: &Value) -> String {
    let kind = row["InstanceType"].as_str().unwrap_or_default();
    let mut lines = vec![
        "[    0.000000] Linux version 6.12.40-63.114.amzn2023.x86_64".to_owned(),
        format!("[    0.000000] DMI: Amazon EC2 {kind}/, BIOS 1.0 10/16/2017"),
        "[    2.114310] EXT4-fs (nvme0n1p1): mounted filesystem".to_owned(),
    ];
    if let Some((maker, name, count, memory)) = types::find(kind).ok().and_then(|known| known.gpus) {
        lines.extend((0..count).map(|card| format!("[    9.{card:06}] {maker}: {name} {memory} GiB is device {card}")));
    }
    lines.push(format!("cloud-init: instance {id} is up"));
    lines.join("\r\n") + "\r\n"
}
