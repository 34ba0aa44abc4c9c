//! CloudWatch Logs: groups, streams, events and queries over them.

mod events;
mod expression;
mod groups;
mod insights;
mod pattern;
mod queries;
mod query;

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx},
    table::Table,
    wire::Refusal,
};

/// All of it.
pub(super) const ALL: &[Operations] = &[events::OPERATIONS, groups::OPERATIONS, queries::OPERATIONS];

pub(in crate::aws) use self::events::add;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterException", message)
}

fn absent(what: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", format!("The specified {what} does not exist."))
}

/// The name of the group that a call means, by name or ARN.
fn group(cx: &Cx<'_>) -> Result<String, Refusal> {
    let named = cx.text("logGroupName").or_else(|| cx.text("logGroupIdentifier"));
    let named = named.ok_or_else(|| invalid("Exactly one of logGroupName and logGroupIdentifier must be given."))?;
    let name = bare(named);
    cx.row(Table::LogGroups, name, || absent("log group"))?;
    Ok(name.to_owned())
}

/// The name in an ARN of a group, or the name that it is already.
fn bare(identifier: &str) -> &str {
    let name = identifier.strip_prefix("arn:").and_then(|rest| rest.split_once(":log-group:")).map(|(_, name)| name);
    name.map_or(identifier, |name| name.trim_end_matches(":*"))
}

/// Milliseconds since 1970.
fn millis(account: &Account) -> i64 {
    let now = account.now();
    now.unix_timestamp() * 1_000 + i64::from(now.millisecond())
}

/// Streams of a group, in the order in which they were made.
fn streams<'c>(cx: &'c Cx<'_>, group: &str) -> impl Iterator<Item = &'c Value> {
    let group = group.to_owned();
    cx.rows(Table::LogStreams).filter(move |row| row["_group"] == group)
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

/// A group as it is made.
pub(in crate::aws) fn new_group(account: &mut Account, region: &str, name: &str) {
    let arn = account.arn("logs", region, &format!("log-group:{name}"));
    let row = json!({
        "logGroupName": name, "creationTime": millis(account), "metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD",
        "arn": format!("{arn}:*"), "logGroupArn": arn, "_tags": {},
    });
    account.insert(region, Table::LogGroups, name, row);
}

/// A stream as it is made.
pub(in crate::aws) fn new_stream(account: &mut Account, region: &str, group: &str, name: &str) {
    let arn = account.arn("logs", region, &format!("log-group:{group}:log-stream:{name}"));
    let row = json!({
        "logStreamName": name, "creationTime": millis(account), "arn": arn, "storedBytes": 0,
        "uploadSequenceToken": format!("{:056}", account.random.next()), "_group": group, "_events": [],
    });
    account.insert(region, Table::LogStreams, &format!("{group}/{name}"), row);
}
