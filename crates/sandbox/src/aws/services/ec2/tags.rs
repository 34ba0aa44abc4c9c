//! Tags of EC2's resources.

use serde_json::{Value, json};

use super::{filters::filtered, nouns::NOUNS, refused};
use crate::aws::{account::Cx, table::Table, wire::Refusal};

/// Where a resource is kept.
fn table(cx: &Cx<'_>, id: &str) -> Result<Table, Refusal> {
    let holds = |table: &Table| cx.get(*table, id).is_some();
    let mut tables = all().map(|(_, _, table)| table);
    tables.find(holds).ok_or_else(|| refused("InvalidID", format!("The ID '{id}' is not valid")))
}

/// What can be tagged: the member that is its id, what tags call it, where it is kept.
fn all() -> impl Iterator<Item = (&'static str, &'static str, Table)> {
    let instances = ("InstanceId", "instance", Table::Instances);
    let nouns = NOUNS.iter().filter(|noun| !noun.kind.is_empty());
    [instances].into_iter().chain(nouns.filter_map(|noun| Some((noun.id(), noun.kind, noun.table()?))))
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
    for (id, kind, table) in all() {
        for row in cx.rows(table) {
            for tag in row["Tags"].as_array().into_iter().flatten() {
                let row = json!({
                    "ResourceId": row[id], "ResourceType": kind, "Key": tag["Key"], "Value": tag["Value"],
                });
                rows.push(row);
            }
        }
    }
    let names = &[("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("key", "Key"), ("value", "Value")];
    let rows = filtered(&rows, cx.input, names)?;
    let window = cx.window(rows.len());
    Ok(json!({ "Tags": &rows[window] }))
}

/// The tags that a call gives to what it makes.
pub(super) fn given(cx: &Cx<'_>, kind: &str) -> Value {
    let of_kind = |tags: &&Value| tags["ResourceType"] == kind;
    let given = cx.input["TagSpecifications"].as_array().into_iter().flatten().find(of_kind);
    let tags = given.and_then(|tags| tags["Tags"].as_array()).into_iter().flatten();
    let tag = |tag: &Value| json!({ "Key": tag["Key"], "Value": tag["Value"].as_str().unwrap_or_default() });
    tags.map(tag).collect()
}
