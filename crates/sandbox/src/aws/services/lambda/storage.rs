//! Programs about storage: volumes that nothing uses, checkpoints, data sets.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    job::{Job, Stop},
    programs::number,
    text,
};
use crate::{aws::table::Table, kubernetes::clock};

/// US dollars a month for a GiB of gp3.
const GIB: f64 = 0.08;
/// Checkpoints that are named.
const NAMED: usize = 20;
/// What it takes to sample an object.
const SAMPLE: Duration = Duration::from_millis(20);
const TAG: &str = "idle-since";

/// A text that an event must have.
fn required<'e>(event: &'e Value, member: &str) -> Result<&'e str, Stop> {
    let missing = || Stop::raised("InvalidEvent", format!("the event has no {member:?}"), "read_event");
    event[member].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

pub(super) fn idle_volumes(job: &mut Job<'_>, event: &Value) -> Result<Value, Stop> {
    let days = number(event, "older_than_days", 14, "read_event")?;
    let now = job.now();
    let age = |row: &Value| {
        let made = row["CreateTime"].as_str().and_then(clock::parse).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        u64::try_from((now - made).whole_days()).unwrap_or(0)
    };
    let found = job.read(Table::Volumes, |row| {
        let is_idle = row["State"] == "available" && age(row) >= days;
        is_idle.then(|| (text(row, "VolumeId").to_owned(), row["Size"].as_u64().unwrap_or(0), age(row)))
    })?;
    job.say(format!("INFO {} volumes of {days} days and more are attached to nothing", found.len()));
    let tagged = event["tag"] == true && !found.is_empty();
    if tagged {
        let ids: Vec<&String> = found.iter().map(|(id, _, _)| id).collect();
        let today = clock::stamp(now);
        let tag = json!([{ "Key": TAG, "Value": today.get(..10) }]);
        job.call("ec2", "CreateTags", json!({ "Resources": ids, "Tags": tag }), "tag_volumes")?;
        job.say(format!("INFO tagged with {TAG}"));
    }
    let gib: u64 = found.iter().map(|(_, gib, _)| gib).sum();
    #[expect(clippy::cast_precision_loss, reason = "GiB of one account")]
    let dollars = (gib as f64 * GIB * 100.0).round() / 100.0;
    let rows: Vec<Value> =
        found.iter().map(|(id, gib, days)| json!({ "volume": id, "gib": gib, "days": days })).collect();
    Ok(json!({ "volumes": rows, "gib": gib, "usd_per_month": dollars, "tagged": tagged }))
}

pub(super) fn checkpoints(job: &mut Job<'_>, event: &Value) -> Result<Value, Stop> {
    let bucket = required(event, "bucket")?;
    let prefix = event["prefix"].as_str().unwrap_or_default();
    let (mut objects, mut bytes, mut token) = (Vec::new(), 0, Value::Null);
    loop {
        let mut input = json!({ "Bucket": bucket, "Prefix": prefix });
        if !token.is_null() {
            input["ContinuationToken"] = token;
        }
        let mut page = job.call("s3", "ListObjectsV2", input, "list_objects")?;
        for object in page["Contents"].as_array().into_iter().flatten() {
            bytes += object["Size"].as_u64().unwrap_or(0);
            objects.push((text(object, "LastModified").to_owned(), text(object, "Key").to_owned()));
        }
        token = page["NextContinuationToken"].take();
        if token.is_null() {
            break;
        }
    }
    objects.sort_unstable_by(|one, other| other.cmp(one));
    job.say(format!("INFO {} objects below s3://{bucket}/{prefix}", objects.len()));
    let newest: Vec<Value> =
        objects.iter().take(NAMED).map(|(at, key)| json!({ "key": key, "last_modified": at })).collect();
    Ok(json!({ "bucket": bucket, "prefix": prefix, "objects": objects.len(), "bytes": bytes, "newest": newest }))
}

pub(super) fn scan(job: &mut Job<'_>, event: &Value) -> Result<Value, Stop> {
    let samples = number(event, "samples", 1_000, "read_event")?;
    for done in 0..samples {
        if done % 50 == 0 {
            job.say(format!("INFO sampled {done} of {samples} objects"));
        }
        job.takes(SAMPLE)?;
    }
    Ok(json!({ "samples": samples }))
}
