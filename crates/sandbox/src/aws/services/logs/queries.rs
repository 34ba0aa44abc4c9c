//! Queries over groups. One runs until somebody asks for its results; what it finds is what there was when it began.

use serde_json::{Value, json};

use super::{
    bare,
    insights::{Row, run},
    invalid, millis, query, streams, text,
};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("logs", "DescribeQueries", describe),
    ("logs", "GetQueryResults", results),
    ("logs", "StartQuery", start),
    ("logs", "StopQuery", stop),
];

/// Groups of one query.
const GROUPS: usize = 50;
/// Rows of a query that says no other number.
const ROWS: u64 = 10_000;

fn malformed(why: &str) -> Refusal {
    let mut refusal = Refusal::new(400, "MalformedQueryException", why);
    refusal.detail.insert("queryCompileError".to_owned(), json!({ "message": why }));
    refusal
}

/// The groups that are named, in whichever way.
fn groups(cx: &Cx<'_>) -> Result<Vec<String>, Refusal> {
    let ways = [
        cx.text("logGroupName").map(|name| vec![name.to_owned()]).unwrap_or_default(),
        cx.texts("logGroupNames"),
        cx.texts("logGroupIdentifiers"),
    ];
    let mut given = ways.into_iter().filter(|names| !names.is_empty());
    let (Some(names), None) = (given.next(), given.next()) else {
        return Err(invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given."));
    };
    if names.len() > GROUPS {
        return Err(invalid(format!("At most {GROUPS} log groups can be queried at once.")));
    }
    let names: Vec<String> = names.iter().map(|name| bare(name).to_owned()).collect();
    match names.iter().find(|name| cx.get(Table::LogGroups, name).is_none()) {
        None => Ok(names),
        Some(name) => {
            let message = format!("Log group '{name}' does not exist for account ID '{}'", cx.account.id);
            Err(Refusal::new(400, "ResourceNotFoundException", message))
        }
    }
}

fn start(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let text_of_query = cx.name("queryString");
    if cx.text("queryLanguage").is_some_and(|language| language != "CWLI") {
        return Err(malformed("only queries in Logs Insights' own language (CWLI) are in the sandbox"));
    }
    let commands = query::read(&text_of_query).map_err(|why| malformed(&why))?;
    let names = groups(cx)?;
    let seconds = |member: &str| cx.input[member].as_i64().unwrap_or_default();
    // Some say it in milliseconds, which CloudWatch takes, too.
    let whole = |moment: i64| if moment > 100_000_000_000 { moment } else { moment * 1_000 };
    let (start, end) = (whole(seconds("startTime")), whole(seconds("endTime")));
    if start > end {
        return Err(invalid("Query's end time is before its start time."));
    }
    let (mut rows, mut scanned, mut bytes) = (Vec::new(), 0_u64, 0_u64);
    for name in &names {
        let log = format!("{}:{name}", cx.account.id);
        for stream in streams(cx, name) {
            for (number, event) in stream["_events"].as_array().into_iter().flatten().enumerate() {
                let time = event["timestamp"].as_i64().unwrap_or_default();
                if !(start..=end).contains(&time) {
                    continue;
                }
                let (line, stream) = (text(event, "message"), text(stream, "logStreamName"));
                let ingested = event["ingestionTime"].as_i64().unwrap_or(time);
                rows.push(Row::of(time, line, ingested, stream, &log, &format!("{name}/{stream}/{number}")));
                scanned += 1;
                bytes += line.len() as u64;
            }
        }
    }
    let most = cx.input["limit"].as_u64().unwrap_or(ROWS);
    let found = run(&commands, rows, usize::try_from(most).unwrap_or(usize::MAX));
    let results: Vec<Value> = found
        .rows
        .iter()
        .map(|row| row.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect())
        .collect();
    let id = cx.account.random.uid();
    let row = json!({
        "queryId": id, "queryString": text_of_query, "status": "Running", "createTime": millis(cx.account), "logGroupName": names[0],
        "queryLanguage": "CWLI", "_results": results,
        "_statistics": {
            "recordsMatched": found.matched, "recordsScanned": scanned, "bytesScanned": bytes, "logGroupsScanned": names.len(),
            "estimatedRecordsSkipped": 0, "estimatedBytesSkipped": 0,
        },
    });
    cx.insert(Table::LogQueries, &id, row);
    Ok(json!({ "queryId": id }))
}

fn named(cx: &Cx<'_>) -> Result<(String, Value), Refusal> {
    let id = cx.name("queryId");
    let row = cx.get(Table::LogQueries, &id).cloned();
    let message = format!("Query id {id} does not exist");
    row.map(|row| (id, row)).ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", message))
}

fn results(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = named(cx)?;
    if row["status"] == "Cancelled" {
        return Ok(json!({ "results": [], "status": "Cancelled", "queryLanguage": "CWLI" }));
    }
    cx.put(Table::LogQueries, &id, "/status", "Complete".into());
    Ok(
        json!({ "results": row["_results"], "statistics": row["_statistics"], "status": "Complete", "queryLanguage": "CWLI" }),
    )
}

fn stop(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, row) = named(cx)?;
    if row["status"] != "Running" {
        return Err(invalid(format!("Query {id} is not running: its status is {}", text(&row, "status"))));
    }
    cx.put(Table::LogQueries, &id, "/status", "Cancelled".into());
    Ok(json!({ "success": true }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (group, status) = (cx.text("logGroupName"), cx.text("status"));
    let fits = |row: &&Value| {
        group.is_none_or(|group| row["logGroupName"] == group) && status.is_none_or(|status| row["status"] == status)
    };
    let mut rows: Vec<Value> = cx.rows(Table::LogQueries).filter(fits).map(crate::aws::services::ec2::shown).collect();
    rows.reverse();
    Ok(json!({ "queries": rows }))
}
