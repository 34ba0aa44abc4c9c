//! Capacity: reservations, blocks that are bought for a time, requests on the spot market and their chances.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{ZONES, refused, short, tags, types};
use crate::{
    aws::{
        account::{Cx, Then},
        services::Operations,
        table::Table,
        wire::Refusal,
    },
    kubernetes::{clock, random::digest},
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "CancelCapacityReservation", cancel),
    ("ec2", "CancelSpotInstanceRequests", cancel_spot),
    ("ec2", "CreateCapacityReservation", create),
    ("ec2", "DescribeCapacityBlockOfferings", blocks),
    ("ec2", "GetSpotPlacementScores", scores),
    ("ec2", "PurchaseCapacityBlock", purchase),
];

/// What a block costs, beside the same time on demand.
const BLOCK: f64 = 0.8;
const DAY: i64 = 86_400;

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, zone) = (cx.name("InstanceType"), cx.name("AvailabilityZone"));
    types::find(&name)?;
    if !ZONES.iter().any(|letter| zone == format!("{}{letter}", cx.region)) {
        return Err(refused("InvalidParameterValue", format!("Invalid availability zone: [{zone}]")));
    }
    let count = cx.input["InstanceCount"].as_u64().unwrap_or(0);
    if count == 0 {
        return Err(refused("InvalidParameterValue", "InstanceCount is at least 1"));
    }
    super::quota::within(cx, &name, count, false)?;
    super::quota::has_capacity(cx, &name, count)?;
    super::quota::take_capacity(cx, &name, count);
    let stamp = cx.account.stamp();
    let row = reservation(cx, &name, &zone, count, "default", &stamp);
    Ok(json!({ "CapacityReservation": row }))
}

/// Keeps a reservation.
fn reservation(cx: &mut Cx<'_>, name: &str, zone: &str, count: u64, kind: &str, start: &Value) -> Value {
    let id = cx.account.new_id("cr");
    let arn = cx.account.arn("ec2", cx.region, &format!("capacity-reservation/{id}"));
    let state = if kind == "default" { "active" } else { "payment-pending" };
    let row = json!({
        "CapacityReservationId": id, "OwnerId": cx.account.id, "CapacityReservationArn": arn, "ReservationType": kind,
        "InstanceType": name, "InstancePlatform": cx.text("InstancePlatform").unwrap_or("Linux/UNIX"), "AvailabilityZone": zone,
        "Tenancy": "default", "TotalInstanceCount": count, "AvailableInstanceCount": count, "EbsOptimized": true, "State": state,
        "EphemeralStorage": false, "StartDate": start, "CreateDate": cx.account.stamp(),
        "EndDateType": if cx.input["EndDate"].is_null() && kind == "default" { "unlimited" } else { "limited" },
        "InstanceMatchCriteria": if kind == "default" { cx.text("InstanceMatchCriteria").unwrap_or("open") } else { "targeted" },
        "Tags": tags::given(cx, "capacity-reservation"),
    });
    cx.insert(Table::CapacityReservations, &id, row.clone());
    row
}

fn cancel(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("CapacityReservationId");
    let absent =
        || refused("InvalidCapacityReservationId.NotFound", format!("The capacity reservation '{id}' does not exist"));
    let row = cx.row(Table::CapacityReservations, &id, absent)?;
    if row["State"] != "active" || row["ReservationType"] == "capacity-block" {
        let message = format!("The capacity reservation '{id}' cannot be cancelled in its state, or is a block.");
        return Err(refused("IncorrectState", message));
    }
    cx.put(Table::CapacityReservations, &id, "/State", json!("cancelled"));
    cx.put(Table::CapacityReservations, &id, "/AvailableInstanceCount", json!(0));
    Ok(json!({ "Return": true }))
}

/// One offering a zone on each of the next days on which AWS has something, the same for the same question.
fn blocks(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("InstanceType");
    let known = types::find(&name)?;
    if !known.in_blocks() {
        return Err(refused("InvalidParameterValue", format!("Capacity Blocks are not offered for {name}.")));
    }
    let count = cx.input["InstanceCount"].as_u64().unwrap_or(1);
    let hours = cx.input["CapacityDurationHours"].as_u64().unwrap_or(24);
    if hours == 0 || !hours.is_multiple_of(24) || hours > 182 * 24 {
        return Err(refused("InvalidParameterValue", "CapacityDurationHours is a number of days, 24 to 4368 hours"));
    }
    let now = cx.account.clock.now().unix_timestamp();
    let moment = |member: &str| cx.text(member).and_then(clock::parse).map(OffsetDateTime::unix_timestamp);
    let (from, to) = (moment("StartDateRange").unwrap_or(now), moment("EndDateRange").unwrap_or(now + 56 * DAY));
    let length = i64::try_from(hours).unwrap_or(24) * 3_600;
    let mut rows = Vec::new();
    for day in (now / DAY + 1)..(now / DAY + 57) {
        // Blocks begin at 11:30 UTC.
        let start = day * DAY + 41_400;
        for letter in ZONES {
            let zone = format!("{}{letter}", cx.region);
            let chance = digest(&[&name, &zone, &day.to_string(), &hours.to_string()]);
            if !chance.is_multiple_of(7) || chance / 7 % 64 < count || start < from || start + length > to {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "hours and machines")]
            let fee = known.price * BLOCK * (hours * count) as f64;
            let stamp = |second: i64| OffsetDateTime::from_unix_timestamp(second).map(clock::stamp).unwrap_or_default();
            rows.push(json!({
                "CapacityBlockOfferingId": format!("cb-0{:016x}", digest(&[&name, &zone, &start.to_string(), &hours.to_string(), &count.to_string()])),
                "InstanceType": name, "AvailabilityZone": zone, "InstanceCount": count, "StartDate": stamp(start),
                "EndDate": stamp(start + length), "CapacityBlockDurationHours": hours, "UpfrontFee": format!("{fee:.4}"),
                "CurrencyCode": "USD", "Tenancy": "default",
            }));
        }
    }
    for row in &rows {
        let id = row["CapacityBlockOfferingId"].as_str().unwrap_or_default();
        cx.insert(Table::CapacityBlockOfferings, id, row.clone());
    }
    Ok(json!({ "CapacityBlockOfferings": rows }))
}

fn purchase(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = cx.name("CapacityBlockOfferingId");
    let absent = || {
        refused("InvalidCapacityBlockOfferingId.NotFound", format!("The capacity block offering '{id}' does not exist"))
    };
    let offer = cx.row(Table::CapacityBlockOfferings, &id, absent)?.clone();
    let moment = |member: &str| offer[member].as_str().and_then(clock::parse).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (start, end) = (moment("StartDate"), moment("EndDate"));
    let now = cx.account.clock.now();
    if start <= now {
        return Err(refused(
            "CapacityBlockOfferingExpired",
            format!("The capacity block offering '{id}' has expired."),
        ));
    }
    cx.remove(Table::CapacityBlockOfferings, &id);
    let text = |member: &str| offer[member].as_str().unwrap_or_default().to_owned();
    let count = offer["InstanceCount"].as_u64().unwrap_or(1);
    let row =
        reservation(cx, &text("InstanceType"), &text("AvailabilityZone"), count, "capacity-block", &offer["StartDate"]);
    let reserved = row["CapacityReservationId"].as_str().unwrap_or_default().to_owned();
    cx.put(Table::CapacityReservations, &reserved, "/EndDate", offer["EndDate"].clone());
    cx.put(Table::CapacityReservations, &reserved, "/AvailableInstanceCount", json!(0));
    let set =
        |state: &str, count: u64| Then::Set(vec![("/State", json!(state)), ("/AvailableInstanceCount", json!(count))]);
    cx.later(Duration::from_mins(1), Table::CapacityReservations, &reserved, set("scheduled", 0));
    // The calendar is AWS's, whatever the haste.
    cx.account.at(start, cx.region, Table::CapacityReservations, &reserved, set("active", count));
    cx.account.at(end, cx.region, Table::CapacityReservations, &reserved, set("expired", 0));
    Ok(json!({ "CapacityReservation": cx.get(Table::CapacityReservations, &reserved) }))
}

/// From 1 to 10, the same for the same question; 1 where the account was told that there is too little.
fn scores(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let names = cx.texts("InstanceTypes");
    for name in &names {
        types::find(name)?;
    }
    let wanted = cx.texts("RegionNames");
    if let Some(unknown) = wanted.iter().find(|name| !cx.account.regions.contains(name)) {
        return Err(refused("InvalidParameterValue", format!("Invalid region provided: {unknown}")));
    }
    let target = cx.input["TargetCapacity"].as_u64().unwrap_or(1);
    let regions: Vec<&String> =
        cx.account.regions.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect();
    let score = |place: &str, region: &str| {
        let short = names.iter().all(|name| {
            let left = cx.account.standing.capacity.get(&(region.to_owned(), name.clone()));
            left.is_some_and(|left| *left < target)
        });
        let chance = 1 + digest(&[place, &names.join(" ")]) % 10;
        if short && !names.is_empty() { 1 } else { chance.saturating_sub(target / 16).max(1) }
    };
    let mut rows = Vec::new();
    for region in regions {
        if cx.is("SingleAvailabilityZone") {
            for number in 1..=ZONES.len() {
                let zone = format!("{}-az{number}", short(region));
                rows.push(json!({ "Region": region, "AvailabilityZoneId": zone, "Score": score(&zone, region) }));
            }
        } else {
            rows.push(json!({ "Region": region, "Score": score(region, region) }));
        }
    }
    Ok(json!({ "SpotPlacementScores": rows }))
}

fn cancel_spot(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let ids = cx.texts("SpotInstanceRequestIds");
    if let Some(id) = ids.iter().find(|id| cx.get(Table::SpotRequests, id).is_none()) {
        let message = format!("The spot instance request ID '{id}' does not exist");
        return Err(refused("InvalidSpotInstanceRequestID.NotFound", message));
    }
    for id in &ids {
        cx.put(Table::SpotRequests, id, "/State", json!("cancelled"));
        cx.put(Table::SpotRequests, id, "/Status/Code", json!("request-canceled-and-instance-running"));
    }
    let rows: Vec<Value> = ids.iter().map(|id| json!({ "SpotInstanceRequestId": id, "State": "cancelled" })).collect();
    Ok(json!({ "CancelledSpotInstanceRequests": rows }))
}
