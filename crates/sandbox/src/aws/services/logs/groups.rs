//! Groups and streams.

use serde_json::{Value, json};

use super::{absent, bare, group, invalid, new_group, new_stream, streams, text};
use crate::aws::{
    account::Cx,
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("logs", "CreateLogGroup", create),
    ("logs", "CreateLogStream", create_stream),
    ("logs", "DeleteLogGroup", delete),
    ("logs", "DeleteLogStream", delete_stream),
    ("logs", "DeleteRetentionPolicy", keep_for_ever),
    ("logs", "DescribeLogGroups", describe),
    ("logs", "DescribeLogStreams", describe_streams),
    ("logs", "ListTagsForResource", tags),
    ("logs", "ListTagsLogGroup", tags),
    ("logs", "PutRetentionPolicy", keep),
    ("logs", "TagLogGroup", tag),
    ("logs", "TagResource", tag),
    ("logs", "UntagLogGroup", untag),
    ("logs", "UntagResource", untag),
];

/// Days that events can be kept.
const DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557, 2_922, 3_288, 3_653];

fn twice(what: &str) -> Refusal {
    Refusal::new(400, "ResourceAlreadyExistsException", format!("The specified {what} already exists"))
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("logGroupName");
    if cx.get(Table::LogGroups, &name).is_some() {
        return Err(twice("log group"));
    }
    new_group(cx.account, cx.region, &name);
    if let Some(class) = cx.text("logGroupClass") {
        cx.put(Table::LogGroups, &name, "/logGroupClass", class.into());
    }
    if cx.input["tags"].is_object() {
        cx.put(Table::LogGroups, &name, "/_tags", cx.input["tags"].clone());
    }
    Ok(json!({}))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = group(cx)?;
    let ids: Vec<String> = streams(cx, &name).map(|row| format!("{name}/{}", text(row, "logStreamName"))).collect();
    for id in ids {
        cx.remove(Table::LogStreams, &id);
    }
    cx.remove(Table::LogGroups, &name);
    Ok(json!({}))
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (prefix, pattern) = (cx.text("logGroupNamePrefix"), cx.text("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let pattern = pattern.map(str::to_lowercase);
    let fits = |row: &&Value| {
        let name = text(row, "logGroupName");
        prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.as_ref().is_none_or(|pattern| name.to_lowercase().contains(pattern))
    };
    let mut rows: Vec<Value> = cx.rows(Table::LogGroups).filter(fits).map(shown).collect();
    for row in &mut rows {
        let bytes = |stream: &Value| -> u64 {
            let events = stream["_events"].as_array().into_iter().flatten();
            // What CloudWatch counts: the text, and 26 bytes around it.
            events.map(|event| text(event, "message").len() as u64 + 26).sum()
        };
        row["storedBytes"] = streams(cx, text(row, "logGroupName")).map(bytes).sum::<u64>().into();
    }
    rows.sort_by(|one, other| text(one, "logGroupName").cmp(text(other, "logGroupName")));
    Ok(json!({ "logGroups": rows }))
}

fn keep(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = group(cx)?;
    let days = cx.input["retentionInDays"].as_i64().unwrap_or_default();
    if !DAYS.contains(&days) {
        let known: Vec<String> = DAYS.iter().map(i64::to_string).collect();
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy \
             enum value set: [{}]",
            known.join(", ")
        )));
    }
    cx.put(Table::LogGroups, &name, "/retentionInDays", days.into());
    Ok(json!({}))
}

fn keep_for_ever(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = group(cx)?;
    if let Some(Value::Object(row)) = cx.row_mut(Table::LogGroups, &name) {
        row.shift_remove("retentionInDays");
    }
    Ok(json!({}))
}

fn create_stream(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (group, name) = (group(cx)?, cx.name("logStreamName"));
    if name.is_empty() || name.contains([':', '*']) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^:*]*"
        )));
    }
    if cx.get(Table::LogStreams, &format!("{group}/{name}")).is_some() {
        return Err(twice("log stream"));
    }
    new_stream(cx.account, cx.region, &group, &name);
    Ok(json!({}))
}

fn delete_stream(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (group, name) = (group(cx)?, cx.name("logStreamName"));
    cx.remove(Table::LogStreams, &format!("{group}/{name}")).ok_or_else(|| absent("log stream"))?;
    Ok(json!({}))
}

fn describe_streams(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let group = group(cx)?;
    let (prefix, by_time) = (cx.text("logStreamNamePrefix"), cx.text("orderBy") == Some("LastEventTime"));
    if prefix.is_some() && by_time {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let fits = |row: &&Value| prefix.is_none_or(|prefix| text(row, "logStreamName").starts_with(prefix));
    let mut rows: Vec<Value> = streams(cx, &group).filter(fits).map(shown).collect();
    if by_time {
        rows.sort_by_key(|row| row["lastEventTimestamp"].as_i64().unwrap_or_default());
    } else {
        rows.sort_by(|one, other| text(one, "logStreamName").cmp(text(other, "logStreamName")));
    }
    if cx.is("descending") {
        rows.reverse();
    }
    Ok(json!({ "logStreams": rows }))
}

/// The group whose tags are meant, by its name or its ARN.
fn tagged(cx: &Cx<'_>) -> Result<String, Refusal> {
    let Some(arn) = cx.text("resourceArn") else { return group(cx) };
    let name = bare(arn).to_owned();
    cx.row(Table::LogGroups, &name, || absent("log group"))?;
    Ok(name)
}

fn tags(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = tagged(cx)?;
    Ok(json!({ "tags": cx.get(Table::LogGroups, &name).map(|row| row["_tags"].clone()) }))
}

fn tag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = tagged(cx)?;
    let tags = cx.input["tags"].clone();
    if let Some(row) = cx.row_mut(Table::LogGroups, &name) {
        for (key, value) in tags.as_object().into_iter().flatten() {
            row["_tags"][key.as_str()] = value.clone();
        }
    }
    Ok(json!({}))
}

fn untag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = tagged(cx)?;
    let keys = if cx.input["tagKeys"].is_null() { cx.texts("tags") } else { cx.texts("tagKeys") };
    if let Some(Value::Object(tags)) = cx.row_mut(Table::LogGroups, &name).map(|row| &mut row["_tags"]) {
        tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}
