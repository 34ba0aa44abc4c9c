//! Tags of EC2's resources.

use serde_json::{Value, json};

use super::{filters::like, nouns::NOUNS, refused};
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

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A tag of a resource, where it lies: there may be some hundred thousand, of which a page shows a thousand.
struct Tag<'r> {
    resource: &'r str,
    kind: &'static str,
    key: &'r str,
    value: &'r str,
}

/// What tags are chosen by.
enum Chosen<'i> {
    Resource,
    Kind,
    Key,
    Value,
    /// The value of the tag with this key.
    ValueOf(&'i str),
}

impl<'i> Chosen<'i> {
    fn named(name: &'i str) -> Result<Self, Refusal> {
        match (name, name.strip_prefix("tag:")) {
            ("resource-id", _) => Ok(Self::Resource),
            ("resource-type", _) => Ok(Self::Kind),
            ("key", _) => Ok(Self::Key),
            ("value", _) => Ok(Self::Value),
            (_, Some(key)) => Ok(Self::ValueOf(key)),
            _ => Err(refused("InvalidParameterValue", format!("The filter '{name}' is invalid"))),
        }
    }

    fn of<'t>(&self, tag: &'t Tag<'_>) -> Option<&'t str> {
        match self {
            Self::Resource => Some(tag.resource),
            Self::Kind => Some(tag.kind),
            Self::Key => Some(tag.key),
            Self::Value => Some(tag.value),
            Self::ValueOf(key) => (tag.key == *key).then_some(tag.value),
        }
    }
}

pub(super) fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let mut filters = Vec::new();
    for filter in cx.input["Filters"].as_array().into_iter().flatten() {
        let values: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        filters.push((Chosen::named(filter["Name"].as_str().unwrap_or_default())?, values));
    }
    let passes = |tag: &Tag<'_>| {
        filters
            .iter()
            .all(|(chosen, wanted)| chosen.of(tag).is_some_and(|found| wanted.iter().any(|wanted| like(wanted, found))))
    };
    let mut tags = Vec::new();
    for (id, kind, table) in all() {
        for row in cx.rows(table) {
            let own = row["Tags"].as_array().into_iter().flatten();
            let own = own.map(|tag| Tag {
                resource: text(&row[id]),
                kind,
                key: text(&tag["Key"]),
                value: text(&tag["Value"]),
            });
            tags.extend(own.filter(passes));
        }
    }
    let shown = |tag: &Tag<'_>| json!({ "ResourceId": tag.resource, "ResourceType": tag.kind, "Key": tag.key, "Value": tag.value });
    let page: Vec<Value> = tags[cx.window(tags.len())].iter().map(shown).collect();
    Ok(json!({ "Tags": page }))
}

/// The tags that a call gives to what it makes.
pub(super) fn given(cx: &Cx<'_>, kind: &str) -> Value {
    let of_kind = |tags: &&Value| tags["ResourceType"] == kind;
    let given = cx.input["TagSpecifications"].as_array().into_iter().flatten().find(of_kind);
    let tags = given.and_then(|tags| tags["Tags"].as_array()).into_iter().flatten();
    let tag = |tag: &Value| json!({ "Key": tag["Key"], "Value": tag["Value"].as_str().unwrap_or_default() });
    tags.map(tag).collect()
}
