//! Events: put into a stream, read from it, and looked for in a group.

use serde_json::{Value, json};

use super::{absent, group, invalid, millis, new_group, new_stream, pattern::Pattern, streams, text};
use crate::{
    aws::{
        account::{Account, Cx},
        services::Operations,
        table::Table,
        wire::Refusal,
    },
    kubernetes::random::digest,
};

pub(super) const OPERATIONS: Operations =
    &[("logs", "FilterLogEvents", filter), ("logs", "GetLogEvents", get), ("logs", "PutLogEvents", put)];

/// Events of one answer, and of one batch.
const MOST: usize = 10_000;
/// How far from now events are taken, in milliseconds: two weeks back, two hours ahead.
const OLDEST: i64 = 14 * 86_400_000;
const NEWEST: i64 = 2 * 3_600_000;
const DAY: i64 = 86_400_000;

fn time(event: &Value) -> i64 {
    event["timestamp"].as_i64().unwrap_or_default()
}

/// Puts events into a stream, with group and stream where there are none.
pub(in crate::aws) fn add(account: &mut Account, region: &str, group: &str, stream: &str, events: &[(i64, String)]) {
    if account.row(region, Table::LogGroups, group).is_none() {
        new_group(account, region, group);
    }
    let id = format!("{group}/{stream}");
    if account.row(region, Table::LogStreams, &id).is_none() {
        new_stream(account, region, group, stream);
    }
    let now = millis(account);
    let Some(row) = account.row_mut(region, Table::LogStreams, &id) else { return };
    if let Some(known) = row["_events"].as_array_mut() {
        known.extend(
            events.iter().map(|(time, message)| json!({ "timestamp": time, "message": message, "ingestionTime": now })),
        );
        // Events of one moment stay in the order in which they came.
        known.sort_by_key(time);
    }
    for (member, event) in
        [("firstEventTimestamp", 0), ("lastEventTimestamp", row["_events"].as_array().map_or(0, Vec::len) - 1)]
    {
        row[member] = row["_events"][event]["timestamp"].clone();
    }
    row["lastIngestionTime"] = now.into();
}

fn put(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (group, stream) = (group(cx)?, cx.name("logStreamName"));
    cx.row(Table::LogStreams, &format!("{group}/{stream}"), || absent("log stream"))?;
    let given = cx.input["logEvents"].as_array().cloned().unwrap_or_default();
    let times: Vec<i64> = given.iter().map(time).collect();
    if given.len() > MOST {
        return Err(invalid(format!("Log events in a single PutLogEvents request must be at most {MOST}.")));
    }
    if times.is_sorted_by(|one, other| one <= other) {
        let span = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
        if span > DAY {
            return Err(invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
    } else {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let now = millis(cx.account);
    let old = times.iter().take_while(|time| **time < now - OLDEST).count();
    let new = times.iter().position(|time| *time > now + NEWEST);
    let taken = &given[old..new.unwrap_or(given.len()).max(old)];
    let taken: Vec<(i64, String)> =
        taken.iter().map(|event| (time(event), text(event, "message").to_owned())).collect();
    if !taken.is_empty() {
        add(cx.account, cx.region, &group, &stream, &taken);
    }
    let mut rejected = json!({});
    if old > 0 {
        rejected["tooOldLogEventEndIndex"] = old.into();
    }
    if let Some(new) = new {
        rejected["tooNewLogEventStartIndex"] = new.into();
    }
    let mut output = json!({ "nextSequenceToken": format!("{:056}", cx.account.random.next()) });
    if rejected != json!({}) {
        output["rejectedLogEventsInfo"] = rejected;
    }
    Ok(output)
}

/// Whether an event is in the time that a call asks for: from the start on, before the end.
fn in_time(cx: &Cx<'_>, event: &Value) -> bool {
    let (start, end) = (cx.input["startTime"].as_i64(), cx.input["endTime"].as_i64());
    start.is_none_or(|start| time(event) >= start) && end.is_none_or(|end| time(event) < end)
}

fn limit(cx: &Cx<'_>) -> usize {
    cx.input["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST)
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (group, stream) = (group(cx)?, cx.name("logStreamName"));
    let row = cx.row(Table::LogStreams, &format!("{group}/{stream}"), || absent("log stream"))?;
    let events: Vec<&Value> =
        row["_events"].as_array().into_iter().flatten().filter(|event| in_time(cx, event)).collect();
    let limit = limit(cx);
    let wrong = || invalid("The specified nextToken is invalid.");
    let place = |number: &str| number.parse::<usize>().ok().filter(|place| *place <= events.len()).ok_or_else(wrong);
    let (start, end) = match cx.text("nextToken").map(|token| token.split_once('/').ok_or_else(wrong)).transpose()? {
        Some(("f", number)) => (place(number)?, place(number)?.saturating_add(limit)),
        Some(("b", number)) => (place(number)?.saturating_sub(limit), place(number)?),
        Some(_) => return Err(wrong()),
        None if cx.is("startFromHead") => (0, limit),
        None => (events.len().saturating_sub(limit), events.len()),
    };
    let end = end.min(events.len());
    Ok(json!({
        "events": &events[start..end], "nextForwardToken": format!("f/{end:056}"), "nextBackwardToken": format!("b/{start:056}"),
    }))
}

fn filter(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let group = group(cx)?;
    let (names, prefix) = (cx.texts("logStreamNames"), cx.text("logStreamNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive."));
    }
    let pattern = Pattern::read(cx.text("filterPattern").unwrap_or_default()).map_err(invalid)?;
    if let Some(unknown) = names.iter().find(|name| cx.get(Table::LogStreams, &format!("{group}/{name}")).is_none()) {
        return Err(Refusal::new(
            400,
            "ResourceNotFoundException",
            format!("The specified log stream does not exist: {unknown}"),
        ));
    }
    let mut rows = Vec::new();
    for stream in streams(cx, &group) {
        let name = text(stream, "logStreamName");
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name)
            || prefix.is_some_and(|prefix| !name.starts_with(prefix))
        {
            continue;
        }
        let events = stream["_events"].as_array().into_iter().flatten().enumerate();
        for (number, event) in events.filter(|(_, event)| in_time(cx, event) && pattern.fits(text(event, "message"))) {
            let id = digest(&[&group, name, &number.to_string()]);
            let mut row = event.clone();
            row["logStreamName"] = name.into();
            row["eventId"] = format!("{id:056}").into();
            rows.push(row);
        }
    }
    rows.sort_by_key(time);
    let window = cx.window(rows.len());
    Ok(json!({ "events": &rows[window], "searchedLogStreams": [] }))
}
