//! Events that somebody left: run a moment later, again where that failed, and calls by the clock.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    Named,
    invoke::{Target, throttled},
    run, text,
};
use crate::{
    aws::{
        account::{Account, Then},
        table::Table,
    },
    kubernetes::clock,
};

/// What it takes from the queue to the function.
const SOON: Duration = Duration::from_secs(1);
/// What is waited before an event that failed is run again: once, and once more.
const AGAIN: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// How often a function that may not run is tried, and for how long.
const THROTTLED: Duration = Duration::from_mins(5);
const TRIES: u64 = 72;
const DAY: time::Duration = time::Duration::DAY;

/// Leaves an event.
pub(super) fn leave(account: &mut Account, region: &str, target: &Target, event: &Value) {
    let id = account.random.uid();
    let row = json!({ "id": id, "name": target.name, "qualifier": target.qualifier, "event": event, "failed": 0, "throttled": 0 });
    account.insert(region, Table::LambdaEvents, &id, row);
    account.later(SOON, region, Table::LambdaEvents, &id, Then::Step(deliver));
}

fn deliver(account: &mut Account, region: &str, id: &str) {
    let Some(row) = account.row(region, Table::LambdaEvents, id).cloned() else { return };
    let named = Named { name: text(&row, "name").to_owned(), qualifier: row["qualifier"].as_str().map(str::to_owned) };
    let again = Target::of(account, region, named).ok().and_then(|target| attempt(account, region, &target, &row));
    let Some((wait, counted)) = again else {
        account.remove(region, Table::LambdaEvents, id);
        return;
    };
    if let Some(row) = account.row_mut(region, Table::LambdaEvents, id) {
        row[counted] = (row[counted].as_u64().unwrap_or(0) + 1).into();
    }
    account.later(wait, region, Table::LambdaEvents, id, Then::Step(deliver));
}

/// Runs an event. What it returns is when to do so again, and why.
fn attempt(account: &mut Account, region: &str, target: &Target, row: &Value) -> Option<(Duration, &'static str)> {
    if throttled(account, region, target).is_err() {
        return (row["throttled"].as_u64() < Some(TRIES)).then_some((THROTTLED, "throttled"));
    }
    if !run::run(account, region, target, &row["event"]).failed {
        return None;
    }
    let failed = row["failed"].as_u64().and_then(|failed| usize::try_from(failed).ok())?;
    AGAIN.get(failed).map(|wait| (*wait, "failed"))
}

/// Has a function called each day at an hour (UTC), from the next one on.
pub(super) fn daily(account: &mut Account, region: &str, name: &str, hour: u8) {
    if let Some(row) = account.row_mut(region, Table::LambdaFunctions, name) {
        row["_hour"] = hour.into();
        account.at(last(account.now(), hour) + DAY, region, Table::LambdaFunctions, name, Then::Step(tick));
    }
}

/// When that hour was last.
pub(super) fn last(now: OffsetDateTime, hour: u8) -> OffsetDateTime {
    let time = time::Time::from_hms(hour, 0, 0).unwrap_or(time::Time::MIDNIGHT);
    let today = now.replace_time(time);
    if today <= now { today } else { today - DAY }
}

fn tick(account: &mut Account, region: &str, name: &str) {
    let hour = account.row(region, Table::LambdaFunctions, name).and_then(|row| row["_hour"].as_u64());
    let Some(hour) = hour.and_then(|hour| u8::try_from(hour).ok()) else { return };
    scheduled(account, region, name);
    account.at(last(account.now(), hour) + DAY, region, Table::LambdaFunctions, name, Then::Step(tick));
}

/// Calls a function as a schedule of AWS does.
pub(super) fn scheduled(account: &mut Account, region: &str, name: &str) {
    let event = json!({
        "version": "0", "id": account.random.uid(), "detail-type": "Scheduled Event", "source": "aws.events", "account": account.id,
        "time": clock::stamp(account.now()), "region": region, "resources": [account.arn("events", region, &format!("rule/{name}"))],
        "detail": {},
    });
    if let Ok(target) = Target::of(account, region, Named { name: name.to_owned(), qualifier: None })
        && throttled(account, region, &target).is_ok()
    {
        run::run(account, region, &target, &event);
    }
}
