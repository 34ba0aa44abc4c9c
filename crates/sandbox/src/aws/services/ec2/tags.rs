//! Tags of EC2's resources.

use serde_json::{Value, json};

use super::{filters::filtered, refused};
use crate::aws::{
    account::{Cx, Table},
    wire::Refusal,
};

/// Beginnings of ids, what they are, and where they are kept.
const KINDS: &[(&str, &str, Table)] = &[
    ("ami-", "image", Table::Images),
    ("i-", "instance", Table::Instances),
    ("key-", "key-pair", Table::KeyPairs),
    ("sg-", "security-group", Table::SecurityGroups),
    ("snap-", "snapshot", Table::Snapshots),
    ("subnet-", "subnet", Table::Subnets),
    ("vol-", "volume", Table::Volumes),
    ("vpc-", "vpc", Table::Vpcs),
];

fn table(cx: &Cx<'_>, id: &str) -> Result<Table, Refusal> {
    let kind = KINDS.iter().find(|(prefix, _, _)| id.starts_with(prefix));
    let there = kind.filter(|(_, _, table)| cx.account.row(cx.region, *table, id).is_some());
    there.map(|(_, _, table)| *table).ok_or_else(|| refused("InvalidID", format!("The ID '{id}' is not valid")))
}

fn all_tables(cx: &Cx<'_>) -> Result<Vec<(String, Table)>, Refusal> {
    cx.texts("Resources").into_iter().map(|id| table(cx, &id).map(|table| (id, table))).collect()
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let tags = cx.input["Tags"].as_array().cloned().unwrap_or_default();
    if let Some(tag) =
        tags.iter().find(|tag| tag["Key"].as_str().is_none_or(|key| key.is_empty() || key.starts_with("aws:")))
    {
        let message = format!(
            "Tag keys starting with 'aws:' are reserved for internal use, and empty ones are none: {}",
            tag["Key"]
        );
        return Err(refused("InvalidParameterValue", message));
    }
    for (id, table) in all_tables(cx)? {
        let Some(row) = cx.row_mut(table, &id) else { continue };
        for tag in &tags {
            set(row, tag);
        }
    }
    Ok(json!({}))
}

/// Gives a row a tag, in place of another with its key.
fn set(row: &mut Value, tag: &Value) {
    if !row["Tags"].is_array() {
        row["Tags"] = json!([]);
    }
    if let Some(tags) = row["Tags"].as_array_mut() {
        tags.retain(|known| known["Key"] != tag["Key"]);
        tags.push(json!({ "Key": tag["Key"], "Value": tag["Value"].as_str().unwrap_or_default() }));
    }
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let unwanted = cx.input["Tags"].as_array().cloned();
    for (id, table) in all_tables(cx)? {
        let tags = cx.row_mut(table, &id).and_then(|row| row["Tags"].as_array_mut());
        let is_meant = |tag: &Value, meant: &Value| {
            tag["Key"] == meant["Key"] && (meant["Value"].is_null() || tag["Value"] == meant["Value"])
        };
        if let Some(tags) = tags {
            tags.retain(|tag| {
                unwanted.as_ref().is_some_and(|unwanted| !unwanted.iter().any(|meant| is_meant(tag, meant)))
            });
        }
    }
    Ok(json!({}))
}

pub(super) fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut rows = Vec::new();
    for (prefix, kind, table) in KINDS {
        for row in cx.rows(*table) {
            let members = row.as_object().into_iter().flat_map(|row| row.values());
            let Some(id) = members.filter_map(Value::as_str).find(|text| text.starts_with(prefix)) else { continue };
            for tag in row["Tags"].as_array().into_iter().flatten() {
                rows.push(json!({ "ResourceId": id, "ResourceType": kind, "Key": tag["Key"], "Value": tag["Value"] }));
            }
        }
    }
    let names = &[("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("key", "Key"), ("value", "Value")];
    Ok(json!({ "Tags": filtered(rows.iter(), cx.input, names)? }))
}
